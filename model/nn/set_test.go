package nn

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A set is what a sorted list of distinct ids is, whatever ranges it was made of.
func TestSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ranges []IDRange
		var ids []int32
		for range rapid.IntRange(1, 6).Draw(t, "ranges") {
			from := rapid.Int32Range(0, 200).Draw(t, "from")
			to := from + rapid.Int32Range(0, 40).Draw(t, "length")
			ranges = append(ranges, IDRange{from, to})
			for id := from; id < to; id++ {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
		s, err := NewSet(ranges...)
		if len(ids) == 0 {
			if err == nil {
				t.Fatal("an empty set")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if s.Size() != len(ids) || s.Max() != ids[len(ids)-1] {
			t.Fatalf("%v of size %d up to %d, expected %d up to %d", s.Ranges(), s.Size(), s.Max(), len(ids), ids[len(ids)-1])
		}
		for c, id := range ids {
			if s.At(c) != id || s.Column(id) != c {
				t.Fatalf("column %d is id %d, id %d in column %d", c, s.At(c), id, s.Column(id))
			}
		}
		for i, r := range s.Ranges() {
			if r.From >= r.To || i > 0 && s.Ranges()[i-1].To >= r.From {
				t.Fatalf("ranges %v", s.Ranges())
			}
		}
		for _, id := range []int32{-1, 241, ids[0] - 1} {
			if s.Column(id) != -1 {
				t.Fatalf("id %d is in column %d", id, s.Column(id))
			}
		}
		if s.At(-1) != -1 || s.At(len(ids)) != -1 {
			t.Fatal("a column outside has an id")
		}
	})
	for _, bad := range [][]IDRange{{}, {{-1, 5}}, {{7, 3}}} {
		if _, err := NewSet(bad...); err == nil {
			t.Errorf("ranges %v make a set", bad)
		}
	}
}

func TestMaskWindow(t *testing.T) {
	for _, tt := range []struct {
		m                         Mask
		row, rows, keys, from, to int
	}{
		{Full(), 3, 4, 9, 0, 9},
		{Causal(), 0, 4, 9, 0, 6},
		{Causal(), 3, 4, 9, 0, 9},
		{Groups(3), 4, 9, 9, 3, 6},
	} {
		if from, to := tt.m.Window(tt.row, tt.rows, tt.keys); from != tt.from || to != tt.to {
			t.Errorf("mask %v: row %d of %d sees %d..%d of %d, expected %d..%d", tt.m, tt.row, tt.rows, from, to, tt.keys, tt.from, tt.to)
		}
	}
	if _, err := Fixed(2, 3, func(r, k int) bool { return r == 0 }); err == nil {
		t.Error("a row that sees nothing")
	}
}

func TestPenalise(t *testing.T) {
	for _, tt := range [][3]float32{{2, 1.1, 2 / 1.1}, {-2, 1.1, -2.2}, {0, 2, 0}, {5, 1, 5}, {5, 0, 5}} {
		if got := Penalise(tt[0], tt[1]); math.Abs(float64(got-tt[2])) > 1e-6 {
			t.Errorf("%v under a penalty of %v is %v, expected %v", tt[0], tt[1], got, tt[2])
		}
	}
}

func TestViews(t *testing.T) {
	b := Buf{Store: nothing{}, Rows: 10, Cols: 3}
	if v := b.View(2, 5).View(1, 3); v.First != 3 || v.Rows != 3 || v.Cols != 3 {
		t.Errorf("view of a view: %+v", v)
	}
	for _, v := range []Buf{b.View(8, 3), b.View(-1, 2), b.View(0, -1)} {
		if err := checkViews("test", v); err == nil {
			t.Errorf("%+v is taken for a view", v)
		}
	}
}

type nothing struct{}

func (nothing) Bytes() int64 { return 0 }
