package checkpoint

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// edit reads a golden config.json and changes keys of it; nil removes one, and
// "part.key" reaches into an object.
func edit(t testing.TB, path string, changes map[string]any) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(golden, path, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	for key, value := range changes {
		object := config
		if part, rest, ok := strings.Cut(key, "."); ok {
			object, key = config[part].(map[string]any), rest
		}
		if value == nil {
			delete(object, key)
		} else {
			object[key] = value
		}
	}
	if data, err = json.Marshal(config); err != nil {
		t.Fatal(err)
	}
	return data
}

// TestConfigVariants: what real files say in different words.
func TestConfigVariants(t *testing.T) {
	type is = func(Config) bool
	null := json.RawMessage("null")
	for _, test := range []struct {
		name, from string
		changes    map[string]any
		is         is
	}{
		{"model_type llava_qwen", "tiny/lmms", map[string]any{"model_type": "llava_qwen"}, func(c Config) bool { return c.Scheme == LMMs }},
		{"model_type qwen2", "tiny/lmms", map[string]any{"model_type": "qwen2"}, func(c Config) bool { return c.Scheme == LMMs }},
		{"trained square, as published", "tiny/lmms", map[string]any{"image_aspect_ratio": "square", "image_grid_pinpoints": null},
			func(c Config) bool { return c.Image.AspectRatio == "square" && c.Image.Pinpoints == nil }},
		{"no image keys at all", "tiny/lmms", map[string]any{"image_aspect_ratio": nil, "image_grid_pinpoints": nil, "mm_patch_merge_type": nil},
			func(c Config) bool { return c.Image.AspectRatio == "square" && c.Image.MergeType == "flat" }},
		{"pinpoints as a range", "tiny/lmms", map[string]any{"image_grid_pinpoints": "(1x1),...,(6x6)"},
			func(c Config) bool {
				p := c.Image.Pinpoints
				return len(p) == 36 && p[0] == [2]int{56, 56} && p[1] == [2]int{56, 112} && p[35] == [2]int{336, 336}
			}},
		{"pinpoints as text", "tiny/lmms", map[string]any{"image_grid_pinpoints": "[(56, 112), (112, 56)]"},
			func(c Config) bool { return len(c.Image.Pinpoints) == 2 && c.Image.Pinpoints[0] == [2]int{56, 112} }},
		{"no pinpoints, nested", "tiny/hf", map[string]any{"image_grid_pinpoints": nil}, func(c Config) bool { return len(c.Image.Pinpoints) == 36 }},
		{"eos as a list", "tiny/lmms", map[string]any{"eos_token_id": []int{7, 8}}, func(c Config) bool { return len(c.Language.EOS) == 2 && c.Language.EOS[1] == 8 }},
		{"rope_theta at its old place", "tiny/hf", map[string]any{"text_config.rope_parameters": nil, "text_config.rope_theta": 5e5},
			func(c Config) bool { return c.Language.RopeTheta == 5e5 }},
		{"rope_theta left out", "tiny/hf", map[string]any{"text_config.rope_parameters": nil}, func(c Config) bool { return c.Language.RopeTheta == 1e4 }},
		{"kv heads left out, nested", "tiny/hf", map[string]any{"text_config.num_key_value_heads": nil, "text_config.num_attention_heads": 32, "text_config.hidden_size": 896},
			func(c Config) bool { return c.Language.KVHeads == 32 && c.Language.HeadDim == 28 }},
		{"explicit head_dim", "tiny/hf", map[string]any{"text_config.head_dim": 32}, func(c Config) bool { return c.Language.HeadDim == 32 }},
		{"tied at the top only", "tiny/hf", map[string]any{"text_config.tie_word_embeddings": nil}, func(c Config) bool { return c.Language.Tied }},
		{"tied below only", "tiny/hf", map[string]any{"tie_word_embeddings": nil}, func(c Config) bool { return c.Language.Tied }},
		{"vision defaults", "tiny/hf", map[string]any{"vision_config": map[string]any{}, "image_grid_pinpoints": nil},
			func(c Config) bool {
				return c.Vision.Hidden == 768 && c.Vision.PatchSize == 16 && c.Vision.Layers == 12 && c.Vision.ImageSize == 224
			}},
		{"27 layers, the last but one", "tiny/hf", map[string]any{"vision_config.num_hidden_layers": 27, "vision_feature_layer": -2},
			func(c Config) bool { return c.Vision.Layers == 26 }},
		{"layer counted from the first", "tiny/hf", map[string]any{"vision_feature_layer": 1}, func(c Config) bool { return c.Vision.Layers == 1 }},
		{"image token by its new name", "tiny/hf", map[string]any{"image_token_index": nil, "image_token_id": 5}, func(c Config) bool { return c.ImageToken == 5 }},
		{"the real tower, not described", "tiny/lmms", map[string]any{"_test_only_vision_config": nil, "image_grid_pinpoints": "(1x1),...,(6x6)"},
			func(c Config) bool { return c.Vision == so400m && c.Image.Pinpoints[0] == [2]int{384, 384} }},
	} {
		c, err := ParseConfig(edit(t, test.from, test.changes), nil)
		if err != nil || !test.is(c) {
			t.Errorf("%s: %v: %+v", test.name, err, c)
		}
	}
}

func TestConfigRefuses(t *testing.T) {
	for _, test := range []struct {
		from    string
		changes map[string]any
		says    string
	}{
		{"tiny/lmms", map[string]any{"model_type": "llama", "mm_vision_tower": nil}, `model_type "llama"`},
		{"tiny/lmms", map[string]any{"hidden_size": nil}, "hidden_size is missing"},
		{"tiny/lmms", map[string]any{"hidden_size": "64"}, "hidden_size"},
		{"tiny/lmms", map[string]any{"hidden_size": -64}, "hidden_size is -64"},
		{"tiny/lmms", map[string]any{"num_attention_heads": 0}, "num_attention_heads is 0"},
		{"tiny/lmms", map[string]any{"num_key_value_heads": 3}, "no multiple of num_key_value_heads 3"},
		{"tiny/lmms", map[string]any{"num_hidden_layers": 1 << 40}, "num_hidden_layers"},
		{"tiny/lmms", map[string]any{"vocab_size": 1 << 60}, "vocab_size"},
		{"tiny/lmms", map[string]any{"head_dim": 7}, "head_dim 7 is odd"},
		{"tiny/lmms", map[string]any{"rope_theta": 0}, "rope_theta"},
		{"tiny/lmms", map[string]any{"rms_norm_eps": -1}, "rms_norm_eps"},
		{"tiny/lmms", map[string]any{"rope_scaling": map[string]any{"type": "yarn"}}, "rope_scaling"},
		{"tiny/lmms", map[string]any{"use_sliding_window": true}, "use_sliding_window"},
		{"tiny/lmms", map[string]any{"hidden_act": "gelu"}, "hidden_act"},
		{"tiny/lmms", map[string]any{"mm_projector_type": "linear"}, "mm_projector_type"},
		{"tiny/lmms", map[string]any{"mm_vision_select_feature": "cls_patch"}, "mm_vision_select_feature"},
		{"tiny/lmms", map[string]any{"mm_patch_merge_type": "maxpool2x2"}, "mm_patch_merge_type"},
		{"tiny/lmms", map[string]any{"image_grid_pinpoints": []any{[]int{56}}}, "image_grid_pinpoints"},
		{"tiny/lmms", map[string]any{"image_grid_pinpoints": []any{[]int{57, 56}}}, "57x56"},
		{"tiny/lmms", map[string]any{"image_grid_pinpoints": "(1x1),...,(9999999x6)"}, "image_grid_pinpoints"},
		{"tiny/lmms", map[string]any{"image_grid_pinpoints": 5}, "image_grid_pinpoints"},
		{"tiny/lmms", map[string]any{"eos_token_id": "x"}, "eos_token_id"},
		{"tiny/lmms", map[string]any{"_test_only_vision_config.num_attention_heads": 5}, "num_attention_heads 5"},
		{"tiny/lmms", map[string]any{"_test_only_vision_config.patch_size": 57}, "patch_size 57"},
		{"tiny/hf", map[string]any{"vision_config": nil}, "vision_config must both"},
		{"tiny/hf", map[string]any{"vision_config.model_type": "clip_vision_model"}, "clip_vision_model"},
		{"tiny/hf", map[string]any{"vision_config.hidden_act": "quick_gelu"}, "quick_gelu"},
		{"tiny/hf", map[string]any{"vision_config.num_channels": 4}, "num_channels is 4"},
		{"tiny/hf", map[string]any{"vision_feature_layer": 3}, "none of the 2 layers"},
		{"tiny/hf", map[string]any{"vision_feature_layer": []int{-1, -2}}, "one number"},
		{"tiny/hf", map[string]any{"vision_feature_select_strategy": "default"}, "select_strategy"},
		{"tiny/hf", map[string]any{"projector_hidden_act": "relu"}, "projector_hidden_act"},
		{"tiny/hf", map[string]any{"text_config.model_type": "llama"}, "text_config.model_type"},
		{"tiny/hf", map[string]any{"text_config.rope_parameters": map[string]any{"rope_type": "linear"}}, "rope_type"},
	} {
		_, err := ParseConfig(edit(t, test.from, test.changes), nil)
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%v: error %v, want one that says %q", test.changes, err, test.says)
		}
	}
}

func TestGeneration(t *testing.T) {
	for _, test := range []struct {
		data string
		want Generation
		says string
	}{
		{`{"bos_token_id":597,"do_sample":true,"eos_token_id":[599,597],"repetition_penalty":1.1,"temperature":0.7,"top_k":20}`, Generation{1.1, []int{599, 597}}, ""},
		{`{"eos_token_id":151645}`, Generation{1, []int{151645}}, ""},
		{`{}`, Generation{1, nil}, ""},
		{`{"repetition_penalty":0}`, Generation{}, "repetition_penalty is 0"},
		{`{"repetition_penalty":-1}`, Generation{}, "repetition_penalty is -1"},
		{`{"eos_token_id":{}}`, Generation{}, "eos_token_id"},
		{`[]`, Generation{}, "array"},
	} {
		got, err := ParseGeneration([]byte(test.data))
		if test.says == "" {
			if err != nil {
				t.Errorf("%s: %v", test.data, err)
			}
			compare(t, test.want, got)
		} else if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error %v, want one that says %q", test.data, err, test.says)
		}
	}
}

// FuzzConfig: no crash, and what is accepted can be planned with.
func FuzzConfig(f *testing.F) {
	f.Add(edit(f, "tiny/lmms", nil))
	f.Add(edit(f, "tiny/hf", nil))
	f.Add([]byte(`{"model_type":"llava","image_grid_pinpoints":"(1x1),...,(64x64)"}`))
	f.Add([]byte(`{"model_type":"llava_onevision","text_config":{},"vision_config":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		ParseGeneration(data)
		parseIndex(data)
		ParseLanguage(data)
		c, err := ParseConfig(data, nil)
		if err != nil {
			return
		}
		if c.Vision.HeadDim() < 1 || c.Vision.Grid() < 1 || len(c.Image.Pinpoints) > maxPins {
			t.Errorf("accepted %+v", c)
		}
		c.Shapes()
	})
}
