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

	"cobot_vla/nodes/rcl"
)

// Transport is a graph of nodes in this process.
type Transport struct {
	mu       sync.Mutex // before a topic's
	closed   bool
	nodes    []*endpoint
	topics   map[string]*topic
	services map[string]*server
	ids      int // publishers made so far
}

// New makes an empty graph.
func New() *Transport {
	return &Transport{topics: map[string]*topic{}, services: map[string]*server{}}
}

// endpoint is one node.
type endpoint struct {
	t      *Transport
	name   rcl.FullName
	closed bool
	parts  []io.Closer
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
	t.closed = true
	nodes := slices.Clone(t.nodes)
	t.mu.Unlock()
	for _, e := range nodes {
		_ = e.Close()
	}
	return nil
}

// Close implements rcl.Endpoint.
func (e *endpoint) Close() error {
	e.t.mu.Lock()
	parts := e.parts
	e.parts, e.closed = nil, true
	e.t.nodes = slices.DeleteFunc(e.t.nodes, func(x *endpoint) bool { return x == e })
	e.t.mu.Unlock()
	for _, p := range parts {
		_ = p.Close()
	}
	return nil
}

// forget takes a part that was closed by itself out of the node.
func (e *endpoint) forget(part io.Closer) {
	e.t.mu.Lock()
	defer e.t.mu.Unlock()
	e.parts = slices.DeleteFunc(e.parts, func(x io.Closer) bool { return x == part })
}

// Graph implements rcl.Endpoint.
func (e *endpoint) Graph() rcl.Graph {
	t := e.t
	t.mu.Lock()
	defer t.mu.Unlock()
	var g rcl.Graph
	for _, n := range t.nodes {
		g.Nodes = append(g.Nodes, n.name)
	}
	for name, tp := range t.topics {
		if info := tp.info(name); len(info.Publishers)+len(info.Subscribers) > 0 {
			g.Topics = append(g.Topics, info)
		}
	}
	for name, s := range t.services {
		g.Services = append(g.Services, rcl.ServiceInfo{Name: name, Type: s.typeName, Node: s.e.name})
	}
	slices.SortFunc(g.Topics, func(a, b rcl.TopicInfo) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(g.Services, func(a, b rcl.ServiceInfo) int { return strings.Compare(a.Name, b.Name) })
	return g
}

// topic finds or makes a topic for a new publisher or subscription; t.mu is held.
func (e *endpoint) topic(name, typeName string) (*topic, error) {
	if e.closed {
		return nil, rcl.ErrClosed
	}
	tp := e.t.topics[name]
	if tp == nil {
		tp = &topic{}
		e.t.topics[name] = tp
	}
	if have := tp.carries(typeName); have != typeName {
		return nil, fmt.Errorf("topic %s carries %s, not %s: remap one of them", name, have, typeName)
	}
	return tp, nil
}
