package main

import (
	"strings"
	"testing"
)

// TestBenchTrain measures our training alone; and without PyTorch it says what is missing.
func TestBenchTrain(t *testing.T) {
	small := []string{"bench", "train", "--preset", "llava-vla-tiny", "--batch", "2", "--micro", "2", "--steps", "2", "--rounds", "1", "--threads", "1"}
	said := mustCommand(t, append(small, "--python=")...)
	if !strings.Contains(said, "parameters") || strings.Count(said, "ours") != 2 || strings.Contains(said, "PyTorch") {
		t.Error(said)
	}
	refused(t, "apt-get install python3-torch", append(small, "--python=no-such-python")...)
}
