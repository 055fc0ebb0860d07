//go:build cuda

package driver

import (
	"testing"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cuda"
	"cobot_vla/model/nn/nntest"
)

// TestConformance runs on a GPU: `make cuda-verify`.
func TestConformance(t *testing.T) {
	for precision, limit := range map[cuda.Precision]float64{cuda.F32: 2e-6, cuda.BF16: 2e-2, cuda.W8A16: 2e-2} {
		t.Run(string(precision), func(t *testing.T) {
			nntest.Conformance(t, nntest.Claim{
				Open: func(t *testing.T) nn.Backend {
					d, err := Open(0)
					if err != nil {
						t.Fatal(err)
					}
					b, err := cuda.New(d, cuda.Config{Precision: precision})
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
