package checkpoint

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// WriteConfig writes DIR/config.json in the original's flat form, so that the
// original's code loads it too. A vision tower that is not SigLIP so400m, which
// that form can't describe, goes into a key of our own.
func WriteConfig(dir string, c Config) error {
	if err := c.check(); err != nil {
		return err
	}
	l := c.Language
	flat := map[string]any{
		"architectures":              []string{"LlavaQwenForCausalLM"},
		"model_type":                 "llava",
		"hidden_act":                 "silu",
		"hidden_size":                l.Hidden,
		"intermediate_size":          l.Intermediate,
		"num_hidden_layers":          l.Layers,
		"num_attention_heads":        l.Heads,
		"num_key_value_heads":        l.KVHeads,
		"vocab_size":                 l.VocabRows,
		"max_position_embeddings":    l.MaxPositions,
		"rms_norm_eps":               l.Eps,
		"rope_theta":                 l.RopeTheta,
		"rope_scaling":               nil,
		"tie_word_embeddings":        l.Tied,
		"use_sliding_window":         false,
		"image_aspect_ratio":         c.Image.AspectRatio,
		"image_grid_pinpoints":       c.Image.Pinpoints,
		"mm_patch_merge_type":        c.Image.MergeType,
		"mm_hidden_size":             c.Vision.Hidden,
		"mm_projector_type":          "mlp2x_gelu",
		"mm_use_im_patch_token":      false,
		"mm_use_im_start_end":        false,
		"mm_vision_select_feature":   "patch",
		"mm_vision_select_layer":     -2,
		"mm_vision_tower":            "google/siglip-so400m-patch14-384",
		"tokenizer_model_max_length": 32768,
		"torch_dtype":                "bfloat16",
		"use_mm_proj":                true,
	}
	if l.HeadDim*l.Heads != l.Hidden {
		flat["head_dim"] = l.HeadDim
	}
	if len(l.EOS) > 0 {
		flat["eos_token_id"] = l.EOS
	}
	if c.ImageToken >= 0 {
		flat["image_token_index"] = c.ImageToken
	}
	if v := c.Vision; v != so400m {
		flat["_test_only_vision_config"] = map[string]any{
			"hidden_size": v.Hidden, "intermediate_size": v.Intermediate, "num_hidden_layers_in_file": v.Layers,
			"num_attention_heads": v.Heads, "image_size": v.ImageSize, "patch_size": v.PatchSize,
			"layer_norm_eps": v.Eps, "hidden_act": "gelu_pytorch_tanh",
		}
	}
	return writeJSON(filepath.Join(dir, "config.json"), flat)
}

// WriteGeneration writes DIR/generation_config.json.
func WriteGeneration(dir string, g Generation) error {
	return writeJSON(filepath.Join(dir, "generation_config.json"), map[string]any{
		"do_sample": false, "repetition_penalty": g.RepetitionPenalty, "eos_token_id": g.EOS,
	})
}

func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// WriteIndex writes DIR/model.safetensors.index.json for weights in several
// files: byTensor gives the file of each tensor by the name it has there.
func WriteIndex(dir string, byTensor map[string]string, totalBytes int64) error {
	if len(byTensor) == 0 {
		return fmt.Errorf("%s: no tensors to list", filepath.Join(dir, indexFile))
	}
	return writeJSON(filepath.Join(dir, indexFile), map[string]any{
		"metadata": map[string]int64{"total_size": totalBytes}, "weight_map": byTensor,
	})
}
