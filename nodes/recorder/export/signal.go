package export

import (
	"cmp"
	"slices"
	"sort"
)

// signal is a vector over time.
type signal struct {
	at     []int64 // stamps [ns], increasing
	values [][]float64
}

func (s *signal) add(at int64, v []float64) {
	s.at, s.values = append(s.at, at), append(s.values, v)
}

// settle puts the samples in order of time and drops second ones of a time.
func (s *signal) settle() {
	if slices.IsSorted(s.at) && len(slices.Compact(slices.Clone(s.at))) == len(s.at) {
		return
	}
	order := make([]int, len(s.at))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.at[a], s.at[b]) })
	var out signal
	for _, i := range order {
		if n := len(out.at); n == 0 || s.at[i] > out.at[n-1] {
			out.add(s.at[i], s.values[i])
		}
	}
	*s = out
}

func (s *signal) empty() bool  { return len(s.at) == 0 }
func (s *signal) first() int64 { return s.at[0] }
func (s *signal) last() int64  { return s.at[len(s.at)-1] }

// value at t between the samples around it, and how far apart these are [ns].
func (s *signal) value(t int64) (v []float64, apart int64) {
	i := sort.Search(len(s.at), func(i int) bool { return s.at[i] >= t })
	switch {
	case i == len(s.at):
		return s.values[i-1], 2 * (t - s.at[i-1])
	case s.at[i] == t:
		return s.values[i], 0
	case i == 0:
		return s.values[0], 2 * (s.at[0] - t)
	}
	a, b := s.values[i-1], s.values[i]
	apart = s.at[i] - s.at[i-1]
	f := float64(t-s.at[i-1]) / float64(apart)
	v = make([]float64, len(a))
	for k := range v {
		v[k] = a[k] + f*(b[k]-a[k])
	}
	return v, apart
}

// group is signals that come apart and are used as one: a vector after the other.
type group []*signal

// empty says that a part of it has no sample.
func (g group) empty() bool {
	return len(g) == 0 || slices.ContainsFunc(g, func(s *signal) bool { return len(s.at) == 0 })
}

// first and last are the times at which all parts have begun and none has ended.
func (g group) first() (t int64) {
	for _, s := range g {
		t = max(t, s.at[0])
	}
	return t
}

func (g group) last() int64 {
	t := g[0].at[len(g[0].at)-1]
	for _, s := range g {
		t = min(t, s.at[len(s.at)-1])
	}
	return t
}

// value at t, and how far apart the samples around it are in the part where they are farthest [ns].
func (g group) value(t int64) (v []float64, apart int64) {
	for _, s := range g {
		part, a := s.value(t)
		v, apart = append(v, part...), max(apart, a)
	}
	return v, apart
}

// nearest is the index of the time nearest to t, the earlier of two.
func nearest(at []int64, t int64) int {
	i := sort.Search(len(at), func(i int) bool { return at[i] >= t })
	if i == len(at) || i > 0 && t-at[i-1] <= at[i]-t {
		return i - 1
	}
	return i
}
