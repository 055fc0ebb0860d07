package train

import (
	"errors"
	"fmt"
	"path/filepath"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn/tape"
	"cobot_vla/model/train/course"
)

const (
	manifestFile  = "manifest.yaml"
	tokenizerFile = "tokenizer.json"
	weightsFile   = "model.safetensors"
)

// writeCheckpoint writes what model/checkpoint reads and the policy node loads: config.json, generation_config.json,
// tokenizer.json, statistics, manifest.yaml and, last, the weights.
func writeCheckpoint(dir string, s *student, config checkpoint.Config, b Binding, dtype checkpoint.DType) (err error) {
	m := b.Manifest
	if m.Statistics == "" || filepath.Base(m.Statistics) != m.Statistics {
		m.Statistics = "statistics.yaml"
	}
	text, err := m.YAML("Written by cobot_vla train beside the weights it trained.")
	if err != nil {
		return err
	}
	err = errors.Join(
		checkpoint.WriteHubConfig(dir, config),
		checkpoint.WriteGeneration(dir, checkpoint.Generation{RepetitionPenalty: 1, EOS: config.Language.EOS}),
		course.Replace(filepath.Join(dir, tokenizerFile), b.Tokenizer),
		course.Replace(filepath.Join(dir, m.Statistics), b.Statistics),
		course.Replace(filepath.Join(dir, manifestFile), text),
	)
	if err != nil {
		return err
	}
	params := map[string]*tape.Param{}
	for _, p := range s.Tape.Params() {
		params[p.Name] = p
	}
	var specs []checkpoint.Spec
	var order []*tape.Param
	for _, shape := range config.Shapes() {
		p := params[shape.Name]
		if p == nil {
			return fmt.Errorf("write checkpoint: the model has no parameter %s", shape.Name)
		}
		specs = append(specs, checkpoint.Spec{Name: checkpoint.Hub.Name(shape.Name), DType: dtype, Shape: shape.Dims})
		order = append(order, p)
	}
	w, err := checkpoint.Create(filepath.Join(dir, weightsFile), specs, map[string]string{"format": "pt"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	for _, p := range order {
		x, err := s.read(p.Value)
		if err != nil {
			return err
		}
		if err := w.WriteF32(x); err != nil {
			return err
		}
	}
	return nil
}
