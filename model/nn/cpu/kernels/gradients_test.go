package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

func TestBlocks(t *testing.T) {
	portable := Portable()
	each(t, func(t *testing.T, s *Set, rng *rand.Rand) {
		for _, bf := range []bool{false, true} {
			for _, m := range []struct{ rows, cols, k int }{{1, 32, 5}, {4, 17, 9}, {12, 32, 40}, {31, 3, 7}, {17, 16, 33}} {
				for _, transposed := range []bool{false, true} {
					for _, sum := range []bool{false, true} {
						word := func() uint32 {
							if bf {
								return uint32(bf16(float32(rng.NormFloat64()))) | uint32(bf16(float32(rng.NormFloat64())))<<16
							}
							return math.Float32bits(float32(rng.NormFloat64()))
						}
						a, b := words(rng, m.rows*m.k, word), words(rng, m.k*(m.cols+3), word)
						start := floats(rng, m.rows*(m.cols+5), 1)
						got, want := append([]float32{}, start...), append([]float32{}, start...)
						run := func(c []float32, f func(*Block)) {
							o := &Block{C: unsafe.Pointer(&c[0]), LDC: uintptr(4 * (m.cols + 5)), A: unsafe.Pointer(&a[0]), ARow: uintptr(4 * m.k), AK: 4,
								B: unsafe.Pointer(&b[0]), BK: uintptr(4 * (m.cols + 3)), K: m.k, Rows: m.rows, Cols: m.cols, Add: sum}
							if transposed {
								o.ARow, o.AK = 4, uintptr(4*m.rows)
							}
							f(o)
						}
						if bf {
							run(got, s.BlockBF16)
							run(want, portable.BlockBF16)
						} else {
							run(got, s.BlockF32)
							run(want, portable.BlockF32)
						}
						near(t, fmt.Sprintf("%v bf16 %v transposed %v sum %v", m, bf, transposed, sum), got, want, 2e-5)
					}
				}
			}
		}
	})
}

func TestGradientRows(t *testing.T) {
	portable := Portable()
	each(t, func(t *testing.T, s *Set, rng *rand.Rand) {
		for _, n := range []int{1, 15, 16, 17, 64, 131} {
			x, y, dst := floats(rng, n, 2), floats(rng, n, 1), floats(rng, n, 1)
			compare := func(name string, run func(s *Set, dst []float32)) {
				got, want := append([]float32{}, dst...), append([]float32{}, dst...)
				run(s, got)
				run(portable, want)
				near(t, fmt.Sprintf("%s of %d", name, n), got, want, 1e-5)
			}
			compare("dot", func(s *Set, dst []float32) { dst[0] = s.Dot(x, y) })
			compare("add", func(s *Set, dst []float32) { s.Add(dst, x) })
			compare("mul", func(s *Set, dst []float32) { s.Mul(dst, x, y) })
			compare("mul add", func(s *Set, dst []float32) { s.MulAdd(dst, x, y) })
			compare("mul shift", func(s *Set, dst []float32) { s.MulShift(dst, x, y, 0.7, -2) })
			compare("combine", func(s *Set, dst []float32) { s.Combine(dst, x, y, 0.7, -2, 0.3, false) })
			compare("combine, added", func(s *Set, dst []float32) { s.Combine(dst, x, y, 0.7, -2, 0.3, true) })
			compare("silu", func(s *Set, dst []float32) { s.SiLUGrad(dst, y, x) })
			compare("gelu tanh", func(s *Set, dst []float32) { s.GELUTanhGrad(dst, y, x) })
			compare("gelu", func(s *Set, dst []float32) { s.GELUGrad(dst, y, x) })
			step := &AdamStep{Scale: 0.5, Beta1: 0.9, Rest1: 0.1, Beta2: 0.99, Rest2: 0.01, Keep: 0.999, Rate: 1e-2, Root: 3, Eps: 1e-8}
			m, v := floats(rng, n, 1), floats(rng, n, 1)
			for i := range v {
				v[i] *= v[i]
			}
			for part := range 3 {
				compare("adam", func(s *Set, dst []float32) {
					w, first, second := append([]float32{}, x...), append([]float32{}, m...), append([]float32{}, v...)
					s.Adam(w, y, first, second, step)
					copy(dst, [][]float32{w, first, second}[part])
				})
			}
		}
	})
}
