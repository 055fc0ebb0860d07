package seer

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"cobot_vla/model/checkpoint"
)

// Files of a checkpoint's directory beside config.json and manifest.yaml.
const (
	// WeightsFile is what training saves, by the original's names.
	WeightsFile = "seer.safetensors"
	// VisionFile is the frozen vision encoder, as mae_pretrain_vit_base.pth has it.
	VisionFile = "mae.safetensors"
	// TextFile is features of sentences: a tensor of text_feature_dim numbers by the sentence.
	TextFile = "text.safetensors"
)

// Checkpoint is an open directory.
type Checkpoint struct {
	Dir    string
	Config Config
	*checkpoint.Weights
}

// OpenFiles reads config.json and maps the weights.
func OpenFiles(dir string) (*Checkpoint, error) {
	config, err := ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	w, err := checkpoint.OpenWeightsFile(filepath.Join(dir, WeightsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %s is not there; cobot_vla model convert makes it of a Seer .pth: %w", dir, WeightsFile, err)
	}
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{Dir: dir, Config: config, Weights: w}
	vision := filepath.Join(dir, VisionFile)
	err = w.Overlay(vision, func(name string) string { return visionPrefix + name })
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s: the frozen vision encoder, %s, is not there; cobot_vla model convert makes it of mae_pretrain_vit_base.pth: %w", dir, VisionFile, err)
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return c, nil
}

// Sentences are the features of every instruction that the checkpoint knows.
func (c *Checkpoint) Sentences() (Sentences, error) {
	path := filepath.Join(c.Dir, TextFile)
	f, err := checkpoint.OpenFile(path)
	if err != nil {
		return nil, fmt.Errorf("features of instructions: %w", err)
	}
	defer f.Close()
	s := Sentences{}
	for _, name := range f.Names() {
		t, err := f.Tensor(name, c.Config.Text)
		if err != nil {
			return nil, err
		}
		if s[plain(name)], err = t.F32(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Sentences are features by instruction.
type Sentences map[string][]float32

// plain is an instruction without what does not change its meaning: case, the spaces around, a full stop.
func plain(instruction string) string {
	return strings.ToLower(strings.Join(strings.Fields(strings.TrimRight(strings.TrimSpace(instruction), ".!")), " "))
}

// Lookup is the feature of an instruction; the error lists what is known.
func (s Sentences) Lookup(instruction string) ([]float32, error) {
	if f, ok := s[plain(instruction)]; ok {
		return f, nil
	}
	known := slices.Sorted(maps.Keys(s))
	const shown = 12
	more := ""
	if len(known) > shown {
		known, more = known[:shown], ", …"
	}
	return nil, fmt.Errorf("instruction %q has no feature in %s; it knows %s%s", instruction, TextFile, strings.Join(known, "; "), more)
}

// WriteSentences writes DIR's features of instructions.
func WriteSentences(dir string, s Sentences) error {
	names := slices.Sorted(maps.Keys(s))
	specs := make([]checkpoint.Spec, len(names))
	for i, name := range names {
		specs[i] = checkpoint.Spec{Name: name, DType: checkpoint.F32, Shape: []int{len(s[name])}}
	}
	w, err := checkpoint.Create(filepath.Join(dir, TextFile), specs, nil)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := w.WriteF32(s[name]); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	return w.Close()
}
