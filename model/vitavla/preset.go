package vitavla

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"cobot_vla/model/checkpoint"
)

// Presets are the shapes that can be made of weights in memory.
func Presets() []string { return []string{"vita-vla-7b", "vita-vla-tiny", "vita-vla-nano"} }

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
	case "vita-vla-tiny": // 0.9 M parameters beside the words
		return NetworkConfig{
			Vision:    checkpoint.VisionConfig{ImageSize: 84, PatchSize: 14, Channels: 3, Hidden: 96, Intermediate: 256, Layers: 3, Heads: 3, Eps: 1e-6},
			Connector: 2, Image: 84, Predictions: 3, Action: 96, Mapper: 3,
			Language: checkpoint.LanguageConfig{
				Hidden: 128, Intermediate: 256, Layers: 3, Heads: 4, KVHeads: 2, HeadDim: 32,
				VocabRows: 1200, MaxPositions: 4096, Eps: 1e-6, RopeTheta: 1e4,
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

// WriteConfig writes DIR/config.json, in VITA's form and with keys of our own for what that has built in.
func WriteConfig(dir string, c NetworkConfig) error {
	if err := c.check(); err != nil {
		return err
	}
	l, v := c.Language, c.Vision
	data, err := json.MarshalIndent(map[string]any{
		"architectures": []string{"VITAQwen2ForCausalLM"}, "model_type": modelType, "hidden_act": "silu",
		"hidden_size": l.Hidden, "intermediate_size": l.Intermediate, "num_hidden_layers": l.Layers, "num_attention_heads": l.Heads,
		"num_key_value_heads": l.KVHeads, "head_dim": l.HeadDim, "vocab_size": l.VocabRows, "max_position_embeddings": l.MaxPositions,
		"rms_norm_eps": l.Eps, "rope_theta": l.RopeTheta, "tie_word_embeddings": l.Tied, "use_sliding_window": false,
		"mm_hidden_size": 4 * v.Hidden, "mm_projector_type": fmt.Sprintf("mlp%dx_gelu", c.Connector), "mm_vision_tower": "InternViT", "use_mm_proj": true,
		"_test_only_vision_config": map[string]any{
			"hidden_size": v.Hidden, "intermediate_size": v.Intermediate, "num_hidden_layers": v.Layers, "num_attention_heads": v.Heads,
			"patch_size": v.PatchSize, "image_size": v.ImageSize, "layer_norm_eps": v.Eps, "hidden_act": "gelu", "norm_type": "layer_norm",
		},
		"_test_only_vla": map[string]any{
			"image_size": c.Image, "action_pred_steps": c.Predictions, "action_decoder_dim": c.Action,
			"projector_type": fmt.Sprintf("mlp%dx_gelu", c.Mapper), "hidden_index": -1,
		},
	}, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), append(data, '\n'), 0o644)
}
