//go:build ros2

package ros2

/*
#include "bridge.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/rs/zerolog"
	"github.com/tiiuae/rclgo/pkg/rclgo"

	"cobot_vla/nodes/rcl"
)

// Transport is one context of rcl: one participant of the middleware.
type Transport struct {
	log     zerolog.Logger
	context *rclgo.Context
	waiter  *waiter
	types   *typeCache

	mu      sync.Mutex // also while rclgo makes a part or ends a node: it keeps no order itself
	closed  bool
	nodes   []*endpoint
	carries map[string]*usage  // by topic: what this process uses it with
	servers map[string]*server // by service
}

// usage is the type that this process uses on a topic.
type usage struct {
	typeName string
	users    int
}

// maxDomain is the largest domain whose ports exist.
const maxDomain = 232

// New joins a domain.
func New(o Options) (*Transport, error) {
	if o.Domain < 0 || o.Domain > maxDomain {
		return nil, fmt.Errorf("ros2: domain %d: use 0 to %d", o.Domain, maxDomain)
	}
	t := &Transport{log: zerolog.Nop(), types: newTypeCache(), carries: map[string]*usage{}, servers: map[string]*server{}}
	if o.Log != nil {
		t.log = *o.Log
	}
	if o.Localhost {
		if err := os.Setenv("ROS_LOCALHOST_ONLY", "1"); err != nil {
			return nil, fmt.Errorf("ros2: %w", err)
		}
	}
	logTo(t.log)
	// Nodes log through zerolog, and package rcl sends that to /rosout: rcl's own
	// publisher of each node would be a second one.
	args, _, err := rclgo.ParseArgs([]string{"--ros-args", "--disable-rosout-logs"})
	if err != nil {
		return nil, fmt.Errorf("ros2: %w", err)
	}
	t.context, err = rclgo.NewContextWithOpts(args, &rclgo.ContextOptions{ClockType: rclgo.ClockTypeSystemTime, DomainID: uint(o.Domain)})
	if err != nil {
		return nil, fmt.Errorf("ros2: joining domain %d: %w", o.Domain, err)
	}
	c, err := contextHandle(t.context)
	if err == nil {
		t.waiter, err = newWaiter(c, &t.log)
	}
	if err != nil {
		return nil, errors.Join(err, t.context.Close())
	}
	go t.waiter.run()
	return t, nil
}

// Middleware names the implementation that moves the messages, e.g. rmw_cyclonedds_cpp.
func Middleware() string { return C.GoString(C.rmw_get_implementation_identifier()) }

// Node implements rcl.Transport.
func (t *Transport) Node(name rcl.FullName) (rcl.Endpoint, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, rcl.ErrClosed
	}
	n, err := t.context.NewNode(name.Name, name.Namespace)
	if err != nil {
		return nil, fmt.Errorf("ros2: making node %s: %w", name, err)
	}
	e := &endpoint{t: t, name: name, node: n}
	if e.handle, err = nodeHandle(n); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	t.nodes = append(t.nodes, e)
	return e, nil
}

// Close implements rcl.Transport.
func (t *Transport) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	t.closed = true
	nodes := slices.Clone(t.nodes)
	t.mu.Unlock()
	var errs []error
	for _, n := range nodes {
		errs = append(errs, n.Close())
	}
	errs = append(errs, t.waiter.stop(), t.context.Close())
	return errors.Join(errs...)
}

// use takes a topic into use with a type: not when this process uses it with
// another. What another process uses is its own affair: nothing passes.
func (t *Transport) use(topic, typeName string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.carries[topic]
	switch {
	case u == nil:
		t.carries[topic] = &usage{typeName, 1}
	case u.typeName != typeName:
		return fmt.Errorf("%s carries %s, not %s: remap one of them", topic, u.typeName, typeName)
	default:
		u.users++
	}
	return nil
}

// leave ends a use.
func (t *Transport) leave(topic string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u := t.carries[topic]; u != nil {
		if u.users--; u.users == 0 {
			delete(t.carries, topic)
		}
	}
}
