package piper_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cobot_vla/calibration"
	"cobot_vla/drivers/can"
	"cobot_vla/drivers/piper"
	"cobot_vla/drivers/piper/pipersim"
	"cobot_vla/drivers/plant"
)

func TestFeedbackIsWhatTheArmDoes(t *testing.T) {
	r := newRig(t).ready()
	r.goTo(work, 0.03)
	fb := r.feedback()
	if !fb.Valid || fb.Reason != "" || fb.Age > tick {
		t.Errorf("valid %v, %q, age %v", fb.Valid, fb.Reason, fb.Age)
	}
	if diff := cmp.Diff(r.hand.State().Joints, fb.Joints, cmpopts.EquateApprox(0, 1e-5)); diff != "" {
		t.Error(diff)
	}
	for j, d := range fb.Drives {
		if d.Voltage != 23 || d.DriverTemperature != 32 || d.MotorTemperature != 27 || d.Bits != piper.DriverEnabled {
			t.Errorf("joint%d drive %+v", j+1, d)
		}
	}
	if fb.Status.Ctrl != piper.CtrlCAN || fb.Status.Move != piper.MoveJ || fb.Status.Motion != piper.MotionReached {
		t.Errorf("status %+v", fb.Status)
	}
	if age := r.now.Sub(fb.MotorStamp); age > 10*time.Millisecond {
		t.Errorf("motor feedback is %v old", age)
	}
	if age := r.now.Sub(fb.FlangeStamp); age > tick || fb.Flange.XYZ == [3]float64{} {
		t.Errorf("flange %+v, %v old", fb.Flange, age)
	}
	q := r.state().Target
	for range 40 {
		q[0] += 0.005
		if err := r.arm.Command(q, 0.03, 1); err != nil {
			t.Fatal(err)
		}
		r.tick()
	}
	if v := r.feedback().Velocities[0]; v < 0.5 || v > 1.1 {
		t.Errorf("joint1 turns with %g rad/s, sent 1 rad/s", v)
	}
}

func TestZeroStartIsNotTheTruth(t *testing.T) {
	r := newRig(t, sim(func(c *pipersim.Config) { c.ZeroStart = time.Second }))
	r.hand.Place(work, 0)
	for range 199 {
		r.tick()
		if fb := r.feedback(); fb.Valid {
			t.Fatalf("zeros taken for %v after %v", fb.Joints, r.now.Sub(time.Unix(1000, 0)))
		}
	}
	if detail := r.state().Detail; !strings.Contains(detail, "0 V") {
		t.Errorf("waits for %q", detail)
	}
	r.ready()
	if d := moved(r.hand.State().Joints, r.feedback().Joints); d > 1e-4 {
		t.Errorf("joints %v", r.feedback().Joints)
	}
}

func TestARealZeroPoseIsTheTruth(t *testing.T) {
	r := newRig(t, sim(func(c *pipersim.Config) { c.Teach = true })) // somebody holds it there
	r.hand.Place([6]float64{}, 0)
	r.until(piper.PhaseIdle, 5*time.Second)
	fb := r.feedback()
	if !fb.Valid || fb.Joints != [6]float64{} {
		t.Errorf("valid %v (%s), joints %v", fb.Valid, fb.Reason, fb.Joints)
	}
}

func TestTornSetsAreNeverFresh(t *testing.T) {
	r := newRig(t)
	r.until(piper.PhaseIdle, 5*time.Second)
	sets := r.state().Link.Sets
	// Every other frame of joints 3, 4 is lost: sets come half as often, and each is whole.
	n := 0
	r.bus.SetFilter(func(f can.Frame) bool {
		if f.ID != piper.IDJoints34 {
			return true
		}
		n++
		return n%2 == 0
	})
	torn := r.state().Link.Torn
	r.run(time.Second)
	link := r.state().Link
	if got := link.Sets - sets; got < 99 || got > 101 {
		t.Errorf("%d sets in a second, want 100", got)
	}
	if link.Torn == torn {
		t.Error("no torn frame was counted")
	}
	if fb := r.feedback(); !fb.Valid || fb.Age > 10*time.Millisecond {
		t.Errorf("valid %v (%s), age %v", fb.Valid, fb.Reason, fb.Age)
	}
}

// The three frames arrive spread in time; a set is what came within 2 ms.
func TestSetsAreWhatArrivesTogether(t *testing.T) {
	for _, test := range []struct {
		spread time.Duration
		whole  bool
	}{{600 * time.Microsecond, true}, {900 * time.Microsecond, true}, {1100 * time.Microsecond, false}} {
		t.Run(test.spread.String(), func(t *testing.T) {
			r := newRig(t)
			r.until(piper.PhaseIdle, 5*time.Second)
			r.bus.SetFilter(func(f can.Frame) bool { return f.ID < piper.IDJoints12 || f.ID > piper.IDJoints56 })
			r.run(2 * tick)
			r.bus.SetFilter(nil)
			before := r.state().Link.Sets
			other := r.open()
			start := r.now
			for i, f := range piper.JointFrames(work) {
				r.now = start.Add(time.Duration(i) * test.spread)
				if err := other.Send(f); err != nil {
					t.Fatal(err)
				}
			}
			if whole := r.state().Link.Sets > before; whole != test.whole {
				t.Errorf("whole %v, want %v", whole, test.whole)
			}
			again := r.state().Link.Sets // a frame belongs to one set only
			if err := other.Send(piper.JointFrames(work)[2]); err != nil {
				t.Fatal(err)
			}
			if r.state().Link.Sets != again {
				t.Error("a repeated frame made another set")
			}
			if fb := r.feedback(); test.whole && (!fb.Stamp.Equal(start) || moved(work, fb.Joints) > 1e-4) {
				t.Errorf("stamp %v, joints %v", fb.Stamp, fb.Joints)
			}
		})
	}
}

func TestSplitSetsAreStale(t *testing.T) {
	r := newRig(t).ready()
	// Joints 5, 6 arrive, but always 2.5 ms late.
	var late *can.Frame
	relay := r.open()
	r.bus.SetFilter(func(f can.Frame) bool {
		if f.ID == piper.IDJoints56 && late == nil {
			late = &f
			return false
		}
		return true
	})
	r.each = func() {
		if late == nil {
			return
		}
		f, at := *late, r.now
		r.now = at.Add(2500 * time.Microsecond)
		if err := relay.Send(f); err != nil {
			t.Fatal(err)
		}
		r.now, late = at, nil
	}
	r.fault(piper.CauseStale, time.Second, "no whole joint set", "2ms")
}

func TestAbsurdAnglesAreNotTaken(t *testing.T) {
	r := newRig(t).ready()
	q := r.feedback().Joints
	other := r.open()
	r.each = func() {
		if err := other.Send(piper.JointFrames([6]float64{7, 0, 0, 0, 0, 0})[0]); err != nil {
			t.Fatal(err)
		}
	}
	r.run(time.Second)
	if d := moved(q, r.feedback().Joints); d > 1e-4 {
		t.Errorf("joints %v", r.feedback().Joints)
	}
	if link := r.state().Link; link.Bad < 200 || !strings.Contains(link.LastBad, "joint1 at 401°") {
		t.Errorf("bad %d, %q", link.Bad, link.LastBad)
	}
}

func TestLinkHealth(t *testing.T) {
	r := newRig(t)
	r.run(time.Second)
	before := r.state().Link
	r.run(time.Second)
	link := r.state().Link
	// 8 frames at 200 Hz, 6 at 100 Hz, 6 at 20 Hz.
	if got := link.Received - before.Received; got != 8*200+6*100+6*20 {
		t.Errorf("%d frames in a second, want 2320", got)
	}
	if link.Gaps != 0 || link.Unknown != 0 || link.Bad != 0 || link.Silence != 0 || link.Bus != "can_left" {
		t.Errorf("link %+v", link)
	}
	r.inject(pipersim.Fault{Kind: pipersim.BusSilent})
	r.run(300 * time.Millisecond)
	if got := r.state().Link.Silence; got < 295*time.Millisecond {
		t.Errorf("silence %v", got)
	}
	r.heal(pipersim.BusSilent)
	if err := r.open().Send(can.Frame{ID: 0x7AA, Len: 3}); err != nil {
		t.Fatal(err)
	}
	r.run(time.Second)
	link = r.state().Link
	if link.Gaps == 0 || link.Longest < 300*time.Millisecond || link.Unknown != 1 {
		t.Errorf("link %+v", link)
	}
}

func TestDryRunSendsNothing(t *testing.T) {
	r := newRig(t, driver(func(c *piper.Config) { c.DryRun = true })).ready()
	rest := r.hand.State().Joints
	for k := range 400 {
		q := rest
		q[0] = float64(k) / 400
		if err := r.arm.Command(q, 0.05, 1); err != nil {
			t.Fatal(err)
		}
		r.tick()
	}
	s := r.state()
	if s.Phase != piper.PhaseReady || !s.DryRun || math.Abs(s.Target[0]-399.0/400) > 1e-9 {
		t.Errorf("%v, target %v, faults %v", s.Phase, s.Target, s.Faults)
	}
	for _, ask := range []func() (string, error){r.arm.ClearErrors, r.arm.EmergencyStop, r.arm.Reset, r.arm.Disable} {
		if answer, err := ask(); err != nil {
			t.Errorf("%q, %v", answer, err)
		}
		r.run(50 * time.Millisecond)
	}
	if len(r.sent) > 0 {
		t.Errorf("sent %v", r.sent[0])
	}
	if r.state().Link.Suppressed == 0 {
		t.Error("nothing was suppressed: this tests nothing")
	}
	if r.hand.State().Joints != rest {
		t.Error("the arm moved")
	}
}

func TestAPowerCycleIsNoticed(t *testing.T) {
	r := newRig(t)
	r.until(piper.PhaseIdle, 5*time.Second)
	r.inject(pipersim.Fault{Kind: pipersim.BusSilent})
	r.until(piper.PhaseConnecting, time.Second)
	if detail := r.state().Detail; !strings.Contains(detail, "no frame 0x") {
		t.Errorf("waits for %q", detail)
	}
	r.inject(pipersim.Fault{Kind: pipersim.CorruptLimits}) // it comes back with other settings
	r.heal(pipersim.BusSilent)
	r.until(piper.PhaseIdle, 5*time.Second)
	if detail := r.state().Detail; !strings.Contains(detail, "corrupt") {
		t.Errorf("detail %q", detail)
	}
}

func TestNobodyThere(t *testing.T) {
	r := newRig(t)
	r.inject(pipersim.Fault{Kind: pipersim.BusSilent})
	r.run(2 * time.Second)
	if s := r.state(); s.Phase != piper.PhaseConnecting || !strings.Contains(s.Detail, "no frame 0x2A1") || len(r.sent) > 0 {
		t.Errorf("%v, %q, sent %d", s.Phase, s.Detail, len(r.sent))
	}
	if _, err := r.arm.Enable(); err == nil || !strings.Contains(err.Error(), "not connected") {
		t.Errorf("enable: %v", err)
	}
	if _, err := r.arm.EmergencyStop(); err != nil { // always allowed
		t.Error(err)
	}
	r.run(tick)
	if len(r.sent) == 0 {
		t.Error("the emergency stop was not even sent")
	}
}

func TestConfigIsChecked(t *testing.T) {
	r := newRig(t)
	good := piper.DefaultConfig(leftArm(), func() time.Time { return r.now })
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(*piper.Config){
		"Now":            func(c *piper.Config) { c.Now = nil },
		"Side":           func(c *piper.Config) { c.Arm.Side = "" },
		"Joints":         func(c *piper.Config) { c.Arm.Joints = c.Arm.Joints[:5] },
		"joint1 limits":  func(c *piper.Config) { c.Arm = leftArm(); c.Arm.Joints[0].Lower = math.NaN() },
		"joint2 zero":    func(c *piper.Config) { c.Arm = leftArm(); c.Arm.Joints[1].Zero = math.Inf(1) },
		"Stroke":         func(c *piper.Config) { c.Arm.Gripper.Stroke = 0.2 },
		"Torque":         func(c *piper.Config) { c.Arm.Gripper.Torque = 6 },
		"SpeedPercent":   func(c *piper.Config) { c.SpeedPercent = 0 },
		"CollisionLevel": func(c *piper.Config) { c.CollisionLevel = 9 },
		"FeedbackOffset": func(c *piper.Config) { c.FeedbackOffset = 0x30 },
		"Temperature":    func(c *piper.Config) { c.TemperatureStop = 50 },
		"SetWindow":      func(c *piper.Config) { c.SetWindow = 0 },
		"HoldError":      func(c *piper.Config) { c.HoldError = math.NaN() },
		"Mode":           func(c *piper.Config) { c.Mode = 7 },
	} {
		bad := good
		spoil(&bad)
		if _, err := piper.New(r.open(), bad); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := piper.New(nil, good); err == nil {
		t.Error("nil bus accepted")
	}
}

func TestEnumNamesAreComplete(t *testing.T) {
	for p := piper.PhaseConnecting; p <= piper.PhaseReading; p++ {
		if strings.HasPrefix(p.String(), "unknown") {
			t.Errorf("phase %d has no name", p)
		}
	}
	for c := piper.CauseNone; c <= piper.CauseOperation; c++ {
		if strings.HasPrefix(c.String(), "unknown") {
			t.Errorf("cause %d has no name", c)
		}
	}
	if got := fmt.Sprint(piper.PhaseReading, piper.CauseOperation); got != "reading request not confirmed" {
		t.Errorf("last names: %s", got)
	}
}

// The simulator steps finer than the driver ticks, and out of phase with it.
func TestFineStepsOutOfPhase(t *testing.T) {
	r := newRig(t)
	enabled, started := false, r.now
	for ms := range 6000 {
		r.now = started.Add(time.Duration(ms) * time.Millisecond)
		r.fw.Tick(r.now)
		if ms%5 == 3 {
			r.arm.Tick(r.now)
		}
		if err := r.world.Step(time.Millisecond); err != nil {
			t.Fatal(err)
		}
		switch r.state().Phase {
		case piper.PhaseIdle:
			if _, err := r.arm.Enable(); err != nil {
				t.Fatal(err)
			}
			enabled = true
		case piper.PhaseReady:
			q := work
			if err := r.arm.Command(q, 0.02, 1); err != nil {
				t.Fatal(err)
			}
		case piper.PhaseFault:
			t.Fatal(r.state().Faults)
		}
	}
	if !enabled || moved(work, r.hand.State().Joints) > 1e-3 || r.state().Link.Torn > 0 {
		t.Errorf("at %v, link %+v", r.hand.State().Joints, r.state().Link)
	}
}

func TestTwoArmsOnTwoBuses(t *testing.T) {
	world, err := plant.New(plant.Config{Timestep: tick})
	if err != nil {
		t.Fatal(err)
	}
	net, now := can.NewNetwork(), time.Unix(1, 0)
	var arms []*piper.Arm
	var firmware []*pipersim.Firmware
	for _, side := range calibration.Sides {
		calibrated, _ := calibration.Default().Arm(side)
		host, err1 := net.Open(calibrated.Bus)
		end, err2 := net.Open(calibrated.Bus)
		arm, err3 := piper.New(host, piper.DefaultConfig(calibrated, func() time.Time { return now }))
		fw, err4 := pipersim.New(end, world.Arm(side), pipersim.DefaultConfig())
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			t.Fatal(err)
		}
		arms, firmware = append(arms, arm), append(firmware, fw)
	}
	poses := [2][6]float64{work, {-0.4, 0.5, -0.6, 0, 0.1, 0.2}}
	for range 1200 {
		now = now.Add(tick)
		for i := range arms {
			firmware[i].Tick(now)
			arms[i].Tick(now)
			switch arms[i].State(now).Phase {
			case piper.PhaseIdle:
				_, err = arms[i].Enable()
			case piper.PhaseReady:
				err = arms[i].Command(poses[i], 0.01*float64(i+1), 1)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := world.Step(tick); err != nil {
			t.Fatal(err)
		}
	}
	for i, side := range calibration.Sides {
		got := world.KinematicArm(side).State()
		if moved(poses[i], got.Joints) > 1e-3 || math.Abs(got.Width-0.01*float64(i+1)) > 1e-4 {
			t.Errorf("%s at %v, gripper %g", side, got.Joints, got.Width)
		}
		if s := arms[i].State(now); s.Side != side || s.Link.Bus != "can_"+side {
			t.Errorf("%s: %s on %s", side, s.Side, s.Link.Bus)
		}
	}
}
