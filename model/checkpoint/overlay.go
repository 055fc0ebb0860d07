package checkpoint

import (
	"errors"
	"fmt"
)

// Overlay maps another safetensors file over w: a tensor in it replaces the one
// that has its name, whatever the shape of that one. rename gives the name a
// tensor goes by here; "" leaves it out.
func (w *Weights) Overlay(path string, rename func(name string) string) error {
	f, err := OpenFile(path)
	if err != nil {
		return err
	}
	from := map[string]string{}
	for _, name := range f.Names() {
		to := rename(name)
		if to == "" {
			continue
		}
		if other, twice := from[to]; twice {
			err := fmt.Errorf("%s: tensors %s and %s both stand for %s: save only one of them", path, other, name, to)
			return errors.Join(err, f.Close())
		}
		from[to] = name
	}
	for to, name := range from {
		t := f.tensors[name]
		t.Name = to
		w.tensors[to] = t
	}
	w.files = append(w.files, f)
	return nil
}
