package intra

import (
	"io"
	"slices"
	"strconv"
	"sync"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// topic joins its publishers and subscriptions. One lock orders all that happens
// on it: a message is delivered to all while it is held, so nothing comes after
// a subscription's Close, and a late one misses nothing between the kept
// messages and the live ones.
type topic struct {
	mu       sync.Mutex
	typeName string
	writers  []*writer
	readers  []*reader
}

// carries gives the topic a type when nobody uses it, and returns its type.
func (tp *topic) carries(typeName string) string {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	if len(tp.writers)+len(tp.readers) == 0 {
		tp.typeName = typeName
	}
	return tp.typeName
}

func (tp *topic) info(name string) rcl.TopicInfo {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	info := rcl.TopicInfo{Name: name, Type: tp.typeName}
	for _, w := range tp.writers {
		info.Publishers = append(info.Publishers, rcl.EndpointInfo{Node: w.e.name, QoS: w.qos})
	}
	for _, r := range tp.readers {
		info.Subscribers = append(info.Subscribers, rcl.EndpointInfo{Node: r.e.name, QoS: r.qos})
	}
	return info
}

type writer struct {
	e     *endpoint
	topic *topic
	qos   rcl.QoS
	id    string

	// By topic.mu.
	closed bool
	seq    uint64
	kept   []rcl.Sample // transient local: the last Depth samples
}

type reader struct {
	e       *endpoint
	topic   *topic
	qos     rcl.QoS
	deliver func(rcl.Sample)
}

// Advertise implements rcl.Endpoint.
func (e *endpoint) Advertise(name, typeName string, qos rcl.QoS) (rcl.Writer, error) {
	e.t.mu.Lock()
	defer e.t.mu.Unlock()
	tp, err := e.topic(name, typeName)
	if err != nil {
		return nil, err
	}
	e.t.ids++
	w := &writer{e: e, topic: tp, qos: qos, id: e.name.String() + "#" + strconv.Itoa(e.t.ids)}
	e.parts = append(e.parts, w)
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.writers = append(tp.writers, w)
	return w, nil
}

// Subscribe implements rcl.Endpoint.
func (e *endpoint) Subscribe(name, typeName string, qos rcl.QoS, deliver func(rcl.Sample)) (io.Closer, error) {
	e.t.mu.Lock()
	defer e.t.mu.Unlock()
	tp, err := e.topic(name, typeName)
	if err != nil {
		return nil, err
	}
	r := &reader{e: e, topic: tp, qos: qos, deliver: deliver}
	e.parts = append(e.parts, r)
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.readers = append(tp.readers, r)
	if qos.Durability == rcl.TransientLocal {
		for _, w := range tp.writers {
			for _, s := range w.kept {
				w.give(r, s)
			}
		}
	}
	return r, nil
}

// Publish implements rcl.Writer.
func (w *writer) Publish(m msgs.Message) error {
	tp := w.topic
	tp.mu.Lock()
	defer tp.mu.Unlock()
	if w.closed {
		return rcl.ErrClosed
	}
	w.seq++
	s := rcl.Sample{Message: m, Publisher: w.id, Sequence: w.seq}
	if w.qos.Durability == rcl.TransientLocal {
		if len(w.kept) == w.qos.KeepLast() {
			w.kept = slices.Delete(w.kept, 0, 1)
		}
		w.kept = append(w.kept, s)
	}
	for _, r := range tp.readers {
		w.give(r, s)
	}
	return nil
}

func (w *writer) give(r *reader, s rcl.Sample) {
	if ok, _ := w.qos.Compatible(r.qos); ok {
		r.deliver(s)
	}
}

// Matched implements rcl.Writer.
func (w *writer) Matched() int {
	w.topic.mu.Lock()
	defer w.topic.mu.Unlock()
	n := 0
	for _, r := range w.topic.readers {
		if ok, _ := w.qos.Compatible(r.qos); ok && !w.closed {
			n++
		}
	}
	return n
}

// Close implements rcl.Writer.
func (w *writer) Close() error {
	w.e.forget(w)
	w.topic.mu.Lock()
	defer w.topic.mu.Unlock()
	w.closed, w.kept = true, nil
	w.topic.writers = slices.DeleteFunc(w.topic.writers, func(x *writer) bool { return x == w })
	return nil
}

// Close ends a subscription.
func (r *reader) Close() error {
	r.e.forget(r)
	r.topic.mu.Lock()
	defer r.topic.mu.Unlock()
	r.topic.readers = slices.DeleteFunc(r.topic.readers, func(x *reader) bool { return x == r })
	return nil
}
