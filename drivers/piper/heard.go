package piper

import (
	"fmt"
	"math"
	"time"

	"cobot_vla/drivers/can"
)

// stamped is a value with the time at which it arrived; zero until then.
type stamped[T any] struct {
	value T
	at    time.Time
}

func (s *stamped[T]) set(v T, at time.Time) { s.value, s.at = v, at }

// heard is everything that the bus has said, in SI units and as the arm counts its
// angles. It decides nothing.
type heard struct {
	offset  uint32 // of feedback identifiers
	control uint32 // of command identifiers
	links   linkCounters

	status  stamped[Status]
	joints  triple // [rad], without calibration zeros
	pose    triple // X, Y, Z [m], roll, pitch, yaw [rad]
	gripper stamped[GripperFeedback]
	high    [6]stamped[HighSpeed]
	low     [6]stamped[LowSpeed]
	// motorAngles says that some 0x251..6 carried a position; firmware that sends none can't be cross-checked.
	motorAngles bool

	limits    [6]stamped[MotorLimits]
	teach     stamped[GripperTeach]
	collision stamped[CollisionLevels]
	chunks    []byte // of the firmware text, since the probe asked

	leaderMode    stamped[ModeCommand]
	leaderJoints  triple
	leaderGripper stamped[GripperCommand]
	target        stamped[can.Frame] // last target frame of somebody else
	stuck         stamped[can.Frame] // last frame of an arm stuck in the leader state
}

func newHeard(cfg Config) heard {
	h := heard{offset: uint32(cfg.FeedbackOffset), control: uint32(cfg.ControlOffset)}
	h.joints.window, h.pose.window, h.leaderJoints.window = cfg.SetWindow, cfg.SetWindow, cfg.SetWindow
	return h
}

// implausible is the angle beyond which a reading is not a joint's [rad].
const implausible = 2 * math.Pi

// take reads one frame that somebody else sent.
func (h *heard) take(f can.Frame, at time.Time) {
	id, err := f.ID, error(nil)
	switch {
	case id == IDStatus+h.offset:
		var s Status
		if s, err = DecodeStatus(f); err == nil {
			h.status.set(s, at)
		}
	case id >= IDPoseXY+h.offset && id <= IDPoseRYRZ+h.offset:
		err = h.takePose(f, at)
	case id >= IDJoints12+h.offset && id <= IDJoints56+h.offset:
		err = takeAngles(&h.joints, int(id-IDJoints12-h.offset), f, at)
	case id == IDGripper+h.offset:
		var g GripperFeedback
		if g, err = DecodeGripper(f); err == nil {
			h.gripper.set(g, at)
		}
	case id >= IDHighSpeed1 && id <= IDHighSpeed6:
		var v HighSpeed
		if v, err = DecodeHighSpeed(f); err == nil {
			h.high[v.Joint].set(v, at)
			h.motorAngles = h.motorAngles || v.Position != 0
		}
	case id >= IDLowSpeed1 && id <= IDLowSpeed6:
		var v LowSpeed
		if v, err = DecodeLowSpeed(f); err == nil {
			h.low[v.Joint].set(v, at)
		}
	case id >= IDMotion+h.control && id <= IDMIT6+h.control:
		err = h.takeCommand(f, at)
	case id >= IDStuckLeader && id < IDStuckLeader+8:
		h.stuck.set(f, at)
	default:
		var known bool
		if known, err = h.takeSetting(f, at); !known {
			h.links.unknown++
			return
		}
	}
	if err != nil {
		h.links.bad++
		h.links.lastBad = err.Error()
		return
	}
	h.links.count(f.ID, at)
}

func (h *heard) takePose(f can.Frame, at time.Time) error {
	var p Pose
	if err := p.Read(f); err != nil {
		return err
	}
	values := [3][2]float64{{p.XYZ[0], p.XYZ[1]}, {p.XYZ[2], p.RPY[0]}, {p.RPY[1], p.RPY[2]}}
	pair := int(f.ID - IDPoseXY - h.offset)
	h.pose.add(pair, values[pair], at)
	return nil
}

func takeAngles(set *triple, pair int, f can.Frame, at time.Time) error {
	q, err := DecodeAngles(f)
	if err != nil {
		return err
	}
	for i, x := range q {
		if math.Abs(x) > implausible {
			return fmt.Errorf("piper: frame %s: joint%d at %.0f° is beyond a turn; not taken", f, 2*pair+i+1, x*180/math.Pi)
		}
	}
	set.add(pair, q, at)
	return nil
}

// takeCommand reads what a leader, or another host, commands.
func (h *heard) takeCommand(f can.Frame, at time.Time) error {
	switch id := f.ID - h.control; {
	case id == IDMode:
		m, err := DecodeModeCommand(f)
		if err != nil {
			return err
		}
		h.leaderMode.set(m, at)
	case id >= IDTarget12 && id <= IDTarget56:
		h.target.set(f, at)
		return takeAngles(&h.leaderJoints, int(id-IDTarget12), f, at)
	case id == IDGripperSet:
		g, err := DecodeGripperCommand(f)
		if err != nil {
			return err
		}
		h.leaderGripper.set(g, at)
	case id >= IDMIT1 && id <= IDMIT6, id >= IDTargetXY && id <= IDTargetRYRZ:
		h.target.set(f, at)
	}
	return nil
}

// takeSetting reads answers to queries.
func (h *heard) takeSetting(f can.Frame, at time.Time) (known bool, err error) {
	switch f.ID {
	case IDLimits:
		var l MotorLimits
		if l, err = DecodeMotorLimits(f); err == nil {
			h.limits[l.Joint].set(l, at)
		}
	case IDGripperTeachIs:
		var g GripperTeach
		if g, err = DecodeGripperTeach(f); err == nil {
			h.teach.set(g, at)
		}
	case IDCollision:
		var c CollisionLevels
		if c, err = DecodeCollisionLevels(f); err == nil {
			h.collision.set(c, at)
		}
	case IDFirmware:
		if !IsFirmwareQuery(f) && len(h.chunks) < firmwareSize {
			h.chunks = append(h.chunks, f.Data[:]...)
		}
	default:
		return false, nil
	}
	return true, err
}

// enabled are the motors that report to be on.
func (h *heard) enabled() (on [6]bool) {
	for j := range on {
		on[j] = h.low[j].value.Bits&DriverEnabled != 0
	}
	return on
}

// firstOff is the first joint that has not reported to be on after since; -1 when all have.
func (h *heard) firstOff(since time.Time) int {
	for j, low := range h.low {
		if !low.at.After(since) || low.value.Bits&DriverEnabled == 0 {
			return j
		}
	}
	return -1
}

// allDisabled says whether all six motors are off, by reports that arrived after since.
func (h *heard) allDisabled(since time.Time) bool {
	for _, low := range h.low {
		if !low.at.After(since) || low.value.Bits&DriverEnabled != 0 {
			return false
		}
	}
	return true
}
