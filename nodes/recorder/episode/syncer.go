package episode

import "sync"

// syncer syncs a file on a goroutine of its own: a slow disk must not keep the
// writer from taking messages. Requests made while it syncs become one.
type syncer struct {
	wanted chan struct{} // buffered 1
	done   chan struct{}

	mu  sync.Mutex
	err error
}

func newSyncer(f File) *syncer {
	s := &syncer{wanted: make(chan struct{}, 1), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for range s.wanted {
			if err := f.Sync(); err != nil {
				s.mu.Lock()
				s.err = err
				s.mu.Unlock()
			}
		}
	}()
	return s
}

// request asks for a sync and returns the error of an earlier one.
func (s *syncer) request() error {
	select {
	case s.wanted <- struct{}{}:
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// close waits for the last sync.
func (s *syncer) close() error {
	close(s.wanted)
	<-s.done
	return s.err
}
