package piper_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cobot_vla/drivers/can"
	"cobot_vla/drivers/piper"
	"cobot_vla/drivers/piper/pipersim"
)

// Every fault that the firmware can be told to have, on an arm that holds a pose.
func TestFaults(t *testing.T) {
	const joint = 2
	tests := []struct {
		fault pipersim.Fault
		cause piper.Cause
		words []string
		// cure is what is needed beside healing the fault: "", "errors" (clear errors),
		// "reset" or "enable".
		cure string
		// drops says that the arm does not stay where it is.
		drops bool
	}{
		{fault: pipersim.Fault{Kind: pipersim.BusSilent}, cause: piper.CauseStale, words: []string{"no frame 0x"}},
		{fault: pipersim.Fault{Kind: pipersim.BusOff}, cause: piper.CauseBus, words: []string{"can_left is off", "restart"}},
		{fault: pipersim.Fault{Kind: pipersim.WrongEnum}, cause: piper.CauseArmStatus, words: []string{"unknown arm status 0x5A"}},
		{fault: pipersim.Fault{Kind: pipersim.JointError, Joint: joint}, cause: piper.CauseDriver, words: []string{"joint3", "driver error"}, cure: "errors"},
		{fault: pipersim.Fault{Kind: pipersim.JointComm, Joint: joint}, cause: piper.CauseJointComm, words: []string{"joint3", "0x0004"}},
		{fault: pipersim.Fault{Kind: pipersim.CommBlip}, cause: piper.CauseDisabled, words: []string{"off"}, cure: "enable", drops: true},
		{fault: pipersim.Fault{Kind: pipersim.Undervoltage}, cause: piper.CauseUndervoltage, words: []string{"undervoltage at 17.0 V"}},
		{fault: pipersim.Fault{Kind: pipersim.OverTemperature, Joint: joint, Value: 76}, cause: piper.CauseOverTemperature, words: []string{"joint3", "76 °C", "75 °C"}},
		{fault: pipersim.Fault{Kind: pipersim.EStop}, cause: piper.CauseEmergencyStop, words: []string{"reset", "drops"}, cure: "reset", drops: true},
		{fault: pipersim.Fault{Kind: pipersim.Teach}, cause: piper.CauseTeach, words: []string{"teach mode"}, cure: "enable"},
		{fault: pipersim.Fault{Kind: pipersim.Stopped, IDs: []uint32{piper.IDJoints34}}, cause: piper.CauseStale, words: []string{"0x2A6", "joints 3, 4"}},
		{fault: pipersim.Fault{Kind: pipersim.AllZero}, cause: piper.CauseDisabled, words: []string{"off"}, cure: "enable"},
		{fault: pipersim.Fault{Kind: pipersim.EncoderOffset, Joint: joint}, cause: piper.CauseEncoder, words: []string{"encoder suspect", "joint3", "0x2A6", "0x253"}, cure: "reset", drops: true},
		{fault: pipersim.Fault{Kind: pipersim.LeaderTraffic}, cause: piper.CauseForeign, words: []string{"frame 15", "leader"}, cure: "enable"},
		{fault: pipersim.Fault{Kind: pipersim.Collision, Joint: joint}, cause: piper.CauseCollision, words: []string{"collision"}, cure: "errors"},
		{fault: pipersim.Fault{Kind: pipersim.Stall, Joint: joint}, cause: piper.CauseStall, words: []string{"joint3", "stall"}, cure: "errors"},
		{fault: pipersim.Fault{Kind: pipersim.MotorOff, Joint: joint}, cause: piper.CauseDisabled, words: []string{"joint3", "off"}, cure: "enable", drops: true},
		{fault: pipersim.Fault{Kind: pipersim.GripperError}, cause: piper.CauseGripper, words: []string{"gripper reports driver error"}, cure: "errors"},
		{fault: pipersim.Fault{Kind: pipersim.StuckLeader}, cause: piper.CauseStale, words: []string{"stuck in the leader state", "0x3A"}},
	}
	for _, test := range tests {
		t.Run(test.fault.Kind.String(), func(t *testing.T) {
			r := newRig(t).ready()
			r.goTo(work, 0.03)
			r.run(3 * time.Second) // out of the settle window
			r.inject(test.fault)
			limit := time.Second
			if test.fault.Kind == pipersim.EncoderOffset {
				limit = 300 * time.Millisecond
			}
			r.fault(test.cause, limit, test.words...)
			if test.cure != "enable" {
				if err := r.arm.ClearFault(r.now); !errors.Is(err, piper.ErrPersists) {
					t.Errorf("cleared while the cause persists: %v", err)
				}
			}
			r.run(2 * time.Second)
			if d := moved(work, r.hand.State().Joints); d > 0.005 && !test.drops {
				t.Errorf("the arm moved by %g rad", d)
			}
			if err := r.arm.Command(work, 0.03, 1); !errors.Is(err, piper.ErrFaulted) {
				t.Errorf("a command long after the fault: %v", err)
			}

			r.heal(test.fault.Kind)
			r.run(1200 * time.Millisecond)
			switch test.cure {
			case "errors":
				if err := r.arm.ClearFault(r.now); !errors.Is(err, piper.ErrPersists) {
					t.Errorf("cleared before the arm's errors: %v", err)
				}
				if _, err := r.arm.ClearErrors(); err != nil {
					t.Fatal(err)
				}
				r.run(200 * time.Millisecond)
			case "reset":
				if _, err := r.arm.Reset(); err != nil {
					t.Fatal(err)
				}
				r.run(3 * time.Second)
			}
			if err := r.arm.ClearFault(r.now); err != nil {
				t.Fatalf("after its cause is gone: %v", err)
			}
			switch test.cure {
			case "", "errors":
				if p := r.state().Phase; p != piper.PhaseReady {
					t.Errorf("%v after the fault, want ready", p)
				}
			default:
				if p := r.state().Phase; p != piper.PhaseIdle {
					t.Errorf("%v after the fault, want idle", p)
				}
			}
			r.ready()
			r.goTo(work, 0.02)
		})
	}
}

func TestEveryFeedbackIdentifierIsWatched(t *testing.T) {
	ids := []uint32{piper.IDStatus, piper.IDJoints12, piper.IDJoints34, piper.IDJoints56, piper.IDGripper}
	for j := range uint32(6) {
		ids = append(ids, piper.IDHighSpeed1+j, piper.IDLowSpeed1+j)
	}
	for _, id := range ids {
		t.Run(fmt.Sprintf("%03X", id), func(t *testing.T) {
			r := newRig(t).ready()
			start := r.now
			r.inject(pipersim.Fault{Kind: pipersim.Stopped, IDs: []uint32{id}})
			r.fault(piper.CauseStale, time.Second, fmt.Sprintf("no frame 0x%03X", id))
			limit := 110 * time.Millisecond
			if id >= piper.IDLowSpeed1 && id <= piper.IDLowSpeed6 {
				limit = 260 * time.Millisecond
			}
			if took := r.now.Sub(start); took > limit {
				t.Errorf("took %v, want %v at most", took, limit)
			}
			if fb := r.feedback(); fb.Valid || fb.Reason == "" {
				t.Error("stale feedback counts as valid")
			}
			if !r.state().Streaming {
				t.Error("the arm is no longer held")
			}
		})
	}
}

func TestFrozenFeedback(t *testing.T) {
	joints := []uint32{piper.IDJoints12, piper.IDJoints34, piper.IDJoints56}
	motors := []uint32{0x251, 0x252, 0x253, 0x254, 0x255, 0x256}
	for name, test := range map[string]struct {
		ids   []uint32
		cause piper.Cause
	}{
		"joints alone":      {joints, piper.CauseEncoder},
		"joints and motors": {append(motors, joints...), piper.CauseFrozen},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t).ready()
			r.inject(pipersim.Fault{Kind: pipersim.Frozen, IDs: test.ids})
			for k := range 400 {
				q := r.state().Target
				q[0] += 0.002
				if r.arm.Command(q, 0, 1) != nil {
					break
				}
				r.tick()
				if k == 399 {
					t.Fatal("0.8 rad on frozen feedback and no fault")
				}
			}
			r.fault(test.cause, tick)
		})
	}
}

func TestBrakingAfterAFault(t *testing.T) {
	r := newRig(t).ready()
	r.inject(pipersim.Fault{Kind: pipersim.Undervoltage})
	r.fault(piper.CauseUndervoltage, time.Second)
	q := r.state().Target
	q[0] = 0.05
	if err := r.arm.Command(q, 0, 1); err != nil {
		t.Fatalf("braking is refused: %v", err)
	}
	r.run(1200 * time.Millisecond)
	q[0] = 0.5
	if err := r.arm.Command(q, 0, 1); !errors.Is(err, piper.ErrFaulted) {
		t.Errorf("a command 1.2 s after the fault: %v", err)
	}
	r.run(time.Second)
	if got := r.hand.State().Joints[0]; got < 0.049 || got > 0.051 {
		t.Errorf("joint1 at %g rad, want where it braked, 0.05", got)
	}
}

func TestEmergencyStopSinksAndResetDrops(t *testing.T) {
	r := newRig(t).ready()
	r.goTo(work, 0.03)
	answer, err := r.arm.EmergencyStop()
	if err != nil || !strings.Contains(answer, "SINKS") {
		t.Errorf("%q, %v", answer, err)
	}
	r.fault(piper.CauseEmergencyStop, time.Second, "requested")
	before := r.hand.State().Joints
	r.run(500 * time.Millisecond)
	if sunk := before[1] - r.hand.State().Joints[1]; sunk < 0.05 || sunk > 0.2 {
		t.Errorf("joint2 sank by %g rad in 0.5 s", sunk)
	}
	if _, err := r.arm.Enable(); !errors.Is(err, piper.ErrFaulted) {
		t.Errorf("enabled in an emergency stop: %v", err)
	}
	answer, err = r.arm.Reset()
	if err != nil || !strings.Contains(answer, "DROPS") {
		t.Errorf("%q, %v", answer, err)
	}
	r.until(piper.PhaseFault, 2*time.Second)
	if err := r.arm.ClearFault(r.now); err != nil {
		t.Fatal(err)
	}
	r.run(time.Second)
	fallen := r.hand.State().Joints
	r.ready() // at least two enables, from where it fell, without a jump
	r.run(time.Second)
	if d := moved(fallen, r.hand.State().Joints); d > 2e-5 {
		t.Errorf("the arm moved by %g rad", d)
	}
}

func TestDisableDrops(t *testing.T) {
	r := newRig(t).ready()
	r.goTo(work, 0.03)
	answer, err := r.arm.Disable()
	if err != nil || !strings.Contains(answer, "DROPS") {
		t.Errorf("%q, %v", answer, err)
	}
	r.until(piper.PhaseIdle, time.Second)
	r.run(time.Second)
	if d := moved(work, r.hand.State().Joints); d < 0.5 {
		t.Errorf("the arm moved by %g rad only", d)
	}
	if r.state().Streaming {
		t.Error("still streaming")
	}
	r.ready()
}

func TestUnconfirmedRequestsSaySo(t *testing.T) {
	for name, test := range map[string]struct {
		ask  func(*piper.Arm) (string, error)
		id   uint32
		word string
	}{
		"disable":        {(*piper.Arm).Disable, piper.IDMotors, "disabling was not confirmed"},
		"emergency stop": {(*piper.Arm).EmergencyStop, piper.IDMotion, "emergency stop was not confirmed"},
		"reset":          {(*piper.Arm).Reset, piper.IDMotion, "reset was not confirmed"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t).ready()
			r.bus.SetFilter(func(f can.Frame) bool { return f.ID != test.id })
			if _, err := test.ask(r.arm); err != nil {
				t.Fatal(err)
			}
			r.fault(piper.CauseOperation, 3*time.Second, test.word)
		})
	}
}

func TestOverTemperatureWarnsFirst(t *testing.T) {
	r := newRig(t).ready()
	r.inject(pipersim.Fault{Kind: pipersim.OverTemperature, Joint: 1, Value: 63})
	r.run(time.Second)
	s := r.state()
	if s.Phase != piper.PhaseReady || !strings.Contains(strings.Join(s.Warnings, "\n"), "joint2 is at 63 °C") {
		t.Errorf("%v, warnings %q", s.Phase, s.Warnings)
	}
}

func TestSendErrorsAreAFault(t *testing.T) {
	r := newRig(t).ready()
	r.bus.SetSendError(can.ErrBufferFull)
	r.inject(pipersim.Fault{Kind: pipersim.Undervoltage}) // does not arrive any more
	r.fault(piper.CauseBus, time.Second, "takes no frames", "buffer full")
	link := r.state().Link
	if link.SendErrors == 0 || !strings.Contains(link.LastError, "buffer full") {
		t.Errorf("link %+v", link)
	}
	r.bus.SetSendError(nil)
	r.heal(pipersim.Undervoltage)
	r.run(time.Second)
	if err := r.arm.ClearFault(r.now); err != nil {
		t.Fatal(err)
	}
	if p := r.state().Phase; p != piper.PhaseReady {
		t.Error(p)
	}
}

func TestUnknownModeBytesAreNoFault(t *testing.T) {
	r := newRig(t).ready()
	intruder := r.open()
	for range 100 {
		r.tick()
		for _, f := range []piper.Status{{Ctrl: piper.CtrlCAN, Move: 0x3B, Teach: 0x99, Motion: 0x07, Trajectory: 0xFF, AngleLimit: 0xFF}} {
			if err := intruder.Send(f.Frame()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if s := r.state(); s.Phase != piper.PhaseReady {
		t.Errorf("%v %v", s.Phase, s.Faults)
	}
}

func TestMotorsOffBehindTheDriversBack(t *testing.T) {
	r := newRig(t).ready()
	r.run(4 * time.Second)
	if err := r.open().Send(piper.MotorPower{Motor: piper.MotorsAll}.Frame()); err != nil {
		t.Fatal(err)
	}
	r.fault(piper.CauseDisabled, time.Second)
	// Somebody enables it again: it must not jump to the old set point.
	r.run(time.Second)
	fallen := r.hand.State().Joints
	other := r.open()
	for range 10 {
		if err := other.Send(piper.MotorPower{Motor: piper.MotorsAll, On: true}.Frame()); err != nil {
			t.Fatal(err)
		}
		r.run(100 * time.Millisecond)
	}
	if d := moved(fallen, r.hand.State().Joints); d > 2e-5 {
		t.Errorf("the arm moved by %g rad", d)
	}
}

func TestConcurrentUse(t *testing.T) {
	r := newRig(t).ready()
	stop, done := make(chan struct{}), make(chan struct{})
	now := r.now
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			target := r.arm.State(now).Target
			_ = r.arm.Command(target, 0.01, 1)
			r.arm.Feedback(now)
			r.arm.Leader(now)
			_, _ = r.arm.Enable()
			_ = r.fw.Inject(pipersim.Fault{Kind: pipersim.LimitsRefused})
			_ = r.fw.Heal(pipersim.LimitsRefused)
		}
	}()
	r.run(time.Second)
	close(stop)
	<-done
	if p := r.state().Phase; p != piper.PhaseReady {
		t.Error(p)
	}
}

// An arm that is far from its set point when a fault is cleared holds where it is.
func TestClearingAFaultDoesNotPullTheArm(t *testing.T) {
	for name, test := range map[string]struct {
		astray float64
		stays  bool
	}{"far": {0.3, true}, "near": {0.05, false}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, driver(func(c *piper.Config) { c.FrozenError = 10 })).ready()
			r.goTo(work, 0)
			r.bus.SetFilter(func(f can.Frame) bool { return f.ID < piper.IDTarget12 || f.ID > piper.IDTarget56 })
			q := work
			q[0] += test.astray
			if err := r.arm.Command(q, 0, 1); err != nil {
				t.Fatal(err)
			}
			r.inject(pipersim.Fault{Kind: pipersim.Undervoltage})
			r.fault(piper.CauseUndervoltage, time.Second)
			r.heal(pipersim.Undervoltage)
			r.run(200 * time.Millisecond)
			if err := r.arm.ClearFault(r.now); err != nil {
				t.Fatal(err)
			}
			r.bus.SetFilter(nil)
			r.run(time.Second)
			if stayed := moved(work, r.hand.State().Joints) < 1e-3; stayed != test.stays {
				t.Errorf("stayed %v, want %v: joint1 from %g to %g", stayed, test.stays, work[0], r.hand.State().Joints[0])
			}
		})
	}
}
