package llavavla

import (
	"context"
	"path/filepath"
	"testing"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn"
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
