//go:build ros2

package ros2

/*
#include "bridge.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/tiiuae/rclgo/pkg/rclgo"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// publisher implements rcl.Writer.
type publisher struct {
	e       *endpoint
	topic   string
	pub     *rclgo.Publisher
	handle  *C.rcl_publisher_t
	latched bool // keeps messages for those who come later
	event   *C.rcl_event_t
	watch   *source

	mu     sync.Mutex // also while publishing
	closed bool
	buffer []byte // for the next message
}

// Advertise implements rcl.Endpoint.
func (e *endpoint) Advertise(topic, typeName string, qos rcl.QoS) (rcl.Writer, error) {
	t, err := e.t.types.message(typeName)
	if err != nil {
		return nil, err
	}
	if err := e.t.use(topic, typeName); err != nil {
		return nil, err
	}
	p := &publisher{e: e, topic: topic, latched: qos.Durability == rcl.TransientLocal}
	if err := e.make(func() (err error) {
		if p.pub, err = e.node.NewPublisher(topic, t, &rclgo.PublisherOptions{Qos: rosQoS(qos, qos.KeepLast())}); err != nil {
			return fmt.Errorf("ros2: making a publisher on %s: %w", topic, err)
		}
		p.handle, err = publisherHandle(p.pub)
		return err
	}); err != nil {
		e.t.leave(topic)
		return nil, err
	}
	if p.event = C.ros2_event(C.ROS2_OFFERED_INCOMPATIBLE, unsafe.Pointer(p.handle)); p.event != nil {
		p.watch = &source{C.ROS2_EVENT, unsafe.Pointer(p.event), p.incompatible}
		e.t.waiter.attach(p.watch)
	}
	return p, e.keep(p)
}

func (p *publisher) incompatible() {
	var kind C.int
	if C.ros2_event_incompatible(p.event, &kind) > 0 {
		p.e.mismatch(p.topic, "a subscription requests another "+policy(kind)+" than this publisher offers")
	}
}

// Publish implements rcl.Writer.
func (p *publisher) Publish(m msgs.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return rcl.ErrClosed
	}
	if !p.latched && p.matched() == 0 {
		return nil
	}
	p.buffer = msgs.AppendCDR(p.buffer[:0], m)
	var f C.struct_ros2_failure
	rc := C.ros2_publish(p.handle, (*C.uint8_t)(unsafe.SliceData(p.buffer)), C.size_t(len(p.buffer)), &f)
	return failure(rc, &f, "publishing on "+p.topic)
}

// matched is the number of subscriptions; p.mu is held and it is open.
func (p *publisher) matched() int {
	n, err := p.pub.GetSubscriptionCount()
	if err != nil {
		return 0
	}
	return n
}

// Matched implements rcl.Writer.
func (p *publisher) Matched() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0
	}
	return p.matched()
}

func (p *publisher) watched() []*source {
	if p.watch == nil {
		return nil
	}
	return []*source{p.watch}
}

// Close implements rcl.Writer.
func (p *publisher) Close() error {
	p.mu.Lock()
	closed := p.closed
	p.closed, p.buffer = true, nil
	p.mu.Unlock()
	if closed {
		return nil
	}
	if p.event != nil {
		p.e.t.waiter.detach(p.watch)
		C.ros2_event_free(p.event)
	}
	err := p.e.drop(p, p.pub)
	p.e.t.leave(p.topic)
	if err != nil {
		return errors.Join(fmt.Errorf("ros2: closing the publisher on %s", p.topic), err)
	}
	return nil
}
