//go:build mujoco && cgo

package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/model/seer"
)

// TestMujocoCollectCorrectsOneArm: what a policy of one arm does is labelled, though the expert feels more than it; and is only
// asked for where that arm does the task.
func TestMujocoCollectCorrectsOneArm(t *testing.T) {
	t.Chdir(t.TempDir())
	mustCommand(t, "train", "--recipe", "seer", "--data", "toy", "--out", "seer", "--steps", "1", "--batch", "1", "--micro", "1", "--history", "1", "--held", "0", "--precision", "f32")
	c := collectCmd{
		Tasks: []string{"click_bell"}, Arm: "left", Episodes: 1, Seed: 2, Out: "out", Policy: "seer", Checkpoint: "seer", KeepFailed: true,
		Takeover: 1, rolloutFlags: rolloutFlags{Latency: 100 * time.Millisecond, Jobs: 1, Plant: "mujoco"},
	}
	// The toy speaks other words than the task.
	words, err := scene.ByName("click_bell")
	if err != nil {
		t.Fatal(err)
	}
	features := seer.Sentences{}
	for _, w := range words.Instructions {
		features[w] = make([]float32, 32)
	}
	if err := seer.WriteSentences("seer", features); err != nil {
		t.Fatal(err)
	}
	// The expert, whose part of a chunk is that arm's, rings the bell for it, the same way every time.
	var first map[string]string
	for _, after := range []string{"before", "again"} {
		if err := c.Run(testApp(t)); err != nil {
			t.Fatal(err)
		}
		l, err := openLedger(filepath.Join(c.Out, "click_bell", ledgerFile))
		if err != nil || l.kept(true) != 1 {
			t.Fatal(l.kept(true), err)
		}
		l.each(func(got attempt) {
			start := words.Sample(got.Seed, 1)
			if words.Arm(start) != "left" {
				t.Errorf("seed %d is for the %s arm", got.Seed, words.Arm(start))
			}
			if !got.Success || got.Refusals > 0 || got.Labels+2 < uint64(got.Steps) {
				t.Errorf("seed %d: %s, %d labels and %d refusals in %d steps", got.Seed, got.Reason, got.Labels, got.Refusals, got.Steps)
			}
		})
		sums := hashes(t, c.Out)
		if first != nil && !maps.Equal(first, sums) {
			t.Errorf("two runs recorded %v and %v", first, sums)
		}
		first = sums
		if err := os.Rename(c.Out, after); err != nil { // episodes tell their folder: it is the same for both
			t.Fatal(err)
		}
	}
	c.Tasks = []string{"lift_pot"}
	if err := c.Run(testApp(t)); err == nil || !strings.Contains(err.Error(), "lift_pot is not a task of one arm") {
		t.Errorf("a task of both arms: %v", err)
	}
}
