package weights

import (
	"hash/fnv"
	"math"
	"strings"

	"cobot_vla/model/nn"
)

// Synthetic is weights that no file holds: every number a function of its
// tensor's name and place, of the size that random initialisation gives. For measurements and tests.
type Synthetic struct {
	// Seed of all numbers.
	Seed uint64
	// Scale of the matrices, as a multiple of 1/√inputs; 0 is 1.
	Scale float32
}

// Has says that every tensor is there, biases only where the models have them.
func (Synthetic) Has(name string) bool { return !withoutBias(name) }

// withoutBias: o_proj and the MLP of Qwen2, the embedding and the head have no bias.
func withoutBias(name string) bool {
	stem, isBias := strings.CutSuffix(name, ".bias")
	if !isBias {
		return false
	}
	if stem == "language.embed_tokens" || stem == "head" {
		return true
	}
	if !strings.HasPrefix(stem, "language.layers.") {
		return false
	}
	for _, end := range []string{".self_attn.o_proj", ".mlp.gate_proj", ".mlp.up_proj", ".mlp.down_proj"} {
		if strings.HasSuffix(stem, end) {
			return true
		}
	}
	return false
}

// Matrix of normally sized numbers, uniform in ±√(3/inputs).
func (s Synthetic) Matrix(name string, out, in int) (nn.Matrix, error) {
	seed := s.seed(name)
	size := float32(math.Sqrt(3 / float64(in)))
	if s.Scale != 0 {
		size *= s.Scale
	}
	return nn.Matrix{Out: out, In: in, Read: func(dst []float32, r int) {
		Uniform(dst, seed+uint64(r)*0x9e3779b97f4a7c15, size)
	}}, nil
}

// Vector of numbers around 1 for the gains of norms, around 0 else.
func (s Synthetic) Vector(name string, n int) ([]float32, error) {
	v := make([]float32, n)
	Uniform(v, s.seed(name), 0.1)
	if isGain(name) {
		for i := range v {
			v[i]++
		}
	}
	return v, nil
}

// isGain: the weight of anything whose last name part speaks of a norm, and a layer scale.
func isGain(name string) bool {
	if stem, ok := strings.CutSuffix(name, ".weight"); ok {
		last := stem[strings.LastIndexByte(stem, '.')+1:]
		return strings.Contains(last, "norm") || strings.HasPrefix(last, "ln_")
	}
	return strings.HasSuffix(name, ".ls1") || strings.HasSuffix(name, ".ls2")
}

func (s Synthetic) seed(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64() ^ s.Seed
}

// Uniform fills dst with numbers in ±size by splitmix64, two a step.
func Uniform(dst []float32, state uint64, size float32) {
	scale := size / (1 << 31)
	for i := 0; i < len(dst); i += 2 {
		state += 0x9e3779b97f4a7c15
		z := (state ^ state>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
		dst[i] = float32(int32(z)) * scale
		if i+1 < len(dst) {
			dst[i+1] = float32(int32(z>>32)) * scale
		}
	}
}
