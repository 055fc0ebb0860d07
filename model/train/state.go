package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/tape"
)

const stateFile = "state.safetensors"

// writeState writes what a run resumes from: weights, both moments, the step of the planned steps and the config. The file
// appears whole or not at all.
func writeState(dir string, s *student, step, steps int, c Config) (err error) {
	config, err := json.Marshal(c)
	if err != nil {
		return err
	}
	var specs []checkpoint.Spec
	for _, kind := range []string{"value.", "m.", "v."} {
		for _, p := range s.params {
			specs = append(specs, checkpoint.Spec{Name: kind + p.Name, DType: checkpoint.F32, Shape: []int{p.Value.Rows, p.Value.Cols}})
		}
	}
	w, err := checkpoint.Create(filepath.Join(dir, stateFile), specs, map[string]string{"step": strconv.Itoa(step), "steps": strconv.Itoa(steps), "config": string(config)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	values := make([]nn.Buf, len(s.params))
	for i, p := range s.params {
		values[i] = p.Value
	}
	for _, kind := range [][]nn.Buf{values, s.m, s.v} {
		for _, b := range kind {
			x, err := s.read(b)
			if err != nil {
				return err
			}
			if err := w.WriteF32(x); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *student) read(b nn.Buf) ([]float32, error) {
	x := make([]float32, b.Rows*b.Cols)
	return x, s.tape.Read(x, b)
}

// readState brings a run to where it was and returns the step and the planned steps; 0 when there is no state.
func readState(dir string, s *student, c Config) (step, steps int, err error) {
	path := filepath.Join(dir, stateFile)
	f, err := checkpoint.OpenFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := sameConfig(f.Metadata()["config"], c); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", path, err)
	}
	for key, to := range map[string]*int{"step": &step, "steps": &steps} {
		if *to, err = strconv.Atoi(f.Metadata()[key]); err != nil || *to < 0 {
			return 0, 0, fmt.Errorf("%s: %s %q in its metadata: delete it to begin again", path, key, f.Metadata()[key])
		}
	}
	for i, p := range s.params {
		for kind, b := range map[string]nn.Buf{"value.": p.Value, "m.": s.m[i], "v.": s.v[i]} {
			t, err := f.Tensor(kind+p.Name, b.Rows, b.Cols)
			if err != nil {
				return 0, 0, err
			}
			x, err := t.F32()
			if err != nil {
				return 0, 0, err
			}
			s.tape.Write(b, x)
		}
	}
	s.tape.Reload()
	return step, steps, s.tape.Sync()
}

// sameConfig names the first field in which a run differs from the one that wrote a state.
func sameConfig(was string, c Config) error {
	now, err := json.Marshal(c)
	if err != nil {
		return err
	}
	var old, fresh map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal([]byte(was), &old), json.Unmarshal(now, &fresh)); err != nil {
		return fmt.Errorf("the config in its metadata: %w", err)
	}
	for key := range old {
		if _, ok := fresh[key]; !ok {
			fresh[key] = nil
		}
	}
	for key, v := range fresh {
		if string(old[key]) != string(v) {
			return fmt.Errorf("it was written by a run with %s %s, this one has %s: a run resumes as it began; delete the file, or take another folder, to begin again", key, old[key], v)
		}
	}
	return nil
}

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
		replace(filepath.Join(dir, tokenizerFile), b.Tokenizer),
		replace(filepath.Join(dir, m.Statistics), b.Statistics),
		replace(filepath.Join(dir, manifestFile), text),
	)
	if err != nil {
		return err
	}
	params := map[string]*tape.Param{}
	for _, p := range s.params {
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

// replace writes a file whole or not at all.
func replace(path string, data []byte) error {
	part := path + ".part"
	if err := os.WriteFile(part, data, 0o644); err != nil {
		return err
	}
	return os.Rename(part, path)
}
