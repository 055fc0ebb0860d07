package kernels

import (
	"math"
	"unsafe"
)

// Portable is the kernels in plain Go: the definition, and what runs where there is no assembly.
func Portable() *Set {
	s := &Set{
		Name: "go", Features: "portable Go",
		F32: tileF32, BF16: tileBF16, I8: tileI8,
		Sum: sum, SumSquares: sumSquares, Normalize: normalize,
		AbsMax: absMax, Quantize8: quantize8, Quantize16: quantize16, ToBF16: toBF16, Pairs: pairs, Spread: spread,
		Softmax: softmax, SoftmaxBF16: softmaxBF16,
		GELU: gelu, GELUTanh: geluTanh, SiLU: silu, GatedTile: gatedTile,
		AddBias: addBias, Dequantize8: dequantize8, Dequantize16: dequantize16,
		Store: store, Scale: scale, Rotate: rotate,
		BlockF32: blockF32, BlockBF16: blockBF16,
		Dot: dot, Add: add, Mul: mul, MulAdd: mulAdd, MulShift: mulShift, Combine: combine,
		SiLUGrad: siluGrad, GELUTanhGrad: geluTanhGrad, GELUGrad: geluGrad, Adam: adam,
	}
	s.compose()
	return s
}

// compose makes of the set's own steps what faster sets do in one.
func (s *Set) compose() {
	s.DequantizeRow = func(x []float32, sum []int32, scale []float32, column, bias []float32) {
		for i := 0; i < len(x); i += Panel {
			s.Dequantize8(x[i:i+Panel], 1, sum, scale, (*[Panel]float32)(column[i:]), (*[Panel]float32)(bias[i:]))
		}
	}
	s.Stream = func(dst []float32, ld int, tile []float32, rows int) { s.Store(dst, ld, tile, rows, Panel, false) }
	s.StoreI8 = func(dst []float32, ld int, tile []float32, rows, cols int, sum []int32, scale []float32, column, bias *[Panel]float32, add bool) {
		s.Dequantize8(tile, rows, sum, scale, column, bias)
		s.Store(dst, ld, tile, rows, cols, add)
	}
	s.StoreI16 = func(dst []float32, ld int, tile []float32, rows, cols int, sum []int32, scale []float32, column, bias *[Panel]float32, add bool) {
		s.Dequantize16(tile, rows, sum, scale, column, bias)
		s.Store(dst, ld, tile, rows/2, cols, add)
	}
}

func tileF32(c, a unsafe.Pointer, lda uintptr, rows int, panel unsafe.Pointer, groups int) {
	b := unsafe.Slice((*float32)(panel), groups*Panel)
	for r := range rows {
		x := unsafe.Slice((*float32)(unsafe.Add(a, uintptr(r)*lda)), groups)
		y := unsafe.Slice((*float32)(unsafe.Add(c, r*GroupBytes)), Panel)
		clear(y)
		for g, v := range x {
			w := b[g*Panel : (g+1)*Panel]
			for i := range y {
				y[i] += v * w[i]
			}
		}
	}
}

func tileBF16(c, a unsafe.Pointer, lda uintptr, rows int, panel unsafe.Pointer, groups int) {
	b := unsafe.Slice((*uint32)(panel), groups*Panel)
	for r := range rows {
		x := unsafe.Slice((*uint32)(unsafe.Add(a, uintptr(r)*lda)), groups)
		y := unsafe.Slice((*float32)(unsafe.Add(c, r*GroupBytes)), Panel)
		clear(y)
		for g, v := range x {
			even, odd := pair(v)
			for i, w := range b[g*Panel : (g+1)*Panel] {
				first, second := pair(w)
				y[i] += even * first
				y[i] += odd * second
			}
		}
	}
}

// pair is the two bf16 in a word.
func pair(v uint32) (even, odd float32) {
	return math.Float32frombits(v << 16), math.Float32frombits(v & 0xffff0000)
}

func tileI8(c, a unsafe.Pointer, lda uintptr, rows int, panel unsafe.Pointer, groups int) {
	b := unsafe.Slice((*uint8)(panel), groups*GroupBytes)
	for r := range rows {
		x := unsafe.Slice((*int8)(unsafe.Add(a, uintptr(r)*lda)), groups*4)
		y := unsafe.Slice((*int32)(unsafe.Add(c, r*GroupBytes)), Panel)
		clear(y)
		for g := range groups {
			w := b[g*GroupBytes : (g+1)*GroupBytes]
			v := x[g*4 : g*4+4]
			for i := range y {
				y[i] += int32(v[0])*int32(w[i*4]) + int32(v[1])*int32(w[i*4+1]) +
					int32(v[2])*int32(w[i*4+2]) + int32(v[3])*int32(w[i*4+3])
			}
		}
	}
}

// lanes is the width that sums are split by, as vectors do it: an f32 sum over thousands of numbers keeps its digits.
const lanes = 16

func reduce(l *[lanes]float32) float32 {
	for n := lanes / 2; n > 0; n /= 2 {
		for i := range n {
			l[i] += l[i+n]
		}
	}
	return l[0]
}

func sum(x []float32) float32 {
	var l [lanes]float32
	for i, v := range x {
		l[i%lanes] += v
	}
	return reduce(&l)
}

func sumSquares(x []float32, mean float32) float32 {
	var l [lanes]float32
	for i, v := range x {
		l[i%lanes] += (v - mean) * (v - mean)
	}
	return reduce(&l)
}

func normalize(dst, x, gain, bias []float32, mean, scale float32) {
	for i, v := range x {
		dst[i] = (v-mean)*scale*gain[i] + bias[i]
	}
}

func absMax(x []float32) float32 {
	highest := float32(0)
	for _, v := range x {
		highest = max(highest, float32(math.Abs(float64(v))))
	}
	return highest
}

func round(x, limit float32) int32 {
	return int32(math.RoundToEven(float64(min(max(x, -limit), limit))))
}

func quantize8(dst []int8, x []float32, inverse float32) int32 {
	total := int32(0)
	for i, v := range x {
		q := round(v*inverse, 127)
		dst[i] = int8(q)
		total += q
	}
	return total
}

func quantize16(high, low []int8, x []float32, inverse float32) (sumHigh, sumLow int32) {
	for i, v := range x {
		q := round(v*inverse, 32511)
		h := (q + 128) >> 8
		l := q - h<<8
		high[i], low[i] = int8(h), int8(l)
		sumHigh += h
		sumLow += l
	}
	return sumHigh, sumLow
}

func spread(dst, x []uint32) {
	for i, v := range x {
		dst[i*Panel] = v
	}
}

func bf16(v float32) uint16 {
	bits := math.Float32bits(v)
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

func toBF16(dst []uint16, x []float32) {
	for i, v := range x {
		dst[i] = bf16(v)
	}
}

func pairs(dst []uint32, low, high []uint16) {
	for i := range dst {
		dst[i] = uint32(low[i]) | uint32(high[i])<<16
	}
}

func softmax(dst, x []float32, stride int, scale float32) float32 {
	highest := float32(math.Inf(-1))
	for i := range dst {
		highest = max(highest, x[i/Panel*stride+i%Panel])
	}
	var l [lanes]float32
	for i := range dst {
		dst[i] = float32(math.Exp(float64(scale * (x[i/Panel*stride+i%Panel] - highest))))
		l[i%lanes] += dst[i]
	}
	return reduce(&l)
}

func softmaxBF16(dst []uint16, x []float32, stride int, scale float32) float32 {
	highest := float32(math.Inf(-1))
	for i := range dst {
		highest = max(highest, x[i/Panel*stride+i%Panel])
	}
	var l [lanes]float32
	for i := range dst {
		dst[i] = bf16(float32(math.Exp(float64(scale * (x[i/Panel*stride+i%Panel] - highest)))))
		l[i%lanes] += math.Float32frombits(uint32(dst[i]) << 16)
	}
	return reduce(&l)
}

func gelu(x []float32) {
	for i, v := range x {
		x[i] = float32(0.5 * float64(v) * (1 + math.Erf(float64(v)/math.Sqrt2)))
	}
}

func geluTanh(x []float32) {
	for i, f := range x {
		v := float64(f)
		x[i] = float32(v / (1 + math.Exp(-2*math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v))))
	}
}

func silu(x []float32) {
	for i, v := range x {
		x[i] = float32(float64(v) / (1 + math.Exp(-float64(v))))
	}
}

func gatedTile(dst []float32, ld int, tile []float32, rows int) {
	for r := range rows {
		row := tile[r*Panel : (r+1)*Panel]
		silu(row[:Panel/2])
		for i := range Panel / 2 {
			dst[r*ld+i] = row[i] * row[Panel/2+i]
		}
	}
}

func addBias(tile []float32, rows int, bias *[Panel]float32) {
	for i := range rows * Panel {
		tile[i] += bias[i%Panel]
	}
}

func dequantize8(tile []float32, rows int, sum []int32, scale []float32, column, bias *[Panel]float32) {
	for r := range rows {
		for i := range Panel {
			v := int32(math.Float32bits(tile[r*Panel+i])) - 128*sum[r]
			tile[r*Panel+i] = fma(float32(v)*scale[r], column[i], bias[i])
		}
	}
}

func dequantize16(tile []float32, rows int, sum []int32, scale []float32, column, bias *[Panel]float32) {
	for r := range rows / 2 {
		for i := range Panel {
			high := int32(math.Float32bits(tile[2*r*Panel+i])) - 128*sum[2*r]
			low := int32(math.Float32bits(tile[(2*r+1)*Panel+i])) - 128*sum[2*r+1]
			v := fma(float32(high), 256, float32(low))
			tile[r*Panel+i] = fma(v*scale[r], column[i], bias[i])
		}
	}
}

// fma rounds once, as the vector instructions do, but for the rare number that lies half way in float64 too.
func fma(x, y, z float32) float32 {
	return float32(float64(x)*float64(y) + float64(z))
}

func store(dst []float32, ld int, tile []float32, rows, cols int, add bool) {
	for r := range rows {
		to, from := dst[r*ld:r*ld+cols], tile[r*Panel:]
		if !add {
			copy(to, from)
			continue
		}
		for i := range to {
			to[i] += from[i]
		}
	}
}

func scale(x []float32, factor float32) {
	for i := range x {
		x[i] *= factor
	}
}

func rotate(x, cos, sin []float32) {
	half := len(cos)
	for at := 0; at < len(x); at += 2 * half {
		for i := range half {
			a, b := x[at+i], x[at+half+i]
			x[at+i] = a*cos[i] - b*sin[i]
			x[at+half+i] = b*cos[i] + a*sin[i]
		}
	}
}
