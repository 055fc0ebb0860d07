package cpu

import (
	"fmt"
	"testing"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu/kernels"
	"cobot_vla/model/nn/nntest"
)

func TestGradients(t *testing.T) {
	for _, k := range kernels.Available() {
		for _, p := range []struct {
			precision Precision
			err       float64
		}{{F32, 2e-5}, {BF16, 2e-2}} {
			for _, threads := range []int{1, 3} {
				t.Run(fmt.Sprintf("%s/%s/%d threads", k.Name, p.precision, threads), func(t *testing.T) {
					nntest.Gradients(t, nntest.GradientClaim{Error: p.err, Open: func(t *testing.T) nn.Gradients {
						b, err := New(Config{Precision: p.precision, Kernels: k.Name, Threads: threads})
						if err != nil {
							t.Fatal(err)
						}
						t.Cleanup(func() { b.Close() })
						return b
					}})
				})
			}
		}
	}
}
