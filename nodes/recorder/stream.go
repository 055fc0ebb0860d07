package recorder

import (
	"fmt"
	"reflect"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/recorder/episode"
)

// stream is one topic during an episode, on the node's thread.
type stream struct {
	wanted
	topic string // resolved
	qos   string // that its publishers offer, for the file
	sub   *rcl.Subscription

	count   uint64
	first   time.Time // arrivals
	last    time.Time
	newest  rcl.Sample
	before  rcl.Sample // the one before the newest
	dropped uint64     // at the recorder's queue
	earlier rcl.Stats  // before the episode
	dead    bool
	told    uint64 // messages at the last status
}

// newStream subscribes to the first of w and its substitutes that is published.
func newStream(n *rcl.Node, w wanted, graph rcl.Graph, heard func(*stream, rcl.Sample, rcl.Info)) (*stream, error) {
	offers, typeName := publishers(n, graph, w)
	if len(offers) == 0 && w.raw != nil {
		if o, t := publishers(n, graph, *w.raw); len(o) > 0 {
			w, offers, typeName = *w.raw, o, t
		}
	}
	if w.typeName == "" {
		w.typeName = typeName
	}
	if w.typeName == "" {
		return nil, fmt.Errorf("%w %s: nobody publishes it and the configuration does not say its type", ErrStream, w.topic)
	}
	if _, ok := msgs.New(w.typeName); !ok {
		return nil, fmt.Errorf("%w %s: there is no definition of type %s in this program", ErrStream, w.topic, w.typeName)
	}
	s := &stream{wanted: w}
	sub, err := rcl.SubscribeRaw(n, w.topic, w.typeName, w.quality(offers), func(m rcl.Sample, info rcl.Info) { heard(s, m, info) })
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrStream, w.topic, err)
	}
	s.sub, s.topic = sub, sub.Topic()
	var qos []rcl.QoS
	for _, o := range offers {
		qos = append(qos, o.QoS)
	}
	s.qos = episode.OfferedQoS(qos)
	return s, nil
}

// publishers of a topic as the graph knows them now, and its type.
func publishers(n *rcl.Node, graph rcl.Graph, w wanted) ([]rcl.EndpointInfo, string) {
	name, err := n.ResolveTopic(w.topic)
	if err != nil {
		return nil, ""
	}
	for _, t := range graph.Topics {
		if t.Name == name {
			return t.Publishers, t.Type
		}
	}
	return nil, ""
}

// hear notes a message.
func (s *stream) hear(m rcl.Sample, info rcl.Info) {
	if s.count == 0 {
		s.first = info.Received
	}
	s.count++
	s.last = info.Received
	s.before, s.newest = s.newest, m
	s.dead = false
}

// stamp of a sample; false when it has none.
func (s *stream) stamp(m rcl.Sample) (time.Time, bool) {
	if m.Message == nil {
		return episode.StampOf(s.typeName, m.CDR)
	}
	v := reflect.ValueOf(m.Message).Elem()
	if v.NumField() == 0 {
		return time.Time{}, false
	}
	if h, ok := v.Field(0).Interface().(msgs.Header); ok && !h.Stamp.IsZero() {
		return h.Stamp.Go(), true
	}
	return time.Time{}, false
}

// latency is arrival minus stamp of the newest message; false when it has no stamp.
func (s *stream) latency() (time.Duration, bool) {
	t, ok := s.stamp(s.newest)
	return s.last.Sub(t), ok
}

// ready says why the stream can't be recorded yet, or "". Of an event it is enough that somebody would tell.
func (s *stream) ready(now time.Time, cfg Config) string {
	switch age := now.Sub(s.last); {
	case s.count == 0 && s.sub.Publishers() == 0:
		return s.topic + ": nobody publishes it"
	case s.event:
		return ""
	case s.count == 0:
		return s.topic + ": its publisher says nothing"
	case s.latched:
		return ""
	case age > span(cfg.DeadAfter):
		return fmt.Sprintf("%s: silent for %.1f s", s.topic, age.Seconds())
	case s.count == 1:
		return s.topic + ": one message in all"
	}
	return s.clock(cfg)
}

// clock says what is wrong with the stream's stamps, or "".
func (s *stream) clock(cfg Config) string {
	late, ok := s.latency()
	if !ok {
		return ""
	}
	limit := span(cfg.MaxLatency)
	switch {
	case late > limit:
		return fmt.Sprintf("%s: stamped %.3f s before it arrived: it is late, or its machine's clock is behind; synchronise the clocks (chrony)", s.topic, late.Seconds())
	case late < -limit:
		return fmt.Sprintf("%s: stamped %.3f s after it arrived: its machine's clock is ahead; synchronise the clocks (chrony)", s.topic, -late.Seconds())
	}
	newest, _ := s.stamp(s.newest)
	if before, ok := s.stamp(s.before); ok && !newest.After(before) {
		return fmt.Sprintf("%s: stamps stand still or go back (%v after %v): the source is frozen or its clock jumped", s.topic, newest.Format(clockFormat), before.Format(clockFormat))
	}
	return ""
}

const clockFormat = "15:04:05.000000"

// checkAlive finds out whether a periodic stream has died: one that came often enough
// and is silent now. It says whether that is news.
func (s *stream) checkAlive(now time.Time, cfg Config) (died bool) {
	limit := span(cfg.DeadAfter)
	steady := s.count > 10 && s.last.Sub(s.first)/time.Duration(s.count) < limit/4
	silent := s.periodic() && now.Sub(s.last) > limit && (steady || s.required)
	died = silent && !s.dead
	s.dead = silent
	return died
}

// beginEpisode counts from here.
func (s *stream) beginEpisode() {
	s.count, s.told, s.dropped, s.dead = 0, 0, 0, false
	s.earlier = s.sub.Stats()
}

// losses since the episode began.
func (s *stream) losses() episode.Losses {
	now := s.sub.Stats()
	return episode.Losses{
		Topic: s.topic, Dropped: now.Dropped - s.earlier.Dropped + s.dropped, Lost: now.Lost - s.earlier.Lost, Dead: s.dead,
	}
}
