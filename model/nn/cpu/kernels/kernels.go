// Package kernels holds the inner loops of nn/cpu: matrix tiles and the row
// operations around them, in portable Go and in assembly for the instruction
// sets of amd64, chosen at run time. It knows nothing of layers, and owns
// no memory.
//
// # Layout
//
// All products are C = A Bᵀ with B a weight [out, in] (or keys, or values),
// packed once into panels of 32 outputs. A panel is a run of groups; a group is
// 128 bytes: for each of the 32 outputs the next 4 bytes of its row, that is one
// f32, two bf16 or four int8. A is row-major in the same element type, so
// that 4 bytes of a row of A meet each 4 bytes of a group. Rows are
// padded with zeros to whole groups, and the number of groups to a multiple of 4.
//
// int8 weights are stored with 128 added, as VPDPBUSD wants one side unsigned;
// the sum of a row of A times 128 is subtracted again behind the product.
//
// # Order of summation
//
// Every element of C is one chain of fused multiply-adds along the row, in
// every kernel of a set and whatever the number of rows: a row's result
// does not depend on the rows beside it. Integer products are exact, hence the
// same in all sets.
package kernels

import "unsafe"

const (
	// Panel is the number of outputs in a panel of packed weights.
	Panel = 32
	// GroupBytes is the size of a group: 4 bytes of each output.
	GroupBytes = 4 * Panel
	// TileRows is the most rows a Tile computes. A must be readable, and C
	// writable, for that many rows beyond the first, whatever the number asked for.
	TileRows = 12
	// GroupStep is what the number of groups must be a multiple of.
	GroupStep = 4

	// WideRows, WideBlock and WideStep are the same for a Wide.
	WideRows  = 96
	WideBlock = 32
	WideStep  = 16
)

// Tile computes C [rows, 32] = A [rows, groups] times one panel: 1 to TileRows rows. lda is the
// distance of two rows of A in bytes. Rows of C follow each other; those
// beyond rows are overwritten with no meaning.
type Tile func(c, a unsafe.Pointer, lda uintptr, rows int, panel unsafe.Pointer, groups int)

// Wide computes C [rows, 32*panels] = A [rows, groups] times panels that follow each other, with
// a matrix unit: 1 to WideRows rows. ldc and lda are the distances of two rows of C and
// of A in bytes. It reads A and writes C in blocks of WideBlock rows, and needs a
// number of groups that is a multiple of WideStep.
type Wide func(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, lda uintptr, rows int, panel unsafe.Pointer, groups, panels int)

// Set is the kernels of one instruction set. All of them work in place where
// source and destination are the same.
type Set struct {
	// Name of the instruction set: go, avx2, avx512.
	Name string
	// Features that are used, for people.
	Features string

	// F32, BF16 and I8 are the matrix tiles; I8 leaves int32 in C.
	F32, BF16, I8 Tile
	// FastBF16 says that BF16 is faster than F32, LearnBF16 that gradients are.
	FastBF16, LearnBF16 bool
	// WideBF16 and WideI8 are the same of a matrix unit; nil without one. WideBF16 sums in an order of its own.
	WideBF16, WideI8 Wide

	// Sum of x.
	Sum func(x []float32) float32
	// SumSquares is Σ (x - mean)².
	SumSquares func(x []float32, mean float32) float32
	// Normalize is dst = (x - mean) * scale * gain + bias. All have the same length.
	Normalize func(dst, x, gain, bias []float32, mean, scale float32)
	// AbsMax is max |x|.
	AbsMax func(x []float32) float32
	// Quantize8 is dst = round(x * inverse), in -127..127; it returns Σ dst.
	Quantize8 func(dst []int8, x []float32, inverse float32) int32
	// Quantize16 splits round(x * inverse), in -32512..32511, into 256 high + low, both -128..127.
	Quantize16 func(high, low []int8, x []float32, inverse float32) (sumHigh, sumLow int32)
	// ToBF16 rounds to nearest even.
	ToBF16 func(dst []uint16, x []float32)
	// Pairs is dst = low | high << 16.
	Pairs func(dst []uint32, low, high []uint16)

	// Spread is dst[i*Panel] = x[i]: words of a row into a lane of a panel.
	Spread func(dst, x []uint32)

	// Softmax is dst = exp(scale * (x - max x)) over one row of a run of tiles: 32 numbers of x, the
	// next 32 stride further, and so on as long as dst. It returns Σ dst. -Inf gives 0; at
	// least one number is another.
	Softmax func(dst, x []float32, stride int, scale float32) float32
	// SoftmaxBF16 is Softmax rounded to bf16; the sum is of the rounded numbers.
	SoftmaxBF16 func(dst []uint16, x []float32, stride int, scale float32) float32
	// GELU, GELUTanh and SiLU are the activations, in place.
	GELU, GELUTanh, SiLU func(x []float32)
	// GatedTile is dst [rows, 16] = silu(tile[:, :16]) * tile[:, 16:], rows of dst being ld apart.
	GatedTile func(dst []float32, ld int, tile []float32, rows int)

	// AddBias adds bias [32] to rows of a tile.
	AddBias func(tile []float32, rows int, bias *[Panel]float32)
	// Dequantize8 makes the f32 of a tile of int32: (tile - 128*sum[row]) * scale[row] * column + bias.
	Dequantize8 func(tile []float32, rows int, sum []int32, scale []float32, column, bias *[Panel]float32)
	// Dequantize16 is the same for the two rows of integers that Quantize16 makes of one; rows of them become rows/2 rows of f32.
	Dequantize16 func(tile []float32, rows int, sum []int32, scale []float32, column, bias *[Panel]float32)
	// DequantizeRow is Dequantize8 for one row and the panels that x, column and bias have.
	DequantizeRow func(x []float32, sum []int32, scale []float32, column, bias []float32)
	// StoreI8 is Dequantize8, then Store; the tile is used up. StoreI16 is Dequantize16, then Store.
	StoreI8, StoreI16 func(dst []float32, ld int, tile []float32, rows, cols int, sum []int32, scale []float32, column, bias *[Panel]float32, add bool)
	// Store writes the first cols columns of rows of a tile into dst, rows ld apart; with add it adds them.
	Store func(dst []float32, ld int, tile []float32, rows, cols int, add bool)
	// Stream is Store of all columns, past the caches where the processor can: for a result larger than they are,
	// whose lines would be read from memory only to be overwritten. Other threads see it after an atomic operation.
	Stream func(dst []float32, ld int, tile []float32, rows int)
	// Scale is x *= factor.
	Scale func(x []float32, factor float32)
	// Rotate turns the two halves of each head of x against each other: cos and sin have half a head's numbers.
	Rotate func(x, cos, sin []float32)

	// BlockF32 and BlockBF16 multiply what lies as it is. They use up the Block.
	BlockF32, BlockBF16 func(b *Block)
	// Dot is Σ x y.
	Dot func(x, y []float32) float32
	// Add is dst += x.
	Add func(dst, x []float32)
	// Mul is dst = x y, MulAdd dst += x y.
	Mul, MulAdd func(dst, x, y []float32)
	// MulShift is dst = x (a y + c).
	MulShift func(dst, x, y []float32, a, c float32)
	// Combine is dst = a x + b y + c, or dst += that.
	Combine func(dst, x, y []float32, a, b, c float32, add bool)
	// SiLUGrad, GELUTanhGrad and GELUGrad are dst = dy act'(x).
	SiLUGrad, GELUTanhGrad, GELUGrad func(dst, dy, x []float32)
	// Adam is a step of AdamW: x the weights, g their gradient, m and v the moments.
	Adam func(x, g, m, v []float32, s *AdamStep)
}

// Groups is how many groups rows of in elements take, at 1, 2 or 4 elements a group, in multiples of step.
func Groups(in, perGroup, step int) int {
	groups := (in + perGroup - 1) / perGroup
	return (groups + step - 1) / step * step
}
