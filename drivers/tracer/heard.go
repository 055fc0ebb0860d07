package tracer

import (
	"time"

	"cobot_vla/drivers/can"
)

const (
	left  = 0
	right = 1
)

// An arm sends 1600 frames a second of the kind that isArm knows; a handful within
// a moment is no disturbance any more.
const (
	armSuspicion = 8
	armMoment    = 100 * time.Millisecond
	oldSuspicion = 10
)

// seen is how often a frame arrived, and when last.
type seen struct {
	at    time.Time
	count uint64
}

// heard is everything that the bus has said, in SI units. It decides nothing.
type heard struct {
	system  System
	motion  Velocity
	remote  Remote
	light   Light
	motors  [2]Motor       // left, right
	drivers [2]MotorDriver // left, right
	battery Battery
	alarm   BatteryAlarm
	version versionAnswer

	seen         map[uint32]seen
	unknown, bad uint64
	lastBad      string

	armFrames int // within the moment that began at armSince
	armSince  time.Time
	armFrame  can.Frame
	oldFrames int
}

func (h *heard) count(id uint32) uint64 { return h.seen[id].count }

// take reads one frame that somebody else sent.
func (h *heard) take(f can.Frame, o *Odometry, at time.Time) {
	known, err := h.read(f, o, at)
	switch {
	case err != nil:
		h.bad++
		h.lastBad = err.Error()
	case known:
		h.seen[f.ID] = seen{at, h.seen[f.ID].count + 1}
	default:
		h.unknown++
		h.suspect(f, at)
	}
}

func (h *heard) read(f can.Frame, o *Odometry, at time.Time) (known bool, err error) {
	switch f.ID {
	case IDSystem:
		err = keep(&h.system, DecodeSystem, f)
	case IDMotion:
		if err = keep(&h.motion, DecodeVelocity, f); err == nil {
			o.AddVelocity(h.motion, at)
		}
	case IDOdometer:
		var reading Odometer
		if err = keep(&reading, DecodeOdometer, f); err == nil {
			o.AddWheels(reading, at)
		}
	case IDMotionCommand: // not ours: a sender does not hear itself
		_, err = DecodeVelocity(f)
	case IDMotorRight:
		err = keep(&h.motors[right], DecodeMotor, f)
	case IDMotorLeft:
		err = keep(&h.motors[left], DecodeMotor, f)
	case IDDriverRight:
		err = keep(&h.drivers[right], DecodeMotorDriver, f)
	case IDDriverLeft:
		err = keep(&h.drivers[left], DecodeMotorDriver, f)
	case IDRemote:
		err = keep(&h.remote, DecodeRemote, f)
	case IDLight:
		err = keep(&h.light, DecodeLight, f)
	case IDBattery:
		err = keep(&h.battery, DecodeBattery, f)
	case IDBatteryAlarm:
		err = keep(&h.alarm, DecodeBatteryAlarm, f)
	case IDVersion, IDVersionOld:
		h.version.take(f, at)
	default:
		return false, nil
	}
	return true, err
}

// keep decodes f into dst, which an error leaves as it was.
func keep[T any](dst *T, decode func(can.Frame) (T, error), f can.Frame) error {
	v, err := decode(f)
	if err == nil {
		*dst = v
	}
	return err
}

// suspect counts frames that no Tracer with protocol V2 sends.
func (h *heard) suspect(f can.Frame, at time.Time) {
	switch {
	case isArm(f.ID):
		if at.Sub(h.armSince) > armMoment {
			h.armFrames, h.armSince = 0, at
		}
		if h.armFrames < armSuspicion { // once certain, certain
			h.armFrames++
			h.armFrame = f
		}
	case f.ID == idSystemV1, f.ID == idMotionV1:
		h.oldFrames++
	}
}

// versionAnswer collects the firmware's text.
type versionAnswer struct {
	bytes []byte
	at    time.Time
}

// Sizes of an answer: the SDK reads 80 bytes, a real base sent 88.
const (
	versionSize  = 80
	versionMost  = 128
	versionPause = 50 * time.Millisecond // after which the answer is complete
)

func (v *versionAnswer) take(f can.Frame, at time.Time) {
	if IsVersionQuery(f) || len(v.bytes) >= versionMost {
		return
	}
	v.bytes = append(v.bytes, f.Data[:]...)
	v.at = at
}

// text of the answer once it is complete, or "".
func (v *versionAnswer) text(now time.Time) string {
	if len(v.bytes) < versionSize || now.Sub(v.at) < versionPause {
		return ""
	}
	return versionText(v.bytes)
}
