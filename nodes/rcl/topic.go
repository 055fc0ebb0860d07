package rcl

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"cobot_vla/msgs"
)

// Publisher sends messages of type T.
type Publisher[T any] struct {
	topic  string
	n      *Node
	writer Writer
}

// Advertise makes a publisher on a topic.
func Advertise[T any, P msgs.Ptr[T]](n *Node, topic string, qos QoS) (*Publisher[T], error) {
	full, w, err := advertise(n, topic, P(new(T)).TypeName(), qos)
	if err != nil {
		return nil, err
	}
	return &Publisher[T]{topic: full, n: n, writer: w}, nil
}

func advertise(n *Node, topic, typeName string, qos QoS) (string, Writer, error) {
	full, err := n.resolve(topic, TopicName)
	if err != nil {
		return "", nil, err
	}
	w, err := n.endpoint.Advertise(full, typeName, qos)
	if err != nil {
		return "", nil, fmt.Errorf("rcl: node %s: publisher on %s: %w", n.name, full, err)
	}
	if err := n.keep(w); err != nil {
		return "", nil, err
	}
	for _, other := range n.topicInfo(full).Subscribers {
		n.warnMismatch(full, qos, other.QoS, other.Node)
	}
	return full, w, nil
}

// topicInfo is what the graph knows of a topic now.
func (n *Node) topicInfo(topic string) TopicInfo {
	for _, t := range n.Graph().Topics {
		if t.Name == topic {
			return t
		}
	}
	return TopicInfo{}
}

// warnMismatch says why two ends of a topic don't hear each other, as ROS 2 does:
// silence is hard to find.
func (n *Node) warnMismatch(topic string, offered, requested QoS, peer FullName) {
	if ok, policy := offered.Compatible(requested); !ok {
		n.log.Warn().Str("topic", topic).Stringer("peer", peer).
			Msgf("incompatible quality of service: no message will pass, the publisher offers another %s than the subscription requests", policy)
	}
}

// Publish sends m. m and all it points to belong to the subscribers afterwards:
// nobody changes it any more.
func (p *Publisher[T]) Publish(m *T) error { return p.writer.Publish(any(m).(msgs.Message)) }

// Topic is the resolved name.
func (p *Publisher[T]) Topic() string { return p.topic }

// Matched is the number of subscriptions that hear it; work for nobody can be saved.
func (p *Publisher[T]) Matched() int { return p.writer.Matched() }

// Close ends the publisher.
func (p *Publisher[T]) Close() error {
	p.n.drop(p.writer)
	return p.writer.Close()
}

// Info is what is known of a message besides its content.
type Info struct {
	// Received is when it entered the queue, by the node's clock.
	Received time.Time
	// Sent is when it was published, by the publisher's clock; zero when unknown.
	Sent time.Time
	// Publisher identifies its publisher.
	Publisher string
	// Sequence grows by one with each message of a publisher; 0 when unknown.
	Sequence uint64
}

// Stats counts a subscription's messages.
type Stats struct {
	Received  uint64 // entered the queue
	Dropped   uint64 // pushed out of the queue by newer ones
	Lost      uint64 // never arrived, by the publishers' sequence numbers or the transport's count
	Malformed uint64 // could not be decoded
	Deadlines uint64 // deadline periods without a message
}

// Subscription receives messages.
type Subscription struct {
	topic  string
	n      *Node
	closer io.Closer
	depth  int
	run    func(Sample, Info) error

	mu       sync.Mutex
	queue    []queued
	stats    Stats
	last     map[string]uint64 // publisher: last sequence
	deadline *Timer
	heard    bool
	closed   bool
}

type queued struct {
	sample Sample
	info   Info
}

// Subscribe calls cb on the node's thread for each message. The message is
// shared and immutable. When cb is slower than the publishers the oldest
// messages are dropped, and counted.
func Subscribe[T any, P msgs.Ptr[T]](n *Node, topic string, qos QoS, cb func(m *T, info Info)) (*Subscription, error) {
	return subscribe(n, topic, P(new(T)).TypeName(), qos, func(sm Sample, info Info) error {
		m, ok := sm.Message.(P)
		if !ok {
			m = P(new(T))
			if err := msgs.ReadCDR(sm.CDR, m); err != nil {
				return err
			}
		}
		cb((*T)(m), info)
		return nil
	})
}

func subscribe(n *Node, topic, typeName string, qos QoS, run func(Sample, Info) error) (*Subscription, error) {
	full, err := n.resolve(topic, TopicName)
	if err != nil {
		return nil, err
	}
	s := &Subscription{topic: full, n: n, depth: qos.KeepLast(), last: map[string]uint64{}, run: run}
	if qos.Deadline > 0 {
		if s.deadline, err = n.Timer(qos.Deadline, s.checkDeadline); err != nil {
			return nil, err
		}
	}
	if s.closer, err = n.endpoint.Subscribe(full, typeName, qos, s.deliver); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("rcl: node %s: subscription on %s: %w", n.name, full, err)
	}
	if err := n.keep(s); err != nil {
		return nil, err
	}
	for _, other := range n.topicInfo(full).Publishers {
		n.warnMismatch(full, other.QoS, qos, other.Node)
	}
	return s, nil
}

// deliver is called by the transport.
func (s *Subscription) deliver(sm Sample) {
	info := Info{Received: s.n.Now(), Sent: sm.Sent, Publisher: sm.Publisher, Sequence: sm.Sequence}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.heard = true
	s.stats.Received++
	s.stats.Lost += sm.Lost
	if sm.Sequence != 0 {
		if last := s.last[sm.Publisher]; last != 0 && sm.Sequence > last+1 {
			s.stats.Lost += sm.Sequence - last - 1
		}
		s.last[sm.Publisher] = sm.Sequence
	}
	full := len(s.queue) == s.depth
	if full {
		s.shift()
		s.stats.Dropped++
	}
	s.queue = append(s.queue, queued{sm, info})
	s.mu.Unlock()
	if !full { // as many calls are pending as messages are queued
		s.n.Post(s.one)
	}
}

// shift takes the oldest message out of the queue.
func (s *Subscription) shift() queued {
	q := s.queue[0]
	s.queue = slices.Delete(s.queue, 0, 1)
	return q
}

func (s *Subscription) one() {
	s.mu.Lock()
	if s.closed || len(s.queue) == 0 {
		s.mu.Unlock()
		return
	}
	q := s.shift()
	s.mu.Unlock()
	if err := s.run(q.sample, q.info); err != nil {
		s.malformed(err)
	}
}

// malformed counts a message that can't be read. A stranger may send many: every
// doubling of their number is logged.
func (s *Subscription) malformed(err error) {
	s.mu.Lock()
	s.stats.Malformed++
	n := s.stats.Malformed
	s.mu.Unlock()
	if n&(n-1) == 0 {
		s.n.log.Warn().Err(err).Str("topic", s.topic).Uint64("malformed", n).Msg("message dropped")
	}
}

func (s *Subscription) checkDeadline(time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.heard {
		s.stats.Deadlines++
	}
	s.heard = false
}

// Stats counts the messages so far.
func (s *Subscription) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Topic is the resolved name.
func (s *Subscription) Topic() string { return s.topic }

// Publishers is the number of publishers on the topic now.
func (s *Subscription) Publishers() int { return len(s.n.topicInfo(s.topic).Publishers) }

// Close ends the subscription; cb is not called afterwards from the node's thread.
func (s *Subscription) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.queue = nil
	s.mu.Unlock()
	s.n.drop(s)
	if s.deadline != nil {
		_ = s.deadline.Close()
	}
	if s.closer == nil {
		return nil
	}
	return s.closer.Close()
}
