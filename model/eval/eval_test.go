package eval

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestWilson compares with intervals that papers print.
func TestWilson(t *testing.T) {
	for _, c := range []struct{ k, n, low, high int }{
		{4, 10, 17, 69}, {81, 100, 72, 87}, {39, 40, 87, 100}, {0, 10, 0, 28}, {10, 10, 72, 100},
	} {
		low, high := Rate{c.k, c.n}.Wilson()
		if math.Round(100*low) != float64(c.low) || math.Round(100*high) != float64(c.high) {
			t.Errorf("%d of %d: %.3f..%.3f, want %d..%d %%", c.k, c.n, low, high, c.low, c.high)
		}
	}
	if low, high := (Rate{}).Wilson(); low != 0 || high != 1 {
		t.Errorf("nothing attempted: %g..%g", low, high)
	}
}

func TestWilsonHoldsTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 1000).Draw(t, "n")
		r := Rate{rapid.IntRange(0, n).Draw(t, "k"), n}
		low, high := r.Wilson()
		if !(low >= 0 && low <= r.Value() && r.Value() <= high && high <= 1) {
			t.Fatalf("%v: %g..%g", r, low, high)
		}
		other := Rate{n - r.Successes, n}
		l, h := other.Wilson()
		if math.Abs(l-(1-high)) > 1e-12 || math.Abs(h-(1-low)) > 1e-12 {
			t.Fatalf("%v is not the mirror of %v", r, other)
		}
	})
}

// TestDecidedIsNotChangedByTheRest stops early and never says otherwise than all planned attempts would by count.
func TestDecidedIsNotChangedByTheRest(t *testing.T) {
	for _, c := range []struct {
		k, n, planned int
		want          bool
	}{
		{0, 1, 100, false}, {30, 30, 100, true}, {0, 15, 100, true}, {10, 20, 100, true}, {15, 20, 100, false}, {80, 90, 100, true}, {5, 10, 10, true}, {9, 10, 10, true},
		{4, 5, 10, false}, {0, 3, 10, true},
	} {
		if got := (Rate{c.k, c.n}).Decided(0.8, c.planned); got != c.want {
			t.Errorf("%d of %d of %d: %t", c.k, c.n, c.planned, got)
		}
	}
}

// TestChains is CALVIN's arithmetic, on the numbers of LLaVA-VLA's table.
func TestChains(t *testing.T) {
	var episodes []Episode
	names := []string{"a", "b", "c", "d", "e"}
	for k, n := range []int{52, 103, 132, 88, 87, 538} { // of 1000: 94.8, 84.5, 71.3, 62.5, 53.8 %
		for range n {
			episodes = append(episodes, Episode{Task: "chain", Tasks: names, Setting: Seen, Done: k, Success: k == 5})
		}
	}
	c := ChainsOf(episodes, Seen)
	for k, want := range []int{948, 845, 713, 625, 538} {
		if c.AtLeast[k].Successes != want || c.AtLeast[k].Attempts != 1000 {
			t.Errorf("at least %d: %v, want %d", k+1, c.AtLeast[k], want)
		}
	}
	if math.Abs(c.Length-3.669) > 1e-9 {
		t.Errorf("Avg. Len. %g, want 3.669", c.Length)
	}
	if ChainsOf(episodes, Randomised).Chains != 0 || len(Tasks(episodes)) != 0 {
		t.Error("chains count elsewhere")
	}
}

func TestSuiteCountsTasksAlike(t *testing.T) {
	var episodes []Episode
	add := func(task string, n, of int) {
		for i := range of {
			episodes = append(episodes, Episode{Task: task, Setting: Seen, Success: i < n, Steps: 10})
		}
	}
	add("a", 50, 50)
	add("b", 1, 2)
	results := Tasks(episodes)
	if mean, ok := Suite(results, Seen, []string{"a", "b"}); !ok || mean != 0.75 {
		t.Errorf("mean %g, %t", mean, ok)
	}
	if _, ok := Suite(results, Seen, []string{"a", "c"}); ok {
		t.Error("a task that was not attempted counts")
	}
	var out bytes.Buffer
	if err := WriteTable(&out, episodes); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"50/50", "93-100 %", "75.0 %"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, &out)
		}
	}
}

func TestQuantiles(t *testing.T) {
	var d []time.Duration
	for i := range 100 {
		d = append(d, time.Duration(99-i)*time.Millisecond)
	}
	if q := QuantilesOf(d); q.P50 != 50 || q.P99 != 99 {
		t.Errorf("%+v", q)
	}
}
