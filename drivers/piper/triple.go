package piper

import "time"

// triple assembles sets of six numbers that arrive as three frames of two. A set is
// published only when its three frames are new and arrived within the window, so
// that a set with a lost frame is never taken for a fresh one.
type triple struct {
	window time.Duration
	pairs  [3]struct {
		values [2]float64
		at     time.Time
		fresh  bool // arrived since the last set
	}
	values  [6]float64 // the last whole set
	at      time.Time  // arrival of its first frame
	changed time.Time  // arrival of the first of the sets that are equal to it
	sets    uint64
	torn    uint64 // frames that became part of no set
}

// add takes one frame's values and says whether it completed a set.
func (t *triple) add(pair int, values [2]float64, at time.Time) bool {
	p := &t.pairs[pair]
	if p.fresh {
		t.torn++
	}
	p.values, p.at, p.fresh = values, at, true
	first, last := at, at
	for _, p := range t.pairs {
		if !p.fresh {
			return false
		}
		if p.at.Before(first) {
			first = p.at
		}
		if p.at.After(last) {
			last = p.at
		}
	}
	if last.Sub(first) > t.window {
		return false
	}
	before := t.values
	for i := range t.pairs {
		t.pairs[i].fresh = false
		copy(t.values[2*i:], t.pairs[i].values[:])
	}
	t.at = first
	if t.sets == 0 || t.values != before {
		t.changed = first
	}
	t.sets++
	return true
}
