package tape

import (
	"fmt"
	"math"
	"sync"

	"cobot_vla/model/nn"
)

// Optimiser moves the parameters of a tape that are not frozen, by AdamW.
type Optimiser struct {
	// Tape whose parameters they are.
	Tape   *Tape
	params []*Param
	m, v   []nn.Buf // first and second moments, beside params
	beside []copied

	host, other []float32
}

// copied is a tape beside the optimiser's, and its parameters beside params.
type copied struct {
	tape   *Tape
	params []*Param
}

// NewOptimiser learns the parameters that are not frozen now.
func NewOptimiser(t *Tape) (*Optimiser, error) {
	o := &Optimiser{Tape: t, params: learned(t)}
	for _, p := range o.params {
		o.m = append(o.m, t.Buf(p.Value.Rows, p.Value.Cols))
		o.v = append(o.v, t.Buf(p.Value.Rows, p.Value.Cols))
	}
	return o, t.Sync()
}

func learned(t *Tape) (params []*Param) {
	for _, p := range t.Params() {
		if !p.Frozen {
			params = append(params, p)
		}
	}
	return params
}

// Beside lets a copy of the model learn too, on a tape and a backend of its own, so that both can be used at
// once: Gather adds its gradients to the optimiser's, and what moves the parameters moves its. It must have
// been built from the same weights.
func (o *Optimiser) Beside(t *Tape) error {
	c := copied{tape: t, params: learned(t)}
	if len(c.params) != len(o.params) {
		return fmt.Errorf("tape: a copy learns %d parameters, the model %d", len(c.params), len(o.params))
	}
	for i, p := range c.params {
		if own := o.params[i]; p.Name != own.Name || p.Value.Rows != own.Value.Rows || p.Value.Cols != own.Value.Cols {
			return fmt.Errorf("tape: a copy's parameter %s [%d, %d] is the model's %s [%d, %d]", p.Name, p.Value.Rows, p.Value.Cols, own.Name, own.Value.Rows, own.Value.Cols)
		}
	}
	o.beside = append(o.beside, c)
	return nil
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

// ClearGrads sets all gradients to zero, the copies' too.
func (o *Optimiser) ClearGrads() {
	o.Tape.ClearGrads()
	for _, c := range o.beside {
		c.tape.ClearGrads()
	}
}

// Gather adds the copies' gradients to the optimiser's, one copy behind the other.
func (o *Optimiser) Gather() error {
	for _, c := range o.beside {
		for i, p := range c.params {
			own := o.params[i].Grad
			sum, x := o.room(own)
			if err := o.Tape.Read(sum, own); err != nil {
				return err
			}
			if err := c.tape.Read(x, p.Grad); err != nil {
				return err
			}
			for k, v := range x {
				sum[k] += v
			}
			o.Tape.Write(own, sum)
		}
	}
	return nil
}

// room is where two buffers of that size are read to.
func (o *Optimiser) room(b nn.Buf) (x, y []float32) {
	n := b.Rows * b.Cols
	if cap(o.host) < n {
		o.host, o.other = make([]float32, n), make([]float32, n)
	}
	return o.host[:n], o.other[:n]
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
	return o.Reload()
}

// Reload brings the parameters to where the forward operations read them, in all copies.
func (o *Optimiser) Reload() error {
	if len(o.beside) > 0 {
		for i, p := range o.params {
			value, _ := o.room(p.Value)
			if err := o.Tape.Read(value, p.Value); err != nil {
				return err
			}
			for _, c := range o.beside {
				c.tape.Write(c.params[i].Value, value)
			}
		}
	}
	var all sync.WaitGroup
	for _, c := range o.beside {
		all.Go(c.tape.Reload)
	}
	o.Tape.Reload()
	all.Wait()
	for _, c := range o.beside {
		if err := c.tape.Sync(); err != nil {
			return err
		}
	}
	return o.Tape.Sync()
}
