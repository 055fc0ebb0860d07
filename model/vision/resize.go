package vision

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Filter of a resize, as Pillow defines it.
type Filter int

const (
	// Bicubic with a = -0.5; Pillow's default, and what crops are made with.
	Bicubic Filter = iota
	// Lanczos with three lobes; what composites are made with.
	Lanczos
)

// support is the reach of the filter on either side [source px at scale 1].
func (f Filter) support() float64 {
	if f == Lanczos {
		return 3
	}
	return 2
}

func (f Filter) weight(x float64) float64 {
	if f == Lanczos {
		if x < -3 || x >= 3 {
			return 0
		}
		return sinc(x) * sinc(x/3)
	}
	x = math.Abs(x)
	const a = -0.5
	// float64() keeps a compiler from fusing: Pillow rounds after every operation.
	switch {
	case x < 1:
		return float64(float64((float64((a+2)*x)-(a+3))*x)*x) + 1
	case x < 2:
		return (float64((float64((x-5)*x)+8)*x) - 4) * a
	}
	return 0
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}

// precision is Pillow's PRECISION_BITS: weights are integers in units of
// 2^-22, which leaves 8 bits for the value and 2 for overshoot.
const precision = 32 - 8 - 2

// half rounds a sum to nearest when it is shifted down.
const half = 1 << (precision - 1)

// taps are the weights of one output pixel: of source pixels first, first+1, …
type taps struct {
	first   int
	weights []uint64 // int32 values, sign-extended
}

// coefficients of a resize from src to dst pixels (Pillow's Resample.c,
// precompute_coeffs and normalize_coeffs_8bpc).
func coefficients(src, dst int, f Filter) []taps {
	all := make([]taps, dst)
	scale := float64(src) / float64(dst)
	shrink := max(scale, 1)
	support := f.support() * shrink
	inverse := 1 / shrink
	weights := make([]float64, 0, int(math.Ceil(support))*2+1)
	for i := range all {
		center := (float64(i) + 0.5) * scale
		first := max(int(center-support+0.5), 0)
		end := min(int(center+support+0.5), src)
		weights = weights[:0]
		sum := 0.0
		for x := first; x < end; x++ {
			w := f.weight((float64(x) - center + 0.5) * inverse)
			weights = append(weights, w)
			sum += w
		}
		fixed := make([]uint64, len(weights))
		for k, w := range weights {
			if sum != 0 {
				w /= sum
			}
			fixed[k] = uint64(int64(float64(w*(1<<precision)) + math.Copysign(0.5, w)))
		}
		all[i] = taps{first: first, weights: fixed}
	}
	return all
}

// Resizer resizes RGB images from one size to another exactly as Pillow does:
// in two passes, rounding to bytes between them.
//
// Pillow 13 runs the vertical pass first where the height shrinks and the width
// does not (python-pillow #9549), as it does for the 334x334 composite; before,
// and in every other case, the horizontal pass comes first. The order shows in
// the last bit.
//
// Two byte values travel in one uint64, 32 bits apart, so that one
// multiplication weighs both. Sums are modulo 2^64: the upper one is what is
// left after taking the lower, signed, away.
type Resizer struct {
	src, dst  Size
	across    []taps // nil when the width stays
	down      []taps // nil when the height stays
	downFirst bool
	firstRow  int      // source rows that the horizontal pass needs when it comes first
	rows      int      // of middle
	middle    []byte   // between the passes: [rows, dst.Width*3], or [dst.Height, src.Width*3] when down first
	pair      []uint64 // two rows, the second in the upper half
	spare     []byte   // takes the second row of the last pair when there is none
}

// NewResizer precomputes the weights.
func NewResizer(src, dst Size, f Filter) (*Resizer, error) {
	for _, s := range []Size{src, dst} {
		if err := s.check(); err != nil {
			return nil, err
		}
	}
	if f != Bicubic && f != Lanczos {
		return nil, fmt.Errorf("%w: filter %d", ErrImage, f)
	}
	r := &Resizer{src: src, dst: dst, rows: src.Height}
	if src.Width != dst.Width {
		r.across = coefficients(src.Width, dst.Width, f)
		r.pair = make([]uint64, src.Width*3)
		r.spare = make([]byte, dst.Width*3)
	}
	if src.Height != dst.Height {
		r.down = coefficients(src.Height, dst.Height, f)
	}
	if r.across == nil || r.down == nil {
		return r, nil
	}
	r.downFirst = dst.Width > src.Width && dst.Height < src.Height
	if r.downFirst {
		r.rows = dst.Height
		r.middle = make([]byte, r.rows*src.Width*3)
		return r, nil
	}
	last := r.down[dst.Height-1]
	r.firstRow = r.down[0].first
	r.rows = last.first + len(last.weights) - r.firstRow
	for i := range r.down {
		r.down[i].first -= r.firstRow
	}
	r.middle = make([]byte, r.rows*dst.Width*3)
	return r, nil
}

// Resize src into dst, whose first row starts at dst[0] and whose rows are
// step bytes apart, so that it may be a part of a larger image.
func (r *Resizer) Resize(dst []byte, step int, src []byte) error {
	from, to := r.src.Width*3, r.dst.Width*3
	if len(src) != r.src.Height*from {
		return fmt.Errorf("%w: %d bytes for %s RGB, expected %d", ErrImage, len(src), r.src, r.src.Height*from)
	}
	if step < to || len(dst) < (r.dst.Height-1)*step+to {
		return fmt.Errorf("%w: %d bytes in steps of %d hold no %s RGB", ErrImage, len(dst), step, r.dst)
	}
	switch {
	case r.across == nil && r.down == nil:
		for y := range r.dst.Height {
			copy(dst[y*step:y*step+to], src[y*to:])
		}
	case r.down == nil:
		r.horizontal(dst, step, src, r.rows)
	case r.across == nil:
		r.vertical(dst, step, src, to)
	case r.downFirst:
		r.vertical(r.middle, from, src, from)
		r.horizontal(dst, step, r.middle, r.rows)
	default:
		r.horizontal(r.middle, to, src[r.firstRow*from:], r.rows)
		r.vertical(dst, step, r.middle, to)
	}
	return nil
}

// horizontal resizes rows of src, two at a time.
func (r *Resizer) horizontal(dst []byte, step int, src []byte, rows int) {
	from, to := r.src.Width*3, r.dst.Width*3
	for y := 0; y < rows; y += 2 {
		low := src[y*from : (y+1)*from]
		out := dst[y*step : y*step+to]
		if y+1 < rows {
			r.load(low, src[(y+1)*from:(y+2)*from])
			r.row(out, dst[(y+1)*step:(y+1)*step+to])
		} else {
			r.load(low, low)
			r.row(out, r.spare)
		}
	}
}

// load packs two rows.
func (r *Resizer) load(low, high []byte) {
	pair := r.pair[:len(low)]
	high = high[:len(low)]
	for i, v := range low {
		pair[i] = uint64(v) | uint64(high[i])<<32
	}
}

// row sums the loaded pair into two output rows.
func (r *Resizer) row(low, high []byte) {
	const start = half | half<<32
	high = high[:len(low)]
	for x := range r.across {
		t := &r.across[x]
		red, green, blue := uint64(start), uint64(start), uint64(start)
		at := t.first * 3
		for _, w := range t.weights {
			v := r.pair[at : at+3 : at+3]
			red += v[0] * w
			green += v[1] * w
			blue += v[2] * w
			at += 3
		}
		l, h := low[3*x:3*x+3:3*x+3], high[3*x:3*x+3:3*x+3]
		l[0], l[1], l[2] = lower(red), lower(green), lower(blue)
		h[0], h[1], h[2] = upper(red), upper(green), upper(blue)
	}
}

// vertical sums rows of src, row bytes long, into rows of dst. Eight bytes are
// loaded at once and spread over four words: byte k and byte k+4 in one.
func (r *Resizer) vertical(dst []byte, step int, src []byte, row int) {
	const start = half | half<<32
	const mask = 0x000000ff_000000ff
	for y := range r.down {
		t := &r.down[y]
		out := dst[y*step : y*step+row]
		j := 0
		for ; j+8 <= row; j += 8 {
			a, b, c, d := uint64(start), uint64(start), uint64(start), uint64(start)
			at := t.first*row + j
			for _, w := range t.weights {
				v := binary.LittleEndian.Uint64(src[at : at+8])
				a += v & mask * w
				b += v >> 8 & mask * w
				c += v >> 16 & mask * w
				d += v >> 24 & mask * w
				at += row
			}
			o := out[j : j+8 : j+8]
			o[0], o[1], o[2], o[3] = lower(a), lower(b), lower(c), lower(d)
			o[4], o[5], o[6], o[7] = upper(a), upper(b), upper(c), upper(d)
		}
		for ; j < row; j++ {
			sum := uint64(start)
			at := t.first*row + j
			for _, w := range t.weights {
				sum += uint64(src[at]) * w
				at += row
			}
			out[j] = lower(sum)
		}
	}
}

// lower is the byte of the lower sum: shifted down and clipped.
func lower(sum uint64) byte {
	return clip(int32(sum))
}

// upper is the byte of the upper sum.
func upper(sum uint64) byte {
	return clip(int32((sum - uint64(int64(int32(sum)))) >> 32))
}

func clip(sum int32) byte {
	return byte(min(max(sum>>precision, 0), 255))
}
