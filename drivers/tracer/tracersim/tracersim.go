// Package tracersim is the firmware of a simulated Tracer: it answers CAN frames with
// the documented timing and moves a plant.Base. The simulator node runs one; tests
// drive the real driver against it and inject faults.
//
// It owns the protocol, the ramp and the command watchdog; the plant owns the
// mechanics. It is a passive state machine: frames come in by the bus's callback and are
// only recorded, and Tick answers them, advances the ramp and sends what is due.
package tracersim

import (
	"fmt"
	"math"
	"sync"
	"time"

	"cobot_vla/drivers/can"
	"cobot_vla/drivers/plant"
	"cobot_vla/drivers/tracer"
)

// Config of a Firmware. DefaultConfig fills everything that has a default.
type Config struct {
	// Version is the firmware's text; VersionID the identifier it is asked and answered at:
	// tracer.IDVersion (default), as on a real base, or tracer.IDVersionOld.
	Version   string
	VersionID uint32
	// Acceleration [m/s²] and AngularAcceleration [rad/s²] of the base's own ramp. Default
	// 1.5 and 4: above what a driver asks for, so that it is the driver's ramp that shows.
	Acceleration        float64
	AngularAcceleration float64
	// MaxLinear [m/s] and MaxAngular [rad/s] are what the motors can do. Default 2.3 and 6.
	MaxLinear  float64
	MaxAngular float64
	// CommandTimeout is the age of a velocity command at which the base stops. Default 500 ms (manual).
	CommandTimeout time.Duration
	// BatteryVoltage of a healthy battery [V]. Default 26.
	BatteryVoltage float64
	// SDKFaultLayout puts fault bits where the SDK looks for them instead of where the manual
	// says. Default false.
	SDKFaultLayout bool
	// WheelRadius turns speed into the motors' revolutions [m]. Default 0.08.
	WheelRadius float64
	// Track is the firmware's own idea of the distance between its wheels [m]; for the motors' speeds. Default 0.35.
	Track float64
	// OdometerStart is what the counters say at first [mm]; Odometer24 makes them forget the
	// sign beyond 24 bits, as some firmware does. Default 0 and false.
	OdometerStart tracer.Odometer
	Odometer24    bool
	// SetBusState makes the controller of the host's bus report a state, e.g. the SetState of a
	// virtual bus; needed to inject BusOff. Default nil.
	SetBusState func(can.State)
}

// DefaultConfig is a Tracer that was switched on a while ago, without a transmitter.
func DefaultConfig() Config {
	return Config{
		Version:             "TRACER-V2.1-4 H1.1 230609",
		VersionID:           tracer.IDVersion,
		Acceleration:        1.5,
		AngularAcceleration: 4,
		MaxLinear:           2.3,
		MaxAngular:          6,
		CommandTimeout:      500 * time.Millisecond,
		BatteryVoltage:      26,
		WheelRadius:         0.08,
		Track:               0.35,
	}
}

func (c Config) validate() error {
	for _, f := range []struct {
		name  string
		value float64
	}{
		{"acceleration", c.Acceleration}, {"angular acceleration", c.AngularAcceleration}, {"largest linear velocity", c.MaxLinear},
		{"largest angular velocity", c.MaxAngular}, {"command timeout", c.CommandTimeout.Seconds()}, {"battery voltage", c.BatteryVoltage},
		{"wheel radius", c.WheelRadius}, {"track", c.Track},
	} {
		if !(f.value > 0) || math.IsInf(f.value, 1) {
			return fmt.Errorf("tracersim: %s %g; want a positive number", f.name, f.value)
		}
	}
	if c.VersionID != tracer.IDVersion && c.VersionID != tracer.IDVersionOld {
		return fmt.Errorf("tracersim: version identifier %03X; want %03X or %03X", c.VersionID, tracer.IDVersion, tracer.IDVersionOld)
	}
	return nil
}

// inboxSize bounds the frames kept between two ticks; more are lost, as in a real controller.
const inboxSize = 256

// Firmware is the simulated base's controller. Its methods are safe for concurrent
// use; Tick is called by the goroutine that steps the plant.
type Firmware struct {
	cfg    Config
	bus    can.Bus
	base   plant.Base
	cancel func()

	mu      sync.Mutex
	inbox   []can.Frame
	lost    uint64 // frames that found the inbox full
	refused uint64 // frames that the bus did not take

	now        time.Time
	next, slow time.Time // when frames of 20 and of 100 ms are due
	mode       tracer.ControlMode
	command    tracer.Velocity
	commandAt  time.Time // zero until the first
	velocity   tracer.Velocity
	light      tracer.Light
	count      uint8
	latched    [kinds]bool // faults that stay until cleared by command
	faults     faults
	wheels     [2]odometer
}

// New puts firmware on a bus; it sends nothing before the first Tick.
func New(bus can.Bus, base plant.Base, cfg Config) (*Firmware, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	f := &Firmware{cfg: cfg, bus: bus, base: base}
	state := base.State()
	f.wheels[0] = odometer{plant: state.Left, metres: float64(cfg.OdometerStart.Left) / 1e3}
	f.wheels[1] = odometer{plant: state.Right, metres: float64(cfg.OdometerStart.Right) / 1e3}
	f.cancel = bus.Listen(f.hear)
	return f, nil
}

func (f *Firmware) hear(frame can.Frame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.inbox) >= inboxSize {
		f.lost++
		return
	}
	f.inbox = append(f.inbox, frame)
}

// Close stops listening; it does not close the bus.
func (f *Firmware) Close() error {
	f.cancel()
	return nil
}

// Lost counts frames that came in too fast, Refused those the bus did not take.
func (f *Firmware) Lost() uint64    { f.mu.Lock(); defer f.mu.Unlock(); return f.lost }
func (f *Firmware) Refused() uint64 { f.mu.Lock(); defer f.mu.Unlock(); return f.refused }

// Mode is who the base obeys.
func (f *Firmware) Mode() tracer.ControlMode { f.mu.Lock(); defer f.mu.Unlock(); return f.mode }

// Light is what the lamps were told.
func (f *Firmware) Light() tracer.Light { f.mu.Lock(); defer f.mu.Unlock(); return f.light }

// Tick advances the firmware to now: it obeys what came in, drives the plant and
// sends what is due.
func (f *Firmware) Tick(now time.Time) {
	f.mu.Lock()
	dt := now.Sub(f.now)
	if f.now.IsZero() {
		dt, f.next, f.slow = 0, now, now
	}
	f.now = now
	out := f.obey()
	f.drive(dt)
	f.measure()
	out = append(out, f.due(now)...)
	if f.faults.deaf() {
		out = nil
	}
	f.mu.Unlock()
	for _, frame := range out {
		if f.bus.Send(frame) != nil {
			f.mu.Lock()
			f.refused++
			f.mu.Unlock()
		}
	}
}

// obey handles the inbox and returns the answers.
func (f *Firmware) obey() (answers []can.Frame) {
	inbox := f.inbox
	f.inbox = f.inbox[:0]
	if f.faults.deaf() {
		return nil
	}
	for _, frame := range inbox {
		switch frame.ID {
		case tracer.IDMotionCommand:
			if v, err := tracer.DecodeVelocity(frame); err == nil && frame.Len == 8 {
				f.command, f.commandAt = v, f.now
			}
		case tracer.IDModeRequest:
			if m, err := tracer.DecodeModeRequest(frame); err == nil {
				f.request(m)
			}
		case tracer.IDClearFault:
			if _, err := tracer.DecodeClearFault(frame); err == nil {
				f.latched = f.faults.active // what is still wrong stays
			}
		case tracer.IDLightCommand:
			if l, err := tracer.DecodeLight(frame); err == nil {
				f.light = l
			}
		case f.cfg.VersionID:
			if tracer.IsVersionQuery(frame) {
				answers = append(answers, tracer.VersionFrames(f.cfg.VersionID, f.cfg.Version)...)
			}
		}
	}
	return answers
}

// request changes the mode, unless the transmitter has the base.
func (f *Firmware) request(m tracer.ControlMode) {
	if f.faults.on(ModeRefused) || f.faults.on(RemoteControl) || f.faults.on(RemoteStandby) || m > tracer.ModeUART {
		return
	}
	if f.mode != m {
		f.mode, f.command, f.commandAt = m, tracer.Velocity{}, time.Time{}
	}
}

// emergencyFactor is how much harder than by its ramp the base brakes in an emergency stop; chosen.
const emergencyFactor = 3

// drive moves the velocity towards what is wanted and tells the plant.
func (f *Firmware) drive(dt time.Duration) {
	want, seconds := f.wanted(), dt.Seconds()
	if f.vehicle() == tracer.VehicleEmergencyStop {
		seconds *= emergencyFactor
	}
	f.velocity.Linear = toward(f.velocity.Linear, clamp(want.Linear, f.cfg.MaxLinear), f.cfg.Acceleration*seconds)
	f.velocity.Angular = toward(f.velocity.Angular, clamp(want.Angular, f.cfg.MaxAngular), f.cfg.AngularAcceleration*seconds)
	if f.faults.on(Blocked) {
		f.base.Drive(0, 0)
		return
	}
	f.base.Drive(f.velocity.Linear, f.velocity.Angular)
}

// wanted velocity: zero unless somebody may and does command.
func (f *Firmware) wanted() tracer.Velocity {
	switch {
	case f.vehicle() != tracer.VehicleOK:
		return tracer.Velocity{}
	case f.faults.on(RemoteControl):
		return tracer.Velocity{Linear: f.faults.detail[RemoteControl].Value}
	case f.faults.on(RemoteStandby):
		return tracer.Velocity{Linear: f.faults.detail[RemoteStandby].Value}
	case f.mode != tracer.ModeCAN, f.commandAt.IsZero(), f.now.Sub(f.commandAt) > f.cfg.CommandTimeout:
		return tracer.Velocity{}
	}
	return f.command
}

func clamp(v, limit float64) float64 { return math.Max(-limit, math.Min(limit, v)) }

func toward(v, goal, step float64) float64 { return math.Min(math.Max(goal, v-step), v+step) }

// vehicle is the base's verdict on itself.
func (f *Firmware) vehicle() tracer.VehicleState {
	switch {
	case f.faults.on(EmergencyStop):
		return tracer.VehicleEmergencyStop
	case f.latched[Undervoltage], f.latched[MotorDriver]:
		return tracer.VehicleFault
	}
	return tracer.VehicleOK
}
