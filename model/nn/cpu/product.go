package cpu

import (
	"math"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu/kernels"
)

// segment is the part of a panel that is asked for, and where it goes.
type segment struct {
	panel  int
	lo, hi int // lanes
	column int // of dst
}

// productJob is dst = act(o wᵀ + bias), or dst += that; a task is a block of rows times a run of panels.
type productJob struct {
	b        *Backend
	o        *operand
	w        *weight
	segments []segment // nil for all of w
	dst      []float32
	ld       int
	act      nn.Act
	add      bool

	run    kernels.Tile
	height int // of its tiles

	panels, panelTasks, panelStep int
	rowStep                       int // of the operand's rows, a multiple of height
}

// blockRows is a multiple of the height of every tile.
const blockRows = kernels.WideRows

// tiles chooses the kernel for a number of rows, and its height. Integers are
// exact in all of them; of the others a pass that must give every row the same bits has one.
func (b *Backend) tiles(e element, rows int) (kernels.Tile, int) {
	switch {
	case e == elementI8 && b.k.WideI8 != nil && rows > kernels.TileRows:
		return b.k.WideI8, kernels.WideRows
	case e == elementBF16 && b.k.WideBF16 != nil && rows > nn.RowsAlike:
		return b.k.WideBF16, kernels.WideRows
	}
	return [...]kernels.Tile{b.k.F32, b.k.BF16, b.k.I8}[e], kernels.TileRows
}

// taskWork is how many multiply-adds a task has, about: 50 µs of the slowest kernel.
const taskWork = 6 << 20

// product runs a productJob.
func (b *Backend) product(o *operand, w *weight, segments []segment, dst []float32, ld int, op nn.Op) {
	j := &b.productJob
	*j = productJob{b: b, o: o, w: w, segments: segments, dst: dst, ld: ld, act: op.Act, add: op.Residual}
	j.panels = w.panels
	if segments != nil {
		j.panels = len(segments)
	}
	rows := o.tileRows()
	j.run, j.height = b.tiles(w.element, o.rows)
	// 96 rows of A fit beside a panel in a core's second cache.
	j.rowStep = min((rows+j.height-1)/j.height*j.height, blockRows)
	perPanel := min(rows, j.rowStep) * panel * w.groups * w.element.perGroup()
	// Tasks are no longer than taskWork, and there are enough of them to share.
	j.panelStep = max(1, min(taskWork/perPanel, j.panels/(4*b.config.Threads)))
	j.panelTasks = (j.panels + j.panelStep - 1) / j.panelStep
	rowTasks := (rows + j.rowStep - 1) / j.rowStep
	// A row alone waits for memory: 30 GB/s; else for arithmetic, 250 G multiply-adds/s.
	bytes := j.panelStep * w.groups * groupBytes
	cost := max(bytes/30, j.panelStep*perPanel/(125*w.element.perGroup()))
	b.pool.do(j, j.panelTasks*rowTasks, cost)
	j.dst, j.o, j.w, j.segments = nil, nil, nil, nil
}

func (j *productJob) task(worker, t int) {
	// Consecutive tasks share a block of rows, so that the weights stream past it.
	p, r := t%j.panelTasks*j.panelStep, t/j.panelTasks*j.rowStep
	end := min(r+j.rowStep, j.o.tileRows())
	for i := p; i < min(p+j.panelStep, j.panels); i++ {
		s := segment{panel: i, hi: panel, column: i * panel}
		switch {
		case j.segments != nil:
			s = j.segments[i]
		case j.w.gated:
			s.column = i * panel / 2
		default:
			s.hi = min(panel, j.w.out-i*panel)
		}
		for at := r; at < end; at += j.height {
			j.tile(worker, s, at, min(j.height, end-at))
		}
	}
}

// tile computes rows of the operand times one panel.
func (j *productJob) tile(worker int, s segment, at, rows int) {
	k, o, w := j.b.k, j.o, j.w
	tile := j.b.scratch[worker].tile[:]
	j.run(tilePointer(tile), o.at(at), uintptr(o.lda), rows, w.panelData(s.panel), w.groups)
	switch {
	case o.sixteen:
		k.Dequantize16(tile, rows, o.sum[at:], o.scale[at/2:], w.panelScale(s.panel), w.panelBias(s.panel))
		at, rows = at/2, rows/2
	case w.element == elementI8:
		k.Dequantize8(tile, rows, o.sum[at:], o.scale[at:], w.panelScale(s.panel), w.panelBias(s.panel))
	case w.hasBias:
		k.AddBias(tile, rows, w.panelBias(s.panel))
	}
	dst := j.dst[at*j.ld+s.column:]
	if w.gated {
		k.GatedTile(dst, j.ld, tile, rows)
		return
	}
	activate(k, j.act, tile[:rows*panel])
	k.Store(dst, j.ld, tile[s.lo:], rows, s.hi-s.lo, j.add)
}

func activate(k *kernels.Set, act nn.Act, x []float32) {
	switch act {
	case nn.None:
	case nn.GELU:
		k.GELU(x)
	case nn.GELUTanh:
		k.GELUTanh(x)
	case nn.SiLU:
		k.SiLU(x)
	case nn.ReLU:
		for i, v := range x {
			x[i] = max(v, 0)
		}
	default:
		for i, v := range x {
			x[i] = nn.Activate(act, v)
		}
	}
}

// segmentsOf says which panels hold the ids of a set.
func (b *Backend) segmentsOf(set *nn.Set) []segment {
	if s, ok := b.sets[set]; ok {
		return s
	}
	var segments []segment
	column := 0
	for _, ids := range set.Ranges() {
		for at := int(ids.From); at < int(ids.To); {
			s := segment{panel: at / panel, lo: at % panel, column: column}
			s.hi = min(panel, s.lo+int(ids.To)-at)
			segments = append(segments, s)
			column += s.hi - s.lo
			at += s.hi - s.lo
		}
	}
	b.sets[set] = segments
	return segments
}

var minusInf = float32(math.Inf(-1))
