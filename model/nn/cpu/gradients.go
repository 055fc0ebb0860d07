package cpu

import (
	"fmt"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu/kernels"
)

var _ nn.Gradients = (*Backend)(nil)

// learning is what gradients work in, and their jobs; nothing of it is there until the first.
type learning struct {
	x, y     []byte // the two sides of a weight's gradient, packed
	sums     []float32
	ones     []float32
	zeros    []float32
	cut, cuY []float32 // patches as rows, and the gradients beside them
	parts    []float64

	reload  reloadJob
	narrow  narrowJob
	outer   outerJob
	norm    normGradJob
	act     actGradJob
	gate    gateJob
	attend  attendGradJob
	qkv     qkvGradJob
	patches cutJob
	pos     posJob
	square  squareJob
	adam    adamJob
}

// refuse keeps an error of a check, or of a buffer that is not this backend's; zero buffers are none.
func (b *Backend) refuse(err error, bufs ...nn.Buf) bool {
	if b.err != nil || b.fail(err) {
		return true
	}
	for _, v := range bufs {
		if !v.IsZero() && !b.own(v) {
			return true
		}
	}
	return false
}

// dataOf is none for the zero buffer.
func dataOf(v nn.Buf) []float32 {
	if v.IsZero() {
		return nil
	}
	return data(v)
}

// Load packs values again, as the forward products read them and, once it was asked for, as InputGrad does.
func (b *Backend) Load(w nn.Weight, values, bias nn.Buf) {
	if b.refuse(nn.CheckLoad(w, values, bias), values, bias) {
		return
	}
	own := w.(*weight)
	switch {
	case own.element == elementI8:
		b.fail(fmt.Errorf("load %v: int8 weights can't be taught; train with %s or %s", own, F32, BF16))
		return
	case own.gated || own.hasBias != !bias.IsZero():
		b.fail(fmt.Errorf("load %v: it is gated, or has a bias where there was none or none where there was one", own))
		return
	}
	own.values = data(values)
	copy(own.bias, dataOf(bias))
	j := &b.learning.reload
	*j = reloadJob{b: b, w: own, values: own.values}
	b.pool.do(j, own.panels, panel*own.in)
	if own.back != nil {
		b.loadBack(own.back, own.values, nil)
	}
}

// reloadJob packs one panel a task.
type reloadJob struct {
	b      *Backend
	w      *weight
	values []float32
}

func (j *reloadJob) task(worker, p int) {
	w, s := j.w, &j.b.scratch[worker]
	s.row = grow(s.row, w.in)
	clear(as[uint32](w.data[p*w.groups*groupBytes : (p+1)*w.groups*groupBytes]))
	for lane := range min(panel, w.out-p*panel) {
		row := j.values[(p*panel+lane)*w.in:][:w.in]
		if w.element != elementF32 { // packRow rounds in place
			row = s.row[:copy(s.row[:w.in], row)]
		}
		w.packRow(p, lane, row, j.b.k)
	}
}

// transposed makes room for Wᵀ of the rows that ids name, or of all.
func (b *Backend) transposed(w *weight, set *nn.Set) *weight {
	back := &weight{name: w.name, out: w.in, in: w.out, element: w.element}
	if set != nil {
		back.in = set.Size()
	}
	back.groups = kernels.Groups(back.in, back.element.perGroup(), panelStep)
	back.panels = (back.out + panel - 1) / panel
	back.allocate(b)
	return back
}

// loadBack packs Wᵀ.
func (b *Backend) loadBack(back *weight, values []float32, set *nn.Set) {
	if b.err != nil {
		return
	}
	j := &b.learning.narrow
	*j = narrowJob{b: b, back: back, values: values, set: set}
	b.pool.do(j, back.panels, panel*back.in/2)
}

// narrowJob packs 32 columns of W as a panel of Wᵀ: they lie beside each other.
type narrowJob struct {
	b      *Backend
	back   *weight
	values []float32
	set    *nn.Set // of the rows; nil for all
}

func (j *narrowJob) task(worker, p int) {
	w, s, k := j.back, &j.b.scratch[worker], j.b.k
	words := as[uint32](w.data[p*w.groups*groupBytes : (p+1)*w.groups*groupBytes])
	cols := min(panel, w.out-p*panel)
	s.half = grow(s.half, 2*panel)
	low, high := s.half[:cols], s.half[panel:panel+cols]
	i := 0
	pack := func(r int) {
		row := j.values[r*w.out+p*panel:][:cols]
		switch {
		case w.element == elementF32:
			copy(as[float32](unsafeWords(words[i*panel:][:cols])), row)
		case i%2 == 0:
			k.ToBF16(low, row)
			clear(high)
			k.Pairs(words[i/2*panel:][:cols], low, high)
		default:
			k.ToBF16(high, row)
			k.Pairs(words[i/2*panel:][:cols], low, high)
		}
		i++
	}
	if j.set == nil {
		for r := range w.in {
			pack(r)
		}
		return
	}
	for _, ids := range j.set.Ranges() {
		for r := ids.From; r < ids.To; r++ {
			pack(int(r))
		}
	}
}

// back is w transposed, for a set of its rows or for all.
func (b *Backend) backOf(w *weight, set *nn.Set) *weight {
	if w.values == nil {
		b.fail(fmt.Errorf("input gradient of %v: Load comes before it", w))
		return nil
	}
	if set == nil {
		if w.back == nil {
			w.back = b.transposed(w, nil)
			b.loadBack(w.back, w.values, nil)
		}
		return w.back
	}
	back, ok := w.sets[set]
	if !ok {
		back = b.transposed(w, set)
		if w.sets == nil {
			w.sets = map[*nn.Set]*weight{}
		}
		w.sets[set] = back
	}
	b.loadBack(back, w.values, set)
	return back
}

// LoadNorm keeps the parameters; the norm reads them where they are.
func (b *Backend) LoadNorm(n nn.Norm, gain, bias nn.Buf) {
	if b.refuse(nn.CheckLoadNorm(n, gain, bias), gain, bias) {
		return
	}
	own := n.(*norm)
	own.gain = data(gain)
	if !bias.IsZero() {
		own.bias = data(bias)
	}
}

// Clear sets to zero.
func (b *Backend) Clear(v nn.Buf) {
	if !b.refuse(nil, v) {
		clear(data(v))
	}
}

// InputGrad is a product with Wᵀ.
func (b *Backend) InputGrad(dx, dy nn.Buf, w nn.Weight, set *nn.Set, add bool) {
	if b.refuse(nn.CheckInputGrad(dx, dy, w, set), dx, dy) {
		return
	}
	back := b.backOf(w.(*weight), set)
	if b.err != nil {
		return
	}
	o := b.pack(data(dy), dy.Rows, dy.Cols, dy.Cols, nil, back)
	b.product(o, back, nil, target{data: data(dx), ld: dx.Cols}, nn.Op{Residual: add})
}

// EmbedGrad adds to the rows of the table.
func (b *Backend) EmbedGrad(dtable, dy nn.Buf, ids []int32) {
	if b.refuse(nn.CheckEmbedGrad(dtable, dy, ids), dtable, dy) {
		return
	}
	to, from, n := data(dtable), data(dy), dy.Cols
	for r, id := range ids {
		b.k.Add(to[int(id)*n:(int(id)+1)*n], from[r*n:(r+1)*n])
	}
}

// GatherGrad adds to the rows that were taken.
func (b *Backend) GatherGrad(dsrc, ddst nn.Buf, index []int32) {
	if b.refuse(nn.CheckGather(ddst, dsrc, index), dsrc, ddst) {
		return
	}
	to, from, n := data(dsrc), data(ddst), dsrc.Cols
	for i, r := range index {
		if r >= 0 {
			b.k.Add(to[int(r)*n:(int(r)+1)*n], from[i*n:(i+1)*n])
		}
	}
}

// rowBlock is the rows of a task whose sums over rows are kept apart, so that their order is one.
const rowBlock = 64

func blocksOf(rows int) int { return (rows + rowBlock - 1) / rowBlock }

// NormGrad is the derivative of a norm.
func (b *Backend) NormGrad(dx, dgain, dbias, dy, x nn.Buf, n nn.Norm, add bool) {
	if b.refuse(nn.CheckNormGrad(dx, dgain, dbias, dy, x, n), dx, dgain, dbias, dy, x) || x.Rows == 0 {
		return
	}
	l, blocks := &b.learning, blocksOf(x.Rows)
	l.sums = grow(l.sums, blocks*2*x.Cols)
	if len(l.ones) < x.Cols {
		l.ones, l.zeros = make([]float32, x.Cols), make([]float32, x.Cols)
		for i := range l.ones {
			l.ones[i] = 1
		}
	}
	l.norm = normGradJob{b: b, n: n.(*norm), dx: dataOf(dx), dy: data(dy), x: data(x), rows: x.Rows, cols: x.Cols, add: add}
	b.pool.do(&l.norm, blocks, rowBlock*x.Cols/2)
	for i := range blocks {
		part := l.sums[i*2*x.Cols:]
		if !dgain.IsZero() {
			b.k.Add(data(dgain), part[:x.Cols])
		}
		if !dbias.IsZero() {
			b.k.Add(data(dbias), part[x.Cols:2*x.Cols])
		}
	}
}

type normGradJob struct {
	b          *Backend
	n          *norm
	dx, dy, x  []float32
	rows, cols int
	add        bool
}

func (j *normGradJob) task(worker, t int) {
	s, k, l, n := &j.b.scratch[worker], j.b.k, &j.b.learning, j.cols
	s.row = grow(s.row, 2*n)
	unit, g := s.row[:n], s.row[n:2*n]
	gains, biases := l.sums[t*2*n:][:n], l.sums[t*2*n+n:][:n]
	clear(l.sums[t*2*n:][:2*n])
	for r := t * rowBlock; r < min((t+1)*rowBlock, j.rows); r++ {
		x, dy := j.x[r*n:(r+1)*n], j.dy[r*n:(r+1)*n]
		mean, scale := j.n.moments(k, x)
		k.Normalize(unit, x, l.ones[:n], l.zeros[:n], mean, scale)
		k.MulAdd(gains, dy, unit)
		k.Add(biases, dy)
		if j.dx == nil {
			continue
		}
		k.Mul(g, dy, j.n.gain)
		along := k.Dot(g, unit) / float32(n)
		level := float32(0)
		if !j.n.rms {
			level = k.Sum(g) / float32(n)
		}
		k.Combine(j.dx[r*n:(r+1)*n], g, unit, scale, -scale*along, -scale*level, j.add)
	}
}

// actStep is how many numbers a task of an activation has.
const actStep = 4096

// ActGrad is dy act'(x).
func (b *Backend) ActGrad(dx, dy, x nn.Buf, a nn.Act) {
	if b.refuse(nn.CheckSame("activation gradient", dx, dy, x), dx, dy, x) {
		return
	}
	b.learning.act = actGradJob{k: b.k, dx: data(dx), dy: data(dy), x: data(x), act: a}
	b.pool.do(&b.learning.act, (x.Rows*x.Cols+actStep-1)/actStep, actStep)
}

type actGradJob struct {
	k         *kernels.Set
	dx, dy, x []float32
	act       nn.Act
}

func (j *actGradJob) task(_, t int) {
	from, to := t*actStep, min((t+1)*actStep, len(j.x))
	dx, dy, x := j.dx[from:to], j.dy[from:to], j.x[from:to]
	switch j.act {
	case nn.None:
		copy(dx, dy)
	case nn.GELU:
		j.k.GELUGrad(dx, dy, x)
	case nn.GELUTanh:
		j.k.GELUTanhGrad(dx, dy, x)
	case nn.SiLU:
		j.k.SiLUGrad(dx, dy, x)
	default:
		for i, v := range x {
			dx[i] = dy[i] * nn.ActivateGrad(j.act, v)
		}
	}
}

// Gate is silu(gate) * up.
func (b *Backend) Gate(dst, x nn.Buf) {
	if b.refuse(nn.CheckGate(dst, x), dst, x) {
		return
	}
	b.learning.gate = gateJob{k: b.k, dst: data(dst), x: data(x), rows: x.Rows, n: dst.Cols}
	b.pool.do(&b.learning.gate, (x.Rows+packRows-1)/packRows, packRows*x.Cols/2)
}

// GateGrad is its derivative.
func (b *Backend) GateGrad(dx, dy, x nn.Buf) {
	if b.refuse(nn.CheckGate(dy, x), dx, dy, x) || b.refuse(nn.CheckSame("gate gradient", dx, x)) {
		return
	}
	b.learning.gate = gateJob{k: b.k, dst: data(dx), dy: data(dy), x: data(x), rows: x.Rows, n: dy.Cols}
	b.pool.do(&b.learning.gate, (x.Rows+packRows-1)/packRows, packRows*x.Cols)
}

// gateJob is Gate, or GateGrad when there is a dy.
type gateJob struct {
	k          *kernels.Set
	dst, dy, x []float32
	rows, n    int
}

func (j *gateJob) task(_, t int) {
	n, k := j.n, j.k
	for r := t * packRows; r < min((t+1)*packRows, j.rows); r++ {
		gate, up := j.x[2*r*n:][:n], j.x[2*r*n+n:][:n]
		if j.dy == nil {
			dst := j.dst[r*n:][:n]
			copy(dst, gate)
			k.SiLU(dst)
			k.Mul(dst, dst, up)
			continue
		}
		dy, dgate, dup := j.dy[r*n:][:n], j.dst[2*r*n:][:n], j.dst[2*r*n+n:][:n]
		k.Mul(dup, dy, up)
		k.SiLUGrad(dgate, dup, gate)
		copy(dup, gate)
		k.SiLU(dup)
		k.Mul(dup, dup, dy)
	}
}
