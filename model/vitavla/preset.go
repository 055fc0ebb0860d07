package vitavla

import (
	"fmt"

	"cobot_vla/model/checkpoint"
)

// Presets are the shapes that can be made of weights in memory.
func Presets() []string { return []string{"vita-vla-7b", "vita-vla-nano"} }

// Preset is the configuration of a published checkpoint, or of a very small one.
func Preset(name string) (NetworkConfig, error) {
	switch name {
	case "vita-vla-7b":
		return NetworkConfig{
			Vision: internVIT, Connector: 2, Image: 200, Predictions: 3, Action: 1024, Mapper: 3,
			Language: checkpoint.LanguageConfig{
				Hidden: 3584, Intermediate: 18944, Layers: 28, Heads: 28, KVHeads: 4, HeadDim: 128,
				VocabRows: 152064, MaxPositions: 32768, Eps: 1e-6, RopeTheta: 1e6,
			},
		}, nil
	case "vita-vla-nano":
		return NetworkConfig{
			Vision:    checkpoint.VisionConfig{ImageSize: 56, PatchSize: 14, Channels: 3, Hidden: 64, Intermediate: 128, Layers: 2, Heads: 4, Eps: 1e-6},
			Connector: 2, Image: 56, Predictions: 3, Action: 32, Mapper: 3,
			Language: checkpoint.LanguageConfig{
				Hidden: 64, Intermediate: 128, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 16,
				VocabRows: 1000, MaxPositions: 32768, Eps: 1e-6, RopeTheta: 1e6,
			},
		}, nil
	}
	return NetworkConfig{}, fmt.Errorf("preset %q: expected one of %v", name, Presets())
}
