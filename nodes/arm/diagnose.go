package arm

import (
	"slices"
	"time"

	"cobot_vla/nodes/rcl"
)

func (a *Node) diagnose(d *rcl.Status) {
	d.Add("mode", a.mode)
	d.Add("source", a.authority.Source)
	d.Add("chunk", a.sched.sequence)
	d.Add("schedule", map[bool]string{true: "sync", false: "async"}[a.sched.sync])
	d.Add("refused", a.refused)
	if a.refusal != "" {
		d.Add("last_refusal", a.refusal)
	}
	switch {
	case a.mode == modeEstop:
		d.Error("e-stop: the arms hold")
	case a.mode == modeFault:
		d.Error("%s", a.reason)
	case a.blocked != "":
		d.Warn("%s: stopped at %.3f m", a.blocked, a.cfg.KeepOut)
	case a.mode == modeHolding && a.authority.Parts != 0:
		d.Warn("holding: %s", a.reason)
	default:
		d.OK("%s", a.mode)
	}
}

func (a *Node) diagnoseLimits(d *rcl.Status) {
	kinds := make([]string, 0, len(a.lim.Clamps))
	for k := range a.lim.Clamps {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	for _, k := range kinds {
		d.Add(k, a.lim.Clamps[k])
	}
	if last := a.lim.LastClamp(); last != "" {
		d.Add("last", last)
	}
	d.OK("%d kinds of clamps", len(kinds))
}

func (a *Node) diagnoseLoop(d *rcl.Status) {
	p50, p99 := a.loop.summary(a.n.Now())
	d.Add("period_p50_us", p50.Microseconds())
	d.Add("period_p99_us", p99.Microseconds())
	if a.timer == nil {
		d.OK("not running")
		return
	}
	missed := a.timer.Missed()
	d.Add("missed", missed)
	if missed > a.loop.warned {
		d.Warn("%d control periods missed since the last report: something starves the node", missed-a.loop.warned)
		a.loop.warned = missed
		return
	}
	d.OK("%.0f Hz", a.cfg.Rate)
}

// loopTimes keeps the last periods of the control loop.
type loopTimes struct {
	last    time.Time
	periods []time.Duration
	next    int
	warned  uint64 // missed periods that were reported

	at       time.Time // of the last summary
	p50, p99 time.Duration
}

func newLoopTimes() *loopTimes { return &loopTimes{periods: make([]time.Duration, 0, 2000)} }

func (l *loopTimes) tick(now time.Time) {
	if !l.last.IsZero() {
		p := now.Sub(l.last)
		if len(l.periods) < cap(l.periods) {
			l.periods = append(l.periods, p)
		} else {
			l.periods[l.next] = p
			l.next = (l.next + 1) % len(l.periods)
		}
	}
	l.last = now
}

// summary is the median and the 99th percentile, at most a second old: the
// diagnostics ask ten times a second on the control loop's own thread.
func (l *loopTimes) summary(now time.Time) (p50, p99 time.Duration) {
	if len(l.periods) > 0 && (l.at.IsZero() || now.Sub(l.at) >= time.Second) {
		s := slices.Clone(l.periods)
		slices.Sort(s)
		l.at, l.p50, l.p99 = now, s[len(s)/2], s[min(99*len(s)/100, len(s)-1)]
	}
	return l.p50, l.p99
}

// Periods are the last periods of the control loop, at most those of 10 s, in their
// order: for benchmarks, on the node's thread or when it has stopped.
func (a *Node) Periods() []time.Duration {
	return slices.Concat(a.loop.periods[a.loop.next:], a.loop.periods[:a.loop.next])
}
