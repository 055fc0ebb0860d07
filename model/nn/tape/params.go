package tape

import (
	"cmp"
	"fmt"
	"strings"

	"cobot_vla/model/nn"
)

// Param is what is learned: one tensor as the model names it.
type Param struct {
	// Name in the model: "…q_proj.weight".
	Name string
	// Value and Grad, of one shape.
	Value, Grad nn.Buf
	// Matrix says that it is one, and not a bias or the gain of a norm: what weight decay is usual for.
	Matrix bool
	// Frozen ones get no gradient.
	Frozen bool
}

// weight is an nn.Weight with its master copy.
type weight struct {
	base          nn.Weight
	gated         bool
	values, bias  nn.Buf // [Out, In], [Out, 1]
	dvalues, dbia nn.Buf
	params        []*Param
}

func (w *weight) Bytes() int64         { return w.base.Bytes() }
func (w *weight) Shape() (out, in int) { return w.base.Shape() }

// learns says whether any part of it is not frozen.
func (w *weight) learns() bool {
	for _, p := range w.params {
		if !p.Frozen {
			return true
		}
	}
	return false
}

type norm struct {
	base         nn.Norm
	gain, bias   nn.Buf // [Width, 1]
	dgain, dbias nn.Buf
	params       []*Param
}

func (n *norm) Bytes() int64 { return n.base.Bytes() }
func (n *norm) Width() int   { return n.base.Width() }

func (n *norm) learns() bool {
	for _, p := range n.params {
		if !p.Frozen {
			return true
		}
	}
	return false
}

func baseWeight(w nn.Weight) nn.Weight {
	if w == nil {
		return nil
	}
	return w.(*weight).base
}

func baseNorm(n nn.Norm) nn.Norm {
	if n == nil {
		return nil
	}
	return n.(*norm).base
}

// Params are all that was loaded, in that order.
func (t *Tape) Params() []*Param { return t.params }

func (t *Tape) param(name string, value, grad nn.Buf, matrix bool) *Param {
	p := &Param{Name: name, Value: value, Grad: grad, Matrix: matrix}
	t.params = append(t.params, p)
	return p
}

// Weight loads a weight and makes each of its parts a parameter. A gated one is held as
// gate and up stacked: its product is taken apart to be differentiated.
func (t *Tape) Weight(spec nn.WeightSpec) nn.Weight {
	w := &weight{gated: spec.Gated}
	plain := spec
	plain.Gated = false
	w.base = t.Gradients.Weight(plain)
	if t.err != nil || t.Gradients.Sync() != nil {
		return w
	}
	out, in := spec.Shape()
	w.values, w.dvalues = t.Gradients.Buf(out, in), t.Gradients.Buf(out, in)
	values := make([]float32, 0, out*in)
	row := make([]float32, in)
	for _, p := range spec.Parts {
		for r := range p.Out {
			p.Read(row, r)
			values = append(values, row...)
		}
	}
	t.Gradients.Write(w.values, values)
	if bias := spec.StackedBias(); bias != nil {
		w.bias, w.dbia = t.Gradients.Buf(out, 1), t.Gradients.Buf(out, 1)
		t.Gradients.Write(w.bias, bias)
	}
	at := 0
	for _, p := range spec.Parts {
		name := cmp.Or(p.Name, spec.Name+".weight")
		w.params = append(w.params, t.param(name, w.values.View(at, p.Out), w.dvalues.View(at, p.Out), true))
		if p.Bias != nil {
			w.params = append(w.params, t.param(strings.TrimSuffix(name, ".weight")+".bias", w.bias.View(at, p.Out), w.dbia.View(at, p.Out), false))
		}
		at += p.Out
	}
	t.Gradients.Load(w.base, w.values, w.bias)
	t.w = append(t.w, w)
	return w
}

// Norm loads a norm and makes its gain and bias parameters.
func (t *Tape) Norm(spec nn.NormSpec) nn.Norm {
	n := &norm{base: t.Gradients.Norm(spec)}
	if t.err != nil || t.Gradients.Sync() != nil {
		return n
	}
	vector := func(name string, v []float32) (value, grad nn.Buf) {
		value, grad = t.Gradients.Buf(len(v), 1), t.Gradients.Buf(len(v), 1)
		t.Gradients.Write(value, v)
		n.params = append(n.params, t.param(spec.Name+name, value, grad, false))
		return value, grad
	}
	n.gain, n.dgain = vector(".weight", spec.Gain)
	if spec.Bias != nil {
		n.bias, n.dbias = vector(".bias", spec.Bias)
	}
	t.Gradients.LoadNorm(n.base, n.gain, n.bias)
	t.norms = append(t.norms, n)
	return n
}

// Learn makes a buffer that the model filled at its start a parameter: positions, a learned vector.
func (t *Tape) Learn(name string, b nn.Buf) *Param {
	p := t.param(name, b, t.Gradients.Buf(b.Rows, b.Cols), false)
	t.learned[b.Store] = p
	return p
}

// Freeze takes out the parameters whose names begin with any of these. A beginning that no name has is an error.
func (t *Tape) Freeze(prefixes ...string) error {
	return t.freeze(prefixes, func(p *Param, named bool) { p.Frozen = p.Frozen || named })
}

// FreezeAllBut takes out all parameters but those.
func (t *Tape) FreezeAllBut(prefixes ...string) error {
	return t.freeze(prefixes, func(p *Param, named bool) { p.Frozen = !named })
}

func (t *Tape) freeze(prefixes []string, set func(p *Param, named bool)) error {
	found := make([]bool, len(prefixes))
	for _, p := range t.params {
		named := false
		for i, prefix := range prefixes {
			if strings.HasPrefix(p.Name, prefix) {
				named, found[i] = true, true
			}
		}
		set(p, named)
	}
	for i, prefix := range prefixes {
		if !found[i] {
			return fmt.Errorf("freeze %q: no parameter's name begins with it", prefix)
		}
	}
	return nil
}

// Reload brings the parameters to where the forward operations read them: after every step of an optimiser.
func (t *Tape) Reload() {
	for _, w := range t.w {
		if w.learns() {
			t.Gradients.Load(w.base, w.values, w.bias)
		}
	}
	for _, n := range t.norms {
		if n.learns() {
			t.Gradients.LoadNorm(n.base, n.gain, n.bias)
		}
	}
}

// ClearGrads sets all parameters' gradients to zero.
func (t *Tape) ClearGrads() {
	for _, p := range t.params {
		t.Gradients.Clear(p.Grad)
	}
}
