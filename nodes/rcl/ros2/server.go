//go:build ros2

package ros2

/*
#include "bridge.h"
*/
import "C"

import (
	"fmt"
	"io"
	"sync"
	"unsafe"

	"github.com/tiiuae/rclgo/pkg/rclgo"
	"github.com/tiiuae/rclgo/pkg/rclgo/types"

	"cobot_vla/nodes/rcl"
)

// server answers calls of a service.
type server struct {
	e       *endpoint
	service string
	kind    *serviceType
	srv     *rclgo.Service
	handle  *C.rcl_service_t
	call    func(request []byte, reply func(response []byte))
	watch   *source

	mu     sync.Mutex // not held while call runs: it may reply at once
	closed bool
}

// serviceOptions are those of ROS 2's services, with room for a burst.
func serviceOptions() rclgo.QosProfile { return rosQoS(rcl.Default, serviceHistory) }

// Serve implements rcl.Endpoint. In this process a service has one server. Where
// another process serves it too, both answer and the client takes the first answer.
func (e *endpoint) Serve(service, typeName string, handle func(request []byte, reply func(response []byte))) (io.Closer, error) {
	kind, err := e.t.types.service(typeName)
	if err != nil {
		return nil, err
	}
	s := &server{e: e, service: service, kind: kind, call: handle}
	if err := e.make(func() (err error) {
		if other := e.t.servers[service]; other != nil {
			return fmt.Errorf("service %s is served by %s already", service, other.e.name)
		}
		ignored := func(*rclgo.ServiceInfo, types.Message, rclgo.ServiceResponseSender) {}
		if s.srv, err = e.node.NewService(service, kind, &rclgo.ServiceOptions{Qos: serviceOptions()}, ignored); err != nil {
			return fmt.Errorf("ros2: making service %s: %w", service, err)
		}
		if s.handle, err = serviceHandle(s.srv); err == nil {
			e.t.servers[service] = s
		}
		return err
	}); err != nil {
		return nil, err
	}
	s.watch = &source{C.ROS2_SERVICE, unsafe.Pointer(s.handle), s.take}
	e.t.waiter.attach(s.watch)
	return s, e.keep(s)
}

// take has some of the requests that are there answered.
func (s *server) take() {
	for range atOnce {
		id, request, err := s.request()
		switch {
		case err != nil:
			s.e.t.log.Warn().Err(err).Str("service", s.service).Msg("request dropped")
			continue
		case request == nil:
			return
		}
		var once sync.Once
		s.call(request, func(response []byte) { once.Do(func() { s.reply(id, response) }) })
	}
}

// request takes one request as CDR; nil without an error when there is none.
func (s *server) request() (id C.rmw_request_id_t, cdr []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return id, nil, nil
	}
	t := s.kind.request
	m := C.ros2_new(&t.c)
	if m == nil {
		return id, nil, fmt.Errorf("ros2: no memory for a %s", t.name)
	}
	defer t.free(m)
	var f C.struct_ros2_failure
	rc := C.ros2_take_request(s.handle, &id, m, &f)
	if rc == C.RCL_RET_SERVICE_TAKE_FAILED {
		return id, nil, nil
	}
	if err := failure(rc, &f, "taking a request of "+s.service); err != nil {
		return id, nil, err
	}
	cdr, err = t.encode(m)
	return id, cdr, err
}

func (s *server) reply(id C.rmw_request_id_t, cdr []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	m, err := s.kind.response.decode(cdr)
	if err == nil {
		var f C.struct_ros2_failure
		err = failure(C.ros2_send_response(s.handle, &id, m, &f), &f, "answering")
		s.kind.response.free(m)
	}
	if err != nil {
		s.e.t.log.Warn().Err(err).Str("service", s.service).Msg("response dropped")
	}
}

func (s *server) watched() []*source { return []*source{s.watch} }

// Close implements io.Closer; not to be called from handle.
func (s *server) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.e.t.waiter.detach(s.watch)
	s.e.t.mu.Lock()
	delete(s.e.t.servers, s.service)
	s.e.t.mu.Unlock()
	if err := s.e.drop(s, s.srv); err != nil {
		return fmt.Errorf("ros2: closing service %s: %w", s.service, err)
	}
	return nil
}
