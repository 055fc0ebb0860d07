// Package intra is the transport inside one process: a message travels as a
// pointer, an image is handed over and not copied. It needs nothing, so it is
// the default, and it obeys ROS 2's rules for names, types and quality of
// service, so that what runs on it also runs on ROS 2.
package intra

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// Transport is a graph of nodes in this process.
type Transport struct {
	mu       sync.Mutex
	closed   bool
	nodes    []*endpoint
	topics   map[string]*topic
	services map[string]*server
	ids      int
}

// New makes an empty graph.
func New() *Transport {
	return &Transport{topics: map[string]*topic{}, services: map[string]*server{}}
}

type topic struct {
	typeName string
	writers  []*writer
	readers  []*reader
}

type endpoint struct {
	t     *Transport
	name  rcl.FullName
	parts []io.Closer
}

type writer struct {
	e     *endpoint
	topic *topic
	qos   rcl.QoS
	id    string

	pub  sync.Mutex // one publish at a time: sequence and order agree
	seq  uint64
	kept []rcl.Sample // transient local: the last Depth samples
}

type reader struct {
	e       *endpoint
	topic   *topic
	qos     rcl.QoS
	deliver func(rcl.Sample)

	mu     sync.Mutex // held while delivering: nothing is delivered once Close has returned
	closed bool
}

type server struct {
	e        *endpoint
	typeName string
	handle   func([]byte, func([]byte))
}

type caller struct {
	t       *Transport
	service string
	mu      sync.Mutex
	closed  bool
}

// Node implements rcl.Transport.
func (t *Transport) Node(name rcl.FullName) (rcl.Endpoint, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, rcl.ErrClosed
	}
	e := &endpoint{t: t, name: name}
	t.nodes = append(t.nodes, e)
	return e, nil
}

// Close implements rcl.Transport.
func (t *Transport) Close() error {
	t.mu.Lock()
	nodes := slices.Clone(t.nodes)
	t.closed = true
	t.mu.Unlock()
	for _, e := range nodes {
		_ = e.Close()
	}
	return nil
}

func (t *Transport) topic(name, typeName string) (*topic, error) {
	if t.closed {
		return nil, rcl.ErrClosed
	}
	tp := t.topics[name]
	if tp == nil {
		tp = &topic{typeName: typeName}
		t.topics[name] = tp
	}
	if tp.typeName != typeName {
		if len(tp.writers)+len(tp.readers) > 0 {
			return nil, fmt.Errorf("topic %s carries %s, not %s: remap one of them", name, tp.typeName, typeName)
		}
		tp.typeName = typeName
	}
	return tp, nil
}

// Advertise implements rcl.Endpoint.
func (e *endpoint) Advertise(name, typeName string, qos rcl.QoS) (rcl.Writer, error) {
	e.t.mu.Lock()
	defer e.t.mu.Unlock()
	tp, err := e.t.topic(name, typeName)
	if err != nil {
		return nil, err
	}
	e.t.ids++
	w := &writer{e: e, topic: tp, qos: qos, id: fmt.Sprintf("%s#%d", e.name, e.t.ids)}
	tp.writers = append(tp.writers, w)
	e.parts = append(e.parts, w)
	return w, nil
}

// Subscribe implements rcl.Endpoint.
func (e *endpoint) Subscribe(name, typeName string, qos rcl.QoS, deliver func(rcl.Sample)) (io.Closer, error) {
	e.t.mu.Lock()
	tp, err := e.t.topic(name, typeName)
	if err != nil {
		e.t.mu.Unlock()
		return nil, err
	}
	r := &reader{e: e, topic: tp, qos: qos, deliver: deliver}
	e.parts = append(e.parts, r)
	writers := slices.Clone(tp.writers)
	if qos.Durability != rcl.TransientLocal {
		tp.readers = append(tp.readers, r)
		e.t.mu.Unlock()
		return r, nil
	}
	e.t.mu.Unlock()
	// Kept samples first, then live ones: each writer is held still while the reader joins it.
	for _, w := range writers {
		w.pub.Lock()
	}
	for _, w := range writers {
		if ok, _ := w.qos.Compatible(qos); ok {
			for _, s := range w.kept {
				r.give(s)
			}
		}
	}
	e.t.mu.Lock()
	tp.readers = append(tp.readers, r)
	e.t.mu.Unlock()
	for _, w := range writers {
		w.pub.Unlock()
	}
	return r, nil
}

// Publish implements rcl.Writer.
func (w *writer) Publish(m msgs.Message) error {
	w.pub.Lock()
	defer w.pub.Unlock()
	w.e.t.mu.Lock()
	if !slices.Contains(w.topic.writers, w) {
		w.e.t.mu.Unlock()
		return rcl.ErrClosed
	}
	readers := slices.Clone(w.topic.readers)
	w.e.t.mu.Unlock()
	w.seq++
	s := rcl.Sample{Message: m, Publisher: w.id, Sequence: w.seq}
	if w.qos.Durability == rcl.TransientLocal {
		depth := w.qos.Depth
		if depth <= 0 {
			depth = rcl.Default.Depth
		}
		w.kept = append(w.kept, s)
		if len(w.kept) > depth {
			w.kept = slices.Delete(w.kept, 0, 1)
		}
	}
	for _, r := range readers {
		if ok, _ := w.qos.Compatible(r.qos); ok {
			r.give(s)
		}
	}
	return nil
}

func (r *reader) give(s rcl.Sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.deliver(s)
	}
}

// Matched implements rcl.Writer.
func (w *writer) Matched() int {
	w.e.t.mu.Lock()
	defer w.e.t.mu.Unlock()
	n := 0
	for _, r := range w.topic.readers {
		if ok, _ := w.qos.Compatible(r.qos); ok {
			n++
		}
	}
	return n
}

// Close implements rcl.Writer.
func (w *writer) Close() error {
	w.e.t.mu.Lock()
	defer w.e.t.mu.Unlock()
	w.topic.writers = slices.DeleteFunc(w.topic.writers, func(x *writer) bool { return x == w })
	return nil
}

// Close ends a subscription.
func (r *reader) Close() error {
	r.e.t.mu.Lock()
	r.topic.readers = slices.DeleteFunc(r.topic.readers, func(x *reader) bool { return x == r })
	r.e.t.mu.Unlock()
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	return nil
}

// Serve implements rcl.Endpoint.
func (e *endpoint) Serve(name, typeName string, handle func([]byte, func([]byte))) (io.Closer, error) {
	e.t.mu.Lock()
	defer e.t.mu.Unlock()
	if e.t.closed {
		return nil, rcl.ErrClosed
	}
	if s := e.t.services[name]; s != nil {
		return nil, fmt.Errorf("service %s is served by %s already", name, s.e.name)
	}
	s := &server{e: e, typeName: typeName, handle: handle}
	e.t.services[name] = s
	c := closer(func() error {
		e.t.mu.Lock()
		defer e.t.mu.Unlock()
		if e.t.services[name] == s {
			delete(e.t.services, name)
		}
		return nil
	})
	e.parts = append(e.parts, c)
	return c, nil
}

type closer func() error

func (c closer) Close() error { return c() }

// Client implements rcl.Endpoint.
func (e *endpoint) Client(name, typeName string) (rcl.Caller, error) {
	e.t.mu.Lock()
	defer e.t.mu.Unlock()
	if e.t.closed {
		return nil, rcl.ErrClosed
	}
	if s := e.t.services[name]; s != nil && s.typeName != typeName {
		return nil, fmt.Errorf("service %s is %s, not %s", name, s.typeName, typeName)
	}
	c := &caller{t: e.t, service: name}
	e.parts = append(e.parts, c)
	return c, nil
}

// Call implements rcl.Caller.
func (c *caller) Call(request []byte, done func([]byte, error)) {
	c.t.mu.Lock()
	s := c.t.services[c.service]
	c.t.mu.Unlock()
	answer := func(b []byte, err error) {
		c.mu.Lock()
		closed := c.closed
		c.mu.Unlock()
		if !closed {
			done(b, err)
		}
	}
	if s == nil {
		answer(nil, rcl.ErrNoService)
		return
	}
	s.handle(request, func(b []byte) { answer(b, nil) })
}

// Ready implements rcl.Caller.
func (c *caller) Ready() bool {
	c.t.mu.Lock()
	defer c.t.mu.Unlock()
	return c.t.services[c.service] != nil
}

// Close implements rcl.Caller.
func (c *caller) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return nil
}

// Graph implements rcl.Endpoint.
func (e *endpoint) Graph() rcl.Graph {
	e.t.mu.Lock()
	defer e.t.mu.Unlock()
	var g rcl.Graph
	for _, n := range e.t.nodes {
		g.Nodes = append(g.Nodes, n.name)
	}
	for name, tp := range e.t.topics {
		if len(tp.writers)+len(tp.readers) == 0 {
			continue
		}
		info := rcl.TopicInfo{Name: name, Type: tp.typeName}
		for _, w := range tp.writers {
			info.Publishers = append(info.Publishers, rcl.EndpointInfo{Node: w.e.name, QoS: w.qos})
		}
		for _, r := range tp.readers {
			info.Subscribers = append(info.Subscribers, rcl.EndpointInfo{Node: r.e.name, QoS: r.qos})
		}
		g.Topics = append(g.Topics, info)
	}
	slices.SortFunc(g.Topics, func(a, b rcl.TopicInfo) int { return strings.Compare(a.Name, b.Name) })
	for name, s := range e.t.services {
		g.Services = append(g.Services, rcl.ServiceInfo{Name: name, Type: s.typeName, Node: s.e.name})
	}
	slices.SortFunc(g.Services, func(a, b rcl.ServiceInfo) int { return strings.Compare(a.Name, b.Name) })
	return g
}

// Close implements rcl.Endpoint.
func (e *endpoint) Close() error {
	e.t.mu.Lock()
	parts := e.parts
	e.parts = nil
	e.t.nodes = slices.DeleteFunc(e.t.nodes, func(x *endpoint) bool { return x == e })
	e.t.mu.Unlock()
	for _, p := range parts {
		_ = p.Close()
	}
	return nil
}
