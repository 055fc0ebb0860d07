package recorder

import (
	"fmt"
	"strings"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/recorder/episode"
)

// slowTick watches the streams and the disk, tells the writer the time, and publishes the status.
func (r *Node) slowTick(now time.Time) {
	if r.state == Recording {
		for _, s := range r.streams {
			if s.checkAlive(now, r.cfg) {
				r.n.Log().Error().Str("topic", s.topic).Msg("the stream is dead; the episode goes on")
			}
		}
		r.tellLosses(now, false)
		if err := r.room(r.cfg.MinFree / 4); err != nil {
			r.end(episode.Unjudged, "", err.Error(), nil)
		}
	}
	r.publish()
}

// tellLosses hands the writer what was lost so far, and the time. When its queue
// is full it hears of it with the next.
func (r *Node) tellLosses(now time.Time, wait bool) {
	all := make([]episode.Losses, 0, len(r.streams))
	for _, s := range r.streams {
		all = append(all, s.losses())
	}
	r.rec.queue.push(item{arrival: now, losses: all}, wait || r.rec.wait)
}

func (r *Node) publish() {
	now := r.n.Now()
	m := &msgs.RecorderStatus{
		Header: msgs.Header{Stamp: msgs.Stamp(now)}, State: r.state, Episode: r.info.Name, Task: r.info.Task, Reason: r.reason,
	}
	if r.rec != nil {
		m.Elapsed = msgs.Span(now.Sub(r.info.Started))
		m.Bytes = uint64(r.rec.size.Load())
	}
	since := now.Sub(r.lastTick).Seconds()
	for _, s := range r.streams {
		l := s.losses()
		x := msgs.StreamStatus{Topic: s.topic, Messages: s.count, Dropped: l.Dropped, Lost: l.Lost, Dead: l.Dead}
		if since > 0 && s.count >= s.told {
			x.Rate = float64(s.count-s.told) / since
		}
		if late, ok := s.latency(); ok && s.count > 0 {
			x.Latency = late.Seconds()
		}
		s.told = s.count
		m.Streams = append(m.Streams, x)
	}
	r.lastTick = now
	_ = r.status.Publish(m)
}

func (r *Node) diagnose(d *rcl.Status) {
	d.Add("state", r.state)
	d.Add("episode", r.info.Name)
	d.Add("episodes_finished", r.finished)
	if r.clock.jumps > 0 {
		d.Add("clock_jumps", r.clock.jumps)
	}
	if free, err := freeBytes(r.cfg.Directory); err == nil && !r.n.Simulated() { // no fact of the simulation
		d.Add("free_mib", free>>20)
	}
	if r.state != Recording {
		if r.reason != "" {
			d.Warn("%s", r.reason)
			return
		}
		d.OK("%s", r.state)
		return
	}
	var dead, lossy []string
	for _, s := range r.streams {
		l := s.losses()
		if l.Dead {
			dead = append(dead, s.topic)
		}
		if n := l.Dropped + l.Lost; n > 0 {
			lossy = append(lossy, fmt.Sprintf("%s %d", s.topic, n))
		}
	}
	if len(dead) > 0 {
		d.Error("silent: %s: look after the source; the episode goes on without it", strings.Join(dead, ", "))
	}
	if why := r.clock.recent(r.info.Started); why != "" {
		d.Error("%s", why)
	}
	if len(lossy) > 0 {
		d.Warn("messages lost: %s: a slow disk or a busy machine", strings.Join(lossy, ", "))
	}
	d.OK("recording %s for %.0f s", r.info.Name, r.n.Now().Sub(r.info.Started).Seconds())
}
