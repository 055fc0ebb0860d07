package measure

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

func rms(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	return math.Sqrt(sum / float64(max(len(v), 1)))
}

// numericJacobian of f, rows by residual, by central differences.
func numericJacobian(x []float64, rows int, f func([]float64) []float64) *mat.Dense {
	j := mat.NewDense(rows, len(x), nil)
	for c := range x {
		h := 1e-6 * math.Max(1, math.Abs(x[c]))
		up, down := append([]float64(nil), x...), append([]float64(nil), x...)
		up[c] += h
		down[c] -= h
		a, b := f(up), f(down)
		for r := range rows {
			j.Set(r, c, (a[r]-b[r])/(2*h))
		}
	}
	return j
}

// leastSquares solves j·step ≈ r; an error when j does not determine the step.
func leastSquares(j *mat.Dense, r []float64) ([]float64, error) {
	rows, columns := j.Dims()
	if rows < columns {
		return nil, fmt.Errorf("%d measurements for %d unknowns", rows, columns)
	}
	var qr mat.QR
	qr.Factorize(j)
	if c := qr.Cond(); c > 1e8 {
		return nil, fmt.Errorf("their condition is %.0e", c)
	}
	var out mat.VecDense
	if err := qr.SolveVecTo(&out, false, mat.NewVecDense(rows, r)); err != nil {
		var bad mat.Condition
		if !errors.As(err, &bad) {
			return nil, err
		}
	}
	return out.RawVector().Data, nil
}

// standardErrors of the first two unknowns.
func standardErrors(j *mat.Dense, r []float64) (a, b float64) {
	rows, columns := j.Dims()
	if rows <= columns {
		return math.NaN(), math.NaN()
	}
	var normal, inverse mat.Dense
	normal.Mul(j.T(), j)
	if inverse.Inverse(&normal) != nil {
		return math.NaN(), math.NaN()
	}
	sum := 0.0
	for _, x := range r {
		sum += x * x
	}
	variance := sum / float64(rows-columns)
	return math.Sqrt(variance * inverse.At(0, 0)), math.Sqrt(variance * inverse.At(1, 1))
}
