package emulator

import (
	"errors"
	"fmt"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"

	"cobot_vla/model/nn/cuda"
)

// block is a block of threads at work.
type block struct {
	kernel *kernel
	memory *memory
	args   []uint64
	at     [3]int
	grid   [3]int
	shared []byte
	traces []trace
	epoch  uint32
	warps  []*warp

	products uint64 // of matrices
	steps    uint64 // instructions of warps
}

// warp is 32 threads. Lanes that stand at different instructions are groups;
// the one furthest behind goes on first, so that they meet again.
type warp struct {
	block *block
	index int
	r     []uint64 // registers, 32 lanes each
	p     []uint32 // predicates, a bit a lane
	last  *allocation

	groups []([]copying) // committed copies, the oldest first
	begun  []copying

	at      []group // by place, the furthest behind first
	waiting bool    // at a barrier
}

// group is lanes at one instruction.
type group struct {
	pc   int
	mask uint32
}

func (w *warp) reg(r int32) []uint64 {
	return w.r[int(r)*lanes : int(r)*lanes+lanes : int(r)*lanes+lanes]
}

const everyLane = 0xffffffff

// run executes until all lanes have ended or wait at a barrier.
func (w *warp) run() {
	code := w.block.kernel.code
	steps := uint64(0)
	for len(w.at) > 0 {
		g := &w.at[0]
		in := &code[g.pc]
		steps++
		mask := w.guarded(in, g.mask)
		if in.together && (len(w.at) > 1 || mask != g.mask) {
			if w.meet(in, mask) {
				continue
			}
		}
		switch in.control {
		case branch:
			w.branch(g, in, mask)
			continue
		case leave:
			g.mask &^= mask
			g.pc++
			if g.mask == 0 {
				w.at = w.at[1:]
			}
			w.merge()
			continue
		case wait:
			g.pc++
			w.waiting = true
			w.block.steps += steps
			return
		}
		w.compute(in, mask)
		g.pc++
		if len(w.at) > 1 && g.pc >= w.at[1].pc {
			w.merge()
		}
	}
	w.block.steps += steps
}

// guarded is the lanes of mask whose predicate lets them.
func (w *warp) guarded(in *instr, mask uint32) uint32 {
	if in.guard < 0 {
		return mask
	}
	p := w.p[in.guard]
	if in.negate {
		p = ^p
	}
	return mask & p
}

// compute does an instruction in some lanes.
func (w *warp) compute(in *instr, mask uint32) {
	switch {
	case mask == 0:
	case in.act != nil:
		in.act(w, in, mask)
	case mask == everyLane:
		in.run(w, in, in.d)
	default:
		in.run(w, in, 0)
		to, from := w.reg(in.d), w.reg(0)
		for m := mask; m != 0; m &= m - 1 {
			i := bits.TrailingZeros32(m)
			to[i] = from[i]
		}
	}
}

// meet lets other lanes go on until all stand at an instruction that they execute together; false when they do.
func (w *warp) meet(in *instr, mask uint32) bool {
	if mask != w.at[0].mask {
		w.fail(in, 0, "only some lanes (%08x of %08x) would execute what all must", mask, w.at[0].mask)
	}
	// The first group waits; the next that does not is moved to the front.
	code := w.block.kernel.code
	for i := 1; i < len(w.at); i++ {
		if !code[w.at[i].pc].together || w.at[i].pc == w.at[0].pc {
			g := w.at[i]
			copy(w.at[1:i+1], w.at[:i])
			w.at[0] = g
			w.step()
			return true
		}
	}
	w.fail(in, 0, "lanes wait for each other at different instructions: %v", w.at)
	return true
}

// step lets the first group do one instruction, whatever stands behind it.
func (w *warp) step() {
	rest := w.at[1:]
	w.at = append([]group(nil), w.at[0])
	in := &w.block.kernel.code[w.at[0].pc]
	mask := w.guarded(in, w.at[0].mask)
	switch in.control {
	case branch:
		w.branch(&w.at[0], in, mask)
	case leave:
		w.at[0].mask &^= mask
		w.at[0].pc++
	default:
		w.compute(in, mask)
		w.at[0].pc++
	}
	w.at = append(w.at, rest...)
	if w.at[0].mask == 0 {
		w.at = w.at[1:]
	}
	w.merge()
}

func (w *warp) branch(g *group, in *instr, mask uint32) {
	switch mask {
	case 0:
		g.pc++
	case g.mask:
		g.pc = in.target
	default:
		stay := g.mask &^ mask
		g.mask, g.pc = stay, g.pc+1
		w.at = append(w.at, group{in.target, mask})
	}
	if len(w.at) > 1 {
		w.merge()
	}
}

// merge sorts the groups by place and joins those that meet.
func (w *warp) merge() {
	for i := 1; i < len(w.at); i++ {
		for k := i; k > 0 && w.at[k].pc < w.at[k-1].pc; k-- {
			w.at[k], w.at[k-1] = w.at[k-1], w.at[k]
		}
	}
	n := 0
	for i, g := range w.at {
		if i > 0 && g.pc == w.at[n-1].pc {
			w.at[n-1].mask |= g.mask
			continue
		}
		w.at[n] = g
		n++
	}
	w.at = w.at[:n]
}

// machine is what one worker runs blocks in.
type machine struct{ b block }

func (m *machine) prepare(k *kernel, mem *memory, l cuda.Launch) {
	b := &m.b
	b.kernel, b.memory, b.args, b.grid = k, mem, l.Args, l.Grid
	b.products, b.steps = 0, 0
	size := k.static + l.Shared
	if cap(b.shared) < size {
		words := make([]byte, size+16)
		b.shared = words[:size]
		b.traces = make([]trace, size/4+4)
	}
	b.shared = b.shared[:size]
	n := (l.Threads + lanes - 1) / lanes
	for len(b.warps) < n {
		b.warps = append(b.warps, &warp{block: b, index: len(b.warps)})
	}
	b.warps = b.warps[:n]
	for _, w := range b.warps {
		w.last = nil
		if cap(w.r) < k.registers*lanes {
			w.r = make([]uint64, k.registers*lanes)
		}
		w.r = w.r[:k.registers*lanes]
		w.p = append(w.p[:0], make([]uint32, k.predicates)...)
		for _, c := range k.constants {
			to := w.reg(c.register)
			for i := range lanes {
				to[i] = c.value
			}
		}
	}
}

func (m *machine) run(l cuda.Launch, index int) {
	b := &m.b
	b.at = [3]int{index % l.Grid[0], index / l.Grid[0] % l.Grid[1], index / l.Grid[0] / l.Grid[1]}
	b.epoch++
	for i := range b.shared {
		b.shared[i] = 0xff
	}
	for _, w := range b.warps {
		mask := uint32(everyLane)
		if rest := l.Threads - w.index*lanes; rest < lanes {
			mask = 1<<rest - 1
		}
		w.at = append(w.at[:0], group{0, mask})
		w.groups, w.begun, w.waiting = nil, nil, false
		for name, r := range b.kernel.special {
			b.special(w, name, w.reg(r), l.Threads)
		}
	}
	for running := true; running; {
		running = false
		for _, w := range b.warps {
			w.waiting = false
			w.run()
			running = running || w.waiting
		}
		b.epoch++
	}
}

func (b *block) special(w *warp, name string, to []uint64, threads int) {
	for i := range to {
		switch name {
		case "%tid.x":
			to[i] = uint64(w.index*lanes + i)
		case "%ctaid.x", "%ctaid.y", "%ctaid.z":
			to[i] = uint64(b.at[name[len(name)-1]-'x'])
		case "%nctaid.x", "%nctaid.y", "%nctaid.z":
			to[i] = uint64(b.grid[name[len(name)-1]-'x'])
		case "%ntid.x":
			to[i] = uint64(threads)
		}
	}
}

// launch runs all blocks, on as many processors as there are.
func (d *Device) launch(l cuda.Launch) error {
	k := d.functions[l.Function].kernel
	total := l.Grid[0] * l.Grid[1] * l.Grid[2]
	workers := min(total, runtime.GOMAXPROCS(0))
	for len(d.machines) < workers {
		d.machines = append(d.machines, &machine{})
	}
	var next atomic.Int64
	errs := make([]error, workers)
	var group sync.WaitGroup
	for i := range workers {
		m := d.machines[i]
		m.prepare(k, &d.memory, l)
		work := func() {
			defer func() {
				if r := recover(); r != nil {
					f, ok := r.(fault)
					if !ok {
						panic(r)
					}
					errs[i] = fmt.Errorf("%w: %s", cuda.ErrLost, f.what)
				}
			}()
			for {
				index := int(next.Add(1)) - 1
				if index >= total {
					return
				}
				m.run(l, index)
			}
		}
		if workers == 1 {
			work()
			break
		}
		group.Go(work)
	}
	group.Wait()
	for i := range workers {
		d.Products += d.machines[i].b.products
		d.Steps += d.machines[i].b.steps
	}
	return errors.Join(errs...)
}
