package vitavla

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"cobot_vla/model/checkpoint"
)

// Files of a checkpoint's directory beside config.json and VITA-1.5's own
// weights (model.safetensors, or several with an index), laid over those in this order.
const (
	// SeerFile is the small action model's: its decoder and heads.
	SeerFile = "seer.safetensors"
	// AlignFile is what the alignment stage saves: state encoder, action token, mapper.
	AlignFile = "align.safetensors"
	// TrainedFile is what the fine-tuning stage saves, as a released .pth has it.
	// It takes the place of AlignFile.
	TrainedFile = "vita_vla.safetensors"
)

// Checkpoint is an open directory.
type Checkpoint struct {
	Dir    string
	Config NetworkConfig
	*checkpoint.Weights
	// Parts are the files, in the order they were laid over each other.
	Parts []string
}

// OpenFiles reads config.json and maps the weights. trained is the file of
// what was trained; "" takes TrainedFile, or AlignFile where that is not there.
func OpenFiles(dir, trained string) (*Checkpoint, error) {
	base, err := checkpoint.OpenWeights(dir)
	if err != nil {
		return nil, fmt.Errorf("VITA-1.5's weights, which are trained no further or further from: %w", err)
	}
	c := &Checkpoint{Dir: dir, Weights: base, Parts: base.Files()}
	if err := c.overlay(trained); err != nil {
		return nil, errors.Join(err, base.Close())
	}
	return c, nil
}

func (c *Checkpoint) overlay(trained string) error {
	lay := func(file string, rename func(string) string) error {
		path := filepath.Join(c.Dir, file)
		err := c.Overlay(path, rename)
		if err == nil {
			c.Parts = append(c.Parts, path)
		}
		return err
	}
	err := lay(SeerFile, HeadName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if trained == "" {
		trained = TrainedFile
		if _, err := os.Stat(filepath.Join(c.Dir, trained)); errors.Is(err, fs.ErrNotExist) {
			trained = AlignFile
		}
	}
	if err := lay(trained, TrainedName); err != nil {
		return fmt.Errorf("what VITA-VLA trained (%s or %s; cobot_vla model convert makes it of a .pth): %w", TrainedFile, AlignFile, err)
	}
	width := 0
	if t, err := c.Tensor("model.action_mapper.0.weight", -1, -1); err == nil {
		width = t.Shape[0]
	}
	if c.Config, err = ReadConfig(c.Dir, width); err != nil {
		return err
	}
	return c.whole()
}

// TrainedName is the name that a tensor of a VITA-VLA checkpoint goes by here.
func TrainedName(name string) string {
	if base, ok := strings.CutPrefix(name, "model.vlm."); ok {
		name, _ = checkpoint.Canonical(base)
		return name
	}
	if head, ok := strings.CutPrefix(name, "seer."); ok && !isHead(head) {
		return ""
	}
	return name
}

// HeadName is the name that a tensor of Seer goes by here: its decoder's and heads', "" for
// all others. Its state encoder has another width.
func HeadName(name string) string {
	if isHead(name) {
		return "seer." + name
	}
	return ""
}

// FileName is the name that a tensor has in a VITA-VLA checkpoint, by the one it goes by here.
func FileName(name string) string {
	for _, prefix := range []string{"language.", "projector.", "vision.", "head."} {
		if strings.HasPrefix(name, prefix) {
			return "model.vlm." + checkpoint.LMMs.Name(name)
		}
	}
	return name
}

// isHead: Seer's decoder and heads, the parts that VITA-VLA keeps.
func isHead(name string) bool {
	for _, prefix := range []string{"action_decoder.", "arm_action_decoder.", "gripper_action_decoder."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// whole says which parts are missing, and what would bring them.
func (c *Checkpoint) whole() error {
	var errs []error
	for _, part := range []struct{ tensor, what, from string }{
		{"vision.embeddings.patch_embedding.weight", "the vision tower, which no stage trains", "VITA-1.5's safetensors"},
		{fmt.Sprintf("vision.encoder.layers.%d.mlp.fc2.weight", c.Config.Vision.Layers-1), "the vision tower's last layer", "VITA-1.5's safetensors"},
		{"projector.0.weight", "the connector", "VITA-1.5's safetensors"},
		{"language.embed_tokens.weight", "the word embedding", "VITA-1.5's safetensors"},
		{fmt.Sprintf("language.layers.%d.mlp.down_proj.weight", c.Config.Language.Layers-1), "the language model's last layer", "VITA-1.5's safetensors"},
		{"model.state_projector.weight", "the state encoder", AlignFile + " or " + TrainedFile},
		{"model.action_pred_token", "the action token", AlignFile + " or " + TrainedFile},
		{"model.action_mapper.0.weight", "the action mapper", AlignFile + " or " + TrainedFile},
		{"seer.action_decoder.0.weight", "the action decoder", SeerFile + " or " + TrainedFile},
		{"seer.arm_action_decoder.0.weight", "the heads", SeerFile + " or " + TrainedFile},
	} {
		if !c.Has(part.tensor) {
			errs = append(errs, fmt.Errorf("%s (%s) is missing: %s brings it", part.what, part.tensor, part.from))
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("%s: %w: %w", c.Dir, checkpoint.ErrMissing, errors.Join(errs...))
	}
	return nil
}
