package seer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/continuous"
)

// Config is config.json: the sizes of a Seer. The original has all but the first few built in.
type Config struct {
	// Hidden width of the trunk, its Layers and Heads: 384, 24, 12 (Seer), 1024, 24, 16 (Seer-Large).
	Hidden int `json:"hidden_dim"`
	Layers int `json:"transformer_layers"`
	Heads  int `json:"transformer_heads"`
	// Steps of a sequence: 10 (CALVIN), 7 (LIBERO and real robots).
	Steps int `json:"sequence_length"`
	// Latents are the tokens that the resampler leaves of an image: 6, or 16 (Large).
	Latents int `json:"num_resampler_query"`
	// Foresight is how many tokens ask for an image to come: 9, or 16 (Large).
	Foresight int `json:"num_obs_token_per_image"`
	// Predictions of actions a step: 3.
	Predictions int `json:"action_pred_steps"`
	// Patch and Image are sides of what the vision encoder sees [px]: 16, 224.
	Patch int `json:"patch_size"`
	Image int `json:"image_size"`
	// Text is the width of a sentence's feature: 512.
	Text int `json:"text_feature_dim"`
	// The vision encoder: ViT-B, 768, 12, 12.
	VisionHidden int `json:"mae_embed_dim"`
	VisionLayers int `json:"mae_depth"`
	VisionHeads  int `json:"mae_num_heads"`
	// The resampler: 3 layers of 8 heads of 64.
	ResamplerLayers  int `json:"resampler_depth"`
	ResamplerHeads   int `json:"resampler_heads"`
	ResamplerHeadDim int `json:"resampler_dim_head"`
	// ForesightHeads of the image decoder's two blocks: 16.
	ForesightHeads int `json:"image_decoder_heads"`
	// GripperWidth: the state has two finger positions instead of the last command, open or closed.
	GripperWidth bool `json:"gripper_width"`
	// Squash makes a square of a picture by squashing it; else its shorter side is resized and the middle cut out, as CLIP does.
	Squash bool `json:"squash_image,omitempty"`
	// EnsemblingTemperature of the released evaluation; what a policy does is the manifest's.
	EnsemblingTemperature float64 `json:"ensembling_temp,omitempty"`
	// Eps of the layer norms, by part, for people: 1e-6 in the vision encoder, 1e-5 elsewhere.
	Eps map[string]float64 `json:"layer_norm_eps,omitempty"`
}

// Eps of the layer norms.
const (
	visionEps = 1e-6
	trunkEps  = 1e-5
)

// Published sizes: seer (LIBERO and real robots) and seer-large (CALVIN).
func Published(large bool) Config {
	c := Config{
		Hidden: 384, Layers: 24, Heads: 12, Steps: 7, Latents: 6, Foresight: 9, Predictions: 3,
		Patch: 16, Image: 224, Text: 512, VisionHidden: 768, VisionLayers: 12, VisionHeads: 12,
		ResamplerLayers: 3, ResamplerHeads: 8, ResamplerHeadDim: 64, ForesightHeads: 16,
	}
	if large {
		c.Hidden, c.Heads, c.Latents, c.Foresight, c.Steps = 1024, 16, 16, 16, 10
	}
	return c
}

// ReadConfig reads DIR/config.json.
func ReadConfig(dir string) (Config, error) {
	path := filepath.Join(dir, "config.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, err
	}
	c, err := ParseConfig(data)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// ParseConfig is ReadConfig on bytes.
func ParseConfig(data []byte) (Config, error) {
	var c Config
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("%w: %v", checkpoint.ErrConfig, err)
	}
	return c, c.check()
}

// IsConfig says whether a config.json is of this model.
func IsConfig(data []byte) bool {
	var keys struct {
		Hidden *int `json:"hidden_dim"`
		Steps  *int `json:"action_pred_steps"`
	}
	return json.Unmarshal(data, &keys) == nil && keys.Hidden != nil && keys.Steps != nil
}

func (c Config) check() error {
	const large = 1 << 16
	for _, d := range []struct {
		key        string
		value, max int
	}{
		{"hidden_dim", c.Hidden, large}, {"transformer_layers", c.Layers, 1 << 10}, {"transformer_heads", c.Heads, large},
		{"sequence_length", c.Steps, 1 << 10}, {"num_resampler_query", c.Latents, 1 << 10}, {"num_obs_token_per_image", c.Foresight, 1 << 10},
		{"action_pred_steps", c.Predictions, 1 << 8}, {"patch_size", c.Patch, 1 << 10}, {"image_size", c.Image, 1 << 12},
		{"text_feature_dim", c.Text, large}, {"mae_embed_dim", c.VisionHidden, large}, {"mae_depth", c.VisionLayers, 1 << 10},
		{"mae_num_heads", c.VisionHeads, large}, {"resampler_depth", c.ResamplerLayers, 1 << 10}, {"resampler_heads", c.ResamplerHeads, large},
		{"resampler_dim_head", c.ResamplerHeadDim, large}, {"image_decoder_heads", c.ForesightHeads, large},
	} {
		if d.value < 1 || d.value > d.max {
			return fmt.Errorf("%w: %s is %d, expected 1 to %d", checkpoint.ErrConfig, d.key, d.value, d.max)
		}
	}
	if c.Hidden%c.Heads != 0 || c.Hidden%2 != 0 || c.Hidden%c.ForesightHeads != 0 || c.VisionHidden%c.VisionHeads != 0 {
		return fmt.Errorf("%w: hidden_dim %d over %d heads (%d of the image decoder), mae_embed_dim %d over %d: no whole heads", checkpoint.ErrConfig, c.Hidden, c.Heads, c.ForesightHeads, c.VisionHidden, c.VisionHeads)
	}
	if c.Hidden%4 != 0 {
		return fmt.Errorf("%w: hidden_dim %d is no multiple of 4, as sine-cosine positions need", checkpoint.ErrConfig, c.Hidden)
	}
	if c.Image < c.Patch {
		return fmt.Errorf("%w: patch_size %d is larger than image_size %d", checkpoint.ErrConfig, c.Patch, c.Image)
	}
	if n := c.Steps * c.tokens(); n > 1<<15 {
		return fmt.Errorf("%w: %d steps of %d tokens are %d positions, expected at most 32768", checkpoint.ErrConfig, c.Steps, c.tokens(), n)
	}
	return nil
}

// Grid is the number of patches along a side.
func (c Config) Grid() int { return c.Image / c.Patch }

// Patches of an image, G.
func (c Config) Patches() int { return c.Grid() * c.Grid() }

// context is how many tokens of a step others look at: text, state, both views, both classes.
func (c Config) context() int { return 2 + 2*c.Latents + 2 }

// tokens of a step.
func (c Config) tokens() int { return c.context() + 2*c.Foresight + c.Predictions }

// gripperInputs of the state.
const gripperInputs = 2

// Tiny is the shape of a Seer that learns all of its parts, vision too, from demonstrations.
func Tiny(steps int) Config {
	return Config{
		Hidden: 96, Layers: 3, Heads: 3, Steps: steps, Latents: 6, Foresight: 1, Predictions: 3,
		Patch: 21, Image: 84, Text: 32, VisionHidden: 96, VisionLayers: 3, VisionHeads: 3,
		ResamplerLayers: 1, ResamplerHeads: 3, ResamplerHeadDim: 32, ForesightHeads: 3, Squash: true,
	}
}

// Sight is how it wants its pictures.
func (c Config) Sight() continuous.Sight {
	s := continuous.CLIP(c.Image)
	s.Crop = !c.Squash
	return s
}

// WriteConfig writes DIR/config.json.
func WriteConfig(dir string, c Config) error {
	if err := c.check(); err != nil {
		return err
	}
	data, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), append(data, '\n'), 0o644)
}

// SineCosine are positions of a grid of side² patches behind a class token's zeros,
// [1+side², width]: what MAE's encoder has and never learns.
func SineCosine(side, width int) []float32 {
	return append(make([]float32, width), sineCosine(side, width)...)
}
