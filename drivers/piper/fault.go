package piper

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors of an Arm's methods.
var (
	// ErrReadOnly: the Arm was made in ModeRead and sends nothing.
	ErrReadOnly = errors.New("arm is only read")
	// ErrNotConnected: the arm's feedback is not whole yet.
	ErrNotConnected = errors.New("arm is not connected")
	// ErrNotReady: set points are not taken in this phase.
	ErrNotReady = errors.New("arm is not ready")
	// ErrBusy: another request is being carried out.
	ErrBusy = errors.New("arm is busy")
	// ErrRefused: the arm's condition forbids what was asked.
	ErrRefused = errors.New("refused")
	// ErrFaulted: a fault is latched; clear it first.
	ErrFaulted = errors.New("arm has a fault")
	// ErrPersists: the cause of a latched fault is still there.
	ErrPersists = errors.New("cause persists")
	// ErrNotFinite: a set point holds a NaN or an infinity.
	ErrNotFinite = errors.New("set point is not finite")
)

// Cause is a kind of fault.
type Cause uint8

const (
	CauseNone            Cause = iota
	CauseBus                   // the bus is off or down, or takes no frames
	CauseStale                 // feedback is missing
	CauseEmergencyStop         // the arm's own emergency stop
	CauseTeach                 // somebody drags the arm
	CauseArmStatus             // arm_status is not normal
	CauseJointComm             // the arm can't reach a joint
	CauseDriver                // a motor driver reports an error
	CauseCollision             // collision protection
	CauseStall                 // stall protection
	CauseOverTemperature       // a motor, a driver or the controller is too hot
	CauseUndervoltage          // the supply is too low
	CauseDisabled              // a motor went off
	CauseMode                  // the arm left CAN control
	CauseEncoder               // joint and motor feedback disagree
	CauseFrozen                // feedback does not change
	CauseGripper               // the gripper reports an error
	CauseForeign               // somebody else commands this arm
	CauseSettings              // limits or stroke in the arm's flash are unusable
	CauseEnable                // the enable sequence gave up
	CauseOperation             // the arm did not confirm a request
	causes
)

func (c Cause) String() string {
	return nameOf(uint8(c), "cause", "none", "bus", "stale feedback", "emergency stop", "teach mode", "arm status", "joint communication",
		"motor driver", "collision", "stall", "over-temperature", "undervoltage", "motor off", "control mode", "encoder suspect",
		"frozen feedback", "gripper", "foreign commander", "settings", "enable failed", "request not confirmed")
}

// Fault is one latched cause.
type Fault struct {
	Cause  Cause
	Reason string // names the arm, the thing, the value and the remedy
	At     time.Time
}

// causeSet is a set of causes.
type causeSet uint32

func setOf(list ...Cause) (s causeSet) {
	for _, c := range list {
		s |= 1 << c
	}
	return s
}

func (s causeSet) has(c Cause) bool { return s>>c&1 == 1 }

// tolerated are the causes that are no fault in a phase: part of being there, or
// about to be repaired by the sequence.
func (a *Arm) tolerated() causeSet {
	if a.cfg.DryRun {
		return setOf(CauseTeach, CauseJointComm, CauseDisabled, CauseMode, CauseFrozen, CauseForeign, CauseGripper, CauseSettings)
	}
	idle := setOf(CauseTeach, CauseJointComm, CauseDisabled, CauseMode, CauseFrozen, CauseGripper)
	switch a.phase {
	case PhasePreload, PhaseSettling:
		if a.phase == PhaseSettling && a.settled(a.now) {
			return 0
		}
		return setOf(CauseJointComm, CauseDisabled, CauseMode, CauseFrozen)
	case PhaseEnabling, PhaseGripper:
		return setOf(CauseJointComm, CauseDisabled, CauseMode, CauseFrozen, CauseGripper)
	case PhaseReady:
		return 0
	case PhaseFault:
		if a.streaming {
			return 0
		}
	}
	return idle
}

// latch adds a fault unless its cause is latched already.
func (a *Arm) latch(c Cause, now time.Time, format string, args ...any) {
	for _, f := range a.faults {
		if f.Cause == c {
			return
		}
	}
	a.faults = append(a.faults, Fault{c, "arm " + a.cfg.Arm.Side + ": " + fmt.Sprintf(format, args...), now})
	if a.phase == PhaseReady || a.phase == PhaseIdle || a.phase == PhaseConnecting || a.phase.enabling() {
		a.enter(PhaseFault, now)
	}
}

// watch latches what is wrong now and stops streaming where a set point could do harm.
func (a *Arm) watch(now time.Time) {
	if a.phase != PhaseReady && a.phase != PhaseFault && !a.phase.enabling() {
		return
	}
	tolerated := a.tolerated()
	for _, f := range a.diagnose(now) {
		if tolerated.has(f.Cause) {
			continue
		}
		a.latch(f.Cause, now, "%s", f.Reason)
		switch f.Cause {
		case CauseEmergencyStop, CauseTeach, CauseDisabled, CauseForeign:
			// The arm sinks, is dragged, has dropped, or obeys somebody else: a target
			// that it does not follow now would make it jump later.
			a.streaming = false
		}
	}
}

// ClearFault ends the latched faults when none of their causes is there any more.
// An arm that is still under control goes on holding; another must be enabled again.
func (a *Arm) ClearFault(now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.faults) == 0 {
		return nil
	}
	if a.phase != PhaseFault {
		return fmt.Errorf("piper: arm %s: %w: %v", a.cfg.Arm.Side, ErrBusy, a.phase)
	}
	var reasons []string
	tolerated := a.tolerated()
	for _, f := range a.diagnose(now) {
		if !tolerated.has(f.Cause) {
			reasons = append(reasons, f.Reason)
		}
	}
	if reasons != nil {
		return fmt.Errorf("piper: arm %s: %w: %s", a.cfg.Arm.Side, ErrPersists, strings.Join(reasons, "; "))
	}
	a.faults = nil
	if !a.streaming {
		a.enter(PhaseIdle, now)
		return nil
	}
	a.enter(PhaseReady, now)
	if a.trackingError() > a.cfg.HoldError {
		a.acquire()
	}
	return nil
}
