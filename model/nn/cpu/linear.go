package cpu

import "cobot_vla/model/nn"

// ownNorm is nil for no norm.
func ownNorm(n nn.Norm) *norm {
	if n == nil {
		return nil
	}
	return n.(*norm)
}

// Linear is dst = act(norm(x) Wᵀ + bias).
func (b *Backend) Linear(dst, x nn.Buf, w nn.Weight, op nn.Op) {
	if b.err != nil || b.fail(nn.CheckLinear(dst, x, w, op)) || !b.own(dst) || !b.own(x) || x.Rows == 0 {
		return
	}
	if w == nil {
		b.normJob = normJob{b: b, dst: data(dst), x: data(x), cols: x.Cols, rows: x.Rows, norm: ownNorm(op.Norm), op: op}
		b.pool.do(&b.normJob, (x.Rows+packRows-1)/packRows, packRows*x.Cols/2)
		return
	}
	own := w.(*weight)
	o := b.pack(data(x), x.Rows, x.Cols, x.Cols, ownNorm(op.Norm), own)
	b.product(o, own, nil, target{data: data(dst), ld: dst.Cols}, op)
}

// normJob is a norm and an activation without a weight.
type normJob struct {
	b          *Backend
	dst, x     []float32
	rows, cols int
	norm       *norm
	op         nn.Op
}

func (j *normJob) task(worker, t int) {
	s := &j.b.scratch[worker]
	s.row = grow(s.row, j.cols)
	for r := t * packRows; r < min((t+1)*packRows, j.rows); r++ {
		if j.norm == nil && j.op == (nn.Op{}) {
			copy(j.dst[r*j.cols:(r+1)*j.cols], j.x[r*j.cols:(r+1)*j.cols])
			continue
		}
		y, x, dst := s.row[:j.cols], j.x[r*j.cols:(r+1)*j.cols], j.dst[r*j.cols:(r+1)*j.cols]
		if j.norm != nil {
			j.norm.apply(j.b.k, y, x)
		} else {
			copy(y, x)
		}
		activate(j.b.k, j.op.Act, y)
		if !j.op.Residual {
			copy(dst, y)
			continue
		}
		j.b.k.Add(dst, y)
	}
}

// mlpRows is how many rows a gated MLP takes through both its products at a
// time, so that what is between them stays in the last cache.
const mlpRows = 768

// GatedMLP is dst += W_down(silu(gate) * up).
func (b *Backend) GatedMLP(dst, x nn.Buf, n nn.Norm, gateUp, down nn.Weight) {
	if b.err != nil || b.fail(nn.CheckGatedMLP(dst, x, n, gateUp, down)) || !b.own(dst) || !b.own(x) {
		return
	}
	gu, d := gateUp.(*weight), down.(*weight)
	ld := gu.panels * panel / 2
	parts := (x.Rows + mlpRows - 1) / mlpRows
	step := max(1, (x.Rows+parts-1)/parts)
	for at := 0; at < x.Rows; at += step {
		rows := min(step, x.Rows-at)
		hidden := as[float32](b.hidden.bytes(4 * rows * ld))
		o := b.pack(data(x)[at*x.Cols:], rows, x.Cols, x.Cols, ownNorm(n), gu)
		b.product(o, gu, nil, target{data: hidden, ld: ld}, nn.Op{})
		o = b.pack(hidden, rows, ld, d.in, nil, d)
		b.product(o, d, nil, target{data: data(dst)[at*dst.Cols:], ld: dst.Cols}, nn.Op{Residual: true})
	}
}

// Scores is norm(x) times the rows of head that are in the set.
func (b *Backend) Scores(dst, x nn.Buf, n nn.Norm, head nn.Weight, set *nn.Set) {
	if b.err != nil || b.fail(nn.CheckScores(dst, x, n, head, set)) || !b.own(dst) || !b.own(x) {
		return
	}
	w := head.(*weight)
	o := b.pack(data(x), x.Rows, x.Cols, x.Cols, ownNorm(n), w)
	b.product(o, w, b.segmentsOf(set), target{data: data(dst), ld: dst.Cols}, nn.Op{})
}

// Patch embeds images.
func (b *Backend) Patch(dst, pixels nn.Buf, w nn.Weight, pos nn.Buf, p nn.Patches) {
	images, err := nn.CheckPatch(dst, pixels, w, pos, p)
	if b.err != nil || b.fail(err) || !b.own(dst) || !b.own(pixels) || !b.own(pos) {
		return
	}
	gh, gw := p.Grid()
	rows, own := p.Skip+gh*gw, w.(*weight)
	o := &b.ops.x
	for image := range images {
		out := data(dst)[(image*rows+p.Skip)*dst.Cols:]
		copy(out[:gh*gw*dst.Cols], data(pos)[p.Skip*dst.Cols:])
		o.shape(gh*gw, own, b.config.Precision)
		b.patchJob = patchJob{b: b, o: o, pixels: data(pixels)[image*p.Channels*p.Height*p.Width:], p: p}
		b.pool.do(&b.patchJob, gh, gw*own.in/2)
		b.product(o, own, nil, target{data: out, ld: dst.Cols}, nn.Op{Residual: true})
	}
}

// patchJob cuts one line of patches a task.
type patchJob struct {
	b      *Backend
	o      *operand
	pixels []float32
	p      nn.Patches
}

func (j *patchJob) task(worker, gy int) {
	s, p := &j.b.scratch[worker], j.p
	_, gw := p.Grid()
	n := p.Channels * p.Size * p.Size
	s.row = grow(s.row, n)
	for gx := range gw {
		at := 0
		for c := range p.Channels {
			for y := range p.Size {
				line := (c*p.Height+gy*p.Size+y)*p.Width + gx*p.Size
				at += copy(s.row[at:at+p.Size], j.pixels[line:])
			}
		}
		j.o.put(j.b.k, gy*gw+gx, s.row[:n])
	}
}
