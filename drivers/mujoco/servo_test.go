package mujoco

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestReferenceFollows: without overshoot, with the lag it says, within its bound.
func TestReferenceFollows(t *testing.T) {
	const dt = 0.002
	r := reference{rate: 200}
	r.reset(1)
	for range 100 {
		r.step(2, dt)
		if r.pos < 1 || r.pos > 2+1e-9 {
			t.Fatalf("on the way from 1 to 2 the reference is at %g", r.pos)
		}
	}
	if math.Abs(r.pos-2) > 1e-6 || math.Abs(r.vel) > 1e-4 {
		t.Errorf("after 0.2 s the reference is at %g with %g/s", r.pos, r.vel)
	}

	r.reset(0)
	for k := 1; k <= 500; k++ {
		r.step(float64(k)*dt, dt) // 1 rad/s
	}
	if lag := 1 - r.pos; math.Abs(lag-2/r.rate) > 0.2/r.rate || math.Abs(r.vel-1) > 1e-6 {
		t.Errorf("a ramp of 1/s is followed %g s late with %g/s; want %g, 1", lag, r.vel, 2/r.rate)
	}

	slow := reference{rate: 60, maxVelocity: 0.1}
	for range 1000 {
		before := slow.pos
		slow.step(1, dt)
		if v := (slow.pos - before) / dt; v > 0.1+1e-12 {
			t.Fatalf("the reference moves with %g/s, its bound is 0.1", v)
		}
	}
}

// TestServosStayWithinTheirLimits: whatever is asked of it, a motor gives no more than it has.
func TestServosStayWithinTheirLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(append(jointServos[:], wheelServo)).Draw(t, "servo")
		l := loop{ref: reference{rate: 200}}
		q, v := 0.0, 0.0
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			q += rapid.Float64Range(-0.1, 0.1).Draw(t, "dq")
			v = rapid.Float64Range(-20, 20).Draw(t, "v")
			l.ref.step(rapid.Float64Range(-10, 10).Draw(t, "target"), 0.002)
			torque, control := l.run(s, q, v, rapid.Float64Range(-50, 50).Draw(t, "gravity"), 0.3, 0.002)
			if math.Abs(torque) > s.limit || math.IsNaN(torque) {
				t.Fatalf("torque %g, limit %g", torque, s.limit)
			}
			if math.Abs(control-s.kd*v-torque) > 1e-9 {
				t.Fatalf("control %g less damping %g is not the torque %g", control, s.kd*v, torque)
			}
		}
	})
}
