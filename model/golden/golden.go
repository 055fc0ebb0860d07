// Package golden compares a model with reference outputs of its original
// implementation: a safetensors file of tensors, one name a stage. The models'
// own packages know what a case is and compute it; here it is held against the file.
package golden

import (
	"encoding/binary"
	"fmt"
	"math"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn"
)

// Report is how far a model is from the reference in one case.
type Report struct {
	Case string
	// Diffs are the largest absolute differences, by tensor of the golden file.
	Diffs []Diff
	// Greedy is whether lists are equal, by name of the golden list: ids, counts, signs.
	Greedy []Agreement
}

// Diff of one tensor.
type Diff struct {
	Tensor string
	// Max |difference|, and Scale, the largest reference value.
	Max, Scale float64
	// Tolerance it is held to.
	Tolerance float64
	// Cosine between all values.
	Cosine float64
}

// Agreement of one list.
type Agreement struct {
	List         string
	Equal, Total int
}

// OK says that everything is within its tolerance and all lists are equal.
func (r Report) OK() bool {
	for _, d := range r.Diffs {
		if !(d.Max <= d.Tolerance) {
			return false
		}
	}
	for _, a := range r.Greedy {
		if a.Equal != a.Total {
			return false
		}
	}
	return true
}

// Difference holds got against want.
func Difference(tensor string, got, want []float64, tolerance float64) (Diff, error) {
	d := Diff{Tensor: tensor, Tolerance: tolerance}
	if len(got) != len(want) {
		return d, fmt.Errorf("tensor %s: %d values computed, the reference has %d", tensor, len(got), len(want))
	}
	var dot, aa, bb float64
	for i, b := range want {
		a := got[i]
		if diff := math.Abs(a - b); diff > d.Max || diff != diff {
			d.Max = diff
		}
		d.Scale = max(d.Scale, math.Abs(b))
		dot, aa, bb = dot+a*b, aa+a*a, bb+b*b
	}
	d.Cosine = dot / math.Sqrt(aa*bb)
	return d, nil
}

// File is a golden file, and what was compared with it so far.
type File struct {
	*checkpoint.File
	Report
	err error
}

// Case starts a report on a file.
func Case(file *checkpoint.File, name string) *File {
	return &File{File: file, Report: Report{Case: name}}
}

// Done is the report, or the first thing that could not be compared.
func (f *File) Done() (Report, error) {
	if f.err != nil {
		return f.Report, fmt.Errorf("case %s: %w", f.Case, f.err)
	}
	return f.Report, nil
}

// Fail keeps an error.
func (f *File) Fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

// Values of a tensor of any dtype of numbers; none after an error.
func (f *File) Values(name string, shape ...int) []float64 {
	t, err := f.Tensor(name, shape...)
	if err == nil {
		var v []float64
		if v, err = Float64(t); err == nil {
			return v
		}
	}
	f.Fail(err)
	return nil
}

// F32 is Values as the model takes them.
func (f *File) F32(name string, shape ...int) []float32 {
	return Narrow(f.Values(name, shape...))
}

// IDs of a tensor of integers.
func (f *File) IDs(name string) []int32 {
	v := f.Values(name)
	ids := make([]int32, len(v))
	for i, x := range v {
		ids[i] = int32(x)
	}
	return ids
}

// Compare holds what was computed against a tensor, when the file has it.
func (f *File) Compare(name string, got []float32, tolerance float64) {
	f.Compare64(name, Widen(got), tolerance)
}

// Compare64 is Compare in double precision.
func (f *File) Compare64(name string, got []float64, tolerance float64) {
	if f.err != nil || !f.Has(name) {
		return
	}
	want := f.Values(name)
	if f.err != nil {
		return
	}
	d, err := Difference(name, got, want, tolerance)
	if err != nil {
		f.Fail(err)
		return
	}
	f.Diffs = append(f.Diffs, d)
}

// Equal holds a list against a tensor, number by number, when the file has it.
func (f *File) Equal(name string, got []float64) { f.EqualPrefix(name, got, 0) }

// Float64 is a tensor of any dtype of numbers in double precision.
func Float64(t checkpoint.Tensor) ([]float64, error) {
	switch t.DType {
	case checkpoint.F64:
		v := make([]float64, t.Len())
		for i := range v {
			v[i] = math.Float64frombits(binary.LittleEndian.Uint64(t.Data[8*i:]))
		}
		return v, nil
	case checkpoint.I32, checkpoint.I64:
		wide, err := t.Int64()
		v := make([]float64, len(wide))
		for i, x := range wide {
			v[i] = float64(x)
		}
		return v, err
	case checkpoint.U8, checkpoint.Bool:
		v := make([]float64, t.Len())
		for i, x := range t.Data {
			v[i] = float64(x)
		}
		return v, nil
	}
	narrow, err := t.F32()
	return Widen(narrow), err
}

// Widen to double precision.
func Widen(v []float32) []float64 {
	w := make([]float64, len(v))
	for i, x := range v {
		w[i] = float64(x)
	}
	return w
}

// Narrow to single precision.
func Narrow(v []float64) []float32 {
	n := make([]float32, len(v))
	for i, x := range v {
		n[i] = float32(x)
	}
	return n
}

// Failed says that an error was kept.
func (f *File) Failed() bool { return f.err != nil }

// ComparePrefix holds the first rows of a tensor against what was computed, when
// the file has it: rows that only follow what was computed are left out, at most rest of them.
func (f *File) ComparePrefix(name string, got []float32, cols, rest int, tolerance float64) {
	if f.err != nil || !f.Has(name) {
		return
	}
	want := f.Values(name)
	if f.err != nil {
		return
	}
	if left := len(want) - len(got); left < 0 || left > rest*cols {
		f.Fail(fmt.Errorf("tensor %s: %d values computed, the reference has %d", name, len(got), len(want)))
		return
	}
	d, err := Difference(name, Widen(got), want[:len(got)], tolerance)
	f.Fail(err)
	f.Diffs = append(f.Diffs, d)
}

// Read copies a buffer to the host; none after an error.
func (f *File) Read(b nn.Backend, x nn.Buf) []float32 {
	if f.err != nil {
		return nil
	}
	v := make([]float32, x.Rows*x.Cols)
	f.Fail(b.Read(v, x))
	return v
}

// EqualPrefix is Equal where up to rest numbers follow in the file.
func (f *File) EqualPrefix(name string, got []float64, rest int) {
	if f.err != nil || !f.Has(name) {
		return
	}
	want := f.Values(name)
	if left := len(want) - len(got); f.err == nil && (left < 0 || left > rest) {
		f.Fail(fmt.Errorf("list %s: %d values computed, the reference has %d", name, len(got), len(want)))
	}
	if f.err != nil {
		return
	}
	a := Agreement{List: name, Total: len(got)}
	for i, g := range got {
		if g == want[i] {
			a.Equal++
		}
	}
	f.Greedy = append(f.Greedy, a)
}
