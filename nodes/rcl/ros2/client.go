//go:build ros2

package ros2

/*
#include "bridge.h"
*/
import "C"

import (
	"fmt"
	"maps"
	"sync"
	"time"
	"unsafe"

	"github.com/tiiuae/rclgo/pkg/rclgo"

	"cobot_vla/nodes/rcl"
)

// client implements rcl.Caller.
type client struct {
	e       *endpoint
	service string
	kind    *serviceType
	cli     *rclgo.Client
	handle  *C.rcl_client_t
	watch   *source

	mu      sync.Mutex // held while answering: nothing is answered once Close has returned
	closed  bool
	pending map[C.int64_t]func([]byte, error)
	patrol  *time.Timer // while calls are pending: looks whether somebody is left to answer
}

// Client implements rcl.Endpoint.
func (e *endpoint) Client(service, typeName string) (rcl.Caller, error) {
	kind, err := e.t.types.service(typeName)
	if err != nil {
		return nil, err
	}
	c := &client{e: e, service: service, kind: kind, pending: map[C.int64_t]func([]byte, error){}}
	if err := e.make(func() (err error) {
		if c.cli, err = e.node.NewClient(service, kind, &rclgo.ClientOptions{Qos: serviceOptions()}); err != nil {
			return fmt.Errorf("ros2: making a client of %s: %w", service, err)
		}
		c.handle, err = clientHandle(c.cli)
		return err
	}); err != nil {
		return nil, err
	}
	c.watch = &source{C.ROS2_CLIENT, unsafe.Pointer(c.handle), c.take}
	e.t.waiter.attach(c.watch)
	return c, e.keep(c)
}

// Call implements rcl.Caller.
func (c *client) Call(request []byte, done func([]byte, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		done(nil, rcl.ErrClosed)
		return
	case !c.ready():
		done(nil, rcl.ErrNoService)
		return
	}
	m, err := c.kind.request.decode(request)
	if err != nil {
		done(nil, err)
		return
	}
	defer c.kind.request.free(m)
	var number C.int64_t
	var f C.struct_ros2_failure
	if err := failure(C.ros2_send_request(c.handle, m, &number, &f), &f, "calling "+c.service); err != nil {
		done(nil, err)
		return
	}
	c.pending[number] = done
	if len(c.pending) == 1 {
		c.patrol = time.AfterFunc(patrolPeriod, c.look)
	}
}

// patrolPeriod is how soon a call learns that its server has left: rcl has no event for it.
const patrolPeriod = 100 * time.Millisecond

// look ends the calls that nobody is left to answer.
func (c *client) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.pending) == 0 {
		return
	}
	if c.ready() {
		c.patrol.Reset(patrolPeriod)
		return
	}
	pending := maps.Clone(c.pending)
	clear(c.pending)
	for _, done := range pending {
		done(nil, fmt.Errorf("%w: %s left before it answered", rcl.ErrNoService, c.service))
	}
}

// take answers the calls whose responses are there.
func (c *client) take() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range atOnce {
		if c.closed {
			return
		}
		number, response, err := c.response()
		switch {
		case err != nil:
			c.e.t.log.Warn().Err(err).Str("service", c.service).Msg("response dropped")
			continue
		case response == nil:
			return
		}
		if done := c.pending[number]; done != nil {
			delete(c.pending, number)
			done(response, nil)
		}
	}
}

// response takes one response as CDR; nil without an error when there is none.
func (c *client) response() (number C.int64_t, cdr []byte, err error) {
	t := c.kind.response
	m := C.ros2_new(&t.c)
	if m == nil {
		return 0, nil, fmt.Errorf("ros2: no memory for a %s", t.name)
	}
	defer t.free(m)
	var f C.struct_ros2_failure
	rc := C.ros2_take_response(c.handle, &number, m, &f)
	if rc == C.RCL_RET_CLIENT_TAKE_FAILED {
		return 0, nil, nil
	}
	if err := failure(rc, &f, "taking a response of "+c.service); err != nil {
		return 0, nil, err
	}
	cdr, err = t.encode(m)
	return number, cdr, err
}

// Ready implements rcl.Caller.
func (c *client) Ready() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closed && c.ready()
}

// ready says whether a server hears our requests and we its responses; c.mu is held and it is open.
func (c *client) ready() bool {
	var ready C.bool
	return C.ros2_server_ready(c.e.handle, c.handle, &ready) == C.RCL_RET_OK && bool(ready)
}

func (c *client) watched() []*source { return []*source{c.watch} }

// Close implements rcl.Caller; not to be called from done.
func (c *client) Close() error {
	c.mu.Lock()
	closed := c.closed
	c.closed = true
	clear(c.pending)
	if c.patrol != nil {
		c.patrol.Stop()
	}
	c.mu.Unlock()
	if closed {
		return nil
	}
	c.e.t.waiter.detach(c.watch)
	if err := c.e.drop(c, c.cli); err != nil {
		return fmt.Errorf("ros2: closing the client of %s: %w", c.service, err)
	}
	return nil
}
