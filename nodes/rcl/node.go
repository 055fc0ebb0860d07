package rcl

import (
	"context"
	"fmt"
	"io"
	"slices"
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
	parts  []io.Closer // of ours: closed when the node ends
	kept   []io.Closer // Keep: closed when its last callback has ended
	closed atomic.Bool
	tasks  sync.WaitGroup // Go
	done   chan struct{}

	built    bool // by Context.mu: its maker is done with it
	started  atomic.Bool
	shutdown []restHook
	rested   atomic.Bool
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

// Go runs work on a goroutine of its own that ends when its context, the node's,
// does: the reader of a device. It reaches the node's thread by Post.
func (n *Node) Go(work func(ctx context.Context)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed.Load() {
		n.tasks.Go(func() { work(n.work) })
	}
}

// Timer calls fn on the node's thread every period, at multiples of it from
// now: a late call does not move the later ones, and calls that were missed
// whole are counted and skipped.
func (n *Node) Timer(period time.Duration, fn func(now time.Time)) (*Timer, error) {
	if period <= 0 {
		return nil, fmt.Errorf("rcl: node %s: timer period %v must be positive", n.name, period)
	}
	now := n.Now()
	t := &Timer{n: n, period: period, fn: fn, due: now.Add(period), unset: now.Equal(noTime)}
	if err := n.keep(t); err != nil {
		return nil, err
	}
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
	unset  bool // made before the first /clock
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
	if t.unset || now.Before(t.due) { // the simulator's clock began, or stepped back
		t.due, t.unset = now, false
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
	t.n.drop(t)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.cancel != nil {
		t.cancel()
	}
	return nil
}

// OnShutdown has the node come to rest before it is closed in order: begin runs
// on the node's thread, then the node goes on running until atRest, asked there,
// says true. A robot's base uses it to reach zero speed.
func (n *Node) OnShutdown(begin func(), atRest func() bool) {
	n.shutdown = append(n.shutdown, restHook{begin, atRest})
}

func (n *Node) beginShutdown() {
	for _, h := range n.shutdown {
		h.begin()
	}
	n.awaitRest()
}

// awaitRest asks the node's hooks on its thread, where their state lives.
func (n *Node) awaitRest() {
	for _, h := range n.shutdown {
		if !h.atRest() {
			n.After(5*time.Millisecond, n.awaitRest)
			return
		}
	}
	n.rested.Store(true)
}

// moving says that the node has callbacks running and has not come to rest.
func (n *Node) moving() bool { return n.started.Load() && !n.closed.Load() && !n.rested.Load() }

func (n *Node) start() {
	n.started.Store(true)
	n.queue.Start()
}

// Kill takes the node out of the graph at once, as a crash would: nothing comes
// to rest first, no callback begins after it, and what the node kept is closed
// as soon as the callback under way has ended; Done tells. The work of Go does
// not call it.
func (n *Node) Kill() {
	n.mu.Lock()
	if n.closed.Swap(true) {
		n.mu.Unlock()
		return
	}
	parts := n.parts
	n.parts = nil
	n.mu.Unlock()
	n.cancel()
	_ = n.endpoint.Close() // before the parts: a transport says goodbye once, not part by part
	for _, p := range parts {
		_ = p.Close()
	}
	n.ctx.remove(n)
	n.queue.Close(n.finish)
}

// finish runs when nothing of the node runs any more.
func (n *Node) finish() {
	n.tasks.Wait()
	n.mu.Lock()
	kept := n.kept
	n.kept = nil
	n.mu.Unlock()
	for _, c := range slices.Backward(kept) {
		if err := c.Close(); err != nil {
			n.log.Warn().Err(err).Msg("closing")
		}
	}
	close(n.done)
}

// Closed says whether the node was killed or closed.
func (n *Node) Closed() bool { return n.closed.Load() }

// Done is closed when nothing of a killed node runs any more and what it kept is
// closed: from then on another may open the same devices.
func (n *Node) Done() <-chan struct{} { return n.done }

// Keep closes c when the node has ended, after its last callback, the latest
// kept first: a bus, a camera, a policy.
func (n *Node) Keep(c io.Closer) {
	n.mu.Lock()
	closed := n.closed.Load()
	if !closed {
		n.kept = append(n.kept, c)
	}
	n.mu.Unlock()
	if closed {
		_ = c.Close()
	}
}

// keep closes a part of the node with it; on an error, that the node has ended, it is closed already.
func (n *Node) keep(c io.Closer) error {
	n.mu.Lock()
	closed := n.closed.Load()
	if !closed {
		n.parts = append(n.parts, c)
	}
	n.mu.Unlock()
	if closed {
		_ = c.Close()
		return fmt.Errorf("%w: node %s", ErrClosed, n.name)
	}
	return nil
}

// drop forgets a part that closes by itself.
func (n *Node) drop(c io.Closer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.parts = slices.DeleteFunc(n.parts, func(x io.Closer) bool { return x == c })
}

// resolve expands and remaps a topic or service name.
func (n *Node) resolve(name string, kind RemapKind) (string, error) {
	full, err := n.name.Expand(name)
	if err != nil {
		return "", fmt.Errorf("rcl: node %s: %w", n.name, err)
	}
	full, err = n.args.remap(n.name, full, kind)
	if err != nil {
		return "", fmt.Errorf("rcl: node %s: remapping %q: %w", n.name, name, err)
	}
	return full, nil
}
