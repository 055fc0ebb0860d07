package tracer

import (
	"fmt"
	"slices"
	"time"

	"cobot_vla/drivers/can"
)

// State is everything a Driver knows at one moment. It shares nothing with the Driver.
type State struct {
	Stamp time.Time
	// Ready says that velocities act; Reason says why not, and what helps.
	Ready  bool
	Reason string
	// Held says that a velocity was interrupted; zero must be given before another.
	Held bool
	// Faults are latched until ClearFault.
	Faults []Fault
	// Warnings need attention and stop nothing.
	Warnings []string

	System System
	// RemoteControl says that the RC transmitter drives the base, which it always may.
	RemoteControl bool
	Remote        Remote
	// Motion is the velocity the base reports, unscaled.
	Motion Velocity
	Pose   Pose
	// Motors and their drivers, left and right; zero on bases that don't report them.
	Motors  [2]Motor
	Drivers [2]MotorDriver
	Light   Light
	Battery Battery // zero on bases without battery management
	Alarm   BatteryAlarm
	// Version is the firmware's text, "" until it answered.
	Version string

	// Command is the velocity sent last.
	Command Velocity
	// Clamps counts velocities held to the limits, Refused those not taken, Timeouts those
	// that nobody renewed.
	Clamps, Refused, Timeouts uint64

	Link   Link
	Frames []FrameAge
}

// Link is the health of the bus as this base sees it.
type Link struct {
	Bus   string
	State can.State
	// Sent frames, refused ones with the last reason, and those a dry run did not send.
	Sent, SendErrors, Suppressed uint64
	LastError                    string
	// Unknown counts frames that the driver does not read, Bad ones it could not; LastBad says why.
	Unknown, Bad uint64
	LastBad      string
}

// FrameAge is how fresh one kind of frame is.
type FrameAge struct {
	ID       uint32
	Name     string
	Required bool // its silence is a fault
	Count    uint64
	Age      time.Duration // 0 when it was never heard
	Fresh    bool
}

// watched frames, in the order State lists them.
var watched = []struct {
	id   uint32
	name string
}{
	{IDSystem, "system state"}, {IDMotion, "velocity"}, {IDOdometer, "odometer"},
	{IDMotorRight, "right motor"}, {IDMotorLeft, "left motor"},
	{IDDriverRight, "right motor driver"}, {IDDriverLeft, "left motor driver"},
	{IDLight, "light"}, {IDRemote, "RC transmitter"}, {IDBattery, "battery"},
}

// State returns a snapshot.
func (d *Driver) State(now time.Time) State {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := State{
		Stamp: now, Reason: d.obstacle(), Held: d.held, Faults: slices.Clone(d.faults),
		System: d.in.system, RemoteControl: d.remoteControls(), Remote: d.in.remote,
		Motion: d.in.motion, Pose: d.odometry.Pose(now),
		Motors: d.in.motors, Drivers: d.in.drivers, Light: d.in.light, Battery: d.in.battery, Alarm: d.in.alarm,
		Version: d.in.version.text(now),
		Command: d.sending, Clamps: d.clamps, Refused: d.refused, Timeouts: d.timeouts,
		Link: Link{
			Bus: d.bus.Name(), State: d.bus.State(), Sent: d.sent, SendErrors: d.sendErrors, Suppressed: d.suppressed,
			LastError: d.lastError, Unknown: d.in.unknown, Bad: d.in.bad, LastBad: d.in.lastBad,
		},
		Frames: d.ages(now),
	}
	s.Ready = s.Reason == ""
	s.Warnings = d.warnings(s)
	return s
}

func (d *Driver) ages(now time.Time) []FrameAge {
	ages := make([]FrameAge, 0, len(watched))
	for _, w := range watched {
		a := FrameAge{ID: w.id, Name: w.name, Required: slices.Contains(required[:], w.id)}
		if s := d.in.seen[w.id]; s.count > 0 {
			a.Count, a.Age = s.count, now.Sub(s.at)
			a.Fresh = a.Age <= max(d.cfg.StaleAfter, 3*period(w.id))
		}
		ages = append(ages, a)
	}
	return ages
}

func (d *Driver) warnings(s State) (w []string) {
	warn := func(format string, args ...any) { w = append(w, "base: "+fmt.Sprintf(format, args...)) }
	heard := d.in.count(IDSystem) > 0
	if heard && s.System.Battery < d.cfg.BatteryWarn {
		warn("battery %.1f V is below %.1f V: charge it; at 22 V the base stops", s.System.Battery, d.cfg.BatteryWarn)
	}
	if s.System.Vehicle > VehicleFault {
		warn("%v: not documented, taken for not ready", s.System.Vehicle)
	}
	if s.System.Mode > ModeRemote {
		warn("%v: not documented, taken for not ready", s.System.Mode)
	}
	if odd := s.System.Faults &^ (SDKRemoteLost | ManualRemoteLost); odd != 0 { // a transmitter that is off is no trouble
		warn("fault bits: %s", odd)
	}
	for i, name := range [2]string{"left", "right"} {
		if odd := s.Drivers[i].Status &^ DriverEnabled; odd != 0 {
			warn("%s motor driver: %s", name, odd)
		}
	}
	if s.Pose.Disagree {
		warn("%s: a wheel spins, or track and scale are off", s.Pose.Reason)
	}
	if s.Pose.Restarts > 0 {
		warn("wheel counters jumped %d times; the pose went on from where it was", s.Pose.Restarts)
	}
	for _, f := range s.Frames {
		if f.Count > 0 && !f.Fresh && period(f.ID) > 0 {
			warn("%s (%03X) is silent for %d ms", f.Name, f.ID, f.Age.Milliseconds())
		}
	}
	if s.Link.Bad > 0 {
		warn("%d frames could not be read, the last: %s", s.Link.Bad, s.Link.LastBad)
	}
	return w
}
