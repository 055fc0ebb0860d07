package llavavla

import (
	"context"
	"testing"

	"cobot_vla/model/nn/cpu"
)

// TestBench runs the measurement on the smallest model: its numbers mean
// nothing, but every one of them is there.
func TestBench(t *testing.T) {
	machines, rows := 0, 0
	err := Bench(context.Background(), BenchConfig{
		Preset: "tiny", Precisions: []cpu.Precision{cpu.INT8}, Tokens: []int{5}, FullHead: true, Repeat: 1, CPU: cpu.Config{Threads: 2},
	}, func(m cpu.Machine) {
		machines++
		if m.ReadGBs <= 0 || len(m.Tera) != 3 || m.Features == "" {
			t.Errorf("machine %+v", m)
		}
	}, func(r BenchRow) {
		rows++
		if r.StepS <= 0 || r.TokenMS <= 0 || r.Ratio <= 0 || r.GBs <= 0 || r.TeraOps <= 0 || r.PeakBytes <= 0 || r.WeightBytes <= 0 || r.Encoded != 1 {
			t.Errorf("row %+v", r)
		}
		if want := map[int]int{1: 16 + 1 + 60, 2: 16 + 20 + 60}[r.Crops]; r.Prompt != want {
			t.Errorf("%d crops make a prompt of %d, expected %d", r.Crops, r.Prompt, want)
		}
		if (r.Head == "restricted") != (len(r.PassMS) == 7) {
			t.Errorf("passes %v with the %s head", r.PassMS, r.Head)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if machines != 1 || rows != 4 {
		t.Errorf("%d machines and %d rows, expected 1 and 4", machines, rows)
	}
}
