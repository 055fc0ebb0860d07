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
	"unsafe"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// writer is a DDS writer.
type writer struct {
	t        *Transport
	entity   C.dds_entity_t
	id       guid
	topic    string
	typeName string
	kind     *C.struct_ddsi_sertype
	latched  bool // keeps messages for those who come later
	sources  []source

	mu       sync.Mutex
	closed   bool
	sequence uint64
}

func (t *Transport) newWriter(topic, typeName string, qos *C.dds_qos_t) (*writer, error) {
	tp, kind, err := t.topic(topic, typeName)
	if err != nil {
		return nil, err
	}
	defer C.dds_delete(tp)
	w := &writer{t: t, topic: topic, typeName: typeName, kind: kind}
	var durability C.dds_durability_kind_t
	w.latched = bool(C.dds_qget_durability(qos, &durability)) && durability != C.DDS_DURABILITY_VOLATILE
	w.entity = C.dds_create_writer(t.participant, tp, qos, nil)
	if err := check(w.entity, "creating a writer of "+topic); err != nil {
		return nil, err
	}
	if w.id, err = guidOf(w.entity); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// watch has fn called when a status of the writer has changed.
func (w *writer) watch(statuses C.uint32_t, fn func()) error {
	s, err := w.t.waiter.watch(w.entity, statuses, func() {
		w.mu.Lock()
		closed := w.closed
		w.mu.Unlock()
		if !closed {
			fn()
		}
	})
	w.sources = append(w.sources, s)
	return err
}

// publish sends a message; encoding it nowhere but into the buffer that is sent.
func (w *writer) publish(m msgs.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return rcl.ErrClosed
	}
	if !w.latched && w.matched() == 0 {
		return nil
	}
	size := msgs.Size(m)
	return w.send(size, func(to []byte) error {
		if got := msgs.AppendCDR(to[:0:size], m); len(got) != size {
			return fmt.Errorf("topic %s: the message changed from %d to %d bytes while it was published: a published message is immutable", w.topic, size, len(got))
		}
		return nil
	})
}

// send sends size bytes that fill writes; w.mu is held.
func (w *writer) send(size int, fill func(to []byte) error) error {
	var data unsafe.Pointer
	blob := C.blob_new(w.kind, C.size_t(size), &data)
	if blob == nil {
		return fmt.Errorf("topic %s: no memory for a message of %d bytes", w.topic, size)
	}
	if err := fill(unsafe.Slice((*byte)(data), size)); err != nil {
		C.blob_free(blob)
		return err
	}
	if err := check(C.blob_write(w.entity, blob, C.uint64_t(w.sequence+1)), "publishing on "+w.topic); err != nil {
		return err
	}
	w.sequence++
	return nil
}

// matched is the number of readers that hear it; w.mu is held and it is open.
func (w *writer) matched() int {
	var s C.dds_publication_matched_status_t
	if C.dds_get_publication_matched_status(w.entity, &s) < 0 {
		return 0
	}
	return int(s.current_count)
}

// close ends the writer. What others have not confirmed yet goes on being sent
// for Options.Linger, which nobody but Transport.Close waits for.
func (w *writer) close() error {
	w.t.waiter.detach(w.sources...)
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	w.mu.Unlock()
	if C.dds_wait_for_acks(w.entity, 0) != C.DDS_RETCODE_TIMEOUT {
		return check(C.dds_delete(w.entity), "deleting a writer")
	}
	w.t.lingering.Go(func() {
		if err := check(C.dds_delete(w.entity), "deleting a writer"); err != nil {
			w.t.log.Warn().Err(err).Str("topic", w.topic).Send()
		}
	})
	return nil
}
