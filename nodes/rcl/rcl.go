// Package rcl is the suite's seam to ROS: nodes, publishers, subscriptions,
// services, timers, parameters, names and clocks, with ROS 2's rules and
// without ROS 2. What moves the messages is a Transport (rcl/intra in process,
// rcl/ros2 and rcl/dds between processes); what runs the callbacks, and what
// time it is, is an Executor (RealTime, ClockTopic or Lockstep).
//
// # Threads
//
// All callbacks of one node run one at a time, in the order they fell due, as
// in a ROS 2 node with one mutually exclusive callback group: a node needs no
// lock for its own state. None runs before Context.Run, so a node is whole when
// its first callback comes; to a context that runs already, add nodes with
// Context.Add. Long work goes to Node.Background, a device's reader to Node.Go.
// Publishing is allowed from anywhere.
//
// # Time
//
// Node.Now is ROS time, and on hardware its value also carries the steady
// clock, so that differences and timers never jump with the wall clock. In
// simulation both are the simulator's. Under Lockstep, time advances only when
// every callback and timer due has finished: the same inputs give the same run.
package rcl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Errors that callers may want to tell apart.
var (
	// ErrClosed: the node, context or transport was closed.
	ErrClosed = errors.New("rcl: closed")
	// ErrInvalidName: a node, topic, service or namespace breaks ROS 2's naming rules.
	ErrInvalidName = errors.New("rcl: invalid name")
	// ErrNoService: nobody serves the service that was called.
	ErrNoService = errors.New("rcl: no such service")
	// ErrTimeout: a service did not answer in time.
	ErrTimeout = errors.New("rcl: no answer in time")
	// ErrParameter: a parameter is unknown, of the wrong type, out of range or read-only.
	ErrParameter = errors.New("rcl: parameter")
)

// Context is one participant: the nodes of a process that share a transport and an executor.
type Context struct {
	transport Transport
	exec      Executor
	log       zerolog.Logger
	logOutput io.Writer // nil: nodes don't publish /rosout

	mu      sync.Mutex
	nodes   []*Node
	running bool // Run was called: nodes start at once
	closed  bool
}

// Options of a Context.
type Options struct {
	// Transport moves the messages; the context closes it.
	Transport Transport
	// Executor runs the callbacks.
	Executor Executor
	// Log receives the nodes' log lines; default: discard.
	Log *zerolog.Logger
	// LogOutput is where Log writes. With it the nodes write their lines there and
	// publish them on /rosout, as ROS 2's do; default: nothing is published.
	LogOutput io.Writer
}

// New makes a context.
func New(o Options) *Context {
	log := zerolog.Nop()
	if o.Log != nil {
		log = *o.Log
	}
	return &Context{transport: o.Transport, exec: o.Executor, log: log, logOutput: o.LogOutput}
}

// Now is the executor's time.
func (c *Context) Now() time.Time { return c.exec.Now() }

// Executor that runs the callbacks.
func (c *Context) Executor() Executor { return c.exec }

// Nodes lists the open nodes in the order they were made.
func (c *Context) Nodes() []*Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.nodes)
}

// Node makes a node. args hold what the command line or a launch file says of
// it: a remapped name or namespace, remapped topics, parameters. Its callbacks
// run from Run on; in a context that runs already, at once: use Add there.
func (c *Context) Node(name string, args Args) (*Node, error) {
	return c.Add(name, args, func(*Node) error { return nil })
}

// Add makes a node and has build make it whole before its first callback runs.
// When build fails the node is killed.
func (c *Context) Add(name string, args Args, build func(*Node) error) (*Node, error) {
	n, err := c.newNode(name, args)
	if err != nil {
		return nil, err
	}
	if err := build(n); err != nil {
		n.Kill()
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n.built = true
	if c.running {
		n.start()
	}
	return n, nil
}

func (c *Context) newNode(name string, args Args) (*Node, error) {
	full, err := args.nodeName(name)
	if err != nil {
		return nil, err
	}
	n, err := c.register(full, args)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(n.publishLog(), n.params.attach(n)); err != nil {
		n.Kill()
		return nil, fmt.Errorf("rcl: node %s: %w", full, err)
	}
	return n, nil
}

func (c *Context) register(full FullName, args Args) (*Node, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, fmt.Errorf("%w: context", ErrClosed)
	}
	for _, n := range c.nodes {
		if n.name == full {
			return nil, fmt.Errorf("rcl: node %s exists already: give one another name (-r __node:=…) or namespace (-r __ns:=…)", full)
		}
	}
	ep, err := c.transport.Node(full)
	if err != nil {
		return nil, fmt.Errorf("rcl: node %s: %w", full, err)
	}
	log := c.log.With().Str("node", full.String()).Logger()
	if level, ok := args.logLevel(full); ok {
		log = log.Level(level)
	}
	n := &Node{
		ctx: c, name: full, args: args, endpoint: ep, log: log,
		queue: c.exec.Queue(), params: newParams(), done: make(chan struct{}),
	}
	n.work, n.cancel = context.WithCancel(context.Background())
	c.nodes = append(c.nodes, n)
	return n, nil
}

// Run runs the nodes' callbacks until ctx ends.
func (c *Context) Run(ctx context.Context) error { return c.RunUntil(ctx, nil) }

// RunUntil runs the nodes' callbacks until cond says so. Under Lockstep cond is
// asked between callbacks; in real time it is asked from this goroutine while
// callbacks run, and must not read what they write.
func (c *Context) RunUntil(ctx context.Context, cond func() bool) error {
	c.start()
	return c.exec.Run(ctx, cond)
}

func (c *Context) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = true
	for _, n := range c.nodes {
		if n.built {
			n.start()
		}
	}
}

// Shutdown lets every node come to rest (OnShutdown), for at most limit of its
// own time, and closes them all; in a context that never ran there is nothing to
// come to rest, and where /clock has fallen silent nothing can. The executor must
// not be running elsewhere.
func (c *Context) Shutdown(limit time.Duration) error {
	err := c.rest(limit)
	for _, n := range slices.Backward(c.Nodes()) {
		if n.moving() {
			n.log.Warn().Msg("closed before it came to rest")
		}
		n.Kill()
	}
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	return errors.Join(err, c.transport.Close(), c.exec.Close())
}

func (c *Context) rest(limit time.Duration) error {
	nodes := c.Nodes()
	if !slices.ContainsFunc(nodes, (*Node).moving) {
		return nil
	}
	for _, n := range nodes {
		n.Post(n.beginShutdown)
	}
	begin, deadline := time.Now(), c.Now().Add(limit)
	// A simulator that was ended with this process says no more time.
	const silence = 250 * time.Millisecond
	silent := func() bool { return c.exec.ClockAge() > silence && time.Since(begin) > silence }
	// Simulated time may be slower than the wall's, or stand still.
	ctx, cancel := context.WithTimeout(context.Background(), max(5*limit, time.Second))
	defer cancel()
	err := c.exec.Run(ctx, func() bool {
		return c.Now().After(deadline) || silent() || !slices.ContainsFunc(nodes, (*Node).moving)
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

func (c *Context) remove(n *Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes = slices.DeleteFunc(c.nodes, func(m *Node) bool { return m == n })
}
