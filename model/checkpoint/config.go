package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrConfig: config.json says something that this program can't run, or not enough.
var ErrConfig = errors.New("config.json is not usable")

// Config of a LLaVA checkpoint, the same whichever variant of config.json it was read from.
type Config struct {
	// Scheme of the file: LMMs for the flat one, Hub for the nested one.
	Scheme Scheme
	// ModelType as the file says it, for people.
	ModelType string
	Vision    VisionConfig
	Language  LanguageConfig
	Image     ImageConfig
	// Proprioception is how many numbers the MLP takes that makes the robot's state a vector among the words; 0 for a
	// network that reads it as tokens, which LLaVA-VLA's does.
	Proprioception int
	// ImageToken is the id that <image> has in a Hugging Face prompt; -1 when the
	// file names none. The embedding row behind it is never read.
	ImageToken int
}

// VisionConfig is the SigLIP tower as it is run.
type VisionConfig struct {
	ImageSize    int // side of a crop [px], 384
	PatchSize    int // side of a patch [px], 14
	Channels     int // 3
	Hidden       int // 1152
	Intermediate int // 4304
	// Layers that are run: 26. The feature is the output of the last one, before post_layernorm.
	Layers int
	Heads  int     // 16
	Eps    float64 // of the layer norms, 1e-6
}

// Grid is the number of patches along a side: 384 / 14 = 27. The pixels beyond are never read.
func (v VisionConfig) Grid() int { return v.ImageSize / v.PatchSize }

// Patches of one crop: 729.
func (v VisionConfig) Patches() int { return v.Grid() * v.Grid() }

// HeadDim is Hidden / Heads.
func (v VisionConfig) HeadDim() int { return v.Hidden / v.Heads }

// LanguageConfig is the Qwen2 decoder.
type LanguageConfig struct {
	Hidden       int // 896
	Intermediate int // 4864
	Layers       int // 24
	Heads        int // 14
	KVHeads      int // 2
	HeadDim      int // 64
	// VocabRows of the embedding and of lm_head; more than the tokenizer knows,
	// padded or untrained: see Checkpoint.Predictable.
	VocabRows    int
	MaxPositions int     // 32768
	Eps          float64 // of the RMS norms, 1e-6
	RopeTheta    float64 // 1e6
	// Tied: lm_head is the embedding.
	Tied bool
	// EOS of config.json, for a checkpoint without generation_config.json.
	EOS []int
}

// ImageConfig is how an image becomes crops and visual tokens; model/vision plans by it.
type ImageConfig struct {
	// AspectRatio is square, pad, anyres or anyres_max_N.
	AspectRatio string
	// Pinpoints are the resolutions anyres chooses from, (width, height) [px].
	Pinpoints [][2]int
	// MergeType is flat, spatial or spatial_unpad.
	MergeType string
}

// rawConfig is every key of every variant that matters here. Flat files
// (lmms-lab) say the language model's at the top, nested ones (llava-hf) in text_config.
type rawConfig struct {
	rawLanguage
	Architectures []string `json:"architectures"`

	Text   *rawLanguage `json:"text_config"`
	Vision *rawVision   `json:"vision_config"`
	// Not written by any training code: a flat file has no vision dimensions at
	// all, and small test checkpoints need some.
	TestVision *rawVision `json:"_test_only_vision_config"`

	ImageAspectRatio  *string         `json:"image_aspect_ratio"`
	VisionAspectRatio *string         `json:"vision_aspect_ratio"`
	Pinpoints         json.RawMessage `json:"image_grid_pinpoints"`
	MergeType         *string         `json:"mm_patch_merge_type"`
	ImageTokenIndex   *int            `json:"image_token_index"`
	ImageTokenID      *int            `json:"image_token_id"`
	ProjectorType     *string         `json:"mm_projector_type"`
	ProjectorAct      *string         `json:"projector_hidden_act"`
	VisionTower       *string         `json:"mm_vision_tower"`
	SelectFeature     *string         `json:"mm_vision_select_feature"`
	FeatureLayer      json.RawMessage `json:"vision_feature_layer"`
	FeatureStrategy   *string         `json:"vision_feature_select_strategy"`
	Proprioception    *int            `json:"proprioception_inputs"`
}

type rawLanguage struct {
	ModelType        string          `json:"model_type"`
	HiddenSize       *int            `json:"hidden_size"`
	IntermediateSize *int            `json:"intermediate_size"`
	Layers           *int            `json:"num_hidden_layers"`
	Heads            *int            `json:"num_attention_heads"`
	KVHeads          *int            `json:"num_key_value_heads"`
	HeadDim          *int            `json:"head_dim"`
	VocabSize        *int            `json:"vocab_size"`
	MaxPositions     *int            `json:"max_position_embeddings"`
	Eps              *float64        `json:"rms_norm_eps"`
	RopeTheta        *float64        `json:"rope_theta"`
	RopeParameters   *rawRope        `json:"rope_parameters"`
	RopeScaling      json.RawMessage `json:"rope_scaling"`
	HiddenAct        *string         `json:"hidden_act"`
	Tied             *bool           `json:"tie_word_embeddings"`
	UseSlidingWindow bool            `json:"use_sliding_window"`
	EOS              json.RawMessage `json:"eos_token_id"`
}

type rawRope struct {
	Theta *float64 `json:"rope_theta"`
	Type  string   `json:"rope_type"`
}

type rawVision struct {
	ModelType        string   `json:"model_type"`
	ImageSize        *int     `json:"image_size"`
	PatchSize        *int     `json:"patch_size"`
	Channels         *int     `json:"num_channels"`
	HiddenSize       *int     `json:"hidden_size"`
	IntermediateSize *int     `json:"intermediate_size"`
	Layers           *int     `json:"num_hidden_layers"`
	LayersInFile     *int     `json:"num_hidden_layers_in_file"`
	Heads            *int     `json:"num_attention_heads"`
	Eps              *float64 `json:"layer_norm_eps"`
	HiddenAct        *string  `json:"hidden_act"`
}

// maxConfig bounds the JSON files beside the weights; the index of a model of
// a thousand layers has 2 MB.
const maxConfig = 16 << 20

// readBounded reads a small file; one over the bound is an error, not an allocation.
func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxConfig {
		return nil, fmt.Errorf("%s: not a file of at most %d bytes", path, maxConfig)
	}
	return os.ReadFile(path)
}

// ReadConfig reads DIR/config.json of any variant. weights fill in what a flat
// file does not say (the vision tower's shape); it may be nil for a nested file.
func ReadConfig(dir string, weights *Weights) (Config, error) {
	path := filepath.Join(dir, "config.json")
	data, err := readBounded(path)
	if err != nil {
		return Config{}, err
	}
	c, err := ParseConfig(data, weights)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// ParseConfig is ReadConfig on bytes.
func ParseConfig(data []byte, weights *Weights) (Config, error) {
	var raw rawConfig
	if err := json.Unmarshal(data, &raw); err != nil {
		return Config{}, fmt.Errorf("%w: %v", ErrConfig, err)
	}
	var c Config
	var err error
	switch {
	case raw.Text != nil || raw.Vision != nil || raw.ModelType == "llava_onevision":
		c, err = raw.nested()
	case raw.ModelType == "llava" || raw.ModelType == "llava_qwen" || raw.ModelType == "qwen2" || raw.VisionTower != nil:
		c, err = raw.flat(weights)
	default:
		err = fmt.Errorf("%w: model_type %q: expected llava, llava_qwen or qwen2 (lmms-lab), or llava_onevision (llava-hf)", ErrConfig, raw.ModelType)
	}
	if err != nil {
		return Config{}, err
	}
	c.Proprioception = value(raw.Proprioception, 0)
	if raw.Tied == nil && (raw.Text == nil || raw.Text.Tied == nil) && weights != nil {
		c.Language.Tied = !weights.Has("head.weight") // the file doesn't say, so what is there does
	}
	return c, c.check()
}

// ParseLanguage reads the Qwen2 decoder's part of a flat config.json, for
// policies that put another vision tower before the same decoder.
func ParseLanguage(data []byte) (LanguageConfig, error) {
	var raw rawLanguage
	if err := json.Unmarshal(data, &raw); err != nil {
		return LanguageConfig{}, fmt.Errorf("%w: %v", ErrConfig, err)
	}
	l, err := raw.language(false)
	if err == nil {
		err = l.check()
	}
	return l, err
}

// flat is the original's config.json.
func (raw *rawConfig) flat(weights *Weights) (Config, error) {
	c := Config{Scheme: LMMs, ModelType: raw.ModelType, ImageToken: -1}
	if t := value(raw.ProjectorType, "linear"); t != "mlp2x_gelu" {
		return c, fmt.Errorf("%w: mm_projector_type is %q, only mlp2x_gelu runs here", ErrConfig, t)
	}
	if f := value(raw.SelectFeature, "patch"); f != "patch" {
		return c, fmt.Errorf("%w: mm_vision_select_feature is %q, only patch runs here", ErrConfig, f)
	}
	var err error
	if c.Language, err = raw.language(false); err != nil {
		return c, err
	}
	if c.Vision, err = raw.derivedVision(weights); err != nil {
		return c, err
	}
	// Both defaults are the original's getattr defaults.
	c.Image.AspectRatio = value(raw.ImageAspectRatio, "square")
	c.Image.MergeType = value(raw.MergeType, "flat")
	if c.Image.Pinpoints, err = parsePinpoints(raw.Pinpoints, c.Vision.ImageSize); err != nil {
		return c, err
	}
	if raw.ImageTokenIndex != nil {
		c.ImageToken = *raw.ImageTokenIndex
	}
	return c, nil
}

// nested is the config.json of llava-hf and of transformers. What such a file
// leaves out has the default of the transformers class.
func (raw *rawConfig) nested() (Config, error) {
	c := Config{Scheme: Hub, ModelType: raw.ModelType, ImageToken: 151646}
	if raw.Text == nil || raw.Vision == nil {
		return c, fmt.Errorf("%w: text_config and vision_config must both be there", ErrConfig)
	}
	if act := value(raw.ProjectorAct, "gelu"); act != "gelu" {
		return c, fmt.Errorf("%w: projector_hidden_act is %q, only gelu runs here", ErrConfig, act)
	}
	if s := value(raw.FeatureStrategy, "full"); s != "full" {
		return c, fmt.Errorf("%w: vision_feature_select_strategy is %q, only full runs here", ErrConfig, s)
	}
	if raw.Text.ModelType != "" && raw.Text.ModelType != "qwen2" {
		return c, fmt.Errorf("%w: text_config.model_type is %q, only qwen2 runs here", ErrConfig, raw.Text.ModelType)
	}
	var err error
	if c.Language, err = raw.Text.language(true); err != nil {
		return c, err
	}
	// transformers ties when either place says so.
	c.Language.Tied = c.Language.Tied || value(raw.Tied, false)
	if c.Vision, err = raw.Vision.explicit(raw.FeatureLayer); err != nil {
		return c, err
	}
	c.Image.AspectRatio = value(raw.VisionAspectRatio, "anyres_max_9")
	c.Image.MergeType = "spatial_unpad"
	if len(raw.Pinpoints) == 0 || string(raw.Pinpoints) == "null" {
		raw.Pinpoints = json.RawMessage(`"(1x1),...,(6x6)"`)
	}
	if c.Image.Pinpoints, err = parsePinpoints(raw.Pinpoints, c.Vision.ImageSize); err != nil {
		return c, err
	}
	for i, p := range c.Image.Pinpoints { // transformers reads (height, width)
		c.Image.Pinpoints[i] = [2]int{p[1], p[0]}
	}
	if id := raw.ImageTokenIndex; id != nil {
		c.ImageToken = *id
	} else if id := raw.ImageTokenID; id != nil {
		c.ImageToken = *id
	}
	return c, nil
}

// language reads the Qwen2 keys. Defaults, where a nested file may omit a key, are Qwen2Config's.
func (raw *rawLanguage) language(defaults bool) (LanguageConfig, error) {
	var l LanguageConfig
	required := []struct {
		key   string
		value *int
		to    *int
		dflt  int
	}{
		{"hidden_size", raw.HiddenSize, &l.Hidden, 4096},
		{"intermediate_size", raw.IntermediateSize, &l.Intermediate, 22016},
		{"num_hidden_layers", raw.Layers, &l.Layers, 32},
		{"num_attention_heads", raw.Heads, &l.Heads, 32},
		{"num_key_value_heads", raw.KVHeads, &l.KVHeads, 32},
		{"vocab_size", raw.VocabSize, &l.VocabRows, 151936},
	}
	for _, r := range required {
		switch {
		case r.value != nil:
			*r.to = *r.value
		case defaults:
			*r.to = r.dflt
		default:
			return l, fmt.Errorf("%w: %s is missing", ErrConfig, r.key)
		}
	}
	l.MaxPositions = value(raw.MaxPositions, 32768)
	l.Eps = value(raw.Eps, 1e-6)
	l.RopeTheta = value(raw.RopeTheta, 10000)
	if p := raw.RopeParameters; p != nil {
		if p.Type != "" && p.Type != "default" {
			return l, fmt.Errorf("%w: rope_parameters.rope_type is %q, only default runs here", ErrConfig, p.Type)
		}
		l.RopeTheta = value(p.Theta, l.RopeTheta)
	}
	if s := string(raw.RopeScaling); s != "" && s != "null" {
		return l, fmt.Errorf("%w: rope_scaling is %s, expected null", ErrConfig, s)
	}
	if act := value(raw.HiddenAct, "silu"); act != "silu" {
		return l, fmt.Errorf("%w: hidden_act is %q, only silu runs here", ErrConfig, act)
	}
	if raw.UseSlidingWindow {
		return l, fmt.Errorf("%w: use_sliding_window is true, only full attention runs here", ErrConfig)
	}
	if l.Heads > 0 {
		l.HeadDim = l.Hidden / l.Heads
	}
	l.HeadDim = value(raw.HeadDim, l.HeadDim)
	l.Tied = value(raw.Tied, false)
	var err error
	l.EOS, err = parseIDs(raw.EOS)
	if err != nil {
		return l, fmt.Errorf("%w: eos_token_id: %v", ErrConfig, err)
	}
	return l, nil
}

// explicit reads a vision_config; defaults are SiglipVisionConfig's.
func (v *rawVision) explicit(featureLayer json.RawMessage) (VisionConfig, error) {
	c := VisionConfig{
		ImageSize:    value(v.ImageSize, 224),
		PatchSize:    value(v.PatchSize, 16),
		Channels:     value(v.Channels, 3),
		Hidden:       value(v.HiddenSize, 768),
		Intermediate: value(v.IntermediateSize, 3072),
		Layers:       value(v.Layers, 12),
		Heads:        value(v.Heads, 12),
		Eps:          value(v.Eps, 1e-6),
	}
	if v.ModelType != "" && v.ModelType != "siglip_vision_model" {
		return c, fmt.Errorf("%w: vision_config.model_type is %q, only siglip_vision_model runs here", ErrConfig, v.ModelType)
	}
	if act := value(v.HiddenAct, "gelu_pytorch_tanh"); act != "gelu_pytorch_tanh" {
		return c, fmt.Errorf("%w: vision hidden_act is %q, only gelu_pytorch_tanh runs here", ErrConfig, act)
	}
	if len(featureLayer) > 0 && string(featureLayer) != "null" {
		var k int
		if err := json.Unmarshal(featureLayer, &k); err != nil {
			return c, fmt.Errorf("%w: vision_feature_layer is %s, expected one number", ErrConfig, featureLayer)
		}
		// hidden_states[k] is the output of layer k; negative counts from the last.
		if k < 0 {
			k += c.Layers + 1
		}
		if k < 1 || k > c.Layers {
			return c, fmt.Errorf("%w: vision_feature_layer %s is none of the %d layers", ErrConfig, featureLayer, c.Layers)
		}
		c.Layers = k
	}
	return c, nil
}

// derivedVision finds the tower of a flat file, which names it but does not
// describe it: from the shapes in the weights, and the rest from what the
// original's code has built in for SigLIP so400m.
func (raw *rawConfig) derivedVision(weights *Weights) (VisionConfig, error) {
	v := so400m
	if raw.TestVision != nil {
		explicit, err := raw.TestVision.explicit(nil)
		if err != nil {
			return v, err
		}
		explicit.Layers = value(raw.TestVision.LayersInFile, value(raw.TestVision.Layers, explicit.Layers))
		return explicit, nil
	}
	if weights == nil {
		return v, nil
	}
	patch, err := weights.Tensor("vision.embeddings.patch_embedding.weight", -1, 3, -1, -1)
	if err != nil {
		return v, err
	}
	fc1, err := weights.Tensor("vision.encoder.layers.0.mlp.fc1.weight", -1, patch.Shape[0])
	if err != nil {
		return v, err
	}
	v.Hidden, v.PatchSize, v.Intermediate = patch.Shape[0], patch.Shape[2], fc1.Shape[0]
	for v.Layers = 0; weights.Has(fmt.Sprintf("vision.encoder.layers.%d.layer_norm1.weight", v.Layers)); {
		v.Layers++
	}
	if v.Hidden != so400m.Hidden || v.PatchSize != so400m.PatchSize {
		return v, fmt.Errorf("%w: a vision tower of hidden size %d and patch size %d, which mm_vision_tower %q does not describe; only SigLIP so400m (1152, 14) is known: give the nested (llava-hf) form, which says num_attention_heads", ErrConfig, v.Hidden, v.PatchSize, value(raw.VisionTower, ""))
	}
	// The original deletes the last of the 27 layers after loading; a file may still have it.
	v.Layers = min(v.Layers, so400m.Layers)
	return v, nil
}

// so400m is google/siglip-so400m-patch14-384 less its last layer, as the
// original's siglip_encoder.py has it built in.
var so400m = VisionConfig{
	ImageSize: 384, PatchSize: 14, Channels: 3,
	Hidden: 1152, Intermediate: 4304, Layers: 26, Heads: 16, Eps: 1e-6,
}

func value[T any](p *T, dflt T) T {
	if p == nil {
		return dflt
	}
	return *p
}
