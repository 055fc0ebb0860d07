package cpu

import (
	"testing"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu/kernels"
	"cobot_vla/model/nn/cpu/kernels/amxtest"
	"cobot_vla/model/nn/nntest"
)

func TestAMXEmulated(t *testing.T) {
	if testing.Short() {
		t.Skip("the emulator takes seconds")
	}
	if kernels.Available()[0].WideI8 != nil {
		t.Skip("this processor has AMX: TestAMXConformance runs on it, and nothing is left to emulate")
	}
	amxtest.Run(t, "TestAMXConformance")
}

// TestAMXConformance runs on processors with AMX, or under the emulator.
func TestAMXConformance(t *testing.T) {
	if kernels.Available()[0].WideI8 == nil && !amxtest.Traced() {
		t.Skip("this processor has no AMX; TestAMXEmulated runs the same code")
	}
	for precision, limit := range map[Precision]float64{BF16: 2e-2, INT8: 3e-2} {
		t.Run(string(precision), func(t *testing.T) {
			nntest.Conformance(t, nntest.Claim{
				Open: func(t *testing.T) nn.Backend {
					b, err := newWith(Config{Precision: precision, Threads: 2}, kernels.WithAMX())
					if err != nil {
						t.Fatal(err)
					}
					return b
				},
				Error:      limit,
				ExactError: 2e-6,
			})
		})
	}
}
