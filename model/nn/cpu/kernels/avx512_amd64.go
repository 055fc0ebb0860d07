package kernels

import "unsafe"

//go:noescape
func tileF32AVX512x12(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

//go:noescape
func tileF32AVX512x4(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

//go:noescape
func tileF32AVX512x2(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

//go:noescape
func tileF32AVX512x1(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

//go:noescape
func tileBF16AVX512x12(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

//go:noescape
func tileBF16AVX512x4(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

//go:noescape
func tileBF16AVX512x2(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

//go:noescape
func tileBF16AVX512x1(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

//go:noescape
func tileI8AVX512x12(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

//go:noescape
func tileI8AVX512x4(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

//go:noescape
func tileI8AVX512x2(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

//go:noescape
func tileI8AVX512x1(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)

func tileF32AVX512(c, a unsafe.Pointer, lda uintptr, rows int, panel unsafe.Pointer, groups int) {
	switch {
	case rows > 4:
		tileF32AVX512x12(c, a, lda, panel, groups)
	case rows > 2:
		tileF32AVX512x4(c, a, lda, panel, groups)
	case rows == 2:
		tileF32AVX512x2(c, a, lda, panel, groups)
	default:
		tileF32AVX512x1(c, a, lda, panel, groups)
	}
}

func tileBF16AVX512(c, a unsafe.Pointer, lda uintptr, rows int, panel unsafe.Pointer, groups int) {
	switch {
	case rows > 4:
		tileBF16AVX512x12(c, a, lda, panel, groups)
	case rows > 2:
		tileBF16AVX512x4(c, a, lda, panel, groups)
	case rows == 2:
		tileBF16AVX512x2(c, a, lda, panel, groups)
	default:
		tileBF16AVX512x1(c, a, lda, panel, groups)
	}
}

func tileI8AVX512(c, a unsafe.Pointer, lda uintptr, rows int, panel unsafe.Pointer, groups int) {
	switch {
	case rows > 4:
		tileI8AVX512x12(c, a, lda, panel, groups)
	case rows > 2:
		tileI8AVX512x4(c, a, lda, panel, groups)
	case rows == 2:
		tileI8AVX512x2(c, a, lda, panel, groups)
	default:
		tileI8AVX512x1(c, a, lda, panel, groups)
	}
}

//go:noescape
func sumAVX512(x *float32, n int) float32

//go:noescape
func sumSquaresAVX512(x *float32, n int, mean float32) float32

//go:noescape
func normalizeAVX512(dst, x, gain, bias *float32, n int, mean, scale float32)

//go:noescape
func absMaxAVX512(x *float32, n int) float32

//go:noescape
func quantize8AVX512(dst *int8, x *float32, n int, inverse float32) int32

//go:noescape
func quantize16AVX512(high, low *int8, x *float32, n int, inverse float32) (sumHigh, sumLow int32)

//go:noescape
func toBF16AVX512(dst *uint16, x *float32, n int)

//go:noescape
func pairsAVX512(dst *uint32, low, high *uint16, n int)

//go:noescape
func spreadAVX512(dst, x *uint32, n int)

//go:noescape
func scaleAVX512(x *float32, n int, factor float32)

//go:noescape
func rotateAVX512(x, cos, sin *float32, heads, half int)

//go:noescape
func softmaxAVX512(dst, x *float32, panels, stride int, scale float32) float32

//go:noescape
func softmaxBF16AVX512(dst *uint16, x *float32, panels, stride int, scale float32) float32

//go:noescape
func softmaxToBF16AVX512(dst *uint16, x *float32, panels, stride int, scale float32) float32

//go:noescape
func siluAVX512(x *float32, n int)

//go:noescape
func geluTanhAVX512(x *float32, n int)

//go:noescape
func geluAVX512(x *float32, n int)

//go:noescape
func gatedTileAVX512(dst *float32, ld int, tile *float32, rows int)

//go:noescape
func addBiasAVX512(tile *float32, rows int, bias *float32)

//go:noescape
func dequantize8AVX512(tile *float32, rows int, sum *int32, scale, column, bias *float32)

//go:noescape
func dequantize16AVX512(tile *float32, rows int, sum *int32, scale, column, bias *float32)

//go:noescape
func dequantizeRowAVX512(x *float32, n int, sum *int32, scale, column, bias *float32)

//go:noescape
func storeI8AVX512(dst *float32, ld int, tile *float32, rows, cols int, sum *int32, scale, column, bias *float32, add bool)

//go:noescape
func storeI16AVX512(dst *float32, ld int, tile *float32, rows, cols int, sum *int32, scale, column, bias *float32, add bool)

//go:noescape
func streamAVX512(dst *float32, ld int, tile *float32, rows int)

//go:noescape
func storeAVX512(dst *float32, ld int, tile *float32, rows, cols int, add bool)

// bf16 replaces what AVX512_BF16 does better.
func (s *Set) bf16() {
	s.gradientsBF16()
	s.ToBF16 = func(dst []uint16, x []float32) {
		_ = dst[:len(x)]
		convertBF16AVX512(unsafe.SliceData(dst), unsafe.SliceData(x), len(x))
	}
	s.BF16, s.FastBF16, s.LearnBF16 = tileBF16AVX512, true, true
	s.SoftmaxBF16 = func(dst []uint16, x []float32, stride int, scale float32) float32 {
		panels := len(dst) / Panel
		_ = x[:(panels-1)*stride+Panel]
		return softmaxToBF16AVX512(&dst[0], &x[0], panels, 4*stride, scale)
	}
}

// avx512 replaces what AVX-512F, BW and VL do better.
func (s *Set) avx512() {
	s.gradients512()
	s.F32 = tileF32AVX512
	s.Sum = func(x []float32) float32 { return sumAVX512(unsafe.SliceData(x), len(x)) }
	s.SumSquares = func(x []float32, mean float32) float32 { return sumSquaresAVX512(unsafe.SliceData(x), len(x), mean) }
	s.Normalize = func(dst, x, gain, bias []float32, mean, scale float32) {
		_, _, _ = dst[:len(x)], gain[:len(x)], bias[:len(x)]
		normalizeAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), unsafe.SliceData(gain), unsafe.SliceData(bias), len(x), mean, scale)
	}
	s.AbsMax = func(x []float32) float32 { return absMaxAVX512(unsafe.SliceData(x), len(x)) }
	s.Quantize8 = func(dst []int8, x []float32, inverse float32) int32 {
		_ = dst[:len(x)]
		return quantize8AVX512(unsafe.SliceData(dst), unsafe.SliceData(x), len(x), inverse)
	}
	s.Quantize16 = func(high, low []int8, x []float32, inverse float32) (int32, int32) {
		_, _ = high[:len(x)], low[:len(x)]
		return quantize16AVX512(unsafe.SliceData(high), unsafe.SliceData(low), unsafe.SliceData(x), len(x), inverse)
	}
	s.ToBF16 = func(dst []uint16, x []float32) {
		_ = dst[:len(x)]
		toBF16AVX512(unsafe.SliceData(dst), unsafe.SliceData(x), len(x))
	}
	s.Pairs = func(dst []uint32, low, high []uint16) {
		_, _ = low[:len(dst)], high[:len(dst)]
		pairsAVX512(unsafe.SliceData(dst), unsafe.SliceData(low), unsafe.SliceData(high), len(dst))
	}
	s.Spread = func(dst, x []uint32) {
		if len(x) == 0 {
			return
		}
		_ = dst[(len(x)-1)*Panel]
		spreadAVX512(&dst[0], &x[0], len(x))
	}
	s.Scale = func(x []float32, factor float32) { scaleAVX512(unsafe.SliceData(x), len(x), factor) }
	s.Rotate = func(x, cos, sin []float32) {
		half := len(cos)
		if half%16 != 0 || len(x) == 0 {
			rotate(x, cos, sin)
			return
		}
		_ = sin[:half]
		rotateAVX512(unsafe.SliceData(x), unsafe.SliceData(cos), unsafe.SliceData(sin), len(x)/(2*half), half)
	}
	s.Softmax = func(dst, x []float32, stride int, scale float32) float32 {
		panels := len(dst) / Panel
		_ = x[:(panels-1)*stride+Panel]
		return softmaxAVX512(&dst[0], &x[0], panels, 4*stride, scale)
	}
	s.SoftmaxBF16 = func(dst []uint16, x []float32, stride int, scale float32) float32 {
		panels := len(dst) / Panel
		_ = x[:(panels-1)*stride+Panel]
		return softmaxBF16AVX512(&dst[0], &x[0], panels, 4*stride, scale)
	}
	s.SiLU = func(x []float32) { siluAVX512(unsafe.SliceData(x), len(x)) }
	s.GELU = func(x []float32) { geluAVX512(unsafe.SliceData(x), len(x)) }
	s.GELUTanh = func(x []float32) { geluTanhAVX512(unsafe.SliceData(x), len(x)) }
	s.GatedTile = func(dst []float32, ld int, tile []float32, rows int) {
		_, _ = dst[:(rows-1)*ld+Panel/2], tile[:rows*Panel]
		gatedTileAVX512(&dst[0], ld, &tile[0], rows)
	}
	s.Stream = func(dst []float32, ld int, tile []float32, rows int) {
		_, _ = dst[:(rows-1)*ld+Panel], tile[:rows*Panel]
		if lines := (uintptr(unsafe.Pointer(&dst[0]))|uintptr(4*ld))%64 == 0; !lines {
			storeAVX512(&dst[0], ld, &tile[0], rows, Panel, false)
			return
		}
		streamAVX512(&dst[0], ld, &tile[0], rows)
	}
	s.AddBias = func(tile []float32, rows int, bias *[Panel]float32) {
		_ = tile[:rows*Panel]
		addBiasAVX512(&tile[0], rows, &bias[0])
	}
	s.Dequantize8 = func(tile []float32, rows int, sum []int32, scale []float32, column, bias *[Panel]float32) {
		_, _, _ = tile[:rows*Panel], sum[:rows], scale[:rows]
		dequantize8AVX512(&tile[0], rows, &sum[0], &scale[0], &column[0], &bias[0])
	}
	s.Dequantize16 = func(tile []float32, rows int, sum []int32, scale []float32, column, bias *[Panel]float32) {
		_, _, _ = tile[:rows*Panel], sum[:rows], scale[:rows/2]
		dequantize16AVX512(&tile[0], rows/2, &sum[0], &scale[0], &column[0], &bias[0])
	}
	s.DequantizeRow = func(x []float32, sum []int32, scale []float32, column, bias []float32) {
		_, _ = column[:len(x)], bias[:len(x)]
		dequantizeRowAVX512(&x[0], len(x), &sum[0], &scale[0], &column[0], &bias[0])
	}
	s.StoreI8 = func(dst []float32, ld int, tile []float32, rows, cols int, sum []int32, scale []float32, column, bias *[Panel]float32, add bool) {
		_, _, _, _ = dst[:(rows-1)*ld+cols], tile[:rows*Panel], sum[:rows], scale[:rows]
		storeI8AVX512(&dst[0], ld, &tile[0], rows, cols, &sum[0], &scale[0], &column[0], &bias[0], add)
	}
	s.StoreI16 = func(dst []float32, ld int, tile []float32, rows, cols int, sum []int32, scale []float32, column, bias *[Panel]float32, add bool) {
		_, _, _, _ = dst[:(rows/2-1)*ld+cols], tile[:rows*Panel], sum[:rows], scale[:rows/2]
		storeI16AVX512(&dst[0], ld, &tile[0], rows/2, cols, &sum[0], &scale[0], &column[0], &bias[0], add)
	}
	s.Store = func(dst []float32, ld int, tile []float32, rows, cols int, add bool) {
		_, _ = dst[:(rows-1)*ld+cols], tile[:rows*Panel]
		storeAVX512(&dst[0], ld, &tile[0], rows, cols, add)
	}
}
