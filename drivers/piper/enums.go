package piper

import (
	"fmt"
	"strings"
)

// Every enumeration tolerates values that its document does not list: firmware
// adds values, and a reader must survive them. String names them by number.

// CtrlMode is who controls the arm (0x2A1 byte 0, 0x151 byte 0).
type CtrlMode uint8

const (
	CtrlStandby  CtrlMode = 0
	CtrlCAN      CtrlMode = 1
	CtrlTeach    CtrlMode = 2 // dragged by hand
	CtrlEthernet CtrlMode = 3
	CtrlWifi     CtrlMode = 4
	CtrlRemote   CtrlMode = 5
	CtrlLeader   CtrlMode = 6 // linkage teaching input
	CtrlOffline  CtrlMode = 7 // offline trajectory
	CtrlTCP      CtrlMode = 8
)

func (m CtrlMode) String() string {
	return nameOf(uint8(m), "control mode", "standby", "CAN", "teach", "ethernet", "wifi", "remote", "linkage leader", "offline trajectory", "TCP")
}

// ArmStatus is the arm's own verdict (0x2A1 byte 1).
type ArmStatus uint8

const (
	ArmNormal           ArmStatus = 0x0
	ArmEmergencyStop    ArmStatus = 0x1
	ArmNoSolution       ArmStatus = 0x2
	ArmSingularity      ArmStatus = 0x3
	ArmTargetLimit      ArmStatus = 0x4 // target exceeds a limit
	ArmJointComm        ArmStatus = 0x5
	ArmBrakeNotReleased ArmStatus = 0x6
	ArmCollision        ArmStatus = 0x7
	ArmDragOverspeed    ArmStatus = 0x8
	ArmJointStatus      ArmStatus = 0x9
	ArmOther            ArmStatus = 0xA
	ArmTeachRecord      ArmStatus = 0xB
	ArmTeachExecute     ArmStatus = 0xC
	ArmTeachPause       ArmStatus = 0xD
	ArmControllerHot    ArmStatus = 0xE
	ArmResistorHot      ArmStatus = 0xF
)

func (s ArmStatus) String() string {
	return nameOf(uint8(s), "arm status", "normal", "emergency stop", "no solution", "singularity", "target exceeds limit",
		"joint communication error", "brake not released", "collision", "overspeed while dragged", "joint status error", "other error",
		"teach recording", "teach execution", "teach pause", "controller over-temperature", "brake resistor over-temperature")
}

// MoveMode is how the arm interpolates (0x2A1 byte 2, 0x151 byte 1).
type MoveMode uint8

const (
	MoveP      MoveMode = 0
	MoveJ      MoveMode = 1
	MoveL      MoveMode = 2
	MoveC      MoveMode = 3
	MoveMITOld MoveMode = 4 // up to S-V1.8-7
	MoveCPV    MoveMode = 5 // from S-V1.8-1
	MoveMIT    MoveMode = 6 // from S-V1.8-8
)

func (m MoveMode) String() string {
	return nameOf(uint8(m), "move mode", "MOVE P", "MOVE J", "MOVE L", "MOVE C", "MIT", "CPV", "MIT")
}

// TeachCommand is a step of drag teaching (0x150 byte 2); 0x2A1 byte 3 reports the same numbers.
type TeachCommand uint8

const (
	TeachOff       TeachCommand = 0
	TeachStart     TeachCommand = 1
	TeachStop      TeachCommand = 2
	TeachExecute   TeachCommand = 3
	TeachPause     TeachCommand = 4
	TeachContinue  TeachCommand = 5
	TeachTerminate TeachCommand = 6
	TeachGoToStart TeachCommand = 7
)

func (t TeachCommand) String() string {
	return nameOf(uint8(t), "teach state", "off", "recording", "recorded", "executing", "paused", "continuing", "terminated", "going to start")
}

// MotionStatus says whether the last target was reached (0x2A1 byte 4).
type MotionStatus uint8

const (
	MotionReached MotionStatus = 0
	MotionMoving  MotionStatus = 1
)

func (m MotionStatus) String() string {
	return nameOf(uint8(m), "motion status", "reached", "moving")
}

// JointBits is a set of joints: bit 0 is joint 1.
type JointBits uint8

// Has says whether joint index j, 0..5, is in the set.
func (b JointBits) Has(j int) bool { return b>>j&1 == 1 }

func (b JointBits) String() string {
	var names []string
	for j := range 8 {
		if b.Has(j) {
			names = append(names, fmt.Sprintf("joint%d", j+1))
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}

// DriverBits is the state of one joint's motor driver (0x261..0x266 byte 5).
type DriverBits uint8

const (
	DriverUndervoltage DriverBits = 1 << iota
	DriverMotorHot
	DriverOvercurrent
	DriverHot
	DriverCollision // collision protection tripped
	DriverError
	DriverEnabled
	DriverStall // stall protection tripped
)

func (b DriverBits) String() string {
	return flagsOf(uint8(b), "undervoltage", "motor over-temperature", "overcurrent", "driver over-temperature", "collision protection", "driver error", "enabled", "stall protection")
}

// GripperBits is the state of the gripper's driver (0x2A8 byte 6).
type GripperBits uint8

const (
	GripperUndervoltage GripperBits = 1 << iota
	GripperMotorHot
	GripperOvercurrent
	GripperDriverHot
	GripperSensor // sensor abnormal
	GripperError  // driver error
	GripperEnabled
	GripperHomed

	gripperFaults = GripperUndervoltage | GripperMotorHot | GripperOvercurrent | GripperDriverHot | GripperSensor | GripperError
)

func (b GripperBits) String() string {
	return flagsOf(uint8(b), "undervoltage", "motor over-temperature", "overcurrent", "driver over-temperature", "sensor abnormal", "driver error", "enabled", "homed")
}

// GripperKind says what the gripper's value is (0x2A8 byte 7).
type GripperKind uint8

const (
	GripperWidth GripperKind = 0
	GripperAngle GripperKind = 1
)

func (k GripperKind) String() string {
	return nameOf(uint8(k), "gripper value", "width", "angle")
}

// GripperCode is what the gripper's driver is told (0x159 byte 6).
type GripperCode uint8

const (
	GripperDisable      GripperCode = 0
	GripperEnable       GripperCode = 1
	GripperDisableClear GripperCode = 2
	GripperEnableClear  GripperCode = 3
)

func (c GripperCode) String() string {
	return nameOf(uint8(c), "gripper code", "disable", "enable", "disable and clear errors", "enable and clear errors")
}

// StopCode is 0x150 byte 0.
type StopCode uint8

const (
	StopNone      StopCode = 0
	StopEmergency StopCode = 1 // the arm sinks, damped
	StopReset     StopCode = 2 // the arm drops: all joints lose power
)

func (c StopCode) String() string {
	return nameOf(uint8(c), "stop code", "none", "emergency stop", "reset")
}

// TrajectoryCommand is 0x150 byte 1.
type TrajectoryCommand uint8

const (
	TrajectoryOff          TrajectoryCommand = 0
	TrajectoryPause        TrajectoryCommand = 1
	TrajectoryContinue     TrajectoryCommand = 2
	TrajectoryClearCurrent TrajectoryCommand = 3
	TrajectoryClearAll     TrajectoryCommand = 4
	TrajectoryGet          TrajectoryCommand = 5
	TrajectoryTerminate    TrajectoryCommand = 6
	TrajectoryTransfer     TrajectoryCommand = 7
	TrajectoryEnd          TrajectoryCommand = 8
)

func (c TrajectoryCommand) String() string {
	return nameOf(uint8(c), "trajectory command", "off", "pause", "continue", "clear current", "clear all", "get", "terminate", "transfer", "end")
}

// Follow is the servo mode of 0x151 byte 3.
type Follow uint8

const (
	FollowPositionVelocity Follow = 0x00
	// FollowMIT is the "high follow" that a leader arm commands: no smoothing.
	FollowMIT     Follow = 0xAD
	FollowInvalid Follow = 0xFF
)

func (f Follow) String() string {
	switch f {
	case FollowPositionVelocity:
		return "position-velocity"
	case FollowMIT:
		return "high follow"
	case FollowInvalid:
		return "invalid"
	}
	return fmt.Sprintf("unknown follow mode 0x%02X", uint8(f))
}

// Mounting is how the arm is mounted (0x151 byte 5, from S-V1.5-2).
type Mounting uint8

const (
	MountingUnset   Mounting = 0
	MountingUpright Mounting = 1
	MountingLeft    Mounting = 2 // cable to the rear
	MountingRight   Mounting = 3
)

func (m Mounting) String() string {
	return nameOf(uint8(m), "mounting", "unset", "upright", "left", "right")
}

// ArcPoint is the meaning of a MOVE C pose (0x158 byte 0).
type ArcPoint uint8

const (
	ArcInvalid ArcPoint = 0
	ArcStart   ArcPoint = 1
	ArcMiddle  ArcPoint = 2
	ArcEnd     ArcPoint = 3
)

func (p ArcPoint) String() string {
	return nameOf(uint8(p), "arc point", "invalid", "start", "middle", "end")
}

// LinkageRole is an arm's role in a leader-follower pair (0x470 byte 0).
type LinkageRole uint8

const (
	RoleUnset    LinkageRole = 0x00
	RoleLeader   LinkageRole = 0xFA // teaching input
	RoleFollower LinkageRole = 0xFC // motion output
)

func (r LinkageRole) String() string {
	switch r {
	case RoleUnset:
		return "unset"
	case RoleLeader:
		return "leader"
	case RoleFollower:
		return "follower"
	}
	return fmt.Sprintf("unknown linkage role 0x%02X", uint8(r))
}

// IDOffset moves an arm's identifiers so that several share a bus (0x470 bytes 1 to 3):
// 0x10 makes 0x2A1 0x2B1 and 0x155 0x165, 0x20 makes them 0x2C1 and 0x175.
type IDOffset uint8

const (
	NoOffset IDOffset = 0x00
	Offset10 IDOffset = 0x10
	Offset20 IDOffset = 0x20
)

// Valid says whether the offset is one that arms know.
func (o IDOffset) Valid() bool { return o == NoOffset || o == Offset10 || o == Offset20 }

func nameOf(v uint8, kind string, names ...string) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("unknown %s 0x%02X", kind, v)
}

func flagsOf(v uint8, names ...string) string {
	var set []string
	for bit, name := range names {
		if v>>bit&1 == 1 {
			set = append(set, name)
		}
	}
	if set == nil {
		return "none"
	}
	return strings.Join(set, ", ")
}
