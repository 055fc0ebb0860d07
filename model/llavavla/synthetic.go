package llavavla

import (
	"fmt"
	"hash/fnv"
	"math"

	"cobot_vla/model/checkpoint"
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

// Has says that every tensor is there, biases only where LLaVA has them.
func (Synthetic) Has(name string) bool {
	return !isQwenWithoutBias(name)
}

// isQwenWithoutBias: o_proj and the MLP of Qwen2, the embedding and the head have no bias.
func isQwenWithoutBias(name string) bool {
	var layer int
	var rest string
	if _, err := fmt.Sscanf(name, "language.layers.%d.%s", &layer, &rest); err == nil {
		switch rest {
		case "self_attn.o_proj.bias", "mlp.gate_proj.bias", "mlp.up_proj.bias", "mlp.down_proj.bias":
			return true
		}
	}
	return name == "language.embed_tokens.bias" || name == "head.bias"
}

// Matrix of normally sized numbers, uniform in ±√(3/inputs).
func (s Synthetic) Matrix(name string, out, in int) (nn.Matrix, error) {
	seed := s.seed(name)
	size := float32(math.Sqrt(3 / float64(in)))
	if s.Scale != 0 {
		size *= s.Scale
	}
	return nn.Matrix{Out: out, In: in, Read: func(dst []float32, r int) {
		uniform(dst, seed+uint64(r)*0x9e3779b97f4a7c15, size)
	}}, nil
}

// Vector of numbers around 1 for the gains of norms, around 0 else.
func (s Synthetic) Vector(name string, n int) ([]float32, error) {
	v := make([]float32, n)
	uniform(v, s.seed(name), 0.1)
	if isGain(name) {
		for i := range v {
			v[i]++
		}
	}
	return v, nil
}

func isGain(name string) bool {
	var layer int
	var rest string
	if name == "language.norm.weight" {
		return true
	}
	if _, err := fmt.Sscanf(name, "language.layers.%d.%s", &layer, &rest); err != nil {
		_, _ = fmt.Sscanf(name, "vision.encoder.layers.%d.%s", &layer, &rest)
	}
	switch rest {
	case "input_layernorm.weight", "post_attention_layernorm.weight", "layer_norm1.weight", "layer_norm2.weight":
		return true
	}
	return false
}

func (s Synthetic) seed(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64() ^ s.Seed
}

// uniform fills dst with numbers in ±size by splitmix64, two a step.
func uniform(dst []float32, state uint64, size float32) {
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

// Presets are the shapes that can be synthesised.
func Presets() []string { return []string{"llava-onevision-0.5b", "tiny"} }

// Preset is the configuration of a published checkpoint.
func Preset(name string) (checkpoint.Config, error) {
	image := checkpoint.ImageConfig{AspectRatio: "anyres_max_9", MergeType: "spatial_unpad"}
	switch name {
	case "llava-onevision-0.5b":
		for i := 1; i <= 6; i++ {
			for j := 1; j <= 6; j++ {
				image.Pinpoints = append(image.Pinpoints, [2]int{384 * i, 384 * j})
			}
		}
		return checkpoint.Config{
			Scheme: checkpoint.LMMs, ModelType: "llava", ImageToken: 151646, Image: image,
			Vision: checkpoint.VisionConfig{ImageSize: 384, PatchSize: 14, Channels: 3, Hidden: 1152, Intermediate: 4304, Layers: 26, Heads: 16, Eps: 1e-6},
			Language: checkpoint.LanguageConfig{
				Hidden: 896, Intermediate: 4864, Layers: 24, Heads: 14, KVHeads: 2, HeadDim: 64,
				VocabRows: 151936, MaxPositions: 32768, Eps: 1e-6, RopeTheta: 1e6, Tied: true, EOS: []int{151645},
			},
		}, nil
	case "tiny":
		image.Pinpoints = [][2]int{{56, 56}, {56, 112}, {112, 56}, {112, 112}}
		return checkpoint.Config{
			Scheme: checkpoint.LMMs, ModelType: "llava", ImageToken: 998, Image: image,
			Vision: checkpoint.VisionConfig{ImageSize: 56, PatchSize: 14, Channels: 3, Hidden: 64, Intermediate: 128, Layers: 2, Heads: 4, Eps: 1e-6},
			Language: checkpoint.LanguageConfig{
				Hidden: 64, Intermediate: 128, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 16,
				VocabRows: 1000, MaxPositions: 32768, Eps: 1e-6, RopeTheta: 1e6, Tied: true, EOS: []int{999},
			},
		}, nil
	}
	return checkpoint.Config{}, fmt.Errorf("preset %q: expected one of %v", name, Presets())
}
