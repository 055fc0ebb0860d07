//go:build ros2

package ros2

/*
#include "bridge.h"
*/
import "C"

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
	"unsafe"

	"github.com/tiiuae/rclgo/pkg/rclgo"

	"cobot_vla/nodes/rcl"
)

type subscription struct {
	e       *endpoint
	topic   string
	sub     *rclgo.Subscription
	handle  *C.rcl_subscription_t
	deliver func(rcl.Sample)
	events  [2]*C.rcl_event_t // incompatible, lost; nil where the middleware has none
	sources []*source

	// By the waiter's goroutine.
	taken  C.rcutils_uint8_array_t
	lost   uint64
	gid    [C.RMW_GID_STORAGE_SIZE]C.uint8_t // of the publisher heard last
	writer string                            // in hexadecimal

	mu     sync.Mutex // held while delivering: nothing is delivered once Close has returned
	closed bool
}

// Subscribe implements rcl.Endpoint.
func (e *endpoint) Subscribe(topic, typeName string, qos rcl.QoS, deliver func(rcl.Sample)) (io.Closer, error) {
	t, err := e.t.types.message(typeName)
	if err != nil {
		return nil, err
	}
	if err := e.t.use(topic, typeName); err != nil {
		return nil, err
	}
	s := &subscription{e: e, topic: topic, deliver: deliver, taken: C.ros2_bytes()}
	if err := e.make(func() (err error) {
		profile := rosQoS(qos, max(qos.KeepLast(), readerHistory))
		if s.sub, err = e.node.NewSubscription(topic, t, &rclgo.SubscriptionOptions{Qos: profile}, nil); err != nil {
			return fmt.Errorf("ros2: making a subscription on %s: %w", topic, err)
		}
		s.handle, err = subscriptionHandle(s.sub)
		return err
	}); err != nil {
		e.t.leave(topic)
		return nil, err
	}
	s.sources = []*source{{C.ROS2_SUBSCRIPTION, unsafe.Pointer(s.handle), s.take}}
	for i, x := range []struct {
		kind C.enum_ros2_event_kind
		fn   func()
	}{{C.ROS2_REQUESTED_INCOMPATIBLE, s.incompatible}, {C.ROS2_LOST, s.lose}} {
		if s.events[i] = C.ros2_event(x.kind, unsafe.Pointer(s.handle)); s.events[i] != nil {
			s.sources = append(s.sources, &source{C.ROS2_EVENT, unsafe.Pointer(s.events[i]), x.fn})
		}
	}
	e.t.waiter.attach(s.sources...)
	return s, e.keep(s)
}

// atOnce is how many messages of a subscription are taken before the others get their turn.
const atOnce = 16

// take delivers some of what is there.
func (s *subscription) take() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range atOnce {
		if s.closed {
			return
		}
		var info C.struct_ros2_info
		var f C.struct_ros2_failure
		rc := C.ros2_take(s.handle, &s.taken, &info, &f)
		if rc == C.RCL_RET_SUBSCRIPTION_TAKE_FAILED { // no more, or a publisher has left
			return
		}
		if err := failure(rc, &f, "taking from "+s.topic); err != nil {
			s.e.t.log.Error().Err(err).Msg("a message may be lost")
			return
		}
		sample := rcl.Sample{
			CDR:       C.GoBytes(unsafe.Pointer(s.taken.buffer), C.int(s.taken.buffer_length)),
			Publisher: s.publisher(&info),
			Sequence:  uint64(info.sequence),
			Lost:      s.lost,
		}
		if info.sent > 0 {
			sample.Sent = time.Unix(0, int64(info.sent))
		}
		s.lost = 0
		s.deliver(sample)
	}
}

// publisher names the publisher of a message.
func (s *subscription) publisher(info *C.struct_ros2_info) string {
	if s.writer == "" || s.gid != info.publisher {
		s.gid = info.publisher
		s.writer = hex.EncodeToString(C.GoBytes(unsafe.Pointer(&info.publisher), C.RMW_GID_STORAGE_SIZE))
	}
	return s.writer
}

func (s *subscription) incompatible() {
	var kind C.int
	if C.ros2_event_incompatible(s.events[0], &kind) > 0 {
		s.e.mismatch(s.topic, "a publisher offers another "+policy(kind)+" than this subscription requests")
	}
}

// lose counts what the middleware knows to be lost; the next message says so.
func (s *subscription) lose() { s.lost += uint64(C.ros2_event_lost(s.events[1])) }

func (s *subscription) watched() []*source { return s.sources }

// Close ends the subscription; not to be called from deliver.
func (s *subscription) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.e.t.waiter.detach(s.sources...)
	for _, event := range s.events {
		if event != nil {
			C.ros2_event_free(event)
		}
	}
	err := s.e.drop(s, s.sub)
	C.ros2_bytes_free(&s.taken)
	s.e.t.leave(s.topic)
	if err != nil {
		return errors.Join(fmt.Errorf("ros2: closing the subscription on %s", s.topic), err)
	}
	return nil
}
