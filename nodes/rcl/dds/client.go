//go:build dds

package dds

/*
#include "blob.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"

	"cobot_vla/nodes/rcl"
)

// client implements rcl.Caller.
type client struct {
	*end
	service string
	handle  uint64 // of its request writer: what its responses carry

	mu      sync.Mutex // held while answering: nothing is answered once Close has returned
	closed  bool
	last    int64
	pending map[int64]func([]byte, error)
}

// Client implements rcl.Endpoint.
func (e *endpoint) Client(service, typeName string) (rcl.Caller, error) {
	x, err := e.newEnd(clientKey, replyTopic(service), typeName+"_Response", requestTopic(service), typeName+"_Request")
	if err != nil {
		return nil, err
	}
	c := &client{end: x, service: service, pending: map[int64]func([]byte, error){}}
	var handle C.dds_instance_handle_t
	err = check(C.dds_get_instance_handle(x.out.entity, &handle), "reading a handle")
	c.handle = uint64(handle)
	if err == nil {
		err = x.in.watch(C.DDS_SUBSCRIPTION_MATCHED_STATUS, c.changed)
	}
	if err == nil {
		err = x.in.start(c.hear)
	}
	if err != nil {
		return nil, errors.Join(err, x.in.close(), x.out.close())
	}
	return c, x.keep(c)
}

// Call implements rcl.Caller.
func (c *client) Call(request []byte, done func([]byte, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		done(nil, rcl.ErrClosed)
		return
	}
	if !c.ready() {
		done(nil, rcl.ErrNoService)
		return
	}
	c.last++
	c.pending[c.last] = done
	if err := c.out.call(requestHeader{c.handle, c.last}, request); err != nil {
		delete(c.pending, c.last)
		done(nil, err)
	}
}

// hear takes a response; every client of the service gets all of them.
func (c *client) hear(s *sample) {
	header, response, err := split(bytesOf(s))
	if err != nil {
		c.e.t.log.Warn().Err(err).Str("service", c.service).Msg("response dropped")
		return
	}
	if header.client != c.handle {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if done := c.pending[header.sequence]; done != nil {
		delete(c.pending, header.sequence)
		done(response, nil)
	}
}

// changed ends the calls that nobody is left to answer.
func (c *client) changed() {
	var status C.dds_subscription_matched_status_t
	C.dds_get_subscription_matched_status(c.in.entity, &status) // which resets it
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.pending) == 0 || c.ready() {
		return
	}
	for sequence, done := range c.pending {
		delete(c.pending, sequence)
		done(nil, fmt.Errorf("%w: %s left before it answered", rcl.ErrNoService, c.service))
	}
}

// Ready implements rcl.Caller.
func (c *client) Ready() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closed && c.ready()
}

// ready says whether a server hears our requests and we its responses, and that
// they are the same server's where it says so (check_for_service_reader_writer
// in rmw_node.cpp).
func (c *client) ready() bool {
	servers := map[string]bool{}
	readers := c.out.subscriptions()
	for _, r := range readers {
		if text, _ := c.out.subscriptionText(r, serviceKey); text != "" {
			servers[text] = true
		}
	}
	writers := c.in.publications()
	if len(servers) == 0 {
		return len(readers) > 0 && len(writers) > 0
	}
	for _, w := range writers {
		if text, _ := c.in.publicationText(w, serviceKey); servers[text] {
			return true
		}
	}
	return false
}

// Close implements rcl.Caller; not to be called from done.
func (c *client) Close() error {
	c.mu.Lock()
	c.closed = true
	clear(c.pending)
	c.mu.Unlock()
	return c.close(c)
}
