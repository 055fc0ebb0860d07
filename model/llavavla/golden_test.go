package llavavla

import (
	"context"
	"path/filepath"
	"testing"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/nn/cpu/kernels"
	"cobot_vla/model/nn/ref"
)

const goldenDir = "../testdata/golden"

func testGolden(t *testing.T, b nn.Backend, dir, layout string, limit int) {
	t.Helper()
	c, err := checkpoint.Open(filepath.Join(dir, layout))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	defer b.Close()
	if limit == 0 {
		limit = c.Config.Language.VocabRows
	}
	reports, err := CompareGolden(context.Background(), b, c, filepath.Join(dir, "golden.safetensors"), limit)
	if err != nil {
		t.Fatal(err)
	}
	if len(reports) == 0 {
		t.Fatal("the golden file has no cases")
	}
	for _, r := range reports {
		for _, d := range r.Diffs {
			t.Logf("%-32s max %.2e of %.2f, tolerance %.0e", d.Tensor, d.Max, d.Scale, d.Tolerance)
		}
		for _, a := range r.Greedy {
			t.Logf("%s.%s: %d of %d equal", r.Case, a.List, a.Equal, a.Total)
		}
		if !r.OK() {
			t.Errorf("%s: case %s differs from the original", dir, r.Case)
		}
	}
}

func TestGoldenReference(t *testing.T) {
	for _, model := range []string{"tiny", "odd"} {
		for _, layout := range []string{"hf", "lmms"} {
			t.Run(model+"/"+layout, func(t *testing.T) {
				testGolden(t, ref.New(), filepath.Join(goldenDir, model), layout, 0)
			})
		}
	}
}

func openCPU(t testing.TB, c cpu.Config) *cpu.Backend {
	t.Helper()
	b, err := cpu.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestGoldenCPU(t *testing.T) {
	for _, k := range kernels.Available() {
		for _, model := range []string{"tiny", "odd"} {
			for _, layout := range []string{"hf", "lmms"} {
				t.Run(k.Name+"/"+model+"/"+layout, func(t *testing.T) {
					b := openCPU(t, cpu.Config{Precision: cpu.F32, Kernels: k.Name})
					testGolden(t, b, filepath.Join(goldenDir, model), layout, 0)
				})
			}
		}
	}
}

// TestGoldenLong is the real geometry: 1545 and 7344 positions, 13 crops, interpolated, with and without penalty.
func TestGoldenLong(t *testing.T) {
	if kernels.Available()[0].Name == "go" {
		t.Skip("portable kernels take minutes for 7344 positions; the short models run on them")
	}
	const tokenizerLength = 600
	testGolden(t, openCPU(t, cpu.Config{Precision: cpu.F32}), "testdata/long", "lmms", tokenizerLength)
}
