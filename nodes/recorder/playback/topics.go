package playback

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/recorder/episode"
)

// topics plays messages: one callback a message, at its time.
type topics struct {
	p     *Node
	pubs  map[string]*rcl.RawPublisher
	next  func() (episode.Message, error, bool)
	stop  func()
	began time.Time // when the first message was due
	shift func(time.Time) time.Time
	clock *rcl.Publisher[msgs.Clock]
}

func (p *Node) playTopics() error {
	t := &topics{p: p, pubs: map[string]*rcl.RawPublisher{}}
	var names []string
	for _, s := range p.reader.Streams {
		if !p.cfg.plays(s.Topic) || s.Messages == 0 {
			continue
		}
		q := episode.ParseQoS(s.QoS)
		if q.Durability == rcl.TransientLocal { // of several publishers, each kept its own
			q.Depth = max(q.Depth, int(min(s.Messages, 1000)))
		}
		pub, err := rcl.AdvertiseRaw(p.n, p.cfg.topic(s.Topic), s.Type, q)
		if err != nil {
			return err
		}
		t.pubs[s.Topic] = pub
		names = append(names, s.Topic)
		p.total += s.Messages
	}
	for _, want := range p.cfg.Topics {
		if !slices.Contains(names, want) {
			return fmt.Errorf("%w: %s has nothing on %s", ErrEpisode, p.reader.Path, want)
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("%w: %s has nothing to play", ErrEpisode, p.reader.Path)
	}
	if p.cfg.Clock {
		var err error
		if t.clock, err = rcl.Advertise[msgs.Clock](p.n, "/clock", rcl.SensorData); err != nil {
			return err
		}
	}
	t.next, t.stop = iter.Pull2(p.reader.Read(names...))
	p.n.Keep(closer(t.stop))
	p.n.After(span(p.cfg.Delay), t.begin)
	return nil
}

type closer func()

func (c closer) Close() error {
	c()
	return nil
}

func (t *topics) begin() {
	p := t.p
	p.state = "playing"
	t.began = p.n.Now()
	first := p.reader.First
	t.shift = func(then time.Time) time.Time {
		return t.began.Add(time.Duration(float64(then.Sub(first)) / p.cfg.Speed))
	}
	if t.clock != nil {
		if _, err := p.n.Timer(10*time.Millisecond, t.tell); err != nil {
			p.end(err)
			return
		}
		t.tell(t.began)
	}
	t.step()
}

// tell publishes the episode's time.
func (t *topics) tell(now time.Time) {
	if t.p.over {
		return
	}
	then := t.p.reader.First.Add(time.Duration(float64(now.Sub(t.began)) * t.p.cfg.Speed))
	_ = t.clock.Publish(&msgs.Clock{Clock: msgs.Stamp(then)})
}

// step takes the next message and publishes it when it is due.
func (t *topics) step() {
	m, err, ok := t.next()
	if !ok || err != nil {
		t.p.end(err)
		return
	}
	due := t.shift(m.Arrival)
	t.p.n.After(max(0, due.Sub(t.p.n.Now())), func() {
		if err := t.publish(m); err != nil {
			t.p.end(err)
			return
		}
		t.step()
	})
}

func (t *topics) publish(m episode.Message) error {
	out, err := m.Decode()
	if err != nil {
		return err
	}
	if t.p.cfg.Restamp {
		episode.Restamp(out, t.shift)
	}
	t.p.played++
	return t.pubs[m.Topic].Publish(out)
}
