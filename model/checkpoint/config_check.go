package checkpoint

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Bounds on what a config.json may say: generous, and small enough that no
// product of two of them overflows and no list grows without reason.
const (
	maxDim    = 1 << 20
	maxLayers = 1 << 10
	maxPins   = 1 << 12
)

func (c *Config) check() error {
	if err := c.Language.check(); err != nil {
		return err
	}
	if c.Proprioception < 0 || c.Proprioception > 1<<10 {
		return fmt.Errorf("%w: proprioception_inputs is %d, expected 0 to %d", ErrConfig, c.Proprioception, 1<<10)
	}
	v := c.Vision
	if err := inRange("vision", []dim{
		{"image_size", v.ImageSize, 1 << 14}, {"patch_size", v.PatchSize, 1 << 10},
		{"hidden_size", v.Hidden, maxDim}, {"intermediate_size", v.Intermediate, maxDim},
		{"num_hidden_layers", v.Layers, maxLayers}, {"num_attention_heads", v.Heads, maxDim},
	}); err != nil {
		return err
	}
	if v.Channels != 3 {
		return fmt.Errorf("%w: vision num_channels is %d, expected 3", ErrConfig, v.Channels)
	}
	if v.Hidden%v.Heads != 0 {
		return fmt.Errorf("%w: vision hidden_size %d is no multiple of num_attention_heads %d", ErrConfig, v.Hidden, v.Heads)
	}
	if v.Grid() < 1 {
		return fmt.Errorf("%w: vision patch_size %d is larger than image_size %d", ErrConfig, v.PatchSize, v.ImageSize)
	}
	if !(v.Eps > 0 && v.Eps < 1) {
		return fmt.Errorf("%w: vision layer_norm_eps is %v", ErrConfig, v.Eps)
	}
	for _, p := range c.Image.Pinpoints {
		if p[0]%v.ImageSize != 0 || p[1]%v.ImageSize != 0 {
			return fmt.Errorf("%w: image_grid_pinpoints has %dx%d, no multiple of the crop size %d", ErrConfig, p[0], p[1], v.ImageSize)
		}
	}
	switch c.Image.MergeType {
	case "flat", "spatial", "spatial_unpad":
	default:
		return fmt.Errorf("%w: mm_patch_merge_type is %q, expected flat, spatial or spatial_unpad", ErrConfig, c.Image.MergeType)
	}
	return nil
}

func (l *LanguageConfig) check() error {
	if err := inRange("language", []dim{
		{"hidden_size", l.Hidden, maxDim}, {"intermediate_size", l.Intermediate, maxDim},
		{"num_hidden_layers", l.Layers, maxLayers}, {"num_attention_heads", l.Heads, maxDim},
		{"num_key_value_heads", l.KVHeads, maxDim}, {"head_dim", l.HeadDim, 1 << 12},
		{"vocab_size", l.VocabRows, 1 << 24}, {"max_position_embeddings", l.MaxPositions, 1 << 24},
	}); err != nil {
		return err
	}
	if l.Heads%l.KVHeads != 0 {
		return fmt.Errorf("%w: num_attention_heads %d is no multiple of num_key_value_heads %d", ErrConfig, l.Heads, l.KVHeads)
	}
	if l.HeadDim%2 != 0 {
		return fmt.Errorf("%w: head_dim %d is odd: rotary embedding turns pairs", ErrConfig, l.HeadDim)
	}
	if !(l.Eps > 0 && l.Eps < 1) || !(l.RopeTheta > 1 && l.RopeTheta < 1e12) {
		return fmt.Errorf("%w: rms_norm_eps is %v and rope_theta %v", ErrConfig, l.Eps, l.RopeTheta)
	}
	return nil
}

type dim struct {
	key        string
	value, max int
}

func inRange(part string, dims []dim) error {
	for _, d := range dims {
		if d.value < 1 || d.value > d.max {
			return fmt.Errorf("%w: %s %s is %d, expected 1 to %d", ErrConfig, part, d.key, d.value, d.max)
		}
	}
	return nil
}

// parseIDs reads a token id or a list of them; null is none.
func parseIDs(raw json.RawMessage) ([]int, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var one int
	if err := json.Unmarshal(raw, &one); err == nil {
		return []int{one}, nil
	}
	var list []int
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("%.80s is no id and no list of ids", raw)
	}
	return list, nil
}

var pinpoint = regexp.MustCompile(`\((\d+)x(\d+)\)`)

// parsePinpoints reads image_grid_pinpoints: a list of pairs in pixels, the same
// list as text, the range form "(1x1),...,(6x6)" in crops, or null.
func parsePinpoints(raw json.RawMessage, crop int) ([][2]int, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if found := pinpoint.FindAllStringSubmatch(text, -1); len(found) > 0 {
			return pinpointRange(found[0], found[len(found)-1], crop)
		}
		raw = json.RawMessage(strings.NewReplacer("(", "[", ")", "]").Replace(text))
	}
	var list [][]int
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("%w: image_grid_pinpoints is %.80s, expected a list of [width, height] or \"(1x1),...,(6x6)\"", ErrConfig, raw)
	}
	if len(list) > maxPins {
		return nil, fmt.Errorf("%w: image_grid_pinpoints has %d entries, expected at most %d", ErrConfig, len(list), maxPins)
	}
	pins := make([][2]int, 0, len(list))
	for _, p := range list {
		if len(p) != 2 || min(p[0], p[1]) < 1 || max(p[0], p[1]) > maxDim {
			return nil, fmt.Errorf("%w: image_grid_pinpoints has %v, expected [width, height]", ErrConfig, p)
		}
		pins = append(pins, [2]int{p[0], p[1]})
	}
	return pins, nil
}

// pinpointRange spells out every pair between two, first number outer, times the crop size.
func pinpointRange(first, last []string, crop int) ([][2]int, error) {
	var ends [4]int
	for i, s := range []string{first[1], last[1], first[2], last[2]} {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 64 {
			return nil, fmt.Errorf("%w: image_grid_pinpoints counts %s crops, expected 1 to 64", ErrConfig, s)
		}
		ends[i] = n
	}
	var pins [][2]int
	for i := ends[0]; i <= ends[1]; i++ {
		for j := ends[2]; j <= ends[3]; j++ {
			pins = append(pins, [2]int{i * crop, j * crop})
		}
	}
	return pins, nil
}
