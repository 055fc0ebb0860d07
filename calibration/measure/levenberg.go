package measure

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// term is some of a problem's residuals and the unknowns that they depend on.
type term struct {
	of        []int
	residuals func(x []float64) []float64 // of the unknowns in of, in that order
}

// take is the term's unknowns among all.
func (t term) take(x []float64) []float64 {
	out := make([]float64, len(t.of))
	for i, k := range t.of {
		out[i] = x[k]
	}
	return out
}

// fit is the minimum of a sum of squares.
type fit struct {
	x         []float64
	residuals [][]float64 // by term
	// errors are the standard errors of x, from the residuals and their slopes.
	errors []float64
}

func (f fit) rms() float64 {
	var all []float64
	for _, r := range f.residuals {
		all = append(all, r...)
	}
	return rms(all)
}

// levenberg minimises the terms' squares from x on by Levenberg's and Marquardt's
// method. Terms that share few unknowns cost no more than their own slopes.
func levenberg(x []float64, terms []term) (fit, error) {
	x = append([]float64(nil), x...)
	value := func(x []float64) (all [][]float64, cost float64) {
		for _, t := range terms {
			r := t.residuals(t.take(x))
			for _, v := range r {
				cost += v * v
			}
			all = append(all, r)
		}
		return all, cost
	}
	n := len(x)
	r, cost := value(x)
	lambda := 1e-3
	normal := mat.NewSymDense(n, nil)
	for range 100 {
		slope := mat.NewVecDense(n, nil)
		normal.Zero()
		for k, t := range terms {
			j := numericJacobian(t.take(x), len(r[k]), t.residuals)
			var square mat.SymDense
			square.SymOuterK(1, j.T())
			var down mat.VecDense
			down.MulVec(j.T(), mat.NewVecDense(len(r[k]), r[k]))
			for a, p := range t.of {
				slope.SetVec(p, slope.AtVec(p)+down.AtVec(a))
				for b, q := range t.of[:a+1] {
					normal.SetSym(p, q, normal.At(p, q)+square.At(a, b))
				}
			}
		}
		better := false
		gain := 0.0
		for lambda < 1e8 {
			damped := mat.NewSymDense(n, nil)
			damped.CopySym(normal)
			for i := range n {
				damped.SetSym(i, i, normal.At(i, i)*(1+lambda)+1e-18)
			}
			var chol mat.Cholesky
			step := mat.NewVecDense(n, nil)
			if chol.Factorize(damped) {
				_ = chol.SolveVecTo(step, slope) // a bad condition only makes the step worse, which is seen below
				next := make([]float64, n)
				for i := range next {
					next[i] = x[i] - step.AtVec(i)
				}
				if nr, nc := value(next); nc < cost {
					gain = (cost - nc) / cost
					x, r, cost, better = next, nr, nc, true
					lambda = math.Max(lambda/10, 1e-12)
					break
				}
			}
			lambda *= 10
		}
		if !better || gain < 1e-9 || cost < 1e-20 {
			break
		}
	}
	out := fit{x: x, residuals: r, errors: make([]float64, n)}
	rows := 0
	for _, t := range r {
		rows += len(t)
	}
	if rows <= n {
		return out, fmt.Errorf("%d measurements for %d unknowns", rows, n)
	}
	// Scaled to a unit diagonal, so that metres beside pixels are no reason to give up.
	scale := make([]float64, n)
	for i := range scale {
		scale[i] = math.Sqrt(normal.At(i, i))
		if !(scale[i] > 0) {
			return out, fmt.Errorf("one of %d unknowns changes nothing", n)
		}
	}
	for i := range n {
		for j := range i + 1 {
			normal.SetSym(i, j, normal.At(i, j)/(scale[i]*scale[j]))
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(normal) || chol.Cond() > 1e13 {
		return out, fmt.Errorf("some of %d unknowns can't be told apart", n)
	}
	var inverse mat.SymDense
	if err := chol.InverseTo(&inverse); err != nil {
		return out, err
	}
	for i := range n {
		out.errors[i] = math.Sqrt(cost/float64(rows-n)*inverse.At(i, i)) / scale[i]
	}
	return out, nil
}
