package can

import (
	"io"
	"sync"
)

// outbox queues records for a writer goroutine, so that sending never blocks.
type outbox struct {
	limit int // records

	mu     sync.Mutex
	queue  []byte
	closed bool
	wake   chan struct{} // holds one token when there is something to do
}

func newOutbox(limit int) *outbox { return &outbox{limit: limit, wake: make(chan struct{}, 1)} }

// put queues f, or returns ErrBufferFull or ErrClosed.
func (o *outbox) put(f Frame) error {
	return o.append(func(queue []byte) []byte { return appendWire(queue, f) })
}

// tell queues a report of the controller's state.
func (o *outbox) tell(s State) error {
	return o.append(func(queue []byte) []byte { return appendWireState(queue, s) })
}

func (o *outbox) append(record func([]byte) []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return ErrClosed
	}
	if len(o.queue) >= o.limit*wireSize {
		return ErrBufferFull
	}
	o.queue = record(o.queue)
	o.signal()
	return nil
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// close lets run end once it has written what is queued.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.signal()
}

// run writes what is queued, many records at a time, until close or an error of w.
func (o *outbox) run(w io.Writer) error {
	var spare []byte
	for range o.wake {
		o.mu.Lock()
		batch, closed := o.queue, o.closed
		o.queue = spare[:0]
		o.mu.Unlock()
		if len(batch) > 0 {
			if _, err := w.Write(batch); err != nil {
				o.close()
				return err
			}
		}
		if closed {
			return nil
		}
		spare = batch
	}
	return nil
}
