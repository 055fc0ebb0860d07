package pipersim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"cobot_vla/drivers/can"
	"cobot_vla/drivers/piper"
)

// Kind of a fault that can be injected.
type Kind uint8

const (
	// BusSilent: the cable is out. Nothing is heard or sent; the arm holds its last target.
	BusSilent Kind = iota
	// BusOff: the host's controller left the bus. Needs Config.SetBusState.
	BusOff
	// WrongEnum: status bytes carry values that no document lists.
	WrongEnum
	// JointError: the driver of Joint reports an error until it is healed and cleared.
	JointError
	// JointComm: the controller can't reach Joint.
	JointComm
	// CommBlip: half a second after the next entry into CAN control (or after now, when in it) all
	// joints are unreachable for 125 ms, motors drop, and the arm falls to standby.
	CommBlip
	// Undervoltage: every driver sees 17 V.
	Undervoltage
	// OverTemperature: the motor of Joint is at Value °C, 80 when zero.
	OverTemperature
	// EStop: the emergency stop was pressed; healing releases it, and a reset ends it.
	EStop
	// Teach: the teach button was pressed; healing presses it again.
	Teach
	// Frozen: IDs go on arriving with the content they had; all feedback when IDs is empty.
	Frozen
	// Stopped: IDs no longer arrive; all feedback when IDs is empty.
	Stopped
	// AllZero: feedback is all zero, as when the controller has just started.
	AllZero
	// CorruptLimits: the limits in flash read -0.1°..-0.1°; healing restores them.
	CorruptLimits
	// LimitsRefused: queries and settings of limits are not answered.
	LimitsRefused
	// EncoderOffset: the reference of Joint is off by Value rad, 0.2 when zero; a reset cures it.
	EncoderOffset
	// NoStroke: the gripper's stroke in flash is 0; healing restores it.
	NoStroke
	// LeaderTraffic: a linked leader commands on this bus.
	LeaderTraffic
	// Collision: the collision protection of Joint trips, until healed and cleared.
	Collision
	// Stall: the stall protection of Joint trips, until healed and cleared.
	Stall
	// MotorOff: the motor of Joint switched off; the arm drops. Healing does not switch it on.
	MotorOff
	// StuckLeader: feedback arrives as 0x3A1..0x3A8.
	StuckLeader
	// GripperError: the gripper's driver reports an error, until healed and cleared.
	GripperError
	kinds
)

var kindNames = [kinds]string{"bus_silent", "bus_off", "wrong_enum", "joint_error", "joint_comm", "comm_blip", "undervoltage",
	"over_temperature", "estop", "teach", "frozen", "stopped", "all_zero", "corrupt_limits", "limits_refused", "encoder_offset",
	"no_stroke", "leader_traffic", "collision", "stall", "motor_off", "stuck_leader", "gripper_error"}

func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return fmt.Sprintf("unknown fault %d", uint8(k))
}

// ParseKind is the inverse of String.
func ParseKind(name string) (Kind, error) {
	if i := slices.Index(kindNames[:], name); i >= 0 {
		return Kind(i), nil
	}
	return 0, fmt.Errorf("pipersim: no fault is called %q; there are %v", name, kindNames)
}

// Kinds lists every fault.
func Kinds() []Kind {
	list := make([]Kind, kinds)
	for i := range list {
		list[i] = Kind(i)
	}
	return list
}

// Fault is one fault to inject.
type Fault struct {
	Kind  Kind
	Joint int      // 0..5, for faults of one joint
	IDs   []uint32 // for Frozen and Stopped
	Value float64  // see the Kind
}

// Inject makes a fault; it shows from the next Tick on. Several kinds may hold at once.
func (f *Firmware) Inject(fault Fault) error {
	if fault.Kind >= kinds {
		return fmt.Errorf("pipersim: %v", fault.Kind)
	}
	if fault.Joint < 0 || fault.Joint > 5 {
		return fmt.Errorf("pipersim: %v of joint index %d; want 0..5", fault.Kind, fault.Joint)
	}
	if fault.Kind == BusOff {
		if f.cfg.SetBusState == nil {
			return errors.New("pipersim: bus_off needs Config.SetBusState")
		}
		f.cfg.SetBusState(can.BusOff)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults.inject(fault)
	switch fault.Kind {
	case CommBlip:
		if f.ctrl == piper.CtrlCAN {
			f.faults.enteredCAN(f.now)
		}
	case CorruptLimits:
		for j := range f.flash.limits {
			f.flash.limits[j] = piper.MotorLimits{Joint: j, Max: -0.1 * degree, Min: -0.1 * degree, Speed: f.flash.limits[j].Speed}
		}
	case NoStroke:
		f.flash.teach.Stroke = 0
	case EncoderOffset:
		// The arm does not jump at once: what it holds is renamed, and the next target moves it.
		j, by := f.faults.shift()
		f.profile.position[j] += by
		f.profile.target[j] += by
	case MotorOff:
		f.motors[fault.Joint].on, f.motors[fault.Joint].onAt = false, time.Time{}
	}
	return nil
}

// Heal ends a fault.
func (f *Firmware) Heal(kind Kind) error {
	if kind >= kinds {
		return fmt.Errorf("pipersim: %v", kind)
	}
	if kind == BusOff && f.cfg.SetBusState != nil {
		f.cfg.SetBusState(can.Up)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults.heal(kind)
	switch kind {
	case CorruptLimits:
		f.flash.limits = f.cfg.flash().limits
	case NoStroke:
		f.flash.teach.Stroke = f.cfg.Stroke
	case Teach:
		if f.ctrl == piper.CtrlTeach && f.teachEnds.IsZero() {
			f.teachEnds = f.now.Add(f.cfg.TeachLeave)
		}
	}
	return nil
}

const degree = 0.017453292519943295

// The documented transient after entering CAN control.
const (
	blipDelay    = 500 * time.Millisecond
	blipDuration = 125 * time.Millisecond
	blipStandby  = 100 * time.Millisecond // after which the arm falls to standby
)

// faults are the injected faults and what they do to frames and state.
type faults struct {
	active    [kinds]bool
	detail    [kinds]Fault
	zeroFor   time.Duration // after the first tick feedback is zero
	zeroUntil time.Time
	now       time.Time
	blipAt    time.Time // zero when none is coming
	frozen    map[uint32]can.Frame
}

func (s *faults) start(zeroFor time.Duration) { s.zeroFor = zeroFor }

func (s *faults) inject(fault Fault) {
	s.active[fault.Kind], s.detail[fault.Kind] = true, fault
	if fault.Kind == Frozen {
		s.frozen = map[uint32]can.Frame{}
	}
}

func (s *faults) heal(kind Kind) {
	s.active[kind] = false
	if kind == CommBlip {
		s.blipAt = time.Time{}
	}
}

func (s *faults) on(kind Kind) bool { return s.active[kind] }

// deaf says that nothing reaches the controller.
func (s *faults) deaf() bool { return s.on(BusSilent) || s.on(BusOff) }

// elapse lets timed faults end.
func (s *faults) elapse(now time.Time) {
	s.now = now
	if s.zeroUntil.IsZero() {
		s.zeroUntil = now.Add(s.zeroFor)
	}
	if !s.blipAt.IsZero() && now.Sub(s.blipAt) >= blipDuration {
		s.blipAt = time.Time{}
		s.active[CommBlip] = false
	}
}

// cureByReset ends what a reset of the controller ends.
func (s *faults) cureByReset() { s.active[EncoderOffset] = false }

// enteredCAN starts the transient when one was asked for.
func (s *faults) enteredCAN(now time.Time) {
	if s.on(CommBlip) && s.blipAt.IsZero() {
		s.blipAt = now.Add(blipDelay)
	}
}

func (s *faults) blipping(now time.Time) bool {
	return !s.blipAt.IsZero() && !now.Before(s.blipAt) && now.Sub(s.blipAt) < blipDuration
}

func (s *faults) blipDropsMode(now time.Time) bool {
	return s.blipping(now) && now.Sub(s.blipAt) >= blipStandby
}

// latches are the driver bits that injected faults trip on joint j.
func (s *faults) latches(j int) (bits piper.DriverBits) {
	for _, trip := range []struct {
		kind Kind
		bit  piper.DriverBits
	}{{JointError, piper.DriverError}, {Collision, piper.DriverCollision}, {Stall, piper.DriverStall}} {
		if s.on(trip.kind) && s.detail[trip.kind].Joint == j {
			bits |= trip.bit
		}
	}
	return bits
}

// ail shows faults in a driver's frame.
func (s *faults) ail(l piper.LowSpeed) piper.LowSpeed {
	if s.on(Undervoltage) {
		l.Voltage = 17
		l.Bits |= piper.DriverUndervoltage
	}
	if d := s.detail[OverTemperature]; s.on(OverTemperature) && d.Joint == l.Joint {
		l.MotorTemperature = 80
		if d.Value != 0 {
			l.MotorTemperature = d.Value
		}
		if l.MotorTemperature >= 80 {
			l.Bits |= piper.DriverMotorHot
		}
	}
	return l
}

// judge shows faults in the arm's status.
func (s *faults) judge(status piper.Status, now time.Time) piper.Status {
	if s.on(JointComm) {
		status.Arm, status.CommError = piper.ArmJointComm, 1<<s.detail[JointComm].Joint
	}
	if s.blipping(now) {
		status.Arm, status.CommError = piper.ArmJointComm, allJoints
	}
	if s.on(WrongEnum) {
		status.Arm, status.Move, status.Teach, status.Motion = 0x5A, 0x3B, 0x99, 0x07
	}
	return status
}

// shift is the lost reference of a joint [rad].
func (s *faults) shift() (joint int, by float64) {
	if !s.on(EncoderOffset) {
		return 0, 0
	}
	d := s.detail[EncoderOffset]
	if d.Value == 0 {
		return d.Joint, 0.2
	}
	return d.Joint, d.Value
}

// shifted are true joints as a controller with a lost reference knows them; physical is the inverse.
func (s *faults) shifted(q [6]float64) [6]float64 {
	j, by := s.shift()
	q[j] += by
	return q
}

func (s *faults) physical(q [6]float64) [6]float64 {
	j, by := s.shift()
	q[j] -= by
	return q
}

// filter does to outgoing frames what faults of the link do.
func (s *faults) filter(out []can.Frame) []can.Frame {
	if s.deaf() {
		return nil
	}
	kept := out[:0]
	for _, frame := range out {
		if !isFeedback(frame.ID) {
			kept = append(kept, frame)
			continue
		}
		if s.on(AllZero) || s.now.Before(s.zeroUntil) {
			frame.Data = [8]byte{}
		}
		if s.on(Frozen) && s.detail[Frozen].names(frame.ID) {
			first, ok := s.frozen[frame.ID]
			if !ok {
				s.frozen[frame.ID], first = frame, frame
			}
			frame = first
		}
		if s.on(Stopped) && s.detail[Stopped].names(frame.ID) {
			continue
		}
		kept = append(kept, frame)
	}
	return kept
}

func (d Fault) names(id uint32) bool { return len(d.IDs) == 0 || slices.Contains(d.IDs, id) }

// isFeedback tells what is measured from what is asked for.
func isFeedback(id uint32) bool {
	return id >= piper.IDHighSpeed1 && id <= piper.IDHighSpeed6 ||
		id >= piper.IDLowSpeed1 && id <= piper.IDLowSpeed6 ||
		id >= piper.IDStatus && id <= piper.IDGripper+uint32(piper.Offset20) ||
		id >= piper.IDStuckLeader && id < piper.IDStuckLeader+8
}
