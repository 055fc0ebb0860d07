package llavavla

import (
	"context"
	"slices"
	"testing"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/weights"
)

// TestActionsAllocateNothing: after the first action the model works in the memory it has.
func TestActionsAllocateNothing(t *testing.T) {
	ctx := context.Background()
	set, err := nn.NewSet(nn.IDRange{From: 700, To: 956})
	if err != nil {
		t.Fatal(err)
	}
	for _, precision := range cpu.Precisions() {
		t.Run(string(precision), func(t *testing.T) {
			m := syntheticTiny(t, openCPU(t, cpu.Config{Precision: precision, Threads: 2}), 1, Options{Positions: 200, Window: 40})
			plan := squarePlan(t, m)
			pixels := make([]float32, 3*plan.Crop*plan.Crop)
			weights.Uniform(pixels, 1, 1)
			prompt := Prompt{Before: []int32{1, 2, 3}, After: []int32{4, 5, 6, 7}}
			d := Decoding{Grammar: Fixed(35, set), Penalty: 1.1}
			answer := make([]int32, 0, 40)
			guess := slices.Repeat([]int32{720, 750}, 17)
			widest := &Costs{Pass: slices.Repeat([]float64{1}, 41), Right: 0.5}
			act := func() {
				image, err := m.Encode(pixels, plan)
				if err != nil {
					t.Fatal(err)
				}
				hidden, err := m.Prefill(prompt, image)
				if err != nil {
					t.Fatal(err)
				}
				at := m.language.Len()
				if _, err := m.Greedy(ctx, answer, hidden, d); err != nil {
					t.Fatal(err)
				}
				m.language.Seek(at)
				// The last hidden state was overwritten by decoding; what is said from another one does not matter here.
				if _, err := m.Parallel(ctx, answer, hidden, d, guess, widest); err != nil {
					t.Fatal(err)
				}
			}
			act()
			if n := testing.AllocsPerRun(5, act); n > 0 {
				t.Errorf("an action allocates %.0f times", n)
			}
		})
	}
}
