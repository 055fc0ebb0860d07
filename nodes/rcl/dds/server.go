//go:build dds

package dds

/*
#include "blob.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"cobot_vla/nodes/rcl"
)

// maxWaiting is how many responses wait for their clients' readers to be found.
const maxWaiting = 1000

// server answers calls of a service.
type server struct {
	*end
	service string

	mu      sync.Mutex
	met     map[C.dds_instance_handle_t]struct{} // clients' writers whose readers hear us
	waiting []response
}

// response is on its way to the client with this request writer.
type response struct {
	writer C.dds_instance_handle_t
	header requestHeader
	cdr    []byte
}

// Serve implements rcl.Endpoint. In this process a service has one server. Where
// another process serves it too, both answer and the client takes the first answer.
func (e *endpoint) Serve(service, typeName string, handle func(request []byte, reply func(response []byte))) (io.Closer, error) {
	if node, ok := e.t.graph.server(service); ok {
		return nil, fmt.Errorf("service %s is served by %s already", service, node)
	}
	x, err := e.newEnd(serviceKey, requestTopic(service), typeName+"_Request", replyTopic(service), typeName+"_Response")
	if err != nil {
		return nil, err
	}
	s := &server{end: x, service: service, met: map[C.dds_instance_handle_t]struct{}{}}
	err = x.out.watch(C.DDS_PUBLICATION_MATCHED_STATUS, s.retry)
	if err == nil {
		err = x.in.start(func(sample *sample) {
			header, request, err := split(bytesOf(sample))
			if err != nil {
				e.t.log.Warn().Err(err).Str("service", service).Msg("request dropped")
				return
			}
			var once sync.Once
			writer := C.dds_instance_handle_t(sample.writer)
			handle(request, func(cdr []byte) {
				once.Do(func() { s.reply(response{writer, header, cdr}) })
			})
		})
	}
	if err != nil {
		return nil, errors.Join(err, x.in.close(), x.out.close())
	}
	return s, x.keep(s)
}

// reply sends a response, when the client hears it: we may have met its writer
// before its reader.
func (s *server) reply(r response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.send(r)
}

// send is reply with s.mu held.
func (s *server) send(r response) {
	ready, gone := s.hears(r.writer)
	switch {
	case gone:
	case ready:
		if err := s.out.call(r.header, r.cdr); err != nil && err != rcl.ErrClosed {
			s.e.t.log.Warn().Err(err).Str("service", s.service).Msg("response dropped")
		}
	case len(s.waiting) == maxWaiting:
		s.e.t.log.Warn().Str("service", s.service).Msg("response dropped: too many wait for clients that don't listen")
	default:
		s.waiting = append(s.waiting, r)
	}
}

// retry sends what waited, when a reader was found or lost.
func (s *server) retry() {
	var status C.dds_publication_matched_status_t
	C.dds_get_publication_matched_status(s.out.entity, &status) // which resets it
	s.mu.Lock()
	defer s.mu.Unlock()
	if status.current_count_change < 0 {
		clear(s.met)
	}
	waiting := s.waiting
	s.waiting = nil
	for _, r := range waiting {
		s.send(r)
	}
}

// hears says whether the client with a request writer hears our responses yet,
// or is gone (check_for_response_reader in rmw_node.cpp).
func (s *server) hears(writer C.dds_instance_handle_t) (ready, gone bool) {
	if _, ok := s.met[writer]; ok {
		return true, false
	}
	client, matched := s.in.publicationText(writer, clientKey)
	switch {
	case !matched:
		return false, true
	case client == "": // one that doesn't say which reader is its
		s.met[writer] = struct{}{}
		return true, false
	}
	for _, reader := range s.out.subscriptions() {
		if text, _ := s.out.subscriptionText(reader, clientKey); text == client {
			s.met[writer] = struct{}{}
			return true, false
		}
	}
	return false, false
}

// Close implements io.Closer; not to be called from handle.
func (s *server) Close() error { return s.close(s) }
