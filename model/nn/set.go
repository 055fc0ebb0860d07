package nn

import (
	"fmt"
	"slices"
)

// Set is a set of token ids that a step may choose from. It is immutable: a
// backend may keep what it derives from it beside the pointer.
type Set struct {
	ranges []IDRange
	size   int
}

// IDRange is the ids [From, To).
type IDRange struct{ From, To int32 }

// NewSet makes a set of ids; they may overlap and come in any order.
func NewSet(ranges ...IDRange) (*Set, error) {
	s := &Set{}
	for _, r := range ranges {
		if r.From < 0 || r.To < r.From {
			return nil, fmt.Errorf("token set: range [%d, %d) is not one of ids", r.From, r.To)
		}
		if r.To > r.From {
			s.ranges = append(s.ranges, r)
		}
	}
	if len(s.ranges) == 0 {
		return nil, fmt.Errorf("token set: it is empty, so no token could follow")
	}
	slices.SortFunc(s.ranges, func(a, b IDRange) int { return int(a.From) - int(b.From) })
	merged := s.ranges[:1]
	for _, r := range s.ranges[1:] {
		last := &merged[len(merged)-1]
		if r.From <= last.To {
			last.To = max(last.To, r.To)
			continue
		}
		merged = append(merged, r)
	}
	s.ranges = merged
	for _, r := range merged {
		s.size += int(r.To - r.From)
	}
	return s, nil
}

// IDs makes a set of single ids.
func IDs(ids ...int32) (*Set, error) {
	ranges := make([]IDRange, len(ids))
	for i, id := range ids {
		ranges[i] = IDRange{id, id + 1}
	}
	return NewSet(ranges...)
}

// Ranges of the set: sorted, disjoint, none empty. Not to be changed.
func (s *Set) Ranges() []IDRange { return s.ranges }

// Size is how many ids are in the set, and how many columns its scores have.
func (s *Set) Size() int { return s.size }

// Max is the highest id of the set.
func (s *Set) Max() int32 { return s.ranges[len(s.ranges)-1].To - 1 }

// At is the id of column c of the scores; -1 when there is no such column.
func (s *Set) At(c int) int32 {
	if c < 0 {
		return -1
	}
	for _, r := range s.ranges {
		n := int(r.To - r.From)
		if c < n {
			return r.From + int32(c)
		}
		c -= n
	}
	return -1
}

// Column is where the scores of id stand; -1 when it is not in the set.
func (s *Set) Column(id int32) int {
	c := 0
	for _, r := range s.ranges {
		if id < r.From {
			return -1
		}
		if id < r.To {
			return c + int(id-r.From)
		}
		c += int(r.To - r.From)
	}
	return -1
}
