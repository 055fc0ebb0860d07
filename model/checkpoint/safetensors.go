package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"os"
	"sort"
)

// Errors of a safetensors file; what is returned wraps one and names the file and the tensor.
var (
	// ErrTruncated: the file ends before the data its header promises.
	ErrTruncated = errors.New("file is truncated")
	// ErrHeader: the header is not what the format allows.
	ErrHeader = errors.New("safetensors header is malformed")
	// ErrMissing: no tensor of that name is in the checkpoint.
	ErrMissing = errors.New("tensor is missing")
)

// maxHeader is the largest header the format allows.
const maxHeader = 100_000_000

// File is one open safetensors file
// (https://github.com/huggingface/safetensors#format: u64 header length, JSON
// header, data without holes). Tensors go by the names in the file.
type File struct {
	path     string
	tensors  map[string]Tensor
	order    []string
	metadata map[string]string
	unmap    func() error
}

// OpenFile maps a safetensors file and checks all of its header: every tensor
// it lists is whole and overlaps no other.
func OpenFile(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > math.MaxInt {
		return nil, fmt.Errorf("%s: %w: not a regular file of mappable size", path, ErrHeader)
	}
	data, unmap, err := MapFile(f, int(info.Size()))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	file, err := parseFile(path, data)
	if err != nil {
		return nil, errors.Join(err, unmap())
	}
	file.unmap = unmap
	return file, nil
}

// Names of all tensors in the order of their data.
func (f *File) Names() []string { return f.order }

// Metadata is the header's free-form text, such as format: pt.
func (f *File) Metadata() map[string]string { return f.metadata }

// Has says whether the file holds a tensor of that name.
func (f *File) Has(name string) bool {
	_, ok := f.tensors[name]
	return ok
}

// Tensor of that name; with a shape given it is checked, -1 standing for any size.
func (f *File) Tensor(name string, shape ...int) (Tensor, error) {
	t, ok := f.tensors[name]
	if !ok {
		return Tensor{}, fmt.Errorf("%s: %w: %s%s", f.path, ErrMissing, name, expected(shape))
	}
	if len(shape) > 0 {
		if err := t.Expect(shape...); err != nil {
			return Tensor{}, err
		}
	}
	return t, nil
}

// Close unmaps the file; its tensors' bytes are gone then.
func (f *File) Close() error {
	if f.unmap == nil {
		return nil
	}
	err := f.unmap()
	f.unmap, f.tensors, f.order = nil, nil, nil
	return err
}

func expected(shape []int) string {
	if len(shape) == 0 {
		return ""
	}
	return fmt.Sprintf(" (expected with shape %v)", shape)
}

// entry is a tensor as the header describes it.
type entry struct {
	DType   DType    `json:"dtype"`
	Shape   []uint64 `json:"shape"`
	Offsets []uint64 `json:"data_offsets"`
}

// parseFile reads the header of a whole file in memory. It allocates in
// proportion to the header, which is part of data.
func parseFile(path string, data []byte) (*File, error) {
	if len(data) < 8 {
		return nil, fmt.Errorf("%s: %w: %d bytes, expected at least the 8 of the header length", path, ErrTruncated, len(data))
	}
	size := binary.LittleEndian.Uint64(data)
	if size > maxHeader {
		return nil, fmt.Errorf("%s: %w: header of %d bytes, the format allows %d: is this a safetensors file?", path, ErrHeader, size, maxHeader)
	}
	if size > uint64(len(data)-8) {
		return nil, fmt.Errorf("%s: %w: header of %d bytes in a file of %d", path, ErrTruncated, size, len(data))
	}
	header, body := data[8:8+size], data[8+size:]

	f := &File{path: path, tensors: map[string]Tensor{}}
	spans := map[string][2]uint64{}
	if err := f.parseHeader(header, body, spans); err != nil {
		return nil, err
	}
	sort.SliceStable(f.order, func(i, j int) bool {
		a, b := spans[f.order[i]], spans[f.order[j]]
		return a[0] < b[0] || a[0] == b[0] && a[1] < b[1]
	})
	end := uint64(0)
	for _, name := range f.order {
		if span := spans[name]; span[0] != end {
			return nil, fmt.Errorf("%s: %w: tensor %s starts at byte %d, expected %d: data overlaps or has a hole", path, ErrHeader, name, span[0], end)
		}
		end = spans[name][1]
	}
	if end != uint64(len(body)) {
		return nil, fmt.Errorf("%s: %w: %d bytes of data, the header describes %d", path, ErrHeader, len(body), end)
	}
	return f, nil
}

// parseHeader walks the JSON object token by token: a map would hide names that come twice.
func (f *File) parseHeader(header, body []byte, spans map[string][2]uint64) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%s: %w: %s", f.path, ErrHeader, fmt.Sprintf(format, args...))
	}
	if len(header) == 0 || header[0] != '{' {
		return fail("it does not start with {")
	}
	dec := json.NewDecoder(bytes.NewReader(header))
	if _, err := dec.Token(); err != nil {
		return fail("%v", err)
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return fail("%v", err)
		}
		name, ok := key.(string)
		if !ok {
			return fail("a name is no string")
		}
		if name == "__metadata__" {
			if f.metadata != nil {
				return fail("__metadata__ comes twice")
			}
			f.metadata = map[string]string{}
			if err := dec.Decode(&f.metadata); err != nil {
				return fail("__metadata__: %v", err)
			}
			continue
		}
		if _, twice := f.tensors[name]; twice {
			return fail("tensor %s comes twice", name)
		}
		var e entry
		if err := dec.Decode(&e); err != nil {
			return fail("tensor %s: %v", name, err)
		}
		t, err := f.place(name, e, body)
		if err != nil {
			return err
		}
		f.tensors[name] = t
		f.order = append(f.order, name)
		spans[name] = [2]uint64(e.Offsets)
	}
	if _, err := dec.Token(); err != nil {
		return fail("%v", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fail("something follows the closing }")
	}
	return nil
}

// place checks one entry against the data and makes its Tensor.
func (f *File) place(name string, e entry, body []byte) (Tensor, error) {
	size := e.DType.Size()
	if size == 0 {
		return Tensor{}, fmt.Errorf("%s: %w: tensor %s has dtype %q, expected one of F64 F32 F16 BF16 F8_E4M3 F8_E5M2 I64 I32 I16 I8 U64 U32 U16 U8 BOOL", f.path, ErrHeader, name, e.DType)
	}
	want := uint64(size)
	shape := make([]int, len(e.Shape))
	for i, d := range e.Shape {
		over, product := bits.Mul64(want, d)
		if over != 0 || product > math.MaxInt64 || d > math.MaxInt32 {
			return Tensor{}, fmt.Errorf("%s: %w: tensor %s has the impossible shape %v", f.path, ErrHeader, name, e.Shape)
		}
		shape[i], want = int(d), product
	}
	if len(e.Offsets) != 2 {
		return Tensor{}, fmt.Errorf("%s: %w: tensor %s has %d data_offsets, expected 2", f.path, ErrHeader, name, len(e.Offsets))
	}
	begin, end := e.Offsets[0], e.Offsets[1]
	if begin > end || end-begin != want {
		return Tensor{}, fmt.Errorf("%s: %w: tensor %s %s %v needs %d bytes, its offsets are %d..%d", f.path, ErrHeader, name, e.DType, e.Shape, want, begin, end)
	}
	if end > uint64(len(body)) {
		return Tensor{}, fmt.Errorf("%s: %w: tensor %s %s %v ends at data byte %d, the file has %d: copy it again", f.path, ErrTruncated, name, e.DType, e.Shape, end, len(body))
	}
	return Tensor{Name: name, DType: e.DType, Shape: shape, Data: body[begin:end:end], File: f.path}, nil
}
