package rcl

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Lockstep is a discrete-event executor: one goroutine runs every callback of
// every node in order of (time due, order of asking), and time jumps to the
// next callback due. Nothing depends on how fast the machine is.
//
// The zero ROS time means "no time" to ROS nodes, so a simulation starts at 1 s.
type Lockstep struct {
	// Factor is simulated seconds per wall second at most; 0 runs as fast as it can.
	// Time that a slow machine lost is not made up for: to those who watch from other
	// processes a burst would look like silence. Set it before Run.
	Factor float64

	mu     sync.Mutex
	wake   chan struct{} // buffered 1: something was queued from outside
	now    time.Time
	events events
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
	e := l.events.add(at, fn)
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return e
}

func (l *Lockstep) cancel(e *event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events.cancel(e)
}

// ClockAge implements Executor.
func (l *Lockstep) ClockAge() time.Duration { return 0 }

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
		fn, wait := l.take()
		if fn != nil {
			fn()
			continue
		}
		if err := l.sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// take returns the next callback and sets the clock to it, or says how long to
// wait by the wall until there may be one.
func (l *Lockstep) take() (fn func(), wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.events.first()
	if !ok {
		return nil, time.Hour
	}
	if wait := l.early(at); wait > 0 {
		return nil, wait
	}
	e := l.events.pop()
	if e.at.After(l.now) {
		l.now = e.at
	}
	return e.take(), 0
}

// early says how long the wall clock must go on before simulated time at.
func (l *Lockstep) early(at time.Time) time.Duration {
	if l.Factor <= 0 {
		return 0
	}
	wait := time.Duration(float64(at.Sub(l.pace.sim))/l.Factor) - time.Since(l.pace.wall)
	const behind = 5 * time.Millisecond
	if wait < -behind {
		l.pace.wall, l.pace.sim = time.Now(), at
	}
	return wait
}

func (l *Lockstep) sleep(ctx context.Context, d time.Duration) error {
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
func (l *Lockstep) Queue() Queue { return &lockstepQueue{l: l} }

type lockstepQueue struct {
	l      *Lockstep
	closed atomic.Bool
}

func (q *lockstepQueue) guard(fn func()) func() {
	return func() {
		if !q.closed.Load() {
			fn()
		}
	}
}

// Start implements Queue: nothing runs while a node is made, since all runs on one goroutine.
func (q *lockstepQueue) Start() {}

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
			q.At(start.Add(took), fn)
		})
	})
}

func (q *lockstepQueue) Close(last func()) {
	if q.closed.Swap(true) {
		return
	}
	last()
}
