package checkpoint

import "path/filepath"

// WriteHubConfig writes DIR/config.json in the nested form of llava-hf, which describes any vision tower.
func WriteHubConfig(dir string, c Config) error {
	if err := c.check(); err != nil {
		return err
	}
	l, v := c.Language, c.Vision
	attention := make([]string, l.Layers)
	for i := range attention {
		attention[i] = "full_attention"
	}
	pinpoints := make([][2]int, len(c.Image.Pinpoints))
	for i, p := range c.Image.Pinpoints { // transformers reads (height, width)
		pinpoints[i] = [2]int{p[1], p[0]}
	}
	language := map[string]any{
		"model_type": "qwen2", "hidden_act": "silu", "hidden_size": l.Hidden, "intermediate_size": l.Intermediate,
		"num_hidden_layers": l.Layers, "num_attention_heads": l.Heads, "num_key_value_heads": l.KVHeads,
		"vocab_size": l.VocabRows, "max_position_embeddings": l.MaxPositions, "rms_norm_eps": l.Eps,
		"rope_parameters":     map[string]any{"rope_theta": l.RopeTheta, "rope_type": "default"},
		"tie_word_embeddings": l.Tied, "layer_types": attention, "max_window_layers": l.Layers,
		"sliding_window": nil, "use_sliding_window": false, "use_cache": true,
		"attention_dropout": 0.0, "initializer_range": 0.02, "bos_token_id": nil, "pad_token_id": nil, "eos_token_id": eos(l.EOS),
	}
	if l.HeadDim*l.Heads != l.Hidden {
		language["head_dim"] = l.HeadDim
	}
	nested := map[string]any{
		"architectures": []string{"LlavaOnevisionForConditionalGeneration"}, "model_type": "llava_onevision",
		"text_config": language,
		"vision_config": map[string]any{
			"model_type": "siglip_vision_model", "hidden_act": "gelu_pytorch_tanh", "hidden_size": v.Hidden, "intermediate_size": v.Intermediate,
			"num_hidden_layers": v.Layers, "num_attention_heads": v.Heads, "num_channels": v.Channels, "image_size": v.ImageSize,
			"patch_size": v.PatchSize, "layer_norm_eps": v.Eps, "attention_dropout": 0.0, "vision_use_head": false,
		},
		"image_grid_pinpoints": pinpoints, "vision_aspect_ratio": c.Image.AspectRatio, "tie_word_embeddings": l.Tied,
		"projector_hidden_act": "gelu", "multimodal_projector_bias": true,
		"vision_feature_layer": -1, "vision_feature_select_strategy": "full",
	}
	if c.Proprioception > 0 {
		nested["proprioception_inputs"] = c.Proprioception
	}
	if c.ImageToken >= 0 {
		nested["image_token_index"] = c.ImageToken
	}
	return writeJSON(filepath.Join(dir, "config.json"), nested)
}

// eos is a number, a list, or nothing, as transformers writes it.
func eos(ids []int) any {
	switch len(ids) {
	case 0:
		return nil
	case 1:
		return ids[0]
	}
	return ids
}
