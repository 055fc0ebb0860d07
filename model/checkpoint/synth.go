package checkpoint

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"cobot_vla/model/text"
)

// Presets that Synth knows.
const (
	// PresetOneVision has the shapes of lmms-lab/llava-onevision-qwen2-0.5b-ov, which LLaVA-VLA starts from.
	PresetOneVision = "llava-onevision-0.5b"
	// PresetTiny has the shapes of the smallest golden model: a megabyte, for tests.
	PresetTiny = "tiny"
)

// preset is what a synthetic checkpoint is made from.
type preset struct {
	config Config
	// base is the tokenizer's vocabulary without its three special tokens.
	base int
}

func presetNamed(name string) (preset, error) {
	switch name {
	case PresetOneVision:
		return preset{base: 151643, config: Config{
			Vision: so400m,
			Language: LanguageConfig{
				Hidden: 896, Intermediate: 4864, Layers: 24, Heads: 14, KVHeads: 2, HeadDim: 64,
				VocabRows: 151936, MaxPositions: 32768, Eps: 1e-6, RopeTheta: 1e6, Tied: true, EOS: []int{151645},
			},
			Image:      ImageConfig{AspectRatio: "anyres_max_9", Pinpoints: allPinpoints(384), MergeType: "spatial_unpad"},
			ImageToken: 151646,
		}}, nil
	case PresetTiny:
		return preset{base: 990, config: Config{
			Vision: VisionConfig{ImageSize: 56, PatchSize: 14, Channels: 3, Hidden: 64, Intermediate: 128, Layers: 2, Heads: 4, Eps: 1e-6},
			Language: LanguageConfig{
				Hidden: 64, Intermediate: 128, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 16,
				VocabRows: 1000, MaxPositions: 32768, Eps: 1e-6, RopeTheta: 1e6, Tied: true, EOS: []int{992},
			},
			Image:      ImageConfig{AspectRatio: "anyres_max_9", Pinpoints: allPinpoints(56), MergeType: "spatial_unpad"},
			ImageToken: 993,
		}}, nil
	}
	return preset{}, fmt.Errorf("preset %q, expected %s or %s", name, PresetOneVision, PresetTiny)
}

func allPinpoints(crop int) [][2]int {
	pins, _ := pinpointRange([]string{"", "1", "1"}, []string{"", "6", "6"}, crop)
	return pins
}

// Synth writes a checkpoint of random weights in the shapes, names (lmms-lab),
// dtype (BF16) and files of a real one, with a tokenizer of the real size whose
// merges know only the prompt's own words. The same preset and seed give the
// same bytes. It needs a few megabytes of memory, whatever the preset's size.
func Synth(dir, preset string, seed uint64) error {
	p, err := presetNamed(preset)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := WriteConfig(dir, p.config); err != nil {
		return err
	}
	if err := WriteGeneration(dir, Generation{RepetitionPenalty: 1.1, EOS: p.config.Language.EOS}); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), text.Synthetic(p.base), 0o644); err != nil {
		return err
	}
	return synthWeights(filepath.Join(dir, weightsFile), p.config, seed)
}

func synthWeights(path string, c Config, seed uint64) (err error) {
	h := c.Vision.Hidden
	shapes := append(c.Shapes(),
		Shape{"vision.post_layernorm.weight", []int{h}}, Shape{"vision.post_layernorm.bias", []int{h}})
	var specs []Spec
	for _, s := range shapes {
		specs = append(specs, Spec{Name: LMMs.Name(s.Name), DType: BF16, Shape: s.Dims})
	}
	w, err := Create(path, specs, map[string]string{"format": "pt"})
	if err != nil {
		return err
	}
	defer func() {
		if closed := w.Close(); err == nil {
			err = closed
		}
	}()
	chunk := make([]float32, 1<<14)
	for _, s := range shapes {
		fill := synthValues(s.Name, seed)
		left := 1
		for _, d := range s.Dims {
			left *= d
		}
		for left > 0 {
			part := chunk[:min(left, len(chunk))]
			fill(part)
			if err := w.WriteF32(part); err != nil {
				return err
			}
			left -= len(part)
		}
	}
	return nil
}

// synthValues gives a tensor's values: uniform, of standard deviation 0.02 as
// before training, around 1 for the scale of a norm. Each tensor has its own
// sequence, so that it does not depend on the order of the file.
func synthValues(name string, seed uint64) func([]float32) {
	hash := fnv.New64a()
	hash.Write([]byte(name))
	rng := rand.NewPCG(seed, hash.Sum64())
	const scale = 0.02 * 1.7320508 / (1 << 15)
	centre := float32(0)
	if strings.Contains(name, "norm") && strings.HasSuffix(name, ".weight") {
		centre = 1
	}
	return func(dst []float32) {
		var bits uint64
		for i := range dst {
			if i%4 == 0 {
				bits = rng.Uint64()
			}
			dst[i] = centre + scale*float32(int16(bits))
			bits >>= 16
		}
	}
}
