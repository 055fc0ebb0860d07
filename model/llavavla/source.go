package llavavla

import (
	"fmt"

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

// files reads a checkpoint's tensors.
type files struct{ weights *checkpoint.Weights }

func (f files) Has(name string) bool { return f.weights.Has(name) }

func (f files) Matrix(name string, out, in int) (nn.Matrix, error) {
	t, err := f.weights.Tensor(name)
	if err != nil {
		return nn.Matrix{}, err
	}
	if t.Len() != out*in || len(t.Shape) < 2 || t.Shape[0] != out {
		return nn.Matrix{}, t.Expect(out, in)
	}
	size := in * t.DType.Size()
	return nn.Matrix{Out: out, In: in, Read: func(dst []float32, r int) {
		// The checkpoint has checked dtype and shape of every tensor.
		_ = checkpoint.DecodeF32(t.DType, dst, t.Data[r*size:(r+1)*size])
	}}, nil
}

func (f files) Vector(name string, n int) ([]float32, error) {
	t, err := f.weights.Tensor(name, n)
	if err != nil {
		return nil, err
	}
	return t.F32()
}

// forget lets go of the pages of a tensor that was copied: they stay in the
// system's cache, but no longer count as this process's memory.
func (f files) forget(name string) {
	if t, err := f.weights.Tensor(name); err == nil {
		forget(t.Data)
	}
}

// forgetter is a Source that can let go of a tensor's memory.
type forgetter interface{ forget(name string) }

// loader hands weights from a Source to a backend and keeps the first error.
type loader struct {
	b    nn.Backend
	src  Source
	err  error
	read []string // matrices that the next weight is made of
}

func (l *loader) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

func (l *loader) vector(name string, n int) []float32 {
	v, err := l.src.Vector(name, n)
	l.fail(err)
	return v
}

// matrix reads name.weight, and name.bias where it is there.
func (l *loader) matrix(name string, out, in int) nn.Matrix {
	m, err := l.src.Matrix(name+".weight", out, in)
	l.fail(err)
	m.Name = name
	l.read = append(l.read, name+".weight")
	if l.src.Has(name + ".bias") {
		m.Bias = l.vector(name+".bias", out)
	}
	return m
}

func (l *loader) weight(spec nn.WeightSpec) nn.Weight {
	if l.err != nil {
		return nil
	}
	w := l.b.Weight(spec)
	if f, ok := l.src.(forgetter); ok {
		for _, name := range l.read {
			f.forget(name)
		}
	}
	l.read = l.read[:0]
	return w
}

func (l *loader) linear(name string, out, in int) nn.Weight {
	return l.weight(nn.WeightSpec{Name: name, Parts: []nn.Matrix{l.matrix(name, out, in)}})
}

func (l *loader) layerNorm(name string, n int, eps float64) nn.Norm {
	spec := nn.NormSpec{Name: name, Eps: float32(eps), Gain: l.vector(name+".weight", n), Bias: l.vector(name+".bias", n)}
	if l.err != nil {
		return nil
	}
	return l.b.Norm(spec)
}

func (l *loader) rmsNorm(name string, n int, eps float64) nn.Norm {
	spec := nn.NormSpec{Name: name, RMS: true, Eps: float32(eps), Gain: l.vector(name+".weight", n)}
	if l.err != nil {
		return nil
	}
	return l.b.Norm(spec)
}

// upload puts rows x cols numbers on the backend.
func (l *loader) upload(name string, rows, cols int) nn.Buf {
	m, err := l.src.Matrix(name, rows, cols)
	if l.fail(err); l.err != nil {
		return nn.Buf{}
	}
	data := make([]float32, rows*cols)
	for r := range rows {
		m.Read(data[r*cols:(r+1)*cols], r)
	}
	buf := l.b.Buf(rows, cols)
	l.b.Write(buf, data)
	return buf
}

func (l *loader) result() error {
	if l.err != nil {
		return fmt.Errorf("load llava-vla: %w", l.err)
	}
	return l.b.Sync()
}
