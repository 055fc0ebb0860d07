package can

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// stream is the receiving half of a bus behind a file descriptor: one reader
// goroutine that lives until Close or until the other side is gone.
type stream struct {
	name  string
	conn  net.Conn
	heard listeners
	state atomic.Uint32

	closing sync.Once
	closed  atomic.Bool
	done    chan struct{} // the reader has ended; cause is final
	cause   error
}

func (s *stream) start(r wireReader, retry func(error) bool) {
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		s.cause = s.read(r, retry)
		s.conn.Close() // a writer that waits shall not wait for ever
	}()
}

// read delivers frames until the connection ends. retry says whether a failed
// read is worth another.
func (s *stream) read(r wireReader, retry func(error) bool) error {
	for {
		rec, err := r.next()
		switch {
		case err != nil && retry(err):
			continue
		case err != nil:
			return err
		case rec.hasState:
			s.state.Store(uint32(rec.state))
		case rec.isFrame:
			s.recovered()
			for _, l := range s.heard.snapshot() {
				l.call(rec.frame)
			}
		}
	}
}

// recovered notes traffic on a bus that was reported dead: it was restarted.
func (s *stream) recovered() {
	s.state.CompareAndSwap(uint32(BusOff), uint32(Up))
	s.state.CompareAndSwap(uint32(Down), uint32(Up))
}

// ready is the error of a Send that need not be tried.
func (s *stream) ready(f Frame) error {
	if err := f.Validate(); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	if s.closed.Load() {
		return fmt.Errorf("%s: %w", s.name, ErrClosed)
	}
	select {
	case <-s.done:
		return fmt.Errorf("%s: %w: %w", s.name, ErrClosed, s.cause)
	default:
	}
	if State(s.state.Load()) == BusOff {
		return fmt.Errorf("%s: %w", s.name, ErrBusOff)
	}
	return nil
}

// Name implements Bus.
func (s *stream) Name() string { return s.name }

// Listen implements Bus.
func (s *stream) Listen(fn func(Frame)) (cancel func()) {
	if s.closed.Load() {
		return func() {}
	}
	return s.heard.add(nil, fn)
}

// State implements Bus.
func (s *stream) State() State {
	select {
	case <-s.done:
		return Down
	default:
	}
	if s.closed.Load() {
		return Down
	}
	return State(s.state.Load())
}

// shut closes the connection once and waits for the reader.
func (s *stream) shut(before func()) (err error) {
	s.closing.Do(func() {
		s.closed.Store(true)
		before()
		if err = s.conn.Close(); errors.Is(err, net.ErrClosed) {
			err = nil
		}
		<-s.done
		s.heard.stopAll()
	})
	return err
}
