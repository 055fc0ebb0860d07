// Package emulator is a GPU in software. It is a cuda.Device that takes the PTX
// which ships and executes it instruction by instruction: blocks, warps whose lanes part
// and meet, barriers, shared memory, exchanges between lanes, asynchronous
// copies that arrive when they are waited for, and matrix products with the
// fragment layouts of the PTX documentation.
//
// It is stricter than a GPU: every access is checked against the allocation it
// points into and its alignment, memory that nobody wrote holds no numbers, and two warps
// that touch a word of shared memory without a barrier between them are a fault. What needs all lanes of
// a warp fails when some are elsewhere.
//
// And it is a GPU that can be made to fail, as a test says.
package emulator

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"cobot_vla/model/nn/cuda"
)

// Config of a Device.
type Config struct {
	// Info that it gives of itself. Default: an sm_80 with 4 processors, 8 GiB and 99 KiB of shared memory a block.
	Info cuda.Info
	// FailAfter makes the device disappear at the n-th launch or replay from now on; 0 is never.
	FailAfter int
	// Lazy makes it do what was enqueued only when somebody waits, and one launch or replay when somebody asks whether it is idle.
	Lazy bool
	// Count makes it execute nothing and hold no memory, but count: to learn what a model would take.
	Count bool
	// Modules, when set, keeps translated modules for the next device that loads the same text.
	Modules *Modules
}

// Modules are translated texts, which devices may share.
type Modules struct {
	mu     sync.Mutex
	byText map[string]map[string]*kernel
}

func (m *Modules) load(ptx string) (map[string]*kernel, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if kernels, ok := m.byText[ptx]; ok {
		return kernels, nil
	}
	sources, err := parse(ptx)
	if err != nil {
		return nil, err
	}
	kernels := map[string]*kernel{}
	for _, s := range sources {
		if kernels[s.name], err = translate(s); err != nil {
			return nil, err
		}
	}
	if m.byText == nil {
		m.byText = map[string]map[string]*kernel{}
	}
	m.byText[ptx] = kernels
	return kernels, nil
}

// Device implements cuda.Device.
type Device struct {
	config    Config
	memory    memory
	counted   map[cuda.Pointer]int64
	kernels   map[string]*kernel
	functions []function
	machines  []*machine
	recording *graph
	marks     []time.Time
	lost      error
	queue     []func() error // of a lazy device

	// Peak memory [bytes].
	Peak int64
	// What was asked of it so far.
	Launches, Replays, Uploads, Downloads, Waits int
	UploadedBytes                                int64
	// Products of matrices and instructions of warps it executed.
	Products, Steps uint64
}

type function struct {
	kernel *kernel
	shared int
}

var _ cuda.Device = (*Device)(nil)

// New makes a device.
func New(c Config) *Device {
	i := &c.Info
	if i.Name == "" {
		i.Name = "emulator"
	}
	if i.Major == 0 {
		i.Major = 8
	}
	if i.Driver == 0 {
		i.Driver = 12020
	}
	if i.Processors == 0 {
		i.Processors = 4
	}
	if i.Memory == 0 {
		i.Memory = 8 << 30
	}
	if i.Shared == 0 {
		i.Shared = 99 << 10
	}
	i.Emulated = true
	if c.Modules == nil {
		c.Modules = &Modules{}
	}
	return &Device{config: c, kernels: map[string]*kernel{}, counted: map[cuda.Pointer]int64{}}
}

// Info of the device.
func (d *Device) Info() cuda.Info { return d.config.Info }

// Fail makes the device disappear at the n-th launch or replay from now on.
func (d *Device) Fail(after int) { d.config.FailAfter = after }

// Used is the memory in use [bytes].
func (d *Device) Used() int64 { return d.memory.used }

// Load translates a module.
func (d *Device) Load(ptx string) error {
	if d.lost != nil {
		return d.lost
	}
	if d.config.Count {
		return nil
	}
	kernels, err := d.config.Modules.load(ptx)
	maps.Copy(d.kernels, kernels)
	return err
}

// Function finds a kernel.
func (d *Device) Function(name string, shared int) (cuda.Function, error) {
	k, ok := d.kernels[name]
	if !ok && !d.config.Count {
		return 0, fmt.Errorf("no kernel %s in the module", name)
	}
	if k != nil && k.static+shared > d.config.Info.Shared {
		return 0, fmt.Errorf("kernel %s: %d bytes of shared memory, a block has %d", name, k.static+shared, d.config.Info.Shared)
	}
	d.functions = append(d.functions, function{k, shared})
	return cuda.Function(len(d.functions) - 1), nil
}

// Alloc memory.
func (d *Device) Alloc(bytes int64) (cuda.Pointer, error) {
	if d.lost != nil {
		return 0, d.lost
	}
	if bytes <= 0 {
		return 0, fmt.Errorf("allocation of %d bytes", bytes)
	}
	if d.memory.used+bytes > d.config.Info.Memory {
		return 0, fmt.Errorf("%w: %d MiB more than the %d MiB in use of %d MiB", cuda.ErrMemory, bytes>>20, d.memory.used>>20, d.config.Info.Memory>>20)
	}
	if d.config.Count {
		d.memory.used += bytes
		d.Peak = max(d.Peak, d.memory.used)
		d.memory.next += 1 << 40
		d.counted[d.memory.next] = bytes
		return d.memory.next, nil
	}
	a := d.memory.alloc(bytes, false)
	d.Peak = max(d.Peak, d.memory.used)
	return a.at, nil
}

// Free memory.
func (d *Device) Free(p cuda.Pointer) error {
	if d.config.Count {
		d.memory.used -= d.counted[p]
		delete(d.counted, p)
		return nil
	}
	if !d.memory.free(p) {
		return fmt.Errorf("free: %#x was not allocated", p)
	}
	return nil
}

// Pinned memory.
func (d *Device) Pinned(bytes int) (cuda.Pinned, error) {
	if d.lost != nil {
		return cuda.Pinned{}, d.lost
	}
	a := d.memory.alloc(int64(bytes), true)
	return cuda.Pinned{Host: a.data, Device: a.at}, nil
}

// Zero memory.
func (d *Device) Zero(p cuda.Pointer, bytes int64) error {
	if d.flush(everything); d.lost != nil || d.config.Count {
		return d.lost
	}
	m, err := d.memory.bytes(p, bytes)
	clear(m)
	return err
}

// Upload copies at once.
func (d *Device) Upload(to cuda.Pointer, from []byte) error {
	d.Uploads++
	d.UploadedBytes += int64(len(from))
	if d.flush(everything); d.lost != nil || d.config.Count {
		return d.lost
	}
	m, err := d.memory.bytes(to, int64(len(from)))
	copy(m, from)
	return err
}

// Download copies at once.
func (d *Device) Download(to []byte, from cuda.Pointer) error {
	d.Downloads++
	if d.flush(everything); d.lost != nil || d.config.Count {
		return d.lost
	}
	m, err := d.memory.bytes(from, int64(len(to)))
	copy(to, m)
	return err
}

// gone counts down to the failure that a test asked for.
func (d *Device) gone() error {
	if d.config.FailAfter > 0 {
		if d.config.FailAfter--; d.config.FailAfter == 0 {
			d.lost = fmt.Errorf("%w: it has fallen off the bus", cuda.ErrLost)
		}
	}
	return d.lost
}

// enqueue does f, now or when somebody waits.
func (d *Device) enqueue(f func() error) error {
	if d.config.Lazy && d.lost == nil {
		d.queue = append(d.queue, f)
		return nil
	}
	return f()
}

// flush does what was enqueued, n at most.
func (d *Device) flush(n int) error {
	for ; n > 0 && len(d.queue) > 0 && d.lost == nil; n-- {
		f := d.queue[0]
		d.queue = d.queue[1:]
		_ = f() // kept in lost
	}
	return d.lost
}

const everything = 1 << 30

// Launch runs a kernel.
func (d *Device) Launch(l cuda.Launch) error {
	if err := d.check(l); err != nil {
		return err
	}
	if d.recording != nil {
		l.Args = append([]uint64(nil), l.Args...)
		d.recording.launches = append(d.recording.launches, l)
		return nil
	}
	d.Launches++
	if err := d.gone(); err != nil || d.config.Count {
		return err
	}
	if d.config.Lazy {
		l.Args = append([]uint64(nil), l.Args...)
	}
	return d.enqueue(func() error { return d.execute(l) })
}

// execute runs launches; after a fault nothing works any more, as after an illegal address.
func (d *Device) execute(all ...cuda.Launch) error {
	for _, l := range all {
		if err := d.launch(l); err != nil {
			d.lost = err
			return err
		}
	}
	return nil
}

// check is what the driver would refuse.
func (d *Device) check(l cuda.Launch) error {
	if int(l.Function) >= len(d.functions) {
		return fmt.Errorf("launch of function %d: there are %d", l.Function, len(d.functions))
	}
	f := d.functions[l.Function]
	if f.kernel == nil {
		return nil
	}
	k := f.kernel
	switch {
	case len(l.Args) != k.params:
		return fmt.Errorf("kernel %s: %d arguments for %d parameters", k.name, len(l.Args), k.params)
	case l.Threads != k.threads:
		return fmt.Errorf("kernel %s: %d threads, it is made for %d", k.name, l.Threads, k.threads)
	case l.Shared > f.shared:
		return fmt.Errorf("kernel %s: %d bytes of shared memory, %d were asked for", k.name, l.Shared, f.shared)
	case l.Grid[0] < 1 || l.Grid[1] < 1 || l.Grid[2] < 1 || l.Grid[1] > 65535 || l.Grid[2] > 65535:
		return fmt.Errorf("kernel %s: a grid of %v blocks", k.name, l.Grid)
	}
	return nil
}

// graph is recorded launches.
type graph struct{ launches []cuda.Launch }

func (g *graph) Nodes() int   { return len(g.launches) }
func (g *graph) Close() error { return nil }

// Capture begins to record.
func (d *Device) Capture() error {
	if d.recording != nil {
		return fmt.Errorf("capture: it is recording already")
	}
	d.recording = &graph{}
	return d.lost
}

// Captured ends recording.
func (d *Device) Captured() (cuda.Graph, error) {
	g := d.recording
	d.recording = nil
	if g == nil {
		return nil, fmt.Errorf("captured: nothing was recorded")
	}
	return g, d.lost
}

// Replay runs what was recorded.
func (d *Device) Replay(g cuda.Graph) error {
	d.Replays++
	if err := d.gone(); err != nil || d.config.Count {
		return err
	}
	return d.enqueue(func() error { return d.execute(g.(*graph).launches...) })
}

// Mark takes the time.
func (d *Device) Mark() (cuda.Mark, error) {
	d.marks = append(d.marks, time.Now())
	return cuda.Mark(len(d.marks) - 1), d.lost
}

// Elapsed time.
func (d *Device) Elapsed(from, to cuda.Mark) (time.Duration, error) {
	return d.marks[to].Sub(d.marks[from]), d.flush(everything)
}

// Idle is always so, but for a lazy device.
func (d *Device) Idle() (bool, error) {
	err := d.flush(1)
	return len(d.queue) == 0, err
}

// Wait has nothing to wait for.
func (d *Device) Wait() error {
	d.Waits++
	return d.flush(everything)
}

// Close forgets everything. What was allocated must have been freed.
func (d *Device) Close() error {
	for _, a := range d.memory.all {
		if !a.pinned {
			return fmt.Errorf("close: %d bytes were not freed", len(a.data))
		}
	}
	d.memory = memory{}
	return nil
}
