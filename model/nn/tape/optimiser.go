package tape

import (
	"math"

	"cobot_vla/model/nn"
)

// Optimiser moves the parameters of a tape that are not frozen, by AdamW.
type Optimiser struct {
	// Tape whose parameters they are.
	Tape   *Tape
	params []*Param
	m, v   []nn.Buf // first and second moments, beside params
}

// NewOptimiser learns the parameters that are not frozen now.
func NewOptimiser(t *Tape) (*Optimiser, error) {
	o := &Optimiser{Tape: t}
	for _, p := range t.Params() {
		if p.Frozen {
			continue
		}
		o.params = append(o.params, p)
		o.m = append(o.m, t.Buf(p.Value.Rows, p.Value.Cols))
		o.v = append(o.v, t.Buf(p.Value.Rows, p.Value.Cols))
	}
	return o, t.Sync()
}

// Params that are learned.
func (o *Optimiser) Params() []*Param { return o.params }

// Moments of parameter i: the first and the second.
func (o *Optimiser) Moments(i int) (m, v nn.Buf) { return o.m[i], o.v[i] }

// Size counts the numbers that are learned, and all of the tape.
func (o *Optimiser) Size() (learned, all int) {
	for _, p := range o.Tape.Params() {
		n := p.Value.Rows * p.Value.Cols
		all += n
		if !p.Frozen {
			learned += n
		}
	}
	return learned, all
}

// Norm is the length of all gradients together.
func (o *Optimiser) Norm() (float64, error) {
	sum := 0.0
	for _, p := range o.params {
		square, err := o.Tape.SquareSum(p.Grad)
		if err != nil {
			return 0, err
		}
		sum += square
	}
	return math.Sqrt(sum), nil
}

// Step moves every parameter, by what rule says for each, and reloads them.
func (o *Optimiser) Step(rule func(p *Param) nn.Adam) error {
	for i, p := range o.params {
		o.Tape.Adam(p.Value, p.Grad, o.m[i], o.v[i], rule(p))
	}
	o.Tape.Reload()
	return o.Tape.Sync()
}
