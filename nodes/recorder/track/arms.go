package track

import (
	"slices"

	"cobot_vla/calibration"
)

// NewGroup makes a group of n signals.
func NewGroup(n int) Group {
	g := make(Group, n)
	for i := range g {
		g[i] = new(Signal)
	}
	return g
}

// Take adds one arm's values to its signal. Names are the calibration's, or any
// where there are as many as the arm has: the drivers of other programs call every
// arm's joints joint0 to joint6. What does not name all of the arm is left out.
func (s *Signal) Take(arm calibration.Arm, names []string, values []float64, at int64) {
	want := arm.Names()
	if len(values) != len(names) || len(values) == 0 {
		return
	}
	foreign := len(names) == len(want) && !slices.ContainsFunc(want, func(w string) bool { return slices.Contains(names, w) })
	out := make([]float64, len(want))
	for i, n := range want {
		k := i
		if !foreign {
			k = slices.Index(names, n)
		}
		if k < 0 {
			return
		}
		out[i] = values[k]
	}
	s.Add(at, out)
}
