package rcl

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// Lockstep is a discrete-event executor: one goroutine runs every callback of
// every node in order of (time due, order of asking), and time jumps to the
// next callback due. Nothing depends on how fast the machine is.
//
// The zero ROS time means "no time" to ROS nodes, so a simulation starts at 1 s.
type Lockstep struct {
	// Factor is simulated seconds per wall second at most; 0 runs as fast as it can.
	// Set it before Run.
	Factor float64

	mu     sync.Mutex
	wake   chan struct{} // buffered 1: something was queued from outside
	now    time.Time
	seq    uint64
	events eventHeap
	pace   struct {
		wall time.Time
		sim  time.Time
	}
}

// NewLockstep makes an executor that starts at start; the zero time means 1 s.
func NewLockstep(start time.Time) *Lockstep {
	if start.IsZero() {
		start = time.Unix(1, 0)
	}
	return &Lockstep{now: start, wake: make(chan struct{}, 1)}
}

type event struct {
	at    time.Time
	seq   uint64
	fn    func() // nil once cancelled or run
	index int
}

type eventHeap []*event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	if c := h[i].at.Compare(h[j].at); c != 0 {
		return c < 0
	}
	return h[i].seq < h[j].seq
}
func (h eventHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *eventHeap) Push(x any) { e := x.(*event); e.index = len(*h); *h = append(*h, e) }
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	e.index = -1
	return e
}

// Now implements Executor.
func (l *Lockstep) Now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// Simulated implements Executor.
func (l *Lockstep) Simulated() bool { return true }

// Close implements Executor.
func (l *Lockstep) Close() error { return nil }

func (l *Lockstep) add(at time.Time, fn func()) *event {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at.Before(l.now) {
		at = l.now
	}
	l.seq++
	e := &event{at: at, seq: l.seq, fn: fn}
	heap.Push(&l.events, e)
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return e
}

func (l *Lockstep) cancel(e *event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.fn = nil
	if e.index >= 0 && e.index < len(l.events) && l.events[e.index] == e {
		heap.Remove(&l.events, e.index)
	}
}

// Run implements Executor: it runs callbacks in order until ctx ends or cond holds.
func (l *Lockstep) Run(ctx context.Context, cond func() bool) error {
	l.pace.wall, l.pace.sim = time.Now(), l.Now()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if cond != nil && cond() {
			return nil
		}
		at, ok := l.next()
		if !ok || !l.due(at) {
			if err := l.sleep(ctx, at, ok); err != nil {
				return err
			}
			continue
		}
		if fn := l.pop(at); fn != nil {
			fn()
		}
	}
}

func (l *Lockstep) next() (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.events) == 0 {
		return time.Time{}, false
	}
	return l.events[0].at, true
}

// pop takes the first event, which is due at or before the time asked about, and sets the clock to it.
func (l *Lockstep) pop(time.Time) func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.events) == 0 {
		return nil
	}
	e := heap.Pop(&l.events).(*event)
	if e.at.After(l.now) {
		l.now = e.at
	}
	fn := e.fn
	e.fn = nil
	return fn
}

// due says whether the wall clock allows simulated time at.
func (l *Lockstep) due(at time.Time) bool { return l.wait(at) <= 0 }

func (l *Lockstep) wait(at time.Time) time.Duration {
	if l.Factor <= 0 {
		return 0
	}
	wall := time.Duration(float64(at.Sub(l.pace.sim)) / l.Factor)
	return wall - time.Since(l.pace.wall)
}

func (l *Lockstep) sleep(ctx context.Context, at time.Time, has bool) error {
	d := time.Hour
	if has {
		d = l.wait(at)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-l.wake:
	case <-t.C:
	}
	return nil
}

// Queue implements Executor.
func (l *Lockstep) Queue(string) Queue { return &lockstepQueue{l: l} }

type lockstepQueue struct {
	l      *Lockstep
	mu     sync.Mutex
	closed bool
}

func (q *lockstepQueue) guard(fn func()) func() {
	return func() {
		q.mu.Lock()
		closed := q.closed
		q.mu.Unlock()
		if !closed {
			fn()
		}
	}
}

func (q *lockstepQueue) Post(fn func()) { q.l.add(q.l.Now(), q.guard(fn)) }

func (q *lockstepQueue) At(t time.Time, fn func()) func() {
	e := q.l.add(t, q.guard(fn))
	return func() { q.l.cancel(e) }
}

func (q *lockstepQueue) Background(latency time.Duration, work func(post func(func()))) {
	q.Post(func() {
		start, wall := q.l.Now(), time.Now()
		work(func(fn func()) {
			took := latency
			if latency < 0 {
				took = time.Since(wall)
			}
			q.l.add(start.Add(took), q.guard(fn))
		})
	})
}

func (q *lockstepQueue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}
