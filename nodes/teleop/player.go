package teleop

import (
	"fmt"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// acts of a scripted session, in their order.
type act uint8

const (
	waits   act = iota // for the robot, then takes over
	aligns             // at the first frame, until the followers are there
	starts             // the recorder
	plays              // the script
	settles            // at the last frame
	stops              // the recorder
	returns            // the parts
	rests              // until the next session
	ends               // after the last one, or when something went wrong
)

// player is a leader that plays a script: it publishes what leader arms would, and
// presses the keys that a person would.
type player struct {
	t       *Node
	base    Script
	script  Script // of this session
	act     act
	since   time.Time // when the act began
	done    int       // sessions that are over
	asked   bool      // the act's request is under way
	failed  string
	leaders []*rcl.Publisher[msgs.JointState]
}

func newPlayer(t *Node) (*player, error) {
	switch {
	case !t.n.Simulated():
		return nil, fmt.Errorf("teleop: script %q would move a real robot with nobody at the leaders: scripts run in simulation only", t.cfg.Script)
	case t.cfg.Link == "hardware":
		return nil, fmt.Errorf("teleop: script %q needs link software: a hardware link has leaders of its own", t.cfg.Script)
	}
	s, err := LoadScript(t.cfg.Script)
	if err != nil {
		return nil, err
	}
	p := &player{t: t, base: s}
	p.prepare()
	return p, nil
}

func (p *player) connect() error {
	for _, f := range p.t.sides {
		pub, err := rcl.Advertise[msgs.JointState](p.t.n, "master/joint_"+f.side, rcl.Default)
		if err != nil {
			return err
		}
		p.leaders = append(p.leaders, pub)
	}
	p.since = p.t.n.Now()
	_, err := p.t.n.Timer(5*time.Millisecond, p.tick) // as leader arms do
	return err
}

func (p *player) prepare() {
	p.script = p.base
	if seed := p.t.cfg.Seed; seed != 0 {
		p.script = p.base.Vary(uint64(seed) + uint64(p.done))
	}
}

func (p *player) next(a act) { p.act, p.since, p.asked = a, p.t.n.Now(), false }

func (p *player) fail(why string) {
	p.failed = why
	p.t.n.Log().Error().Int("session", p.done+1).Msg("the script ends: " + why)
	if p.t.cfg.Record && p.act > starts && p.act < stops {
		p.t.rec.call("stop", nil)
	}
	p.next(ends)
}

// ask has something done once; then goes on to the next act, or fails.
func (p *player) ask(do func(func(bool, string)), then act) {
	if p.asked {
		return
	}
	p.asked = true
	now := p.act
	do(func(ok bool, text string) {
		switch {
		case p.act != now:
		case ok:
			p.next(then)
		default:
			p.fail(text)
		}
	})
}

func (p *player) tick(now time.Time) {
	t, age := p.t, now.Sub(p.since)
	m := p.script.at(0)
	if p.act >= aligns && p.act < returns && t.session.state != leading {
		p.fail(t.session.reason)
	}
	switch p.act {
	case waits:
		if p.asked || age < 200*time.Millisecond {
			return
		}
		p.asked = true
		t.takeOver(func(ok bool, text string) {
			switch {
			case ok:
				p.next(aligns)
			case t.session.authority.Estop:
				p.fail(text)
			default: // the robot is not up yet
				p.next(waits)
			}
		})
		return
	case aligns:
		if p.aligned() {
			p.next(starts)
		} else if age > alignLimit {
			p.fail(fmt.Sprintf("the arms did not come to the script's first pose in %v", alignLimit))
		}
	case starts:
		if !t.cfg.Record {
			p.next(plays)
		} else {
			p.ask(func(done func(bool, string)) { t.rec.call("start", done) }, plays)
		}
	case plays:
		m = p.script.at(age)
		t.drive.remote, t.drive.remoteAt = m.base, now
		if age >= p.script.Length() {
			t.drive.remoteAt = time.Time{}
			p.next(settles)
		}
	case settles:
		m = p.script.at(p.script.Length())
		if age >= settleTime {
			p.next(stops)
		}
	case stops:
		m = p.script.at(p.script.Length())
		if !t.cfg.Record {
			p.next(returns)
		} else {
			p.ask(func(done func(bool, string)) { t.rec.call("stop", done) }, returns)
		}
	case returns:
		m = p.script.at(p.script.Length())
		p.ask(func(done func(bool, string)) {
			t.giveBack("the script is over", func(ok bool, text string) {
				p.done++
				done(ok, text)
			})
		}, rests)
	case rests:
		if age < restTime {
			return
		}
		if p.done == t.cfg.Sessions {
			t.n.Log().Info().Int("sessions", t.cfg.Sessions).Msg("the script is over")
			p.next(ends)
			return
		}
		p.prepare()
		p.next(waits)
		return
	case ends:
		return
	}
	p.publish(now, m)
}

const (
	alignLimit = 30 * time.Second
	settleTime = 500 * time.Millisecond
	restTime   = time.Second
)

// aligned says whether all arms copy their leaders, or none is to.
func (p *player) aligned() bool {
	if p.t.session.wanted&msgs.Arms == 0 {
		return true
	}
	for _, f := range p.t.sides {
		if f.phase != phaseFollowing {
			return false
		}
	}
	return true
}

func (p *player) publish(now time.Time, m moment) {
	for i, f := range p.t.sides {
		_ = p.leaders[i].Publish(&msgs.JointState{
			Header: msgs.Header{Stamp: msgs.Stamp(now), FrameID: f.side + "_base"},
			Name:   f.names, Position: append([]float64(nil), m.arms[i][:]...),
		})
	}
}

// says tells how far the script is.
func (p *player) says() string {
	switch {
	case p.failed != "":
		return fmt.Sprintf("%s: session %d of %d failed: %s", p.base.Name, p.done+1, p.t.cfg.Sessions, p.failed)
	case p.act == ends:
		return fmt.Sprintf("%s: %d sessions done", p.base.Name, p.t.cfg.Sessions)
	}
	return fmt.Sprintf("%s: session %d of %d", p.base.Name, p.done+1, p.t.cfg.Sessions)
}

// Scripted says whether a script leads.
func (t *Node) Scripted() bool { return t.play != nil }

// Sessions tells how many scripted sessions are over, whether the last is, and what went wrong.
func (t *Node) Sessions() (done int, over bool, failed string) {
	if t.play == nil {
		return 0, true, ""
	}
	return t.play.done, t.play.act == ends, t.play.failed
}
