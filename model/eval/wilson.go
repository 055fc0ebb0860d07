package eval

import (
	"fmt"
	"math"
)

// z is the normal distribution's quantile for two-sided 95 %.
const z = 1.959963984540054

// Rate is successes of attempts.
type Rate struct {
	Successes, Attempts int
}

// Add counts an attempt.
func (r *Rate) Add(success bool) {
	r.Attempts++
	if success {
		r.Successes++
	}
}

// Value is the part of the attempts that succeeded; 0 without any.
func (r Rate) Value() float64 {
	if r.Attempts == 0 {
		return 0
	}
	return float64(r.Successes) / float64(r.Attempts)
}

// Wilson is the interval that holds the true rate with 95 % confidence (E. B. Wilson, JASA 22, 1927): it stays
// within 0..1 and is right for few attempts, too. Without attempts it is all of 0..1.
func (r Rate) Wilson() (low, high float64) {
	if r.Attempts == 0 {
		return 0, 1
	}
	n, p := float64(r.Attempts), r.Value()
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	low, high = max(middle-half, 0), min(middle+half, 1)
	switch r.Successes { // where rounding would miss the end
	case 0:
		low = 0
	case r.Attempts:
		high = 1
	}
	return low, high
}

// String is the rate in per cent with its interval.
func (r Rate) String() string {
	low, high := r.Wilson()
	return fmt.Sprintf("%d/%d = %.1f %% (%.0f-%.0f)", r.Successes, r.Attempts, 100*r.Value(), 100*low, 100*high)
}

// fewest attempts that an interval is believed of before the planned ones are made: looking after every attempt, one of
// the first few would else decide.
const fewest = 10

// Decided says whether more attempts need not be made to know on which side of threshold the rate is:
// the interval lies on one side of it, or, of the attempts planned in all, those that are left can't
// bring the rate to the other side.
func (r Rate) Decided(threshold float64, planned int) bool {
	if r.Attempts == 0 {
		return false
	}
	low, high := r.Wilson()
	if r.Attempts >= fewest && (low > threshold || high < threshold) {
		return true
	}
	need := threshold * float64(planned)
	left := planned - r.Attempts
	return float64(r.Successes) >= need || float64(r.Successes+left) < need
}
