package piper_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"cobot_vla/drivers/can"
	"cobot_vla/drivers/piper"
	"cobot_vla/drivers/piper/pipersim"
)

func TestEnableMovesNothing(t *testing.T) {
	r := newRig(t)
	rest := r.hand.State().Joints
	r.hand.Place(rest, 0.04) // a gripper that is off reports 0; it must not close
	var phases []piper.Phase
	var settling time.Duration
	closed := 1.0
	r.each = func() {
		closed = min(closed, r.hand.State().Width)
		if r.state().Phase == piper.PhaseSettling {
			settling += tick
		}
		if p := r.state().Phase; len(phases) == 0 || phases[len(phases)-1] != p {
			phases = append(phases, p)
		}
	}
	r.ready()
	want := []piper.Phase{piper.PhaseConnecting, piper.PhaseIdle, piper.PhaseEnabling, piper.PhaseGripper, piper.PhasePreload, piper.PhaseSettling, piper.PhaseReady}
	if !slices.Equal(phases, want) {
		t.Errorf("phases %v, want %v", phases, want)
	}
	r.run(time.Second)
	if d := moved(rest, r.hand.State().Joints); d > 2e-5 {
		t.Errorf("the arm moved by %g rad", d)
	}
	if closed < 0.04-1e-6 || r.hand.State().Width > 0.04+1e-6 {
		t.Errorf("the gripper moved: %g m at least, %g m at last", closed, r.hand.State().Width)
	}
	if settling < time.Second {
		t.Errorf("ready after %v of settling; the known transient comes after 0.5 s", settling)
	}
	s := r.state()
	if !s.Streaming || s.Enabled != [6]bool{true, true, true, true, true, true} || s.Firmware.Software != "S-V1.8-9" || len(s.Faults) != 0 {
		t.Errorf("state %+v", s)
	}
	if math.Abs(s.Width-0.04) > 1e-6 {
		t.Errorf("the gripper's set point is %g m, it is open by 0.04 m", s.Width)
	}
	// J2 and J3 rest outside their range and the arm says so; that is how arms rest.
	if s.Status.AngleLimit == 0 || len(s.Warnings) != 0 {
		t.Errorf("angle limit bits %v, warnings %q", s.Status.AngleLimit, s.Warnings)
	}
}

func TestNothingIsSentThatDropsTheArm(t *testing.T) {
	r := newRig(t, sim(func(c *pipersim.Config) { c.Teach = true })).ready()
	r.run(time.Second)
	for _, f := range r.sent {
		switch f.ID {
		case piper.IDMotion:
			if m, _ := piper.DecodeMotionCommand(f); m.Stop != piper.StopNone {
				t.Errorf("sent %v", f)
			}
		case piper.IDMotors:
			if p, _ := piper.DecodeMotorPower(f); !p.On {
				t.Errorf("sent %v", f)
			}
		case piper.IDMode:
			if m, _ := piper.DecodeModeCommand(f); m.Ctrl != piper.CtrlCAN {
				t.Errorf("sent %v", f)
			}
		}
	}
}

func TestModeIsAssertedAroundEveryTriple(t *testing.T) {
	r := newRig(t).ready()
	if err := r.arm.Command(r.state().Target, 0.02, 1); err != nil {
		t.Fatal(err)
	}
	r.sent = nil
	r.run(20 * tick)
	const want = "151 155 156 157 151 159"
	var ids []string
	for _, f := range r.sent {
		ids = append(ids, strings.SplitN(f.String(), "#", 2)[0])
	}
	for i := 0; i+6 <= len(ids); i += 6 {
		if got := strings.Join(ids[i:i+6], " "); got != want {
			t.Fatalf("tick %d sent %s, want %s", i/6, got, want)
		}
	}
	if len(ids) != 20*6 {
		t.Errorf("%d frames in 20 ticks, want 120", len(ids))
	}
}

func TestEnableFromTeachMode(t *testing.T) {
	for name, blip := range map[string]bool{"quiet": false, "with the transient": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, sim(func(c *pipersim.Config) { c.Teach = true }))
			r.hand.Place(work, 0.02)
			if blip {
				r.inject(pipersim.Fault{Kind: pipersim.CommBlip})
			}
			r.until(piper.PhaseIdle, 5*time.Second)
			if _, err := r.arm.Enable(); err != nil {
				t.Fatal(err)
			}
			r.until(piper.PhaseLeavingTeach, tick)
			r.until(piper.PhaseReady, 10*time.Second)
			if !blip {
				if d := moved(work, r.hand.State().Joints); d > 2e-5 {
					t.Errorf("the arm moved by %g rad", d)
				}
			}
			r.run(4 * time.Second)
			if s := r.state(); s.Phase != piper.PhaseReady || len(s.Faults) > 0 {
				t.Errorf("%v, faults %v", s.Phase, s.Faults)
			}
		})
	}
}

func TestTransientIsRepaired(t *testing.T) {
	for name, settle := range map[string]time.Duration{"while settling": time.Second, "while ready": 200 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, driver(func(c *piper.Config) { c.SettleTime = settle }))
			r.hand.Place(work, 0)
			r.inject(pipersim.Fault{Kind: pipersim.CommBlip})
			var fallen [6]float64 // where it was caught again
			off, caught := false, false
			r.each = func() {
				switch on := r.state().Enabled; {
				case r.state().Phase < piper.PhaseSettling:
				case on == [6]bool{}:
					off = true
				case off && !caught && r.state().Phase == piper.PhaseSettling && on == [6]bool{true, true, true, true, true, true}:
					caught, fallen = true, r.hand.State().Joints
				}
			}
			r.ready()
			r.run(2 * time.Second)
			s := r.state()
			if !off || !caught {
				t.Error("the transient did not come: this tests nothing")
			}
			if s.Phase != piper.PhaseReady || s.Status.Ctrl != piper.CtrlCAN || s.Enabled != [6]bool{true, true, true, true, true, true} {
				t.Errorf("after the transient: %v, %v, %v, faults %v", s.Phase, s.Status.Ctrl, s.Enabled, s.Faults)
			}
			// It fell while its motors were off, and must not be pulled back up.
			if d := moved(fallen, r.hand.State().Joints); d > 0.01 {
				t.Errorf("the arm moved by %g rad after it was caught", d)
			}
		})
	}
}

func TestTransientOutsideTheWindowIsAFault(t *testing.T) {
	r := newRig(t).ready()
	r.run(4 * time.Second)
	r.inject(pipersim.Fault{Kind: pipersim.CommBlip})
	r.fault(piper.CauseDisabled, 2*time.Second, "joint", "off")
	if r.state().Streaming {
		t.Error("streams to an arm that has dropped")
	}
}

func TestEnableOfAnArmThatIsUnderControl(t *testing.T) {
	r := newRig(t).ready()
	r.goTo(work, 0.03)
	r.run(4 * time.Second)
	// Another driver, as after a restart: the arm still holds, and may hold something.
	r.attach()
	start, letGo := r.now, 0
	r.ready()
	if took := r.now.Sub(start); took > time.Second {
		t.Errorf("took %v, though nothing had to settle", took)
	}
	for _, f := range r.sent {
		if g, err := piper.DecodeGripperCommand(f); err == nil && g.Code != piper.GripperEnable {
			letGo++
		}
	}
	if letGo > 0 {
		t.Errorf("%d gripper commands would have let go", letGo)
	}
	if d := moved(work, r.hand.State().Joints); d > 0.002 {
		t.Errorf("the arm moved by %g rad", d)
	}
}

func TestEnableGivesUp(t *testing.T) {
	t.Run("a joint that stays off", func(t *testing.T) {
		r := newRig(t)
		r.each = func() { r.inject(pipersim.Fault{Kind: pipersim.MotorOff, Joint: 3}) }
		r.until(piper.PhaseIdle, 5*time.Second)
		if _, err := r.arm.Enable(); err != nil {
			t.Fatal(err)
		}
		r.run(4900 * time.Millisecond)
		if p := r.state().Phase; p != piper.PhaseEnabling {
			t.Fatalf("%v before the timeout", p)
		}
		r.fault(piper.CauseEnable, time.Second, "joint4", "5s", "reset")
		r.each = nil
		if err := r.arm.ClearFault(r.now); err != nil {
			t.Fatal(err)
		}
		r.ready()
	})
	t.Run("a gripper that is not there", func(t *testing.T) {
		r := newRig(t)
		r.bus.SetFilter(func(f can.Frame) bool { return f.ID != piper.IDGripperSet })
		r.until(piper.PhaseIdle, 5*time.Second)
		if _, err := r.arm.Enable(); err != nil {
			t.Fatal(err)
		}
		r.fault(piper.CauseEnable, 5*time.Second, "gripper", "2s")
	})
	t.Run("an arm that ignores the mode", func(t *testing.T) {
		r := newRig(t)
		r.bus.SetFilter(func(f can.Frame) bool { return f.ID != piper.IDMode })
		r.until(piper.PhaseIdle, 5*time.Second)
		if _, err := r.arm.Enable(); err != nil {
			t.Fatal(err)
		}
		r.fault(piper.CauseEnable, 5*time.Second, "CAN control", "standby")
	})
	t.Run("an arm that stays in teach mode", func(t *testing.T) {
		r := newRig(t)
		r.inject(pipersim.Fault{Kind: pipersim.Teach})
		r.until(piper.PhaseIdle, 5*time.Second)
		if _, err := r.arm.Enable(); err != nil {
			t.Fatal(err)
		}
		r.fault(piper.CauseEnable, 5*time.Second, "teach mode")
	})
}

func TestEnableIsRefused(t *testing.T) {
	tests := []struct {
		name   string
		fault  pipersim.Fault
		config func(*pipersim.Config)
		words  []string
	}{
		{"corrupt limits", pipersim.Fault{Kind: pipersim.CorruptLimits}, nil, []string{"joint1", "corrupt", "-0.1°", "restore"}},
		{"limits not answered", pipersim.Fault{Kind: pipersim.LimitsRefused}, nil, []string{"joint1", "not answered"}},
		{"no stroke", pipersim.Fault{Kind: pipersim.NoStroke}, nil, []string{"stroke is 0", "restore"}},
		{"leader linked", pipersim.Fault{Kind: pipersim.LeaderTraffic}, nil, []string{"somebody else", "leader"}},
		{"emergency stop", pipersim.Fault{Kind: pipersim.EStop}, nil, []string{"emergency stop", "reset"}},
		{"undervoltage", pipersim.Fault{Kind: pipersim.Undervoltage}, nil, []string{"undervoltage at 17.0 V"}},
		{"old firmware", pipersim.Fault{Kind: pipersim.BusSilent}, func(c *pipersim.Config) { c.Text.Software = "S-V1.5-1" }, []string{"S-V1.5-1", "protocol V1"}},
		{"limits that share nothing", pipersim.Fault{Kind: pipersim.BusSilent}, func(c *pipersim.Config) {
			c.Limits[4] = piper.Range{Lower: 1.3, Upper: 1.5}
		}, []string{"joint5", "share nothing"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var options []option
			if test.config != nil {
				options = append(options, sim(test.config))
			}
			r := newRig(t, options...)
			if test.config == nil {
				r.inject(test.fault)
			}
			r.until(piper.PhaseIdle, 6*time.Second)
			r.sent = nil
			_, err := r.arm.Enable()
			if !errors.Is(err, piper.ErrRefused) {
				t.Fatalf("enable: %v", err)
			}
			for _, word := range test.words {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q lacks %q", err, word)
				}
			}
			r.run(100 * time.Millisecond)
			if len(r.sent) > 0 {
				t.Errorf("sent %v after the refusal", r.sent)
			}
			if !r.feedback().Valid {
				t.Errorf("feedback: %s", r.feedback().Reason)
			}
		})
	}
}

func TestRestoreSettingsRepairsFlash(t *testing.T) {
	for _, kind := range []pipersim.Kind{pipersim.CorruptLimits, pipersim.NoStroke} {
		t.Run(kind.String(), func(t *testing.T) {
			r := newRig(t)
			r.inject(pipersim.Fault{Kind: kind})
			r.until(piper.PhaseIdle, 6*time.Second)
			if _, err := r.arm.RestoreSettings(); err != nil {
				t.Fatal(err)
			}
			r.until(piper.PhaseRestoring, tick)
			r.until(piper.PhaseIdle, 6*time.Second)
			r.ready()
		})
	}
	r := newRig(t).ready()
	if _, err := r.arm.RestoreSettings(); !errors.Is(err, piper.ErrBusy) {
		t.Errorf("settings of an enabled arm: %v", err)
	}
}

func TestLimitsInForceAreTheNarrowerOnes(t *testing.T) {
	r := newRig(t, sim(func(c *pipersim.Config) {
		c.Limits[0] = piper.Range{Lower: -1, Upper: 1}
	})).ready()
	s := r.state()
	if got := s.Limits[0]; math.Abs(got.Lower+1) > 0.001 || math.Abs(got.Upper-1) > 0.001 {
		t.Errorf("joint1 limits %v", got)
	}
	if s.Limits[1] != (piper.Range{Lower: 0, Upper: 3.14}) {
		t.Errorf("joint2 limits %v", s.Limits[1])
	}
	if !slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, "joint1's limits in the arm") }) {
		t.Errorf("warnings %q", s.Warnings)
	}
	q := s.Target
	q[0] = 1.2
	if err := r.arm.Command(q, 0, 1); err != nil {
		t.Fatal(err)
	}
	if s := r.state(); s.Target[0] > s.Limits[0].Upper || s.Clamped[0] != 1 || !strings.Contains(s.LastClamp, "joint1 command 1.2 rad beyond limit") {
		t.Errorf("target %g, clamped %v, %q", s.Target[0], s.Clamped, s.LastClamp)
	}
}

func TestFirmwareTextIsRetriedAndNotRequired(t *testing.T) {
	r := newRig(t)
	lost := 0
	r.bus.SetFilter(func(f can.Frame) bool {
		if f.ID == piper.IDFirmware && lost < 4 { // the first answer lacks frames
			lost++
			return lost == 1 // the query itself arrives
		}
		return true
	})
	r.until(piper.PhaseIdle, 5*time.Second)
	if got := r.state().Firmware; got != pipersim.DefaultConfig().Text || got.Version() != (piper.Version{Major: 1, Minor: 8, Patch: 9}) {
		t.Errorf("firmware %+v", got)
	}

	// Others may ask as well; their questions are no answers.
	busy := newRig(t)
	other := busy.open()
	busy.bus.Tap(func(f can.Frame) {
		if piper.IsFirmwareQuery(f) {
			if err := other.Send(f); err != nil {
				t.Error(err)
			}
		}
	})
	busy.bus.SetFilter(func(f can.Frame) bool {
		if piper.IsFirmwareQuery(f) {
			lost++
			return lost < 20
		}
		return true
	})
	busy.run(500 * time.Millisecond)
	if got := busy.state().Firmware; got != pipersim.DefaultConfig().Text {
		t.Errorf("firmware %+v", got)
	}

	mute := newRig(t)
	mute.bus.SetFilter(func(f can.Frame) bool { return f.ID != piper.IDFirmware })
	mute.ready()
	if s := mute.state(); !slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, "firmware text") }) {
		t.Errorf("warnings %q", s.Warnings)
	}
}

func TestCollisionLevelIsSetWhenConfigured(t *testing.T) {
	r := newRig(t, driver(func(c *piper.Config) { c.CollisionLevel = 5 })).ready()
	want := piper.CollisionLevels{5, 5, 5, 5, 5, 5}.Setting()
	if !slices.Contains(r.sent, want) {
		t.Error("the level was not sent")
	}
	for _, w := range r.state().Warnings {
		if strings.Contains(w, "collision levels") {
			t.Errorf("warning %q, though the arm took them", w)
		}
	}
}

func TestLeavingMITModeOnOldFirmwareIsRefused(t *testing.T) {
	for text, allowed := range map[string]bool{"S-V1.8-2": false, "S-V1.8-9": true} {
		r := newRig(t, sim(func(c *pipersim.Config) { c.Text.Software = text }))
		if err := r.open().Send(piper.ModeCommand{Ctrl: piper.CtrlCAN, Move: piper.MoveMITOld, Speed: 100, Follow: piper.FollowMIT}.Frame()); err != nil {
			t.Fatal(err)
		}
		r.until(piper.PhaseIdle, 5*time.Second)
		_, err := r.arm.Enable()
		if allowed && err != nil || !allowed && (!errors.Is(err, piper.ErrRefused) || !strings.Contains(err.Error(), "MIT mode, and S-V1.8-2")) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestEnablingClearsAGripperError(t *testing.T) {
	r := newRig(t)
	r.inject(pipersim.Fault{Kind: pipersim.GripperError})
	r.run(100 * time.Millisecond)
	r.heal(pipersim.GripperError)
	r.run(100 * time.Millisecond)
	if b := r.feedback().Gripper.Bits; b != piper.GripperError {
		t.Fatalf("gripper %v", b)
	}
	r.ready()
	if b := r.feedback().Gripper.Bits; b != piper.GripperEnabled|piper.GripperHomed {
		t.Errorf("gripper %v", b)
	}
}
