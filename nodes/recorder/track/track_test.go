package track

import (
	"slices"
	"testing"

	"cobot_vla/calibration"
)

func TestSignal(t *testing.T) {
	s := &Signal{}
	for _, at := range []int64{10, 30, 20, 20, 40} {
		s.Add(at, []float64{float64(at), -float64(at)})
	}
	s.Settle()
	for _, c := range []struct{ t, apart int64 }{{10, 0}, {15, 10}, {20, 0}, {37, 10}, {40, 0}} {
		v, apart := s.Value(c.t)
		if v[0] != float64(c.t) || v[1] != -float64(c.t) || apart != c.apart {
			t.Errorf("at %d: %v, %d apart", c.t, v, apart)
		}
	}
	if v, apart := s.Value(50); v[0] != 40 || apart != 20 {
		t.Errorf("behind the end: %v, %d", v, apart)
	}
	if v, apart := s.Value(0); v[0] != 10 || apart != 20 {
		t.Errorf("before the beginning: %v, %d", v, apart)
	}
	for _, c := range []struct {
		t    int64
		want int
	}{{0, 0}, {14, 0}, {15, 0}, {16, 1}, {99, 3}} {
		if got := Nearest(s.At, c.t); got != c.want {
			t.Errorf("nearest to %d is %d", c.t, got)
		}
	}
}

func TestGroup(t *testing.T) {
	g := NewGroup(2)
	if !g.Empty() {
		t.Error("a group without samples is not empty")
	}
	for at := int64(0); at <= 100; at += 10 {
		g[0].Add(at, []float64{float64(at)})
		if at >= 20 && at <= 80 {
			g[1].Add(at+5, []float64{-float64(at + 5), 7})
		}
	}
	v, apart := g.Value(50)
	if g.Empty() || g.First() != 25 || g.Last() != 85 || !slices.Equal(v, []float64{50, -50, 7}) || apart != 10 {
		t.Errorf("from %d to %d, %v, %d apart", g.First(), g.Last(), v, apart)
	}
}

func TestTake(t *testing.T) {
	arm := calibration.Default().Arms[0]
	seven := []float64{1, 2, 3, 4, 5, 6, 7}
	mixed := slices.Clone(arm.Names())
	slices.Reverse(mixed)
	for _, c := range []struct {
		names  []string
		values []float64
		want   []float64
	}{
		{arm.Names(), seven, seven},
		{mixed, []float64{7, 6, 5, 4, 3, 2, 1}, seven},
		{[]string{"joint0", "joint1", "joint2", "joint3", "joint4", "joint5", "joint6"}, seven, seven},
		{append([]string{"other"}, arm.Names()...), append([]float64{9}, seven...), seven},
		{arm.Names()[:6], seven[:6], nil},
		{[]string{"joint0"}, seven[:1], nil},
		{arm.Names(), seven[:3], nil},
		{nil, nil, nil},
	} {
		var s Signal
		s.Take(arm, c.names, c.values, 1)
		var got []float64
		if len(s.Values) > 0 {
			got = s.Values[0]
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.names, got, c.want)
		}
	}
}
