package llavavla

import (
	"context"
	"path/filepath"
	"slices"
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

// TestGoldenPenalty holds both backends' penalty to transformers' RepetitionPenaltyLogitsProcessor.
func TestGoldenPenalty(t *testing.T) {
	f, err := checkpoint.OpenFile("testdata/long/golden.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	floats := func(name string) []float32 {
		tensor, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		v, err := tensor.F32()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	g := &goldenRun{golden: f}
	said, err := g.ids("penalty_unit.ids")
	if err != nil {
		t.Fatal(err)
	}
	scores, want := floats("penalty_unit.scores"), floats("penalty_unit.result")
	changed := 0
	for id := range scores {
		got := scores[id]
		if slices.Contains(said, int32(id)) {
			got = nn.Penalise(got, 1.1)
			changed++
		}
		if diff := got - want[id]; diff > 1e-6 || diff < -1e-6 {
			t.Errorf("score of %d is %v, expected %v", id, got, want[id])
		}
	}
	if changed == 0 {
		t.Error("nothing was penalised")
	}
	// What each backend picks, id by id: the best of the penalised scores among a growing set.
	for name, b := range map[string]nn.Backend{"ref": ref.New(), "cpu": openCPU(t, cpu.Config{Precision: cpu.F32})} {
		history, picked := b.Tokens(len(said)), b.Tokens(1)
		b.Put(history, said)
		for n := 1; n <= len(want); n += 37 {
			set, err := nn.NewSet(nn.IDRange{From: 0, To: int32(n)})
			if err != nil {
				t.Fatal(err)
			}
			row := b.Buf(1, n)
			b.Write(row, scores[:n])
			b.Put(picked, nil)
			b.Pick(picked, history, row, set, 1.1)
			got, err := b.ReadTokens(nil, picked)
			if err != nil {
				t.Fatal(err)
			}
			if best := slices.Index(want[:n], slices.Max(want[:n])); int(got[0]) != best {
				t.Errorf("%s picks %d of %d, expected %d", name, got[0], n, best)
			}
		}
	}
}
