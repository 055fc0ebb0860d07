// Package tapetest holds a model's gradients against what its loss does: tests of whatever learns on a tape call it.
package tapetest

import (
	"errors"
	"math"
	"testing"

	"cobot_vla/model/nn/tape"
)

// Along moves a parameter along its own gradient, by eps each way, and compares the change of the loss with the gradient's
// length, up to a part off of it. loss is the student's; with back, it adds up gradients.
func Along(t *testing.T, o *tape.Optimiser, p *tape.Param, eps, off float64, loss func(back bool) (float64, error)) {
	t.Helper()
	n := p.Value.Rows * p.Value.Cols
	grad, value, moved := make([]float32, n), make([]float32, n), make([]float32, n)
	o.ClearGrads()
	_, err := loss(true)
	if err = errors.Join(err, o.Gather(), o.Tape.Read(grad, p.Grad), o.Tape.Read(value, p.Value)); err != nil {
		t.Fatalf("%s: %v", p.Name, err)
	}
	length := 0.0
	for _, g := range grad {
		length += float64(g) * float64(g)
	}
	length = math.Sqrt(length)
	at := func(side float64) float64 {
		for i := range moved {
			moved[i] = value[i] + float32(side*eps*float64(grad[i])/length)
		}
		o.Tape.Write(p.Value, moved)
		err := o.Reload()
		x, failed := loss(false)
		if err = errors.Join(err, failed); err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
		return x
	}
	change := (at(1) - at(-1)) / (2 * eps)
	o.Tape.Write(p.Value, value)
	if err := o.Reload(); err != nil {
		t.Fatalf("%s: %v", p.Name, err)
	}
	if !(length > 0 && math.Abs(change-length) <= off*length) {
		t.Errorf("%s: the loss changes by %g a unit, its gradient is %g long", p.Name, change, length)
	}
}
