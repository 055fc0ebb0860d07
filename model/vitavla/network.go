package vitavla

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"cobot_vla/model/checkpoint"
)

// NetworkConfig is what config.json says, and what the original has built in.
type NetworkConfig struct {
	// Vision is InternViT-300M at the size it was trained for, 448 px.
	Vision checkpoint.VisionConfig
	// Language is Qwen2.5.
	Language checkpoint.LanguageConfig
	// Connector is how many linear layers lie between the two, GELU between them: 2.
	Connector int
	// Image is the side that images are resized to [px]: 200.
	Image int
	// Predictions of actions a turn: 3.
	Predictions int
	// Action is the width of the small action model's space: 1024 (CALVIN) or 384 (LIBERO).
	Action int
	// Mapper is how many linear layers lead there, GELU between them: 3.
	Mapper int
}

// internVIT is InternViT-300M-448px.
var internVIT = checkpoint.VisionConfig{
	ImageSize: 448, PatchSize: 14, Channels: 3, Hidden: 1024, Intermediate: 4096, Layers: 24, Heads: 16, Eps: 1e-6,
}

// rawVITA is what VITA's config.json has beside the language model's keys.
type rawVITA struct {
	ModelType     string  `json:"model_type"`
	ProjectorType *string `json:"mm_projector_type"`
	Tower         string  `json:"mm_vision_tower"`
	// Not written by any training code: the sizes of small checkpoints.
	TestVision *struct {
		Hidden       int     `json:"hidden_size"`
		Intermediate int     `json:"intermediate_size"`
		Layers       int     `json:"num_hidden_layers"`
		Heads        int     `json:"num_attention_heads"`
		PatchSize    int     `json:"patch_size"`
		ImageSize    int     `json:"image_size"`
		Eps          float64 `json:"layer_norm_eps"`
		Act          string  `json:"hidden_act"`
		QKNorm       bool    `json:"qk_normalization"`
		Norm         string  `json:"norm_type"`
	} `json:"_test_only_vision_config"`
	TestVLA *struct {
		Image       int    `json:"image_size"`
		Predictions int    `json:"action_pred_steps"`
		Action      int    `json:"action_decoder_dim"`
		Mapper      string `json:"projector_type"`
		HiddenIndex int    `json:"hidden_index"`
	} `json:"_test_only_vla"`
}

// modelType of config.json.
const modelType = "vita-Qwen2"

// IsConfig says whether a config.json is of this model.
func IsConfig(data []byte) bool {
	var raw rawVITA
	return json.Unmarshal(data, &raw) == nil && raw.ModelType == modelType
}

// ReadConfig reads DIR/config.json. action is the width of the small model's
// space, as the weights have it; a file that says it too must agree. 0 takes the file's.
func ReadConfig(dir string, action int) (NetworkConfig, error) {
	path := filepath.Join(dir, "config.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return NetworkConfig{}, err
	}
	c, err := ParseConfig(data, action)
	if err != nil {
		return NetworkConfig{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// ParseConfig is ReadConfig on bytes.
func ParseConfig(data []byte, action int) (NetworkConfig, error) {
	c := NetworkConfig{Vision: internVIT, Image: 200, Predictions: 3, Action: action, Mapper: 3}
	var raw rawVITA
	if err := json.Unmarshal(data, &raw); err != nil {
		return c, fmt.Errorf("%w: %v", checkpoint.ErrConfig, err)
	}
	if raw.ModelType != modelType {
		return c, fmt.Errorf("%w: model_type is %q, expected %s", checkpoint.ErrConfig, raw.ModelType, modelType)
	}
	var err error
	if c.Language, err = checkpoint.ParseLanguage(data); err != nil {
		return c, err
	}
	projector := "mlp2x_gelu"
	if raw.ProjectorType != nil {
		projector = *raw.ProjectorType
	}
	if c.Connector, err = linears("mm_projector_type", projector); err != nil {
		return c, err
	}
	if v := raw.TestVision; v != nil {
		if v.Act != "" && v.Act != "gelu" || v.QKNorm || v.Norm != "" && v.Norm != "layer_norm" {
			return c, fmt.Errorf("%w: the vision tower has hidden_act %q, norm_type %q, qk_normalization %v; only gelu, layer_norm and none run here", checkpoint.ErrConfig, v.Act, v.Norm, v.QKNorm)
		}
		c.Vision = checkpoint.VisionConfig{
			ImageSize: v.ImageSize, PatchSize: v.PatchSize, Channels: 3, Hidden: v.Hidden,
			Intermediate: v.Intermediate, Layers: v.Layers, Heads: v.Heads, Eps: v.Eps,
		}
	}
	if a := raw.TestVLA; a != nil {
		if action != 0 && a.Action != action {
			return c, fmt.Errorf("%w: action_decoder_dim is %d, the weights have %d", checkpoint.ErrConfig, a.Action, action)
		}
		if a.HiddenIndex != -1 {
			return c, fmt.Errorf("%w: hidden_index is %d, only -1 (behind the last layer and its norm) runs here", checkpoint.ErrConfig, a.HiddenIndex)
		}
		c.Image, c.Predictions, c.Action = a.Image, a.Predictions, a.Action
		if c.Mapper, err = linears("projector_type", a.Mapper); err != nil {
			return c, err
		}
	}
	return c, c.check()
}

var mlpType = regexp.MustCompile(`^mlp([1-9])x_gelu$`)

// linears of a type of projector.
func linears(key, value string) (int, error) {
	found := mlpType.FindStringSubmatch(value)
	if found == nil {
		return 0, fmt.Errorf("%w: %s is %q, expected mlp1x_gelu to mlp9x_gelu", checkpoint.ErrConfig, key, value)
	}
	return strconv.Atoi(found[1])
}

func (c NetworkConfig) check() error {
	v := c.Vision
	const large = 1 << 16
	for _, d := range []struct {
		key        string
		value, max int
	}{
		{"vision hidden_size", v.Hidden, large}, {"vision intermediate_size", v.Intermediate, 1 << 20}, {"vision num_hidden_layers", v.Layers, 1 << 10},
		{"vision num_attention_heads", v.Heads, large}, {"vision patch_size", v.PatchSize, 1 << 10}, {"vision image_size", v.ImageSize, 1 << 13},
		{"image_size", c.Image, 1 << 12}, {"action_pred_steps", c.Predictions, 1 << 8}, {"action_decoder_dim", c.Action, large},
	} {
		if d.value < 1 || d.value > d.max {
			return fmt.Errorf("%w: %s is %d, expected 1 to %d", checkpoint.ErrConfig, d.key, d.value, d.max)
		}
	}
	if v.Hidden%v.Heads != 0 || !(v.Eps > 0 && v.Eps < 1) || v.Grid() < 1 {
		return fmt.Errorf("%w: a vision tower of %d over %d heads, eps %g, patches of %d of %d px", checkpoint.ErrConfig, v.Hidden, v.Heads, v.Eps, v.PatchSize, v.ImageSize)
	}
	if g := c.Grid(); g < 2 || g%2 != 0 {
		return fmt.Errorf("%w: image_size %d has %d patches of %d px a side; two by two of them make a token, so it takes an even number", checkpoint.ErrConfig, c.Image, g, v.PatchSize)
	}
	if c.Action%2 != 0 {
		return fmt.Errorf("%w: action_decoder_dim %d is odd", checkpoint.ErrConfig, c.Action)
	}
	return nil
}

// Grid is the number of patches along a side of an image: 14. The pixels beyond are never read.
func (c NetworkConfig) Grid() int { return c.Image / c.Vision.PatchSize }

// Patches of an image: 196.
func (c NetworkConfig) Patches() int { return c.Grid() * c.Grid() }

// Tokens of an image: 49.
func (c NetworkConfig) Tokens() int { return c.Patches() / 4 }
