//go:build dds

package dds

/*
#include "blob.h"
*/
import "C"

import (
	"encoding/hex"
	"errors"
	"strconv"
	"sync"
)

// sample is one sample that was taken, good until receive returns.
type sample = C.struct_blob_sample

// reader is a DDS reader whose samples go to receive, on the waiter's goroutine,
// one after the other.
type reader struct {
	t        *Transport
	entity   C.dds_entity_t
	id       guid
	topic    string
	typeName string
	sources  []source

	// By the waiter's goroutine.
	receive func(*sample)
	taken   [16]sample
	writers map[C.uint64_t]string // that were heard, by handle

	mu     sync.Mutex // held while receiving: nothing is received once close has returned
	closed bool
}

// newReader makes a reader; start it.
func (t *Transport) newReader(topic, typeName string, qos *C.dds_qos_t) (*reader, error) {
	tp, _, err := t.topic(topic, typeName)
	if err != nil {
		return nil, err
	}
	defer C.dds_delete(tp)
	r := &reader{t: t, topic: topic, typeName: typeName, writers: map[C.uint64_t]string{}}
	r.entity = C.dds_create_reader(t.participant, tp, qos, nil)
	if err := check(r.entity, "creating a reader of "+topic); err != nil {
		return nil, err
	}
	if r.id, err = guidOf(r.entity); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// start begins to receive.
func (r *reader) start(receive func(*sample)) error {
	r.receive = receive
	available := C.dds_create_readcondition(r.entity, C.DDS_ANY_STATE)
	if err := check(available, "creating a read condition"); err != nil {
		return err
	}
	s, err := r.t.waiter.attach(available, r.take)
	r.sources = append(r.sources, s)
	return err
}

// watch has fn called when a status of the reader has changed.
func (r *reader) watch(statuses C.uint32_t, fn func()) error {
	s, err := r.t.waiter.watch(r.entity, statuses, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !r.closed {
			fn()
		}
	})
	r.sources = append(r.sources, s)
	return err
}

// take receives some of what is there: the other readers get their turn, then
// the waiter comes back for the rest.
func (r *reader) take() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	n := C.blob_take(r.entity, &r.taken[0], C.int(len(r.taken)))
	if err := check(n, "taking"); err != nil {
		r.t.log.Error().Err(err).Msg("a message may be lost")
		return
	}
	for i := range r.taken[:n] {
		r.receive(&r.taken[i])
	}
	C.blob_release(&r.taken[0], n)
}

// writer names a writer that was heard: its GUID in hexadecimal.
func (r *reader) writer(handle C.uint64_t) string {
	name, ok := r.writers[handle]
	if ok {
		return name
	}
	if len(r.writers) >= 256 { // they come and go
		clear(r.writers)
	}
	name = "gone-" + strconv.FormatUint(uint64(handle), 16) // left before its message was delivered
	if p := C.dds_get_matched_publication_data(r.entity, C.dds_instance_handle_t(handle)); p != nil {
		id := goGUID(p.key)
		name = hex.EncodeToString(id[:])
		C.dds_builtintopic_free_endpoint(p)
	}
	r.writers[handle] = name
	return name
}

func (r *reader) close() error {
	r.t.waiter.detach(r.sources...)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	return check(C.dds_delete(r.entity), "deleting a reader")
}

// bytesOf copies a sample's bytes.
func bytesOf(s *sample) []byte { return C.GoBytes(s.data, C.int(s.size)) }
