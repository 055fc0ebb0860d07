package piper

import (
	"errors"
	"fmt"
	"math"

	"cobot_vla/drivers/can"
)

// ErrFirmwareUnknown: MIT frames differ between firmware versions, and a newer
// form sent to an older arm can move it dangerously; read the firmware text first.
var ErrFirmwareUnknown = errors.New("firmware version unknown")

// MITDialect is one of the three ways in which firmware reads 0x15A..0x15F.
type MITDialect uint8

const (
	// MITScaled, up to S-V1.8-2: 8-bit torque and a checksum; the arm executes four times the torque on joints 1..3.
	MITScaled MITDialect = iota + 1
	// MITChecked, S-V1.8-3 to S-V1.8-7: 8-bit torque and a checksum.
	MITChecked
	// MITWide, from S-V1.8-8: 12-bit torque, no checksum, move mode 6.
	MITWide
)

// MIT encodes per-joint impedance commands for one firmware version.
type MIT struct {
	dialect  MITDialect
	reversed bool // joints 1, 2, 4 and 6 have the other sign, before S-V1.7-3
}

// NewMIT chooses the dialect; an unknown version is refused with ErrFirmwareUnknown.
func NewMIT(v Version) (MIT, error) {
	switch {
	case !v.Known():
		return MIT{}, fmt.Errorf("piper: MIT refused: %w", ErrFirmwareUnknown)
	case !v.After(1, 5, 1):
		return MIT{}, fmt.Errorf("piper: MIT refused: %s has no MIT frames; they came with S-V1.5-2", v)
	case !v.After(1, 8, 2):
		return MIT{MITScaled, !v.After(1, 7, 2)}, nil
	case !v.After(1, 8, 7):
		return MIT{dialect: MITChecked}, nil
	}
	return MIT{dialect: MITWide}, nil
}

// Dialect in use.
func (m MIT) Dialect() MITDialect { return m.dialect }

// MoveMode to send in ModeCommand, together with FollowMIT.
func (m MIT) MoveMode() MoveMode {
	if m.dialect == MITWide {
		return MoveMIT
	}
	return MoveMITOld
}

// MITCommand is an impedance command: torque = Kp·(Position − q) + Kd·(Velocity − q̇) + Torque.
type MITCommand struct {
	Position float64 // [rad], -12.5..12.5
	Velocity float64 // [rad/s], -45..45
	Kp       float64 // 0..500, 10 is the reference
	Kd       float64 // -5..5, 0.8 is the reference
	Torque   float64 // at the joint [N·m]
}

const (
	mitPosition = 12.5
	mitVelocity = 45.0
	mitKp       = 500.0
	mitKd       = 5.0
	mitTorque8  = 8.0
	mitTorque12 = 16.0
	// The arm applies 0.813252 of a torque sent to joints 4..6, so what is sent is divided by it.
	mitSmallJoints = 0.813252
)

// Frame encodes a command for joint index 0..5.
func (m MIT) Frame(joint int, c MITCommand) (can.Frame, error) {
	if m.dialect == 0 {
		return can.Frame{}, fmt.Errorf("piper: MIT refused: %w", ErrFirmwareUnknown)
	}
	if joint < 0 || joint > 5 {
		return can.Frame{}, fmt.Errorf("piper: MIT joint index %d: %w: want 0..5", joint, ErrValue)
	}
	sign, scale := m.sign(joint), m.torqueScale(joint)
	limit := mitTorque8
	if m.dialect == MITWide {
		limit = mitTorque12
	}
	position, velocity, torque := sign*c.Position, sign*c.Velocity, sign*c.Torque/scale
	for _, v := range []struct {
		name      string
		x, lo, hi float64
	}{
		{"position [rad]", position, -mitPosition, mitPosition},
		{"velocity [rad/s]", velocity, -mitVelocity, mitVelocity},
		{"kp", c.Kp, 0, mitKp},
		{"kd", c.Kd, -mitKd, mitKd},
		{"torque on the wire [N·m]", torque, -limit, limit},
	} {
		if err := sendable(fmt.Sprintf("MIT joint%d %s", joint+1, v.name), v.x, v.lo, v.hi); err != nil {
			return can.Frame{}, err
		}
	}
	p := mitCode(position, -mitPosition, mitPosition, 16)
	v := mitCode(velocity, -mitVelocity, mitVelocity, 12)
	kp := mitCode(c.Kp, 0, mitKp, 12)
	kd := mitCode(c.Kd, -mitKd, mitKd, 12)
	f := frame(IDMIT1+uint32(joint), byte(p>>8), byte(p), byte(v>>4), byte(v<<4)|byte(kp>>8), byte(kp), byte(kd>>4), byte(kd<<4))
	if m.dialect == MITWide {
		t := mitCode(torque, -mitTorque12, mitTorque12, 12)
		f.Data[6] |= byte(t >> 8)
		f.Data[7] = byte(t)
		return f, nil
	}
	t := mitCode(torque, -mitTorque8, mitTorque8, 8)
	f.Data[6] |= byte(t >> 4)
	f.Data[7] = byte(t<<4) | mitChecksum(f)
	return f, nil
}

// Decode reads 0x15A..0x15F as this firmware does.
func (m MIT) Decode(f can.Frame) (joint int, c MITCommand, err error) {
	if m.dialect == 0 {
		return 0, MITCommand{}, fmt.Errorf("piper: MIT refused: %w", ErrFirmwareUnknown)
	}
	if err := check(f, IDMIT1, IDMIT6, 8); err != nil {
		return 0, MITCommand{}, err
	}
	joint = int(f.ID - IDMIT1)
	sign, d := m.sign(joint), f.Data
	c = MITCommand{
		Position: sign * mitValue(uint32(d[0])<<8|uint32(d[1]), -mitPosition, mitPosition, 16),
		Velocity: sign * mitValue(uint32(d[2])<<4|uint32(d[3])>>4, -mitVelocity, mitVelocity, 12),
		Kp:       mitValue(uint32(d[3]&0xF)<<8|uint32(d[4]), 0, mitKp, 12),
		Kd:       mitValue(uint32(d[5])<<4|uint32(d[6])>>4, -mitKd, mitKd, 12),
	}
	if m.dialect == MITWide {
		c.Torque = sign * m.torqueScale(joint) * mitValue(uint32(d[6]&0xF)<<8|uint32(d[7]), -mitTorque12, mitTorque12, 12)
		return joint, c, nil
	}
	if sum := mitChecksum(f); d[7]&0xF != sum {
		return 0, MITCommand{}, fmt.Errorf("piper: frame %s: checksum %X, want %X", f, d[7]&0xF, sum)
	}
	c.Torque = sign * m.torqueScale(joint) * mitValue(uint32(d[6]&0xF)<<4|uint32(d[7])>>4, -mitTorque8, mitTorque8, 8)
	return joint, c, nil
}

func (m MIT) sign(joint int) float64 {
	if m.reversed && joint != 2 && joint != 4 {
		return -1
	}
	return 1
}

// torqueScale is executed over sent torque.
func (m MIT) torqueScale(joint int) float64 {
	switch {
	case joint >= 3:
		return mitSmallJoints
	case m.dialect == MITScaled:
		return 4
	}
	return 1
}

// mitCode truncates, as the vendor's code does.
func mitCode(x, lo, hi float64, bits uint) uint32 {
	return uint32(math.Trunc((x - lo) * float64(uint32(1)<<bits-1) / (hi - lo)))
}

func mitValue(code uint32, lo, hi float64, bits uint) float64 {
	return lo + float64(code)*(hi-lo)/float64(uint32(1)<<bits-1)
}

func mitChecksum(f can.Frame) byte {
	var sum byte
	for _, b := range f.Data[:7] {
		sum ^= b
	}
	return sum & 0xF
}
