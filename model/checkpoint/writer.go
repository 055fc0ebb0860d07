package checkpoint

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

// Spec is a tensor to be written.
type Spec struct {
	Name  string
	DType DType
	Shape []int
}

// Bytes the tensor takes.
func (s Spec) Bytes() (int64, error) {
	n := int64(s.DType.Size())
	if n == 0 {
		return 0, fmt.Errorf("tensor %s: unknown dtype %q", s.Name, s.DType)
	}
	for _, d := range s.Shape {
		if d < 0 || d > 0 && n > math.MaxInt64/int64(d) {
			return 0, fmt.Errorf("tensor %s: impossible shape %v", s.Name, s.Shape)
		}
		n *= int64(d)
	}
	return n, nil
}

// Writer writes one safetensors file, tensor by tensor in the order of the
// specs, so that a file of any size is written with little memory. The file
// appears under its name only when Close has written all of it.
type Writer struct {
	path  string
	specs []Spec
	next  int   // index of the spec being written
	left  int64 // bytes missing of it
	file  *os.File
	out   *bufio.Writer
	chunk []byte
	err   error
}

// dataAlignment is where the data starts in the file: a cache line, so that mapped
// tensors whose sizes are multiples of it stay aligned. The format asks for 8.
const dataAlignment = 64

// Create starts a safetensors file that holds the given tensors in this order.
func Create(path string, specs []Spec, metadata map[string]string) (*Writer, error) {
	header, err := encodeHeader(specs, metadata)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return nil, err
	}
	w := &Writer{path: path, specs: specs, file: file, out: bufio.NewWriterSize(file, 1<<20)}
	w.put(binary.LittleEndian.AppendUint64(nil, uint64(len(header))))
	w.put(header)
	w.settle()
	return w, nil
}

// encodeHeader writes the JSON by hand to keep the order of the specs.
func encodeHeader(specs []Spec, metadata map[string]string) ([]byte, error) {
	header := []byte{'{'}
	if metadata != nil {
		text, err := json.Marshal(metadata)
		if err != nil {
			return nil, err
		}
		header = append(append(header, `"__metadata__":`...), text...)
	}
	offset, seen := int64(0), map[string]bool{}
	for _, s := range specs {
		n, err := s.Bytes()
		if err != nil {
			return nil, err
		}
		if seen[s.Name] || s.Name == "__metadata__" {
			return nil, fmt.Errorf("tensor %s comes twice", s.Name)
		}
		seen[s.Name] = true
		if n > math.MaxInt64-offset {
			return nil, fmt.Errorf("tensor %s: the file would be longer than 2^63 bytes", s.Name)
		}
		shape := s.Shape
		if shape == nil {
			shape = []int{}
		}
		name, err := json.Marshal(s.Name)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(struct {
			DType   DType    `json:"dtype"`
			Shape   []int    `json:"shape"`
			Offsets [2]int64 `json:"data_offsets"`
		}{s.DType, shape, [2]int64{offset, offset + n}})
		if err != nil {
			return nil, err
		}
		if len(header) > 1 {
			header = append(header, ',')
		}
		header = append(append(append(header, name...), ':'), text...)
		offset += n
	}
	header = append(header, '}')
	for (len(header)+8)%dataAlignment != 0 {
		header = append(header, ' ')
	}
	if len(header) > maxHeader {
		return nil, fmt.Errorf("%w: %d bytes, the format allows %d", ErrHeader, len(header), maxHeader)
	}
	return header, nil
}

// Write appends raw little-endian bytes to the tensor whose turn it is. It may
// be called several times for one tensor, but not across the end of it.
func (w *Writer) Write(data []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if int64(len(data)) > w.left {
		return 0, fmt.Errorf("%s: %d bytes for %s, which takes %d more", w.path, len(data), w.turn(), w.left)
	}
	w.put(data)
	w.left -= int64(len(data))
	if w.left == 0 {
		w.next++
		w.settle()
	}
	return len(data), w.err
}

// WriteF32 converts values to the dtype of the tensor whose turn it is and appends them.
func (w *Writer) WriteF32(values []float32) error {
	const part = 1 << 14
	for len(values) > 0 {
		if w.next >= len(w.specs) {
			return fmt.Errorf("%s: %d values after the last tensor", w.path, len(values))
		}
		n := min(part, len(values))
		var err error
		if w.chunk, err = EncodeF32(w.specs[w.next].DType, w.chunk[:0], values[:n]); err != nil {
			return fmt.Errorf("%s: tensor %s: %w", w.path, w.turn(), err)
		}
		if _, err := w.Write(w.chunk); err != nil {
			return err
		}
		values = values[n:]
	}
	return w.err
}

// Close finishes the file and gives it its name. When a tensor is missing or a
// write failed, nothing is left behind.
func (w *Writer) Close() error {
	if w.file == nil {
		return w.err
	}
	err := w.err
	if err == nil && w.next < len(w.specs) {
		err = fmt.Errorf("%s: closed before tensor %s was written: %d bytes missing", w.path, w.turn(), w.left)
	}
	if err == nil {
		err = w.out.Flush()
	}
	if err == nil {
		err = w.file.Sync()
	}
	if err == nil {
		err = w.file.Chmod(0o644)
	}
	err = errors.Join(err, w.file.Close())
	if err == nil {
		err = os.Rename(w.file.Name(), w.path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(w.file.Name()))
	}
	w.file, w.err = nil, err
	return err
}

func (w *Writer) put(data []byte) {
	if w.err == nil {
		_, w.err = w.out.Write(data)
	}
}

// settle skips tensors without elements and looks up how long the next one is.
func (w *Writer) settle() {
	for w.next < len(w.specs) {
		if w.left, _ = w.specs[w.next].Bytes(); w.left > 0 {
			return
		}
		w.next++
	}
	w.left = 0
}

func (w *Writer) turn() string {
	if w.next < len(w.specs) {
		return w.specs[w.next].Name
	}
	return "the end of the file"
}
