package piper

import (
	"fmt"

	"cobot_vla/drivers/can"
)

// Status is the arm's status, 0x2A1, 200 Hz.
type Status struct {
	Ctrl       CtrlMode
	Arm        ArmStatus
	Move       MoveMode
	Teach      TeachCommand
	Motion     MotionStatus
	Trajectory uint8
	// AngleLimit are joints beyond their angle limit; a resting arm may have some.
	AngleLimit JointBits
	// CommError are joints that the arm's controller can't reach.
	CommError JointBits
}

// DecodeStatus reads 0x2A1, also with an identifier offset.
func DecodeStatus(f can.Frame) (Status, error) {
	if err := checkShifted(f, IDStatus, 8); err != nil {
		return Status{}, err
	}
	d := f.Data
	return Status{CtrlMode(d[0]), ArmStatus(d[1]), MoveMode(d[2]), TeachCommand(d[3]), MotionStatus(d[4]), d[5], JointBits(d[6]), JointBits(d[7])}, nil
}

// Frame encodes the status.
func (s Status) Frame() can.Frame {
	return frame(IDStatus, byte(s.Ctrl), byte(s.Arm), byte(s.Move), byte(s.Teach), byte(s.Motion), s.Trajectory, byte(s.AngleLimit), byte(s.CommError))
}

// Pose is the flange's pose in the arm's base frame: metres, and fixed-axis
// roll, pitch, yaw in radians (R = Rz·Ry·Rx). It excludes the gripper.
type Pose struct {
	XYZ [3]float64
	RPY [3]float64
}

// Read takes one of the three frames 0x2A2..0x2A4 (or targets 0x152..0x154, also with an offset) into the pose.
func (p *Pose) Read(f can.Frame) error {
	for part := range 3 {
		feedback, target := uint32(IDPoseXY+part), uint32(IDTargetXY+part)
		if checkShifted(f, feedback, 8) != nil && checkShifted(f, target, 8) != nil {
			continue
		}
		a, b := float64(getI32(f, 0)), float64(getI32(f, 4))
		switch part {
		case 0:
			p.XYZ[0], p.XYZ[1] = a*micrometre, b*micrometre
		case 1:
			p.XYZ[2], p.RPY[0] = a*micrometre, b*milliDegree
		case 2:
			p.RPY[1], p.RPY[2] = a*milliDegree, b*milliDegree
		}
		return nil
	}
	return fmt.Errorf("piper: frame %s: %w: not a whole pose frame", f, ErrIdentifier)
}

// Frames encodes the pose as feedback, 0x2A2..0x2A4.
func (p Pose) Frames() [3]can.Frame { return p.frames(IDPoseXY) }

func (p Pose) frames(first uint32) [3]can.Frame {
	out := [3]can.Frame{frame(first), frame(first + 1), frame(first + 2)}
	putI32(&out[0], 0, ticks32(p.XYZ[0], micrometre))
	putI32(&out[0], 4, ticks32(p.XYZ[1], micrometre))
	putI32(&out[1], 0, ticks32(p.XYZ[2], micrometre))
	putI32(&out[1], 4, ticks32(p.RPY[0], milliDegree))
	putI32(&out[2], 0, ticks32(p.RPY[1], milliDegree))
	putI32(&out[2], 4, ticks32(p.RPY[2], milliDegree))
	return out
}

// DecodeAngles reads two joint angles [rad] of feedback 0x2A5..0x2A7, of a MOVE P
// solution 0x2AA..0x2AC or of a target 0x155..0x157, whatever the identifier's offset.
func DecodeAngles(f can.Frame) ([2]float64, error) {
	if f.Len != 8 {
		return [2]float64{}, fmt.Errorf("piper: frame %s: %w: %d bytes, want 8", f, ErrLength, f.Len)
	}
	return [2]float64{float64(getI32(f, 0)) * milliDegree, float64(getI32(f, 4)) * milliDegree}, nil
}

// JointFrames encodes six joint angles [rad] as feedback, 0x2A5..0x2A7.
func JointFrames(q [6]float64) [3]can.Frame { return angleFrames(IDJoints12, q) }

// SolutionFrames encodes the joints of a MOVE P solution [rad], 0x2AA..0x2AC.
func SolutionFrames(q [6]float64) [3]can.Frame { return angleFrames(IDSolution12, q) }

func angleFrames(first uint32, q [6]float64) [3]can.Frame {
	var out [3]can.Frame
	for pair := range out {
		out[pair] = frame(first + uint32(pair))
		putI32(&out[pair], 0, ticks32(q[2*pair], milliDegree))
		putI32(&out[pair], 4, ticks32(q[2*pair+1], milliDegree))
	}
	return out
}

// GripperFeedback is the gripper's state, 0x2A8, 200 Hz. A gripper that is off reports a width of 0.
type GripperFeedback struct {
	Kind GripperKind
	// Value is the opening [m], or the motor's angle [rad] when Kind is GripperAngle.
	Value  float64
	Torque float64 // [N·m]
	Bits   GripperBits
}

func (k GripperKind) unit() float64 {
	if k == GripperAngle {
		return milliDegree
	}
	return micrometre
}

// DecodeGripper reads 0x2A8, also with an identifier offset.
func DecodeGripper(f can.Frame) (GripperFeedback, error) {
	if err := checkShifted(f, IDGripper, 8); err != nil {
		return GripperFeedback{}, err
	}
	kind := GripperKind(f.Data[7])
	return GripperFeedback{
		Kind:   kind,
		Value:  float64(getI32(f, 0)) * kind.unit(),
		Torque: float64(getI16(f, 4)) * milli,
		Bits:   GripperBits(f.Data[6]),
	}, nil
}

// Frame encodes the gripper's state.
func (g GripperFeedback) Frame() can.Frame {
	f := frame(IDGripper)
	putI32(&f, 0, ticks32(g.Value, g.Kind.unit()))
	putI16(&f, 4, ticks16(g.Torque, milli))
	f.Data[6], f.Data[7] = byte(g.Bits), byte(g.Kind)
	return f
}

// HighSpeed is one motor's fast feedback, 0x251..0x256, 100 Hz.
type HighSpeed struct {
	Joint    int     // 0..5
	Velocity float64 // [rad/s]
	Current  float64 // [A]; signed, as both vendor SDKs read it
	Position float64 // [rad], in whole milliradians
}

// DecodeHighSpeed reads 0x251..0x256.
func DecodeHighSpeed(f can.Frame) (HighSpeed, error) {
	if err := check(f, IDHighSpeed1, IDHighSpeed6, 8); err != nil {
		return HighSpeed{}, err
	}
	return HighSpeed{
		Joint:    int(f.ID - IDHighSpeed1),
		Velocity: float64(getI16(f, 0)) * milli,
		Current:  float64(getI16(f, 2)) * milli,
		Position: float64(getI32(f, 4)) * milli,
	}, nil
}

// Frame encodes one motor's fast feedback.
func (h HighSpeed) Frame() can.Frame {
	f := frame(IDHighSpeed1 + uint32(h.Joint))
	putI16(&f, 0, ticks16(h.Velocity, milli))
	putI16(&f, 2, ticks16(h.Current, milli))
	putI32(&f, 4, ticks32(h.Position, milli))
	return f
}

// LowSpeed is one motor's slow feedback, 0x261..0x266, 20 Hz.
type LowSpeed struct {
	Joint             int     // 0..5
	Voltage           float64 // of the bus [V]
	DriverTemperature float64 // [°C]
	MotorTemperature  float64 // [°C]
	Bits              DriverBits
	Current           float64 // drawn from the bus [A]; the small joints report 0
}

// DecodeLowSpeed reads 0x261..0x266.
func DecodeLowSpeed(f can.Frame) (LowSpeed, error) {
	if err := check(f, IDLowSpeed1, IDLowSpeed6, 8); err != nil {
		return LowSpeed{}, err
	}
	return LowSpeed{
		Joint:             int(f.ID - IDLowSpeed1),
		Voltage:           float64(getU16(f, 0)) * deci,
		DriverTemperature: float64(getI16(f, 2)),
		MotorTemperature:  float64(int8(f.Data[4])),
		Bits:              DriverBits(f.Data[5]),
		Current:           float64(getU16(f, 6)) * milli,
	}, nil
}

// Frame encodes one motor's slow feedback.
func (l LowSpeed) Frame() can.Frame {
	f := frame(IDLowSpeed1 + uint32(l.Joint))
	putU16(&f, 0, ticksU16(l.Voltage, deci))
	putI16(&f, 2, ticks16(l.DriverTemperature, 1))
	f.Data[4] = byte(int8(ticks(l.MotorTemperature, 1, -128, 127)))
	f.Data[5] = byte(l.Bits)
	putU16(&f, 6, ticksU16(l.Current, milli))
	return f
}

// LinkMotion is the optional feedback of one link's motion, 0x481..0x486.
type LinkMotion struct {
	Joint               int     // 0..5
	LinearVelocity      float64 // [m/s]
	AngularVelocity     float64 // [rad/s]
	LinearAcceleration  float64 // [m/s²]
	AngularAcceleration float64 // [rad/s²]
}

// DecodeLinkMotion reads 0x481..0x486.
func DecodeLinkMotion(f can.Frame) (LinkMotion, error) {
	if err := check(f, IDLink1, IDLink6, 8); err != nil {
		return LinkMotion{}, err
	}
	return LinkMotion{
		Joint:               int(f.ID - IDLink1),
		LinearVelocity:      float64(getU16(f, 0)) * milli,
		AngularVelocity:     float64(getU16(f, 2)) * milli,
		LinearAcceleration:  float64(getU16(f, 4)) * milli,
		AngularAcceleration: float64(getU16(f, 6)) * milli,
	}, nil
}

// Frame encodes one link's motion.
func (l LinkMotion) Frame() can.Frame {
	f := frame(IDLink1 + uint32(l.Joint))
	for i, v := range []float64{l.LinearVelocity, l.AngularVelocity, l.LinearAcceleration, l.AngularAcceleration} {
		putU16(&f, 2*i, ticksU16(v, milli))
	}
	return f
}

// Torque constants: torque = current · constant [N·m/A]. Up to S-V1.8-2 the reported
// current of joints 1 to 3 stands for four times as much.
const (
	torqueConstantLarge = 1.18125 // joints 1..3
	torqueConstantSmall = 0.95844 // joints 4..6
)

// Effort is a joint's torque [N·m] from its motor's current; an unknown firmware is read as a new one.
func Effort(joint int, current float64, v Version) float64 {
	if joint >= 3 {
		return current * torqueConstantSmall
	}
	if v.Known() && !v.After(1, 8, 2) {
		return current * torqueConstantLarge * 4
	}
	return current * torqueConstantLarge
}

// Current is the motor current [A] with which firmware v reports a joint's torque [N·m]: the inverse of Effort.
func Current(joint int, torque float64, v Version) float64 { return torque / Effort(joint, 1, v) }
