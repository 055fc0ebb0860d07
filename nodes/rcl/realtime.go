package rcl

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// RealTime runs each node's callbacks on a goroutine of its own, by the wall
// and steady clocks; or, made by ClockTopic, by the stamps of /clock.
type RealTime struct {
	clock *topicClock // nil: the machine's clocks

	mu     sync.Mutex
	queues []*realQueue
	closed bool
}

// NewRealTime makes the executor of a robot: ROS time is the machine's.
func NewRealTime() *RealTime { return &RealTime{} }

// NewClockTopic makes the executor of a process beside a simulator
// (use_sim_time): time stands still until SetClock is called with each stamp
// that arrives on /clock.
func NewClockTopic() *RealTime { return &RealTime{clock: &topicClock{now: time.Unix(0, 0)}} }

// Now implements Executor.
func (r *RealTime) Now() time.Time {
	if r.clock != nil {
		return r.clock.Now()
	}
	return time.Now()
}

// Simulated implements Executor.
func (r *RealTime) Simulated() bool { return r.clock != nil }

// SetClock advances simulated time; a step back restarts the timers from there.
func (r *RealTime) SetClock(t time.Time) {
	if r.clock != nil {
		r.clock.set(t)
	}
}

// ClockAge is how long ago, by the wall, /clock last spoke; 0 on hardware.
func (r *RealTime) ClockAge() time.Duration {
	if r.clock == nil {
		return 0
	}
	return r.clock.age()
}

// Run implements Executor: callbacks run by themselves, so it waits.
func (r *RealTime) Run(ctx context.Context, cond func() bool) error {
	if cond == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// Close implements Executor: it ends every queue's goroutine and waits for them.
func (r *RealTime) Close() error {
	r.mu.Lock()
	qs := r.queues
	r.queues, r.closed = nil, true
	r.mu.Unlock()
	for _, q := range qs {
		q.Close()
	}
	for _, q := range qs {
		q.tasks.Wait()
	}
	return nil
}

// Queue implements Executor.
func (r *RealTime) Queue(string) Queue {
	q := &realQueue{clock: r.clock, wake: make(chan struct{}, 1), done: make(chan struct{})}
	r.mu.Lock()
	closed := r.closed
	r.queues = append(r.queues, q)
	r.mu.Unlock()
	if closed {
		q.Close()
		return q
	}
	q.tasks.Go(q.run)
	return q
}

// realQueue is one goroutine that runs posted callbacks in order and timers when due.
type realQueue struct {
	clock *topicClock
	wake  chan struct{} // buffered 1
	done  chan struct{}
	tasks sync.WaitGroup // the goroutine, and background work

	mu     sync.Mutex
	posted []func()
	timers eventHeap
	seq    uint64
	closed bool
}

func (q *realQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *realQueue) Post(fn func()) {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return
	}
	q.posted = append(q.posted, fn)
	q.mu.Unlock()
	q.signal()
}

func (q *realQueue) At(t time.Time, fn func()) func() {
	if q.clock != nil {
		return q.clock.at(t, func() { q.Post(fn) })
	}
	q.mu.Lock()
	q.seq++
	e := &event{at: t, seq: q.seq, fn: fn}
	heap.Push(&q.timers, e)
	q.mu.Unlock()
	q.signal()
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		e.fn = nil
		if e.index >= 0 && e.index < len(q.timers) && q.timers[e.index] == e {
			heap.Remove(&q.timers, e.index)
		}
	}
}

func (q *realQueue) Background(_ time.Duration, work func(post func(func()))) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.tasks.Go(func() { work(q.Post) })
}

func (q *realQueue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		q.posted, q.timers = nil, nil
		close(q.done)
	}
}

func (q *realQueue) run() {
	sleep := time.NewTimer(time.Hour)
	defer sleep.Stop()
	for {
		fn, wait := q.next()
		if fn != nil {
			fn()
			continue
		}
		sleep.Reset(wait)
		select {
		case <-q.done:
			return
		case <-q.wake:
		case <-sleep.C:
		}
	}
}

// next returns a callback that is due, timers first since they are late already, or how long to wait.
func (q *realQueue) next() (func(), time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	wait := time.Hour
	if len(q.timers) > 0 {
		wait = time.Until(q.timers[0].at)
		if wait <= 0 {
			e := heap.Pop(&q.timers).(*event)
			fn := e.fn
			e.fn = nil
			return fn, 0
		}
	}
	if len(q.posted) > 0 {
		fn := q.posted[0]
		q.posted[0] = nil
		q.posted = q.posted[1:]
		return fn, 0
	}
	return nil, wait
}

// topicClock is time as /clock tells it.
type topicClock struct {
	mu     sync.Mutex
	now    time.Time
	heard  time.Time // wall
	seq    uint64
	timers eventHeap
}

func (c *topicClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *topicClock) age() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.heard.IsZero() {
		return time.Duration(1<<63 - 1)
	}
	return time.Since(c.heard)
}

func (c *topicClock) at(t time.Time, fn func()) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	e := &event{at: t, seq: c.seq, fn: fn}
	heap.Push(&c.timers, e)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		e.fn = nil
		if e.index >= 0 && e.index < len(c.timers) && c.timers[e.index] == e {
			heap.Remove(&c.timers, e.index)
		}
	}
}

func (c *topicClock) set(t time.Time) {
	c.mu.Lock()
	if t.Before(c.now) { // the simulator restarted: what waited for the old future is due now
		for _, e := range c.timers {
			e.at = t
		}
		heap.Init(&c.timers)
	}
	c.now, c.heard = t, time.Now()
	var due []func()
	for len(c.timers) > 0 && !c.timers[0].at.After(t) {
		if e := heap.Pop(&c.timers).(*event); e.fn != nil {
			due = append(due, e.fn)
		}
	}
	c.mu.Unlock()
	for _, fn := range due {
		fn()
	}
}
