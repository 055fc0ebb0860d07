package rcl

import (
	"container/heap"
	"time"
)

// event is a function and when it falls due.
type event struct {
	at    time.Time
	seq   uint64
	fn    func() // nil once cancelled or taken
	index int    // in the heap; -1 outside
}

// take gives an event's function, once.
func (e *event) take() func() {
	fn := e.fn
	e.fn = nil
	return fn
}

// events hands out events in the order (time due, order of asking).
type events struct {
	heap eventHeap
	seq  uint64
}

func (q *events) add(at time.Time, fn func()) *event {
	q.seq++
	e := &event{at: at, seq: q.seq, fn: fn}
	heap.Push(&q.heap, e)
	return e
}

// first is when the next event falls due.
func (q *events) first() (at time.Time, ok bool) {
	if len(q.heap) == 0 {
		return time.Time{}, false
	}
	return q.heap[0].at, true
}

func (q *events) pop() *event { return heap.Pop(&q.heap).(*event) }

// cancel is final, wherever the event is by now.
func (q *events) cancel(e *event) {
	e.fn = nil
	if e.index >= 0 {
		heap.Remove(&q.heap, e.index)
	}
}

// bringForward makes all that waits fall due at t, in the same order.
func (q *events) bringForward(t time.Time) {
	waiting := q.heap
	q.heap = nil
	for len(waiting) > 0 {
		e := heap.Pop(&waiting).(*event)
		q.seq++
		e.at, e.seq = t, q.seq
		heap.Push(&q.heap, e)
	}
}

type eventHeap []*event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	if c := h[i].at.Compare(h[j].at); c != 0 {
		return c < 0
	}
	return h[i].seq < h[j].seq
}
func (h eventHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *eventHeap) Push(x any) { e := x.(*event); e.index = len(*h); *h = append(*h, e) }
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	e.index = -1
	return e
}
