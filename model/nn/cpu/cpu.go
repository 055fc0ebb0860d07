// Package cpu is the nn.Backend of processors: weights packed once into panels
// that the kernels read in one stream, products whose input is normalised and
// quantised as it is packed and whose output is scaled, activated and added as
// it leaves the tile, attention that never writes its scores to memory.
// The kernels are in cpu/kernels; this package owns the memory and the workers.
//
// # Precisions
//
// F32 is for comparing. BF16 halves the weights. W8A16 keeps weights as int8
// with a scale for every output, and rows of activations as 16-bit integers with a scale
// for every row; each is split into two bytes, so that both halves run through the exact int8
// kernels. INT8 has 8-bit activations: twice as fast, less exact. Norms,
// softmax, residuals and whatever a weight marks as Exact stay f32.
//
// # Living in a robot's process
//
// A task takes 100 µs or so at most, workers yield as often, spin at most 50 µs
// at a barrier, and are parked between actions. After the first action nothing is allocated.
package cpu

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu/kernels"
)

// Precision of weights and activations.
type Precision string

const (
	// F32 weights and activations.
	F32 Precision = "f32"
	// BF16 weights and activations, f32 sums.
	BF16 Precision = "bf16"
	// W8A16: int8 weights, 16-bit activations.
	W8A16 Precision = "w8a16"
	// INT8 weights and activations.
	INT8 Precision = "int8"
)

// Precisions are all of them, the most exact first.
func Precisions() []Precision { return []Precision{F32, BF16, W8A16, INT8} }

// Learning is the faster of F32 and BF16 to take gradients in, on this processor.
func Learning() Precision {
	if kernels.Available()[0].LearnBF16 {
		return BF16
	}
	return F32
}

// Config of a Backend.
type Config struct {
	// Precision of weights and activations. Default W8A16: half the memory traffic of bf16 and
	// more exact than it on rows whose largest number is not far from the others.
	Precision Precision
	// Threads that compute, the caller's included. Default: the processors Go may use.
	// More than there are cores makes it slower.
	Threads int
	// Kernels to use instead of the fastest that the processor has: amx, avx512, avx2, go. For tests and measurements.
	Kernels string
	// Packed is a file of converted weights (WritePacked) of the same precision:
	// weights found in it by name are used as they are, without reading the checkpoint.
	Packed string
	// PackedSource, when set, is what those weights must have been converted from.
	PackedSource string
}

// DefaultConfig is W8A16 on all processors.
func DefaultConfig() Config { return Config{Precision: W8A16} }

// Backend implements nn.Backend.
type Backend struct {
	config Config
	k      *kernels.Set
	pool   *pool
	memory arena
	err    error
	closed bool

	packed  *packedFile
	weights []*weight // in the order they were loaded
	sets    map[*nn.Set][]segment
	scratch []scratch // by worker
	ops     operands
	hidden  space // between the two products of a gated MLP, and keys and values before they are cached

	penalised []penalised

	// The jobs, kept so that none is allocated.
	packJob    packJob
	productJob productJob
	splitJob   splitJob
	queryJob   queryJob
	attendJob  attendJob
	normJob    normJob
	patchJob   patchJob
	loadJob    loadJob

	learning learning
}

var _ nn.Backend = (*Backend)(nil)

// New makes a backend.
func New(c Config) (*Backend, error) {
	switch c.Precision {
	case "":
		c.Precision = W8A16
	case F32, BF16, W8A16, INT8:
	default:
		return nil, fmt.Errorf("precision %q: expected one of %v", c.Precision, Precisions())
	}
	if c.Threads <= 0 {
		c.Threads = min(runtime.GOMAXPROCS(0), runtime.NumCPU())
	}
	var names []string
	for _, k := range kernels.Available() {
		names = append(names, k.Name)
		if c.Kernels == "" || c.Kernels == k.Name {
			return newWith(c, k)
		}
	}
	return nil, fmt.Errorf("kernels %q: this processor runs %v", c.Kernels, names)
}

func newWith(c Config, k *kernels.Set) (*Backend, error) {
	b := &Backend{config: c, k: k, sets: map[*nn.Set][]segment{}}
	if c.Packed != "" {
		packed, err := openPacked(c.Packed, c.PackedSource, c.Precision)
		if err != nil {
			return nil, err
		}
		b.packed = packed
	}
	b.pool = newPool(c.Threads)
	b.scratch = make([]scratch, c.Threads)
	for i := range b.scratch {
		b.scratch[i].tile = grow[float32](nil, tileSize)
	}
	return b, nil
}

// Features of the processor that are used, for people.
func (b *Backend) Features() string { return b.k.Features }

// Config as it was completed.
func (b *Backend) Config() Config { return b.config }

// Memory is how many bytes weights, caches and activations take.
func (b *Backend) Memory() int64 { return b.memory.used }

// WeightBytes is the part of it that is weights.
func (b *Backend) WeightBytes() int64 {
	total := int64(0)
	for _, w := range b.weights {
		total += w.Bytes()
	}
	return total
}

var errClosed = errors.New("the backend is closed")

func (b *Backend) fail(err error) bool {
	if b.err == nil && err != nil {
		b.err = err
	}
	return b.err != nil
}

// Sync returns the first error.
func (b *Backend) Sync() error { return b.err }

// Close ends the workers and gives the memory back; every later call fails.
func (b *Backend) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	b.fail(errClosed)
	b.pool.close()
	err := errors.Join(b.memory.close(), b.hidden.release(), b.ops.x.space.release(), b.ops.q.space.release())
	if b.packed != nil {
		err = errors.Join(err, b.packed.close())
	}
	return err
}

// room is memory of the arena; a failure is kept, and gives none.
func (b *Backend) room(n int) []byte {
	if b.err != nil {
		return nil
	}
	m, err := b.memory.bytes(n)
	if b.fail(err) {
		return nil
	}
	return m
}

// scratch of one worker.
type scratch struct {
	// tile is where a kernel leaves its product: tileSize numbers.
	tile []float32
	row  []float32 // a row of an input, normalised
	half []uint16  // a key or a value, rounded
	// scores of a block of queries, as tiles, and their weights.
	scores  []float32
	weights []byte

	block  kernels.Block // of gradients
	words  []uint32
	attend attendScratch
	_      [64]byte
}

// tileSize is the most numbers that a kernel leaves, and a row of which none are used: where
// it begins in the middle of a lane, Store takes whole rows.
const tileSize = (kernels.WideRows + 1) * kernels.Panel

// grow is s with n elements: as it was, or new memory whose first element begins a
// line of the cache: tiles that lie across lines are slow to store.
func grow[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s[:n]
	}
	var t T
	size := int(unsafe.Sizeof(t))
	s = make([]T, n+align/size)
	if over := int(uintptr(unsafe.Pointer(unsafe.SliceData(s)))) % align; over%size == 0 && over > 0 {
		s = s[(align-over)/size:]
	}
	return s[:n]
}
