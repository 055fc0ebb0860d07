package cpu

import (
	"testing"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu/kernels"
	"cobot_vla/model/nn/nntest"
)

func TestConformance(t *testing.T) {
	for _, k := range kernels.Available() {
		for precision, limit := range map[Precision]float64{F32: 2e-6, BF16: 2e-2, W8A16: 2e-2, INT8: 3e-2} {
			t.Run(k.Name+"/"+string(precision), func(t *testing.T) {
				nntest.Conformance(t, nntest.Claim{
					Open: func(t *testing.T) nn.Backend {
						b, err := New(Config{Precision: precision, Kernels: k.Name, Threads: 2})
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
}
