package checkpoint

import (
	"encoding/binary"
	"fmt"
)

// Tensor is a view of one tensor in a safetensors file.
type Tensor struct {
	// Name it was asked for by: canonical from a Checkpoint, the file's own from a File.
	Name  string
	DType DType
	// Shape, outermost dimension first; empty for a scalar.
	Shape []int
	// Data holds the elements, little-endian, row-major. It is the mapped file:
	// read-only, valid until the File or Checkpoint is closed, at no particular alignment.
	Data []byte
	// File is the path it was read from, for error messages.
	File string
}

// Len is the number of elements.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// ToF32 converts every element into dst, which must have Len() elements.
func (t Tensor) ToF32(dst []float32) error {
	if err := DecodeF32(t.DType, dst, t.Data); err != nil {
		return fmt.Errorf("%s: tensor %s %v: %w", t.File, t.Name, t.Shape, err)
	}
	return nil
}

// F32 is ToF32 into a new slice.
func (t Tensor) F32() ([]float32, error) {
	if t.DType != F32 && t.DType != F16 && t.DType != BF16 {
		return nil, fmt.Errorf("%s: tensor %s is %s: only F32, F16 and BF16 convert to F32", t.File, t.Name, t.DType)
	}
	dst := make([]float32, t.Len())
	return dst, t.ToF32(dst)
}

// Int64 converts an I64 or I32 tensor, such as the ids in a golden file.
func (t Tensor) Int64() ([]int64, error) {
	dst := make([]int64, 0, len(t.Data)/max(t.DType.Size(), 1))
	switch t.DType {
	case I64:
		for b := t.Data; len(b) >= 8; b = b[8:] {
			dst = append(dst, int64(binary.LittleEndian.Uint64(b)))
		}
	case I32:
		for b := t.Data; len(b) >= 4; b = b[4:] {
			dst = append(dst, int64(int32(binary.LittleEndian.Uint32(b))))
		}
	default:
		return nil, fmt.Errorf("%s: tensor %s is %s, not I64 or I32", t.File, t.Name, t.DType)
	}
	return dst, nil
}

// Rows is a view of n rows of the outermost dimension from first on.
func (t Tensor) Rows(first, n int) (Tensor, error) {
	if len(t.Shape) == 0 || first < 0 || n < 0 || first > t.Shape[0]-n {
		return Tensor{}, fmt.Errorf("%s: tensor %s %v has no rows %d..%d", t.File, t.Name, t.Shape, first, first+n)
	}
	row := 0
	if t.Shape[0] > 0 {
		row = len(t.Data) / t.Shape[0]
	}
	part := t
	part.Shape = append([]int{n}, t.Shape[1:]...)
	part.Data = t.Data[first*row : (first+n)*row]
	return part, nil
}

// Expect returns an error that names the tensor, the file and both shapes
// unless the shape is the given one; -1 stands for any size.
func (t Tensor) Expect(shape ...int) error {
	ok := len(shape) == len(t.Shape)
	for i := 0; ok && i < len(shape); i++ {
		ok = shape[i] == -1 || shape[i] == t.Shape[i]
	}
	if !ok {
		return fmt.Errorf("%s: tensor %s has shape %v, expected %v: the weights do not belong to this config.json", t.File, t.Name, t.Shape, shape)
	}
	return nil
}
