package pipersim

import (
	"time"

	"cobot_vla/drivers/can"
	"cobot_vla/drivers/piper"
)

// Periods of feedback, as seen on real arms.
const (
	fastPeriod = 5 * time.Millisecond  // 0x2A1..0x2A8
	highPeriod = 10 * time.Millisecond // 0x251..0x256, and one slot of the low-speed frames
)

// lowSlots are the joints whose low-speed frames go out together, one slot every
// 10 ms: each joint's every 50 ms.
var lowSlots = [5][]int{{3}, {2}, {1}, {0, 5}, {4}}

// schedule says what is due.
type schedule struct {
	fast, high time.Time
	slot       int
}

func (s *schedule) begin(now time.Time) { s.fast, s.high = now, now }

// due reports whether a period has passed, and sets the next time; periods missed altogether are skipped.
func due(next *time.Time, now time.Time, period time.Duration) bool {
	if now.Before(*next) {
		return false
	}
	*next = next.Add(period)
	if !now.Before(*next) {
		*next = now.Add(period)
	}
	return true
}

// emit is the periodic traffic that is due.
func (f *Firmware) emit() (out []can.Frame) {
	fast, high := due(&f.next.fast, f.now, fastPeriod), due(&f.next.high, f.now, highPeriod)
	if f.cfg.Role == piper.RoleLeader {
		if fast {
			out = f.lead()
		}
		return out
	}
	if fast {
		out = append(out, f.fastFrames()...)
	}
	if high {
		for j := range 6 {
			out = append(out, piper.HighSpeed{
				Joint:    j,
				Velocity: f.state.Velocities[j],
				Current:  piper.Current(j, f.state.Torques[j], f.version),
				Position: f.state.Joints[j],
			}.Frame())
		}
		for _, j := range lowSlots[f.next.slot] {
			out = append(out, f.lowFrame(j))
		}
		f.next.slot = (f.next.slot + 1) % len(lowSlots)
	}
	if fast && f.faults.on(LeaderTraffic) {
		out = append(out, leaderFrames(f.state.Joints, f.state.Width)...)
	}
	return out
}

func (f *Firmware) fastFrames() []can.Frame {
	q := f.reported()
	joints, pose := piper.JointFrames(q), flange(q).Frames()
	out := []can.Frame{f.statusFrame(), pose[0], pose[1], pose[2], joints[0], joints[1], joints[2]}
	if f.cfg.Gripper {
		out = append(out, f.gripperFrame())
	}
	shift := uint32(f.cfg.Feedback)
	if f.faults.on(StuckLeader) {
		shift = 0x100
	}
	for i := range out {
		out[i].ID += shift
	}
	return out
}

func (f *Firmware) statusFrame() can.Frame {
	s := piper.Status{Ctrl: f.ctrl, Arm: f.status, Move: f.move}
	if f.ctrl == piper.CtrlTeach {
		s.Teach = piper.TeachStart
	}
	if f.ctrl == piper.CtrlCAN && f.powered() && !f.profile.reached() {
		s.Motion = piper.MotionMoving
	}
	for j, q := range f.reported() {
		if l := f.flash.limits[j]; q < l.Min-targetSlack || q > l.Max+targetSlack {
			s.AngleLimit |= 1 << j
		}
	}
	for _, m := range f.motors {
		switch {
		case m.latched&piper.DriverCollision != 0:
			s.Arm = piper.ArmCollision
		case m.latched != 0 && s.Arm == piper.ArmNormal:
			s.Arm = piper.ArmJointStatus
		}
	}
	if f.stopped {
		s.Arm = piper.ArmEmergencyStop
	}
	return f.faults.judge(s, f.now).Frame()
}

func (f *Firmware) gripperFrame() can.Frame {
	if !f.gripper.on {
		return piper.GripperFeedback{Bits: f.gripper.latched}.Frame()
	}
	g := piper.GripperFeedback{Bits: piper.GripperEnabled | piper.GripperHomed | f.gripper.latched, Torque: f.state.GripForce}
	if f.flash.teach.Stroke > 0 {
		g.Value = f.state.Width
	}
	return g.Frame()
}

// Temperatures of a resting arm [°C].
const (
	driverTemperature = 32
	motorTemperature  = 27
)

func (f *Firmware) lowFrame(j int) can.Frame {
	l := piper.LowSpeed{Joint: j, Voltage: f.cfg.Voltage, DriverTemperature: driverTemperature, MotorTemperature: motorTemperature, Bits: f.motors[j].latched}
	if f.motors[j].on {
		l.Bits |= piper.DriverEnabled
	}
	return f.faults.ail(l).Frame()
}

// lead is a leader's traffic: nothing until it is moved, then targets for its follower.
func (f *Firmware) lead() []can.Frame {
	q, width, moved := f.state.Joints, f.state.Width, f.leading != f.state.Joints
	if f.cfg.Leader != nil {
		q, width, moved = f.cfg.Leader(f.now.Sub(f.start))
	} else if !f.looked {
		moved = false // the first look only learns where it is
	}
	f.leading, f.looked = q, true
	if f.moved = f.moved || moved; !f.moved {
		return nil
	}
	out := leaderFrames(q, width)
	for i := range out {
		out[i].ID += uint32(f.cfg.Control)
	}
	return out
}

// leaderFrames are 0x151, 0x155..0x157 and 0x159 as a leader sends them.
func leaderFrames(q [6]float64, width float64) []can.Frame {
	mode := piper.ModeCommand{Ctrl: piper.CtrlCAN, Move: piper.MoveJ, Speed: 100, Follow: piper.FollowMIT}
	out := []can.Frame{mode.Frame()}
	if targets, err := piper.TargetFrames(q); err == nil {
		out = append(out, targets[:]...)
	}
	if g, err := (piper.GripperCommand{Width: width, Torque: 1, Code: piper.GripperEnable}).Frame(); err == nil {
		out = append(out, g)
	}
	return out
}
