package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cobot_vla/model/distill"
	"cobot_vla/model/train/data"
)

// TestSequencesOfDemonstrations records two demonstrations and learns from them by the whole of a recipe.
func TestSequencesOfDemonstrations(t *testing.T) {
	t.Chdir(t.TempDir())
	collecting(t, "demos", 2, 1)
	found := 0
	for _, side := range []string{"left", "right"} {
		taught, err := openSequences([]string{"demos"}, side, data.DefaultConfig())
		if err != nil {
			if !strings.Contains(err.Error(), "in none of them the "+side+" arm") {
				t.Fatal(err)
			}
			continue
		}
		found++
		s := make([]distill.Sequence, 4)
		if err := taught.Sample(1, 2, 3, 3, s); err != nil {
			t.Fatal(err)
		}
		again := make([]distill.Sequence, 4)
		if err := taught.Sample(1, 2, 3, 3, again); err != nil {
			t.Fatal(err)
		}
		for i, q := range s {
			if len(q.Observations) != 3 || len(q.Actions) != 3 || len(q.Actions[0]) != 3 || len(q.Actions[0][0]) != 7 || len(q.Words) != 3 {
				t.Fatalf("sequence %d: %d observations, %d actions", i, len(q.Observations), len(q.Actions))
			}
			if !slices.Equal(q.Observations[0].State, again[i].Observations[0].State) {
				t.Error("the same step drew other sequences")
			}
			if !strings.Contains(q.Observations[0].Instruction, "bottle") {
				t.Errorf("instruction %q", q.Observations[0].Instruction)
			}
		}
		if held, err := taught.Held(3, 3); err != nil || len(held) == 1 {
			t.Errorf("%d sequences held out, %v", len(held), err)
		}
		out := filepath.Join(t.TempDir(), "seer")
		said := mustCommand(t, "train", "--recipe", "seer", "--arm", side, "--data", "demos", "--out", out, "--steps", "2", "--batch", "2", "--micro", "1", "--history", "2", "--precision", "f32")
		if !strings.Contains(said, "step 2 of 2") {
			t.Error(said)
		}
	}
	if found == 0 {
		t.Error("neither arm was taught anything")
	}
}
