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
