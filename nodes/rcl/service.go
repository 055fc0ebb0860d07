package rcl

import (
	"context"
	"fmt"
	"strings"
	"time"

	"cobot_vla/msgs"
)

// serviceType is "std_srvs/srv/Trigger" for the request std_srvs/srv/Trigger_Request.
func serviceType(request msgs.Message) string {
	return strings.TrimSuffix(request.TypeName(), "_Request")
}

// Serve answers calls of a service on the node's thread. handle fills the
// response; to answer later, see ServeLater.
func Serve[Q, R any, PQ msgs.Ptr[Q], PR msgs.Ptr[R]](n *Node, service string, handle func(*Q, *R)) error {
	return ServeLater[Q, R, PQ, PR](n, service, func(q *Q, reply func(*R)) {
		r := new(R)
		handle(q, r)
		reply(r)
	})
}

// ServeLater answers calls of a service on the node's thread; handle calls reply once, now or later.
func ServeLater[Q, R any, PQ msgs.Ptr[Q], PR msgs.Ptr[R]](n *Node, service string, handle func(*Q, func(*R))) error {
	full, err := n.resolve(service, ServiceName)
	if err != nil {
		return err
	}
	c, err := n.endpoint.Serve(full, serviceType(PQ(new(Q))), func(request []byte, reply func([]byte)) {
		n.Post(func() {
			q := PQ(new(Q))
			if err := msgs.ReadCDR(request, q); err != nil {
				n.log.Warn().Err(err).Str("service", full).Msg("request dropped")
				return
			}
			handle((*Q)(q), func(r *R) { reply(msgs.Marshal(PR(r))) })
		})
	})
	if err != nil {
		return fmt.Errorf("rcl: node %s: service %s: %w", n.name, full, err)
	}
	return n.keep(c)
}

// Client calls a service.
type Client[Q, R any] struct {
	// Timeout of an answer to Go, by the node's clock; default 30 s. A server that
	// died says nothing.
	Timeout time.Duration

	n       *Node
	service string
	caller  Caller
	read    func([]byte) (*R, error)
}

// NewClient makes a client of a service.
func NewClient[Q, R any, PQ msgs.Ptr[Q], PR msgs.Ptr[R]](n *Node, service string) (*Client[Q, R], error) {
	full, err := n.resolve(service, ServiceName)
	if err != nil {
		return nil, err
	}
	caller, err := n.endpoint.Client(full, serviceType(PQ(new(Q))))
	if err != nil {
		return nil, fmt.Errorf("rcl: node %s: client of %s: %w", n.name, full, err)
	}
	if err := n.keep(caller); err != nil {
		return nil, err
	}
	return &Client[Q, R]{Timeout: 30 * time.Second, n: n, service: full, caller: caller, read: func(b []byte) (*R, error) {
		r := PR(new(R))
		err := msgs.ReadCDR(b, r)
		return (*R)(r), err
	}}, nil
}

// Ready says whether somebody serves it.
func (c *Client[Q, R]) Ready() bool { return c.caller.Ready() }

// Go calls the service; done runs once on the node's thread, with the answer,
// ErrNoService or ErrTimeout; not at all when the node ends first.
func (c *Client[Q, R]) Go(q *Q, done func(*R, error)) {
	answered := false // read and written on the node's thread only
	once := func(fn func()) {
		if !answered {
			answered = true
			fn()
		}
	}
	cancel := c.n.After(c.Timeout, func() {
		once(func() { done(nil, c.failed(fmt.Errorf("%w (%v)", ErrTimeout, c.Timeout))) })
	})
	c.caller.Call(msgs.Marshal(any(q).(msgs.Message)), func(b []byte, err error) {
		c.n.Post(func() {
			cancel()
			once(func() { done(c.answer(b, err)) })
		})
	})
}

// Call calls the service and waits. Never call it from a node's thread: use Go there.
func (c *Client[Q, R]) Call(ctx context.Context, q *Q) (*R, error) {
	type result struct {
		b   []byte
		err error
	}
	ch := make(chan result, 1)
	c.caller.Call(msgs.Marshal(any(q).(msgs.Message)), func(b []byte, err error) { ch <- result{b, err} })
	select {
	case <-ctx.Done():
		return nil, c.failed(ctx.Err())
	case r := <-ch:
		return c.answer(r.b, r.err)
	}
}

func (c *Client[Q, R]) answer(b []byte, err error) (*R, error) {
	if err != nil {
		return nil, c.failed(err)
	}
	r, err := c.read(b)
	if err != nil {
		return nil, c.failed(err)
	}
	return r, nil
}

func (c *Client[Q, R]) failed(err error) error {
	return fmt.Errorf("rcl: calling %s: %w", c.service, err)
}
