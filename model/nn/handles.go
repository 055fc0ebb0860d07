package nn

import "fmt"

// Handle is something a backend made and holds memory for.
type Handle interface {
	// Bytes held, padding and scales included.
	Bytes() int64
}

// Weight is a loaded matrix.
type Weight interface {
	Handle
	// Shape is what the WeightSpec said: all parts stacked.
	Shape() (out, in int)
}

// Norm is a loaded normalisation.
type Norm interface {
	Handle
	// Width of the rows it normalises.
	Width() int
}

// Cache holds keys and values of a number of layers.
type Cache interface {
	Handle
	Spec() CacheSpec
	// Len is how many positions a layer holds, as far as calls have been made.
	Len(layer int) int
}

// Tokens holds token ids.
type Tokens interface {
	Handle
	// Len is how many ids it holds, as far as calls have been made.
	Len() int
}

// Buf is Rows rows of a matrix of activations, from row First of what the
// backend stored. It is a value; copies and views share the storage. The zero Buf is none.
type Buf struct {
	Store             Handle
	First, Rows, Cols int
}

// View is rows [from, from+n) of b. A range outside b gives a Buf that every operation refuses.
func (b Buf) View(from, n int) Buf {
	if from < 0 || n < 0 || from+n > b.Rows {
		return Buf{Store: b.Store, First: -1, Rows: n, Cols: b.Cols}
	}
	return Buf{Store: b.Store, First: b.First + from, Rows: n, Cols: b.Cols}
}

// IsZero says that b is no buffer.
func (b Buf) IsZero() bool { return b.Store == nil }

func (b Buf) String() string {
	if b.IsZero() {
		return "[none]"
	}
	return fmt.Sprintf("[%d, %d]", b.Rows, b.Cols)
}

// WeightSpec says what to load.
type WeightSpec struct {
	// Name in the model, for errors and for finding it in converted weights.
	Name string
	// Parts are stacked along the outputs: q, k, v of one projection.
	Parts []Matrix
	// Gated: the two parts are gate and up of a GatedMLP, and serve that alone.
	Gated bool
	// Exact asks for full precision: a small matrix at the model's entry or exit, whose rounding everything after it inherits.
	Exact bool
}

// Matrix is where a weight comes from: y = W x + Bias, W [Out, In].
type Matrix struct {
	// Name of the tensor it is, with the ending ".weight" where it has one; none for the weight's own name and that.
	Name    string
	Out, In int
	// Read puts row r, In numbers, into dst. It may be called from several goroutines for different rows.
	Read func(dst []float32, r int)
	// Bias has Out numbers, or none.
	Bias []float32
}

// FromSlice is a matrix whose rows lie in data, out x in.
func FromSlice(out, in int, data, bias []float32) Matrix {
	return Matrix{Out: out, In: in, Bias: bias, Read: func(dst []float32, r int) {
		copy(dst, data[r*in:(r+1)*in])
	}}
}

// NormSpec is a layer norm, or an RMS norm: gain * x / rms(x).
type NormSpec struct {
	Name string
	RMS  bool
	Eps  float32
	// Gain has one number a column.
	Gain []float32
	// Bias has one number a column, or none.
	Bias []float32
}

// CacheSpec is the shape of a Cache.
type CacheSpec struct {
	// Layers, each with room for Capacity positions.
	Layers, Capacity int
	// Heads of the queries; a multiple of KVHeads.
	Heads, KVHeads, HeadDim int
	// RopeTheta is the base of rotary position embedding (the two halves of a head are
	// rotated against each other, as in Qwen2); 0 for none.
	RopeTheta float64
}

// Patches is the geometry of a patch embedding.
type Patches struct {
	Channels, Height, Width int
	// Size of a square patch, also the stride; what is left at the right and bottom is not read.
	Size int
	// Skip rows of dst before the patches of each image.
	Skip int
}

// Grid is how many patches an image has, down and across.
func (p Patches) Grid() (rows, cols int) {
	if p.Size <= 0 {
		return 0, 0
	}
	return p.Height / p.Size, p.Width / p.Size
}

// Act is an activation function.
type Act uint8

const (
	// None leaves x as it is.
	None Act = iota
	// GELU is x Φ(x), with erf.
	GELU
	// GELUTanh is x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))).
	GELUTanh
	// SiLU is x / (1 + exp(-x)).
	SiLU
	// ReLU is max(x, 0).
	ReLU
	// Tanh is tanh(x).
	Tanh
	// Sigmoid is 1 / (1 + exp(-x)).
	Sigmoid
)

func (a Act) String() string {
	names := [...]string{"none", "gelu", "gelu_tanh", "silu", "relu", "tanh", "sigmoid"}
	if int(a) < len(names) {
		return names[a]
	}
	return fmt.Sprintf("Act(%d)", uint8(a))
}

// Op is what surrounds a Linear.
type Op struct {
	// Norm of the input; nil for none.
	Norm Norm
	// Act on the output.
	Act Act
	// Residual adds to dst instead of replacing it.
	Residual bool
}
