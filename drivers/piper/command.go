package piper

import (
	"fmt"

	"cobot_vla/drivers/can"
)

// MotionCommand stops, resets and leaves teaching, 0x150. The zero value leaves teach mode with motors on.
type MotionCommand struct {
	Stop       StopCode
	Trajectory TrajectoryCommand
	Teach      TeachCommand
	Index      uint8  // of a trajectory point
	Name       uint16 // of a trajectory
	CRC        uint16
}

// DecodeMotionCommand reads 0x150.
func DecodeMotionCommand(f can.Frame) (MotionCommand, error) {
	if err := checkShifted(f, IDMotion, 8); err != nil {
		return MotionCommand{}, err
	}
	return MotionCommand{StopCode(f.Data[0]), TrajectoryCommand(f.Data[1]), TeachCommand(f.Data[2]), f.Data[3], getU16(f, 4), getU16(f, 6)}, nil
}

// Frame encodes the command.
func (m MotionCommand) Frame() can.Frame {
	f := frame(IDMotion, byte(m.Stop), byte(m.Trajectory), byte(m.Teach), m.Index)
	putU16(&f, 4, m.Name)
	putU16(&f, 6, m.CRC)
	return f
}

// ModeCommand selects who controls the arm and how it moves, 0x151. From teach
// mode, standby switches all six motors off: leave teach by MotionCommand first.
type ModeCommand struct {
	Ctrl     CtrlMode
	Move     MoveMode
	Speed    uint8 // percent of the maximum, 0..100
	Follow   Follow
	Dwell    uint8 // seconds at a trajectory point, 255 ends the trajectory
	Mounting Mounting
}

// DecodeModeCommand reads 0x151.
func DecodeModeCommand(f can.Frame) (ModeCommand, error) {
	if err := checkShifted(f, IDMode, 8); err != nil {
		return ModeCommand{}, err
	}
	d := f.Data
	return ModeCommand{CtrlMode(d[0]), MoveMode(d[1]), d[2], Follow(d[3]), d[4], Mounting(d[5])}, nil
}

// Frame encodes the command.
func (m ModeCommand) Frame() can.Frame {
	return frame(IDMode, byte(m.Ctrl), byte(m.Move), m.Speed, byte(m.Follow), m.Dwell, byte(m.Mounting))
}

// TargetFrames encodes a target pose, 0x152..0x154. The arm's joint limits do not bound it.
func (p Pose) TargetFrames() ([3]can.Frame, error) {
	for axis := range 3 {
		// The vendor SDK drops poses beyond 1 m and 361° as nonsense.
		if err := sendable("target pose [m]", p.XYZ[axis], -1, 1); err != nil {
			return [3]can.Frame{}, err
		}
		if err := sendable("target pose [rad]", p.RPY[axis], -361e3*milliDegree, 361e3*milliDegree); err != nil {
			return [3]can.Frame{}, err
		}
	}
	return p.frames(IDTargetXY), nil
}

// TargetFrames encodes target joint angles [rad], 0x155..0x157; the arm wants all three.
func TargetFrames(q [6]float64) ([3]can.Frame, error) {
	for j, x := range q {
		if err := sendable(fmt.Sprintf("joint%d target [rad]", j+1), x, -360e3*milliDegree, 360e3*milliDegree); err != nil {
			return [3]can.Frame{}, err
		}
	}
	return angleFrames(IDTarget12, q), nil
}

// DecodeArc reads 0x158.
func DecodeArc(f can.Frame) (ArcPoint, error) {
	if err := checkShifted(f, IDArc, 1); err != nil {
		return 0, err
	}
	return ArcPoint(f.Data[0]), nil
}

// Frame encodes 0x158, sent after the pose that it describes.
func (p ArcPoint) Frame() can.Frame { return frame(IDArc, byte(p)) }

// GripperCommand is the gripper's target, 0x159.
type GripperCommand struct {
	Width  float64 // [m]
	Torque float64 // [N·m], 0..5
	Code   GripperCode
	Zero   bool // makes the present position the gripper's zero
}

const gripperZero = 0xAE

// DecodeGripperCommand reads 0x159.
func DecodeGripperCommand(f can.Frame) (GripperCommand, error) {
	if err := checkShifted(f, IDGripperSet, 8); err != nil {
		return GripperCommand{}, err
	}
	return GripperCommand{
		Width:  float64(getI32(f, 0)) * micrometre,
		Torque: float64(getU16(f, 4)) * milli,
		Code:   GripperCode(f.Data[6]),
		Zero:   f.Data[7] == gripperZero,
	}, nil
}

// Frame encodes the command; an error means that width or torque can't be sent.
func (g GripperCommand) Frame() (can.Frame, error) {
	if err := sendable("gripper width [m]", g.Width, -0.15, 0.15); err != nil {
		return can.Frame{}, err
	}
	if err := sendable("gripper torque [N·m]", g.Torque, 0, 5); err != nil {
		return can.Frame{}, err
	}
	f := frame(IDGripperSet)
	putI32(&f, 0, ticks32(g.Width, micrometre))
	putU16(&f, 4, ticksU16(g.Torque, milli))
	f.Data[6] = byte(g.Code)
	if g.Zero {
		f.Data[7] = gripperZero
	}
	return f, nil
}

// Motors that a MotorPower addresses beside 1..6. The vendor's documents disagree
// on 7 (all motors, or the gripper's alone); 0xFF is all of them, with the gripper.
const (
	MotorsSeven uint8 = 7
	MotorsAll   uint8 = 0xFF
)

// MotorPower switches motors on or off, 0x471. Off drops what they hold.
type MotorPower struct {
	Motor uint8 // 1..6, MotorsSeven or MotorsAll
	On    bool
}

// DecodeMotorPower reads 0x471.
func DecodeMotorPower(f can.Frame) (MotorPower, error) {
	if err := check(f, IDMotors, IDMotors, 2); err != nil {
		return MotorPower{}, err
	}
	if f.Data[1] != 1 && f.Data[1] != 2 {
		return MotorPower{}, fmt.Errorf("piper: frame %s: byte 1 is neither 1 (disable) nor 2 (enable)", f)
	}
	return MotorPower{f.Data[0], f.Data[1] == 2}, nil
}

// Frame encodes the command.
func (m MotorPower) Frame() can.Frame {
	if m.On {
		return frame(IDMotors, m.Motor, 2)
	}
	return frame(IDMotors, m.Motor, 1)
}

// LeaderHoming brings a linked leader home, 0x191, from S-V1.7-4.
type LeaderHoming uint8

const (
	HomingRestore LeaderHoming = iota // back to linkage
	HomingLeader                      // the leader goes to zero
	HomingBoth                        // leader and follower go to zero
)

// DecodeLeaderHoming reads 0x191.
func DecodeLeaderHoming(f can.Frame) (LeaderHoming, error) {
	if err := check(f, IDLeaderHoming, IDLeaderHoming, 3); err != nil {
		return 0, err
	}
	switch [3]byte(f.Data[:3]) {
	case [3]byte{1, 0, 0}:
		return HomingRestore, nil
	case [3]byte{1, 1, 1}:
		return HomingLeader, nil
	case [3]byte{1, 0, 1}:
		return HomingBoth, nil
	}
	return 0, fmt.Errorf("piper: frame %s: unknown leader homing", f)
}

// Frame encodes the command.
func (h LeaderHoming) Frame() can.Frame {
	switch h {
	case HomingLeader:
		return frame(IDLeaderHoming, 1, 1, 1)
	case HomingBoth:
		return frame(IDLeaderHoming, 1, 0, 1)
	}
	return frame(IDLeaderHoming, 1, 0, 0)
}

// CPVKey names one value of the per-joint CPV interface.
type CPVKey string

const (
	CPVPosition     CPVKey = "po"
	CPVSpeed        CPVKey = "sp"
	CPVAcceleration CPVKey = "ac"
	CPVDeceleration CPVKey = "dc"
	CPVVelocityV    CPVKey = "vv"
	CPVPositionP    CPVKey = "pp"
	CPVGainP        CPVKey = "kp"
	CPVGainI        CPVKey = "ki"
)

// CPV reads or writes one raw value of one joint, 0x181..0x186, from S-V1.8-1. Units of values are undocumented.
type CPV struct {
	Joint int  // 0..5
	Op    byte // 'w' write, 'r' read, 'a' answer
	Key   CPVKey
	Value int32
}

// DecodeCPV reads 0x181..0x186.
func DecodeCPV(f can.Frame) (CPV, error) {
	if err := check(f, IDCPV1, IDCPV6, 7); err != nil {
		return CPV{}, err
	}
	return CPV{int(f.ID - IDCPV1), f.Data[0], CPVKey(f.Data[1:3]), getI32(f, 3)}, nil
}

// Frame encodes the access; a key is two characters.
func (c CPV) Frame() (can.Frame, error) {
	if c.Joint < 0 || c.Joint > 5 || len(c.Key) != 2 {
		return can.Frame{}, fmt.Errorf("piper: CPV joint index %d key %q: %w: want 0..5 and two characters", c.Joint, c.Key, ErrValue)
	}
	f := frame(IDCPV1+uint32(c.Joint), c.Op, c.Key[0], c.Key[1])
	putI32(&f, 3, c.Value)
	return f, nil
}
