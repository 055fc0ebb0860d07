package rcl

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"cobot_vla/msgs"
)

// RealTime runs each node's callbacks on a goroutine of its own, by the wall
// and steady clocks; or, made by NewClockTopic, by the stamps of /clock.
type RealTime struct {
	clock *topicClock // nil: the machine's clocks

	tasks  sync.WaitGroup // the queues' goroutines
	mu     sync.Mutex
	queues map[*realQueue]struct{} // that run
	closed bool
}

// NewRealTime makes the executor of a robot: ROS time is the machine's.
func NewRealTime() *RealTime { return &RealTime{queues: map[*realQueue]struct{}{}} }

// NewClockTopic makes the executor of a process beside a simulator
// (use_sim_time): time stands still until Follow's node hears /clock.
func NewClockTopic() *RealTime {
	r := NewRealTime()
	r.clock = &topicClock{now: noTime}
	return r
}

// noTime is ROS 2's "no time": what the clock says before the first /clock.
var noTime = time.Unix(0, 0)

// Follow has node n move the executor's time by what it hears on /clock.
func (r *RealTime) Follow(n *Node) error {
	_, err := Subscribe(n, "/clock", NewestSensor, func(m *msgs.Clock, _ Info) { r.SetClock(m.Clock.Go()) })
	return err
}

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

// ClockAge implements Executor: /clock's.
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

// Close implements Executor.
func (r *RealTime) Close() error {
	r.mu.Lock()
	r.closed = true
	for q := range r.queues {
		q.stop(nil)
	}
	r.mu.Unlock()
	r.tasks.Wait()
	return nil
}

// Queue implements Executor.
func (r *RealTime) Queue() Queue {
	q := &realQueue{clock: r.clock, begin: make(chan struct{}), wake: make(chan struct{}, 1), done: make(chan struct{})}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		q.stop(nil)
		return q
	}
	r.queues[q] = struct{}{}
	r.tasks.Go(func() {
		q.run()
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.queues, q)
	})
	return q
}

// realQueue is one goroutine that runs callbacks in the order they fell due.
type realQueue struct {
	clock *topicClock
	begin chan struct{} // closed by Start
	wake  chan struct{} // buffered 1
	done  chan struct{} // closed by stop
	start sync.Once
	work  sync.WaitGroup // in the background

	mu     sync.Mutex
	posted []post
	timers events // by the steady clock; with /clock they wait there
	closed bool
	last   func()
	thread thread // of an urgent queue; nil otherwise
}

// post is a callback and since when it is due.
type post struct {
	at time.Time
	fn func()
}

func (q *realQueue) Start() { q.start.Do(func() { close(q.begin) }) }

// signal wakes the loop; mu is held.
func (q *realQueue) signal() {
	if q.thread != nil {
		q.thread.wake()
		return
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *realQueue) Post(fn func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.posted = append(q.posted, post{time.Now(), fn})
		q.signal()
	}
}

func (q *realQueue) At(t time.Time, fn func()) func() {
	if q.clock != nil {
		return q.clock.at(t, q.Post, fn)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return func() {}
	}
	e := q.timers.add(t, fn)
	q.signal()
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.timers.cancel(e)
	}
}

func (q *realQueue) Background(latency time.Duration, work func(post func(func()))) {
	post := q.Post
	if q.clock != nil && latency > 0 {
		due := q.clock.Now().Add(latency)
		post = func(fn func()) { q.At(due, fn) }
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.work.Go(func() { work(post) })
	}
}

func (q *realQueue) Close(last func()) { q.stop(last) }

// stop ends the goroutine, which then runs last.
func (q *realQueue) stop(last func()) {
	q.mu.Lock()
	already := q.closed
	if !already {
		q.closed, q.last = true, last
		q.posted, q.timers = nil, events{}
		close(q.done)
		q.signal()
	}
	q.mu.Unlock()
	if already && last != nil { // the executor was closed before the node
		q.work.Wait()
		last()
	}
}

func (q *realQueue) run() {
	select {
	case <-q.begin:
		q.loop()
	case <-q.done:
	}
	q.work.Wait()
	if q.last != nil {
		q.last()
	}
}

func (q *realQueue) loop() {
	sleep := time.NewTimer(time.Hour)
	defer sleep.Stop()
	defer q.relax()
	for {
		fn, wait := q.next()
		if fn != nil {
			fn()
			continue
		}
		if t := q.own(); t != nil {
			select {
			case <-q.done:
				return
			default:
				t.sleep(int64(wait))
			}
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

// own is the thread of an urgent queue, or nil.
func (q *realQueue) own() thread {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.thread
}

// next returns the callback that fell due first, or how long to wait. A timer
// that is always late can't keep messages from being heard.
func (q *realQueue) next() (func(), time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	at, timed := q.timers.first()
	if len(q.posted) > 0 && !(timed && at.Before(q.posted[0].at)) {
		fn := q.posted[0].fn
		q.posted[0] = post{}
		q.posted = q.posted[1:]
		return fn, 0
	}
	if !timed {
		return nil, time.Hour
	}
	if wait := time.Until(at); wait > 0 {
		return nil, wait
	}
	return q.timers.pop().take(), 0
}

// topicClock is time as /clock tells it.
type topicClock struct {
	mu     sync.Mutex
	now    time.Time
	heard  time.Time // wall
	timers events
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

// at posts fn when the clock reaches t.
func (c *topicClock) at(t time.Time, post func(func()), fn func()) (cancel func()) {
	var cancelled atomic.Bool // also while it waits for its turn, after t
	fire := func() {
		post(func() {
			if !cancelled.Load() {
				fn()
			}
		})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !t.After(c.now) {
		fire()
		return func() { cancelled.Store(true) }
	}
	e := c.timers.add(t, fire)
	return func() {
		cancelled.Store(true)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.timers.cancel(e)
	}
}

func (c *topicClock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.Before(c.now) { // the simulator restarted: what waited for the old future is due now
		c.timers.bringForward(t)
	}
	c.now, c.heard = t, time.Now()
	for {
		at, ok := c.timers.first()
		if !ok || at.After(t) {
			return
		}
		c.timers.pop().take()()
	}
}
