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
	"slices"
	"sync"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// endpoint is one node.
type endpoint struct {
	t        *Transport
	name     rcl.FullName
	entities []guid // by graph.mu: its readers and writers

	// By t.mu.
	closed bool
	parts  []io.Closer
}

// keep closes a part with the node and announces it; it is closed when the node is.
func (e *endpoint) keep(part io.Closer, made map[guid]entity) error {
	e.t.mu.Lock()
	if e.closed {
		e.t.mu.Unlock()
		return errors.Join(rcl.ErrClosed, part.Close())
	}
	e.parts = append(e.parts, part)
	for id, x := range made {
		if err := e.t.graph.made(e, id, x); err != nil {
			e.t.log.Warn().Err(err).Send()
		}
	}
	e.t.mu.Unlock()
	if err := e.t.tell(); err != nil {
		return errors.Join(err, part.Close())
	}
	return nil
}

// drop takes a part that closes by itself out of the node, and says so before it goes.
func (e *endpoint) drop(part io.Closer, made ...guid) error {
	e.t.mu.Lock()
	was := len(e.parts)
	e.parts = slices.DeleteFunc(e.parts, func(x io.Closer) bool { return x == part })
	known := len(e.parts) < was
	e.t.mu.Unlock()
	if !known {
		return nil
	}
	for _, id := range made {
		e.t.graph.gone(e, id)
	}
	return e.t.tell()
}

// may says whether the node can use a topic with a type: not when it is closed,
// nor when this process uses it with another. Another process's may be known
// only later; it is logged, whoever came first.
func (e *endpoint) may(topic, typeName string) error {
	e.t.mu.Lock()
	closed := e.closed
	e.t.mu.Unlock()
	if closed {
		return rcl.ErrClosed
	}
	if have := e.t.graph.carries(topic); have != "" && have != typeName {
		return fmt.Errorf("%s carries %s, not %s: remap one of them", topic, have, typeName)
	}
	return nil
}

// Close implements rcl.Endpoint.
func (e *endpoint) Close() error {
	e.t.mu.Lock()
	if e.closed {
		e.t.mu.Unlock()
		return nil
	}
	e.closed = true
	parts := e.parts
	e.parts = nil
	e.t.nodes = slices.DeleteFunc(e.t.nodes, func(x *endpoint) bool { return x == e })
	e.t.mu.Unlock()
	e.t.graph.leave(e)
	told := e.t.tell()
	// Each part's end waits for Cyclone DDS's housekeeping: they wait together.
	errs := make([]error, len(parts))
	var ending sync.WaitGroup
	for i, p := range parts {
		ending.Go(func() { errs[i] = p.Close() })
	}
	ending.Wait()
	return errors.Join(append(errs, told)...)
}

// Graph implements rcl.Endpoint.
func (e *endpoint) Graph() rcl.Graph { return e.t.graph.snapshot() }

// publisher implements rcl.Writer.
type publisher struct {
	e *endpoint
	w *writer
}

// Advertise implements rcl.Endpoint.
func (e *endpoint) Advertise(topic, typeName string, qos rcl.QoS) (rcl.Writer, error) {
	if err := e.may(ddsTopic(topic), typeName); err != nil {
		return nil, err
	}
	d := ddsQoS(qos, qos.KeepLast())
	defer C.dds_delete_qos(d)
	w, err := e.t.newWriter(ddsTopic(topic), typeName, d)
	if err != nil {
		return nil, err
	}
	if err := w.watch(C.DDS_OFFERED_INCOMPATIBLE_QOS_STATUS, func() {
		var s C.dds_offered_incompatible_qos_status_t
		if C.dds_get_offered_incompatible_qos_status(w.entity, &s) == 0 && s.total_count_change > 0 {
			e.mismatch(topic, "a subscription requests another "+policy(s.last_policy_id)+" than this publisher offers")
		}
	}); err != nil {
		return nil, errors.Join(err, w.close())
	}
	p := &publisher{e, w}
	return p, e.keep(p, map[guid]entity{w.id: {topic: ddsTopic(topic), typeName: typeName, qos: qos}})
}

func (e *endpoint) mismatch(topic, what string) {
	e.t.log.Warn().Stringer("node", e.name).Str("topic", topic).
		Msgf("incompatible quality of service: no message will pass, %s", what)
}

// Publish implements rcl.Writer.
func (p *publisher) Publish(m msgs.Message) error { return p.w.publish(m) }

// Matched implements rcl.Writer.
func (p *publisher) Matched() int {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if p.w.closed {
		return 0
	}
	return p.w.matched()
}

// Close implements rcl.Writer.
func (p *publisher) Close() error { return errors.Join(p.e.drop(p, p.w.id), p.w.close()) }

type subscription struct {
	e *endpoint
	r *reader
}

// Subscribe implements rcl.Endpoint.
func (e *endpoint) Subscribe(topic, typeName string, qos rcl.QoS, deliver func(rcl.Sample)) (io.Closer, error) {
	if err := e.may(ddsTopic(topic), typeName); err != nil {
		return nil, err
	}
	d := ddsQoS(qos, max(qos.KeepLast(), readerHistory))
	defer C.dds_delete_qos(d)
	r, err := e.t.newReader(ddsTopic(topic), typeName, d)
	if err != nil {
		return nil, err
	}
	err = r.watch(C.DDS_REQUESTED_INCOMPATIBLE_QOS_STATUS, func() {
		var s C.dds_requested_incompatible_qos_status_t
		if C.dds_get_requested_incompatible_qos_status(r.entity, &s) == 0 && s.total_count_change > 0 {
			e.mismatch(topic, "a publisher offers another "+policy(s.last_policy_id)+" than this subscription requests")
		}
	})
	if err == nil {
		err = r.start(func(s *sample) {
			deliver(rcl.Sample{CDR: bytesOf(s), Publisher: r.writer(s.writer), Sequence: uint64(s.sequence), Sent: sent(s.sent)})
		})
	}
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	s := &subscription{e, r}
	return s, e.keep(s, map[guid]entity{r.id: {topic: ddsTopic(topic), typeName: typeName, qos: qos, reader: true}})
}

// Close ends the subscription; not to be called from deliver.
func (s *subscription) Close() error { return errors.Join(s.e.drop(s, s.r.id), s.r.close()) }

// sent is a time stamp of DDS; zero when the writer gave none.
func sent(ns C.int64_t) time.Time {
	if ns <= 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(ns))
}
