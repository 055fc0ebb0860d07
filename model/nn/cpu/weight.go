package cpu

import (
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu/kernels"
)

// element is the type of a packed weight, and of the operand that meets it.
type element uint8

const (
	elementF32 element = iota
	elementBF16
	elementI8
)

// perGroup is how many elements of a row are in a group.
func (e element) perGroup() int { return [...]int{1, 2, 4}[e] }

const (
	panel      = kernels.Panel
	groupBytes = kernels.GroupBytes
	// panelStep: the groups of a weight are padded to 64 bytes of a row, the width of a matrix unit's tile.
	panelStep = 16
)

// weight is a matrix in panels of 32 outputs.
type weight struct {
	name    string
	out, in int
	element element
	gated   bool
	groups  int // of a row
	panels  int
	data    []byte    // [panels][groups][32][4 bytes]
	scale   []float32 // [panels*32], of int8
	bias    []float32 // [panels*32]
	hasBias bool

	// What teaching adds: the master copy, and the transposed weight, for all rows and for sets of them.
	values []float32
	back   *weight
	sets   map[*nn.Set]*weight
}

func (w *weight) Bytes() int64 {
	return int64(len(w.data)) + 4*int64(len(w.scale)+len(w.bias))
}
func (w *weight) Shape() (out, in int) { return w.out, w.in }

func (w *weight) panelData(p int) unsafe.Pointer {
	return unsafe.Pointer(&w.data[p*w.groups*groupBytes])
}

func (w *weight) panelBias(p int) *[panel]float32 {
	return (*[panel]float32)(w.bias[p*panel:])
}

// panelScale is nil where there are no scales.
func (w *weight) panelScale(p int) *[panel]float32 {
	if w.scale == nil {
		return nil
	}
	return (*[panel]float32)(w.scale[p*panel:])
}

// place is the panel and the lane of a row. Of a gated weight a panel holds 16 rows of gate and the same 16 of up.
func (w *weight) place(r int) (p, lane int) {
	if !w.gated {
		return r / panel, r % panel
	}
	if half := w.out / 2; r >= half {
		r -= half
		return r / (panel / 2), panel/2 + r%(panel/2)
	}
	return r / (panel / 2), r % (panel / 2)
}

// row is row r as f32.
func (w *weight) row(dst []float32, r int) {
	p, lane := w.place(r)
	words := as[uint32](w.data[p*w.groups*groupBytes : (p+1)*w.groups*groupBytes])
	switch w.element {
	case elementF32:
		for i := range dst {
			dst[i] = math.Float32frombits(words[i*panel+lane])
		}
	case elementBF16:
		for i := range dst {
			dst[i] = math.Float32frombits(words[i/2*panel+lane] >> (i % 2 * 16) << 16)
		}
	case elementI8:
		scale := w.scale[p*panel+lane]
		for i := range dst {
			dst[i] = float32(int32(words[i/4*panel+lane]>>(i%4*8)&0xff)-128) * scale
		}
	}
}

// Weight packs a matrix.
func (b *Backend) Weight(spec nn.WeightSpec) nn.Weight {
	w := &weight{name: spec.Name, gated: spec.Gated}
	w.out, w.in = spec.Shape()
	if b.err != nil || b.fail(spec.Check()) {
		return w
	}
	w.element = b.element(spec.Exact)
	w.groups = kernels.Groups(w.in, w.element.perGroup(), panelStep)
	w.panels = (w.out + panel - 1) / panel
	if spec.Gated {
		w.panels = (w.out/2 + panel/2 - 1) / (panel / 2)
	}
	bias := spec.StackedBias()
	w.hasBias = bias != nil
	b.weights = append(b.weights, w)
	if b.packed != nil {
		found, err := b.packed.find(b, w)
		if b.fail(err) || found {
			return w
		}
	}
	w.allocate(b)
	if b.err != nil {
		return w
	}
	for r, v := range bias {
		p, lane := w.place(r)
		w.bias[p*panel+lane] = v
	}
	b.loadJob = loadJob{b: b, w: w, parts: spec.Parts}
	defer func() { b.loadJob.parts = nil }()
	b.pool.do(&b.loadJob, w.panels, 100_000)
	if r := b.loadJob.bad.Load(); r != 0 {
		b.fail(fmt.Errorf("weight %s: row %d of [%d, %d] holds infinity or what is no number: the checkpoint is damaged, or its training diverged", w.name, r-1, w.out, w.in))
	}
	return w
}

// allocate makes room for a weight whose shape is known.
func (w *weight) allocate(b *Backend) {
	w.data = b.room(w.panels * w.groups * groupBytes)
	w.bias = as[float32](b.room(4 * w.panels * panel))
	if w.element == elementI8 {
		w.scale = as[float32](b.room(4 * w.panels * panel))
	}
}

func (b *Backend) element(exact bool) element {
	if exact {
		return elementF32
	}
	return b.config.Precision.element()
}

// loadJob packs one panel a task.
type loadJob struct {
	b     *Backend
	w     *weight
	parts []nn.Matrix
	bad   atomic.Int64 // one more than a row that can't be multiplied by
}

func (j *loadJob) task(worker, p int) {
	w, s := j.w, &j.b.scratch[worker]
	s.row = grow(s.row, w.in)
	for lane := range panel {
		place, ok := w.source(p, lane)
		if !ok {
			w.packRow(p, lane, nil, j.b.k)
			continue
		}
		r := place
		for _, part := range j.parts {
			if r < part.Out {
				part.Read(s.row[:w.in], r)
				break
			}
			r -= part.Out
		}
		if square := j.b.k.SumSquares(s.row[:w.in], 0); !(square <= math.MaxFloat32) {
			j.bad.Store(int64(place) + 1)
		}
		w.packRow(p, lane, s.row[:w.in], j.b.k)
	}
}

// source is the row at a place; false for padding.
func (w *weight) source(p, lane int) (r int, ok bool) {
	if !w.gated {
		r = p*panel + lane
		return r, r < w.out
	}
	r = p*(panel/2) + lane%(panel/2)
	if r >= w.out/2 {
		return 0, false
	}
	if lane >= panel/2 {
		r += w.out / 2
	}
	return r, true
}

// packRow puts a row into its lane; nil is a row of zeros.
func (w *weight) packRow(p, lane int, row []float32, k *kernels.Set) {
	words := as[uint32](w.data[p*w.groups*groupBytes : (p+1)*w.groups*groupBytes])
	switch w.element {
	case elementF32:
		for i, v := range row {
			words[i*panel+lane] = math.Float32bits(v)
		}
	case elementBF16:
		half := as[uint16](unsafeBytes(row)) // in place: the row is not needed again
		k.ToBF16(half, row)
		for i := range half[:len(row)] {
			words[i/2*panel+lane] |= uint32(half[i]) << (i % 2 * 16)
		}
	case elementI8:
		const zero = 0x80808080 // four zeros, 128 added
		scale := k.AbsMax(row) / 127
		w.scale[p*panel+lane] = scale
		if !(scale > 0) {
			row = row[:0]
		}
		quantised := as[int8](unsafeBytes(row))
		k.Quantize8(quantised, row, 1/scale)
		for g := range w.groups {
			word := uint32(0)
			for i := g * 4; i < min(g*4+4, len(row)); i++ {
				word |= uint32(uint8(quantised[i])) << (i % 4 * 8)
			}
			words[g*panel+lane] = word ^ zero
		}
	}
}

func unsafeBytes(row []float32) []byte {
	if len(row) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&row[0])), 4*len(row))
}

// norm is a loaded normalisation; bias is zeros where it has none.
type norm struct {
	rms        bool
	eps        float32
	gain, bias []float32
}

func (n *norm) Bytes() int64 { return int64(len(n.gain)+len(n.bias)) * 4 }
func (n *norm) Width() int   { return len(n.gain) }

// Norm keeps the parameters.
func (b *Backend) Norm(spec nn.NormSpec) nn.Norm {
	b.fail(spec.Check())
	n := &norm{rms: spec.RMS, eps: spec.Eps, gain: spec.Gain, bias: spec.Bias}
	if n.bias == nil {
		n.bias = make([]float32, len(spec.Gain))
	}
	return n
}

// apply normalises a row.
func (n *norm) apply(k *kernels.Set, dst, x []float32) {
	mean, scale := n.moments(k, x)
	k.Normalize(dst, x, n.gain, n.bias, mean, scale)
}

// moments of a row: what is subtracted, and what it is multiplied by.
func (n *norm) moments(k *kernels.Set, x []float32) (mean, scale float32) {
	if !n.rms {
		mean = k.Sum(x) / float32(len(x))
	}
	variance := k.SumSquares(x, mean) / float32(len(x))
	return mean, float32(1 / math.Sqrt(float64(variance+n.eps)))
}

func (w *weight) String() string { return fmt.Sprintf("%s [%d, %d]", w.name, w.out, w.in) }
