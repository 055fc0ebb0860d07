package teleop

import (
	"errors"
	"fmt"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/drivers/input"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// States of the node, as its heartbeat says them.
const (
	stateIdle      = "idle"      // another leads, or nobody
	stateAcquiring = "acquiring" // the supervisor was asked for the parts
	stateHolding   = "holding"   // the arms are ours, and no leader leads them
	stateAligning  = "aligning"  // at least one arm approaches its leader
	stateFollowing = "following" // every arm with a leader copies it
	stateDriving   = "driving"   // the base alone is ours
	stateWatching  = "watching"  // the arms are linked by hardware
)

// Node is the teleop node.
type Node struct {
	n       *rcl.Node
	cfg     Config
	robot   calibration.Robot
	devices []*device
	sides   []*follower
	drive   *drive
	rec     *recorder
	play    *player // nil without a script

	session  session
	arms     msgs.PartStatus
	armsAt   time.Time
	sequence uint64 // of chunks; grows over restarts
	beats    uint64
	by       string    // what drives the base now, "" for nothing
	quiet    time.Time // the last zero velocity is sent then
	badTwist uint64

	chunks  *rcl.Publisher[msgs.ActionChunk]
	twists  *rcl.Publisher[msgs.Twist]
	beat    *rcl.Publisher[msgs.Heartbeat]
	estop   *rcl.Publisher[msgs.Bool]
	correct *rcl.Publisher[msgs.Bool]
	acquire *rcl.Client[msgs.Acquire_Request, msgs.Acquire_Response]
}

// New starts the teleop node on n; opener opens its keyboard and joystick.
func New(n *rcl.Node, cfg Config, opener input.Opener) (*Node, error) {
	if err := n.Bind(&cfg); err != nil {
		return nil, err
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	robot, err := loadRobot(cfg.Calibration)
	if err != nil {
		return nil, err
	}
	t := &Node{n: n, cfg: cfg, robot: robot, rec: newRecorder(n)}
	for _, a := range robot.Arms {
		t.sides = append(t.sides, newFollower(cfg, a.Side, a.Names()))
	}
	if err := t.bindDevices(opener); err != nil {
		return nil, err
	}
	if cfg.Script != "" {
		if t.play, err = newPlayer(t); err != nil {
			return nil, err
		}
	}
	if err := t.connect(); err != nil {
		return nil, err
	}
	n.OnShutdown(func() { t.giveBack("the node shuts down", func(bool, string) {}) }, func() bool { return t.session.state != leaving })
	if cfg.TakeOver && t.play == nil {
		n.Post(t.takeOverAtStart)
	}
	return t, nil
}

func (t *Node) connect() error {
	n := t.n
	var errs []error
	keep := func(err error) { errs = append(errs, err) }
	var err error
	t.chunks, err = rcl.Advertise[msgs.ActionChunk](n, "policy/manipulation", rcl.Default)
	keep(err)
	t.twists, err = rcl.Advertise[msgs.Twist](n, "cmd_vel", rcl.Newest)
	keep(err)
	t.beat, err = rcl.Advertise[msgs.Heartbeat](n, "policy/heartbeat", rcl.Newest)
	keep(err)
	t.estop, err = rcl.Advertise[msgs.Bool](n, "estop", rcl.Default)
	keep(err)
	t.correct, err = rcl.Advertise[msgs.Bool](n, "teleop/correction", rcl.Latched)
	keep(err)
	t.acquire, err = rcl.NewClient[msgs.Acquire_Request, msgs.Acquire_Response](n, "supervisor/acquire")
	keep(err)
	if err == nil {
		t.acquire.Timeout = 10 * time.Second // the supervisor waits up to 5 s for parts to stop
	}
	_, err = rcl.Subscribe(n, "supervisor/authority", rcl.Newest, func(m *msgs.Authority, _ rcl.Info) { t.authority(m) })
	keep(err)
	_, err = rcl.Subscribe(n, "supervisor/parts", rcl.Default, func(m *msgs.PartStatus, _ rcl.Info) { t.part(m) })
	keep(err)
	_, err = rcl.Subscribe(n, "policy/heartbeat", rcl.Default, func(m *msgs.Heartbeat, _ rcl.Info) { t.session.hear(n.Now(), m) })
	keep(err)
	_, err = rcl.Subscribe(n, "estop", rcl.Default, func(m *msgs.Bool, _ rcl.Info) {
		if m.Data {
			t.lose("the e-stop was pressed")
		}
	})
	keep(err)
	_, err = rcl.Subscribe(n, "arms/command", rcl.NewestSensor, func(m *msgs.JointState, _ rcl.Info) { t.command(m) })
	keep(err)
	for _, f := range t.sides {
		_, err = rcl.Subscribe(n, "master/joint_"+f.side, rcl.NewestSensor, func(m *msgs.JointState, _ rcl.Info) {
			if f.leader.take(n.Now(), m) {
				f.jumped()
			}
		})
		keep(err)
		if t.cfg.Link == "hardware" { // the follower itself says where it is
			_, err = rcl.Subscribe(n, "puppet/joint_"+f.side, rcl.NewestSensor, func(m *msgs.JointState, _ rcl.Info) { t.command(m) })
			keep(err)
		}
	}
	_, err = rcl.Subscribe(n, "teleop/cmd_vel", rcl.Newest, func(m *msgs.Twist, _ rcl.Info) { t.remote(m) })
	keep(err)
	keep(rcl.ServeLater(n, "~/take_over", func(_ *msgs.Trigger_Request, reply func(*msgs.Trigger_Response)) {
		t.takeOver(func(ok bool, text string) { reply(&msgs.Trigger_Response{Success: ok, Message: text}) })
	}))
	keep(rcl.ServeLater(n, "~/give_back", func(_ *msgs.Trigger_Request, reply func(*msgs.Trigger_Response)) {
		t.giveBack("asked to", func(ok bool, text string) { reply(&msgs.Trigger_Response{Success: ok, Message: text}) })
	}))
	keep(t.rec.connect())
	_, err = n.Timer(seconds(1/t.cfg.Rate), t.tick)
	keep(err)
	_, err = n.Timer(20*time.Millisecond, t.driveTick)
	keep(err)
	_, err = n.Timer(heartbeatPeriod, t.heartbeat)
	keep(err)
	keep(t.diagnostics())
	if t.play != nil {
		keep(t.play.connect())
	}
	t.sequence = uint64(max(n.Now().UnixMilli(), 0))
	t.tellCorrection()
	return errors.Join(errs...)
}

// heartbeatPeriod is this source's sign of life; the drivers' watchdog is 250 ms.
const heartbeatPeriod = 50 * time.Millisecond

// command learns where the followers are held.
func (t *Node) command(m *msgs.JointState) {
	for _, f := range t.sides {
		if t.cfg.Link == "hardware" && len(m.Name) != axes {
			return // what the arm node would command, if it commanded
		}
		var p pose
		found := 0
		for i, name := range m.Name {
			for j, mine := range f.names {
				if name == mine && i < len(m.Position) {
					p[j] = m.Position[i]
					found++
				}
			}
		}
		if found == axes {
			f.command, f.commandAt = p, t.n.Now()
		}
	}
}

// part follows what the arms do: in a mode where they play nothing, they are approached anew.
func (t *Node) part(m *msgs.PartStatus) {
	if m.Part != msgs.Arms {
		return
	}
	t.arms, t.armsAt = *m, t.n.Now()
}

// playing says whether the arm node takes chunks now, or why not.
func (t *Node) playing(now time.Time) (bool, string) {
	if t.armsAt.IsZero() || now.Sub(t.armsAt) > partTimeout {
		return false, "the arm node is silent"
	}
	switch t.arms.Mode {
	case "following", "acquiring", "waiting_for_policy":
		return true, ""
	}
	return false, fmt.Sprintf("the arms are %s: %s", t.arms.Mode, t.arms.Reason)
}

const partTimeout = 300 * time.Millisecond

// tick leads the arms.
func (t *Node) tick(now time.Time) {
	if t.cfg.Link == "hardware" {
		for _, f := range t.sides {
			f.watch(now)
		}
		return
	}
	if ok, _ := t.playing(now); !ok || !t.session.may(now, msgs.Arms) {
		for _, f := range t.sides {
			f.stop()
		}
		return
	}
	for _, f := range t.sides {
		f.step(now, 1/t.cfg.Rate)
	}
	if m := t.chunk(now); m != nil {
		_ = t.chunks.Publish(m)
	}
}

// chunk is what the engaged followers are wished to do next; nil when none is.
func (t *Node) chunk(now time.Time) *msgs.ActionChunk {
	var engaged []*follower
	stamp := time.Time{}
	for _, f := range t.sides {
		if !f.engaged() {
			continue
		}
		engaged = append(engaged, f)
		if f.phase == phaseFollowing && f.leader.stamp.After(stamp) {
			stamp = f.leader.stamp
		}
	}
	if len(engaged) == 0 {
		return nil
	}
	if stamp.IsZero() || stamp.After(now) {
		stamp = now
	}
	t.sequence++
	m := &msgs.ActionChunk{
		Header: msgs.Header{Stamp: msgs.Stamp(stamp)}, Sequence: t.sequence, Source: msgs.SourceTeleop,
		Mode: msgs.Absolute, Schedule: msgs.Async,
		Period: msgs.Span(seconds(t.cfg.StepPeriod)), MaxAge: msgs.Span(seconds(t.cfg.LeaderTimeout) + 20*time.Millisecond),
		StepsTotal: uint32(t.cfg.Steps),
	}
	for _, f := range engaged {
		m.Names = append(m.Names, f.names...)
	}
	for k := range t.cfg.Steps {
		for _, f := range engaged {
			p := f.wish(stamp, k)
			m.Values = append(m.Values, p[:]...)
		}
	}
	return m
}

// driveTick drives the base. After the last motion it says zero for a while, then
// nothing, so that another program may publish velocities while the base is ours.
func (t *Node) driveTick(now time.Time) {
	if !t.session.may(now, msgs.Base) {
		t.by, t.quiet = "", time.Time{}
		return
	}
	v, by := t.drive.want(now)
	if by != "" {
		t.quiet = now.Add(quietAfter)
	}
	t.by = by
	if now.Before(t.quiet) {
		_ = t.twists.Publish(&msgs.Twist{Linear: msgs.Vector3{X: v.linear}, Angular: msgs.Vector3{Z: v.angular}})
	}
}

const quietAfter = 500 * time.Millisecond

// remote takes a velocity from the dashboard or another program.
func (t *Node) remote(m *msgs.Twist) {
	v := velocity{m.Linear.X, m.Angular.Z}
	if !finite(v.linear) || !finite(v.angular) {
		t.badTwist++
		return
	}
	t.drive.remote, t.drive.remoteAt = v, t.n.Now()
}

func finite(x float64) bool { return x-x == 0 }

// state is what the heartbeat says.
func (t *Node) state(now time.Time) string {
	switch t.session.state {
	case asking:
		return stateAcquiring
	case leading:
	default:
		return stateIdle
	}
	if t.cfg.Link == "hardware" && t.cfg.Parts != "base" {
		return stateWatching
	}
	if t.session.wanted&msgs.Arms == 0 {
		return stateDriving
	}
	state := stateHolding
	for _, f := range t.sides {
		switch f.phase {
		case phaseAligning:
			return stateAligning
		case phaseFollowing:
			state = stateFollowing
		}
	}
	return state
}

func (t *Node) heartbeat(now time.Time) {
	t.session.expire(now, t)
	t.beats++
	_ = t.beat.Publish(&msgs.Heartbeat{
		Header: msgs.Header{Stamp: msgs.Stamp(now)}, Source: msgs.SourceTeleop, Sequence: t.beats, State: t.state(now),
	})
}
