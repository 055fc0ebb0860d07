package rcl

import (
	"context"
	"fmt"
	"strings"
	"sync"

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
	full, err := n.resolve(service)
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
	n.keep(c)
	return nil
}

// Client calls a service.
type Client[Q, R any] struct {
	n       *Node
	service string
	caller  Caller
	read    func([]byte) (*R, error)
}

// NewClient makes a client of a service.
func NewClient[Q, R any, PQ msgs.Ptr[Q], PR msgs.Ptr[R]](n *Node, service string) (*Client[Q, R], error) {
	full, err := n.resolve(service)
	if err != nil {
		return nil, err
	}
	caller, err := n.endpoint.Client(full, serviceType(PQ(new(Q))))
	if err != nil {
		return nil, fmt.Errorf("rcl: node %s: client of %s: %w", n.name, full, err)
	}
	n.keep(caller)
	return &Client[Q, R]{n: n, service: full, caller: caller, read: func(b []byte) (*R, error) {
		r := PR(new(R))
		err := msgs.ReadCDR(b, r)
		return (*R)(r), err
	}}, nil
}

// Ready says whether somebody serves it.
func (c *Client[Q, R]) Ready() bool { return c.caller.Ready() }

// Go calls the service; done runs on the node's thread. Nothing runs when the
// node ends first, or when the server never answers.
func (c *Client[Q, R]) Go(q *Q, done func(*R, error)) {
	c.caller.Call(msgs.Marshal(any(q).(msgs.Message)), func(b []byte, err error) {
		c.n.Post(func() {
			if err != nil {
				done(nil, fmt.Errorf("rcl: calling %s: %w", c.service, err))
				return
			}
			done(c.read(b))
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
	var once sync.Once
	c.caller.Call(msgs.Marshal(any(q).(msgs.Message)), func(b []byte, err error) {
		once.Do(func() { ch <- result{b, err} })
	})
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("rcl: calling %s: %w", c.service, ctx.Err())
	case r := <-ch:
		if r.err != nil {
			return nil, fmt.Errorf("rcl: calling %s: %w", c.service, r.err)
		}
		return c.read(r.b)
	}
}
