package tracer

import (
	"errors"
	"fmt"
	"time"

	"cobot_vla/drivers/can"
)

// Errors of a Driver's methods.
var (
	// ErrNotFinite: a velocity holds a NaN or an infinity; zero is sent instead.
	ErrNotFinite = errors.New("velocity is not finite")
	// ErrNotReady: the base can't be driven now; zero is sent instead.
	ErrNotReady = errors.New("base is not ready")
	// ErrPermanent: the fault ends with a new Driver on the right bus only.
	ErrPermanent = errors.New("fault can't be cleared")
)

// Cause is a kind of fault.
type Cause uint8

const (
	CauseNone          Cause = iota
	CauseArm                 // an arm is on this bus; permanent
	CauseProtocol            // the base speaks protocol V1; permanent
	CauseBus                 // the bus is off or down, or takes no frames
	CauseStale               // feedback is missing
	CauseEmergencyStop       // the base's stop button
	CauseVehicle             // the base reports a fault
	CauseMotor               // a motor driver reports a fault
	CauseForeign             // another program commands the base
)

func (c Cause) String() string {
	return nameOf(uint8(c), "cause", "none", "arm on the bus", "protocol", "bus", "stale feedback", "emergency stop", "vehicle fault", "motor driver", "foreign commander")
}

func (c Cause) permanent() bool { return c == CauseArm || c == CauseProtocol }

// Fault is one latched cause.
type Fault struct {
	Cause  Cause
	Reason string // names the thing, the value and the remedy
	At     time.Time
}

// judge latches what is wrong at now.
func (d *Driver) judge(now time.Time) {
	if d.in.armFrames >= armSuspicion {
		d.latch(CauseArm, now, "base: frame %s and others say that a PiPER arm is on bus %s: give the base a bus of its own at %d bit/s; nothing is sent until then",
			d.in.armFrame, d.bus.Name(), Bitrate)
	}
	if d.in.oldFrames >= oldSuspicion && d.in.count(IDMotion) == 0 {
		d.latch(CauseProtocol, now, "base: bus %s carries the old protocol V1 (frames %03X, %03X): this driver needs V2; have the base's firmware updated",
			d.bus.Name(), idSystemV1, idMotionV1)
	}
	if reason := d.busTrouble(now); reason != "" {
		d.latch(CauseBus, now, "%s", reason)
	}
	if !d.identified {
		return
	}
	if id, age := d.stalest(now); age > d.cfg.StaleAfter {
		d.latch(CauseStale, now, "base: no frame %03X for %d ms on bus %s: check the base's power and the cable", id, age.Milliseconds(), d.bus.Name())
	}
	if h := d.in.seen[IDMotionCommand]; h.count >= foreignSuspicion && now.Sub(h.at) < foreignMemory {
		d.latch(CauseForeign, now, "base: another program sends %03X on bus %s: stop it, then clear the fault", IDMotionCommand, d.bus.Name())
	}
	if now.Before(d.graceUntil) {
		return
	}
	if reason, cause := d.vehicleTrouble(); reason != "" {
		d.latch(cause, now, "%s", reason)
	}
}

// busTrouble is what is wrong with the bus, or "".
func (d *Driver) busTrouble(now time.Time) string {
	switch state := d.bus.State(); {
	case state == can.BusOff:
		return fmt.Sprintf("base: bus %s is off after too many errors: check the cable and its termination, then: ip link set %s down && ip link set %s up",
			d.bus.Name(), d.bus.Name(), d.bus.Name())
	case state == can.Down && d.identified: // before, there is nothing yet to lose
		return fmt.Sprintf("base: bus %s is down: bring the interface up, or plug the adapter in", d.bus.Name())
	}
	if !d.failing.IsZero() && now.Sub(d.failing) > d.cfg.SendFailing {
		return fmt.Sprintf("base: bus %s has taken no frame for %d ms: %s", d.bus.Name(), now.Sub(d.failing).Milliseconds(), d.lastError)
	}
	return ""
}

// Somebody else's commands: how many make a commander, and for how long.
const (
	foreignSuspicion = 3
	foreignMemory    = time.Second
)

// required frames are those without which the base is not driven.
var required = [3]uint32{IDSystem, IDMotion, IDOdometer}

// stalest required frame and its age.
func (d *Driver) stalest(now time.Time) (id uint32, age time.Duration) {
	for _, r := range required {
		if a := now.Sub(d.lastHeard(r)); a > age {
			id, age = r, a
		}
	}
	return id, age
}

// lastHeard is when a frame arrived, or when the base was recognised if it never did.
func (d *Driver) lastHeard(id uint32) time.Time {
	if s := d.in.seen[id]; s.count > 0 {
		return s.at
	}
	return d.identifiedAt
}

// vehicleTrouble is what the base reports to be wrong with itself, or "".
func (d *Driver) vehicleTrouble() (string, Cause) {
	s := d.in.system
	switch {
	case s.Vehicle == VehicleEmergencyStop:
		return "base: its emergency stop is pressed: release the button, then clear the fault", CauseEmergencyStop
	case s.Vehicle == VehicleFault:
		return fmt.Sprintf("base: it reports a fault (%s; battery %.1f V): see to it, then clear the fault", s.Faults, s.Battery), CauseVehicle
	case s.Faults.Serious() != 0:
		return fmt.Sprintf("base: it reports %s (battery %.1f V): see to it, then clear the fault", s.Faults.Serious(), s.Battery), CauseVehicle
	}
	for i, side := range [2]string{left: "left", right: "right"} {
		if bad := d.in.drivers[i].Status & (DriverLost | DriverFault); bad != 0 {
			return fmt.Sprintf("base: %s motor driver reports %s: look at its cables, switch the base off and on, then clear the fault", side, bad), CauseMotor
		}
	}
	return "", CauseNone
}

// latch adds a fault unless its cause is latched already.
func (d *Driver) latch(c Cause, now time.Time, format string, args ...any) {
	for _, f := range d.faults {
		if f.Cause == c {
			return
		}
	}
	d.faults = append(d.faults, Fault{c, fmt.Sprintf(format, args...), now})
}

// ClearFault forgets latched faults and asks the base, at the next Tick, to clear its
// own. What persists is latched again, so State tells whether it helped.
func (d *Driver) ClearFault() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := d.faults[:0]
	var err error
	for _, f := range d.faults {
		if f.Cause.permanent() {
			kept = append(kept, f)
			err = errors.Join(err, fmt.Errorf("%w: %s", ErrPermanent, f.Reason))
		}
	}
	d.faults = kept
	d.clear = err == nil
	return err
}
