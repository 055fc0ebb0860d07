//go:build ros2

package ros2

/*
#include "bridge.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/tiiuae/rclgo/pkg/rclgo"

	"cobot_vla/nodes/rcl"
)

// endpoint is one node.
type endpoint struct {
	t      *Transport
	name   rcl.FullName
	node   *rclgo.Node
	handle *C.rcl_node_t

	asking sync.RWMutex // held while the graph is asked or a part ends; Close waits for it

	// By t.mu.
	closed bool
	parts  []part
}

// part is what a node made: it is closed with the node, and waited for until then.
type part interface {
	io.Closer
	watched() []*source
}

// make has rclgo make a part of the node.
func (e *endpoint) make(fn func() error) error {
	e.t.mu.Lock()
	defer e.t.mu.Unlock()
	if e.closed {
		return rcl.ErrClosed
	}
	return fn()
}

// keep closes a part with the node.
func (e *endpoint) keep(p part) error {
	e.t.mu.Lock()
	closed := e.closed
	if !closed {
		e.parts = append(e.parts, p)
	}
	e.t.mu.Unlock()
	if closed {
		return errors.Join(rcl.ErrClosed, p.Close())
	}
	return nil
}

// drop forgets a part that closes by itself, and ends what rclgo keeps of it.
func (e *endpoint) drop(p part, of io.Closer) error {
	e.t.mu.Lock()
	e.parts = slices.DeleteFunc(e.parts, func(x part) bool { return x == p })
	e.t.mu.Unlock()
	e.asking.RLock()
	defer e.asking.RUnlock()
	return of.Close()
}

// Close implements rcl.Endpoint.
func (e *endpoint) Close() error {
	e.t.mu.Lock()
	if e.closed {
		e.t.mu.Unlock()
		return nil
	}
	e.closed = true
	parts := e.parts
	e.parts = nil
	e.t.nodes = slices.DeleteFunc(e.t.nodes, func(x *endpoint) bool { return x == e })
	e.t.mu.Unlock()
	var watched []*source
	for _, p := range parts {
		watched = append(watched, p.watched()...)
	}
	e.t.waiter.detach(watched...) // all in one round
	// Each part's end waits for the middleware's housekeeping: they wait together.
	errs := make([]error, len(parts))
	var ending sync.WaitGroup
	for i, p := range parts {
		ending.Go(func() { errs[i] = p.Close() })
	}
	ending.Wait()
	e.asking.Lock() // the graph is asked no more, and no part ends
	defer e.asking.Unlock()
	e.t.mu.Lock()
	defer e.t.mu.Unlock()
	if err := e.node.Close(); err != nil {
		errs = append(errs, fmt.Errorf("ros2: closing node %s: %w", e.name, err))
	}
	return errors.Join(errs...)
}

// mismatch says why nothing passes: silence is hard to find.
func (e *endpoint) mismatch(topic, what string) {
	e.t.log.Warn().Stringer("node", e.name).Str("topic", topic).
		Msgf("incompatible quality of service: no message will pass, %s", what)
}
