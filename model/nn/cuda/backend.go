package cuda

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"
	"unsafe"

	"cobot_vla/model/nn"
)

// kernelsPTX is kernels/*.cu, compiled: see `make ptx`.
//
//go:embed kernels/kernels.ptx
var kernelsPTX string

// Precision of weights and activations.
type Precision string

const (
	// F32 weights and activations.
	F32 Precision = "f32"
	// BF16 weights and activations, f32 sums.
	BF16 Precision = "bf16"
	// W8A16: int8 weights, bf16 activations, f32 sums.
	W8A16 Precision = "w8a16"
)

// Precisions are all of them, the most exact first.
func Precisions() []Precision { return []Precision{F32, BF16, W8A16} }

// Element is the type that weights are kept in.
func (p Precision) Element() string {
	return map[Precision]string{F32: "f32", BF16: "bf16", W8A16: "int8"}[p]
}

// Config of a Backend.
type Config struct {
	// Precision of weights and activations. Default W8A16.
	Precision Precision
}

// DefaultConfig is W8A16.
func DefaultConfig() Config { return Config{Precision: W8A16} }

// Backend implements nn.Recorder on a Device.
type Backend struct {
	config Config
	device Device
	info   Info
	err    error
	closed bool

	kernels map[string]kernel
	args    []uint64

	owned   []Pointer // everything allocated
	memory  Memory
	scratch map[string]piece

	mail    Pinned // what the host tells the device, consumed in order
	mailed  int
	faults  Pinned // what the device tells the host: a fault and its detail
	heard   Pinned // whether the host wants no more steps
	stopped Pointer
	tickets Pointer

	sets    map[*nn.Set]Pointer
	masks   map[*nn.FixedMask]Pointer
	indices map[*int32]index

	dry       bool // what would be launched is not: memory is made for it
	recording *step
	steps     *step // the last that ran since a Sync
	marks     []Mark
}

var _ nn.Recorder = (*Backend)(nil)

// Memory of the device, by what it is for [bytes].
type Memory struct {
	Weights, Caches, Activations, Workspace, Rest int64
}

// Total of all.
func (m Memory) Total() int64 {
	return m.Weights + m.Caches + m.Activations + m.Workspace + m.Rest
}

type kernel struct {
	f       Function
	threads int
}

type piece struct {
	at    Pointer
	bytes int64
}

const (
	mailBytes  = 1 << 20
	mostHeads  = 512 // times key heads of a cache
	ticketRows = 8   // groups of 16 rows that nn.RowsAlike makes of a head
)

// New makes a backend on a device, which its Close closes.
func New(d Device, c Config) (*Backend, error) {
	switch c.Precision {
	case "":
		c.Precision = W8A16
	case F32, BF16, W8A16:
	default:
		return nil, errors.Join(fmt.Errorf("precision %q on a GPU: expected one of %v", c.Precision, Precisions()), d.Close())
	}
	b := &Backend{
		config: c, device: d, info: d.Info(), kernels: map[string]kernel{}, scratch: map[string]piece{},
		sets: map[*nn.Set]Pointer{}, masks: map[*nn.FixedMask]Pointer{}, indices: map[*int32]index{},
	}
	if err := b.start(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Check says whether a device can run the kernels.
func (i Info) Check() error {
	switch {
	case i.Major < leastMajor:
		return fmt.Errorf("%w: %s has compute capability %d.%d, the kernels need %d.0 (Ampere: RTX 30, A100, Orin, or newer)", ErrUnsupported, i.Name, i.Major, i.Minor, leastMajor)
	case i.Driver < leastDriver:
		return fmt.Errorf("%w: the driver of %s knows CUDA %d.%d, the kernels need %d.%d: install a newer NVIDIA driver (470 or later; on a Jetson JetPack 5)", ErrUnsupported, i.Name, i.Driver/1000, i.Driver%1000/10, leastDriver/1000, leastDriver%1000/10)
	}
	return nil
}

func (b *Backend) start() error {
	if err := b.info.Check(); err != nil {
		return err
	}
	if err := b.device.Load(kernelsPTX); err != nil {
		return fmt.Errorf("%s: loading the kernels: %w", b.info.Name, err)
	}
	for _, k := range []struct {
		name            string
		threads, shared int
	}{
		{"thin_norm_bf16", 256, fusedBytes}, {"thin_norm_int8", 256, fusedBytes},
		{"thin_bf16", 256, 0}, {"thin_int8", 256, 0}, {"thin_rows_bf16", 256, 0}, {"thin_rows_int8", 256, 0},
		{"tile_bf16", 256, tileBytes(2)}, {"tile_int8", 256, tileBytes(1)}, {"exact", 256, 0},
		{"attend_few", 128, 0}, {"attend_exact", 128, b.exactScores() * 4},
		{"attend_many_32", 128, manyBytes(32)}, {"attend_many_64", 128, manyBytes(64)},
		{"attend_many_80", 128, manyBytes(80)}, {"attend_many_128", 128, manyBytes(128)},
		{"normalise_rows", 256, 0}, {"embed", 128, 0}, {"gather", 128, 0}, {"patches", 128, 0}, {"copy_words", 256, 0},
		{"pick", 256, 0}, {"advance", 32, 0}, {"read_all", 256, 0}, {"multiply_all", 256, 0},
	} {
		f, err := b.device.Function(k.name, k.shared)
		if err != nil {
			return fmt.Errorf("%s: %w", b.info.Name, err)
		}
		b.kernels[k.name] = kernel{f, k.threads}
	}
	var err error
	for _, p := range []struct {
		to    *Pinned
		bytes int
	}{{&b.mail, mailBytes}, {&b.faults, 8}, {&b.heard, 4}} {
		if *p.to, err = b.device.Pinned(p.bytes); err != nil {
			return fmt.Errorf("%s: %w", b.info.Name, err)
		}
	}
	b.stopped = b.alloc(4, &b.memory.Rest, true)
	b.tickets = b.alloc(4*ticketRows*mostHeads, &b.memory.Rest, true)
	return b.err
}

// Config as it was completed.
func (b *Backend) Config() Config { return b.config }

// Info of the device.
func (b *Backend) Info() Info { return b.info }

// Memory of the device in use.
func (b *Backend) Memory() Memory { return b.memory }

// WeightBytes is the part of it that is weights.
func (b *Backend) WeightBytes() int64 { return b.memory.Weights }

// Features for people.
func (b *Backend) Features() string {
	return fmt.Sprintf("%s (sm_%d%d, %d processors)", b.info.Name, b.info.Major, b.info.Minor, b.info.Processors)
}

var errClosed = errors.New("the backend is closed")

// fail keeps the first error.
func (b *Backend) fail(err error) bool {
	if b.err == nil && err != nil {
		b.err = err
	}
	return b.err != nil
}

// failed is fail for what the device says.
func (b *Backend) failed(err error) bool {
	if err == nil {
		return b.err != nil
	}
	return b.fail(fmt.Errorf("%s: %w", b.info.Name, err))
}

// alloc memory; a failure is kept, and gives none.
func (b *Backend) alloc(bytes int64, account *int64, zero bool) Pointer {
	if b.err != nil {
		return 0
	}
	bytes = (bytes + 15) / 16 * 16
	p, err := b.device.Alloc(bytes)
	if b.failed(err) {
		return 0
	}
	b.owned = append(b.owned, p)
	*account += bytes
	if zero {
		b.failed(b.device.Zero(p, bytes))
	}
	return p
}

// room is a workspace of that name, at least so large. What it held before may be gone.
func (b *Backend) room(name string, bytes int64) Pointer {
	if p := b.scratch[name]; p.bytes >= bytes {
		return p.at
	}
	// The old one stays: what was enqueued or recorded uses it.
	p := piece{b.alloc(bytes, &b.memory.Workspace, false), bytes}
	b.scratch[name] = p
	return p.at
}

// launch a kernel with the arguments of b.args.
func (b *Backend) launch(name string, shared int, x, y, z int) {
	if b.err != nil || b.dry {
		return
	}
	k := b.kernels[name]
	b.failed(b.device.Launch(Launch{Function: k.f, Grid: [3]int{x, y, z}, Threads: k.threads, Shared: shared, Args: b.args}))
}

// take begins the arguments of a launch.
func (b *Backend) take(args ...uint64) { b.args = append(b.args[:0], args...) }

func flag(x bool) uint64 {
	if x {
		return 1
	}
	return 0
}

func number(x float32) uint64 { return uint64(math.Float32bits(x)) }

// stop is what kernels of a recorded step look at.
func (b *Backend) stop() uint64 {
	if b.recording != nil {
		return uint64(b.stopped)
	}
	return 0
}

// tell copies words to the device, in order with what is enqueued, without the host having to wait.
func (b *Backend) tell(to Pointer, words []uint32) {
	if b.err != nil || len(words) == 0 {
		return
	}
	bytes := 4 * len(words)
	if bytes > mailBytes {
		b.failed(b.device.Upload(to, unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), bytes)))
		return
	}
	if b.mailed+bytes > mailBytes {
		if b.failed(b.device.Wait()) {
			return
		}
		b.mailed = 0
	}
	for i, w := range words {
		binary.LittleEndian.PutUint32(b.mail.Host[b.mailed+4*i:], w)
	}
	b.copyWords(to, b.mail.Device+Pointer(b.mailed), len(words))
	b.mailed += (bytes + 15) / 16 * 16
}

func (b *Backend) copyWords(to, from Pointer, n int) {
	b.take(uint64(to), uint64(from), uint64(n))
	b.launch("copy_words", 0, (n+1023)/1024, 1, 1)
}

// word of pinned memory, as the device wrote it.
func word(p Pinned, at int) uint32 {
	return atomic.LoadUint32((*uint32)(unsafe.Pointer(&p.Host[at])))
}

// examine says what a kernel found wrong.
func (b *Backend) examine() error {
	if b.err != nil || len(b.faults.Host) == 0 {
		return b.err
	}
	detail := int32(word(b.faults, 4))
	switch word(b.faults, 0) {
	case 0:
	case 1:
		b.fail(fmt.Errorf("embed: token %d is not in the table", detail))
	case 2:
		b.fail(fmt.Errorf("pick: row %d of the scores holds what is no number", detail))
	default:
		b.fail(fmt.Errorf("a kernel reports fault %d (%d)", word(b.faults, 0), detail))
	}
	return b.err
}

// Sync waits, and returns the first error.
func (b *Backend) Sync() error {
	if b.err != nil {
		return b.err
	}
	if !b.failed(b.device.Wait()) {
		b.mailed, b.steps = 0, nil
	}
	return b.examine()
}

// Mark a place among what is enqueued.
func (b *Backend) Mark() {
	if b.err != nil {
		return
	}
	m, err := b.device.Mark()
	if !b.failed(err) {
		b.marks = append(b.marks, m)
	}
}

// Laps waits and gives the times between marks.
func (b *Backend) Laps() ([]time.Duration, error) {
	var laps []time.Duration
	for i := 1; i < len(b.marks) && b.err == nil; i++ {
		d, err := b.device.Elapsed(b.marks[i-1], b.marks[i])
		if !b.failed(err) {
			laps = append(laps, d)
		}
	}
	b.marks = b.marks[:0]
	return laps, b.err
}

// Close frees everything; every later call fails.
func (b *Backend) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	lost := errors.Is(b.err, ErrLost)
	b.fail(errClosed)
	var errs []error
	for _, p := range b.owned {
		errs = append(errs, b.device.Free(p))
	}
	errs = append(errs, b.device.Close())
	if lost { // what can't be had back was said already
		return nil
	}
	return errors.Join(errs...)
}
