package train

import (
	"context"
	"math"
	"testing"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/nn/cpu/kernels"
	"cobot_vla/model/nn/ref"
)

func processor(t testing.TB, c cpu.Config) *cpu.Backend {
	t.Helper()
	b, err := cpu.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestParity holds gradients and three steps to PyTorch's, on every kernel.
func TestParity(t *testing.T) {
	backends := map[string]func() nn.Gradients{"ref": func() nn.Gradients { return ref.New() }}
	for _, k := range kernels.Available() {
		backends["f32 "+k.Name] = func() nn.Gradients { return processor(t, cpu.Config{Precision: cpu.F32, Kernels: k.Name}) }
		backends["bf16 "+k.Name] = func() nn.Gradients { return processor(t, cpu.Config{Precision: cpu.BF16, Kernels: k.Name}) }
	}
	for name, open := range backends {
		t.Run(name, func(t *testing.T) {
			c, err := checkpoint.Open("../testdata/golden/tiny/hf")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			p, err := CompareTraining(context.Background(), ParityConfig{Backend: open(), Checkpoint: c, Path: "testdata/train.safetensors"})
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Tensors) < 2*60 || len(p.Losses) != 4 {
				t.Fatalf("%d tensors and %d losses were compared", len(p.Tensors), len(p.Losses))
			}
			if name[:2] == "bf" {
				if cosine := p.Cosine(); !(cosine >= 0.999) {
					t.Errorf("cosine %v with the f32 gradients", cosine)
				}
				return
			}
			for i, l := range p.Losses {
				if math.Abs(l-p.WantLosses[i]) > 2e-5*p.WantLosses[0] {
					t.Errorf("losses %v, expected %v", p.Losses, p.WantLosses)
					break
				}
			}
			if !p.OK() {
				for _, d := range p.Tensors {
					if d.Beyond > 0 {
						t.Errorf("%s: |Δ| %.2e of %.2e, %d of %d beyond %.2e", d.Name, d.Max, d.Scale, d.Beyond, d.Values, d.Tolerance)
					}
				}
			}
		})
	}
}
