// Package pipersim is the firmware of a simulated PiPER: it answers CAN frames with
// the timing, enumerations and bad habits documented for the real one, and moves a
// plant.Arm. The simulator node runs one for each arm; tests drive the real driver
// against it and inject faults.
//
// It owns the protocol and the motion profile; the plant owns the mechanics. It is a
// passive state machine: frames come in by the bus's callback and are only recorded,
// and Tick answers them, advances the profile and sends what is due.
//
// Simulated: standby, CAN control with MOVE J and its high-follow variant, the missing
// command watchdog (the last target is held for ever), emergency stop, reset, disable,
// teach mode, gripper, settings in flash, firmware text, linkage leaders and followers,
// faults. Not simulated: MOVE P, L and C, MIT and CPV; the arm holds in those modes.
package pipersim

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"cobot_vla/drivers/can"
	"cobot_vla/drivers/piper"
	"cobot_vla/drivers/plant"
)

// Config of a Firmware. DefaultConfig fills everything that has a default.
type Config struct {
	// Text is what the arm says of itself. Default S-V1.8-9.
	Text piper.Firmware
	// Role in a linkage: unset (default), leader or follower. A leader is silent on
	// feedback and, until it is moved, altogether; a follower enables itself when its leader commands.
	Role piper.LinkageRole
	// Feedback and Control move identifiers as the 0x470 setting does. Default none.
	Feedback piper.IDOffset
	Control  piper.IDOffset
	// Leader is a leader's motion: joints [rad] and opening [m] at a time since the first
	// tick; moved is false until somebody touches it. nil reads the plant's arm.
	Leader func(elapsed time.Duration) (joints [6]float64, width float64, moved bool)

	// Gripper says that one is mounted. Default true.
	Gripper bool
	// Stroke in flash [m]: 0.07 (default), 0.10, or 0 as some units leave the factory.
	Stroke float64
	// Limits in flash [rad]. Default piper.FactoryLimits.
	Limits [6]piper.Range
	// MaxSpeed and MaxAcceleration of the motion profile. Default 3 rad/s and 5 rad/s².
	MaxSpeed        float64
	MaxAcceleration float64
	// Voltage of the supply [V]. Default 23.
	Voltage float64

	// EnableDelay is how long the first joint takes to report enabled; each further one takes
	// EnableStagger longer. Default 40 ms and 15 ms.
	EnableDelay   time.Duration
	EnableStagger time.Duration
	// TeachLeave is how long leaving teach mode takes. Default 300 ms.
	TeachLeave time.Duration
	// ZeroStart is how long after the first tick feedback is all zero. Default 0.
	ZeroStart time.Duration
	// Teach starts the arm in teach mode, motors on. Default false.
	Teach bool
	// Holding starts the arm with its motors and its gripper on, holding where they are, as
	// people leave it before they run a policy. Default false.
	Holding bool
	// SetBusState makes the controller of the host's bus report a state, e.g. the SetState of a
	// virtual bus; needed to inject BusOff. Default nil.
	SetBusState func(can.State)
}

// DefaultConfig is a PiPER with a gripper, switched on a while ago.
func DefaultConfig() Config {
	return Config{
		Text:            piper.Firmware{Hardware: "H-V1.2-1", Software: "S-V1.8-9", Date: "260115"},
		Gripper:         true,
		Stroke:          0.07,
		Limits:          piper.FactoryLimits,
		MaxSpeed:        3,
		MaxAcceleration: 5,
		Voltage:         23,
		EnableDelay:     40 * time.Millisecond,
		EnableStagger:   15 * time.Millisecond,
		TeachLeave:      300 * time.Millisecond,
	}
}

func (c Config) validate() error {
	switch {
	case c.Role != piper.RoleUnset && c.Role != piper.RoleLeader && c.Role != piper.RoleFollower:
		return fmt.Errorf("pipersim: role %v; want unset, leader or follower", c.Role)
	case !c.Feedback.Valid() || !c.Control.Valid():
		return fmt.Errorf("pipersim: identifier offsets 0x%02X, 0x%02X; want 0, 0x10 or 0x20", uint8(c.Feedback), uint8(c.Control))
	case !(c.MaxSpeed > 0) || !(c.MaxAcceleration > 0):
		return fmt.Errorf("pipersim: speed %g rad/s, acceleration %g rad/s²; want more than 0", c.MaxSpeed, c.MaxAcceleration)
	case !(c.Stroke >= 0 && c.Stroke <= 0.1):
		return fmt.Errorf("pipersim: stroke %g m; want 0..0.1", c.Stroke)
	}
	return nil
}

// inboxSize bounds the frames kept between two ticks; more are lost, as in a real controller.
const inboxSize = 1024

// Firmware is one simulated arm's controller. Its methods are safe for concurrent
// use; Tick is called by the goroutine that steps the plant.
type Firmware struct {
	cfg     Config
	bus     can.Bus
	arm     plant.Arm
	cancel  func()
	version piper.Version

	mu    sync.Mutex
	inbox []can.Frame
	lost  uint64 // frames that found the inbox full

	start, now time.Time
	next       schedule
	state      plant.ArmState // at the last tick

	ctrl      piper.CtrlMode
	move      piper.MoveMode
	follow    piper.Follow
	speed     float64 // fraction of the maximum
	status    piper.ArmStatus
	stopped   bool // emergency stop
	teachEnds time.Time
	canSince  time.Time

	motors  [6]motor
	needs   int // enable commands before motors obey
	profile profile
	pending [3]struct {
		angles [2]float64
		heard  bool
	}
	gripper gripper

	flash   flash
	faults  faults
	moved   bool // leader: since it was touched it transmits
	looked  bool // leader: leading is known
	leading [6]float64
}

// motor is one joint's driver.
type motor struct {
	on      bool
	onAt    time.Time // when a pending enable takes effect; zero when none is
	latched piper.DriverBits
}

// gripper is the gripper's driver.
type gripper struct {
	on            bool
	onAt          time.Time
	width, torque float64
	latched       piper.GripperBits
}

// flash is what survives power.
type flash struct {
	limits    [6]piper.MotorLimits
	teach     piper.GripperTeach
	collision piper.CollisionLevels
}

// New attaches firmware to a bus and to the arm that it moves; a leader that follows
// Config.Leader needs no arm. It sends nothing before the first Tick.
func New(bus can.Bus, arm plant.Arm, cfg Config) (*Firmware, error) {
	if arm == nil && cfg.Role == piper.RoleLeader && cfg.Leader != nil {
		arm = scripted{}
	}
	if bus == nil || arm == nil {
		return nil, errors.New("pipersim: bus and arm are required")
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	f := &Firmware{cfg: cfg, bus: bus, arm: arm, version: cfg.Text.Version(), needs: 1}
	f.flash = cfg.flash()
	f.faults.start(cfg.ZeroStart)
	if cfg.Teach {
		f.ctrl = piper.CtrlTeach
		for j := range f.motors {
			f.motors[j].on = true
		}
	}
	if cfg.Holding {
		f.gripper = gripper{on: true, width: arm.State().Width, torque: 1}
		for j := range f.motors {
			f.motors[j].on = true
		}
	}
	if cfg.Role == piper.RoleLeader {
		f.ctrl = piper.CtrlLeader
	}
	f.cancel = bus.Listen(f.receive)
	return f, nil
}

// scripted stands in for the arm of a leader whose motion is given.
type scripted struct{}

func (scripted) Drive(plant.ArmDrive)  {}
func (scripted) State() plant.ArmState { return plant.ArmState{} }

func (c Config) flash() flash {
	fl := flash{teach: piper.GripperTeach{Range: 100, Stroke: c.Stroke, Friction: 1}, collision: piper.CollisionLevels{1, 1, 1, 1, 1, 1}}
	for j, r := range c.Limits {
		fl.limits[j] = piper.MotorLimits{Joint: j, Max: r.Upper, Min: r.Lower, Speed: uint16(1000*c.MaxSpeed + 0.5)}
	}
	return fl
}

// Close detaches the firmware from its bus.
func (f *Firmware) Close() error {
	f.cancel()
	return nil
}

// receive only records: an answer from here would run inside the sender's Send.
func (f *Firmware) receive(frame can.Frame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.inbox) >= inboxSize {
		f.lost++
		return
	}
	f.inbox = append(f.inbox, frame)
}

// Lost counts frames that arrived faster than the firmware reads them.
func (f *Firmware) Lost() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lost
}

// Tick takes what was received, advances the arm to now, and sends what is due. Call
// it at every step of the simulator, at most 5 ms apart for the documented rates.
func (f *Firmware) Tick(now time.Time) {
	for _, frame := range f.step(now) {
		_ = f.bus.Send(frame) // an arm does not know whether anybody listens
	}
}

func (f *Firmware) step(now time.Time) []can.Frame {
	f.mu.Lock()
	defer f.mu.Unlock()
	var dt float64
	first := f.start.IsZero()
	if !first {
		dt = max(0, now.Sub(f.now).Seconds())
	}
	f.now = now
	f.state = f.arm.State()
	f.faults.elapse(now)
	if first {
		f.start = now
		f.next.begin(now)
		f.profile.hold(f.reported())
	}

	var out []can.Frame
	for _, frame := range f.inbox {
		out = append(out, f.handle(frame)...)
	}
	f.inbox = f.inbox[:0]
	f.elapse()
	f.drive(dt)
	out = append(out, f.emit()...)
	return f.faults.filter(out)
}
