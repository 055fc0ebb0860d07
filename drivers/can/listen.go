package can

import "sync"

// listener is one Listen or Tap. Its lock is held while fn runs, so that
// whoever stops it waits for fn.
type listener struct {
	owner *endpoint // the end of a virtual bus it belongs to; nil elsewhere
	mu    sync.Mutex
	gone  bool
	fn    func(Frame)
}

func (l *listener) call(f Frame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.gone {
		l.fn(f)
	}
}

func (l *listener) stop() {
	l.mu.Lock()
	l.gone = true
	l.mu.Unlock()
}

// listeners is the set of those that hear a bus.
type listeners struct {
	mu  sync.Mutex
	all []*listener // replaced, never changed: deliveries walk a snapshot
}

func (s *listeners) snapshot() []*listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all
}

func (s *listeners) add(owner *endpoint, fn func(Frame)) (cancel func()) {
	l := &listener{owner: owner, fn: fn}
	s.mu.Lock()
	s.all = append(s.all[:len(s.all):len(s.all)], l)
	s.mu.Unlock()
	return func() { s.stop(func(other *listener) bool { return other == l }); l.stop() }
}

// stop removes the listeners that match, and waits for those that are being called.
func (s *listeners) stop(match func(*listener) bool) {
	s.mu.Lock()
	var kept, removed []*listener
	for _, l := range s.all {
		if match(l) {
			removed = append(removed, l)
		} else {
			kept = append(kept, l)
		}
	}
	s.all = kept
	s.mu.Unlock()
	for _, l := range removed {
		l.stop()
	}
}

func (s *listeners) stopAll() { s.stop(func(*listener) bool { return true }) }
