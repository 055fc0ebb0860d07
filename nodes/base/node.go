package base

import (
	"errors"
	"fmt"
	"math"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/drivers/can"
	"cobot_vla/drivers/tracer"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// Modes of the node, as PartStatus says them.
const (
	modeDisabled = "disabled"
	modeHolding  = "holding"
	modeMoving   = "moving"
	modeFault    = "fault"
	modeEstop    = "estop"
)

// Node is the base node.
type Node struct {
	n      *rcl.Node
	cfg    Config
	robot  calibration.Robot
	buses  can.Opener
	life   *rcl.Lifecycle
	bus    can.Bus
	driver *tracer.Driver
	limits limits
	dt     time.Duration
	timer  *rcl.Timer

	authority   msgs.Authority
	authorityAt time.Time
	beats       map[string]time.Time

	v       velocity // commanded now
	st      tracer.State
	odomAt  time.Time // stamp of the /odom published last
	goal    *goal
	newest  uint64 // highest goal id of the present source
	speaker string // the publisher whose goals are driven in this grant
	lost    string // why the base did not follow its commands; latched until clear_fault
	twist   velocity
	twistAt time.Time

	mode     string
	reason   string
	quitting bool
	refused  uint64
	refusal  string
	clamps   uint64

	odom   *rcl.Publisher[msgs.Odometry]
	tf     *rcl.Publisher[msgs.TFMessage]
	status *rcl.Publisher[msgs.MotionStatus]
	parts  *rcl.Publisher[msgs.PartStatus]
}

// New starts the base node on n; buses opens its CAN interface.
func New(n *rcl.Node, cfg Config, buses can.Opener) (*Node, error) {
	if err := n.Bind(&cfg); err != nil {
		return nil, err
	}
	robot, err := load(cfg.Calibration)
	if err != nil {
		return nil, err
	}
	b := &Node{
		n: n, cfg: cfg, robot: robot, buses: buses, limits: limitsOf(robot.Base), mode: modeDisabled,
		dt: time.Duration(float64(time.Second) / cfg.Rate), beats: map[string]time.Time{},
	}
	if err := b.connect(); err != nil {
		return nil, err
	}
	n.OnShutdown(func() { b.quitting = true }, func() bool { return b.driver == nil || b.v.still() && !b.moving() })
	if err := n.Urgent(); err != nil {
		n.Log().Info().Msg(err.Error())
	}
	if cfg.AutoStart {
		n.Post(b.autoStart)
	}
	return b, nil
}

func (b *Node) connect() error {
	n := b.n
	var errs []error
	keep := func(err error) { errs = append(errs, err) }
	var err error
	b.odom, err = rcl.Advertise[msgs.Odometry](n, "odom", rcl.Default)
	keep(err)
	b.tf, err = rcl.Advertise[msgs.TFMessage](n, "/tf", rcl.QoS{Depth: 100})
	keep(err)
	b.status, err = rcl.Advertise[msgs.MotionStatus](n, "base/status", rcl.Default)
	keep(err)
	b.parts, err = rcl.Advertise[msgs.PartStatus](n, "supervisor/parts", rcl.Default)
	keep(err)
	_, err = rcl.Subscribe(n, "supervisor/authority", rcl.Newest, func(m *msgs.Authority, _ rcl.Info) { b.grant(m) })
	keep(err)
	_, err = rcl.Subscribe(n, "estop", rcl.Default, func(m *msgs.Bool, _ rcl.Info) {
		if m.Data { // at once, without waiting for the supervisor's heartbeat
			b.authority.Estop = true
		}
	})
	keep(err)
	_, err = rcl.Subscribe(n, "policy/heartbeat", rcl.Default, func(m *msgs.Heartbeat, _ rcl.Info) { b.beats[m.Source] = n.Now() })
	keep(err)
	_, err = rcl.Subscribe(n, "policy/navigation", rcl.Default, func(m *msgs.NavigationToken, i rcl.Info) { b.navigate(m, i.Publisher) })
	keep(err)
	_, err = rcl.Subscribe(n, "cmd_vel", rcl.Newest, func(m *msgs.Twist, _ rcl.Info) { b.cmdVel(m) })
	keep(err)
	keep(rcl.Serve(n, "~/clear_fault", func(_ *msgs.Trigger_Request, r *msgs.Trigger_Response) { b.clearFault(r) }))
	b.life, err = rcl.NewLifecycle(n, rcl.Transitions{
		Configure: b.configure, Deactivate: b.deactivate, Cleanup: b.cleanup, Shutdown: b.cleanup,
	})
	keep(err)
	d, err := rcl.NewDiagnostics(n, b.robot.Name)
	keep(err)
	if err == nil {
		d.Task("base", b.diagnose)
	}
	_, err = n.Timer(50*time.Millisecond, b.report)
	keep(err)
	return errors.Join(errs...)
}

// autoStart configures and activates, and tries again while the bus is missing.
func (b *Node) autoStart() {
	if b.life.State() == "unconfigured" && b.life.Change("configure") != nil {
		b.n.After(time.Second, b.autoStart)
		return
	}
	if b.life.State() == "inactive" {
		_ = b.life.Change("activate")
	}
}

func (b *Node) configure() error {
	bus, err := b.buses.Open(b.cfg.Bus + b.robot.Base.Bus)
	if err != nil {
		b.reason = err.Error()
		return fmt.Errorf("base: %w", err)
	}
	c := tracer.DefaultConfig(b.robot.Base, b.n.Now)
	c.DryRun = b.cfg.DryRun
	driver, err := tracer.New(bus, c)
	if err != nil {
		_ = bus.Close()
		return err
	}
	b.bus, b.driver = bus, driver
	b.timer, err = b.n.Timer(b.dt, b.tick)
	return err
}

func (b *Node) deactivate() error {
	b.end(msgs.Aborted, "the node was deactivated")
	return nil
}

func (b *Node) cleanup() error {
	if b.driver == nil {
		return nil
	}
	b.v = velocity{}
	_ = b.timer.Close()
	_ = b.driver.Close() // it sends one last zero
	_ = b.bus.Close()
	b.driver, b.bus = nil, nil
	return nil
}

// grant follows the supervisor.
func (b *Node) grant(m *msgs.Authority) {
	if m.Source != b.authority.Source {
		b.newest, b.speaker, b.twistAt = 0, "", time.Time{}
	}
	b.authority, b.authorityAt = *m, b.n.Now()
}

// mayMove says why the base may not move for source now, or "".
func (b *Node) mayMove(now time.Time) string {
	switch {
	case b.quitting:
		return "the node shuts down"
	case !b.life.Active():
		return "the node is " + b.life.State() + ": activate it"
	case b.driver == nil:
		return "the bus is not open"
	case b.fault() != "":
		return b.fault()
	case !b.st.Ready:
		return "the base is not ready: " + b.st.Reason
	case b.authority.Estop:
		return "the e-stop is engaged"
	}
	if age := now.Sub(b.authorityAt); age > seconds(b.cfg.AuthorityTimeout) {
		return fmt.Sprintf("no /supervisor/authority for %.2f s", min(age.Seconds(), 9999))
	}
	if b.authority.Parts&msgs.Base == 0 {
		return "nobody holds the base"
	}
	if age := now.Sub(b.beats[b.authority.Source]); age > seconds(b.cfg.HeartbeatTimeout) {
		return fmt.Sprintf("no heartbeat of %s for %.2f s", b.authority.Source, min(age.Seconds(), 9999))
	}
	return ""
}

// navigate takes a goal, or refuses it with a reason.
func (b *Node) navigate(m *msgs.NavigationToken, speaker string) {
	now := b.n.Now()
	why := b.mayMove(now)
	age := now.Sub(m.Header.Stamp.Go())
	switch {
	case why != "":
	case m.Source != b.authority.Source:
		why = b.authority.Source + " holds the base"
	case b.speaker != "" && speaker != b.speaker:
		why = fmt.Sprintf("it comes from %s, but %s speaks for %s: stop one of the two", speaker, b.speaker, m.Source)
	case m.GoalID <= b.newest:
		why = fmt.Sprintf("goal %d comes after goal %d: out of order", m.GoalID, b.newest)
	case b.goal != nil && m.Direction != msgs.Stop:
		why = fmt.Sprintf("goal %d is still running", b.goal.id)
	case age > seconds(b.cfg.MaxGoalAge):
		why = fmt.Sprintf("its observation is %.2f s old, more than %.2f s", age.Seconds(), b.cfg.MaxGoalAge)
	}
	var g *goal
	if why == "" {
		var err error
		if g, err = newGoal(m, now, b.pose(), b.limits, b.cfg.MaxForward, b.cfg.MaxTurn); err != nil {
			why = err.Error()
		}
	}
	if why != "" {
		b.refuse(m.GoalID, why)
		return
	}
	b.end(msgs.Aborted, "replaced by a stop")
	b.newest, b.speaker, b.goal = m.GoalID, speaker, g
	b.tell(g.id, msgs.Accepted, g.remaining(b.pose()), "")
}

func (b *Node) refuse(id uint64, why string) {
	b.refused++
	b.refusal = why
	b.n.Log().Warn().Uint64("goal", id).Msg(why)
	b.tell(id, msgs.Refused, 0, why)
}

// end finishes the goal under way.
func (b *Node) end(state uint8, why string) {
	if b.goal == nil {
		return
	}
	g := b.goal
	b.goal = nil
	if state == msgs.Aborted {
		b.refusal = fmt.Sprintf("goal %d was aborted: %s", g.id, why)
		b.n.Log().Warn().Uint64("goal", g.id).Msg(why)
	}
	b.tell(g.id, state, g.remaining(b.pose()), why)
}

func (b *Node) tell(id uint64, state uint8, remaining float64, why string) {
	_ = b.status.Publish(&msgs.MotionStatus{
		Header: msgs.Header{Stamp: msgs.Stamp(b.n.Now()), FrameID: b.cfg.BaseFrame},
		GoalID: id, State: state, Remaining: remaining, Reason: why,
	})
}

// cmdVel takes a velocity from teleoperation or another program (nav2, a joystick).
func (b *Node) cmdVel(m *msgs.Twist) {
	now := b.n.Now()
	v := velocity{m.Linear.X, m.Angular.Z}
	why := b.mayMove(now)
	switch {
	case why != "":
	case b.authority.Source == msgs.SourcePolicy:
		why = "policy holds the base, and it drives by goals"
	case math.IsNaN(v.linear) || math.IsInf(v.linear, 0) || math.IsNaN(v.angular) || math.IsInf(v.angular, 0):
		why = fmt.Sprintf("/cmd_vel %v m/s, %v rad/s is no velocity", v.linear, v.angular)
	}
	if why != "" {
		b.refused++
		b.refusal = "/cmd_vel: " + why
		return
	}
	if math.Abs(v.linear) > b.limits.linear || math.Abs(v.angular) > b.limits.angular {
		b.clamps++
		b.refusal = fmt.Sprintf("/cmd_vel %.3g m/s, %.3g rad/s beyond %.3g m/s, %.3g rad/s (clamped)", v.linear, v.angular, b.limits.linear, b.limits.angular)
	}
	b.twist, b.twistAt = v, now
}

// tick is the control loop: it always sends a velocity, also zero.
func (b *Node) tick(now time.Time) {
	dt := b.dt.Seconds()
	b.st = b.driver.State(now)
	want, why := velocity{}, b.mayMove(now)
	switch {
	case why != "":
		b.end(msgs.Aborted, why)
		b.twistAt = time.Time{}
	case b.goal != nil:
		want = b.pursue(now, dt)
	case now.Sub(b.twistAt) <= seconds(b.cfg.CmdVelTimeout):
		want = b.twist
	}
	switch {
	case b.authority.Estop:
		b.mode, b.v = modeEstop, b.limits.emergency(b.v, dt)
	case b.fault() != "":
		b.mode, b.v = modeFault, b.limits.emergency(b.v, dt)
	case !b.st.Ready:
		b.mode, b.v = modeDisabled, velocity{} // the driver sends zero
	default:
		b.mode, b.v = modeHolding, b.limits.ramp(b.v, want, dt)
		if b.goal != nil || !b.v.still() {
			b.mode = modeMoving
		}
	}
	b.reason = why
	if err := b.driver.SetVelocity(b.v.linear, b.v.angular); err != nil {
		b.refusal = err.Error()
		b.v = velocity{} // the driver sends zero: ramp up from there
	}
	b.driver.Tick(now)
	b.publishOdometry()
}

// pursue is the velocity that the goal wishes for; it ends a goal that is done or failed.
func (b *Node) pursue(now time.Time, dt float64) velocity {
	at := b.pose()
	why := b.goal.failure(now, at, b.v, dt)
	if b.st.Pose.Disagree && why == "" {
		why = b.st.Pose.Reason + ": a wheel spins, or its sensor fails"
	}
	if why != "" { // driving on would not be what was asked for
		b.lost = "base: " + why
		b.end(msgs.Aborted, why)
		return velocity{}
	}
	want, done := b.goal.want(at, b.v, b.limits, dt)
	if done && !b.moving() {
		b.end(msgs.Done, "")
	}
	return want
}

// moving says whether the wheels still turn.
func (b *Node) moving() bool {
	const still = 0.005 // [m/s], [rad/s]: the resolution of the motion state is 0.001
	return math.Abs(b.st.Motion.Linear) > still || math.Abs(b.st.Motion.Angular) > still
}

// fault is the first latched one, or "".
func (b *Node) fault() string {
	if len(b.st.Faults) == 0 {
		return b.lost
	}
	return b.st.Faults[0].Reason
}

func (b *Node) pose() pose { return pose{b.st.Pose.X, b.st.Pose.Y, b.st.Pose.Yaw} }

// publishOdometry publishes the pose when new wheel counters made one.
func (b *Node) publishOdometry() {
	if !b.st.Pose.Stamp.After(b.odomAt) {
		return
	}
	b.odomAt = b.st.Pose.Stamp
	p := b.pose()
	q := msgs.Quaternion{Z: math.Sin(p.yaw / 2), W: math.Cos(p.yaw / 2)}
	h := msgs.Header{Stamp: msgs.Stamp(b.odomAt), FrameID: b.cfg.OdomFrame}
	m := &msgs.Odometry{Header: h, ChildFrameID: b.cfg.BaseFrame}
	m.Pose.Pose = msgs.Pose{Position: msgs.Point{X: p.x, Y: p.y}, Orientation: q}
	for row, from := range planar {
		for col, to := range planar {
			m.Pose.Covariance[6*from+to] = b.st.Pose.Covariance[row][col]
		}
	}
	m.Twist.Twist = msgs.Twist{
		Linear:  msgs.Vector3{X: b.st.Pose.Velocity.Linear},
		Angular: msgs.Vector3{Z: b.st.Pose.Velocity.Angular},
	}
	_ = b.odom.Publish(m)
	if b.cfg.PublishTF {
		_ = b.tf.Publish(&msgs.TFMessage{Transforms: []msgs.TransformStamped{{
			Header: h, ChildFrameID: b.cfg.BaseFrame,
			Transform: msgs.Transform{Translation: msgs.Vector3{X: p.x, Y: p.y}, Rotation: q},
		}}})
	}
}

// planar are the places of x, y and yaw in ROS's six-dimensional covariance.
var planar = [3]int{0, 1, 5}

func (b *Node) report(now time.Time) {
	if b.goal != nil {
		b.tell(b.goal.id, msgs.Running, b.goal.remaining(b.pose()), "")
	}
	mode, reason := b.mode, b.reason
	if b.driver == nil {
		mode = modeDisabled
	}
	if reason == "" {
		reason = b.refusal
	}
	_ = b.parts.Publish(&msgs.PartStatus{
		Header: msgs.Header{Stamp: msgs.Stamp(now)}, Part: msgs.Base, State: b.life.State(), Mode: mode,
		Stopped: b.goal == nil && b.v.still() && !b.moving(), Fault: b.fault() != "",
		Clamps: b.clamps, Refused: b.refused, Reason: reason,
	})
}

func (b *Node) clearFault(r *msgs.Trigger_Response) {
	if b.driver == nil {
		r.Message = "the node is " + b.life.State() + ": configure it"
		return
	}
	if err := b.driver.ClearFault(); err != nil {
		r.Message = err.Error()
		return
	}
	b.lost, b.refusal = "", ""
	r.Success, r.Message = true, "no fault is left; acquire the base again to move"
}

func (b *Node) diagnose(d *rcl.Status) {
	d.Add("mode", b.mode)
	d.Add("source", b.authority.Source)
	d.Add("refused", b.refused)
	if b.refusal != "" {
		d.Add("last_refusal", b.refusal)
	}
	if b.driver == nil {
		d.Warn("%s", b.reason)
		return
	}
	d.Add("battery_v", b.st.System.Battery)
	d.Add("control", b.st.System.Mode)
	d.Add("version", b.st.Version)
	d.Add("clamps", b.st.Clamps)
	d.Add("timeouts", b.st.Timeouts)
	for _, w := range b.st.Warnings {
		d.Add("warning", w)
		d.Warn("%s", w)
	}
	switch {
	case b.fault() != "":
		d.Error("%s", b.fault())
	case b.mode == modeEstop:
		d.Error("e-stop: the base stands")
	case !b.st.Ready:
		d.Warn("%s", b.st.Reason)
	case b.mode == modeHolding && b.authority.Parts&msgs.Base != 0 && b.reason != "":
		d.Warn("holding: %s", b.reason)
	default:
		d.OK("%s", b.mode)
	}
}

func seconds(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }
