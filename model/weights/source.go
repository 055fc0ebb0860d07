package weights

import (
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn"
)

// Source is where weights come from, by the canonical names of model/checkpoint.
type Source interface {
	// Matrix whose rows can be read in any order; a tensor of more than two dimensions is flattened behind the first.
	Matrix(name string, out, in int) (nn.Matrix, error)
	// Vector of n numbers.
	Vector(name string, n int) ([]float32, error)
	// Has says whether the tensor is there.
	Has(name string) bool
}

// Files is a checkpoint's tensors.
type Files struct{ Weights *checkpoint.Weights }

// Has implements Source.
func (f Files) Has(name string) bool { return f.Weights.Has(name) }

// Matrix implements Source.
func (f Files) Matrix(name string, out, in int) (nn.Matrix, error) {
	t, err := f.Weights.Tensor(name)
	if err != nil {
		return nn.Matrix{}, err
	}
	if t.Len() != out*in || len(t.Shape) < 2 || t.Shape[0] != out {
		return nn.Matrix{}, t.Expect(out, in)
	}
	size := in * t.DType.Size()
	if out > 0 { // whether this dtype converts shows in any row
		if err := checkpoint.DecodeF32(t.DType, make([]float32, in), t.Data[:size]); err != nil {
			return nn.Matrix{}, t.ToF32(make([]float32, t.Len()))
		}
	}
	return nn.Matrix{Out: out, In: in, Read: func(dst []float32, r int) {
		_ = checkpoint.DecodeF32(t.DType, dst, t.Data[r*size:(r+1)*size]) // its only error was ruled out above
	}}, nil
}

// Vector implements Source.
func (f Files) Vector(name string, n int) ([]float32, error) {
	t, err := f.Weights.Tensor(name)
	if err != nil {
		return nil, err
	}
	if t.Len() != n {
		return nil, t.Expect(n)
	}
	return t.F32()
}

// forget lets go of the pages of a tensor that was copied: they stay in the
// system's cache, but no longer count as this process's memory.
func (f Files) forget(name string) {
	if t, err := f.Weights.Tensor(name); err == nil {
		forget(t.Data)
	}
}

// forgetter is a Source that can let go of a tensor's memory.
type forgetter interface{ forget(name string) }
