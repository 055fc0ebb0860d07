package vitavla

import (
	"context"
	"testing"

	"cobot_vla/model/nn/cpu"
)

// TestBench runs the measurement on the smallest model: its numbers mean
// nothing, but every one of them is there.
func TestBench(t *testing.T) {
	machines := 0
	r, err := Bench(context.Background(), BenchConfig{
		Preset: "vita-vla-nano", Precision: cpu.INT8, Turns: 4, Head: 20, Repeat: 1, CPU: cpu.Config{Threads: 2},
	}, func(cpu.Machine) { machines++ })
	if err != nil {
		t.Fatal(err)
	}
	if machines != 1 || len(r.Stages) != 5 || len(r.Steps) != 4 || r.WeightBytes <= 0 || r.OtherBytes <= 0 || r.PeakBytes <= 0 {
		t.Errorf("%d machines, %+v", machines, r)
	}
	// Two images of 4 tokens, 10 words of instruction, a state, three actions and the chat's 5 + 1 + 2 + 5.
	if want := 8 + 10 + 1 + 3 + 13; r.TurnRows != want {
		t.Errorf("a turn has %d rows, expected %d", r.TurnRows, want)
	}
	for _, s := range r.Stages {
		if !(s.Seconds > 0 && s.Roof > 0) || s.Rows < 1 || s.WeightBytes < 1 {
			t.Errorf("stage %+v", s)
		}
	}
	for _, s := range r.Steps {
		if !(s.Seconds > 0 && s.Roof > 0) {
			t.Errorf("rule %+v", s)
		}
	}
}
