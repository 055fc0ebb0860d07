//go:build ros2

package ros2

/*
#include <stdlib.h>
#include "bridge.h"
*/
import "C"

import (
	"fmt"
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/rs/zerolog"
)

// waiter is the goroutine that waits for everything of a transport that arrives.
type waiter struct {
	log   *zerolog.Logger
	c     *C.struct_ros2_waiter // rcl's, which must not move
	ended chan struct{}

	mu      sync.Mutex
	seen    sync.Cond // round has grown
	sources []*source
	changes uint64 // of sources
	round   uint64 // changes that the wait under way knows of
	stopped bool
}

// source is something to wait for, and what to call on the waiter's goroutine
// when it has something. fn does not attach, detach or stop.
type source struct {
	kind   C.enum_ros2_kind
	handle unsafe.Pointer
	fn     func()
}

func newWaiter(context *C.rcl_context_t, log *zerolog.Logger) (*waiter, error) {
	w := &waiter{log: log, ended: make(chan struct{})}
	w.seen.L = &w.mu
	w.c = (*C.struct_ros2_waiter)(C.calloc(1, C.sizeof_struct_ros2_waiter))
	if w.c == nil {
		return nil, fmt.Errorf("ros2: no memory for a wait set")
	}
	var f C.struct_ros2_failure
	if err := failure(C.ros2_waiter_init(w.c, context, &f), &f, "making a wait set"); err != nil {
		C.free(unsafe.Pointer(w.c))
		return nil, err
	}
	return w, nil
}

// attach has sources waited for from now on.
func (w *waiter) attach(s ...*source) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sources = append(w.sources, s...)
	w.change()
}

// detach has sources no longer waited for: when it returns, their handles may go.
// It waits for one round of the waiter, so detach together what goes together;
// again what is detached already costs nothing.
func (w *waiter) detach(s ...*source) {
	gone := make(map[*source]bool, len(s))
	for _, x := range s {
		gone[x] = true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	was := len(w.sources)
	w.sources = slices.DeleteFunc(w.sources, func(x *source) bool { return gone[x] })
	if len(w.sources) < was {
		w.change()
	}
	for want := w.changes; w.round < want && !w.stopped; {
		w.seen.Wait()
	}
}

// change ends the wait under way; w.mu is held.
func (w *waiter) change() {
	w.changes++
	if !w.stopped {
		C.ros2_waiter_ring(w.c)
	}
}

func (w *waiter) run() {
	defer close(w.ended)
	var sources []*source
	var waiting []C.struct_ros2_source
	for {
		w.mu.Lock()
		if w.stopped {
			w.mu.Unlock()
			return
		}
		if w.round != w.changes {
			sources = slices.Clone(w.sources)
			waiting = make([]C.struct_ros2_source, len(sources))
			for i, s := range sources {
				waiting[i] = C.struct_ros2_source{kind: s.kind, handle: s.handle}
			}
			w.round = w.changes
			w.seen.Broadcast()
		}
		w.mu.Unlock()
		var f C.struct_ros2_failure
		rc := C.ros2_wait(w.c, unsafe.SliceData(waiting), C.size_t(len(waiting)), &f)
		if err := failure(rc, &f, "waiting"); err != nil {
			w.log.Error().Err(err).Msg("nothing is received until waiting works again")
			time.Sleep(100 * time.Millisecond)
			continue
		}
		for i, s := range sources {
			if waiting[i].ready {
				s.fn()
			}
		}
	}
}

// stop ends run, after the call under way.
func (w *waiter) stop() error {
	w.mu.Lock()
	w.change()
	w.stopped = true
	w.seen.Broadcast()
	w.mu.Unlock()
	<-w.ended
	var f C.struct_ros2_failure
	err := failure(C.ros2_waiter_fini(w.c, &f), &f, "ending a wait set")
	C.free(unsafe.Pointer(w.c))
	return err
}
