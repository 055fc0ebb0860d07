package ref

import (
	"fmt"
	"math"

	"cobot_vla/model/nn"
)

// project is y = W x + bias for the rows [from, from+len(y)) of W.
func project(y, x []float32, w *weight, from int) {
	for o := range y {
		sum := float32(0)
		for i, v := range w.row(from + o) {
			sum += v * x[i]
		}
		if w.bias != nil {
			sum += w.bias[from+o]
		}
		y[o] = sum
	}
}

// Linear is dst = act(norm(x) Wᵀ + bias).
func (b *Backend) Linear(dst, x nn.Buf, w nn.Weight, op nn.Op) {
	if b.err != nil || b.fail(nn.CheckLinear(dst, x, w, op)) || b.fail(b.own(dst, x)) {
		return
	}
	normed := make([]float32, x.Cols)
	y := make([]float32, dst.Cols)
	for r := range x.Rows {
		b.apply(normed, row(x, r), op.Norm)
		if w == nil {
			copy(y, normed)
		} else {
			project(y, normed, w.(*weight), 0)
		}
		out := row(dst, r)
		for i, v := range y {
			v = nn.Activate(op.Act, v)
			if op.Residual {
				v += out[i]
			}
			out[i] = v
		}
	}
}

// GatedMLP is dst += W_down(silu(gate) * up).
func (b *Backend) GatedMLP(dst, x nn.Buf, n nn.Norm, gateUp, down nn.Weight) {
	if b.err != nil || b.fail(nn.CheckGatedMLP(dst, x, n, gateUp, down)) || b.fail(b.own(dst, x)) {
		return
	}
	w := gateUp.(*weight)
	inner := w.out / 2
	normed := make([]float32, x.Cols)
	gate, up := make([]float32, inner), make([]float32, inner)
	y := make([]float32, dst.Cols)
	for r := range x.Rows {
		b.apply(normed, row(x, r), n)
		project(gate, normed, w, 0)
		project(up, normed, w, inner)
		for i := range gate {
			gate[i] = nn.Activate(nn.SiLU, gate[i]) * up[i]
		}
		project(y, gate, down.(*weight), 0)
		out := row(dst, r)
		for i, v := range y {
			out[i] += v
		}
	}
}

// QKV projects, rotates and appends.
func (b *Backend) QKV(q, x nn.Buf, w nn.Weight, n nn.Norm, c nn.Cache, layer int) {
	if b.err != nil || b.fail(nn.CheckQKV(q, x, w, n, c, layer)) || b.fail(b.own(x)) || !q.IsZero() && b.fail(b.own(q)) {
		return
	}
	own := c.(*cache)
	kv := own.spec.KVHeads * own.spec.HeadDim
	normed := make([]float32, x.Cols)
	for r := range x.Rows {
		b.apply(normed, row(x, r), n)
		from, position := 0, own.len[layer]
		if !q.IsZero() {
			project(row(q, r), normed, w.(*weight), 0)
			own.rotate(row(q, r), position)
			from = q.Cols
		}
		k := own.k[layer][position*kv : (position+1)*kv]
		project(k, normed, w.(*weight), from)
		own.rotate(k, position)
		project(own.v[layer][position*kv:(position+1)*kv], normed, w.(*weight), from+kv)
		own.len[layer]++
	}
}

// rotate turns each head of x by the angle of its position.
func (c *cache) rotate(x []float32, position int) {
	half := len(c.freq)
	if half == 0 {
		return
	}
	for at := 0; at < len(x); at += 2 * half {
		for i, f := range c.freq {
			cos, sin := nn.RopeAngle(position, f)
			a, b := x[at+i], x[at+half+i]
			x[at+i] = a*cos - b*sin
			x[at+half+i] = b*cos + a*sin
		}
	}
}

// Attend is softmax(q kᵀ / sqrt(d)) v.
func (b *Backend) Attend(dst, q nn.Buf, c nn.Cache, layer int, m nn.Mask) {
	if b.err != nil || b.fail(nn.CheckAttend(dst, q, c, layer, m)) || b.fail(b.own(dst, q)) {
		return
	}
	own := c.(*cache)
	s := own.spec
	keys, d, kv := own.len[layer], s.HeadDim, s.KVHeads*s.HeadDim
	k, v := own.k[layer], own.v[layer]
	scale := 1 / sqrt(float32(d))
	scores := make([]float32, keys)
	out := make([]float32, d)
	for r := range q.Rows {
		from, to := m.Window(r, q.Rows, keys)
		for h := range s.Heads {
			head := h / (s.Heads / s.KVHeads) * d // column of its keys
			query := row(q, r)[h*d : (h+1)*d]
			highest := float32(math.Inf(-1))
			for j := from; j < to; j++ {
				sum := float32(0)
				for i, x := range k[j*kv+head:][:d] {
					sum += query[i] * x
				}
				scores[j] = sum * scale
				if m.Kind == nn.MaskFixed && !m.Fixed.Visible[r*keys+j] {
					scores[j] = float32(math.Inf(-1))
				}
				highest = max(highest, scores[j])
			}
			total := float32(0)
			clear(out)
			for j := from; j < to; j++ {
				p := float32(math.Exp(float64(scores[j] - highest)))
				total += p
				for i, x := range v[j*kv+head:][:d] {
					out[i] += p * x
				}
			}
			for i := range out {
				row(dst, r)[h*d+i] = out[i] / total
			}
		}
	}
}

// Patch embeds images.
func (b *Backend) Patch(dst, pixels nn.Buf, w nn.Weight, pos nn.Buf, p nn.Patches) {
	images, err := nn.CheckPatch(dst, pixels, w, pos, p)
	if b.err != nil || b.fail(err) || b.fail(b.own(dst, pixels, pos)) {
		return
	}
	gh, gw := p.Grid()
	patch := make([]float32, 0, p.Channels*p.Size*p.Size)
	for image := range images {
		for g := range gh * gw {
			patch = patch[:0]
			for ch := range p.Channels {
				for y := range p.Size {
					line := row(pixels, (image*p.Channels+ch)*p.Height+g/gw*p.Size+y)
					patch = append(patch, line[g%gw*p.Size:][:p.Size]...)
				}
			}
			out := row(dst, image*(p.Skip+gh*gw)+p.Skip+g)
			project(out, patch, w.(*weight), 0)
			for i, v := range row(pos, p.Skip+g) {
				out[i] += v
			}
		}
	}
}

// Scores is norm(x) times the rows of head that are in the set.
func (b *Backend) Scores(dst, x nn.Buf, n nn.Norm, head nn.Weight, set *nn.Set) {
	if b.err != nil || b.fail(nn.CheckScores(dst, x, n, head, set)) || b.fail(b.own(dst, x)) {
		return
	}
	normed := make([]float32, x.Cols)
	for r := range x.Rows {
		b.apply(normed, row(x, r), n)
		out := row(dst, r)
		for _, ids := range set.Ranges() {
			n := int(ids.To - ids.From)
			project(out[:n], normed, head.(*weight), int(ids.From))
			out = out[n:]
		}
	}
}

// Pick appends the highest ids.
func (b *Backend) Pick(dst, history nn.Tokens, scores nn.Buf, set *nn.Set, penalty float32) {
	d, h := dst.(*tokens), history.(*tokens)
	if b.err != nil || b.fail(nn.CheckPick(dst, history, scores, set, d.cap)) || b.fail(b.own(scores)) {
		return
	}
	known := len(h.ids) - (scores.Rows - 1)
	penalised := make([]bool, set.Size())
	for _, id := range h.ids[:known] {
		nn.Mark(penalised, set, id)
	}
	for r := range scores.Rows {
		if r > 0 {
			nn.Mark(penalised, set, h.ids[known+r-1])
		}
		best, bestScore := -1, float32(0)
		for c, s := range row(scores, r) {
			if s != s {
				b.fail(fmt.Errorf("pick: row %d of the scores holds what is no number", r))
				return
			}
			if penalised[c] {
				s = nn.Penalise(s, penalty)
			}
			if best < 0 || s > bestScore {
				best, bestScore = c, s
			}
		}
		// history may be dst: what is appended lies behind what is read.
		d.ids = append(d.ids, set.At(best))
	}
}
