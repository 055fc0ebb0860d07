package kernels

import "unsafe"

//go:noescape
func blockF32AVX512x12(o *Block)

//go:noescape
func blockF32AVX512x4(o *Block)

//go:noescape
func blockF32AVX512x1(o *Block)

//go:noescape
func blockBF16AVX512x12(o *Block)

//go:noescape
func blockBF16AVX512x4(o *Block)

//go:noescape
func blockBF16AVX512x1(o *Block)

//go:noescape
func dotAVX512(x, y *float32, n int) float32

//go:noescape
func addAVX512(dst, x *float32, n int)

//go:noescape
func mulAVX512(dst, x, y *float32, n int)

//go:noescape
func mulAddAVX512(dst, x, y *float32, n int)

//go:noescape
func mulShiftAVX512(dst, x, y *float32, n int, a, c float32)

//go:noescape
func combineAVX512(dst, x, y *float32, n int, a, b, c, keep float32)

//go:noescape
func siluGradAVX512(dst, dy, x *float32, n int)

//go:noescape
func geluTanhGradAVX512(dst, dy, x *float32, n int)

//go:noescape
func geluGradAVX512(dst, dy, x *float32, n int)

//go:noescape
func adamAVX512(x, grad, m, v *float32, n int, step *AdamStep)

//go:noescape
func convertBF16AVX512(dst *uint16, x *float32, n int)

// gradients512 replaces what AVX-512F does better.
func (s *Set) gradients512() {
	s.BlockF32 = func(b *Block) { b.in(blockF32AVX512x12, blockF32AVX512x4, blockF32AVX512x1) }
	s.Dot = func(x, y []float32) float32 {
		_ = y[:len(x)]
		return dotAVX512(unsafe.SliceData(x), unsafe.SliceData(y), len(x))
	}
	s.Add = func(dst, x []float32) {
		_ = dst[:len(x)]
		addAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), len(x))
	}
	three := func(f func(dst, x, y *float32, n int)) func(dst, x, y []float32) {
		return func(dst, x, y []float32) {
			_, _ = dst[:len(x)], y[:len(x)]
			f(unsafe.SliceData(dst), unsafe.SliceData(x), unsafe.SliceData(y), len(x))
		}
	}
	s.Mul, s.MulAdd = three(mulAVX512), three(mulAddAVX512)
	s.SiLUGrad, s.GELUTanhGrad, s.GELUGrad = three(siluGradAVX512), three(geluTanhGradAVX512), three(geluGradAVX512)
	s.MulShift = func(dst, x, y []float32, a, c float32) {
		_, _ = dst[:len(x)], y[:len(x)]
		mulShiftAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), unsafe.SliceData(y), len(x), a, c)
	}
	s.Combine = func(dst, x, y []float32, a, b, c float32, add bool) {
		_, _ = dst[:len(x)], y[:len(x)]
		keep := float32(0)
		if add {
			keep = 1
		}
		combineAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), unsafe.SliceData(y), len(x), a, b, c, keep)
	}
	s.Adam = func(x, g, m, v []float32, step *AdamStep) {
		_, _, _ = g[:len(x)], m[:len(x)], v[:len(x)]
		adamAVX512(unsafe.SliceData(x), unsafe.SliceData(g), unsafe.SliceData(m), unsafe.SliceData(v), len(x), step)
	}
}

// gradientsBF16 replaces what AVX512_BF16 does better.
func (s *Set) gradientsBF16() {
	s.BlockBF16 = func(b *Block) { b.in(blockBF16AVX512x12, blockBF16AVX512x4, blockBF16AVX512x1) }
}
