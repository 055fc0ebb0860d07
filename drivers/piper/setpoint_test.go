package piper_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cobot_vla/calibration"
	"cobot_vla/drivers/can"
	"cobot_vla/drivers/piper"
	"cobot_vla/drivers/piper/pipersim"
)

func TestCommandsThatAreNotFiniteAreRefused(t *testing.T) {
	r := newRig(t).ready()
	held := r.state().Target
	nan, inf := math.NaN(), math.Inf(1)
	for _, bad := range []struct {
		q             [6]float64
		width, torque float64
	}{
		{[6]float64{3: nan}, 0, 1}, {[6]float64{5: inf}, 0, 1}, {[6]float64{0: -inf}, 0, 1},
		{[6]float64{}, nan, 1}, {[6]float64{}, 0, inf},
	} {
		if err := r.arm.Command(bad.q, bad.width, bad.torque); !errors.Is(err, piper.ErrNotFinite) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	r.run(time.Second)
	if s := r.state(); s.Target != held || s.Refused != 5 || s.Phase != piper.PhaseReady {
		t.Errorf("target %v, refused %d, %v", s.Target, s.Refused, s.Phase)
	}
}

func TestCommandsBeforeReadyAreRefused(t *testing.T) {
	r := newRig(t)
	for range 200 {
		if err := r.arm.Command(work, 0, 1); !errors.Is(err, piper.ErrNotReady) {
			t.Fatalf("%v: %v", r.state().Phase, err)
		}
		r.tick()
	}
}

func TestGripperIsClamped(t *testing.T) {
	r := newRig(t).ready()
	if err := r.arm.Command(r.state().Target, 0.2, 9); err != nil {
		t.Fatal(err)
	}
	if s := r.state(); s.Width != 0.07 || s.Torque != 1 || s.Clamped[6] != 1 {
		t.Errorf("width %g, torque %g, clamped %v", s.Width, s.Torque, s.Clamped)
	}
	r.run(time.Second)
	if w := r.hand.State().Width; math.Abs(w-0.07) > 1e-4 {
		t.Errorf("opened to %g m", w)
	}
	if fb := r.feedback(); !fb.Gripper.Measured || math.Abs(fb.Gripper.Width-0.07) > 1e-4 {
		t.Errorf("gripper feedback %+v", fb.Gripper)
	}
}

func TestAJointOutsideItsRangeComesInAndStaysIn(t *testing.T) {
	r := newRig(t).ready()
	rest := r.state().Target // J2 at -1.999°, J3 at +1.971°
	outward := rest
	outward[1], outward[2] = rest[1]-0.1, rest[2]+0.1
	if err := r.arm.Command(outward, 0, 1); err != nil {
		t.Fatal(err)
	}
	if got := r.state().Target; got != rest {
		t.Errorf("outward: target %v, want to stay at %v", got, rest)
	}
	inward := rest
	inward[1], inward[2] = rest[1]+0.01, rest[2]-0.01
	if err := r.arm.Command(inward, 0, 1); err != nil {
		t.Fatal(err)
	}
	if got := r.state().Target; got != inward {
		t.Errorf("inward: target %v, want %v", got, inward)
	}
	if err := r.arm.Command(rest, 0, 1); err != nil {
		t.Fatal(err)
	}
	if got := r.state().Target; got != inward {
		t.Errorf("back outward: target %v, want %v", got, inward)
	}
	r.goTo(work, 0)
	if err := r.arm.Command(outward, 0, 1); err != nil {
		t.Fatal(err)
	}
	if got := r.state().Target; got[1] != 0 || got[2] != 0 {
		t.Errorf("outward from within: target %v, want the limits", got)
	}
}

func TestHoldingARestingArmDoesNotDrift(t *testing.T) {
	r := newRig(t).ready()
	rest := r.hand.State().Joints
	for range 2000 {
		if err := r.arm.Command(r.feedback().Joints, 0, 1); err != nil { // what a careless caller does
			t.Fatal(err)
		}
		r.tick()
	}
	if d := moved(rest, r.hand.State().Joints); d > 2e-5 {
		t.Errorf("drifted by %g rad", d)
	}
}

// watcher checks every frame on the wire that commands joints.
type watcher struct {
	limits   [6]piper.Range // as the arm counts
	measured [6]float64     // outermost allowed: where the arm was taken over
	frames   int
	worst    string
}

func (w *watcher) see(f can.Frame) {
	if f.ID < piper.IDTarget12 || f.ID > piper.IDTarget56 {
		return
	}
	w.frames++
	q, err := piper.DecodeAngles(f)
	if err != nil {
		w.worst = err.Error()
		return
	}
	const half = 0.5e-3 * math.Pi / 180 * 1e-3 // rounding of the check itself
	for i, x := range q {
		j := 2*int(f.ID-piper.IDTarget12) + i
		lower, upper := min(w.limits[j].Lower, w.measured[j]), max(w.limits[j].Upper, w.measured[j])
		if x < lower-half || x > upper+half {
			w.worst = f.String()
		}
		// What came in does not go out again.
		if x > w.measured[j] && w.measured[j] < w.limits[j].Lower {
			w.measured[j] = min(x, w.limits[j].Lower)
		}
		if x < w.measured[j] && w.measured[j] > w.limits[j].Upper {
			w.measured[j] = max(x, w.limits[j].Upper)
		}
	}
}

// Whatever is commanded, and wherever the arm rests, no frame leaves that moves a joint
// outward beyond its limits.
func TestNoFrameLeavesTheLimits(t *testing.T) {
	hostile := rapid.OneOf(
		rapid.Float64(),
		rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300, -1e300, math.MaxFloat64, 0, math.Pi, -math.Pi, 3.14, -2.967}),
		rapid.Float64Range(-4, 4),
	)
	rapid.Check(t, func(rt *rapid.T) {
		calibrated := leftArm()
		for j := range calibrated.Joints {
			calibrated.Joints[j].Zero = rapid.SampledFrom([]float64{0, 0.01, -0.0123456}).Draw(rt, "zero")
		}
		r := newRig(t, driver(func(c *piper.Config) {
			c.Arm = calibrated
			c.SettleTime = 2 * tick
		}), sim(func(c *pipersim.Config) {
			c.EnableDelay, c.EnableStagger = tick, 0
		}))
		deg := math.Pi / 180
		r.hand.Place([6]float64{
			rapid.Float64Range(-153, 153).Draw(rt, "j1") * deg,
			rapid.SampledFrom([]float64{-1.999, -0.041, -3, 0, 90, 182}).Draw(rt, "j2") * deg,
			rapid.SampledFrom([]float64{1.971, 0.028, 3, 0, -90, -172}).Draw(rt, "j3") * deg,
			rapid.Float64Range(-103, 103).Draw(rt, "j4") * deg,
			rapid.SampledFrom([]float64{-72, 0, 71}).Draw(rt, "j5") * deg,
			rapid.Float64Range(-123, 123).Draw(rt, "j6") * deg,
		}, 0.02)
		var w watcher
		for j, joint := range calibrated.Joints {
			w.limits[j] = piper.Range{Lower: joint.Lower - joint.Zero, Upper: joint.Upper - joint.Zero}
		}
		r.until(piper.PhaseIdle, 5*time.Second)
		if _, err := r.arm.Enable(); err != nil {
			rt.Fatal(err)
		}
		r.until(piper.PhasePreload, 10*time.Second) // where it is when it is taken over
		for j, q := range r.feedback().Joints {
			w.measured[j] = q - calibrated.Joints[j].Zero
		}
		cancel := r.bus.Tap(w.see)
		defer cancel()
		r.until(piper.PhaseReady, 10*time.Second)
		taken := 0
		for range rapid.IntRange(1, 60).Draw(rt, "commands") {
			var q [6]float64
			for j := range q {
				q[j] = hostile.Draw(rt, "q")
			}
			switch rapid.IntRange(0, 3).Draw(rt, "how") {
			case 0: // one joint alone
				only := rapid.IntRange(0, 5).Draw(rt, "only")
				x := q[only]
				q = r.state().Target
				q[only] = x
			case 1: // what is measured
				q = r.feedback().Joints
			}
			if r.arm.Command(q, hostile.Draw(rt, "width"), hostile.Draw(rt, "torque")) == nil {
				taken++
			}
			for range rapid.IntRange(1, 5).Draw(rt, "ticks") {
				r.tick()
			}
		}
		if w.worst != "" {
			rt.Fatalf("frame %s leaves the limits", w.worst)
		}
		if w.frames == 0 {
			rt.Fatal("no frame was sent: this tests nothing")
		}
		if s := r.state(); s.Status.Arm == piper.ArmTargetLimit {
			rt.Fatalf("the firmware refused a target that the driver let through")
		}
	})
}

func leftArm() calibration.Arm {
	arm, _ := calibration.Default().Arm("left")
	return arm
}

func TestCalibrationZeros(t *testing.T) {
	arm := leftArm()
	arm.Joints[0].Zero, arm.Joints[1].Zero = 0.05, -0.02
	r := newRig(t, driver(func(c *piper.Config) { c.Arm = arm }))
	r.ready()
	was := r.hand.State().Joints
	got := r.feedback().Joints
	if math.Abs(got[0]-was[0]-0.05) > 1e-4 || math.Abs(got[1]-was[1]+0.02) > 1e-4 {
		t.Errorf("joints %v, the arm counts %v", got, was)
	}
	target := got
	target[0] += 0.1
	for range 400 {
		if err := r.arm.Command(target, 0, 1); err != nil {
			t.Fatal(err)
		}
		r.tick()
	}
	now := r.hand.State().Joints
	if math.Abs(now[0]-was[0]-0.1) > 1e-3 || math.Abs(now[1]-was[1]) > 1e-3 {
		t.Errorf("joints went from %v to %v, want joint1 0.1 rad further", was, now)
	}
}
