package recorder

import (
	"sync"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/recorder/episode"
)

// item is a message on its way to the file, or, without a stream, news of what
// was lost, which is also a tick of the clock.
type item struct {
	stream  *stream
	arrival time.Time
	message msgs.Message // or
	cdr     []byte
	bytes   int
	losses  []episode.Losses
}

// queue is bounded in items and bytes; a message bigger than all of it passes when it is alone.
type queue struct {
	maxItems, maxBytes int

	mu     sync.Mutex
	change sync.Cond
	items  []item
	bytes  int
	closed bool
}

// maxWaiting is the most messages that wait for the disk: 20 s of a busy robot's.
const maxWaiting = 1 << 15

func newQueue(maxBytes int) *queue {
	q := &queue{maxItems: maxWaiting, maxBytes: maxBytes}
	q.change.L = &q.mu
	return q
}

func (q *queue) full(bytes int) bool {
	return len(q.items) > 0 && (len(q.items) >= q.maxItems || q.bytes+bytes > q.maxBytes)
}

// push adds an item. When there is no room it waits, or refuses it: false.
// After close it takes nothing.
func (q *queue) push(it item, wait bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for wait && q.full(it.bytes) && !q.closed {
		q.change.Wait()
	}
	if q.closed || q.full(it.bytes) {
		return false
	}
	q.items = append(q.items, it)
	q.bytes += it.bytes
	q.change.Broadcast()
	return true
}

// pop takes the oldest item; false when the queue is closed and empty.
func (q *queue) pop() (item, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 && !q.closed {
		q.change.Wait()
	}
	if len(q.items) == 0 {
		return item{}, false
	}
	it := q.items[0]
	q.items[0] = item{}
	q.items = q.items[1:]
	q.bytes -= it.bytes
	q.change.Broadcast()
	return it, true
}

// close lets pop empty the queue.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.change.Broadcast()
}
