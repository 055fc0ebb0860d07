package recorder

import (
	"sync"
	"sync/atomic"

	"cobot_vla/nodes/recorder/episode"
)

// recording is an episode on its way to the disk: the goroutine that writes it.
type recording struct {
	w      *episode.Writer
	queue  *queue
	wait   bool // for room: in simulated time
	failed func(error)
	done   chan struct{}
	once   sync.Once
	size   atomic.Int64

	// The goroutine's.
	streams map[*stream]bool // announced
	err     error
}

// record starts writing; failed hears of the first error, from the goroutine.
func record(w *episode.Writer, queueBytes int, wait bool, failed func(error)) *recording {
	r := &recording{w: w, queue: newQueue(queueBytes), wait: wait, failed: failed, done: make(chan struct{}), streams: map[*stream]bool{}}
	r.size.Store(w.Size())
	go r.run()
	return r
}

func (r *recording) run() {
	defer close(r.done)
	for {
		it, ok := r.queue.pop()
		if !ok {
			return
		}
		if r.err != nil { // a queue that nobody empties would hold up simulated time
			continue
		}
		if r.err = r.write(it); r.err != nil {
			r.failed(r.err)
		}
		r.size.Store(r.w.Size())
	}
}

func (r *recording) write(it item) error {
	s := it.stream
	if s == nil {
		r.w.Losses(it.losses)
		return r.w.Tick(it.arrival)
	}
	if !r.streams[s] {
		if err := r.w.Stream(s.topic, s.typeName, s.qos); err != nil {
			return err
		}
		r.streams[s] = true
	}
	if it.message != nil {
		return r.w.Message(s.topic, it.arrival, it.message)
	}
	return r.w.CDR(s.topic, it.arrival, it.cdr)
}

// finish writes what waits and ends the file. Only the first call does.
func (r *recording) finish(result episode.Result) (e *episode.Episode, err error) {
	r.once.Do(func() {
		r.queue.close()
		<-r.done
		e, err = r.w.Finish(result)
	})
	return e, err
}
