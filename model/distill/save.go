package distill

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/tape"
)

// tensor that is written; values makes it when its turn comes.
type tensor struct {
	name   string
	shape  []int
	values func() ([]float32, error)
}

// parameter is a tensor of a tape, under the name that its file has for it.
func parameter(t *tape.Tape, p *tape.Param, name string) tensor {
	shape := []int{p.Value.Rows, p.Value.Cols}
	if p.Value.Cols == 1 {
		shape = shape[:1]
	}
	return tensor{name: name, shape: shape, values: func() ([]float32, error) { return read(t, p.Value) }}
}

func read(b nn.Backend, x nn.Buf) ([]float32, error) {
	v := make([]float32, x.Rows*x.Cols)
	return v, b.Read(v, x)
}

// write writes a safetensors file into Out, whole or not at all.
func (r *run) write(name string, tensors []tensor) error {
	specs := make([]checkpoint.Spec, len(tensors))
	for i, t := range tensors {
		specs[i] = checkpoint.Spec{Name: t.name, DType: r.Stored, Shape: t.shape}
	}
	path := filepath.Join(r.Out, name)
	w, err := checkpoint.Create(path, specs, map[string]string{"format": "pt"})
	if err != nil {
		return err
	}
	for _, t := range tensors {
		values, err := t.values()
		if err == nil {
			err = w.WriteF32(values)
		}
		if err != nil {
			return errors.Join(err, w.Close())
		}
	}
	return w.Close()
}

// bindTo writes manifest.yaml and the statistics it names into Out.
func (r *run) bindTo(kind string) error {
	m := r.manifest
	m.Kind, m.Statistics = kind, "statistics.yaml"
	text, err := m.YAML("Written by cobot_vla train beside the weights it trained.")
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(r.Out, m.Statistics), r.file, 0o644),
		os.WriteFile(filepath.Join(r.Out, "manifest.yaml"), text, 0o644),
	)
}

// copyFiles brings files of a folder into another, as links where that can be; those that are not there are left out.
func copyFiles(from, to string, names ...string) error {
	for _, name := range names {
		src, dst := filepath.Join(from, name), filepath.Join(to, name)
		data, err := os.ReadFile(src)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if same, err := os.ReadFile(dst); err == nil && slices.Equal(same, data) {
			continue
		}
		if err := os.Remove(dst); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if os.Link(src, dst) == nil {
			continue
		}
		if err := os.WriteFile(dst, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
