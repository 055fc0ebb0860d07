package rcl

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// Node is one ROS 2 node.
type Node struct {
	ctx      *Context
	name     FullName
	args     Args
	endpoint Endpoint
	queue    Queue
	log      zerolog.Logger
	params   *params
	work     context.Context // ends with the node
	cancel   context.CancelFunc

	mu     sync.Mutex
	parts  []io.Closer
	closed atomic.Bool

	shutdown []restHook
	resting  atomic.Bool // beginShutdown ran
}

type restHook struct {
	begin  func()
	atRest func() bool
}

// FullName of the node.
func (n *Node) FullName() FullName { return n.name }

// Log is the node's logger.
func (n *Node) Log() *zerolog.Logger { return &n.log }

// Now is ROS time; see the package comment.
func (n *Node) Now() time.Time { return n.ctx.exec.Now() }

// Simulated says that time is the simulator's.
func (n *Node) Simulated() bool { return n.ctx.exec.Simulated() }

// Context ends when the node does.
func (n *Node) Context() context.Context { return n.work }

// Graph is what is known of all nodes now.
func (n *Node) Graph() Graph { return n.endpoint.Graph() }

// Post runs fn on the node's thread.
func (n *Node) Post(fn func()) { n.queue.Post(fn) }

// After runs fn on the node's thread when d has passed.
func (n *Node) After(d time.Duration, fn func()) (cancel func()) {
	return n.queue.At(n.Now().Add(d), fn)
}

// Background runs work off the node's thread, with a context that ends with the
// node; what it posts runs on the node's thread. In simulated time its posts
// fall due latency after now, or, when latency is negative, after as long as
// the work really took; on hardware latency is ignored.
func (n *Node) Background(latency time.Duration, work func(ctx context.Context, post func(func()))) {
	n.queue.Background(latency, func(post func(func())) { work(n.work, post) })
}

// Timer calls fn on the node's thread every period, at multiples of it from
// now: a late call does not move the later ones, and calls that were missed
// whole are counted and skipped.
func (n *Node) Timer(period time.Duration, fn func(now time.Time)) (*Timer, error) {
	if period <= 0 {
		return nil, fmt.Errorf("rcl: node %s: timer period %v must be positive", n.name, period)
	}
	t := &Timer{n: n, period: period, fn: fn, due: n.Now().Add(period)}
	n.keep(t)
	t.arm()
	return t, nil
}

// Timer calls a function periodically.
type Timer struct {
	n      *Node
	period time.Duration
	fn     func(time.Time)

	mu     sync.Mutex
	due    time.Time
	cancel func()
	closed bool
	missed uint64
}

func (t *Timer) arm() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.cancel = t.n.queue.At(t.due, t.fire)
	}
}

func (t *Timer) fire() {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return
	}
	now := t.n.Now()
	if now.Before(t.due) { // the simulator's clock stepped back
		t.due = now
	}
	t.due = t.due.Add(t.period)
	if late := now.Sub(t.due); late >= 0 {
		skip := late/t.period + 1
		t.missed += uint64(skip)
		t.due = t.due.Add(skip * t.period)
	}
	t.mu.Unlock()
	t.fn(now)
	t.arm()
}

// Missed is the number of calls that were skipped because the node was late.
func (t *Timer) Missed() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.missed
}

// Close ends the timer.
func (t *Timer) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.cancel != nil {
		t.cancel()
	}
	return nil
}

// OnShutdown has the node come to rest before it is closed in order: begin runs
// on the node's thread, then the node goes on running until atRest says true.
// A robot's base uses it to reach zero speed.
func (n *Node) OnShutdown(begin func(), atRest func() bool) {
	n.shutdown = append(n.shutdown, restHook{begin, atRest})
}

func (n *Node) beginShutdown() {
	for _, h := range n.shutdown {
		h.begin()
	}
	n.resting.Store(true)
}

func (n *Node) atRest() bool {
	if n.closed.Load() {
		return true
	}
	if !n.resting.Load() {
		return false
	}
	for _, h := range n.shutdown {
		if !h.atRest() {
			return false
		}
	}
	return true
}

// Kill takes the node out of the graph at once, as a crash would: no callback
// runs any more and nothing comes to rest first.
func (n *Node) Kill() {
	if n.closed.Swap(true) {
		return
	}
	n.queue.Close()
	n.cancel()
	n.mu.Lock()
	parts := n.parts
	n.parts = nil
	n.mu.Unlock()
	for _, p := range parts {
		_ = p.Close()
	}
	_ = n.endpoint.Close()
	n.ctx.remove(n)
}

// Closed says whether the node was killed or closed.
func (n *Node) Closed() bool { return n.closed.Load() }

// keep closes c with the node.
func (n *Node) keep(c io.Closer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.parts = append(n.parts, c)
}

// Keep closes c when the node ends: a bus, a camera, a policy.
func (n *Node) Keep(c io.Closer) { n.keep(c) }

// resolve expands and remaps a topic or service name.
func (n *Node) resolve(name string) (string, error) {
	full, err := n.name.Expand(name)
	if err != nil {
		return "", fmt.Errorf("rcl: node %s: %w", n.name, err)
	}
	full, err = n.args.remap(n.name, full)
	if err != nil {
		return "", fmt.Errorf("rcl: node %s: remapping %q: %w", n.name, name, err)
	}
	return full, nil
}
