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
	d.Add("period_p50_us", a.loop.percentile(0.5).Microseconds())
	d.Add("period_p99_us", a.loop.percentile(0.99).Microseconds())
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

func (l *loopTimes) percentile(p float64) time.Duration {
	if len(l.periods) == 0 {
		return 0
	}
	s := slices.Clone(l.periods)
	slices.Sort(s)
	return s[min(int(p*float64(len(s))), len(s)-1)]
}

// Periods are the last periods of the control loop, for benchmarks.
func (a *Node) Periods() []time.Duration { return slices.Clone(a.loop.periods) }
