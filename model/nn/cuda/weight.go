package cuda

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"cobot_vla/model/nn"
)

// element is the type of a weight on the device; its numbers are those of kernels/rows.cu.
type element uint8

const (
	elementF32 element = iota
	elementBF16
	elementI8
)

func (e element) size() int { return [...]int{4, 2, 1}[e] }

func (e element) String() string { return [...]string{"f32", "bf16", "int8"}[e] }

// weight is [out, depth] on the device, of which in columns are numbers and the others zeros.
type weight struct {
	b              *Backend
	name           string
	out, in, depth int
	element        element
	gated          bool
	data           Pointer
	scale, bias    Pointer // [out] f32, or none
}

func (w *weight) Shape() (out, in int) { return w.out, w.in }
func (w *weight) Bytes() int64 {
	n := int64(w.out*w.depth) * int64(w.element.size())
	if w.scale != 0 {
		n += 4 * int64(w.out)
	}
	if w.bias != 0 {
		n += 4 * int64(w.out)
	}
	return n
}

const depthStep = 64

// packBytes is how much of a weight is packed before it is uploaded.
const packBytes = 16 << 20

// Weight packs a matrix and uploads it.
func (b *Backend) Weight(spec nn.WeightSpec) nn.Weight {
	w := &weight{b: b, name: spec.Name, gated: spec.Gated}
	w.out, w.in = spec.Shape()
	if b.err != nil || b.fail(spec.Check()) {
		return w
	}
	switch {
	case spec.Exact || b.config.Precision == F32:
		w.element = elementF32
	case b.config.Precision == W8A16:
		w.element = elementI8
	default:
		w.element = elementBF16
	}
	w.depth = (w.in + depthStep - 1) / depthStep * depthStep
	row := w.depth * w.element.size()
	w.data = b.alloc(int64(w.out)*int64(row), &b.memory.Weights, false)
	var scales []float32
	if w.element == elementI8 {
		scales = make([]float32, w.out)
		w.scale = b.alloc(4*int64(w.out), &b.memory.Weights, false)
	}
	bias := spec.StackedBias()
	if bias != nil {
		w.bias = b.alloc(4*int64(w.out), &b.memory.Weights, false)
		b.upload(w.bias, bias)
	}
	rows := max(1, packBytes/row)
	packed := make([]byte, min(rows, w.out)*row)
	for from := 0; from < w.out && b.err == nil; from += rows {
		n := min(rows, w.out-from)
		clear(packed[:n*row])
		if bad := w.pack(packed[:n*row], spec.Parts, from, scales); bad >= 0 {
			b.fail(fmt.Errorf("weight %s: row %d of [%d, %d] holds infinity or what is no number: the checkpoint is damaged, or its training diverged", w.name, bad, w.out, w.in))
			return w
		}
		b.failed(b.device.Upload(w.data+Pointer(from*row), packed[:n*row]))
	}
	if scales != nil {
		b.upload(w.scale, scales)
	}
	return w
}

func (b *Backend) upload(to Pointer, x []float32) {
	if b.err == nil {
		b.failed(b.device.Upload(to, bytesOf(x)))
	}
}

func bytesOf(x []float32) []byte {
	if len(x) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x))
}

// pack makes rows from first, on all processors; it gives a row that can't be multiplied by, or -1.
func (w *weight) pack(to []byte, parts []nn.Matrix, first int, scales []float32) int {
	row := w.depth * w.element.size()
	n := len(to) / row
	var next, bad atomic.Int64
	bad.Store(-1)
	var group sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (n+15)/16) {
		group.Go(func() {
			x := make([]float32, w.in)
			for {
				from := int(next.Add(16)) - 16
				if from >= n {
					return
				}
				for i := from; i < min(from+16, n); i++ {
					read(parts, x, first+i)
					scale, ok := w.element.pack(to[i*row:(i+1)*row], x)
					if !ok {
						bad.Store(int64(first + i))
					}
					if scales != nil {
						scales[first+i] = scale
					}
				}
			}
		})
	}
	group.Wait()
	return int(bad.Load())
}

func read(parts []nn.Matrix, x []float32, r int) {
	for _, p := range parts {
		if r < p.Out {
			p.Read(x, r)
			return
		}
		r -= p.Out
	}
}

// pack puts a row; false when it holds what is no number.
func (e element) pack(to []byte, x []float32) (scale float32, ok bool) {
	highest := float32(0)
	for _, v := range x {
		if v-v != 0 {
			return 0, false
		}
		highest = max(highest, v, -v)
	}
	switch e {
	case elementF32:
		copy(to, bytesOf(x))
	case elementBF16:
		half := unsafe.Slice((*uint16)(unsafe.Pointer(&to[0])), len(to)/2)
		for i, v := range x {
			half[i] = bf16(v)
		}
	case elementI8:
		scale = highest / 127
		if scale == 0 {
			return 0, true
		}
		inverse := 1 / scale
		for i, v := range x {
			to[place(i)] = byte(int8(math.RoundToEven(float64(v * inverse))))
		}
	}
	return scale, true
}

// place is where number i of a row of int8 lies: see kernels/products.cu.
func place(i int) int {
	k := i % 16
	return i - k + k%8/2*4 + k/8*2 + k%2
}

// bf16 rounds a number that is one to nearest, ties to even.
func bf16(x float32) uint16 {
	b := math.Float32bits(x)
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// norm is a loaded normalisation.
type norm struct {
	b          *Backend
	width      int
	kind       uint64 // of kernels/norm.h
	eps        float32
	gain, bias Pointer
}

func (n *norm) Width() int { return n.width }
func (n *norm) Bytes() int64 {
	if n.bias != 0 {
		return 8 * int64(n.width)
	}
	return 4 * int64(n.width)
}

// Norm uploads the parameters.
func (b *Backend) Norm(spec nn.NormSpec) nn.Norm {
	n := &norm{b: b, width: len(spec.Gain), kind: 2, eps: spec.Eps}
	if spec.RMS {
		n.kind = 1
	}
	if b.err != nil || b.fail(spec.Check()) {
		return n
	}
	n.gain = b.alloc(4*int64(n.width), &b.memory.Weights, false)
	b.upload(n.gain, spec.Gain)
	if spec.Bias != nil {
		n.bias = b.alloc(4*int64(n.width), &b.memory.Weights, false)
		b.upload(n.bias, spec.Bias)
	}
	return n
}

// takeNorm adds NORM_PARAMETERS.
func (b *Backend) takeNorm(n nn.Norm) {
	if n == nil {
		b.args = append(b.args, 0, 0, 0, 0)
		return
	}
	own := n.(*norm)
	b.args = append(b.args, own.kind, uint64(own.gain), uint64(own.bias), number(own.eps))
}
