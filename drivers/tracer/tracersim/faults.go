package tracersim

import (
	"errors"
	"fmt"
	"slices"

	"cobot_vla/drivers/can"
	"cobot_vla/drivers/tracer"
)

// Kind of a fault that can be injected.
type Kind uint8

const (
	// BusSilent: the cable is out. Nothing is heard or sent; the base stops by its own watchdog.
	BusSilent Kind = iota
	// BusOff: the host's controller left the bus. Needs Config.SetBusState.
	BusOff
	// RemoteControl: the transmitter drives, control mode 3, at Value m/s forward. Healing leaves the base in standby.
	RemoteControl
	// RemoteStandby: the same as bases report it that have no mode 3: mode 0, and the transmitter's frame.
	RemoteStandby
	// EmergencyStop: the button is pressed; healing releases it.
	EmergencyStop
	// Undervoltage: 21.6 V, below what the base runs on; until healed and cleared by command.
	Undervoltage
	// BatteryLow: 22.3 V; the base warns and goes on.
	BatteryLow
	// MotorDriver: the left motor's driver lost its bus; until healed and cleared by command.
	MotorDriver
	// WheelSlip: the counters follow Value of the way, 0.5 when zero; the reported velocity does not show it.
	WheelSlip
	// Blocked: the wheels stand still whatever is commanded.
	Blocked
	// WrongEnum: status bytes carry values that no document lists.
	WrongEnum
	// Stopped: IDs no longer arrive; all feedback when IDs is empty.
	Stopped
	// Frozen: IDs go on arriving with the content they had; all feedback when IDs is empty.
	Frozen
	// ModeRefused: requests for CAN control are ignored.
	ModeRefused
	// CounterRestart: the wheel counters start anew at zero, once.
	CounterRestart
	kinds
)

var kindNames = [kinds]string{"bus_silent", "bus_off", "remote_control", "remote_standby", "estop", "undervoltage", "battery_low",
	"motor_driver", "wheel_slip", "blocked", "wrong_enum", "stopped", "frozen", "mode_refused", "counter_restart"}

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
	return 0, fmt.Errorf("tracersim: no fault is called %q; there are %v", name, kindNames)
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
	IDs   []uint32 // for Frozen and Stopped
	Value float64  // see the Kind
}

// Inject makes a fault; it shows from the next Tick on. Several kinds may hold at once.
func (f *Firmware) Inject(fault Fault) error {
	if fault.Kind >= kinds {
		return fmt.Errorf("tracersim: %v", fault.Kind)
	}
	if fault.Kind == BusOff {
		if f.cfg.SetBusState == nil {
			return errors.New("tracersim: bus_off needs Config.SetBusState")
		}
		f.cfg.SetBusState(can.BusOff)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults.inject(fault)
	f.latched[fault.Kind] = true
	switch fault.Kind {
	case CounterRestart:
		f.wheels[0].metres, f.wheels[1].metres = 0, 0
	case RemoteControl, RemoteStandby:
		f.mode = tracer.ModeStandby
	}
	return nil
}

// Heal ends a fault's cause; those that the base latches end with a clear command.
func (f *Firmware) Heal(kind Kind) error {
	if kind >= kinds {
		return fmt.Errorf("tracersim: %v", kind)
	}
	if kind == BusOff && f.cfg.SetBusState != nil {
		f.cfg.SetBusState(can.Up)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults.active[kind] = false
	return nil
}

// faults are the injected faults and what they do to frames.
type faults struct {
	active [kinds]bool
	detail [kinds]Fault
	frozen map[uint32]can.Frame
}

func (s *faults) inject(fault Fault) {
	s.active[fault.Kind], s.detail[fault.Kind] = true, fault
	if fault.Kind == Frozen {
		s.frozen = map[uint32]can.Frame{}
	}
}

func (s *faults) on(k Kind) bool { return s.active[k] }

// deaf says that nothing passes between the controller and the host.
func (s *faults) deaf() bool { return s.on(BusSilent) || s.on(BusOff) }

// grip is the share of the wheels' way that the counters see.
func (s *faults) grip() float64 {
	switch v := s.detail[WheelSlip].Value; {
	case !s.on(WheelSlip):
		return 1
	case v == 0:
		return 0.5
	default:
		return v
	}
}

// filter does to outgoing frames what faults of the link do.
func (s *faults) filter(out []can.Frame) []can.Frame {
	kept := out[:0]
	for _, frame := range out {
		if s.on(Stopped) && s.detail[Stopped].names(frame.ID) {
			continue
		}
		if s.on(Frozen) && s.detail[Frozen].names(frame.ID) {
			first, ok := s.frozen[frame.ID]
			if !ok {
				s.frozen[frame.ID], first = frame, frame
			}
			frame = first
		}
		kept = append(kept, frame)
	}
	return kept
}

func (f Fault) names(id uint32) bool { return len(f.IDs) == 0 || slices.Contains(f.IDs, id) }
