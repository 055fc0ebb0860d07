//go:build dds

package dds

/*
#include "blob.h"
*/
import "C"

import (
	"sync"

	"github.com/rs/zerolog"
)

// waiter is the goroutine that waits for Cyclone DDS. A listener would save the
// few microseconds of waking it, but runs Go code on Cyclone DDS's own threads:
// the one that receives from the network would wait for a node, and a publisher
// would run its subscribers. A waitset also ends cleanly: after stop nothing runs.
type waiter struct {
	log     *zerolog.Logger
	waitset C.dds_entity_t
	bell    C.dds_entity_t // guard condition that ends the waiting
	ended   chan struct{}

	mu      sync.Mutex
	sources map[source]func()
	last    source
	stopped bool
}

// source is what waiter waits for: an entity of Cyclone DDS and what to call.
type source C.dds_attach_t

func newWaiter(participant C.dds_entity_t, log *zerolog.Logger) (*waiter, error) {
	w := &waiter{log: log, sources: map[source]func(){}, ended: make(chan struct{})}
	w.waitset = C.dds_create_waitset(participant)
	if err := check(w.waitset, "creating the waitset"); err != nil {
		return nil, err
	}
	w.bell = C.dds_create_guardcondition(participant)
	if err := check(w.bell, "creating a guard condition"); err != nil {
		return nil, err
	}
	_, err := w.attach(w.bell, func() {})
	return w, err
}

// attach calls fn on the waiter's goroutine as long as e is triggered: a read
// condition while there is something to take, a reader or writer while a status
// of its mask has changed. Detach before e is deleted.
func (w *waiter) attach(e C.dds_entity_t, fn func()) (source, error) {
	w.mu.Lock()
	w.last++
	s := w.last
	w.sources[s] = fn
	w.mu.Unlock()
	return s, check(C.dds_waitset_attach(w.waitset, e, C.dds_attach_t(s)), "attaching to the waitset")
}

// watch is attach for an entity's statuses.
func (w *waiter) watch(e C.dds_entity_t, statuses C.uint32_t, fn func()) (source, error) {
	if err := check(C.dds_set_status_mask(e, statuses), "setting the status mask"); err != nil {
		return 0, err
	}
	return w.attach(e, fn)
}

// detach forgets a source; a call of it may still be under way.
func (w *waiter) detach(sources ...source) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range sources {
		delete(w.sources, s)
	}
}

func (w *waiter) run() {
	defer close(w.ended)
	ready := make([]C.dds_attach_t, 64)
	for {
		n := C.dds_waitset_wait(w.waitset, &ready[0], C.size_t(len(ready)), infinity)
		if err := failure(n); err != nil {
			w.log.Error().Err(err).Msg("waiting for Cyclone DDS: nothing more will be received")
			return
		}
		for _, id := range ready[:min(int(n), len(ready))] {
			w.mu.Lock()
			fn, stopped := w.sources[source(id)], w.stopped
			w.mu.Unlock()
			if stopped {
				return
			}
			if fn != nil {
				fn()
			}
		}
	}
}

// stop ends run, after the call under way.
func (w *waiter) stop() error {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	err := check(C.dds_set_guardcondition(w.bell, true), "ending the waiting")
	if err == nil {
		<-w.ended
	}
	return err
}
