package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sort"
	"strings"
)

const (
	weightsFile = "model.safetensors"
	indexFile   = "model.safetensors.index.json"
)

// Weights are the tensors of a checkpoint directory by canonical name, in one
// file or several.
type Weights struct {
	dir     string
	scheme  Scheme
	files   []*File
	tensors map[string]Tensor
}

// OpenWeights maps model.safetensors, or the files that
// model.safetensors.index.json lists.
func OpenWeights(dir string) (*Weights, error) {
	single := filepath.Join(dir, weightsFile)
	f, err := OpenFile(single)
	if err == nil {
		return newWeights(dir, []*File{f}, nil)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	index, err := readBounded(filepath.Join(dir, indexFile))
	if errors.Is(err, fs.ErrNotExist) {
		if old, _ := filepath.Glob(filepath.Join(dir, "pytorch_model*.bin")); len(old) > 0 {
			return nil, fmt.Errorf("%s: no %s, only %s: save the model again with safe_serialization=True", dir, weightsFile, filepath.Base(old[0]))
		}
		return nil, fmt.Errorf("%s: neither %s nor %s is there: %w", dir, weightsFile, indexFile, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	return openShards(dir, index)
}

// OpenWeightsFile maps one safetensors file of any name under canonical names.
func OpenWeightsFile(path string) (*Weights, error) {
	f, err := OpenFile(path)
	if err != nil {
		return nil, err
	}
	return newWeights(path, []*File{f}, nil)
}

func openShards(dir string, index []byte) (*Weights, error) {
	path := filepath.Join(dir, indexFile)
	byTensor, err := parseIndex(index)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	opened := map[string]*File{}
	var files []*File
	closeAll := func(err error) error {
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
		return err
	}
	names := make([]string, 0, len(byTensor))
	for name := range byTensor {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		file := byTensor[name]
		if opened[file] == nil {
			f, err := OpenFile(filepath.Join(dir, file))
			if err != nil {
				return nil, closeAll(fmt.Errorf("%s says that tensor %s is in %s: %w", path, name, file, err))
			}
			opened[file] = f
			files = append(files, f)
		}
		if !opened[file].Has(name) {
			return nil, closeAll(fmt.Errorf("%w: %s: %s says it is there", ErrMissing, name+" in "+filepath.Join(dir, file), path))
		}
	}
	return newWeights(dir, files, byTensor)
}

// parseIndex gives the file of every tensor. A file is a plain name: an index
// can't reach outside its directory.
func parseIndex(data []byte) (map[string]string, error) {
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, err
	}
	if len(index.WeightMap) == 0 {
		return nil, errors.New("weight_map is empty")
	}
	for name, file := range index.WeightMap {
		if file == "" || file == "." || file == ".." || strings.ContainsAny(file, `/\`+"\x00") {
			return nil, fmt.Errorf("weight_map puts tensor %s into %q, expected a file name", name, file)
		}
	}
	return index.WeightMap, nil
}

// newWeights takes the files over. With byTensor, a tensor counts only in the file it is listed for.
func newWeights(dir string, files []*File, byTensor map[string]string) (*Weights, error) {
	w := &Weights{dir: dir, files: files, tensors: map[string]Tensor{}}
	var all []string
	for _, f := range files {
		for _, name := range f.Names() {
			if byTensor != nil && byTensor[name] != filepath.Base(f.path) {
				continue
			}
			all = append(all, name)
			t := f.tensors[name]
			t.Name, _ = Canonical(name)
			if other, twice := w.tensors[t.Name]; twice {
				err := fmt.Errorf("%s: tensor %s stands for %s, which %s has too under another name", f.path, name, t.Name, other.File)
				return nil, errors.Join(err, w.Close())
			}
			w.tensors[t.Name] = t
		}
	}
	w.scheme = SchemeOf(all)
	return w, nil
}

// Scheme that the names in the files follow; empty when they follow none.
func (w *Weights) Scheme() Scheme { return w.scheme }

// Has says whether a tensor of that canonical name is there.
func (w *Weights) Has(name string) bool {
	_, ok := w.tensors[name]
	return ok
}

// Names are the canonical names, sorted.
func (w *Weights) Names() []string {
	names := make([]string, 0, len(w.tensors))
	for name := range w.tensors {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Bytes of all tensors together.
func (w *Weights) Bytes() int64 {
	var n int64
	for _, t := range w.tensors {
		n += int64(len(t.Data))
	}
	return n
}

// Files are the paths of the mapped files.
func (w *Weights) Files() []string {
	paths := make([]string, len(w.files))
	for i, f := range w.files {
		paths[i] = f.path
	}
	return paths
}

// Tensor by canonical name; with a shape given it is checked, -1 standing for
// any size. Errors name the tensor as the file would spell it.
func (w *Weights) Tensor(name string, shape ...int) (Tensor, error) {
	t, ok := w.tensors[name]
	if !ok {
		where := w.dir
		if len(w.files) == 1 {
			where = w.files[0].path
		}
		return Tensor{}, fmt.Errorf("%s: %w: %s%s", where, ErrMissing, w.scheme.Name(name), expected(shape))
	}
	if len(shape) > 0 {
		if err := t.Expect(shape...); err != nil {
			return Tensor{}, err
		}
	}
	return t, nil
}

// Close unmaps the files; the bytes of every Tensor are gone then.
func (w *Weights) Close() error {
	var err error
	for _, f := range w.files {
		err = errors.Join(err, f.Close())
	}
	w.files, w.tensors = nil, nil
	return err
}
