package piper

import "time"

// Phase is where an Arm's state machine stands.
type Phase uint8

const (
	// PhaseConnecting waits for whole feedback and reads firmware text and settings.
	PhaseConnecting Phase = iota
	// PhaseIdle hears the arm and leaves it alone.
	PhaseIdle
	// PhaseLeavingTeach ends drag teaching with motors on.
	PhaseLeavingTeach
	// PhaseDwelling waits in standby after teaching.
	PhaseDwelling
	// PhaseEnabling switches motors on until all six say so.
	PhaseEnabling
	// PhaseGripper clears and enables the gripper without moving it.
	PhaseGripper
	// PhasePreload takes CAN control with the measured pose as the target.
	PhasePreload
	// PhaseSettling repairs the transient that may follow.
	PhaseSettling
	// PhaseReady streams the last set point and takes commands.
	PhaseReady
	// PhaseFault has a latched fault; the last set point is still streamed while the arm holds.
	PhaseFault
	// PhaseStopping asks for the arm's own emergency stop: it sinks.
	PhaseStopping
	// PhaseResetting asks for a reset: the arm drops.
	PhaseResetting
	// PhaseDisabling switches motors off: the arm drops.
	PhaseDisabling
	// PhaseRestoring writes factory limits and the gripper's stroke to the arm.
	PhaseRestoring
	// PhaseReading, in ModeRead, only listens.
	PhaseReading
)

func (p Phase) String() string {
	return nameOf(uint8(p), "phase", "connecting", "idle", "leaving teach mode", "dwelling in standby", "enabling motors", "enabling gripper",
		"preloading", "settling", "ready", "fault", "emergency stopping", "resetting", "disabling", "restoring settings", "reading")
}

// enabling says whether the phase is part of the enable sequence.
func (p Phase) enabling() bool { return p >= PhaseLeavingTeach && p <= PhaseSettling }

// Range of an angle [rad].
type Range struct{ Lower, Upper float64 }

// State is an Arm at one moment.
type State struct {
	Side   string
	Mode   Mode
	DryRun bool
	Phase  Phase
	// Since is when the phase began.
	Since time.Time
	// Detail says what the phase waits for, or why Enable would be refused; empty when nothing is missing.
	Detail string
	// Enabled are the motors that report to be on.
	Enabled [6]bool
	// Status is the arm's last own verdict.
	Status Status
	// Firmware as the arm reports it; empty until read.
	Firmware Firmware
	// Faults that are latched, the first cause first.
	Faults []Fault
	// Warnings that hold now: temperatures, limits narrower than the calibration's, an unknown firmware, …
	Warnings []string
	// Limits in force: the calibration's, or the arm's own where those are narrower [rad].
	Limits [6]Range
	// OwnLimits are the joints' limits in the arm's flash, without calibration zeros, and
	// OwnStroke the gripper's stroke in it; zero until the arm said them [rad], [m].
	OwnLimits [6]Range
	OwnStroke float64
	// Streaming says that set points are being sent (or would be, in a dry run).
	Streaming bool
	// Target, Width and Torque are the set point [rad], [m], [N·m]; valid while Streaming.
	Target [6]float64
	Width  float64
	Torque float64
	// Clamped counts set points that were cut to a limit, per joint, then the gripper.
	Clamped [7]uint64
	// LastClamp is the last of them in words.
	LastClamp string
	// Refused counts commands that were not finite.
	Refused uint64
	Link    Link
}

// State returns the arm's state at the last Tick, and the link's at now.
func (a *Arm) State(now time.Time) State {
	a.mu.Lock()
	defer a.mu.Unlock()
	var own [6]Range
	for j, l := range a.in.limits {
		own[j] = Range{l.value.Min, l.value.Max}
	}
	return State{
		OwnLimits: own,
		OwnStroke: a.in.teach.value.Stroke,
		Side:      a.cfg.Arm.Side,
		Mode:      a.cfg.Mode,
		DryRun:    a.cfg.DryRun,
		Phase:     a.phase,
		Since:     a.since,
		Detail:    a.detail,
		Enabled:   a.in.enabled(),
		Status:    a.in.status.value,
		Firmware:  a.probe.firmware,
		Faults:    append([]Fault(nil), a.faults...),
		Warnings:  a.warnings(),
		Limits:    a.limits,
		Streaming: a.streaming,
		Target:    a.target,
		Width:     a.width,
		Torque:    a.torque,
		Clamped:   a.clamped,
		LastClamp: a.lastClamp,
		Refused:   a.refused,
		Link:      a.linkState(now),
	}
}
