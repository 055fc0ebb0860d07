// Package tape remembers what a model computes, and goes back over it: the
// gradients of a loss by every weight.
//
// A Tape is an nn.Backend. A model is built and run on it as on any other; it
// hands every forward operation to the nn.Gradients beneath, keeps what the
// derivative needs (an activation buffer is used again and again, so that means
// copies), and makes weights parameters: their master copies in f32, named as the
// model names them.
//
//	t := tape.New(backend)
//	m, _ := llavavla.Build(t, config, weights, options)   // every Weight and Norm becomes a Param
//	t.Record()
//	y := …                                                // forward
//	backend.Write(t.Gradient(y), dLossByY)
//	t.Backward()                                          // Param.Grad of all are added to
//	… optimiser …
//	t.Reload()                                            // the new values, to where the kernels read them
//
// Buffers are written over in place, as x += f(x) does along a transformer. Going
// back, the gradient of a buffer's rows is what the operations after that
// point made of it: an operation that replaced them takes the gradient and leaves
// none, one that added to them leaves it as it is.
//
// From the second pass of the same shape on, nothing is allocated.
package tape

import (
	"fmt"

	"cobot_vla/model/nn"
)

// Tape implements nn.Backend on an nn.Gradients. One goroutine at a time may use it.
type Tape struct {
	nn.Gradients
	params []*Param
	w      []*weight
	norms  []*norm

	recording bool
	steps     []step
	ids       []int32 // that steps refer to
	tokens    map[nn.Tokens]*known
	saved     []nn.Buf // in the order they are asked for
	used      int
	temp      map[int]nn.Buf // by columns
	grads     map[nn.Handle]*gradient
	learned   map[nn.Handle]*Param // buffers that are parameters
	caches    []*cache
	calls     []nn.Attended
	err       error
}

var _ nn.Backend = (*Tape)(nil)

// New makes a tape on a backend, which the tape's Close closes.
func New(b nn.Gradients) *Tape {
	return &Tape{Gradients: b, tokens: map[nn.Tokens]*known{}, temp: map[int]nn.Buf{}, grads: map[nn.Handle]*gradient{}, learned: map[nn.Handle]*Param{}}
}

// gradient of a buffer: its rows that have one.
type gradient struct {
	buf  nn.Buf
	live []bool
	// wanted in this pass: something that has parameters, or comes from something that has, wrote to it.
	wanted bool
}

// known is what a Tokens holds.
type known struct{ ids []int32 }

// Sync returns the first error of the tape or of the backend.
func (t *Tape) Sync() error {
	if t.err != nil {
		return t.err
	}
	return t.Gradients.Sync()
}

func (t *Tape) fail(format string, args ...any) {
	if t.err == nil {
		t.err = fmt.Errorf("tape: "+format, args...)
	}
}

// Put replaces the ids, and remembers them.
func (t *Tape) Put(tokens nn.Tokens, ids []int32) {
	t.Gradients.Put(tokens, ids)
	k := t.tokens[tokens]
	if k == nil {
		k = &known{}
		t.tokens[tokens] = k
	}
	k.ids = append(k.ids[:0], ids...)
}

// Record begins a pass: what was remembered is forgotten, what follows is remembered.
func (t *Tape) Record() {
	t.forget()
	t.recording = true
}

// Stop ends remembering: what follows is computed only.
func (t *Tape) Stop() { t.recording = false }

func (t *Tape) forget() {
	t.steps, t.ids, t.used = t.steps[:0], t.ids[:0], 0
	for _, g := range t.grads {
		clear(g.live)
		g.wanted = false
	}
	for _, c := range t.caches {
		c.forget()
	}
}

// of is the gradient of b's store.
func (t *Tape) of(b nn.Buf) *gradient {
	g := t.grads[b.Store]
	if g == nil {
		g = &gradient{}
		t.grads[b.Store] = g
	}
	if end := b.First + b.Rows; g.buf.Rows < end {
		// A store's size is not known from a view: the first use is mostly the largest.
		larger := t.Gradients.Buf(end, b.Cols)
		if g.buf.Rows > 0 {
			t.Gradients.ActGrad(larger.View(0, g.buf.Rows), g.buf, g.buf, nn.None)
		}
		g.buf = larger
		g.live = append(g.live, make([]bool, end-len(g.live))...)
	}
	return g
}

// Gradient of rows of a buffer, for the loss to be written to: whoever asks writes all of it.
func (t *Tape) Gradient(b nn.Buf) nn.Buf {
	to, _ := t.into(b)
	if !to.IsZero() {
		t.Gradients.Clear(to)
	}
	return to
}

// into is where a gradient of b goes, and whether it is added to what is there already.
func (t *Tape) into(b nn.Buf) (to nn.Buf, add bool) {
	g := t.of(b)
	live := g.live[b.First : b.First+b.Rows]
	for _, l := range live {
		add = add || l
	}
	if add {
		for r, l := range live {
			if !l {
				t.Gradients.Clear(g.buf.View(b.First+r, 1))
			}
		}
	}
	for r := range live {
		live[r] = true
	}
	return g.buf.View(b.First, b.Rows), add
}

// from is the gradient of b; false when no row has any. Rows without are zero in it. With taken, b was
// replaced at this point, so what came before it gets none.
func (t *Tape) from(b nn.Buf, taken bool) (nn.Buf, bool) {
	g := t.of(b)
	live := g.live[b.First : b.First+b.Rows]
	any := false
	for _, l := range live {
		any = any || l
	}
	if !any {
		return nn.Buf{}, false
	}
	for r, l := range live {
		if !l {
			t.Gradients.Clear(g.buf.View(b.First+r, 1))
			live[r] = !taken
		}
	}
	if taken {
		clear(live)
	}
	return g.buf.View(b.First, b.Rows), true
}

// wants says whether a gradient of b leads to any parameter.
func (t *Tape) wants(b nn.Buf) bool {
	g := t.grads[b.Store]
	return g != nil && g.wanted
}

func (t *Tape) want(b nn.Buf) { t.of(b).wanted = true }

// save is memory for a pass, rows x cols; the n-th of every pass is the same where it fits.
func (t *Tape) save(rows, cols int) nn.Buf {
	if t.used == len(t.saved) {
		t.saved = append(t.saved, t.Gradients.Buf(rows, cols))
	}
	b := &t.saved[t.used]
	if b.Rows < rows || b.Cols != cols {
		*b = t.Gradients.Buf(rows+rows/16, cols)
	}
	t.used++
	return b.View(0, rows)
}

// copied is a copy of b for the pass.
func (t *Tape) copied(b nn.Buf) nn.Buf {
	c := t.save(b.Rows, b.Cols)
	t.Gradients.Linear(c, b, nil, nn.Op{})
	return c
}

// scratch is memory for one operation of Backward.
func (t *Tape) scratch(rows, cols, which int) nn.Buf {
	key := cols*4 + which
	b := t.temp[key]
	if b.Rows < rows {
		b = t.Gradients.Buf(rows+rows/16, cols)
		t.temp[key] = b
	}
	return b.View(0, rows)
}
