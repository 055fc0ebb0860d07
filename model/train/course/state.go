package course

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

// StateFile is what a course goes on from, in its folder.
const StateFile = "state.safetensors"

// writeState writes weights, both moments, the step of the planned steps and what was asked for. The file
// appears whole or not at all.
func writeState(dir string, o *tape.Optimiser, step, steps int, asked any) (err error) {
	config, err := json.Marshal(asked)
	if err != nil {
		return err
	}
	var specs []checkpoint.Spec
	var bufs []nn.Buf
	for k, kind := range []string{"value.", "m.", "v."} {
		for i, p := range o.Params() {
			m, v := o.Moments(i)
			specs = append(specs, checkpoint.Spec{Name: kind + p.Name, DType: checkpoint.F32, Shape: []int{p.Value.Rows, p.Value.Cols}})
			bufs = append(bufs, [...]nn.Buf{p.Value, m, v}[k])
		}
	}
	w, err := checkpoint.Create(filepath.Join(dir, StateFile), specs, map[string]string{"step": strconv.Itoa(step), "steps": strconv.Itoa(steps), "config": string(config)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	for _, b := range bufs {
		x := make([]float32, b.Rows*b.Cols)
		if err := o.Tape.Read(x, b); err != nil {
			return err
		}
		if err := w.WriteF32(x); err != nil {
			return err
		}
	}
	return nil
}

// readState brings a course to where it was and returns the step and the planned steps; 0 when there is no state.
func readState(dir string, o *tape.Optimiser, asked any) (step, steps int, err error) {
	path := filepath.Join(dir, StateFile)
	f, err := checkpoint.OpenFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := SameConfig(f.Metadata()["config"], asked); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", path, err)
	}
	for key, to := range map[string]*int{"step": &step, "steps": &steps} {
		if *to, err = strconv.Atoi(f.Metadata()[key]); err != nil || *to < 0 {
			return 0, 0, fmt.Errorf("%s: %s %q in its metadata: delete it to begin again", path, key, f.Metadata()[key])
		}
	}
	for i, p := range o.Params() {
		m, v := o.Moments(i)
		for kind, b := range map[string]nn.Buf{"value.": p.Value, "m.": m, "v.": v} {
			t, err := f.Tensor(kind+p.Name, b.Rows, b.Cols)
			if err != nil {
				return 0, 0, err
			}
			x, err := t.F32()
			if err != nil {
				return 0, 0, err
			}
			o.Tape.Write(b, x)
		}
	}
	return step, steps, o.Reload()
}

// SameConfig names the first field in which a course differs from the one that wrote a state.
func SameConfig(was string, asked any) error {
	now, err := json.Marshal(asked)
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

// Replace writes a file whole or not at all.
func Replace(path string, data []byte) error {
	part := path + ".part"
	if err := os.WriteFile(part, data, 0o644); err != nil {
		return err
	}
	return os.Rename(part, path)
}
