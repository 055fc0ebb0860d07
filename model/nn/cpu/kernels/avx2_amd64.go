package kernels

import (
	"math"
	"unsafe"
)

//go:noescape
func tileF32AVX2x6(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

//go:noescape
func tileF32AVX2x1(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

//go:noescape
func tileBF16AVX2x4(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

//go:noescape
func tileBF16AVX2x1(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

//go:noescape
func tileI8AVX2x2(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

//go:noescape
func tileI8AVX2x1(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

//go:noescape
func tileI8VNNIx6(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

//go:noescape
func tileI8VNNIx2(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

// block is a kernel of some rows and half a panel's columns.
type block func(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

// blocks covers rows and both halves of a panel by a kernel of height rows.
func blocks(run block, height int, c, a unsafe.Pointer, lda uintptr, rows int, panel unsafe.Pointer, groups int) {
	for r := 0; r < rows; r += height {
		to, from := unsafe.Add(c, r*GroupBytes), unsafe.Add(a, uintptr(r)*lda)
		run(to, from, lda, panel, groups)
		run(unsafe.Add(to, GroupBytes/2), from, lda, unsafe.Add(panel, GroupBytes/2), groups)
	}
}

func tileF32AVX2(c, a unsafe.Pointer, lda uintptr, rows int, panel unsafe.Pointer, groups int) {
	if rows == 1 {
		tileF32AVX2x1(c, a, lda, panel, groups)
		return
	}
	blocks(tileF32AVX2x6, 6, c, a, lda, rows, panel, groups)
}

func tileBF16AVX2(c, a unsafe.Pointer, lda uintptr, rows int, panel unsafe.Pointer, groups int) {
	if rows == 1 {
		tileBF16AVX2x1(c, a, lda, panel, groups)
		return
	}
	blocks(tileBF16AVX2x4, 4, c, a, lda, rows, panel, groups)
}

func tileI8AVX2(c, a unsafe.Pointer, lda uintptr, rows int, panel unsafe.Pointer, groups int) {
	if rows == 1 {
		tileI8AVX2x1(c, a, lda, panel, groups)
		return
	}
	blocks(tileI8AVX2x2, 2, c, a, lda, rows, panel, groups)
}

func tileI8VNNI(c, a unsafe.Pointer, lda uintptr, rows int, panel unsafe.Pointer, groups int) {
	if rows <= 2 {
		tileI8VNNIx2(c, a, lda, panel, groups)
		return
	}
	blocks(tileI8VNNIx6, 6, c, a, lda, rows, panel, groups)
}

//go:noescape
func sumAVX2(x *float32, n int) float32

//go:noescape
func sumSquaresAVX2(x *float32, n int, mean float32) float32

//go:noescape
func normalizeAVX2(dst, x, gain, bias *float32, n int, mean, scale float32)

//go:noescape
func absMaxAVX2(x *float32, n int) float32

//go:noescape
func quantize8AVX2(dst *int8, x *float32, n int, inverse float32) int32

//go:noescape
func toBF16AVX2(dst *uint16, x *float32, n int)

//go:noescape
func dequantizeAVX2(tile *float32, rows int, sum *int32, scale, column, bias *float32)

//go:noescape
func siluAVX2(x *float32, n int)

//go:noescape
func geluTanhAVX2(x *float32, n int)

//go:noescape
func softmaxPartAVX2(dst, x *float32, highest, scale float32) float32

// avx2 replaces what AVX2 and FMA do better.
func (s *Set) avx2() {
	s.F32, s.BF16, s.I8 = tileF32AVX2, tileBF16AVX2, tileI8AVX2
	// whole is as much of x as fills vectors; the rest is done in Go.
	whole := func(x []float32) int { return len(x) &^ 7 }
	s.Sum = func(x []float32) (total float32) {
		n := whole(x)
		if n > 0 {
			total = sumAVX2(&x[0], n)
		}
		return total + sum(x[n:])
	}
	s.SumSquares = func(x []float32, mean float32) (total float32) {
		n := whole(x)
		if n > 0 {
			total = sumSquaresAVX2(&x[0], n, mean)
		}
		return total + sumSquares(x[n:], mean)
	}
	s.Normalize = func(dst, x, gain, bias []float32, mean, scale float32) {
		_, _, _ = dst[:len(x)], gain[:len(x)], bias[:len(x)]
		n := whole(x)
		if n > 0 {
			normalizeAVX2(&dst[0], &x[0], &gain[0], &bias[0], n, mean, scale)
		}
		normalize(dst[n:], x[n:], gain[n:], bias[n:], mean, scale)
	}
	s.AbsMax = func(x []float32) float32 {
		n := whole(x)
		highest := absMax(x[n:])
		if n > 0 {
			highest = max(highest, absMaxAVX2(&x[0], n))
		}
		return highest
	}
	s.Quantize8 = func(dst []int8, x []float32, inverse float32) (total int32) {
		_ = dst[:len(x)]
		n := whole(x)
		if n > 0 {
			total = quantize8AVX2(&dst[0], &x[0], n, inverse)
		}
		return total + quantize8(dst[n:], x[n:], inverse)
	}
	s.ToBF16 = func(dst []uint16, x []float32) {
		_ = dst[:len(x)]
		n := whole(x)
		if n > 0 {
			toBF16AVX2(&dst[0], &x[0], n)
		}
		toBF16(dst[n:], x[n:])
	}
	s.Dequantize8 = func(tile []float32, rows int, sum []int32, scale []float32, column, bias *[Panel]float32) {
		_, _, _ = tile[:rows*Panel], sum[:rows], scale[:rows]
		dequantizeAVX2(&tile[0], rows, &sum[0], &scale[0], &column[0], &bias[0])
		dequantizeAVX2(&tile[Panel/2], rows, &sum[0], &scale[0], &column[Panel/2], &bias[Panel/2])
	}
	s.SiLU = func(x []float32) {
		n := whole(x)
		if n > 0 {
			siluAVX2(&x[0], n)
		}
		silu(x[n:])
	}
	s.GELUTanh = func(x []float32) {
		n := whole(x)
		if n > 0 {
			geluTanhAVX2(&x[0], n)
		}
		geluTanh(x[n:])
	}
	s.GatedTile = func(dst []float32, ld int, tile []float32, rows int) {
		for r := range rows {
			row := tile[r*Panel : (r+1)*Panel]
			siluAVX2(&row[0], Panel/2)
			to, up := dst[r*ld:r*ld+Panel/2], row[Panel/2:]
			for i, v := range row[:Panel/2] {
				to[i] = v * up[i]
			}
		}
	}
	s.Softmax = func(dst, x []float32, stride int, scale float32) (total float32) {
		highest := float32(math.Inf(-1))
		for i := 0; i < len(dst); i += Panel {
			for _, v := range x[i/Panel*stride:][:Panel] {
				highest = max(highest, v)
			}
		}
		for i := 0; i < len(dst); i += Panel {
			_, _ = dst[i:i+Panel], x[i/Panel*stride:][:Panel]
			total += softmaxPartAVX2(&dst[i], &x[i/Panel*stride], highest, scale)
		}
		return total
	}
	s.SoftmaxBF16 = func(dst []uint16, x []float32, stride int, scale float32) (total float32) {
		highest := float32(math.Inf(-1))
		for i := 0; i < len(dst); i += Panel {
			for _, v := range x[i/Panel*stride:][:Panel] {
				highest = max(highest, v)
			}
		}
		var part [Panel]float32
		for i := 0; i < len(dst); i += Panel {
			_ = x[i/Panel*stride:][:Panel]
			softmaxPartAVX2(&part[0], &x[i/Panel*stride], highest, scale)
			toBF16AVX2(&dst[i], &part[0], Panel)
			for j, v := range dst[i : i+Panel] {
				part[j] = math.Float32frombits(uint32(v) << 16)
			}
			total += sumAVX2(&part[0], Panel)
		}
		return total
	}
}
