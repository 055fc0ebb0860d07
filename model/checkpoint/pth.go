package checkpoint

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// PthTensor is one tensor of a .pth file.
type PthTensor struct {
	Name  string
	DType DType
	Shape []int
	// storage it lies in, and where [elements].
	storage *pthStorage
	offset  int
	strides []int
}

// pthStorage is the memory of tensors, one entry of the archive.
type pthStorage struct {
	file  *zip.File
	dtype DType
	size  int // elements
}

// Pth is an open file of torch.save: a zip archive of a pickle and of the
// storages it refers to. The pickle is read as data: it names tensors, and
// nothing in it is ever called.
type Pth struct {
	archive *zip.ReadCloser
	tensors []PthTensor
}

// maxPickle bounds the description of the tensors; that of ten thousand has 3 MB.
const maxPickle = 256 << 20

// OpenPth opens a .pth and finds its tensors. key names the entry of the saved
// dictionary that holds them; "" takes model_state_dict, model or state_dict,
// or else the dictionary itself. A prefix "module." of a name, which training on several GPUs adds, is left out.
func OpenPth(file, key string) (*Pth, error) {
	archive, err := zip.OpenReader(file)
	if errors.Is(err, zip.ErrFormat) {
		return nil, fmt.Errorf("%s: no zip archive, as torch.save writes since version 1.6: load it there and save it again", file)
	}
	if err != nil {
		return nil, err
	}
	p := &Pth{archive: archive}
	if err := p.read(key); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", file, err), archive.Close())
	}
	return p, nil
}

// Tensors in the order of the file.
func (p *Pth) Tensors() []PthTensor { return p.tensors }

// Close the file.
func (p *Pth) Close() error { return p.archive.Close() }

func (p *Pth) read(key string) error {
	var pickle *zip.File
	entries := map[string]*zip.File{}
	for _, f := range p.archive.File {
		entries[f.Name] = f
		if path.Base(f.Name) == "data.pkl" && pickle == nil {
			pickle = f
		}
	}
	if pickle == nil {
		return fmt.Errorf("%w: the archive has no data.pkl", ErrPickle)
	}
	root := path.Dir(pickle.Name)
	if order := entries[path.Join(root, "byteorder")]; order != nil {
		if b, err := readEntry(order, 16); err != nil || string(b) != "little" {
			return fmt.Errorf("%w: byte order %q, expected little", ErrPickle, b)
		}
	}
	data, err := readEntry(pickle, maxPickle)
	if err != nil {
		return err
	}
	value, err := unpickle(data, func(id any) (any, error) { return storageOf(id, root, entries) }, rebuild)
	if err != nil {
		return err
	}
	dict, ok := value.(*pickleDict)
	if !ok {
		return fmt.Errorf("%w: it holds no dictionary of tensors", ErrPickle)
	}
	return p.collect(dict, key)
}

// collect finds the dictionary of tensors and gives them their names.
func (p *Pth) collect(dict *pickleDict, key string) error {
	keys := []string{"model_state_dict", "model", "state_dict"}
	if key != "" {
		keys = []string{key}
	}
	for _, k := range keys {
		if inner, ok := dict.get(k); ok {
			if d, ok := inner.(*pickleDict); ok {
				dict = d
				break
			}
		}
		if key != "" {
			return fmt.Errorf("%w: no dictionary %q in it; it has %s", ErrPickle, key, keyNames(dict))
		}
	}
	seen := map[string]bool{}
	for i, k := range dict.keys {
		t, ok := dict.values[i].(*PthTensor)
		if !ok {
			continue
		}
		name, ok := k.(string)
		if !ok {
			return fmt.Errorf("%w: a tensor whose name is no string", ErrPickle)
		}
		named := *t
		named.Name = strings.TrimPrefix(name, "module.")
		if seen[named.Name] {
			return fmt.Errorf("%w: tensor %s comes twice", ErrPickle, named.Name)
		}
		seen[named.Name] = true
		p.tensors = append(p.tensors, named)
	}
	if len(p.tensors) == 0 {
		return fmt.Errorf("%w: no tensors in the dictionary; it has %s", ErrPickle, keyNames(dict))
	}
	return nil
}

func keyNames(d *pickleDict) string {
	var names []string
	for i, k := range d.keys {
		if i == 10 {
			names = append(names, "…")
			break
		}
		names = append(names, fmt.Sprint(k))
	}
	return strings.Join(names, ", ")
}

func readEntry(f *zip.File, limit int64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%w: %s is longer than %d bytes", ErrPickle, f.Name, limit)
	}
	return data, err
}

// storages by the class that a pickle names.
var storages = map[string]DType{
	"DoubleStorage": F64, "FloatStorage": F32, "HalfStorage": F16, "BFloat16Storage": BF16,
	"LongStorage": I64, "IntStorage": I32, "ShortStorage": I16, "CharStorage": I8, "ByteStorage": U8, "BoolStorage": Bool,
}

// storageOf resolves ("storage", class, key, device, elements).
func storageOf(id any, root string, entries map[string]*zip.File) (any, error) {
	t, ok := id.(pickleTuple)
	if !ok || len(t) != 5 || t[0] != "storage" {
		return nil, fmt.Errorf("%w: a persistent id that is no storage", ErrPickle)
	}
	class, _ := t[1].(pickleGlobal)
	dtype, known := storages[class.name]
	if class.module != "torch" || !known {
		return nil, fmt.Errorf("%w: a storage of class %s.%s", ErrPickle, class.module, class.name)
	}
	key, isKey := t[2].(string)
	n, isCount := t[4].(int64)
	if !isKey || !isCount || n < 0 || n > 1<<40 {
		return nil, fmt.Errorf("%w: a storage without key or size", ErrPickle)
	}
	file := entries[path.Join(root, "data", key)]
	if file == nil {
		return nil, fmt.Errorf("%w: storage %s is not in the archive", ErrPickle, key)
	}
	if have := file.UncompressedSize64; have < uint64(n)*uint64(dtype.Size()) {
		return nil, fmt.Errorf("%w: storage %s has %d bytes, %d elements of %s were saved", ErrTruncated, key, have, n, dtype)
	}
	return &pthStorage{file: file, dtype: dtype, size: int(n)}, nil
}

// rebuild makes what torch and collections would have made; all else is none of ours.
func rebuild(f pickleGlobal, args pickleTuple) (any, bool, error) {
	switch f {
	case pickleGlobal{"collections", "OrderedDict"}:
		return &pickleDict{}, true, nil
	case pickleGlobal{"torch._utils", "_rebuild_tensor_v2"}, pickleGlobal{"torch._utils", "_rebuild_tensor"}:
		t, err := rebuildTensor(args)
		return t, true, err
	case pickleGlobal{"torch._utils", "_rebuild_parameter"}:
		if len(args) > 0 {
			if t, ok := args[0].(*PthTensor); ok {
				return t, true, nil
			}
		}
		return nil, true, fmt.Errorf("%w: a parameter without a tensor", ErrPickle)
	}
	return nil, false, nil
}

// rebuildTensor takes (storage, offset, shape, strides, …).
func rebuildTensor(args pickleTuple) (*PthTensor, error) {
	bad := func(what string) error { return fmt.Errorf("%w: a tensor without %s", ErrPickle, what) }
	if len(args) < 4 {
		return nil, bad("storage, offset, shape and strides")
	}
	s, ok := args[0].(*pthStorage)
	if !ok {
		return nil, bad("a storage")
	}
	offset, ok := args[1].(int64)
	if !ok || offset < 0 || offset > int64(s.size) {
		return nil, bad("a place in its storage")
	}
	shape, okShape := ints(args[2])
	strides, okStrides := ints(args[3])
	if !okShape || !okStrides || len(shape) != len(strides) {
		return nil, bad("a shape and strides")
	}
	last, count := int(offset), 1
	for i, n := range shape {
		if n > 0 && count > (1<<40)/n {
			return nil, bad("a possible shape")
		}
		count *= n
		if n > 0 {
			if strides[i] > 0 && n-1 > s.size/strides[i] {
				return nil, bad("room in its storage")
			}
			last += (n - 1) * strides[i]
		}
	}
	if count > 0 && last >= s.size {
		return nil, fmt.Errorf("%w: a tensor of shape %v at %d reaches beyond its storage of %d", ErrPickle, shape, offset, s.size)
	}
	if count > 64*s.size { // strides of 0 repeat; a tensor of weights never does so much
		return nil, bad("elements of its own")
	}
	return &PthTensor{DType: s.dtype, Shape: shape, storage: s, offset: int(offset), strides: strides}, nil
}

func ints(v any) ([]int, bool) {
	t, ok := v.(pickleTuple)
	if !ok || len(t) > 16 {
		return nil, false
	}
	list := make([]int, len(t))
	for i, x := range t {
		n, ok := x.(int64)
		if !ok || n < 0 || n > 1<<40 {
			return nil, false
		}
		list[i] = int(n)
	}
	return list, true
}

// Data are the elements, little-endian, row-major.
func (t PthTensor) Data() ([]byte, error) {
	s := t.storage
	size := s.dtype.Size()
	whole, err := readEntry(s.file, int64(s.file.UncompressedSize64))
	if err != nil {
		return nil, fmt.Errorf("tensor %s: %w", t.Name, err)
	}
	if len(whole) < s.size*size {
		return nil, fmt.Errorf("tensor %s: %w: its storage has %d bytes, expected %d", t.Name, ErrTruncated, len(whole), s.size*size)
	}
	count := 1
	for _, n := range t.Shape {
		count *= n
	}
	if t.contiguous() {
		return whole[t.offset*size : (t.offset+count)*size], nil
	}
	out := make([]byte, 0, count*size)
	index := make([]int, len(t.Shape))
	for range count {
		at := t.offset
		for i, k := range index {
			at += k * t.strides[i]
		}
		out = append(out, whole[at*size:(at+1)*size]...)
		for i := len(index) - 1; i >= 0; i-- {
			if index[i]++; index[i] < t.Shape[i] {
				break
			}
			index[i] = 0
		}
	}
	return out, nil
}

func (t PthTensor) contiguous() bool {
	want := 1
	for i := len(t.Shape) - 1; i >= 0; i-- {
		if t.Shape[i] != 1 && t.strides[i] != want {
			return false
		}
		want *= t.Shape[i]
	}
	return true
}

// ConvertPth writes the tensors of a .pth as safetensors, tensor by tensor, and
// says how many there were. The file appears only when all of it was written.
func ConvertPth(from, key, to string) (tensors int, err error) {
	p, err := OpenPth(from, key)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	specs := make([]Spec, len(p.tensors))
	for i, t := range p.tensors {
		specs[i] = Spec{Name: t.Name, DType: t.DType, Shape: t.Shape}
	}
	w, err := Create(to, specs, map[string]string{"format": "pt"})
	if err != nil {
		return 0, err
	}
	for _, t := range p.tensors {
		data, err := t.Data()
		if err == nil && len(data) > 0 {
			_, err = w.Write(data)
		}
		if err != nil {
			return 0, errors.Join(err, w.Close()) // a file that is not whole leaves nothing behind
		}
	}
	return len(specs), w.Close()
}
