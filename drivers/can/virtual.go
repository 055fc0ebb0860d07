package can

import (
	"errors"
	"fmt"
	"sync"
)

// Network is a set of virtual buses in this process, each made when its name is
// first used. It is an Opener: hand it to a node in place of System and the node
// talks to simulated firmware.
type Network struct {
	mu    sync.Mutex
	buses map[string]*VirtualBus
}

// NewNetwork returns a network without buses.
func NewNetwork() *Network { return &Network{buses: map[string]*VirtualBus{}} }

// Open attaches a new endpoint to the named bus. Endpoints hear each other and
// not themselves.
func (n *Network) Open(name string) (Bus, error) {
	if name == "" {
		return nil, errors.New("can: a virtual bus needs a name, e.g. can_left")
	}
	return &endpoint{bus: n.Bus(name)}, nil
}

// Bus returns the named bus, for a test that watches it or pulls its plug.
func (n *Network) Bus(name string) *VirtualBus {
	n.mu.Lock()
	defer n.mu.Unlock()
	b, ok := n.buses[name]
	if !ok {
		b = &VirtualBus{name: name}
		n.buses[name] = b
	}
	return b
}

// virtualQueue bounds the frames that callbacks may send while a frame is being
// delivered. Two callbacks that answer each other for ever fill it.
const virtualQueue = 4096

// VirtualBus is the wire between the endpoints of one name.
//
// Delivery is synchronous: Send returns after every listener has seen the frame.
// A frame sent from within a callback, or while another goroutine is delivering,
// waits its turn behind the frame on the wire, so that all listeners see one order.
type VirtualBus struct {
	name  string
	heard listeners

	mu         sync.Mutex
	queue      []packet
	next       int // queue[next:] wait, queue[:next] are delivered
	delivering bool

	state     State
	silent    bool
	sendError error
	dropNext  int
	keep      func(Frame) bool
	counters  Counters
}

// Counters of a virtual bus since it was made.
type Counters struct {
	Sent    uint64 // accepted by Send
	Dropped uint64 // accepted and then lost, because a test asked for it
	Refused uint64 // Send returned an error
}

type packet struct {
	from  *endpoint
	frame Frame
}

// SetState makes the controller report s. On BusOff and Down nothing is carried
// and Send says so; the other states carry frames.
func (b *VirtualBus) SetState(s State) {
	b.mu.Lock()
	b.state = s
	b.mu.Unlock()
}

// SetSilent makes the bus swallow every frame while Send goes on succeeding.
func (b *VirtualBus) SetSilent(silent bool) {
	b.mu.Lock()
	b.silent = silent
	b.mu.Unlock()
}

// SetSendError makes every Send fail with err, e.g. ErrBufferFull as when nobody
// acknowledges; nil ends it.
func (b *VirtualBus) SetSendError(err error) {
	b.mu.Lock()
	b.sendError = err
	b.mu.Unlock()
}

// DropNext loses the next n frames.
func (b *VirtualBus) DropNext(n int) {
	b.mu.Lock()
	b.dropNext = n
	b.mu.Unlock()
}

// SetFilter loses every frame for which keep is false; nil keeps all. keep must
// not use the bus.
func (b *VirtualBus) SetFilter(keep func(Frame) bool) {
	b.mu.Lock()
	b.keep = keep
	b.mu.Unlock()
}

// Counters returns a copy.
func (b *VirtualBus) Counters() Counters {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counters
}

// Tap calls fn for every frame on the wire, whoever sends it, until cancel returns.
func (b *VirtualBus) Tap(fn func(Frame)) (cancel func()) { return b.heard.add(nil, fn) }

func (b *VirtualBus) send(from *endpoint, f Frame) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.admit(from, f); err != nil {
		b.counters.Refused++
		return err
	}
	b.counters.Sent++
	if b.loses(f) {
		b.counters.Dropped++
		return nil
	}
	if len(b.queue) == cap(b.queue) {
		b.compact()
	}
	b.queue = append(b.queue, packet{from, f})
	if !b.delivering {
		b.deliver()
	}
	return nil
}

func (b *VirtualBus) admit(from *endpoint, f Frame) error {
	if err := f.Validate(); err != nil {
		return fmt.Errorf("%s: %w", b.name, err)
	}
	switch {
	case from.closed:
		return fmt.Errorf("%s: %w", b.name, ErrClosed)
	case b.state == BusOff:
		return fmt.Errorf("%s: %w", b.name, ErrBusOff)
	case b.state == Down:
		return fmt.Errorf("%s: %w", b.name, ErrDown)
	case b.sendError != nil:
		return fmt.Errorf("%s: %w", b.name, b.sendError)
	case len(b.queue)-b.next >= virtualQueue:
		return fmt.Errorf("%s: %w", b.name, ErrBufferFull)
	}
	return nil
}

func (b *VirtualBus) loses(f Frame) bool {
	if b.silent {
		return true
	}
	if b.dropNext > 0 {
		b.dropNext--
		return true
	}
	return b.keep != nil && !b.keep(f)
}

// deliver empties the queue; mu is held on entry and exit and free while
// callbacks run, also when one of them ends its goroutine.
func (b *VirtualBus) deliver() {
	b.delivering = true
	defer func() { b.delivering = false }()
	for b.next < len(b.queue) {
		p := b.queue[b.next]
		b.next++
		b.hand(p)
	}
	b.compact()
}

// compact gives the delivered part of the queue back.
func (b *VirtualBus) compact() {
	b.queue = b.queue[:copy(b.queue, b.queue[b.next:])]
	b.next = 0
}

func (b *VirtualBus) hand(p packet) {
	b.mu.Unlock()
	defer b.mu.Lock()
	for _, l := range b.heard.snapshot() {
		if l.owner == nil || l.owner != p.from {
			l.call(p.frame)
		}
	}
}

// endpoint is one end of a virtual bus. Its fields belong to the bus's lock.
type endpoint struct {
	bus    *VirtualBus
	closed bool
}

func (e *endpoint) Name() string       { return e.bus.name }
func (e *endpoint) Send(f Frame) error { return e.bus.send(e, f) }

func (e *endpoint) Listen(fn func(Frame)) (cancel func()) {
	e.bus.mu.Lock()
	closed := e.closed
	e.bus.mu.Unlock()
	if closed {
		return func() {}
	}
	return e.bus.heard.add(e, fn)
}

func (e *endpoint) State() State {
	e.bus.mu.Lock()
	defer e.bus.mu.Unlock()
	if e.closed {
		return Down
	}
	return e.bus.state
}

func (e *endpoint) Close() error {
	e.bus.mu.Lock()
	e.closed = true
	e.bus.mu.Unlock()
	e.bus.heard.stop(func(l *listener) bool { return l.owner == e })
	return nil
}
