package llavavla

import (
	"context"
	"math"
	"testing"

	"cobot_vla/model"
	"cobot_vla/model/nn/cpu"
)

func TestCompareWithF32(t *testing.T) {
	var observations []model.Observation
	for seed := range 10 {
		observations = append(observations, observation(seed, seed%3 == 0))
	}
	rows, err := CompareWithF32(context.Background(), testCheckpoint(t, nil), testConfig(true),
		[]cpu.Precision{cpu.F32, cpu.BF16, cpu.W8A16, cpu.INT8}, observations)
	if err != nil {
		t.Fatal(err)
	}
	if f32 := rows[0]; f32.Equal != 1 || f32.Bins != 0 || f32.Decisions != 0 {
		t.Errorf("f32 differs from itself: %+v", f32)
	}
	for _, row := range rows {
		t.Logf("%-6s %.3f of %d tokens equal, %.2f bins RMS, %d decisions differ", row.Precision, row.Equal, row.Tokens, row.Bins, row.Decisions)
	}
	// The golden model's margins are those of random weights; still, most of what it says survives 16 bits.
	for _, row := range rows[1:3] {
		if row.Equal < 0.6 {
			t.Errorf("%s: %.2f of the tokens are equal", row.Precision, row.Equal)
		}
	}
}

func TestCompare(t *testing.T) {
	act := func(a, b uint32, x float64) model.Action {
		return model.Action{Steps: [][]float64{{x, 0}}, Tokens: [][]uint32{{a, b}}}
	}
	drive := model.Action{Navigation: &model.Navigation{Direction: 1, DirectionToken: 5, ValueToken: 9}}
	got := compare(cpu.INT8, []string{"a", "b"},
		[]model.Action{act(10, 20, 1), act(13, 20, 1.5), drive, drive},
		[]model.Action{act(10, 20, 1), act(10, 20, 1), drive, act(1, 2, 3)})
	if got.Tokens != 6 || got.Equal != 5.0/6 || got.Decisions != 1 || math.Abs(got.Bins-1.5) > 1e-12 || got.Worst["a"] != 0.5 || math.Abs(got.RMS["a"]-0.5/math.Sqrt2) > 1e-12 || got.RMS["b"] != 0 {
		t.Errorf("%+v", got)
	}
}
