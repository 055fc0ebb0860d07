package weights

import "cobot_vla/model/nn"

// Loader hands weights from a Source to a backend and keeps the first error:
// after one, handles are empty and must not be used.
type Loader struct {
	b    nn.Backend
	src  Source
	err  error
	read []string // matrices that the next weight is made of
}

// NewLoader loads from src onto b.
func NewLoader(b nn.Backend, src Source) *Loader { return &Loader{b: b, src: src} }

// Backend that it loads onto.
func (l *Loader) Backend() nn.Backend { return l.b }

// Has says whether the source has a tensor.
func (l *Loader) Has(name string) bool { return l.src.Has(name) }

// Fail keeps an error, if there was none before.
func (l *Loader) Fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

// Err is the first error, of the source or of the backend.
func (l *Loader) Err() error {
	if l.err != nil {
		return l.err
	}
	return l.b.Sync()
}

// Vector of n numbers.
func (l *Loader) Vector(name string, n int) []float32 {
	v, err := l.src.Vector(name, n)
	l.Fail(err)
	return v
}

// Matrix is name.weight, and name.bias where it is there.
func (l *Loader) Matrix(name string, out, in int) nn.Matrix {
	m := l.Bare(name+".weight", out, in)
	if l.src.Has(name + ".bias") {
		m.Bias = l.Vector(name+".bias", out)
	}
	return m
}

// Bare is a matrix that is a tensor of its own.
func (l *Loader) Bare(name string, out, in int) nn.Matrix {
	m, err := l.src.Matrix(name, out, in)
	l.Fail(err)
	m.Name = name
	l.read = append(l.read, name)
	return m
}

// Weight puts a weight on the backend.
func (l *Loader) Weight(spec nn.WeightSpec) nn.Weight {
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

// Linear is the weight of one matrix and its bias.
func (l *Loader) Linear(name string, out, in int) nn.Weight {
	return l.Weight(nn.WeightSpec{Name: name, Parts: []nn.Matrix{l.Matrix(name, out, in)}})
}

// Exact is Linear in full precision.
func (l *Loader) Exact(name string, out, in int) nn.Weight {
	return l.Weight(nn.WeightSpec{Name: name, Parts: []nn.Matrix{l.Matrix(name, out, in)}, Exact: true})
}

// LayerNorm has name.weight and name.bias.
func (l *Loader) LayerNorm(name string, n int, eps float64) nn.Norm {
	spec := nn.NormSpec{Name: name, Eps: float32(eps), Gain: l.Vector(name+".weight", n), Bias: l.Vector(name+".bias", n)}
	if l.err != nil {
		return nil
	}
	return l.b.Norm(spec)
}

// RMSNorm has name.weight.
func (l *Loader) RMSNorm(name string, n int, eps float64) nn.Norm {
	spec := nn.NormSpec{Name: name, RMS: true, Eps: float32(eps), Gain: l.Vector(name+".weight", n)}
	if l.err != nil {
		return nil
	}
	return l.b.Norm(spec)
}

// Rows are the numbers of a matrix, on the host.
func (l *Loader) Rows(name string, rows, cols int) []float32 {
	m, err := l.src.Matrix(name, rows, cols)
	if l.Fail(err); l.err != nil {
		return nil
	}
	data := make([]float32, rows*cols)
	for r := range rows {
		m.Read(data[r*cols:(r+1)*cols], r)
	}
	return data
}

// Upload puts rows x cols numbers on the backend.
func (l *Loader) Upload(name string, rows, cols int) nn.Buf {
	data := l.Rows(name, rows, cols)
	if l.err != nil {
		return nn.Buf{}
	}
	return l.Buf(data, rows, cols)
}

// Buf puts numbers of the host on the backend.
func (l *Loader) Buf(data []float32, rows, cols int) nn.Buf {
	buf := l.b.Buf(rows, cols)
	l.b.Write(buf, data)
	return buf
}

// Table is rows x cols numbers that are looked up, learnt tokens and positions,
// in full precision; the tensor may have more dimensions before the last.
func (l *Loader) Table(name string, rows, cols int) nn.Weight {
	data := l.Vector(name, rows*cols)
	if l.err != nil {
		return nil
	}
	return l.Weight(nn.WeightSpec{Name: name, Parts: []nn.Matrix{Named(name, nn.FromSlice(rows, cols, data, nil))}, Exact: true})
}

// Named is a matrix under the name of its tensor.
func Named(name string, m nn.Matrix) nn.Matrix {
	m.Name = name
	return m
}
