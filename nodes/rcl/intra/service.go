package intra

import (
	"fmt"
	"io"
	"sync"

	"cobot_vla/nodes/rcl"
)

type server struct {
	e        *endpoint
	name     string
	typeName string
	handle   func([]byte, func([]byte))
}

// Serve implements rcl.Endpoint.
func (e *endpoint) Serve(name, typeName string, handle func([]byte, func([]byte))) (io.Closer, error) {
	e.t.mu.Lock()
	defer e.t.mu.Unlock()
	if e.closed {
		return nil, rcl.ErrClosed
	}
	if s := e.t.services[name]; s != nil {
		return nil, fmt.Errorf("service %s is served by %s already", name, s.e.name)
	}
	s := &server{e: e, name: name, typeName: typeName, handle: handle}
	e.t.services[name] = s
	e.parts = append(e.parts, s)
	return s, nil
}

// Close ends a service.
func (s *server) Close() error {
	s.e.forget(s)
	s.e.t.mu.Lock()
	defer s.e.t.mu.Unlock()
	if s.e.t.services[s.name] == s {
		delete(s.e.t.services, s.name)
	}
	return nil
}

type caller struct {
	e        *endpoint
	service  string
	typeName string

	mu     sync.Mutex // held while answering: nothing is answered once Close has returned
	closed bool
}

// Client implements rcl.Endpoint.
func (e *endpoint) Client(name, typeName string) (rcl.Caller, error) {
	e.t.mu.Lock()
	defer e.t.mu.Unlock()
	if e.closed {
		return nil, rcl.ErrClosed
	}
	if s := e.t.services[name]; s != nil && s.typeName != typeName {
		return nil, fmt.Errorf("service %s is %s, not %s", name, s.typeName, typeName)
	}
	c := &caller{e: e, service: name, typeName: typeName}
	e.parts = append(e.parts, c)
	return c, nil
}

// server is who serves it now; nil when nobody does.
func (c *caller) server() *server {
	c.e.t.mu.Lock()
	defer c.e.t.mu.Unlock()
	if s := c.e.t.services[c.service]; s != nil && s.typeName == c.typeName {
		return s
	}
	return nil
}

// Call implements rcl.Caller.
func (c *caller) Call(request []byte, done func([]byte, error)) {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		done(nil, rcl.ErrClosed)
		return
	}
	var once sync.Once
	answer := func(b []byte, err error) {
		once.Do(func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			if !c.closed {
				done(b, err)
			}
		})
	}
	s := c.server()
	if s == nil {
		answer(nil, rcl.ErrNoService)
		return
	}
	s.handle(request, func(b []byte) { answer(b, nil) })
}

// Ready implements rcl.Caller.
func (c *caller) Ready() bool { return c.server() != nil }

// Close implements rcl.Caller.
func (c *caller) Close() error {
	c.e.forget(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return nil
}
