package teleop

import (
	"fmt"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

func (t *Node) diagnostics() error {
	d, err := rcl.NewDiagnostics(t.n, t.robot.Name)
	if err != nil {
		return err
	}
	d.Task("session", t.diagnose)
	if t.cfg.Parts != "base" {
		for _, f := range t.sides {
			d.Task("leader "+f.side, func(s *rcl.Status) { t.diagnoseLeader(f, s) })
		}
	}
	if t.cfg.Parts != "arms" {
		d.Task("drive", t.diagnoseDrive)
	}
	return nil
}

func (t *Node) diagnose(d *rcl.Status) {
	s := &t.session
	now := t.n.Now()
	state := t.state(now)
	d.Add("state", state)
	d.Add("link", t.cfg.Link)
	d.Add("correction", s.state == leading && s.from != "")
	if s.state == leading && s.from != "" {
		d.Add("interrupted", s.from)
	}
	d.Add("takeovers", s.takeovers)
	d.Add("corrections", s.corrections)
	d.Add("chunk", t.sequence)
	if t.rec.last != "" {
		d.Add("recorder", t.rec.last)
	}
	if t.play != nil {
		d.Add("script", t.play.says())
	}
	if s.state == leading {
		if now.Sub(s.authorityAt) > authorityTimeout && s.wanted != 0 {
			d.Error("the supervisor has been silent for %.1f s: the robot holds", now.Sub(s.authorityAt).Seconds())
		}
		if ok, why := t.playing(now); s.wanted&msgs.Arms != 0 && !ok {
			d.Warn("%s", why)
		}
	}
	switch {
	case s.state == idle && s.reason != "":
		d.OK("%s: %s", state, s.reason)
	case s.state == leading && s.from != "":
		d.OK("%s, correcting %s", state, s.from)
	default:
		d.OK("%s", state)
	}
}

func (t *Node) diagnoseLeader(f *follower, d *rcl.Status) {
	now := t.n.Now()
	l := &f.leader
	d.Add("phase", f.phase)
	if l.known {
		d.Add("age_ms", now.Sub(l.heard).Milliseconds())
		d.Add("distance_rad", fmt.Sprintf("%.3f", f.distance))
	}
	d.Add("refused", l.refused)
	d.Add("repeated", l.repeated)
	d.Add("jumps", l.jumps)
	if l.why != "" {
		d.Add("last_refusal", l.why)
	}
	if l.known && l.skewed {
		d.Warn("leader %s: its stamps are more than %g s from this machine's clock: set the clocks, or where they run stamps are taken on arrival", f.side, t.cfg.LeaderSkew)
	}
	switch {
	case t.session.may(now, msgs.Arms) && (f.phase == phaseSilent || f.phase == phaseBlind || f.phase == phaseAway):
		d.Warn("%s", f.says(now))
	default:
		d.OK("%s", f.says(now))
	}
}

func (t *Node) diagnoseDrive(d *rcl.Status) {
	d.Add("driven_by", t.by)
	d.Add("bad_velocities", t.badTwist)
	for _, dev := range t.devices {
		what := dev.class.String()
		if dev.dev == nil {
			d.Add(what, "none")
			if dev.problem != "" {
				d.Warn("%s", dev.problem)
			}
			continue
		}
		d.Add(what, dev.dev.Info().Name)
	}
	if v, by := t.drive.want(t.n.Now()); by != "" && v != (velocity{}) && !t.session.may(t.n.Now(), msgs.Base) {
		d.Warn("the %s drives, but the base is not yours: take over first", by)
	}
	if t.by == "" {
		d.OK("stands")
		return
	}
	d.OK("driven by %s", t.by)
}
