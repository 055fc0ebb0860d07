package token

import (
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestValueTokens: whatever is said under the grammar of value tokens parses, and whatever can be driven is said.
func TestValueTokens(t *testing.T) {
	g := grammarIn(t, "values")
	rapid.Check(t, func(t *rapid.T) {
		var ids []uint32
		for next := g.Next(ids, true); next != nil; next = g.Next(ids, true) {
			ids = append(ids, rapid.SampledFrom(next).Draw(t, "id"))
		}
		if len(ids) != g.Length(ids[0], true) || len(ids) != 2+g.Actions() {
			t.Fatalf("%d tokens, promised %d", len(ids), g.Length(ids[0], true))
		}
		a, err := g.Parse(ids, true)
		if err != nil {
			t.Fatal(err)
		}
		d, ok := g.Direction(ids)
		if n := a.Navigation; !ok || n != nil && (n.Direction != d || d == Stop || !(n.Value > 0)) || n == nil && d != Stop {
			t.Fatalf("direction %d, %+v", d, a)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		direction := rapid.Uint8Range(Forward, TurnRight).Draw(t, "direction")
		span := 3.0
		if direction == Forward {
			span = 2
		}
		value := rapid.Float64Range(0, span).Draw(t, "value")
		n, err := g.Drive(direction, value)
		if err != nil {
			t.Fatal(err)
		}
		ids := []uint32{n.DirectionToken, n.ValueToken}
		if d, ok := g.Direction(ids); !ok || d != direction || n.Direction != direction {
			t.Fatalf("%s by %g is said as %v, which is %s", DirectionName(direction), value, ids, DirectionName(d))
		}
		bin := 2 * span / 255
		if off := math.Abs(n.Value - value); off > bin/2+1e-9 && value > 2*bin {
			t.Fatalf("%s by %g is said as %g", DirectionName(direction), value, n.Value)
		}
	})
	still := slices.Concat(g.Still(), slices.Repeat([]uint32{qwen2 - 100}, g.Actions()))
	if a, err := g.Parse(still, true); err != nil || len(a.Steps) != 3 {
		t.Errorf("standing still: %+v, %v", a, err)
	}
	still[0]-- // one bin off still means nothing
	if a, err := g.Parse(still, true); err != nil || a.Navigation != nil {
		t.Errorf("hardly driving: %+v, %v", a, err)
	}
	for name, ids := range map[string][]uint32{"one token": still[:1], "a direction": {10, still[1]}, "few steps": still[:5], "many": append(still, still[2])} {
		if _, err := g.Parse(ids, true); !errors.Is(err, ErrGrammar) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(g.Next(nil, false)) != 256 || g.Length(0, false) != 6 || g.Directions() != nil {
		t.Error("a task on the spot, or directions")
	}
}
