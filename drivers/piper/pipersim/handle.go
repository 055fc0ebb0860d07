package pipersim

import (
	"math"
	"time"

	"cobot_vla/drivers/can"
	"cobot_vla/drivers/piper"
)

// handle obeys one frame and returns the answers. Frames that make no sense are
// ignored, as the real controller does.
func (f *Firmware) handle(frame can.Frame) []can.Frame {
	if f.faults.deaf() {
		return nil
	}
	if control := uint32(f.cfg.Control); frame.ID >= piper.IDMotion+control && frame.ID <= piper.IDMIT6+control {
		frame.ID -= control
		f.command(frame)
		return nil
	}
	switch frame.ID {
	case piper.IDMotors:
		f.motorPower(frame)
	case piper.IDFirmware:
		if piper.IsFirmwareQuery(frame) || frame.Len == 1 && frame.Data[0] == 1 {
			text := f.cfg.Text.Frames()
			return text[:]
		}
	case piper.IDLimitsQuery, piper.IDLimitsSet, piper.IDJointSet, piper.IDSettingsQuery, piper.IDCollisionSet, piper.IDGripperTeach:
		return f.setting(frame)
	}
	return nil
}

// command obeys 0x150..0x159. A leader listens to nobody.
func (f *Firmware) command(frame can.Frame) {
	if f.cfg.Role == piper.RoleLeader {
		return
	}
	switch id := frame.ID; {
	case id == piper.IDMotion:
		if m, err := piper.DecodeMotionCommand(frame); err == nil {
			f.motion(m)
		}
	case id == piper.IDMode:
		if m, err := piper.DecodeModeCommand(frame); err == nil {
			f.mode(m)
		}
	case id >= piper.IDTarget12 && id <= piper.IDTarget56:
		if q, err := piper.DecodeAngles(frame); err == nil {
			f.jointTarget(int(id-piper.IDTarget12), q)
		}
	case id == piper.IDGripperSet:
		if g, err := piper.DecodeGripperCommand(frame); err == nil {
			f.gripperTarget(g)
		}
	}
}

// motion obeys 0x150.
func (f *Firmware) motion(m piper.MotionCommand) {
	switch {
	case m.Stop == piper.StopEmergency:
		f.stopped = true
		f.profile.stop()
	case m.Stop == piper.StopReset:
		f.reset()
	case m.Teach == piper.TeachOff && f.ctrl == piper.CtrlTeach && f.teachEnds.IsZero():
		f.teachEnds = f.now.Add(f.cfg.TeachLeave)
	}
}

// reset cuts power to all joints and forgets errors. Afterwards one enable is not enough.
func (f *Firmware) reset() {
	for j := range f.motors {
		f.motors[j] = motor{}
	}
	f.stopped, f.needs = false, 2
	f.ctrl, f.move, f.status, f.teachEnds = piper.CtrlStandby, piper.MoveP, piper.ArmNormal, time.Time{}
	f.gripper = gripper{}
	f.faults.cureByReset()
}

// mode obeys 0x151.
func (f *Firmware) mode(m piper.ModeCommand) {
	if f.stopped {
		return
	}
	switch m.Ctrl {
	case piper.CtrlStandby:
		if f.ctrl == piper.CtrlTeach {
			f.switchOff() // the documented trap
		}
		f.leaveCAN()
	case piper.CtrlCAN:
		if f.ctrl != piper.CtrlCAN {
			f.ctrl, f.canSince, f.teachEnds = piper.CtrlCAN, f.now, time.Time{}
			f.profile.stop()
			f.pending[0].heard, f.pending[1].heard, f.pending[2].heard = false, false, false
			f.faults.enteredCAN(f.now)
		}
		f.move, f.follow = m.Move, m.Follow
		f.speed = float64(min(m.Speed, 100)) / 100
		if f.cfg.Role == piper.RoleFollower && m.Follow == piper.FollowMIT && !f.powered() {
			f.enable(allJoints)
		}
	}
}

func (f *Firmware) leaveCAN() {
	f.ctrl, f.move, f.teachEnds = piper.CtrlStandby, piper.MoveP, time.Time{}
	f.profile.stop()
}

// targetSlack is how far beyond a limit, or beyond where the arm is, a target may lie [rad].
const targetSlack = 0.1 * math.Pi / 180

// jointTarget takes two joints of a triple and obeys when all three are there.
func (f *Firmware) jointTarget(pair int, q [2]float64) {
	f.pending[pair].angles, f.pending[pair].heard = q, true
	var target [6]float64
	for i, p := range f.pending {
		if !p.heard {
			return
		}
		copy(target[2*i:], p.angles[:])
	}
	f.pending[0].heard, f.pending[1].heard, f.pending[2].heard = false, false, false
	if f.ctrl != piper.CtrlCAN || f.move != piper.MoveJ || !f.powered() {
		return
	}
	measured := f.reported()
	for j, x := range target {
		lower := min(f.flash.limits[j].Min, measured[j]) - targetSlack
		upper := max(f.flash.limits[j].Max, measured[j]) + targetSlack
		if x < lower || x > upper {
			f.status = piper.ArmTargetLimit
			return
		}
	}
	if f.status == piper.ArmTargetLimit {
		f.status = piper.ArmNormal
	}
	f.profile.target = target
}

// gripperTarget obeys 0x159.
func (f *Firmware) gripperTarget(g piper.GripperCommand) {
	if !f.cfg.Gripper {
		return
	}
	if g.Code == piper.GripperDisableClear || g.Code == piper.GripperEnableClear {
		f.gripper.latched = 0
	}
	switch g.Code {
	case piper.GripperDisable, piper.GripperDisableClear:
		f.gripper = gripper{latched: f.gripper.latched}
	case piper.GripperEnable, piper.GripperEnableClear:
		if !f.gripper.on && f.gripper.onAt.IsZero() {
			f.gripper.onAt = f.now.Add(f.cfg.EnableDelay)
		}
		f.gripper.width = max(0, min(g.Width, f.flash.teach.Stroke))
		f.gripper.torque = g.Torque
	}
}

const allJoints = 0x3F

// motorPower obeys 0x471; 7 and 0xFF address all joints.
func (f *Firmware) motorPower(frame can.Frame) {
	p, err := piper.DecodeMotorPower(frame)
	if err != nil || f.cfg.Role == piper.RoleLeader {
		return
	}
	var joints piper.JointBits
	switch {
	case p.Motor >= 1 && p.Motor <= 6:
		joints = 1 << (p.Motor - 1)
	case p.Motor == piper.MotorsSeven || p.Motor == piper.MotorsAll:
		joints = allJoints
	default:
		return
	}
	if !p.On {
		for j := range f.motors {
			if joints.Has(j) {
				f.motors[j].on, f.motors[j].onAt = false, time.Time{}
			}
		}
		if p.Motor == piper.MotorsAll {
			f.gripper = gripper{}
		}
		return
	}
	f.needs--
	if f.needs <= 0 && !f.stopped && !f.faults.blipping(f.now) {
		f.needs = 0
		f.enable(joints)
	}
}

// enable makes motors report on, one after the other.
func (f *Firmware) enable(joints piper.JointBits) {
	for j := range f.motors {
		if m := &f.motors[j]; joints.Has(j) && !m.on && m.onAt.IsZero() {
			m.onAt = f.now.Add(f.cfg.EnableDelay + time.Duration(j)*f.cfg.EnableStagger)
		}
	}
}

func (f *Firmware) switchOff() {
	for j := range f.motors {
		f.motors[j].on, f.motors[j].onAt = false, time.Time{}
	}
}

// setting answers queries and takes settings.
func (f *Firmware) setting(frame can.Frame) []can.Frame {
	if f.faults.on(LimitsRefused) && (frame.ID == piper.IDLimitsQuery || frame.ID == piper.IDLimitsSet) {
		return nil
	}
	switch frame.ID {
	case piper.IDLimitsQuery:
		q, err := piper.DecodeLimitsQuery(frame)
		if err != nil {
			return nil
		}
		if q.Acceleration {
			return []can.Frame{piper.JointAcceleration{Joint: q.Joint, Raw: 500}.Frame()}
		}
		return []can.Frame{f.flash.limits[q.Joint].Frame()}
	case piper.IDLimitsSet:
		s, err := piper.DecodeLimitsSetting(frame)
		if err != nil {
			return nil
		}
		if !s.KeepAngles {
			f.flash.limits[s.Joint].Max, f.flash.limits[s.Joint].Min = s.Max, s.Min
		}
		if !s.KeepSpeed {
			f.flash.limits[s.Joint].Speed = uint16(math.Round(s.Speed * 1000))
		}
	case piper.IDJointSet:
		s, err := piper.DecodeJointSetting(frame)
		if err != nil {
			return nil
		}
		if s.ClearErrors {
			f.clearErrors(s.Joint)
		}
	case piper.IDSettingsQuery:
		q, err := piper.DecodeSettingsQuery(frame)
		if err != nil {
			return nil
		}
		return f.answer(q)
	case piper.IDCollisionSet:
		levels, err := piper.DecodeCollisionLevels(frame)
		if err != nil {
			return nil
		}
		f.flash.collision = levels
	case piper.IDGripperTeach:
		teach, err := piper.DecodeGripperTeach(frame)
		if err != nil {
			return nil
		}
		f.flash.teach = teach
	}
	return []can.Frame{piper.Acknowledge{Setting: uint8(frame.ID)}.Frame()}
}

func (f *Firmware) answer(q piper.SettingsQuery) (out []can.Frame) {
	if q.Restore == piper.RestoreJointLimits {
		f.flash.limits = f.cfg.flash().limits
		out = append(out, piper.Acknowledge{Setting: uint8(piper.IDSettingsQuery & 0xFF)}.Frame())
	}
	switch q.Query {
	case piper.QueryEndLimits:
		out = append(out, piper.EndLimits{LinearVelocity: 0.5, AngularVelocity: 0.5, LinearAcceleration: 0.5, AngularAcceleration: 0.5}.Answer())
	case piper.QueryCollision:
		out = append(out, f.flash.collision.Answer())
	case piper.QueryGripper:
		out = append(out, f.flash.teach.Answer())
	}
	return out
}

// clearErrors forgets what joints have latched, as far as its cause is gone.
func (f *Firmware) clearErrors(joint uint8) {
	for j := range f.motors {
		if joint == piper.JointsAll || int(joint) == j+1 {
			f.motors[j].latched = 0
		}
	}
	f.status = piper.ArmNormal
}
