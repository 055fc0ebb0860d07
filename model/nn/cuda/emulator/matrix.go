package emulator

import (
	"math"
	"unsafe"
)

// ldmatrix loads 8x8 matrices of 16 bits. Matrix i has its rows at the addresses of lanes
// 8i..8i+7; lane l gets elements 2(l%4) and 2(l%4)+1 of row l/4, transposed
// rows 2(l%4) and 2(l%4)+1 of column l/4 (PTX ISA, "ldmatrix").
func ldmatrix(w *warp, in *instr, _ uint32) {
	n := len(in.sources[0])
	var m [4][8][8]uint16
	for i := range n {
		for r := range 8 {
			lane := 8*i + r
			row := w.local(in, lane, w.reg(in.a)[lane]+uint64(in.offset), 16, false)
			m[i][r] = *(*[8]uint16)(unsafe.Pointer(row))
		}
	}
	for i, d := range in.sources[0] {
		to := w.reg(d)
		for l := range lanes {
			g, j := l/4, l%4*2
			if in.transposed {
				to[l] = uint64(m[i][j][g]) | uint64(m[i][j+1][g])<<16
				continue
			}
			to[l] = uint64(m[i][g][j]) | uint64(m[i][g][j+1])<<16
		}
	}
}

func low(x uint64) float32  { return math.Float32frombits(uint32(x) << 16) }
func high(x uint64) float32 { return math.Float32frombits(uint32(x) & 0xffff0000) }

// mma is D = A B + C of m16n8k16, bf16 with f32 sums. With g = lane/4 and j = lane%4
// (PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type"):
// A's registers are rows g, g+8, g, g+8 of columns 2j, 2j, 2j+8, 2j+8 and their right neighbours;
// B's are rows 2j, 2j+8 of column g and their lower neighbours; C's and D's are
// (g, 2j), (g, 2j+1), (g+8, 2j), (g+8, 2j+1).
func mma(w *warp, in *instr, _ uint32) {
	var a [16][16]float32
	var b [16][8]float32
	var c [16][8]float32
	for l := range lanes {
		g, j := l/4, l%4*2
		for i, s := range in.sources[0] {
			x := w.reg(s)[l]
			r, k := g+i%2*8, j+i/2*8
			a[r][k], a[r][k+1] = low(x), high(x)
		}
		for i, s := range in.sources[1] {
			x := w.reg(s)[l]
			b[j+8*i][g], b[j+8*i+1][g] = low(x), high(x)
		}
		for i, s := range in.sources[2] {
			c[g+i/2*8][j+i%2] = f32(w.reg(s)[l])
		}
	}
	for r := range c {
		row := &c[r]
		for k := range b {
			x, y := a[r][k], &b[k]
			for n := range row {
				row[n] += x * y[n]
			}
		}
	}
	for l := range lanes {
		g, j := l/4, l%4*2
		for i, d := range in.vector {
			w.reg(d)[l] = of32(c[g+i/2*8][j+i%2])
		}
	}
	w.block.products++
}
