package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

func each(t *testing.T, f func(t *testing.T, s *Set, rng *rand.Rand)) {
	for _, s := range Available() {
		t.Run(s.Name, func(t *testing.T) { f(t, s, rand.New(rand.NewPCG(1, 2))) })
	}
}

func floats(rng *rand.Rand, n int, scale float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(scale * rng.NormFloat64())
	}
	return x
}

func near(t *testing.T, what string, got, want []float32, limit float64) {
	t.Helper()
	for i := range want {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if !(d <= limit*(1+math.Abs(float64(want[i])))) {
			t.Fatalf("%s: element %d is %v, expected %v", what, i, got[i], want[i])
		}
	}
}

// tile runs a kernel on words of any meaning.
func tile(run Tile, a, b []uint32, stride, rows, groups int) []float32 {
	c := make([]float32, TileRows*Panel)
	run(unsafe.Pointer(&c[0]), unsafe.Pointer(&a[0]), uintptr(4*stride), rows, unsafe.Pointer(&b[0]), groups)
	return c[:rows*Panel]
}

func words(rng *rand.Rand, n int, word func() uint32) []uint32 {
	w := make([]uint32, n)
	for i := range w {
		w[i] = word()
	}
	return w
}

func TestTiles(t *testing.T) {
	portable := Portable()
	each(t, func(t *testing.T, s *Set, rng *rand.Rand) {
		number := func() uint32 { return math.Float32bits(float32(rng.NormFloat64())) }
		pair := func() uint32 {
			return uint32(bf16(float32(rng.NormFloat64()))) | uint32(bf16(float32(rng.NormFloat64())))<<16
		}
		bytes := func() uint32 { return rng.Uint32()&^0x80808080 | rng.Uint32()&0x80808080 }
		for _, k := range []struct {
			name      string
			run, want Tile
			word      func() uint32
			limit     float64
		}{
			{"f32", s.F32, portable.F32, number, 2e-5},
			{"bf16", s.BF16, portable.BF16, pair, 2e-5},
			{"int8", s.I8, portable.I8, bytes, 0},
		} {
			for rows := 1; rows <= TileRows; rows++ {
				for _, groups := range []int{4, 20, 224} {
					stride := groups + 4
					a, b := words(rng, TileRows*stride, k.word), words(rng, groups*Panel, k.word)
					got, want := tile(k.run, a, b, stride, rows, groups), tile(k.want, a, b, stride, rows, groups)
					if k.limit == 0 {
						for i := range want {
							if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
								t.Fatalf("%s %d rows, %d groups: element %d is %d, expected %d", k.name, rows, groups, i, math.Float32bits(got[i]), math.Float32bits(want[i]))
							}
						}
						continue
					}
					near(t, fmt.Sprintf("%s %d rows, %d groups", k.name, rows, groups), got, want, k.limit*math.Sqrt(float64(groups)))
					// The same row gives the same bits whatever the rows beside it.
					for r := range rows {
						alone := tile(k.run, a[r*stride:], b, stride, 1, groups)
						for i := range alone {
							if math.Float32bits(alone[i]) != math.Float32bits(got[r*Panel+i]) {
								t.Fatalf("%s: row %d of %d differs from the row alone: %v and %v", k.name, r, rows, got[r*Panel+i], alone[i])
							}
						}
					}
				}
			}
		}
	})
}

// TestIntegerExtremes: the sums of VNNI must not saturate.
func TestIntegerExtremes(t *testing.T) {
	each(t, func(t *testing.T, s *Set, _ *rand.Rand) {
		const groups = 4736 // the widest row of a 7B model
		a, b := make([]uint32, TileRows*groups), make([]uint32, groups*Panel)
		for i := range a {
			a[i] = 0x80808080 // -128
		}
		for i := range b {
			b[i] = 0xffffffff // 255
		}
		for _, rows := range []int{1, 2, 4, 12} {
			for i, v := range tile(s.I8, a, b, groups, rows, groups) {
				if got, want := int32(math.Float32bits(v)), int32(-128*255*4*groups); got != want {
					t.Fatalf("%d rows: element %d is %d, expected %d", rows, i, got, want)
				}
			}
		}
	})
}

func TestRows(t *testing.T) {
	p := Portable()
	each(t, func(t *testing.T, s *Set, rng *rand.Rand) {
		for _, n := range []int{1, 7, 15, 16, 17, 31, 32, 33, 56, 100, 896, 1152, 4304} {
			x := floats(rng, n, 3)
			what := func(name string) string { return fmt.Sprintf("%s of %d", name, n) }
			near(t, what("sum"), []float32{s.Sum(x)}, []float32{p.Sum(x)}, 1e-5*math.Sqrt(float64(n)))
			near(t, what("squares"), []float32{s.SumSquares(x, 0.3)}, []float32{p.SumSquares(x, 0.3)}, 1e-5)
			near(t, what("max"), []float32{s.AbsMax(x)}, []float32{p.AbsMax(x)}, 0)
			gain, bias := floats(rng, n, 1), floats(rng, n, 1)
			got, want := make([]float32, n), make([]float32, n)
			s.Normalize(got, x, gain, bias, 0.1, 1.7)
			p.Normalize(want, x, gain, bias, 0.1, 1.7)
			near(t, what("normalize"), got, want, 1e-6)

			inverse := 127 / p.AbsMax(x)
			q, r := make([]int8, n), make([]int8, n)
			if a, b := s.Quantize8(q, x, inverse), p.Quantize8(r, x, inverse); a != b || fmt.Sprint(q) != fmt.Sprint(r) {
				t.Fatalf("quantize8 of %d: sums %d, %d\n%v\n%v", n, a, b, q, r)
			}
			inverse = 32511 / p.AbsMax(x)
			high, low, high2, low2 := make([]int8, n), make([]int8, n), make([]int8, n), make([]int8, n)
			a, b := s.Quantize16(high, low, x, inverse)
			c, d := p.Quantize16(high2, low2, x, inverse)
			if a != c || b != d || fmt.Sprint(high, low) != fmt.Sprint(high2, low2) {
				t.Fatalf("quantize16 of %d differs", n)
			}
			for i, v := range x {
				if q := float64(high[i])*256 + float64(low[i]); math.Abs(q-float64(v*inverse)) > 0.51 {
					t.Fatalf("quantize16: %v times %v became %v", v, inverse, q)
				}
			}
			half, half2 := make([]uint16, n), make([]uint16, n)
			s.ToBF16(half, x)
			p.ToBF16(half2, x)
			if fmt.Sprint(half) != fmt.Sprint(half2) {
				t.Fatalf("bf16 of %d differs", n)
			}
			words, words2 := make([]uint32, n), make([]uint32, n)
			s.Pairs(words, half, half2)
			p.Pairs(words2, half, half2)
			if fmt.Sprint(words) != fmt.Sprint(words2) {
				t.Fatalf("pairs of %d differ", n)
			}
			spread, spread2 := make([]uint32, (n-1)*Panel+1), make([]uint32, (n-1)*Panel+1)
			s.Spread(spread, words)
			p.Spread(spread2, words)
			if !slices.Equal(spread, spread2) {
				t.Fatalf("spread of %d differs", n)
			}
			copy(got, x)
			copy(want, x)
			s.Scale(got, 0.37)
			p.Scale(want, 0.37)
			near(t, what("scale"), got, want, 0)
		}
		for _, half := range []int{4, 16, 32, 40} {
			x := floats(rng, 3*2*half, 1)
			y := append([]float32{}, x...)
			cos, sin := floats(rng, half, 1), floats(rng, half, 1)
			s.Rotate(x, cos, sin)
			p.Rotate(y, cos, sin)
			near(t, "rotate", x, y, 1e-6)
		}
	})
}

func TestActivations(t *testing.T) {
	p := Portable()
	each(t, func(t *testing.T, s *Set, rng *rand.Rand) {
		for _, f := range []struct {
			name      string
			got, want func([]float32)
		}{{"gelu", s.GELU, p.GELU}, {"gelu tanh", s.GELUTanh, p.GELUTanh}, {"silu", s.SiLU, p.SiLU}} {
			for _, n := range []int{1, 15, 16, 17, 700} {
				x := append(floats(rng, n, 3), 0, -0.001, 50, -50, 200, -200, 1e10, -1e10)
				y := append([]float32{}, x...)
				f.got(x)
				f.want(y)
				near(t, f.name, x, y, 3e-7)
			}
			x := []float32{float32(math.NaN())}
			if f.got(x); x[0] == x[0] {
				t.Errorf("%s hides NaN", f.name)
			}
		}
		for _, panels := range []int{1, 2, 3, 49} {
			n := panels * Panel
			x := floats(rng, panels*TileRows*Panel, 5)
			x[(panels-1)*TileRows*Panel+31], x[7] = float32(math.Inf(-1)), -1000
			got, want := make([]float32, n), make([]float32, n)
			near(t, "softmax sum", []float32{s.Softmax(got, x, TileRows*Panel, 0.3)}, []float32{p.Softmax(want, x, TileRows*Panel, 0.3)}, 1e-6)
			near(t, "softmax", got, want, 3e-7)
			if got[n-1] != 0 || got[7] != 0 {
				t.Errorf("a masked key has weight %v", got[n-1])
			}
			half := make([]uint16, n)
			total := s.SoftmaxBF16(half, x, TileRows*Panel, 0.3)
			rounded := make([]float32, n)
			for i, v := range half {
				rounded[i] = math.Float32frombits(uint32(v) << 16)
			}
			near(t, "softmax bf16", rounded, want, 0.004)
			near(t, "softmax bf16 sum", []float32{total}, []float32{sum(rounded)}, 1e-6) // of what the values are weighed by
			if half[n-1] != 0 || half[7] != 0 {
				t.Errorf("a masked key has weight %v in bf16", half[n-1])
			}
		}
	})
}

func TestTileOps(t *testing.T) {
	p := Portable()
	each(t, func(t *testing.T, s *Set, rng *rand.Rand) {
		var bias, column [Panel]float32
		copy(bias[:], floats(rng, Panel, 1))
		copy(column[:], floats(rng, Panel, 0.01))
		for rows := 1; rows <= TileRows; rows++ {
			x := floats(rng, rows*Panel, 2)
			y := append([]float32{}, x...)
			s.AddBias(x, rows, &bias)
			p.AddBias(y, rows, &bias)
			near(t, "bias", x, y, 0)

			got, want := floats(rng, rows*20, 1), make([]float32, rows*20)
			copy(want, got)
			s.GatedTile(got, 20, x, rows)
			p.GatedTile(want, 20, y, rows)
			near(t, "gated", got, want, 1e-6)
			lines := make([]float32, rows*48+16)
			lines = lines[(64-uintptr(unsafe.Pointer(&lines[0]))%64)%64/4:]
			for _, dst := range [][]float32{lines, lines[1:]} {
				s.Stream(dst, 48, x, rows)
				for r := range rows {
					near(t, "stream", dst[r*48:][:Panel], x[r*Panel:(r+1)*Panel], 0)
				}
			}

			for cols := 1; cols <= Panel; cols++ {
				for _, add := range []bool{false, true} {
					got, want := floats(rng, rows*37, 1), make([]float32, rows*37)
					copy(want, got)
					s.Store(got, 37, x, rows, cols, add)
					p.Store(want, 37, x, rows, cols, add)
					near(t, "store", got, want, 0)
				}
			}
			ints := func() []float32 {
				v := make([]float32, rows*Panel)
				for i := range v {
					v[i] = math.Float32frombits(uint32(int32(rng.IntN(2e6) - 1e6)))
				}
				return v
			}
			sums, scales := make([]int32, rows), floats(rng, rows, 1)
			for i := range sums {
				sums[i] = int32(rng.IntN(2000) - 1000)
			}
			x = ints()
			y = append([]float32{}, x...)
			s.Dequantize8(x, rows, sums, scales, &column, &bias)
			p.Dequantize8(y, rows, sums, scales, &column, &bias)
			near(t, "dequantize8", x, y, 1e-6)
			column2, bias2 := floats(rng, rows*Panel, 0.01), floats(rng, rows*Panel, 1)
			x = ints()
			y = append([]float32{}, x...)
			s.DequantizeRow(x, sums, scales, column2, bias2)
			for i := 0; i < len(y); i += Panel {
				s.Dequantize8(y[i:], 1, sums, scales, (*[Panel]float32)(column2[i:]), (*[Panel]float32)(bias2[i:]))
			}
			near(t, "a row dequantized alone", x, y, 0)
			// What is stored in one step has the bits of what is dequantized, then stored.
			for _, cols := range []int{1, 15, 16, 17, 31, Panel} {
				for _, add := range []bool{false, true} {
					tile := ints()
					got, want := floats(rng, rows*37, 1), make([]float32, rows*37)
					copy(want, got)
					x, y := append([]float32{}, tile...), append([]float32{}, tile...)
					s.StoreI8(got, 37, x, rows, cols, sums, scales, &column, &bias, add)
					s.Dequantize8(y, rows, sums, scales, &column, &bias)
					s.Store(want, 37, y, rows, cols, add)
					near(t, "store int8", got, want, 0)
					if rows%2 == 0 {
						copy(want, got)
						x, y := append([]float32{}, tile...), append([]float32{}, tile...)
						s.StoreI16(got, 37, x, rows, cols, sums, scales, &column, &bias, add)
						s.Dequantize16(y, rows, sums, scales, &column, &bias)
						s.Store(want, 37, y, rows/2, cols, add)
						near(t, "store int16", got, want, 0)
					}
				}
			}
			if rows%2 == 0 {
				x = ints()
				y = append([]float32{}, x...)
				s.Dequantize16(x, rows, sums, scales, &column, &bias)
				p.Dequantize16(y, rows, sums, scales, &column, &bias)
				near(t, "dequantize16", x[:rows/2*Panel], y[:rows/2*Panel], 1e-6)
			}
		}
	})
}
