package cpu

import (
	"runtime"
	"sync/atomic"

	"cobot_vla/model/nn/cpu/kernels"
)

// job is work that falls into tasks which any worker may do in any order.
type job interface {
	// task does one of them; worker is 0..threads-1 and owns that worker's scratch memory.
	task(worker, task int)
}

// yieldAfter is how much work, in ns as the jobs estimate it, a worker does
// before it lets other goroutines run: a control loop in the same process
// waits no longer than this. Where the process has scheduler slots to spare, every
// goroutine that may run has one, and workers leave the scheduler and its lock alone:
// a thread of real-time priority would wait for whoever holds that lock.
const yieldAfter = 100_000

// pool runs jobs on the caller's goroutine and threads-1 others. Between two
// jobs of an action the others spin, at most kernels.SpinTime; after that they are parked.
type pool struct {
	// What the current job is: written before state opens it, read by whoever entered.
	job   job
	tasks int32
	cost  int // of one task [ns]

	next  atomic.Int32  // the next task
	epoch atomic.Uint32 // of the current job
	// state is open (bit 31) and how many workers are inside the job.
	state atomic.Uint32

	polite  bool // workers yield
	workers []worker
	caller  worker
	closed  atomic.Bool
	done    chan struct{}
}

const open = 1 << 31

// worker is one goroutine that may be parked.
type worker struct {
	parked atomic.Bool
	wake   chan struct{}
	worked int      // since it last yielded [ns]
	_      [40]byte // workers do not share a cache line
}

func newPool(threads int) *pool {
	p := &pool{
		workers: make([]worker, threads-1), done: make(chan struct{}, threads),
		polite: runtime.GOMAXPROCS(0) < max(threads, runtime.NumCPU())+2,
	}
	p.caller.wake = make(chan struct{}, 1)
	for i := range p.workers {
		p.workers[i].wake = make(chan struct{}, 1)
		go p.run(i + 1)
	}
	return p
}

// do runs all tasks of a job and returns when they are finished. cost is what
// one of them takes, roughly.
func (p *pool) do(j job, tasks, cost int) {
	if tasks == 1 || len(p.workers) == 0 || tasks*cost < 2000 {
		for t := range tasks {
			j.task(0, t)
			p.pause(&p.caller, cost)
		}
		return
	}
	p.job, p.tasks, p.cost = j, int32(tasks), cost
	p.next.Store(0)
	p.state.Store(open)
	p.epoch.Add(1)
	for i := range p.workers {
		p.workers[i].unpark()
	}
	p.work(0, &p.caller)
	// No task is left; who is inside is at its last one, and nobody else may enter.
	p.state.And(^uint32(open))
	for p.state.Load() != 0 {
		if kernels.SpinUntilEqual(&p.state, 0) {
			continue
		}
		p.caller.parked.Store(true)
		if p.state.Load() == 0 && p.caller.parked.CompareAndSwap(true, false) {
			break
		}
		<-p.caller.wake
	}
	p.job = nil
}

// work does tasks until there are none left.
func (p *pool) work(id int, w *worker) {
	for {
		t := p.next.Add(1) - 1
		if t >= p.tasks {
			return
		}
		p.job.task(id, int(t))
		p.pause(w, p.cost)
	}
}

// pause yields when enough was done and others may need the slot.
func (p *pool) pause(w *worker, cost int) {
	if !p.polite {
		return
	}
	w.worked += cost
	if w.worked > yieldAfter {
		w.worked = 0
		runtime.Gosched()
	}
}

func (w *worker) unpark() {
	if w.parked.Load() && w.parked.CompareAndSwap(true, false) {
		w.wake <- struct{}{}
	}
}

// run is a worker's life.
func (p *pool) run(id int) {
	defer func() { p.done <- struct{}{} }()
	w := &p.workers[id-1]
	seen := uint32(0)
	for {
		for p.epoch.Load() == seen {
			if kernels.SpinWhileEqual(&p.epoch, seen) {
				continue
			}
			w.parked.Store(true)
			if p.epoch.Load() != seen && w.parked.CompareAndSwap(true, false) {
				break
			}
			<-w.wake
		}
		seen = p.epoch.Load()
		if p.closed.Load() {
			return
		}
		if !p.enter() {
			continue
		}
		p.work(id, w)
		if p.state.Add(^uint32(0)) == 0 { // the last one out, and the caller waits
			p.caller.unpark()
		}
	}
}

// enter takes part in the current job, unless it is over.
func (p *pool) enter() bool {
	for {
		s := p.state.Load()
		if s&open == 0 {
			return false
		}
		if p.state.CompareAndSwap(s, s+1) {
			return true
		}
	}
}

// close ends the workers.
func (p *pool) close() {
	if p.closed.Swap(true) {
		return
	}
	p.epoch.Add(1)
	for i := range p.workers {
		p.workers[i].unpark()
	}
	for range p.workers {
		<-p.done
	}
}
