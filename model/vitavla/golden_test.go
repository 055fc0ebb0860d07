package vitavla

import (
	"context"
	"path/filepath"
	"testing"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/nn/cpu/kernels"
	"cobot_vla/model/nn/ref"
)

const goldenDir = "../testdata/golden/vita_tiny"

func testGolden(t *testing.T, b nn.Backend) {
	t.Helper()
	defer b.Close()
	reports, err := CompareGolden(context.Background(), b, goldenDir, filepath.Join(goldenDir, "golden.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, r := range reports {
		for _, d := range r.Diffs {
			compared++
			t.Logf("%-32s max %.2e of %.2f, tolerance %.0e", d.Tensor, d.Max, d.Scale, d.Tolerance)
		}
		for _, a := range r.Greedy {
			compared++
			t.Logf("%s: %d of %d equal", a.List, a.Equal, a.Total)
		}
		if !r.OK() {
			t.Errorf("case %s differs from the original", r.Case)
		}
	}
	if compared < 55 {
		t.Errorf("%d tensors compared, expected 55", compared)
	}
}

func TestGoldenReference(t *testing.T) { testGolden(t, ref.New()) }

func TestGoldenCPU(t *testing.T) {
	for _, k := range kernels.Available() {
		t.Run(k.Name, func(t *testing.T) {
			b, err := cpu.New(cpu.Config{Precision: cpu.F32, Kernels: k.Name})
			if err != nil {
				t.Fatal(err)
			}
			testGolden(t, b)
		})
	}
}
