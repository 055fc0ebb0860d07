package policy

import (
	"math"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// The policy may run on another machine than the robot. Stamps are the robot's
// and stay so; what is compared with them, the age of a picture, the end of a
// motion, is robot time too: this machine's clock, moved by what robotClock
// measures. Without an answer, as in simulation, both are one.

const (
	clockPeriod  = time.Second            // between two measurements
	clockWarning = 100 * time.Millisecond // an offset to complain of: logs of both machines don't fit together
)

// clockReading is one exchange with the robot (RFC 5905, figure 8).
type clockReading struct {
	offset time.Duration // the robot's clock minus this machine's, ± delay/2
	delay  time.Duration // of the way there and back
}

// robotClock measures how far the robot's clock is from this machine's: of the
// last exchanges the one with the shortest way counts.
type robotClock struct {
	last [8]clockReading
	n    int
}

// add takes an exchange: sent and arrived by this machine's clock, received and
// replied by the robot's.
func (c *robotClock) add(sent, received, replied, arrived time.Time) {
	there, back := received.Sub(sent), replied.Sub(arrived)
	c.last[c.n%len(c.last)] = clockReading{offset: (there + back) / 2, delay: there - back}
	c.n++
}

// best is the reading that counts; ok says that there is one.
func (c *robotClock) best() (r clockReading, ok bool) {
	for _, x := range c.last[:min(c.n, len(c.last))] {
		if !ok || x.delay < r.delay {
			r, ok = x, true
		}
	}
	return r, ok
}

// wall is a time without its steady clock, which knows nothing of other machines.
func wall(t time.Time) time.Time { return t.Round(0) }

// measureClock asks the robot for its time, again and again.
func (s *Node) measureClock() error {
	client, err := rcl.NewClient[msgs.GetTime_Request, msgs.GetTime_Response](s.n, "supervisor/get_time")
	if err != nil {
		return err
	}
	client.Timeout = clockPeriod
	_, err = s.n.Timer(clockPeriod, func(time.Time) {
		if s.n.Simulated() || !client.Ready() {
			return
		}
		sent := s.n.Now()
		client.Go(&msgs.GetTime_Request{}, func(r *msgs.GetTime_Response, err error) {
			if err == nil {
				s.clock.add(wall(sent), r.Received.Go(), r.Replied.Go(), wall(s.n.Now()))
			}
		})
	})
	return err
}

// robotNow is the robot's time, as far as it is known.
func (s *Node) robotNow() time.Time {
	r, _ := s.clock.best()
	return s.n.Now().Add(r.offset)
}

func (s *Node) diagnoseClock(d *rcl.Status) {
	r, ok := s.clock.best()
	if !ok {
		d.OK("one clock, or not measured yet")
		return
	}
	ms := func(t time.Duration) float64 { return float64(t.Microseconds()) / 1000 }
	d.Add("offset_ms", ms(r.offset))
	d.Add("round_trip_ms", ms(r.delay))
	if r.offset.Abs() > clockWarning {
		where := "ahead of"
		if r.offset < 0 {
			where = "behind"
		}
		d.Warn("the robot's clock is %.3f s %s this machine's (± %.1f ms): ages are corrected; synchronise both (chrony) before logs of both are compared",
			math.Abs(r.offset.Seconds()), where, ms(r.delay)/2)
		return
	}
	d.OK("%.2f ms off the robot's clock, ± %.2f ms", ms(-r.offset), ms(r.delay)/2)
}
