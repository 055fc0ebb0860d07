// Package track is what joints and velocities of an episode did over time: samples
// as they were stamped, and values between them. Exporters sample it at frames, a
// player at steps.
package track

import (
	"cmp"
	"slices"
	"sort"
)

// Signal is a vector over time.
type Signal struct {
	At     []int64 // stamps [ns], increasing once settled
	Values [][]float64
}

// Add appends a sample.
func (s *Signal) Add(at int64, v []float64) {
	s.At, s.Values = append(s.At, at), append(s.Values, v)
}

// Settle puts the samples in order of time and drops second ones of a time.
func (s *Signal) Settle() {
	if slices.IsSorted(s.At) && len(slices.Compact(slices.Clone(s.At))) == len(s.At) {
		return
	}
	order := make([]int, len(s.At))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.At[a], s.At[b]) })
	var out Signal
	for _, i := range order {
		if n := len(out.At); n == 0 || s.At[i] > out.At[n-1] {
			out.Add(s.At[i], s.Values[i])
		}
	}
	*s = out
}

// Value at t between the samples around it, and how far apart these are [ns].
func (s *Signal) Value(t int64) (v []float64, apart int64) {
	i := sort.Search(len(s.At), func(i int) bool { return s.At[i] >= t })
	switch {
	case i == len(s.At):
		return s.Values[i-1], 2 * (t - s.At[i-1])
	case s.At[i] == t:
		return s.Values[i], 0
	case i == 0:
		return s.Values[0], 2 * (s.At[0] - t)
	}
	a, b := s.Values[i-1], s.Values[i]
	apart = s.At[i] - s.At[i-1]
	f := float64(t-s.At[i-1]) / float64(apart)
	v = make([]float64, len(a))
	for k := range v {
		v[k] = a[k] + f*(b[k]-a[k])
	}
	return v, apart
}

// Group is signals that come apart and are used as one: a vector after the other.
type Group []*Signal

// Empty says that a part of it has no sample.
func (g Group) Empty() bool {
	return len(g) == 0 || slices.ContainsFunc(g, func(s *Signal) bool { return len(s.At) == 0 })
}

// First and last are the times at which all parts have begun and none has ended.
func (g Group) First() (t int64) {
	for _, s := range g {
		t = max(t, s.At[0])
	}
	return t
}

func (g Group) Last() int64 {
	t := g[0].At[len(g[0].At)-1]
	for _, s := range g {
		t = min(t, s.At[len(s.At)-1])
	}
	return t
}

// Value at t, and how far apart the samples around it are in the part where they are farthest [ns].
func (g Group) Value(t int64) (v []float64, apart int64) {
	for _, s := range g {
		part, a := s.Value(t)
		v, apart = append(v, part...), max(apart, a)
	}
	return v, apart
}

// Nearest is the index of the time nearest to t, the earlier of two.
func Nearest(at []int64, t int64) int {
	i := sort.Search(len(at), func(i int) bool { return at[i] >= t })
	if i == len(at) || i > 0 && t-at[i-1] <= at[i]-t {
		return i - 1
	}
	return i
}
