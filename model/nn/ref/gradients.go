package ref

import (
	"fmt"
	"math"

	"cobot_vla/model/nn"
)

var _ nn.Gradients = (*Backend)(nil)

// refuse keeps an error of a check, or of a buffer that is not this backend's; zero buffers are none.
func (b *Backend) refuse(err error, bufs ...nn.Buf) bool {
	if b.err != nil || b.fail(err) {
		return true
	}
	for _, v := range bufs {
		if !v.IsZero() && b.fail(b.own(v)) {
			return true
		}
	}
	return false
}

// Load copies the values.
func (b *Backend) Load(w nn.Weight, values, bias nn.Buf) {
	if b.refuse(nn.CheckLoad(w, values, bias), values, bias) {
		return
	}
	own := w.(*weight)
	if own.gated || bias.IsZero() != (own.bias == nil) {
		b.fail(fmt.Errorf("load: a gated weight, or a bias where there was none or none where there was one"))
		return
	}
	for r := range own.out {
		copy(own.row(r), row(values, r))
		if own.bias != nil {
			own.bias[r] = row(bias, r)[0]
		}
	}
}

// LoadNorm copies the parameters.
func (b *Backend) LoadNorm(n nn.Norm, gain, bias nn.Buf) {
	if b.refuse(nn.CheckLoadNorm(n, gain, bias), gain, bias) {
		return
	}
	own := n.(*norm)
	fresh := nn.NormSpec{Name: own.Name, RMS: own.RMS, Eps: own.Eps}
	for r := range gain.Rows {
		fresh.Gain = append(fresh.Gain, row(gain, r)[0])
		if !bias.IsZero() {
			fresh.Bias = append(fresh.Bias, row(bias, r)[0])
		}
	}
	if b.fail(fresh.Check()) {
		return
	}
	own.NormSpec = fresh
}

// Clear sets to zero.
func (b *Backend) Clear(v nn.Buf) {
	if b.refuse(nil, v) {
		return
	}
	for r := range v.Rows {
		clear(row(v, r))
	}
}

// rowsOf are the rows of a weight that the columns of a gradient belong to.
func rowsOf(w *weight, set *nn.Set, column int) int {
	if set == nil {
		return column
	}
	return int(set.At(column))
}

// InputGrad is dy W.
func (b *Backend) InputGrad(dx, dy nn.Buf, w nn.Weight, set *nn.Set, add bool) {
	if b.refuse(nn.CheckInputGrad(dx, dy, w, set), dx, dy) {
		return
	}
	own := w.(*weight)
	for r := range dy.Rows {
		to := row(dx, r)
		if !add {
			clear(to)
		}
		for o, g := range row(dy, r) {
			for i, v := range own.row(rowsOf(own, set, o)) {
				to[i] += g * v
			}
		}
	}
}

// WeightGrad is dyᵀ x.
func (b *Backend) WeightGrad(dw, db, dy, x nn.Buf, w nn.Weight, set *nn.Set) {
	if b.refuse(nn.CheckWeightGrad(dw, db, dy, x, w, set), dw, db, dy, x) {
		return
	}
	own := w.(*weight)
	for r := range dy.Rows {
		for o, g := range row(dy, r) {
			o = rowsOf(own, set, o)
			if !dw.IsZero() {
				to := row(dw, o)
				for i, v := range row(x, r) {
					to[i] += g * v
				}
			}
			if !db.IsZero() {
				row(db, o)[0] += g
			}
		}
	}
}

// NormGrad is the derivative of y = (x - mean) scale gain + bias with scale = 1/√(variance + eps).
func (b *Backend) NormGrad(dx, dgain, dbias, dy, x nn.Buf, n nn.Norm, add bool) {
	if b.refuse(nn.CheckNormGrad(dx, dgain, dbias, dy, x, n), dx, dgain, dbias, dy, x) {
		return
	}
	s := n.(*norm)
	count := float32(x.Cols)
	for r := range x.Rows {
		in, g := row(x, r), row(dy, r)
		mean, square := float32(0), float32(0)
		if !s.RMS {
			for _, v := range in {
				mean += v
			}
			mean /= count
		}
		for _, v := range in {
			square += (v - mean) * (v - mean)
		}
		scale := 1 / sqrt(square/count+s.Eps)
		var along, sum float32 // Σ dy gain x̂, Σ dy gain
		for i, v := range in {
			unit := (v - mean) * scale
			along += g[i] * s.Gain[i] * unit
			sum += g[i] * s.Gain[i]
			if !dgain.IsZero() {
				row(dgain, i)[0] += g[i] * unit
			}
			if !dbias.IsZero() {
				row(dbias, i)[0] += g[i]
			}
		}
		if s.RMS {
			sum = 0
		}
		if dx.IsZero() {
			continue
		}
		for i, v := range in {
			d := scale * (g[i]*s.Gain[i] - sum/count - (v-mean)*scale*along/count)
			if add {
				d += row(dx, r)[i]
			}
			row(dx, r)[i] = d
		}
	}
}

// ActGrad is dy act'(x).
func (b *Backend) ActGrad(dx, dy, x nn.Buf, a nn.Act) {
	if b.refuse(nn.CheckSame("activation gradient", dx, dy, x), dx, dy, x) {
		return
	}
	for r := range x.Rows {
		for i, v := range row(x, r) {
			row(dx, r)[i] = row(dy, r)[i] * nn.ActivateGrad(a, v)
		}
	}
}

// Gate is silu(gate) * up.
func (b *Backend) Gate(dst, x nn.Buf) {
	if b.refuse(nn.CheckGate(dst, x), dst, x) {
		return
	}
	for r := range x.Rows {
		gate, up := row(x, r)[:dst.Cols], row(x, r)[dst.Cols:]
		for i, v := range gate {
			row(dst, r)[i] = nn.Activate(nn.SiLU, v) * up[i]
		}
	}
}

// GateGrad is its derivative.
func (b *Backend) GateGrad(dx, dy, x nn.Buf) {
	if b.refuse(nn.CheckGate(dy, x), dx, dy, x) || b.refuse(nn.CheckSame("gate gradient", dx, x)) {
		return
	}
	n := dy.Cols
	for r := range x.Rows {
		in, out, g := row(x, r), row(dx, r), row(dy, r)
		for i := range n {
			gate, up := in[i], in[n+i]
			out[i] = g[i] * up * nn.ActivateGrad(nn.SiLU, gate)
			out[n+i] = g[i] * nn.Activate(nn.SiLU, gate)
		}
	}
}

// AttendGrad is one after another.
func (b *Backend) AttendGrad(calls []nn.Attended) {
	for i := range calls {
		a := &calls[i]
		if b.refuse(nn.CheckAttendGrad(a), a.DQ, a.DK, a.DV, a.DY, a.Q) {
			return
		}
		attendGrad(a.DQ, a.DK, a.DV, a.DY, a.Q, a.Cache.(*cache), a.Layer, a.Mask)
	}
}

// attendGrad recomputes the weights p of each row and takes the derivative of softmax: ds = p (dp - Σ p dp).
func attendGrad(dq, dk, dv, dy, q nn.Buf, own *cache, layer int, m nn.Mask) {
	s := own.spec
	keys, d, kv := own.len[layer], s.HeadDim, s.KVHeads*s.HeadDim
	k, v := own.k[layer], own.v[layer]
	scale := 1 / sqrt(float32(d))
	p, dp := make([]float32, keys), make([]float32, keys)
	for r := range q.Rows {
		from, to := m.Window(r, q.Rows, keys)
		for h := range s.Heads {
			head := h / (s.Heads / s.KVHeads) * d
			query, out, dquery := row(q, r)[h*d:][:d], row(dy, r)[h*d:][:d], row(dq, r)[h*d:][:d]
			highest := float32(math.Inf(-1))
			for j := from; j < to; j++ {
				p[j] = dot(query, k[j*kv+head:]) * scale
				if m.Kind == nn.MaskFixed && !m.Fixed.Visible[r*keys+j] {
					p[j] = float32(math.Inf(-1))
				}
				highest = max(highest, p[j])
			}
			total := float32(0)
			for j := from; j < to; j++ {
				p[j] = float32(math.Exp(float64(p[j] - highest)))
				total += p[j]
			}
			mean := float32(0)
			for j := from; j < to; j++ {
				p[j] /= total
				dp[j] = dot(out, v[j*kv+head:])
				mean += p[j] * dp[j]
			}
			clear(dquery)
			for j := from; j < to; j++ {
				ds := p[j] * (dp[j] - mean) * scale
				dkey, dvalue := row(dk, j)[head:], row(dv, j)[head:]
				for i := range d {
					dquery[i] += ds * k[j*kv+head+i]
					dkey[i] += ds * query[i]
					dvalue[i] += p[j] * out[i]
				}
			}
		}
	}
}

func dot(x, y []float32) float32 {
	sum := float32(0)
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

// QKVGrad turns back and puts side by side.
func (b *Backend) QKVGrad(dst, dq, dk, dv nn.Buf, c nn.Cache, first int) {
	if b.refuse(nn.CheckQKVGrad(dst, dq, dk, dv, c, first), dst, dq, dk, dv) {
		return
	}
	own := c.(*cache)
	for r := range dst.Rows {
		to := row(dst, r)
		if !dq.IsZero() {
			own.turnBack(to[:copy(to, row(dq, r))], first+r)
			to = to[dq.Cols:]
		}
		own.turnBack(to[:copy(to, row(dk, r))], first+r)
		copy(to[dk.Cols:], row(dv, r))
	}
}

// turnBack is rotate by the opposite angle.
func (c *cache) turnBack(x []float32, position int) {
	half := len(c.freq)
	if half == 0 {
		return
	}
	for at := 0; at < len(x); at += 2 * half {
		for i, f := range c.freq {
			cos, sin := nn.RopeAngle(position, f)
			a, b := x[at+i], x[at+half+i]
			x[at+i] = a*cos + b*sin
			x[at+half+i] = b*cos - a*sin
		}
	}
}

// PatchGrad is the WeightGrad of the patches.
func (b *Backend) PatchGrad(dw, db, dpos, dy, pixels nn.Buf, w nn.Weight, p nn.Patches) {
	images, err := nn.CheckPatchGrad(dw, db, dpos, dy, pixels, w, p)
	if b.refuse(err, dw, db, dpos, dy, pixels) {
		return
	}
	gh, gw := p.Grid()
	for image := range images {
		for g := range gh * gw {
			for o, v := range row(dy, image*(p.Skip+gh*gw)+p.Skip+g) {
				if !db.IsZero() {
					row(db, o)[0] += v
				}
				if !dpos.IsZero() {
					row(dpos, p.Skip+g)[o] += v
				}
				if dw.IsZero() {
					continue
				}
				at := 0
				for ch := range p.Channels {
					for y := range p.Size {
						line := row(pixels, (image*p.Channels+ch)*p.Height+g/gw*p.Size+y)
						for _, x := range line[g%gw*p.Size:][:p.Size] {
							row(dw, o)[at] += v * x
							at++
						}
					}
				}
			}
		}
	}
}

// EmbedGrad adds to the rows of the table.
func (b *Backend) EmbedGrad(dtable, dy nn.Buf, ids []int32) {
	if b.refuse(nn.CheckEmbedGrad(dtable, dy, ids), dtable, dy) {
		return
	}
	for r, id := range ids {
		addTo(row(dtable, int(id)), row(dy, r))
	}
}

func addTo(dst, x []float32) {
	for i, v := range x {
		dst[i] += v
	}
}

// GatherGrad adds to the rows that were taken.
func (b *Backend) GatherGrad(dsrc, ddst nn.Buf, index []int32) {
	if b.refuse(nn.CheckGather(ddst, dsrc, index), dsrc, ddst) {
		return
	}
	n := ddst.Cols / dsrc.Cols
	for i, r := range index {
		if r >= 0 {
			addTo(row(dsrc, int(r)), row(ddst, i/n)[i%n*dsrc.Cols:][:dsrc.Cols])
		}
	}
}

// SquareSum is Σ v².
func (b *Backend) SquareSum(v nn.Buf) (float64, error) {
	if b.refuse(nil, v) {
		return 0, b.err
	}
	sum := 0.0
	for r := range v.Rows {
		for _, x := range row(v, r) {
			sum += float64(x) * float64(x)
		}
	}
	return sum, nil
}

// Adam takes a step.
func (b *Backend) Adam(value, grad, m, v nn.Buf, a nn.Adam) {
	if b.refuse(nn.CheckSame("adam", value, grad, m, v), value, grad, m, v) {
		return
	}
	keep, rate, root := a.Factors()
	beta1, beta2 := float32(a.Beta1), float32(a.Beta2)
	for r := range value.Rows {
		x, g, first, second := row(value, r), row(grad, r), row(m, r), row(v, r)
		for i := range x {
			d := g[i] * float32(a.Scale)
			first[i] = beta1*first[i] + (1-beta1)*d
			second[i] = beta2*second[i] + (1-beta2)*d*d
			x[i] = x[i]*keep - rate*first[i]/(sqrt(second[i])*root+float32(a.Eps))
		}
	}
}
