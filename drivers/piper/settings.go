package piper

import (
	"fmt"
	"math"

	"cobot_vla/drivers/can"
)

// unchanged leaves a 16-bit setting as it is, from S-V1.5-2.
const unchanged = 0x7FFF

// Linkage makes an arm a leader or a follower, 0x470. It is kept in flash, and
// leader to follower takes effect after a power cycle only.
type Linkage struct {
	Role     LinkageRole
	Feedback IDOffset // moves 0x2Ax
	Control  IDOffset // moves 0x15x
	Target   IDOffset // moves the 0x15x that a leader sends
}

// DecodeLinkage reads 0x470.
func DecodeLinkage(f can.Frame) (Linkage, error) {
	if err := check(f, IDLinkage, IDLinkage, 4); err != nil {
		return Linkage{}, err
	}
	return Linkage{LinkageRole(f.Data[0]), IDOffset(f.Data[1]), IDOffset(f.Data[2]), IDOffset(f.Data[3])}, nil
}

// Frame encodes the setting.
func (l Linkage) Frame() can.Frame {
	return frame(IDLinkage, byte(l.Role), byte(l.Feedback), byte(l.Control), byte(l.Target))
}

// LimitsQuery asks for one joint's limits, 0x472.
type LimitsQuery struct {
	Joint        int  // 0..5
	Acceleration bool // answered by 0x47C; else angle and speed, answered by 0x473
}

// DecodeLimitsQuery reads 0x472.
func DecodeLimitsQuery(f can.Frame) (LimitsQuery, error) {
	if err := check(f, IDLimitsQuery, IDLimitsQuery, 2); err != nil {
		return LimitsQuery{}, err
	}
	if f.Data[0] < 1 || f.Data[0] > 6 || f.Data[1] < 1 || f.Data[1] > 2 {
		return LimitsQuery{}, fmt.Errorf("piper: frame %s: want joint 1..6 and query 1 or 2", f)
	}
	return LimitsQuery{int(f.Data[0]) - 1, f.Data[1] == 2}, nil
}

// Frame encodes the query.
func (q LimitsQuery) Frame() can.Frame {
	if q.Acceleration {
		return frame(IDLimitsQuery, byte(q.Joint+1), 2)
	}
	return frame(IDLimitsQuery, byte(q.Joint+1), 1)
}

// MotorLimits are one joint's limits in the arm's flash: the answer 0x473.
type MotorLimits struct {
	Joint int // 0..5
	Max   float64
	Min   float64 // [rad]
	// Speed as sent. Its scale is not settled: one vendor SDK documents 0.001 rad/s, the
	// other decodes 0.01 rad/s. SpeedRange gives both readings.
	Speed uint16
}

// SpeedRange is the joint's maximum speed [rad/s] under either scale.
func (l MotorLimits) SpeedRange() (low, high float64) {
	return float64(l.Speed) * milli, float64(l.Speed) * centi
}

// DecodeMotorLimits reads 0x473.
func DecodeMotorLimits(f can.Frame) (MotorLimits, error) {
	if err := check(f, IDLimits, IDLimits, 7); err != nil {
		return MotorLimits{}, err
	}
	if f.Data[0] < 1 || f.Data[0] > 6 {
		return MotorLimits{}, fmt.Errorf("piper: frame %s: joint %d, want 1..6", f, f.Data[0])
	}
	return MotorLimits{
		Joint: int(f.Data[0]) - 1,
		Max:   float64(getI16(f, 1)) * deciDegree,
		Min:   float64(getI16(f, 3)) * deciDegree,
		Speed: getU16(f, 5),
	}, nil
}

// Frame encodes the answer.
func (l MotorLimits) Frame() can.Frame {
	f := frame(IDLimits, byte(l.Joint+1))
	putI16(&f, 1, ticks16(l.Max, deciDegree))
	putI16(&f, 3, ticks16(l.Min, deciDegree))
	putU16(&f, 5, l.Speed)
	return f
}

// LimitsSetting writes one joint's limits to flash, 0x474.
type LimitsSetting struct {
	Joint int // 0..5
	// KeepAngles leaves both angles, KeepSpeed the speed, as they are.
	KeepAngles, KeepSpeed bool
	Max, Min              float64 // [rad]
	Speed                 float64 // [rad/s], 0..3
}

// DecodeLimitsSetting reads 0x474.
func DecodeLimitsSetting(f can.Frame) (LimitsSetting, error) {
	if err := check(f, IDLimitsSet, IDLimitsSet, 7); err != nil {
		return LimitsSetting{}, err
	}
	if f.Data[0] < 1 || f.Data[0] > 6 {
		return LimitsSetting{}, fmt.Errorf("piper: frame %s: joint %d, want 1..6", f, f.Data[0])
	}
	l := LimitsSetting{Joint: int(f.Data[0]) - 1}
	if getU16(f, 1) == unchanged && getU16(f, 3) == unchanged {
		l.KeepAngles = true
	} else {
		l.Max, l.Min = float64(getI16(f, 1))*deciDegree, float64(getI16(f, 3))*deciDegree
	}
	if getU16(f, 5) == unchanged {
		l.KeepSpeed = true
	} else {
		l.Speed = float64(getU16(f, 5)) * milli
	}
	return l, nil
}

// Frame encodes the setting; an error means that a value makes no sense as a limit.
func (l LimitsSetting) Frame() (can.Frame, error) {
	f := frame(IDLimitsSet, byte(l.Joint+1))
	putU16(&f, 1, unchanged)
	putU16(&f, 3, unchanged)
	putU16(&f, 5, unchanged)
	if !l.KeepAngles {
		if !(l.Min < l.Max) {
			return can.Frame{}, fmt.Errorf("piper: joint%d limits %g..%g rad: %w: want min < max", l.Joint+1, l.Min, l.Max, ErrValue)
		}
		for _, x := range []float64{l.Max, l.Min} {
			if err := sendable(fmt.Sprintf("joint%d limit [rad]", l.Joint+1), x, -3600*deciDegree, 3600*deciDegree); err != nil {
				return can.Frame{}, err
			}
		}
		putI16(&f, 1, ticks16(l.Max, deciDegree))
		putI16(&f, 3, ticks16(l.Min, deciDegree))
	}
	if !l.KeepSpeed {
		if err := sendable(fmt.Sprintf("joint%d speed limit [rad/s]", l.Joint+1), l.Speed, 0, 3); err != nil {
			return can.Frame{}, err
		}
		putU16(&f, 5, ticksU16(l.Speed, milli))
	}
	return f, nil
}

const (
	settingYes = 0xAE
	// JointsAll addresses every joint in a JointSetting.
	JointsAll uint8 = 7
)

// JointSetting configures one joint or all, 0x475.
type JointSetting struct {
	Joint       uint8   // 1..6, 7 is all
	Zero        bool    // makes the present angle the joint's zero
	SetAccel    bool    // Accel is valid
	Accel       float64 // [rad/s²], 0..5
	ClearErrors bool
}

// DecodeJointSetting reads 0x475.
func DecodeJointSetting(f can.Frame) (JointSetting, error) {
	if err := check(f, IDJointSet, IDJointSet, 6); err != nil {
		return JointSetting{}, err
	}
	s := JointSetting{Joint: f.Data[0], Zero: f.Data[1] == settingYes, ClearErrors: f.Data[5] == settingYes}
	if raw := getU16(f, 3); f.Data[2] == settingYes && raw != unchanged {
		s.SetAccel, s.Accel = true, float64(raw)*centi
	}
	return s, nil
}

// Frame encodes the setting.
func (s JointSetting) Frame() (can.Frame, error) {
	f := frame(IDJointSet, s.Joint)
	putU16(&f, 3, unchanged)
	if s.Zero {
		f.Data[1] = settingYes
	}
	if s.SetAccel {
		if err := sendable("joint acceleration limit [rad/s²]", s.Accel, 0, 5); err != nil {
			return can.Frame{}, err
		}
		f.Data[2] = settingYes
		putU16(&f, 3, ticksU16(s.Accel, centi))
	}
	if s.ClearErrors {
		f.Data[5] = settingYes
	}
	return f, nil
}

// Acknowledge says that a setting was taken, 0x476.
type Acknowledge struct {
	Setting    uint8 // low byte of the setting's identifier, e.g. 0x75
	Zeroed     bool  // a zero was set
	Trajectory uint8 // point of a transfer
}

// DecodeAcknowledge reads 0x476.
func DecodeAcknowledge(f can.Frame) (Acknowledge, error) {
	if err := check(f, IDAcknowledge, IDAcknowledge, 3); err != nil {
		return Acknowledge{}, err
	}
	return Acknowledge{f.Data[0], f.Data[1] == 1, f.Data[2]}, nil
}

// Frame encodes the acknowledgement.
func (a Acknowledge) Frame() can.Frame {
	f := frame(IDAcknowledge, a.Setting, 0, a.Trajectory)
	if a.Zeroed {
		f.Data[1] = 1
	}
	return f
}

// Query is what 0x477 asks for.
type Query uint8

const (
	QueryNone       Query = 0
	QueryEndLimits  Query = 1 // -> 0x478
	QueryCollision  Query = 2 // -> 0x47B
	QueryTrajectory Query = 3
	QueryGripper    Query = 4 // -> 0x47E
)

func (q Query) String() string {
	return nameOf(uint8(q), "query", "none", "end limits", "collision levels", "trajectory index", "gripper and teach parameters")
}

// Restore is what 0x477 sets back to the factory's value.
type Restore uint8

const (
	RestoreNone        Restore = 0
	RestoreEndLimits   Restore = 1
	RestoreJointLimits Restore = 2 // angles, speeds and accelerations
)

// SettingsQuery asks for settings or restores them, 0x477. Byte 2, the switch of
// 0x48x feedback, is left alone: the vendor's documents contradict each other on it.
type SettingsQuery struct {
	Query   Query
	Restore Restore
	// SetPayload makes Payload valid: 0 empty, 1 half, 2 full, 3 invalid.
	SetPayload bool
	Payload    uint8
}

// DecodeSettingsQuery reads 0x477.
func DecodeSettingsQuery(f can.Frame) (SettingsQuery, error) {
	if err := check(f, IDSettingsQuery, IDSettingsQuery, 5); err != nil {
		return SettingsQuery{}, err
	}
	return SettingsQuery{Query(f.Data[0]), Restore(f.Data[1]), f.Data[3] == settingYes, f.Data[4]}, nil
}

// Frame encodes the query.
func (q SettingsQuery) Frame() can.Frame {
	f := frame(IDSettingsQuery, byte(q.Query), byte(q.Restore), 0, 0, q.Payload)
	if q.SetPayload {
		f.Data[3] = settingYes
	}
	return f
}

// EndLimits bound the flange's motion: the answer 0x478 and the setting 0x479. A NaN leaves that value as it is.
type EndLimits struct {
	LinearVelocity      float64 // [m/s]
	AngularVelocity     float64 // [rad/s]
	LinearAcceleration  float64 // [m/s²]
	AngularAcceleration float64 // [rad/s²]
}

// DecodeEndLimits reads 0x478 or 0x479.
func DecodeEndLimits(f can.Frame) (EndLimits, error) {
	if err := check(f, IDEndLimits, IDEndLimitsSet, 8); err != nil {
		return EndLimits{}, err
	}
	var v [4]float64
	for i := range v {
		v[i] = math.NaN()
		if raw := getU16(f, 2*i); raw != unchanged {
			v[i] = float64(raw) * milli
		}
	}
	return EndLimits{v[0], v[1], v[2], v[3]}, nil
}

// Setting encodes 0x479.
func (l EndLimits) Setting() can.Frame { return l.frame(IDEndLimitsSet) }

// Answer encodes 0x478.
func (l EndLimits) Answer() can.Frame { return l.frame(IDEndLimits) }

func (l EndLimits) frame(id uint32) can.Frame {
	f := frame(id)
	for i, x := range []float64{l.LinearVelocity, l.AngularVelocity, l.LinearAcceleration, l.AngularAcceleration} {
		putU16(&f, 2*i, unchanged)
		if !math.IsNaN(x) {
			putU16(&f, 2*i, ticksU16(x, milli))
		}
	}
	return f
}

// JointAcceleration is one joint's acceleration limit: the answer 0x47C. Its scale
// is not settled: one vendor SDK reads 0.001 rad/s², the other 0.01 rad/s².
type JointAcceleration struct {
	Joint int // 0..5
	Raw   uint16
}

// DecodeJointAcceleration reads 0x47C.
func DecodeJointAcceleration(f can.Frame) (JointAcceleration, error) {
	if err := check(f, IDAcceleration, IDAcceleration, 3); err != nil {
		return JointAcceleration{}, err
	}
	if f.Data[0] < 1 || f.Data[0] > 6 {
		return JointAcceleration{}, fmt.Errorf("piper: frame %s: joint %d, want 1..6", f, f.Data[0])
	}
	return JointAcceleration{int(f.Data[0]) - 1, getU16(f, 1)}, nil
}

// Frame encodes the answer.
func (a JointAcceleration) Frame() can.Frame {
	f := frame(IDAcceleration, byte(a.Joint+1))
	putU16(&f, 1, a.Raw)
	return f
}

// Range is the acceleration [rad/s²] under either scale.
func (a JointAcceleration) Range() (low, high float64) {
	return float64(a.Raw) * milli, float64(a.Raw) * centi
}

// CollisionLevels are the six joints' collision sensitivities, 0 (no detection) to 8:
// the setting 0x47A and the answer 0x47B.
type CollisionLevels [6]uint8

// DecodeCollisionLevels reads 0x47A or 0x47B.
func DecodeCollisionLevels(f can.Frame) (CollisionLevels, error) {
	if err := check(f, IDCollisionSet, IDCollision, 6); err != nil {
		return CollisionLevels{}, err
	}
	return CollisionLevels(f.Data[:6]), nil
}

// Setting encodes 0x47A.
func (c CollisionLevels) Setting() can.Frame { return frame(IDCollisionSet, c[:]...) }

// Answer encodes 0x47B.
func (c CollisionLevels) Answer() can.Frame { return frame(IDCollision, c[:]...) }

// GripperTeach are the gripper's and the teach handle's parameters: the setting 0x47D
// and the answer 0x47E. A stroke of 0, as some units leave the factory, makes the
// gripper report 0 and not move.
type GripperTeach struct {
	Range    uint8   // of the teach handle [%], 100..200
	Stroke   float64 // [m]: 0, 0.07 or 0.10
	Friction uint8   // of the teach handle, 1..10, from S-V1.5-8; 255 breaks the gripper's feedback
}

// DecodeGripperTeach reads 0x47D or 0x47E.
func DecodeGripperTeach(f can.Frame) (GripperTeach, error) {
	if err := check(f, IDGripperTeach, IDGripperTeachIs, 3); err != nil {
		return GripperTeach{}, err
	}
	return GripperTeach{f.Data[0], float64(f.Data[1]) * milli, f.Data[2]}, nil
}

// Setting encodes 0x47D.
func (g GripperTeach) Setting() can.Frame {
	return frame(IDGripperTeach, g.Range, byte(ticks(g.Stroke, milli, 0, 255)), g.Friction)
}

// Answer encodes 0x47E.
func (g GripperTeach) Answer() can.Frame {
	f := g.Setting()
	f.ID = IDGripperTeachIs
	return f
}

// AssistLevels are the six joints' drag assistance, 0x487 and 0x488.
type AssistLevels [6]uint8

// DecodeAssistLevels reads 0x487 or 0x488.
func DecodeAssistLevels(f can.Frame) (AssistLevels, error) {
	if err := check(f, IDAssistSet, IDAssist, 6); err != nil {
		return AssistLevels{}, err
	}
	return AssistLevels(f.Data[:6]), nil
}

// Setting encodes 0x487.
func (a AssistLevels) Setting() can.Frame { return frame(IDAssistSet, a[:]...) }

// Answer encodes 0x488.
func (a AssistLevels) Answer() can.Frame { return frame(IDAssist, a[:]...) }
