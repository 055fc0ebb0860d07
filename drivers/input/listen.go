package input

import "sync"

// listeners are those who hear a device.
type listeners struct {
	mu     sync.Mutex // held while one is told
	fns    map[int]func(Event)
	next   int
	closed bool
}

func (l *listeners) add(fn func(Event)) (cancel func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return func() {}
	}
	if l.fns == nil {
		l.fns = map[int]func(Event){}
	}
	id := l.next
	l.next++
	l.fns[id] = fn
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.fns, id)
	}
}

// tell tells all, in the order they began to listen.
func (l *listeners) tell(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.next {
		if fn := l.fns[id]; fn != nil {
			fn(e)
		}
	}
}

// close makes sure that nobody is told any more, and says whether it was open.
func (l *listeners) close() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := !l.closed
	l.closed, l.fns = true, nil
	return was
}
