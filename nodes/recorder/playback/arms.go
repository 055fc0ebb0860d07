package playback

import (
	"fmt"
	"math"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/recorder/track"
)

// Acts of a replay onto the arms.
const (
	waits      = "waiting for the arms"
	acquires   = "acquiring the arms"
	approaches = "approaching the first pose"
	moves      = "playing"
	settles    = "settling"
	releases   = "giving the arms back"
)

// arms repeats a motion.
type arms struct {
	p      *Node
	robot  calibration.Robot
	names  []string
	motion track.Group
	first  int64 // of the motion [ns]
	last   int64

	act      string
	since    time.Time
	measured map[string]float64
	held     bool // the supervisor's word: the arms are ours
	sequence uint64
	beats    uint64

	chunks  *rcl.Publisher[msgs.ActionChunk]
	beat    *rcl.Publisher[msgs.Heartbeat]
	acquire *rcl.Client[msgs.Acquire_Request, msgs.Acquire_Response]
}

// chunkSteps are sent ahead: the arms go on through a short silence, and stop soon after a long one.
const chunkSteps = 4

func (p *Node) playArms() error {
	a := &arms{p: p, act: waits, measured: map[string]float64{}}
	if err := a.load(); err != nil {
		return err
	}
	var errs [6]error
	a.chunks, errs[0] = rcl.Advertise[msgs.ActionChunk](p.n, "policy/manipulation", rcl.Default)
	a.beat, errs[1] = rcl.Advertise[msgs.Heartbeat](p.n, "policy/heartbeat", rcl.Newest)
	a.acquire, errs[2] = rcl.NewClient[msgs.Acquire_Request, msgs.Acquire_Response](p.n, "supervisor/acquire")
	_, errs[3] = rcl.Subscribe(p.n, "supervisor/authority", rcl.Newest, a.hear)
	for _, arm := range a.robot.Arms {
		if _, err := rcl.Subscribe(p.n, "puppet/joint_"+arm.Side, rcl.NewestSensor, a.measure); err != nil {
			errs[4] = err
		}
	}
	_, errs[5] = p.n.Timer(50*time.Millisecond, a.tick)
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	p.n.OnShutdown(func() { a.finish(fmt.Errorf("%w: stopped", ErrArms)) }, func() bool { return p.over })
	return nil
}

// load reads the motion.
func (a *arms) load() error {
	r := a.p.reader
	var err error
	if a.robot, err = calibration.Parse(r.Path+": calibration.yaml", r.Calibration); err != nil {
		return fmt.Errorf("%w: %w", ErrEpisode, err)
	}
	a.names = a.robot.ActionNames()
	motions := map[string]track.Group{"command": track.NewGroup(len(a.robot.Arms)), "leader": track.NewGroup(len(a.robot.Arms)), "measured": track.NewGroup(len(a.robot.Arms))}
	type source struct {
		motion string
		arm    int // -1: all of them
	}
	topics := map[string]source{"/arms/command": {"command", -1}}
	for i, arm := range a.robot.Arms {
		topics["/master/joint_"+arm.Side] = source{"leader", i}
		topics["/puppet/joint_"+arm.Side] = source{"measured", i}
	}
	var names []string
	for topic := range topics {
		names = append(names, topic)
	}
	for m, err := range r.Read(names...) {
		if err != nil {
			return err
		}
		decoded, err := m.Decode()
		if err != nil {
			return err
		}
		j, ok := decoded.(*msgs.JointState)
		if !ok {
			continue
		}
		s := topics[m.Topic]
		for i, arm := range a.robot.Arms {
			if s.arm < 0 || s.arm == i {
				motions[s.motion][i].Take(arm, j.Name, j.Position, m.Stamp.UnixNano())
			}
		}
	}
	for _, name := range []string{"command", "leader", "measured"} {
		if a.p.cfg.Motion != name && a.p.cfg.Motion != "auto" || motions[name].Empty() {
			continue
		}
		for _, s := range motions[name] {
			s.Settle()
		}
		a.motion, a.first, a.last = motions[name], motions[name].First(), motions[name].Last()
		return nil
	}
	return fmt.Errorf("%w: %s has no motion of all arms (%s)", ErrEpisode, r.Path, a.p.cfg.Motion)
}

func (a *arms) hear(m *msgs.Authority, _ rcl.Info) {
	held := m.Source == msgs.SourceReplay && m.Parts&msgs.Arms != 0 && !m.Estop
	lost := a.held && !held
	a.held = held
	if lost && (a.act == approaches || a.act == moves || a.act == settles) {
		a.finish(fmt.Errorf("%w: they were taken: %s holds the robot (%s)", ErrArms, m.Source, m.Reason))
	}
}

func (a *arms) measure(m *msgs.JointState, _ rcl.Info) {
	for i, name := range m.Name {
		if i < len(m.Position) {
			a.measured[name] = m.Position[i]
		}
	}
}

func (a *arms) turn(act string, now time.Time) {
	a.act, a.since, a.p.state = act, now, act
	a.p.n.Log().Info().Msg(act)
}

func (a *arms) tick(now time.Time) {
	if a.p.over {
		return
	}
	a.beats++
	_ = a.beat.Publish(&msgs.Heartbeat{Header: msgs.Header{Stamp: msgs.Stamp(now)}, Source: msgs.SourceReplay, Sequence: a.beats, State: a.act})
	spent := now.Sub(a.since)
	switch a.act {
	case waits:
		if len(a.measured) >= len(a.names) && a.acquire.Ready() {
			a.turn(acquires, now)
			a.ask()
		}
	case acquires:
		if a.held {
			a.turn(approaches, now)
		}
	case approaches:
		a.send(now, a.first)
		far, name := a.distance()
		switch {
		case far <= a.p.cfg.Tolerance:
			a.turn(moves, now)
		case spent > span(a.p.cfg.Approach):
			a.finish(fmt.Errorf("%w: %s is %.3f from the first pose after %.0f s: is something in the way, or the pose outside the limits?", ErrArms, name, far, spent.Seconds()))
		}
	case moves:
		at := a.first + int64(float64(spent)*a.p.cfg.Speed)
		a.send(now, at)
		if at >= a.last {
			a.turn(settles, now)
		}
	case settles:
		a.send(now, a.last)
		if spent > 500*time.Millisecond {
			a.finish(nil)
		}
	}
}

func (a *arms) ask() {
	a.acquire.Go(&msgs.Acquire_Request{Source: msgs.SourceReplay, Parts: msgs.Arms}, func(r *msgs.Acquire_Response, err error) {
		switch {
		case err != nil:
			a.finish(fmt.Errorf("%w: the supervisor: %w", ErrArms, err))
		case !r.Granted:
			a.finish(fmt.Errorf("%w: the supervisor refuses them: %s", ErrArms, r.Reason))
		}
	})
}

// distance from the first pose, and of what.
func (a *arms) distance() (far float64, name string) {
	pose, _ := a.motion.Value(a.first)
	for i, n := range a.names {
		if d := math.Abs(a.measured[n] - pose[i]); d >= far {
			far, name = d, n
		}
	}
	return far, name
}

// send tells the arms where to be from now on, when the motion is at at.
func (a *arms) send(now time.Time, at int64) {
	a.sequence++
	m := &msgs.ActionChunk{
		Header: msgs.Header{Stamp: msgs.Stamp(now)}, Sequence: a.sequence, Source: msgs.SourceReplay, Names: a.names,
		Mode: msgs.Absolute, Schedule: msgs.Async, Period: msgs.Span(span(a.p.cfg.Step)), MaxAge: msgs.Span(200 * time.Millisecond), StepsTotal: chunkSteps,
	}
	rate := a.p.cfg.Speed
	if a.act != moves { // standing at one moment of it
		rate = 0
	}
	for k := range chunkSteps { // step k is reached one period after it is due
		ahead := int64(float64(k+1) * a.p.cfg.Step * rate * 1e9)
		pose, _ := a.motion.Value(min(at+ahead, a.last))
		m.Values = append(m.Values, pose...)
	}
	if err := a.chunks.Publish(m); err == nil {
		a.p.played++
	}
}

// finish gives the arms back and ends.
func (a *arms) finish(err error) {
	if a.act == releases || a.p.over {
		return
	}
	asked := a.act != waits
	a.act = releases
	if !asked || !a.acquire.Ready() {
		a.p.end(err)
		return
	}
	a.acquire.Go(&msgs.Acquire_Request{Source: msgs.SourceReplay}, func(_ *msgs.Acquire_Response, failed error) {
		if err == nil && failed != nil {
			err = fmt.Errorf("%w: giving them back: %w", ErrArms, failed)
		}
		a.p.end(err)
	})
}
