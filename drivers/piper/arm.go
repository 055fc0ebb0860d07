package piper

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"cobot_vla/drivers/can"
)

// Arm drives one PiPER. Its methods are safe for concurrent use; Tick is called by
// one goroutine. It never calls the bus with its lock held.
type Arm struct {
	cfg     Config
	bus     can.Bus
	busName string
	cancel  func()

	mu       sync.Mutex
	now      time.Time // of the last Tick
	busState can.State
	in       heard
	probe    probe
	cond     conditions
	limits   [6]Range // in force [rad]

	phase  Phase
	since  time.Time // when the phase began
	detail string
	sent   time.Time // last repeated request of the phase
	count  int       // of repeated requests in the phase
	faults []Fault

	enteredCAN time.Time // when the sequence took CAN control; zero when the arm was under it already
	clean      time.Time // settling: since when everything has been well
	cleared    time.Time // gripper: when its errors were cleared
	levelSet   bool      // the collision level was sent

	clears    int       // clear-errors requests still to send
	clearSent time.Time // last of them

	streaming bool
	bounds    bounds
	target    [6]float64 // [rad]
	width     float64    // [m]
	torque    float64    // [N·m]
	clamped   [7]uint64
	lastClamp string
	refused   uint64
}

// New attaches an Arm to its bus and sends nothing yet. The bus stays the caller's to close.
func New(bus can.Bus, cfg Config) (*Arm, error) {
	if bus == nil {
		return nil, errors.New("piper: bus is nil")
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &Arm{cfg: cfg, bus: bus, busName: bus.Name(), in: newHeard(cfg)}
	for j := range a.limits {
		a.limits[j] = a.configured(j)
	}
	if cfg.Mode == ModeRead {
		a.phase = PhaseReading
	}
	a.cancel = bus.Listen(a.receive)
	return a, nil
}

// Close stops listening. It sends nothing: the arm keeps holding its last target.
func (a *Arm) Close() error {
	a.cancel()
	return nil
}

func (a *Arm) receive(f can.Frame) {
	at := a.cfg.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.in.take(f, at)
}

// Tick advances the state machine and sends what is due; call it 200 times a second.
func (a *Arm) Tick(now time.Time) {
	bus := a.bus.State()
	frames := a.step(now, bus)
	for _, f := range frames {
		err := a.bus.Send(f)
		a.mu.Lock()
		a.in.links.sentOne(err, now)
		a.mu.Unlock()
	}
}

// step is Tick without the bus.
func (a *Arm) step(now time.Time, bus can.State) []can.Frame {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now, a.busState = now, bus
	if a.since.IsZero() {
		a.since = now
	}
	a.observe(now)
	a.relapse(now)
	a.watch(now)
	out := a.advance(now)
	out = append(out, a.stepClear(now)...)
	if a.cfg.DryRun {
		a.in.links.suppressed += uint64(len(out))
		return nil
	}
	for i := range out {
		if id := out[i].ID; id >= IDMotion && id <= IDMIT6 {
			out[i].ID += a.in.control
		}
	}
	return out
}

// advance does what the phase does in one tick.
func (a *Arm) advance(now time.Time) []can.Frame {
	switch a.phase {
	case PhaseReading:
		a.detail = a.missing(now)
	case PhaseConnecting:
		return a.stepConnecting(now)
	case PhaseIdle:
		a.stepIdle(now)
	case PhaseLeavingTeach:
		return a.stepLeavingTeach(now)
	case PhaseDwelling:
		a.stepDwelling(now)
	case PhaseEnabling:
		return a.stepEnabling(now)
	case PhaseGripper:
		return a.stepGripper(now)
	case PhasePreload:
		return a.stepPreload(now)
	case PhaseSettling:
		return a.stepSettling(now)
	case PhaseReady, PhaseFault:
		return a.stream()
	case PhaseStopping:
		return a.stepStopping(now)
	case PhaseResetting:
		return a.stepResetting(now)
	case PhaseDisabling:
		return a.stepDisabling(now)
	case PhaseRestoring:
		return a.stepRestoring(now)
	}
	return nil
}

// enter begins a phase.
func (a *Arm) enter(p Phase, now time.Time) {
	a.phase, a.since, a.sent, a.count, a.detail = p, now, time.Time{}, 0, ""
}

// due says whether a repeated request of the phase is due, and notes it.
func (a *Arm) due(now time.Time, every time.Duration) bool {
	if !a.sent.IsZero() && now.Sub(a.sent) < every {
		return false
	}
	a.sent = now
	a.count++
	return true
}

// late says whether the phase has lasted longer than d.
func (a *Arm) late(now time.Time, d time.Duration) bool { return now.Sub(a.since) > d }

func (a *Arm) stepConnecting(now time.Time) []can.Frame {
	out := a.stepProbe(now)
	a.detail = a.missing(now)
	if a.detail == "" && !a.probe.done {
		a.detail = "reading firmware text and settings"
	}
	if a.detail == "" {
		a.enter(PhaseIdle, now)
		a.stepIdle(now)
	}
	return out
}

func (a *Arm) stepIdle(now time.Time) {
	if missing := a.missing(now); missing != "" {
		// The arm may have been switched off, and what comes back may have other settings.
		a.probe = probe{}
		a.enter(PhaseConnecting, now)
		a.detail = missing
		return
	}
	a.detail = a.blocked(now)
}

// blocked says why enabling would be refused; empty when it would not.
func (a *Arm) blocked(now time.Time) string {
	tolerated := a.tolerated()
	for _, f := range a.diagnose(now) {
		if !tolerated.has(f.Cause) {
			return f.Reason
		}
	}
	if a.cfg.DryRun {
		return ""
	}
	if a.probe.problem != "" {
		return a.probe.problem
	}
	status, version := a.in.status.value, a.probe.firmware.Version()
	switch ctrl := status.Ctrl; ctrl {
	case CtrlCAN:
		if mit := status.Move == MoveMITOld || status.Move == MoveMIT; mit && !version.After(1, 8, 4) {
			return fmt.Sprintf("the arm is in MIT mode, and %v leaves it only by a reset (it drops)", version)
		}
	case CtrlStandby, CtrlTeach:
	case CtrlLeader:
		return "the arm is a linkage leader; make it a follower (0x470 FC) and cycle its power"
	default:
		return fmt.Sprintf("the arm is under %v control; return it to standby", ctrl)
	}
	return ""
}
