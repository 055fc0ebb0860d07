package arm

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/drivers/piper"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// Topics says how another program's driver of an arm is spoken to: JointState
// both ways. Names differ among AgileX's own nodes and Interbotix's; all are
// parameters. Every list is left, then right.
type Topics struct {
	// State are the topics on which the drivers say where the arms are.
	State []string `param:"driver_state" desc:"topics of the drivers' joint states, left and right"`
	// Command are the topics on which they are told where to be.
	Command []string `param:"driver_command" desc:"topics of the drivers' commands, left and right"`
	// Names of the six joints and the gripper in the drivers' messages. A state
	// without names is read in this order.
	Names []string `param:"driver_names" desc:"the drivers' names of the six joints and the gripper"`
	// GripperScale is the opening that the drivers call 1 [m]: 1 where they say metres.
	GripperScale float64 `param:"driver_gripper_scale_m" unit:"m" min:"0.001" max:"2" desc:"opening that the drivers call 1; 1 for metres"`
	// Speed goes into velocity[6], where AgileX's nodes expect the speed of all joints
	// [percent]; 0 leaves velocity empty.
	Speed float64 `param:"driver_speed_percent" unit:"%" min:"0" max:"100" desc:"speed for AgileX's nodes; 0 sends none"`
	// Silence: a driver that has said nothing for longer is a fault [s].
	Silence float64 `param:"driver_silence_s" unit:"s" min:"0.02" max:"2" desc:"a driver silent for longer is a fault"`
	// Lag: an arm farther from its set point for longer than Silence is a fault [rad].
	Lag float64 `param:"driver_lag_rad" unit:"rad" min:"0.05" max:"3" desc:"an arm that stays farther from its set point is a fault"`
}

// defaultTopics are those of AgileX's nodes with their topics remapped below /driver.
func defaultTopics() Topics {
	return Topics{
		State:        []string{"driver/state_left", "driver/state_right"},
		Command:      []string{"driver/command_left", "driver/command_right"},
		Names:        []string{"joint0", "joint1", "joint2", "joint3", "joint4", "joint5", "joint6"},
		GripperScale: 1, Speed: 100, Silence: 0.25, Lag: 0.5,
	}
}

func (t Topics) check() error {
	for name, list := range map[string][]string{"driver_state": t.State, "driver_command": t.Command} {
		if len(list) != 2 {
			return fmt.Errorf("arm: %s needs two topics, left and right, not %q", name, list)
		}
	}
	if len(t.Names) != armAxes || slices.Contains(t.Names, "") {
		return fmt.Errorf("arm: driver_names needs %d names, six joints and the gripper, not %q", armAxes, t.Names)
	}
	for i, name := range t.Names {
		if slices.Contains(t.Names[:i], name) {
			return fmt.Errorf("arm: driver_names has %s twice", name)
		}
	}
	return nil
}

// topicArm is an arm whose driver is another program. What switches motors on
// and off, stops and resets is that driver's own: here Enable only begins to send
// set points, from where the arm is, and Disable ends it.
type topicArm struct {
	cfg   Topics
	cal   calibration.Arm
	dry   bool
	parts []io.Closer
	pub   *rcl.Publisher[msgs.JointState]

	now    time.Time
	heard  time.Time // when the last whole state came
	fb     piper.Feedback
	why    string // the last state could not be used
	phase  piper.Phase
	since  time.Time
	faults []piper.Fault
	lags   time.Time // since when it does not follow; zero while it does

	target  [6]float64
	width   float64
	torque  float64
	refused uint64
}

// newTopicArm makes the arm of a side: 0 left, 1 right.
func newTopicArm(n *rcl.Node, cfg Config, cal calibration.Arm, side int) (*topicArm, error) {
	a := &topicArm{cfg: cfg.Topics, cal: cal, dry: cfg.DryRun, now: n.Now(), since: n.Now()}
	a.fb.Reason = "nothing heard on " + a.cfg.State[side]
	sub, err := rcl.Subscribe(n, a.cfg.State[side], rcl.NewestSensor, func(m *msgs.JointState, i rcl.Info) { a.hear(m, i.Received) })
	if err != nil {
		return nil, err
	}
	a.parts = append(a.parts, sub)
	if a.pub, err = rcl.Advertise[msgs.JointState](n, a.cfg.Command[side], rcl.Newest); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	a.parts = append(a.parts, a.pub)
	return a, nil
}

// hear takes a state of the driver, by its names or, where it has none of ours, in order.
func (a *topicArm) hear(m *msgs.JointState, received time.Time) {
	order := make([]int, armAxes)
	known := 0
	for i, name := range a.cfg.Names {
		order[i] = slices.Index(m.Name, name)
		if order[i] >= 0 {
			known++
		}
	}
	if known == 0 && len(m.Position) == armAxes {
		for i := range order {
			order[i] = i
		}
	} else if known < armAxes {
		a.why = fmt.Sprintf("the driver says %q, not all of %q: set driver_names", m.Name, a.cfg.Names)
		return
	}
	value := func(values []float64, i int) float64 {
		if k := order[i]; k < len(values) {
			return values[k]
		}
		return 0
	}
	fb := piper.Feedback{Valid: true, Stamp: m.Header.Stamp.Go()}
	if m.Header.Stamp.IsZero() {
		fb.Stamp = received
	}
	for i := range armAxes {
		q := value(m.Position, i)
		if order[i] >= len(m.Position) || math.IsNaN(q) || math.IsInf(q, 0) {
			a.why = fmt.Sprintf("the driver gives no finite position of %s", a.cfg.Names[i])
			return
		}
		if i < 6 {
			fb.Joints[i], fb.Velocities[i], fb.Efforts[i] = q, value(m.Velocity, i), value(m.Effort, i)
		} else {
			fb.Gripper.Width, fb.Gripper.Torque = q*a.cfg.GripperScale, value(m.Effort, i)
		}
	}
	a.why, a.fb, a.heard = "", fb, received
}

// Tick implements driver.
func (a *topicArm) Tick(now time.Time) {
	a.now = now
	silence := seconds(a.cfg.Silence)
	switch {
	case a.why != "":
		a.fb.Valid, a.fb.Reason = false, a.why
	case a.heard.IsZero():
	case now.Sub(a.heard) > silence:
		a.fb.Valid, a.fb.Reason = false, fmt.Sprintf("its driver has said nothing for %.2f s", now.Sub(a.heard).Seconds())
	default:
		a.fb.Valid, a.fb.Reason = true, ""
	}
	a.fb.Age = now.Sub(a.heard)
	switch a.phase {
	case piper.PhaseConnecting:
		if a.fb.Valid {
			a.enter(piper.PhaseIdle)
		}
	case piper.PhaseReady:
		if !a.fb.Valid {
			a.latch(piper.CauseStale, "%s", a.fb.Reason)
			return
		}
		a.followed(now)
	}
}

// followed latches a fault when the arm stays away from where it is told to be.
func (a *topicArm) followed(now time.Time) {
	off := farthestOf(a.target[:], a.fb.Joints[:])
	switch {
	case off <= a.cfg.Lag || a.dry:
		a.lags = time.Time{}
	case a.lags.IsZero():
		a.lags = now
	case now.Sub(a.lags) > seconds(a.cfg.Silence):
		a.latch(piper.CauseFrozen, "it is %.2f rad from its set point: does its driver take commands, and are its motors on?", off)
	}
}

func (a *topicArm) enter(p piper.Phase) { a.phase, a.since, a.lags = p, a.now, time.Time{} }

func (a *topicArm) latch(c piper.Cause, format string, args ...any) {
	a.faults = append(a.faults, piper.Fault{Cause: c, At: a.now, Reason: fmt.Sprintf("arm %s: ", a.cal.Side) + fmt.Sprintf(format, args...)})
	a.enter(piper.PhaseFault)
}

// Feedback implements driver.
func (a *topicArm) Feedback(time.Time) piper.Feedback { return a.fb }

// State implements driver.
func (a *topicArm) State(time.Time) piper.State {
	s := piper.State{
		Side: a.cal.Side, DryRun: a.dry, Phase: a.phase, Since: a.since, Faults: a.faults,
		Streaming: a.phase == piper.PhaseReady || a.phase == piper.PhaseFault,
		Target:    a.target, Width: a.width, Torque: a.torque, Refused: a.refused,
	}
	if !a.fb.Valid {
		s.Detail = a.fb.Reason
	}
	return s
}

// Leader implements driver: a leader is another node's here.
func (a *topicArm) Leader(time.Time) piper.Leader { return piper.Leader{} }

// Command implements driver. In a fault the last set point goes on being sent: the arm holds.
func (a *topicArm) Command(target [6]float64, width, torque float64) error {
	for _, v := range append(target[:], width, torque) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			a.refused++
			return fmt.Errorf("arm %s: %w", a.cal.Side, piper.ErrNotFinite)
		}
	}
	switch a.phase {
	case piper.PhaseReady:
		a.target, a.width, a.torque = target, width, torque
		return a.send()
	case piper.PhaseFault:
		return errors.Join(piper.ErrFaulted, a.send())
	}
	return fmt.Errorf("arm %s is %v: %w", a.cal.Side, a.phase, piper.ErrNotReady)
}

func (a *topicArm) send() error {
	if a.dry {
		return nil
	}
	m := &msgs.JointState{
		Header: msgs.Header{Stamp: msgs.Stamp(a.now)}, Name: a.cfg.Names,
		Position: append(a.target[:], a.width/a.cfg.GripperScale),
	}
	if a.cfg.Speed > 0 { // piper_ros: velocity[6] is the speed of all, effort[6] the grip
		m.Velocity = make([]float64, armAxes)
		m.Velocity[armAxes-1] = a.cfg.Speed
		m.Effort = make([]float64, armAxes)
		m.Effort[armAxes-1] = a.torque
	}
	return a.pub.Publish(m)
}

// Enable implements driver.
func (a *topicArm) Enable() (string, error) {
	switch {
	case len(a.faults) > 0:
		return "", fmt.Errorf("%w: %s: clear it first", piper.ErrFaulted, a.faults[0].Reason)
	case !a.fb.Valid:
		return "", fmt.Errorf("arm %s: %w: %s", a.cal.Side, piper.ErrNotConnected, a.fb.Reason)
	case a.phase == piper.PhaseReady:
		return fmt.Sprintf("arm %s is sent set points already", a.cal.Side), nil
	}
	a.target, a.width = a.fb.Joints, a.fb.Gripper.Width
	a.enter(piper.PhaseReady)
	return fmt.Sprintf("arm %s: set points begin where it is; its own driver switches the motors on", a.cal.Side), nil
}

// Disable implements driver.
func (a *topicArm) Disable() (string, error) {
	if a.phase == piper.PhaseReady {
		a.enter(piper.PhaseIdle)
	}
	return fmt.Sprintf("arm %s: set points end; it keeps the last one, and its own driver switches the motors off: it drops then", a.cal.Side), nil
}

// EmergencyStop implements driver.
func (a *topicArm) EmergencyStop() (string, error) { return "", a.others("emergency stop") }

// Reset implements driver.
func (a *topicArm) Reset() (string, error) { return "", a.others("reset") }

// RestoreSettings implements driver.
func (a *topicArm) RestoreSettings() (string, error) { return "", a.others("restoring of settings") }

func (a *topicArm) others(what string) error {
	return fmt.Errorf("arm %s: %w: its %s is its own driver's: ask that one (/estop holds the arm here)", a.cal.Side, piper.ErrRefused, what)
}

// ClearErrors implements driver.
func (a *topicArm) ClearErrors() (string, error) {
	return fmt.Sprintf("arm %s: errors of its joints are its own driver's to clear", a.cal.Side), nil
}

// ClearFault implements driver.
func (a *topicArm) ClearFault(time.Time) error {
	switch {
	case len(a.faults) == 0:
		return nil
	case !a.fb.Valid:
		return fmt.Errorf("arm %s: %w: %s", a.cal.Side, piper.ErrPersists, a.fb.Reason)
	}
	a.faults = nil
	a.target, a.width = a.fb.Joints, a.fb.Gripper.Width
	a.enter(piper.PhaseReady)
	return nil
}

// Close implements driver.
func (a *topicArm) Close() error {
	var errs []error
	for _, p := range a.parts {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}
