package arm

import (
	"errors"
	"fmt"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/drivers/can"
	"cobot_vla/drivers/piper"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// Modes of the node, as PartStatus says them.
const (
	modeDisabled  = "disabled"           // the motors are off, or the arms are not heard
	modeHolding   = "holding"            // nothing may move; the arms stream one pose
	modeAcquiring = "acquiring"          // the first command after a grant is approached slowly
	modeFollowing = "following"          // chunks are played
	modeWaiting   = "waiting_for_policy" // the last step was played; no fault
	modeParking   = "parking"
	modeFault     = "fault"
	modeEstop     = "estop"
)

// Node is the arm node.
type Node struct {
	n     *rcl.Node
	cfg   Config
	robot calibration.Robot
	buses can.Opener
	life  *rcl.Lifecycle
	sides []*side
	axes  []Axis
	names []string // of the axes; every /arms/command shares it
	lim   *Limiter
	sched *schedule
	dt    time.Duration

	authority   msgs.Authority
	authorityAt time.Time
	beats       map[string]time.Time

	mode     string
	reason   string // why the mode is what it is
	braked   bool   // the hold has come to rest and latched its pose
	acquired bool   // the source's first command was reached
	speaker  string // the publisher whose chunks are played in this grant
	parking  bool
	refused  uint64
	refusal  string
	blocked  string // the pair of bodies whose distance stops the motion
	want     []float64
	wantV    []float64
	waiters  []*waiter
	loop     *loopTimes
	timer    *rcl.Timer

	command *rcl.Publisher[msgs.JointState]
	parts   *rcl.Publisher[msgs.PartStatus]
}

// waiter is a service call that is answered when its work is done.
type waiter struct {
	done  func() (ok bool, text string, over bool)
	until time.Time
	reply func(*msgs.Trigger_Response)
}

// New starts the arm node on n; buses opens its CAN interfaces.
func New(n *rcl.Node, cfg Config, buses can.Opener) (*Node, error) {
	if err := n.Bind(&cfg); err != nil {
		return nil, err
	}
	robot, err := load(cfg.Calibration)
	if err != nil {
		return nil, err
	}
	lim, err := LimiterOf(robot, cfg)
	if err := errors.Join(err, cfg.Topics.check()); err != nil {
		return nil, err
	}
	axes := lim.axes
	a := &Node{
		n: n, cfg: cfg, robot: robot, buses: buses, axes: axes, names: robot.ActionNames(),
		lim: lim, sched: newSchedule(axes),
		dt: time.Duration(float64(time.Second) / cfg.Rate), beats: map[string]time.Time{},
		mode: modeDisabled, want: make([]float64, len(axes)), wantV: make([]float64, len(axes)),
		loop: newLoopTimes(),
	}
	for i, c := range robot.Arms {
		s := &side{name: c.Side, first: i * armAxes, cal: c, torque: cfg.GripperTorque, names: c.Names()}
		if s.torque == 0 {
			s.torque = c.Gripper.Torque
		}
		a.sides = append(a.sides, s)
	}
	if err := a.connect(); err != nil {
		return nil, err
	}
	n.OnShutdown(func() { a.stopFor("the node shuts down") }, func() bool { return a.lim.Still() })
	if err := n.Urgent(); err != nil {
		n.Log().Info().Msg(err.Error())
	}
	if cfg.AutoStart {
		n.Post(a.autoStart)
	}
	return a, nil
}

func (a *Node) connect() error {
	n := a.n
	var errs []error
	keep := func(err error) { errs = append(errs, err) }
	var err error
	for _, s := range a.sides {
		s.state, err = rcl.Advertise[msgs.JointState](n, "puppet/joint_"+s.name, rcl.Default)
		keep(err)
		if a.cfg.Mode == "read" {
			s.leader, err = rcl.Advertise[msgs.JointState](n, "master/joint_"+s.name, rcl.Default)
			keep(err)
		}
	}
	a.command, err = rcl.Advertise[msgs.JointState](n, "arms/command", rcl.Default)
	keep(err)
	a.parts, err = rcl.Advertise[msgs.PartStatus](n, "supervisor/parts", rcl.Default)
	keep(err)
	_, err = rcl.Subscribe(n, "supervisor/authority", rcl.Newest, func(m *msgs.Authority, _ rcl.Info) { a.grant(m) })
	keep(err)
	_, err = rcl.Subscribe(n, "estop", rcl.Default, func(m *msgs.Bool, _ rcl.Info) {
		if m.Data { // at once, without waiting for the supervisor's heartbeat
			a.authority.Estop = true
			a.stopFor("e-stop pressed")
		}
	})
	keep(err)
	_, err = rcl.Subscribe(n, "policy/heartbeat", rcl.Default, func(m *msgs.Heartbeat, _ rcl.Info) { a.beats[m.Source] = n.Now() })
	keep(err)
	_, err = rcl.Subscribe(n, "policy/manipulation", rcl.Default, func(m *msgs.ActionChunk, i rcl.Info) { a.chunk(m, i.Publisher) })
	keep(err)
	keep(a.serve())
	a.life, err = rcl.NewLifecycle(n, rcl.Transitions{
		Configure: a.configure, Activate: a.activate, Deactivate: a.deactivate, Cleanup: a.cleanup, Shutdown: a.cleanup,
	})
	keep(err)
	d, err := rcl.NewDiagnostics(n, a.robot.Name)
	keep(err)
	if err == nil {
		for _, s := range a.sides {
			d.Task("arm "+s.name, s.diagnose)
		}
		d.Task("motion", a.diagnose)
		d.Task("limits", a.diagnoseLimits)
		d.Task("loop", a.diagnoseLoop)
	}
	_, err = n.Timer(50*time.Millisecond, a.report)
	keep(err)
	return errors.Join(errs...)
}

// autoStart configures and activates, and tries again while a bus is missing.
func (a *Node) autoStart() {
	if a.life.State() == "unconfigured" && a.life.Change("configure") != nil {
		a.n.After(time.Second, a.autoStart)
		return
	}
	if a.life.State() == "inactive" && a.life.Change("activate") != nil {
		a.n.After(time.Second, a.autoStart)
	}
}

func (a *Node) configure() error {
	for _, s := range a.sides {
		if err := s.open(a.n, a.cfg, a.buses); err != nil {
			_ = a.cleanup()
			a.reason = err.Error()
			return err
		}
	}
	var err error
	a.timer, err = a.n.Timer(a.dt, a.tick)
	return err
}

func (a *Node) activate() error {
	a.sched.reset()
	a.acquired = false
	return nil
}

func (a *Node) deactivate() error {
	a.stopFor("deactivated")
	return nil
}

// cleanup lets go of the buses. The arms keep their last target with motors on:
// they hold; nothing drops.
func (a *Node) cleanup() error {
	if a.timer != nil {
		_ = a.timer.Close()
		a.timer = nil
	}
	for _, s := range a.sides {
		s.close()
	}
	return nil
}

// grant follows the supervisor.
func (a *Node) grant(m *msgs.Authority) {
	if m.Source != a.authority.Source || m.Parts != a.authority.Parts || m.Estop != a.authority.Estop {
		a.sched.reset()
		a.acquired, a.speaker = false, ""
	}
	a.authority, a.authorityAt = *m, a.n.Now()
}

// chunk takes steps from the source that holds the arms, or refuses them whole.
func (a *Node) chunk(m *msgs.ActionChunk, speaker string) {
	now := a.n.Now()
	if why := a.mayMove(now); why != "" {
		a.refuse(fmt.Sprintf("chunk %d of %s: %s", m.Sequence, m.Source, why))
		return
	}
	if m.Source != a.authority.Source {
		a.refuse(fmt.Sprintf("chunk %d of %s: %s holds the arms", m.Sequence, m.Source, a.authority.Source))
		return
	}
	if a.speaker != "" && speaker != a.speaker {
		a.refuse(fmt.Sprintf("chunk %d of %s comes from %s, but %s speaks for it: stop one of the two", m.Sequence, m.Source, speaker, a.speaker))
		return
	}
	current := a.lim.Pose()
	if a.sched.at(now, a.want, a.wantV) {
		current = a.want
	}
	if err := a.sched.add(now, m, current); err != nil {
		a.refuse(err.Error())
		return
	}
	a.speaker = speaker
}

func (a *Node) refuse(why string) {
	a.refused++
	a.refusal = why
	a.n.Log().Warn().Msg(why)
}

// mayMove says why nothing may move now, or "".
func (a *Node) mayMove(now time.Time) string {
	if !a.life.Active() {
		return "the node is " + a.life.State() + ": activate it"
	}
	for _, s := range a.sides {
		if why := s.fault(); why != "" {
			return why
		}
		if !s.ready {
			return fmt.Sprintf("arm %s is %v: enable it", s.name, s.st.Phase)
		}
	}
	au := a.authority
	switch age := now.Sub(a.authorityAt); {
	case au.Estop:
		return "the e-stop is engaged"
	case age > seconds(a.cfg.AuthorityTimeout):
		return fmt.Sprintf("no /supervisor/authority for %.2f s", min(age.Seconds(), 9999))
	case au.Parts&msgs.Arms == 0:
		return "nobody holds the arms"
	}
	if age := now.Sub(a.beats[au.Source]); age > seconds(a.cfg.HeartbeatTimeout) {
		return fmt.Sprintf("no heartbeat of %s for %.2f s", au.Source, min(age.Seconds(), 9999))
	}
	return ""
}

// tick is the control loop.
func (a *Node) tick(now time.Time) {
	a.loop.tick(now)
	for _, s := range a.sides {
		s.sense(now)
		a.follow(s)
		a.enableOnce(s)
	}
	a.move(now)
	for _, s := range a.sides {
		if s.ready {
			pose := a.lim.Pose()[s.first : s.first+armAxes]
			if err := s.arm.Command([6]float64(pose[:6]), pose[6], s.torque); err != nil && !errors.Is(err, piper.ErrFaulted) {
				a.refuse(err.Error())
			}
		}
	}
	_ = a.command.Publish(&msgs.JointState{
		Header: msgs.Header{Stamp: msgs.Stamp(now), FrameID: "base_link"}, Name: a.names,
		Position: append([]float64(nil), a.lim.Pose()...), Velocity: append([]float64(nil), a.lim.Velocity()...),
	})
	a.answer(now)
}

// follow has the limiter stand where a driver stands that takes no commands.
func (a *Node) follow(s *side) {
	ready := s.st.Phase == piper.PhaseReady || s.st.Phase == piper.PhaseFault && s.st.Streaming
	if ready && !s.ready { // the driver has made the measured pose its set point
		a.lim.Set(s.first, s.setPoint())
		a.sched.reset()
		a.acquired, a.braked = false, false
	}
	s.ready = ready
	if !ready && s.fb.Valid {
		a.lim.Set(s.first, s.measured())
	}
}

func (a *Node) enableOnce(s *side) {
	if !a.cfg.AutoEnable || s.enabled || a.cfg.Mode == "read" || s.st.Phase != piper.PhaseIdle || s.st.Detail != "" || !a.life.Active() {
		return
	}
	if text, err := s.arm.Enable(); err == nil {
		s.enabled = true
		a.n.Log().Info().Msg(text)
	}
}

// move decides what the limiter does in this tick.
func (a *Node) move(now time.Time) {
	dt := a.dt.Seconds()
	why := a.mayMove(now)
	if a.parking && (a.authority.Estop || a.faulted() != "" || !a.allReady()) {
		a.parking = false
	}
	switch {
	case a.parking:
		a.mode, a.reason = modeParking, ""
		clear(a.wantV)
		a.blocked = a.lim.Step(dt, a.parkPose(), a.wantV, a.cfg.ParkSpeed)
	case why != "":
		a.hold(now, dt, why)
	default:
		a.play(now, dt)
	}
}

// play follows the schedule.
func (a *Node) play(now time.Time, dt float64) {
	a.braked = false
	a.reason = ""
	if len(a.sched.points) == 0 {
		a.mode = modeWaiting
		a.lim.Brake(dt)
		return
	}
	if !a.acquired && !a.approach(now) {
		a.mode = modeAcquiring
		if a.blocked = a.lim.Step(dt, a.want, a.wantV, a.cfg.AcquireSpeed); a.blocked != "" && a.lim.Still() {
			// There is no way to where the source begins: it must begin elsewhere.
			a.refuse(fmt.Sprintf("chunk %d of %s begins where %s would come nearer than %.3f m", a.sched.sequence, a.sched.source, a.blocked, a.cfg.KeepOut))
			a.sched.clear()
			a.mode = modeWaiting
		}
		return
	}
	a.mode = modeFollowing
	active := a.sched.at(now, a.want, a.wantV)
	a.blocked = a.lim.Step(dt, a.want, a.wantV, unlimited)
	if !active && a.lim.Still() {
		a.mode = modeWaiting
	}
}

const unlimited = 1e9 // faster than any axis' own limit

// approach says whether the arms are near the first command of a source, and
// wishes them there otherwise. A synchronous chunk waits for that and is played
// from there; an asynchronous one goes on meanwhile.
func (a *Node) approach(now time.Time) bool {
	first := a.sched.first()
	if a.sched.sync && first != nil {
		copy(a.want, first)
		clear(a.wantV)
	} else {
		a.sched.at(now, a.want, a.wantV)
	}
	if farthest(a.lim.Pose(), a.want) > a.cfg.AcquireTolerance {
		return false
	}
	if a.sched.sync {
		a.sched.restart(now, a.lim.Pose())
	}
	a.acquired = true
	return true
}

// hold brakes, then latches one pose and keeps it.
func (a *Node) hold(now time.Time, dt float64, why string) {
	a.sched.clear()
	a.acquired, a.blocked = false, ""
	a.reason = why
	switch {
	case a.authority.Estop:
		a.mode = modeEstop
	case a.faulted() != "":
		a.mode = modeFault
	case !a.allReady():
		a.mode = modeDisabled
	default:
		a.mode = modeHolding
	}
	if !a.lim.Still() {
		a.lim.Brake(dt)
		return
	}
	if a.braked {
		return
	}
	a.braked = true // once: a sagging arm is never followed down
	for _, s := range a.sides {
		m := s.measured()
		if s.ready && s.fb.Valid && farthestOf(a.lim.Pose()[s.first:s.first+6], m[:6]) > a.cfg.RelatchError {
			m[6] = a.lim.Pose()[s.first+6]
			a.lim.Set(s.first, m)
			a.n.Log().Warn().Str("arm", s.name).Msg("held where it was measured: it was farther from its command than relatch_error_rad")
		}
	}
}

func farthestOf(a, b []float64) float64 {
	worst := 0.0
	for i := range a {
		worst = max(worst, a[i]-b[i], b[i]-a[i])
	}
	return worst
}

func (a *Node) stopFor(why string) {
	a.sched.reset()
	a.parking = false
	a.authorityAt = time.Time{}
	a.reason = why
}

func (a *Node) faulted() string {
	for _, s := range a.sides {
		if why := s.fault(); why != "" {
			return why
		}
	}
	return ""
}

func (a *Node) allReady() bool {
	for _, s := range a.sides {
		if !s.ready {
			return false
		}
	}
	return true
}

func (a *Node) parkPose() []float64 {
	pose := make([]float64, 0, len(a.axes))
	for _, s := range a.sides {
		pose = append(append(pose, s.cal.Park[:]...), a.lim.Pose()[s.first+6])
	}
	return pose
}

// report publishes what the node does with its part of the robot.
func (a *Node) report(now time.Time) {
	if a.timer == nil {
		a.mode = modeDisabled
	}
	moving := false
	for _, s := range a.sides {
		moving = moving || s.moving()
	}
	fault := a.faulted()
	reason := a.reason
	switch {
	case fault != "":
		reason = fault
	case a.blocked != "":
		reason = a.blocked + ": stopped at the keep-out distance"
	case reason == "" && a.refusal != "":
		reason = a.refusal
	}
	var clamps uint64
	for _, c := range a.lim.Clamps {
		clamps += c
	}
	_ = a.parts.Publish(&msgs.PartStatus{
		Header: msgs.Header{Stamp: msgs.Stamp(now)}, Part: msgs.Arms, State: a.life.State(), Mode: a.mode,
		Stopped: a.lim.Still() && !moving && a.mode != modeFollowing && a.mode != modeAcquiring && a.mode != modeParking,
		Fault:   fault != "", Clamps: clamps, Refused: a.refused, Reason: reason,
	})
}

func seconds(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }
