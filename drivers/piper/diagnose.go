package piper

import (
	"fmt"
	"math"
	"time"

	"cobot_vla/drivers/can"
)

// conditions are since when something has been so; zero when it is not.
type conditions struct {
	comm     time.Time // a joint communication error
	notCAN   time.Time // control mode other than CAN
	encoder  time.Time // joint and motor feedback disagree
	astray   time.Time // a joint is FrozenError from its set point
	suspects JointBits // joints of encoder
}

// lasting returns since when ok has been true.
func lasting(since time.Time, ok bool, now time.Time) time.Time {
	switch {
	case !ok:
		return time.Time{}
	case since.IsZero():
		return now
	}
	return since
}

// longer says whether a condition has lasted more than d.
func longer(since, now time.Time, d time.Duration) bool {
	return !since.IsZero() && now.Sub(since) > d
}

// observe updates the conditions once a tick.
func (a *Arm) observe(now time.Time) {
	c, status := &a.cond, a.in.status.value
	c.comm = lasting(c.comm, status.CommError&0x3F != 0 || status.Arm == ArmJointComm, now)
	c.notCAN = lasting(c.notCAN, status.Ctrl != CtrlCAN, now)
	c.suspects = a.suspects()
	c.encoder = lasting(c.encoder, c.suspects != 0, now)
	c.astray = lasting(c.astray, a.streaming && a.trackingError() > a.cfg.FrozenError, now)
}

// suspects are the joints whose joint feedback and motor feedback disagree by more
// than the tolerance and what the joint moves between the two frames.
func (a *Arm) suspects() (s JointBits) {
	if !a.in.motorAngles || a.in.joints.sets == 0 {
		return 0
	}
	for j, high := range a.in.high {
		if high.at.IsZero() {
			continue
		}
		between := math.Abs(a.in.joints.at.Sub(high.at).Seconds())
		moved := math.Abs(high.value.Velocity) * between
		if math.Abs(high.value.Position-a.in.joints.values[j]) > a.cfg.EncoderTolerance+moved {
			s |= 1 << j
		}
	}
	return s
}

// trackingError is the largest distance of a joint from its set point [rad].
func (a *Arm) trackingError() (worst float64) {
	for j, q := range a.measured() {
		worst = max(worst, math.Abs(a.target[j]-q))
	}
	return worst
}

// diagnose returns everything that is wrong now, whatever the phase; reasons lack the arm's name.
func (a *Arm) diagnose(now time.Time) (found []Fault) {
	add := func(c Cause, format string, args ...any) {
		found = append(found, Fault{c, fmt.Sprintf(format, args...), now})
	}
	a.diagnoseLink(now, add)
	a.diagnoseStatus(now, add)
	a.diagnoseMotors(now, add)
	a.diagnoseEncoders(now, add)
	if g := a.in.gripper.value; a.cfg.Gripper && g.Bits&gripperFaults != 0 {
		add(CauseGripper, "gripper reports %v; free it, then clear errors", g.Bits&gripperFaults)
	}
	return found
}

func (a *Arm) diagnoseLink(now time.Time, add func(Cause, string, ...any)) {
	switch {
	case a.busState == can.BusOff:
		add(CauseBus, "bus %s is off after too many errors; check wiring and termination, then restart the interface", a.busName)
	case a.busState == can.Down:
		add(CauseBus, "bus %s is down; bring it up at 1 Mbit/s", a.busName)
	case longer(a.in.links.failing, now, a.cfg.StaleAfter):
		add(CauseBus, "bus %s takes no frames: %s", a.busName, a.in.links.lastError)
	}
	if missing := a.missing(now); missing != "" {
		add(CauseStale, "%s", missing)
	}
	if t := a.in.target; !t.at.IsZero() && now.Sub(t.at) < a.cfg.ForeignWindow {
		add(CauseForeign, "somebody else commands this arm (frame %s on %s): unlink the leader arm or stop the other program", t.value, a.busName)
	}
}

func (a *Arm) diagnoseStatus(now time.Time, add func(Cause, string, ...any)) {
	s := a.in.status.value
	switch s.Arm {
	case ArmNormal:
	case ArmEmergencyStop:
		add(CauseEmergencyStop, "the arm is in its own emergency stop; release the button if one is pressed, support the arm and reset it (it drops), then enable")
	case ArmJointComm:
		// As the communication error below.
	case ArmBrakeNotReleased, ArmJointStatus:
		if !a.phase.enabling() {
			add(CauseArmStatus, "arm status is %v; clear errors, or reset (the arm drops)", s.Arm)
		}
	case ArmCollision:
		add(CauseCollision, "the arm detected a collision; free it, then clear errors")
	case ArmControllerHot, ArmResistorHot:
		add(CauseOverTemperature, "%v; let the arm cool", s.Arm)
	case ArmTeachRecord, ArmTeachExecute, ArmTeachPause:
		add(CauseTeach, "%v; end teaching, then enable", s.Arm)
	default:
		add(CauseArmStatus, "arm status is %v; clear errors, or reset (the arm drops)", s.Arm)
	}
	if s.Ctrl == CtrlTeach {
		add(CauseTeach, "the arm is in teach mode and can be dragged; enabling ends it")
	} else if longer(a.cond.notCAN, now, a.cfg.CommTolerance) {
		add(CauseMode, "the arm left CAN control for %v; enable it again", s.Ctrl)
	}
	if longer(a.cond.comm, now, a.cfg.CommTolerance) {
		add(CauseJointComm, "the arm can't reach %v for %v (error 0x%04X); check the arm's cables and supply, then clear errors",
			s.CommError, now.Sub(a.cond.comm).Round(time.Millisecond), uint16(s.AngleLimit)<<8|uint16(s.CommError))
	}
}

func (a *Arm) diagnoseMotors(now time.Time, add func(Cause, string, ...any)) {
	for j, low := range a.in.low {
		if low.at.IsZero() {
			continue
		}
		v, joint := low.value, fmt.Sprintf("joint%d", j+1)
		if v.Bits&DriverUndervoltage != 0 {
			add(CauseUndervoltage, "%s reports undervoltage at %.1f V; check supply and battery", joint, v.Voltage)
		}
		if hot := max(v.MotorTemperature, v.DriverTemperature); v.Bits&(DriverMotorHot|DriverHot) != 0 || hot >= a.cfg.TemperatureStop {
			add(CauseOverTemperature, "%s is at %.0f °C (motor) and %.0f °C (driver), stop is at %.0f °C; let it cool", joint, v.MotorTemperature, v.DriverTemperature, a.cfg.TemperatureStop)
		}
		if v.Bits&DriverCollision != 0 {
			add(CauseCollision, "%s tripped its collision protection; free the arm, then clear errors", joint)
		}
		if v.Bits&DriverStall != 0 {
			add(CauseStall, "%s tripped its stall protection; free the arm, then clear errors", joint)
		}
		if bits := v.Bits & (DriverOvercurrent | DriverError); bits != 0 {
			add(CauseDriver, "%s reports %v; clear errors, or reset (the arm drops)", joint, bits)
		}
		if v.Bits&DriverEnabled == 0 {
			add(CauseDisabled, "the motor of %s is off; the arm may have dropped: enable it again", joint)
		}
	}
}

func (a *Arm) diagnoseEncoders(now time.Time, add func(Cause, string, ...any)) {
	if longer(a.cond.encoder, now, a.cfg.EncoderTime) {
		for j := range 6 {
			if a.cond.suspects.Has(j) {
				add(CauseEncoder, "encoder suspect: joint%d at %.3f rad in 0x%03X but %.3f rad in 0x%03X; reset (the arm drops) and check the pose by eye",
					j+1, a.in.joints.values[j], IDJoints12+j/2, a.in.high[j].value.Position, IDHighSpeed1+j)
			}
		}
	}
	if longer(a.cond.astray, now, a.cfg.FrozenTime) && now.Sub(a.in.joints.changed) > a.cfg.FrozenTime {
		add(CauseFrozen, "joint feedback has not changed for %v while a joint is %.2f rad from its set point: frozen, or the arm is blocked",
			now.Sub(a.in.joints.changed).Round(time.Millisecond), a.trackingError())
	}
}

// missing names the first thing that feedback lacks; empty when it is whole and fresh.
//
// Frames alone are no feedback: an arm that is starting sends zeros for joints that its
// controller has not heard. A real arm at its zero pose differs by the bus voltage that
// every motor driver measures, so angles count only while all six report one.
func (a *Arm) missing(now time.Time) string {
	ids := []uint32{IDStatus + a.in.offset, IDJoints12 + a.in.offset, IDJoints34 + a.in.offset, IDJoints56 + a.in.offset}
	if a.cfg.Gripper {
		ids = append(ids, IDGripper+a.in.offset)
	}
	for j := range uint32(6) {
		ids = append(ids, IDHighSpeed1+j, IDLowSpeed1+j)
	}
	for _, id := range ids {
		limit := a.cfg.StaleAfter
		if id >= IDLowSpeed1 && id <= IDLowSpeed6 {
			limit = a.cfg.SlowStaleAfter
		}
		age, ever := a.in.links.age(id, now)
		if ever && age <= limit {
			continue
		}
		switch stuck := a.in.stuck; {
		case !stuck.at.IsZero() && now.Sub(stuck.at) < a.cfg.ForeignWindow:
			return fmt.Sprintf("feedback arrives as 0x%03X instead of 0x%03X: the arm is stuck in the leader state; make it a follower (0x470 FC) and cycle its power", stuck.value.ID, IDStatus)
		case !ever:
			return fmt.Sprintf("no frame 0x%03X (%s) yet; is the arm on and %s at 1 Mbit/s?", id, a.content(id), a.busName)
		}
		return fmt.Sprintf("no frame 0x%03X (%s) for %v", id, a.content(id), age.Round(time.Millisecond))
	}
	if age := now.Sub(a.in.joints.at); a.in.joints.sets == 0 || age > a.cfg.StaleAfter {
		return fmt.Sprintf("no whole joint set for %v: 0x%03X to 0x%03X never arrive within %v of each other", a.cfg.StaleAfter, ids[1], ids[3], a.cfg.SetWindow)
	}
	for j, low := range a.in.low {
		if low.value.Voltage == 0 {
			return fmt.Sprintf("joint%d reports a bus voltage of 0 V: the arm's angles are not measured yet", j+1)
		}
	}
	return ""
}

// content of a feedback identifier in words.
func (a *Arm) content(id uint32) string {
	switch {
	case id >= IDHighSpeed1 && id <= IDHighSpeed6:
		return fmt.Sprintf("joint%d speed", id-IDHighSpeed1+1)
	case id >= IDLowSpeed1 && id <= IDLowSpeed6:
		return fmt.Sprintf("joint%d driver", id-IDLowSpeed1+1)
	case id == IDStatus+a.in.offset:
		return "arm status"
	case id == IDGripper+a.in.offset:
		return "gripper"
	}
	first := 2*(id-a.in.offset-IDJoints12) + 1
	return fmt.Sprintf("joints %d, %d", first, first+1)
}

// resting says that the joints the arm finds beyond its limits lie where arms rest: a
// few degrees outside.
func (a *Arm) resting() bool {
	const rest = 3 * math.Pi / 180 // -2.0 and +2.0 degrees were measured
	for j, q := range a.measured() {
		r := a.configured(j)
		if q < r.Lower-rest || q > r.Upper+rest {
			return false
		}
	}
	return true
}

// warnings are what is unusual and no fault.
func (a *Arm) warnings() (out []string) {
	add := func(format string, args ...any) {
		out = append(out, "arm "+a.cfg.Arm.Side+": "+fmt.Sprintf(format, args...))
	}
	for j, low := range a.in.low {
		if hot := max(low.value.MotorTemperature, low.value.DriverTemperature); hot >= a.cfg.TemperatureWarn && hot < a.cfg.TemperatureStop {
			add("joint%d is at %.0f °C, stop is at %.0f °C", j+1, hot, a.cfg.TemperatureStop)
		}
	}
	s := a.in.status.value
	if s.AngleLimit != 0 && a.streaming && !a.resting() {
		add("%v beyond the arm's angle limit", s.AngleLimit)
	}
	if s.Move > MoveMIT {
		add("%v in the status", s.Move)
	}
	if a.in.joints.sets > 0 && !a.in.motorAngles && !a.in.high[0].at.IsZero() {
		add("motor feedback carries no angles, so encoders are not cross-checked")
	}
	if a.levelSet && a.probe.done && a.in.collision.value != a.collisionLevels() {
		add("collision levels are %v, asked for %d", a.in.collision.value, a.cfg.CollisionLevel)
	}
	for _, text := range a.probe.warnings {
		add("%s", text)
	}
	return out
}
