package llavavla

import (
	"fmt"

	"cobot_vla/model/checkpoint"
)

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
