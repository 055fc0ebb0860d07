package main

import (
	"slices"
	"testing"
	"time"
)

func TestStillness(t *testing.T) {
	var s stillness
	now := time.Unix(100, 0)
	pose := make([]float64, 14)
	for _, step := range []struct {
		what    string
		joint   int
		by      float64
		driving bool
		want    time.Duration
	}{
		{"the first look", 0, 0, false, 0},
		{"nothing", 0, 0, false, time.Second},
		{"a bin", 3, 0.02, false, 2 * time.Second},
		{"and back", 3, -0.02, false, 3 * time.Second},
		{"a joint", 3, 0.04, false, 0},
		{"nothing again", 0, 0, false, time.Second},
		{"two bins, the second beyond", 8, 0.02, false, 2 * time.Second},
		{"slowly is moving too", 8, 0.02, false, 0},
		{"a gripper", 6, 0.006, false, 0},
		{"the other", 13, -0.006, false, 0},
		{"nothing", 0, 0, false, time.Second},
		{"the base", 0, 0, true, 0},
		{"the base has stopped", 0, 0, false, time.Second},
	} {
		pose[step.joint] += step.by
		if got := s.look(now, pose, step.driving); got != step.want {
			t.Errorf("%s: still for %v, expected %v", step.what, got, step.want)
		}
		now = now.Add(time.Second)
	}
	if got := s.look(now, slices.Clone(pose[:7]), false); got != 0 {
		t.Errorf("another robot: still for %v", got)
	}
}
