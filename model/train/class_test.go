package train

import (
	"math"
	"strings"
	"testing"

	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/train/course"
)

// TestCopiesAddUp: two copies of a model that share a batch come to the loss and the gradients of one that reads all of it, and after a
// step they are copies still.
func TestCopiesAddUp(t *testing.T) {
	var losses []float64
	var grads [][]float32
	for copies := 1; copies <= 2; copies++ {
		c, toy := smallRun(t)
		c.Copies, c.Precision = copies, cpu.F32
		r, err := open(c, toy)
		if err != nil {
			t.Fatal(err)
		}
		defer r.class.close()
		if len(r.class.teachers) != copies {
			t.Fatalf("%d copies, expected %d", len(r.class.teachers), copies)
		}
		if err := r.begin(); err != nil {
			t.Fatal(err)
		}
		examples := make([]Example, c.Batch)
		if err := toy.Sample(1, 0, examples); err != nil {
			t.Fatal(err)
		}
		r.s.ClearGrads()
		loss, _, err := r.class.read(lesson{examples: examples, back: true, seed: 1, step: 1})
		if err == nil {
			err = r.s.Gather()
		}
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, loss)
		var all []float32
		for _, p := range r.s.Params() {
			g, err := r.s.read(p.Grad)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, g...)
		}
		grads = append(grads, all)
		r.draw = func() ([]Example, error) { return examples, nil }
		if err := r.course.Step(0, r, &course.Progress{}); err != nil {
			t.Fatal(err)
		}
		for _, other := range r.class.teachers[1:] {
			theirs := other.s.Params()
			for i, p := range r.s.Params() {
				x, err := r.s.read(p.Value)
				if err != nil {
					t.Fatal(err)
				}
				y, err := other.s.read(theirs[i].Value)
				if err != nil {
					t.Fatal(err)
				}
				for k := range x {
					if x[k] != y[k] {
						t.Fatalf("%s[%d] is %g, and %g in a copy", p.Name, k, x[k], y[k])
					}
				}
			}
		}
	}
	if d := math.Abs(losses[0] - losses[1]); d > 1e-6 {
		t.Errorf("loss %g of one, %g of two", losses[0], losses[1])
	}
	largest, off := 0.0, 0.0
	for i, g := range grads[0] {
		largest = max(largest, math.Abs(float64(g)))
		off = max(off, math.Abs(float64(g-grads[1][i])))
	}
	if off > 1e-5*largest {
		t.Errorf("gradients differ by %g, the largest is %g", off, largest)
	}
}

// TestCopiesOfOneModel: a copy of another model is refused.
func TestCopiesOfOneModel(t *testing.T) {
	c, toy := smallRun(t)
	r, err := open(c, toy)
	if err != nil {
		t.Fatal(err)
	}
	defer r.class.close()
	if err := r.class.teachers[1].s.Tape.Freeze("vision."); err != nil {
		t.Fatal(err)
	}
	if err := r.s.Beside(r.class.teachers[1].s.Tape); err == nil || !strings.Contains(err.Error(), "a copy learns") {
		t.Errorf("a copy with a frozen tower: %v", err)
	}
}
