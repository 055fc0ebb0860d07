package cpu

import (
	"unsafe"

	"cobot_vla/model/nn/cpu/kernels"
)

// operand is the left side of a product: rows of activations, normalised,
// rounded and padded as the kernels read them.
type operand struct {
	element element
	// sixteen: int8 rows come in pairs, the high and the low bytes of 16-bit numbers.
	sixteen bool
	rows    int // of activations
	groups  int
	lda     int    // bytes between two rows
	data    []byte // [rows (twice when sixteen) + slack][lda]
	space   space  // where data lies
	sum     []int32
	scale   []float32
}

// slack rows are read, to no effect, behind the last.
const slack = kernels.WideBlock

// operands is the workspace that operands take turns in.
type operands struct{ x, q operand }

// tileRows is how many rows the kernels see.
func (o *operand) tileRows() int {
	if o.sixteen {
		return 2 * o.rows
	}
	return o.rows
}

func (o *operand) at(row int) unsafe.Pointer { return unsafe.Pointer(&o.data[row*o.lda]) }

// shape prepares for rows of in numbers that will meet w.
func (o *operand) shape(rows int, w *weight, p Precision) {
	o.element, o.rows, o.groups = w.element, rows, w.groups
	o.sixteen = w.element == elementI8 && p == W8A16
	o.lda = stride(w.groups * 4)
	n := o.tileRows()
	o.data = o.space.bytes((n + slack) * o.lda)
	o.sum, o.scale = grow(o.sum, n), grow(o.scale, rows)
}

// stride is a distance of rows that is not a multiple of the 4 KB at which addresses meet in a cache.
func stride(bytes int) int {
	lines := (bytes + 63) / 64
	return (lines | 1) * 64
}

// put rounds one row.
func (o *operand) put(k *kernels.Set, r int, x []float32) {
	bytes := o.groups * 4
	switch o.element {
	case elementF32:
		row := as[float32](o.data[r*o.lda : r*o.lda+bytes])
		clear(row[copy(row, x):])
	case elementBF16:
		row := as[uint16](o.data[r*o.lda : r*o.lda+bytes])
		k.ToBF16(row, x)
		clear(row[len(x):])
	case elementI8:
		highest := k.AbsMax(x)
		if highest == 0 {
			highest = 1
		}
		if !o.sixteen {
			row := as[int8](o.data[r*o.lda : r*o.lda+bytes])
			o.scale[r] = highest / 127
			o.sum[r] = k.Quantize8(row, x, 127/highest)
			clear(row[len(x):])
			return
		}
		high := as[int8](o.data[2*r*o.lda : 2*r*o.lda+bytes])
		low := as[int8](o.data[(2*r+1)*o.lda : (2*r+1)*o.lda+bytes])
		o.scale[r] = highest / 32511
		o.sum[2*r], o.sum[2*r+1] = k.Quantize16(high, low, x, 32511/highest)
		clear(high[len(x):])
		clear(low[len(x):])
	}
}

// packJob makes an operand of rows of x, some rows a task.
type packJob struct {
	b    *Backend
	o    *operand
	x    []float32 // [rows, cols], ld apart
	ld   int
	cols int
	norm *norm
}

const packRows = 8

func (j *packJob) task(worker, t int) {
	s := &j.b.scratch[worker]
	for r := t * packRows; r < min((t+1)*packRows, j.o.rows); r++ {
		x := j.x[r*j.ld : r*j.ld+j.cols]
		if j.norm != nil {
			s.row = grow(s.row, j.cols)
			j.norm.apply(j.b.k, s.row, x)
			x = s.row[:j.cols]
		}
		j.o.put(j.b.k, r, x)
	}
}

// pack makes the operand of rows of x that w multiplies.
func (b *Backend) pack(x []float32, rows, ld, cols int, n *norm, w *weight) *operand {
	o := &b.ops.x
	o.shape(rows, w, b.config.Precision)
	b.packJob = packJob{b: b, o: o, x: x, ld: ld, cols: cols, norm: n}
	b.pool.do(&b.packJob, (rows+packRows-1)/packRows, packRows*cols/4)
	return o
}
