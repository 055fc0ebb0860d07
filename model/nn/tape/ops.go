package tape

import "cobot_vla/model/nn"

// kind of a step.
type kind uint8

const (
	linear kind = iota
	normAlone
	gatedMLP
	qkv
	attend
	patch
	embed
	gather
	scores
)

// step is one operation as Backward needs it.
type step struct {
	kind     kind
	dst, x   nn.Buf // as the model named them
	in       nn.Buf // x as it was
	normed   nn.Buf // norm(x), in itself when there is no norm
	hidden   nn.Buf // before an activation; gate and up of an MLP
	product  nn.Buf // of gate and up; the scores' … none
	w, down  *weight
	norm     *norm
	act      nn.Act
	residual bool
	cache    *cache
	slot     *slot
	first    int // position in the cache
	mask     nn.Mask
	set      *nn.Set
	patches  nn.Patches
	ids      [2]int // range in Tape.ids
}

func (t *Tape) remember(s step) {
	t.want(s.dst)
	t.steps = append(t.steps, s)
}

// keep is what ids a step refers to.
func (t *Tape) keep(ids []int32) [2]int {
	from := len(t.ids)
	t.ids = append(t.ids, ids...)
	return [2]int{from, len(t.ids)}
}

func ownWeight(w nn.Weight) *weight {
	if w == nil {
		return nil
	}
	return w.(*weight)
}

func ownNorm(n nn.Norm) *norm {
	if n == nil {
		return nil
	}
	return n.(*norm)
}

// prepare copies x and normalises it.
func (t *Tape) prepare(x nn.Buf, n *norm) (in, normed nn.Buf) {
	in = t.copied(x)
	if n == nil {
		return in, in
	}
	normed = t.save(x.Rows, x.Cols)
	t.Gradients.Linear(normed, in, nil, nn.Op{Norm: n.base})
	return in, normed
}

// Linear keeps the input, and the product where an activation follows it.
func (t *Tape) Linear(dst, x nn.Buf, w nn.Weight, op nn.Op) {
	own, n := ownWeight(w), ownNorm(op.Norm)
	base := nn.Op{Norm: baseNorm(op.Norm), Act: op.Act, Residual: op.Residual}
	if !t.recording || !t.wants(x) && (own == nil || !own.learns()) && (n == nil || !n.learns()) || t.refuse(nn.CheckLinear(dst, x, baseWeight(w), base)) {
		t.Gradients.Linear(dst, x, baseWeight(w), base)
		return
	}
	s := step{kind: linear, dst: dst, x: x, w: own, norm: n, act: op.Act, residual: op.Residual}
	s.in, s.normed = t.prepare(x, n)
	if own == nil {
		s.kind = normAlone
		t.Gradients.Linear(dst, s.normed, nil, nn.Op{Act: op.Act, Residual: op.Residual})
		t.remember(s)
		return
	}
	if op.Act == nn.None {
		t.Gradients.Linear(dst, s.normed, own.base, nn.Op{Residual: op.Residual})
		t.remember(s)
		return
	}
	s.hidden = t.save(dst.Rows, dst.Cols)
	t.Gradients.Linear(s.hidden, s.normed, own.base, nn.Op{})
	t.Gradients.Linear(dst, s.hidden, nil, nn.Op{Act: op.Act, Residual: op.Residual})
	t.remember(s)
}

func (t *Tape) refuse(err error) bool {
	if t.err == nil && err != nil {
		t.err = err
	}
	return t.err != nil
}

// GatedMLP is taken apart: gate and up as one product, their product, down.
func (t *Tape) GatedMLP(dst, x nn.Buf, n nn.Norm, gateUp, down nn.Weight) {
	gu, d := gateUp.(*weight), down.(*weight)
	out, _ := gu.Shape()
	if t.refuse(nn.CheckGatedMLP(dst, x, baseNorm(n), gu.base, d.base)) {
		return
	}
	if !t.recording {
		hidden, product := t.scratch(x.Rows, out, 0), t.scratch(x.Rows, out/2, 1)
		t.Gradients.Linear(hidden, x, gu.base, nn.Op{Norm: baseNorm(n)})
		t.Gradients.Gate(product, hidden)
		t.Gradients.Linear(dst, product, d.base, nn.Op{Residual: true})
		return
	}
	s := step{kind: gatedMLP, dst: dst, x: x, w: gu, down: d, norm: ownNorm(n)}
	s.in, s.normed = t.prepare(x, s.norm)
	s.hidden, s.product = t.save(x.Rows, out), t.save(x.Rows, out/2)
	t.Gradients.Linear(s.hidden, s.normed, gu.base, nn.Op{})
	t.Gradients.Gate(s.product, s.hidden)
	t.Gradients.Linear(dst, s.product, d.base, nn.Op{Residual: true})
	t.remember(s)
}

// Embed keeps the ids.
func (t *Tape) Embed(dst nn.Buf, table nn.Weight, tokens nn.Tokens) {
	w := table.(*weight)
	t.Gradients.Embed(dst, w.base, tokens)
	if !t.recording || !w.learns() {
		return
	}
	k := t.tokens[tokens]
	if k == nil || len(k.ids) < dst.Rows {
		t.fail("embed: the ids were not put there by Put, so nobody knows them")
		return
	}
	t.remember(step{kind: embed, dst: dst, w: w, ids: t.keep(k.ids[len(k.ids)-dst.Rows:])})
}

// Gather keeps the index.
func (t *Tape) Gather(dst, src nn.Buf, index []int32) {
	t.Gradients.Gather(dst, src, index)
	p := t.learned[src.Store]
	if t.recording && (t.wants(src) || t.wants(dst) || p != nil && !p.Frozen) {
		t.remember(step{kind: gather, dst: dst, x: src, ids: t.keep(index)})
	}
}

// Patch keeps nothing: pixels stay until the next batch.
func (t *Tape) Patch(dst, pixels nn.Buf, w nn.Weight, pos nn.Buf, p nn.Patches) {
	own := w.(*weight)
	t.Gradients.Patch(dst, pixels, own.base, pos, p)
	l := t.learned[pos.Store]
	if t.recording && (own.learns() || l != nil && !l.Frozen) {
		t.remember(step{kind: patch, dst: dst, x: pixels, in: pos, w: own, patches: p})
	}
}

// Scores keeps the input.
func (t *Tape) Scores(dst, x nn.Buf, n nn.Norm, head nn.Weight, set *nn.Set) {
	own, norm := head.(*weight), ownNorm(n)
	if !t.recording || t.refuse(nn.CheckScores(dst, x, baseNorm(n), own.base, set)) {
		t.Gradients.Scores(dst, x, baseNorm(n), own.base, set)
		return
	}
	s := step{kind: scores, dst: dst, x: x, w: own, norm: norm, set: set}
	s.in, s.normed = t.prepare(x, norm)
	t.Gradients.Scores(dst, s.normed, nil, own.base, set)
	t.remember(s)
}
