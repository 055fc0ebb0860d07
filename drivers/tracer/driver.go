package tracer

import (
	"fmt"
	"math"
	"sync"
	"time"

	"cobot_vla/drivers/can"
)

// Driver drives one base. Its methods are safe for concurrent use; Tick is called 50
// times a second.
type Driver struct {
	cfg    Config
	bus    can.Bus
	cancel func()

	mu       sync.Mutex
	in       heard
	odometry *Odometry

	started      time.Time // first Tick
	identified   bool      // a Tracer with protocol V2 is on the bus, and no arm
	identifiedAt time.Time
	faults       []Fault
	clear        bool // ClearFault was called
	graceUntil   time.Time

	command  Velocity // as SetVelocity wants it, within the limits
	renewed  bool     // since the last Tick
	fresh    time.Time
	held     bool     // the command was interrupted; zero must be given before another
	sending  Velocity // as sent last
	clamps   uint64
	refused  uint64
	timeouts uint64

	light       Light
	lightWanted bool
	modeAsked   time.Time
	versionAt   time.Time
	versionAsks int

	sent, sendErrors, suppressed uint64
	lastError                    string
	failing                      time.Time // since when every Send failed; zero when the last one did not
}

// New listens on bus; it sends nothing before Tick has found a base there. The
// bus stays the caller's.
func New(bus can.Bus, cfg Config) (*Driver, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	odometry, err := NewOdometry(cfg.Odometry)
	if err != nil {
		return nil, err
	}
	d := &Driver{cfg: cfg, bus: bus, odometry: odometry, in: heard{seen: map[uint32]seen{}}}
	d.cancel = bus.Listen(func(f can.Frame) {
		at := cfg.Now()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.in.take(f, d.odometry, at)
	})
	return d, nil
}

// SetVelocity sets what the next Tick sends: [m/s], [rad/s]. It is held to the limits,
// which State counts, and must be renewed within CommandTimeout. What is not finite is
// refused and stops the base. While the base is not ready a velocity other than zero is
// refused, and so it is afterwards until zero was given once: nobody who leaned on a
// joystick through a fault is obeyed the moment it is cleared.
func (d *Driver) SetVelocity(linear, angular float64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.renewed = true
	if !finite(linear) || !finite(angular) {
		d.command = Velocity{}
		d.refused++
		return fmt.Errorf("base: velocity %g m/s, %g rad/s: %w: zero is sent", linear, angular, ErrNotFinite)
	}
	within := Velocity{clamp(linear, d.cfg.MaxLinear), clamp(angular, d.cfg.MaxAngular)}
	if within != (Velocity{linear, angular}) {
		d.clamps++
	}
	reason := d.obstacle()
	switch {
	case within == Velocity{}:
		d.held = false
	case reason != "":
		d.command, d.held = Velocity{}, true
		d.refused++
		return fmt.Errorf("%w: %s", ErrNotReady, reason)
	case d.held:
		d.refused++
		return fmt.Errorf("%w: base: it was interrupted: give velocity zero before another", ErrNotReady)
	}
	d.command = within
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func clamp(v, limit float64) float64 { return math.Max(-limit, math.Min(limit, v)) }

// SetLight says what the lamps shall do, brightness held to 0..1; it is sent once with the next Tick.
func (d *Driver) SetLight(l Light) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l.FrontBrightness, l.RearBrightness = max(0, min(1, l.FrontBrightness)), max(0, min(1, l.RearBrightness))
	l.Count = d.light.Count + 1
	d.light, d.lightWanted = l, true
}

// ResetOdometry puts the pose back to the origin.
func (d *Driver) ResetOdometry() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.odometry.Reset()
}

// Tick judges what was heard and sends what is due.
func (d *Driver) Tick(now time.Time) {
	d.mu.Lock()
	if d.started.IsZero() {
		d.started = now
	}
	d.identify(now)
	if d.clear {
		d.graceUntil = now.Add(d.cfg.ClearGrace)
	}
	d.judge(now)
	d.expire(now)
	out := d.due(now)
	d.mu.Unlock()
	for _, f := range out { // never with the lock: the bus may call us back
		d.send(f, now)
	}
}

// identify waits until the base is certain: system state and velocity together are
// what protocol V2 alone sends, and no arm was heard meanwhile.
func (d *Driver) identify(now time.Time) {
	if d.identified || now.Sub(d.started) < d.cfg.ListenTime || d.in.armFrames >= armSuspicion {
		return
	}
	const several = 3
	if d.in.count(IDSystem) >= several && d.in.count(IDMotion) >= several {
		d.identified, d.identifiedAt = true, now
	}
}

// expire makes the command zero when it may not act, or when nobody renews it.
func (d *Driver) expire(now time.Time) {
	if d.renewed {
		d.renewed, d.fresh = false, now
	}
	if d.command == (Velocity{}) {
		return
	}
	late := now.Sub(d.fresh) > d.cfg.CommandTimeout
	if late {
		d.timeouts++
	}
	if late || d.obstacle() != "" {
		d.command, d.held = Velocity{}, true
	}
}

// obstacle says why the base can't be driven, or "".
func (d *Driver) obstacle() string {
	if len(d.faults) > 0 {
		return d.faults[0].Reason
	}
	if !d.identified {
		return fmt.Sprintf("base: not heard on bus %s yet: is it switched on, and the bus at %d bit/s?", d.bus.Name(), Bitrate)
	}
	if reason, _ := d.vehicleTrouble(); reason != "" {
		return reason
	}
	switch {
	case d.in.system.Vehicle != VehicleOK:
		return fmt.Sprintf("base: vehicle state is %v", d.in.system.Vehicle)
	case d.remoteControls():
		return "base: the RC transmitter drives it: put its switch B fully up, or switch it off"
	}
	switch mode := d.in.system.Mode; {
	case mode == ModeCAN, d.cfg.DryRun && mode == ModeStandby:
		return ""
	case mode == ModeStandby:
		return "base: in standby; CAN control is being requested"
	default:
		return fmt.Sprintf("base: control mode is %v: release it there", mode)
	}
}

// remoteControls says that somebody drives with the transmitter. A transmitter that
// nobody hears any more does not drive.
func (d *Driver) remoteControls() bool {
	if d.in.system.Mode == ModeRemote {
		return true
	}
	const memory = time.Second
	heard := d.in.seen[IDRemote]
	return d.in.system.Mode == ModeStandby && heard.count > 0 && d.cfg.Now().Sub(heard.at) < memory &&
		!d.in.system.Faults.RemoteLost() && d.in.remote.Controls()
}

// due lists what is sent at now.
func (d *Driver) due(now time.Time) (out []can.Frame) {
	for _, f := range d.faults {
		if f.Cause.permanent() {
			return nil
		}
	}
	if !d.identified {
		return nil
	}
	if d.clear {
		d.clear = false
		out = append(out, ClearFault(0))
	}
	if d.wantsMode() && now.Sub(d.modeAsked) >= d.cfg.ModeEvery {
		d.modeAsked = now
		out = append(out, RequestMode(ModeCAN))
	}
	d.sending = d.command
	out = append(out, d.command.Command())
	if d.lightWanted {
		d.lightWanted = false
		out = append(out, d.light.Command())
	}
	return append(out, d.askVersion(now)...)
}

// wantsMode says that CAN control shall be requested: of a base that waits for
// somebody and is well, never from somebody who has it.
func (d *Driver) wantsMode() bool {
	if reason, _ := d.vehicleTrouble(); reason != "" || len(d.faults) > 0 {
		return false
	}
	return d.in.system.Mode == ModeStandby && d.in.system.Vehicle == VehicleOK && !d.remoteControls()
}

// askVersion asks for the firmware's text, a few times, at one identifier and then the other.
func (d *Driver) askVersion(now time.Time) []can.Frame {
	const times, every = 6, time.Second
	if d.versionAsks >= times || now.Sub(d.versionAt) < every || len(d.in.version.bytes) >= versionSize {
		return nil
	}
	d.in.version.bytes = nil
	id := uint32(IDVersion)
	if d.versionAsks%2 == 1 {
		id = IDVersionOld
	}
	d.versionAsks++
	d.versionAt = now
	return []can.Frame{QueryVersion(id)}
}

// send gives a frame to the bus and notes what became of it.
func (d *Driver) send(f can.Frame, now time.Time) {
	if d.cfg.DryRun {
		d.mu.Lock()
		d.suppressed++
		d.mu.Unlock()
		return
	}
	err := d.bus.Send(f)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.sent++
		d.failing = time.Time{}
		return
	}
	d.sendErrors++
	d.lastError = err.Error()
	if d.failing.IsZero() {
		d.failing = now
	}
}

// Close sends one last zero, if the base was ever spoken to, and stops listening. It
// does not close the bus. A node brings the base to rest before it closes.
func (d *Driver) Close() error {
	d.mu.Lock()
	d.command = Velocity{}
	speaks := d.identified && !d.cfg.DryRun
	for _, f := range d.faults {
		speaks = speaks && !f.Cause.permanent()
	}
	d.mu.Unlock()
	d.cancel()
	if !speaks {
		return nil
	}
	if err := d.bus.Send(Velocity{}.Command()); err != nil {
		return fmt.Errorf("base: last zero: %w", err)
	}
	return nil
}
