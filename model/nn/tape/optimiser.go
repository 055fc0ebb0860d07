package tape

import (
	"fmt"
	"math"
	"strings"

	"cobot_vla/model/nn"
)

// Optimiser moves the parameters of a tape that are not frozen, by AdamW.
type Optimiser struct {
	t      *Tape
	params []*Param
	m, v   []nn.Buf // first and second moments, beside params
}

// NewOptimiser learns the parameters whose names begin with any of these, and freezes
// all others. A beginning that no name has is an error.
func NewOptimiser(t *Tape, learn []string) (*Optimiser, error) {
	o := &Optimiser{t: t}
	used := make([]bool, len(learn))
	for _, p := range t.Params() {
		p.Frozen = true
		for i, prefix := range learn {
			if strings.HasPrefix(p.Name, prefix) {
				p.Frozen, used[i] = false, true
			}
		}
		if p.Frozen {
			continue
		}
		o.params = append(o.params, p)
		o.m = append(o.m, t.Buf(p.Value.Rows, p.Value.Cols))
		o.v = append(o.v, t.Buf(p.Value.Rows, p.Value.Cols))
	}
	for i, prefix := range learn {
		if !used[i] {
			return nil, fmt.Errorf("learn %q: no parameter's name begins with it", prefix)
		}
	}
	return o, t.Sync()
}

// Params that are learned.
func (o *Optimiser) Params() []*Param { return o.params }

// Moments of parameter i: the first and the second.
func (o *Optimiser) Moments(i int) (m, v nn.Buf) { return o.m[i], o.v[i] }

// Norm is the length of all gradients together.
func (o *Optimiser) Norm() (float64, error) {
	sum := 0.0
	for _, p := range o.params {
		square, err := o.t.SquareSum(p.Grad)
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
		o.t.Adam(p.Value, p.Grad, o.m[i], o.v[i], rule(p))
	}
	o.t.Reload()
	return o.t.Sync()
}
