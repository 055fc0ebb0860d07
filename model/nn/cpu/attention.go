package cpu

import (
	"math"
	"unsafe"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu/kernels"
)

// Attend is softmax(q kᵀ / sqrt(d)) v.
//
// The heads that share keys are rows of one product. A task is a block of such
// rows: their scores against all keys they may see stay in a core's second
// cache as tiles, become weights in place of the whole, and meet the values.
// What lies beyond a causal block is not computed.
func (b *Backend) Attend(dst, q nn.Buf, c nn.Cache, layer int, m nn.Mask) {
	if b.err != nil || b.fail(nn.CheckAttend(dst, q, c, layer, m)) || !b.own(dst) || !b.own(q) || q.Rows == 0 {
		return
	}
	own := c.(*cache)
	s := own.spec
	group := s.Heads / s.KVHeads
	o := &b.ops.q
	*o = operand{element: own.element, rows: s.KVHeads * q.Rows * group, groups: own.keyGroups, lda: stride(own.keyGroups * 4), space: o.space}
	o.data = o.space.bytes((o.rows + slack) * o.lda)
	b.queryJob = queryJob{b: b, o: o, q: data(q), rows: q.Rows, group: group, spec: s}
	b.pool.do(&b.queryJob, (q.Rows+packRows-1)/packRows, packRows*q.Cols/8)

	j := &b.attendJob
	*j = attendJob{
		b: b, o: o, c: own, layer: layer, mask: m, dst: data(dst), ld: dst.Cols,
		rows: q.Rows, group: group, keys: own.len[layer],
		scale: float32(1 / math.Sqrt(float64(s.HeadDim))),
	}
	j.multiplier = b.multiplier(own.element, nn.RowsAlike+1) // one for any number of rows
	j.height = min(j.height, attendRows)
	j.blocks = (q.Rows*group + j.height - 1) / j.height
	b.pool.do(j, s.KVHeads*j.blocks, j.height*j.keys*s.HeadDim/100)
}

// attendRows is the most rows of a block: more of them, with all their scores, leave a core's second cache.
const attendRows = kernels.WideBlock

// queryJob lays queries out by key head: row (head, r*group+g) is query head head*group+g of row r.
type queryJob struct {
	b           *Backend
	o           *operand
	q           []float32
	rows, group int
	spec        nn.CacheSpec
}

func (j *queryJob) task(_, t int) {
	d := j.spec.HeadDim
	for r := t * packRows; r < min((t+1)*packRows, j.rows); r++ {
		for h := range j.spec.Heads {
			x := j.q[(r*j.spec.Heads+h)*d:][:d]
			j.o.put(j.b.k, (h/j.group*j.rows+r)*j.group+h%j.group, x)
		}
	}
}

type attendJob struct {
	b                         *Backend
	o                         *operand
	c                         *cache
	layer                     int
	mask                      nn.Mask
	dst                       []float32
	ld                        int
	rows, group, keys, blocks int
	scale                     float32

	multiplier
}

// scores are those of a block of rows against a run of key panels: the keys of a
// panel lie together, byRow and byPanel are the distances of two rows and of two panels.
type scores struct {
	x              []float32
	byRow, byPanel int
}

// score computes them. A matrix unit writes whole rows, which softmax then reads in one stream.
func (j *attendJob) score(s *scratch, queries unsafe.Pointer, rows, head, first, panels int) scores {
	c := j.c
	sc := scores{byRow: panel, byPanel: j.height * panel}
	if j.wide != nil {
		sc.byRow, sc.byPanel = stride(4*panels*panel)/4, panel
	}
	s.scores = grow(s.scores, max(j.height*sc.byRow, panels*sc.byPanel))
	sc.x = s.scores
	if j.wide != nil {
		j.wide(unsafe.Pointer(&sc.x[0]), uintptr(4*sc.byRow), queries, uintptr(j.o.lda), rows, c.keyPanel(j.layer, head, first), c.keyGroups, panels)
		return sc
	}
	for p := range panels {
		j.tile(unsafe.Pointer(&sc.x[p*sc.byPanel]), queries, uintptr(j.o.lda), rows, c.keyPanel(j.layer, head, first+p), c.keyGroups)
	}
	return sc
}

func (j *attendJob) task(worker, t int) {
	head, first := t/j.blocks, t%j.blocks*j.height
	rows := min(j.height, j.rows*j.group-first)
	k, s, c := j.b.k, &j.b.scratch[worker], j.c

	// The panels of keys that any row of the block may see.
	low, _ := j.mask.Window(first/j.group, j.rows, j.keys)
	_, high := j.mask.Window((first+rows-1)/j.group, j.rows, j.keys)
	low = low / panel * panel
	panels := (high - low + panel - 1) / panel

	sc := j.score(s, j.o.at(head*j.rows*j.group+first), rows, head, low/panel, panels)
	size := 4
	if c.element == elementBF16 {
		size = 2
	}
	lda := stride(panels * panel * size)
	s.weights = grow(s.weights, j.height*lda)
	var inverse [attendRows]float32
	for r := range rows {
		x := sc.x[r*sc.byRow:]
		j.hide(x, sc.byPanel, (first+r)/j.group, low, panels)
		w := s.weights[r*lda : r*lda+panels*panel*size]
		var sum float32
		if c.element == elementBF16 {
			sum = k.SoftmaxBF16(as[uint16](w), x, sc.byPanel, j.scale)
		} else {
			sum = k.Softmax(as[float32](w), x, sc.byPanel, j.scale)
		}
		inverse[r] = 1 / sum
	}
	d := c.spec.HeadDim
	for p := range c.valuePanels {
		j.run(s.tile, unsafe.Pointer(&s.weights[0]), lda, rows, c.valuePanel(j.layer, head, p, low), panels*panel/c.element.perGroup())
		cols := min(panel, d-p*panel)
		for r := range rows {
			row := s.tile[r*panel : (r+1)*panel]
			k.Scale(row, inverse[r])
			position, g := (first+r)/j.group, (first+r)%j.group
			copy(j.dst[position*j.ld+(head*j.group+g)*d+p*panel:][:cols], row)
		}
	}
}

// hide gives the keys that row r may not see a score of -Inf. x is the row's scores from key low on, byPanel from panel to panel.
func (j *attendJob) hide(x []float32, byPanel, r, low, panels int) {
	from, to := j.mask.Window(r, j.rows, j.keys)
	at := func(key int) *float32 { return &x[(key-low)/panel*byPanel+(key-low)%panel] }
	for key := low; key < from; key++ {
		*at(key) = minusInf
	}
	for key := to; key < low+panels*panel; key++ {
		*at(key) = minusInf
	}
	if j.mask.Kind == nn.MaskFixed {
		for key, visible := range j.mask.Fixed.Visible[r*j.keys : (r+1)*j.keys] {
			if !visible {
				*at(key) = minusInf
			}
		}
	}
}
