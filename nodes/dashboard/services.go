package dashboard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// services calls other nodes' std_srvs/Trigger services, for viewers.
type services struct {
	n *rcl.Node

	mu      sync.Mutex
	clients map[string]*rcl.Client[msgs.Trigger_Request, msgs.Trigger_Response]
}

func newServices(n *rcl.Node) *services {
	return &services{n: n, clients: map[string]*rcl.Client[msgs.Trigger_Request, msgs.Trigger_Response]{}}
}

// callLimit is longer than the supervisor waits for parts to stop.
const callLimit = 12 * time.Second

// call calls a service and waits for its answer: never on the node's thread.
func (s *services) call(ctx context.Context, name string) (ok bool, text string) {
	c, err := s.client(name)
	if err != nil {
		return false, err.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	r, err := c.Call(ctx, &msgs.Trigger_Request{})
	switch {
	case errors.Is(err, rcl.ErrNoService):
		return false, fmt.Sprintf("nobody serves %s: its node does not run", name)
	case err != nil:
		return false, err.Error()
	}
	return r.Success, r.Message
}

func (s *services) client(name string) (*rcl.Client[msgs.Trigger_Request, msgs.Trigger_Response], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.clients[name]; c != nil {
		return c, nil
	}
	c, err := rcl.NewClient[msgs.Trigger_Request, msgs.Trigger_Response](s.n, name)
	if err == nil {
		s.clients[name] = c
	}
	return c, err
}
