package cuda_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cuda"
	"cobot_vla/model/nn/cuda/emulator"
	"cobot_vla/model/nn/nntest"
)

// modules are translated once for all tests.
var modules emulator.Modules

func open(t testing.TB, precision cuda.Precision) *cuda.Backend {
	t.Helper()
	b, err := cuda.New(emulator.New(emulator.Config{Modules: &modules}), cuda.Config{Precision: precision})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestConformance(t *testing.T) {
	for precision, limit := range map[cuda.Precision]float64{cuda.F32: 2e-6, cuda.BF16: 2e-2, cuda.W8A16: 2e-2} {
		t.Run(string(precision), func(t *testing.T) {
			t.Parallel()
			nntest.Conformance(t, nntest.Claim{
				Open:       func(t *testing.T) nn.Backend { return open(t, precision) },
				Error:      limit,
				ExactError: 2e-6,
			})
		})
	}
}

// TestThePTXIsOfTheseSources: `make ptx-check` compiles them; this needs no compiler.
func TestThePTXIsOfTheseSources(t *testing.T) {
	var names []string
	for _, pattern := range []string{"kernels/*.cu", "kernels/*.h"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	slices.Sort(names)
	h := sha256.New()
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		h.Write(data)
	}
	ptx, err := os.ReadFile("kernels/kernels.ptx")
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(ptx), "\n")
	if sum := hex.EncodeToString(h.Sum(nil)); len(names) < 5 || !strings.Contains(first, sum) {
		t.Errorf("kernels.ptx says %q, the sources are %s: make ptx", first, sum)
	}
}

// TestARecordedStepRefuses what its graph can't hold, and a run that does not fit; the first error stays.
func TestARecordedStepRefuses(t *testing.T) {
	narrow, err := nn.NewSet(nn.IDRange{From: 0, To: 8})
	if err != nil {
		t.Fatal(err)
	}
	wide, err := nn.NewSet(nn.IDRange{From: 0, To: 20})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		wrong func(b *cuda.Backend, said nn.Tokens, table nn.Weight)
		says  string
	}{
		"a write": {func(b *cuda.Backend, said nn.Tokens, _ nn.Weight) {
			x := b.Buf(1, 4)
			b.Record(narrow, func(*nn.Set) { b.Write(x, make([]float32, 4)) })
		}, "write: a recorded step"},
		"a seek": {func(b *cuda.Backend, said nn.Tokens, _ nn.Weight) {
			cache := b.Cache(nn.CacheSpec{Layers: 1, Capacity: 4, Heads: 1, KVHeads: 1, HeadDim: 2})
			b.Record(narrow, func(*nn.Set) { b.Seek(cache, 0) })
		}, "seek: a recorded step"},
		"a larger set": {func(b *cuda.Backend, said nn.Tokens, table nn.Weight) {
			step(b, said, table, narrow).Run(wide)
		}, "a set of 20 tokens"},
		"no room": {func(b *cuda.Backend, said nn.Tokens, table nn.Weight) {
			s := step(b, said, table, narrow)
			for range 9 {
				s.Run(narrow)
			}
		}, "room for no more"},
	} {
		b := open(t, cuda.BF16)
		table := b.Weight(nn.WeightSpec{Name: "w", Parts: []nn.Matrix{nn.FromSlice(20, 4, make([]float32, 80), nil)}})
		said := b.Tokens(8)
		b.Put(said, []int32{1})
		c.wrong(b, said, table)
		if err := b.Sync(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

// step reads the last token and says another.
func step(b *cuda.Backend, said nn.Tokens, table nn.Weight, set *nn.Set) nn.Step {
	x, scores := b.Buf(1, 4), b.Buf(1, set.Size())
	return b.Record(set, func(set *nn.Set) {
		b.Embed(x, table, said)
		b.Scores(scores, x, nil, table, set)
		b.Pick(said, said, scores, set, 1)
	})
}

// TestADeviceWithLittleSharedMemory is told so at the start.
func TestADeviceWithLittleSharedMemory(t *testing.T) {
	d := emulator.New(emulator.Config{Modules: &modules, Info: cuda.Info{Name: "small", Shared: 48 << 10}})
	if _, err := cuda.New(d, cuda.Config{}); err == nil || !strings.Contains(err.Error(), "small") || !strings.Contains(err.Error(), "shared memory") {
		t.Errorf("it says %v", err)
	}
}
