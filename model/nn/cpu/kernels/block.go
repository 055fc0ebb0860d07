package kernels

import (
	"math"
	"unsafe"
)

// Block is a product of two matrices that lie as they are, C [Rows, Cols] = Σ over k of A[·, k] B[k, ·],
// or C += that. A is read at any two distances, so that AᵀB is the same kernel. A word is 4
// bytes: one f32, or two bf16 whose products are both added. Distances are in bytes.
type Block struct {
	C   unsafe.Pointer
	LDC uintptr
	A   unsafe.Pointer
	// ARow and AK are the distances of two rows of A and of two k.
	ARow, AK uintptr
	B        unsafe.Pointer
	// BK is the distance of two k; the columns of B follow each other.
	BK uintptr
	K  int
	// Rows are any number, Cols 1 to Panel.
	Rows, Cols int
	Add        bool
}

// blockRows is how many rows a kernel takes at a time.
const blockRows = 12

// in runs kernels for 12, 4 and 1 rows over all rows of the block.
func (b *Block) in(twelve, four, one func(*Block)) {
	for left := b.Rows; left > 0; {
		n := 1
		switch {
		case left >= blockRows:
			n = blockRows
			twelve(b)
		case left >= 4:
			n = 4
			four(b)
		default:
			one(b)
		}
		if left -= n; left == 0 {
			return // a pointer behind the last row would be one into something else
		}
		b.A = unsafe.Add(b.A, uintptr(n)*b.ARow)
		b.C = unsafe.Add(b.C, uintptr(n)*b.LDC)
	}
}

func blockF32(b *Block) {
	for r := range b.Rows {
		c := unsafe.Slice((*float32)(unsafe.Add(b.C, uintptr(r)*b.LDC)), b.Cols)
		if !b.Add {
			clear(c)
		}
		for k := range b.K {
			a := *(*float32)(unsafe.Add(b.A, uintptr(r)*b.ARow+uintptr(k)*b.AK))
			for i, v := range unsafe.Slice((*float32)(unsafe.Add(b.B, uintptr(k)*b.BK)), b.Cols) {
				c[i] += a * v
			}
		}
	}
}

func blockBF16(b *Block) {
	for r := range b.Rows {
		c := unsafe.Slice((*float32)(unsafe.Add(b.C, uintptr(r)*b.LDC)), b.Cols)
		if !b.Add {
			clear(c)
		}
		for k := range b.K {
			even, odd := pair(*(*uint32)(unsafe.Add(b.A, uintptr(r)*b.ARow+uintptr(k)*b.AK)))
			for i, v := range unsafe.Slice((*uint32)(unsafe.Add(b.B, uintptr(k)*b.BK)), b.Cols) {
				first, second := pair(v)
				c[i] += even * first
				c[i] += odd * second
			}
		}
	}
}

func dot(x, y []float32) float32 {
	var l [lanes]float32
	for i, v := range x {
		l[i%lanes] += v * y[i]
	}
	return reduce(&l)
}

func add(dst, x []float32) {
	for i, v := range x {
		dst[i] += v
	}
}

func mul(dst, x, y []float32) {
	for i, v := range x {
		dst[i] = v * y[i]
	}
}

func mulAdd(dst, x, y []float32) {
	for i, v := range x {
		dst[i] += v * y[i]
	}
}

func mulShift(dst, x, y []float32, a, c float32) {
	for i, v := range x {
		dst[i] = v * (a*y[i] + c)
	}
}

func combine(dst, x, y []float32, a, b, c float32, add bool) {
	for i, v := range x {
		t := a*v + b*y[i] + c
		if add {
			t += dst[i]
		}
		dst[i] = t
	}
}

func siluGrad(dst, dy, x []float32) {
	for i, f := range x {
		v := float64(f)
		s := 1 / (1 + math.Exp(-v))
		dst[i] = dy[i] * float32(s*(1+v*(1-s)))
	}
}

func geluTanhGrad(dst, dy, x []float32) {
	root := 2 * math.Sqrt(2/math.Pi)
	for i, f := range x {
		v := float64(f)
		s := 1 / (1 + math.Exp(-root*(v+0.044715*v*v*v)))
		dst[i] = dy[i] * float32(s*(1+v*(1-s)*root*(1+3*0.044715*v*v)))
	}
}

func geluGrad(dst, dy, x []float32) {
	for i, f := range x {
		v := float64(f)
		dst[i] = dy[i] * float32(0.5*(1+math.Erf(v/math.Sqrt2))+v*math.Exp(-v*v/2)/math.Sqrt(2*math.Pi))
	}
}

// AdamStep is the numbers of a step of AdamW.
type AdamStep struct {
	Scale, Beta1, Rest1, Beta2, Rest2, Keep, Rate, Root, Eps float32
}

func adam(x, g, m, v []float32, s *AdamStep) {
	for i := range x {
		d := g[i] * s.Scale
		m[i] = s.Beta1*m[i] + s.Rest1*d
		v[i] = s.Beta2*v[i] + s.Rest2*d*d
		x[i] = x[i]*s.Keep - s.Rate*m[i]/(float32(math.Sqrt(float64(v[i])))*s.Root+s.Eps)
	}
}
