package base

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cobot_vla/msgs"
)

const dt = 0.02

var testLimits = limits{linear: 0.5, angular: 0.8, linearAccel: 0.5, angularAccel: 1, hardLinear: 1.5, hardAngular: 3}

// drive follows a goal with a base whose velocity lags by tau, and gives where it ends.
func drive(t interface{ Fatalf(string, ...any) }, m *msgs.NavigationToken, start pose, tau float64) (pose, time.Duration) {
	now := time.Unix(1, 0)
	g, err := newGoal(m, now, start, testLimits, 3, math.Pi)
	if err != nil {
		t.Fatalf("%v", err)
	}
	at, v, real := start, velocity{}, velocity{}
	for range 3000 {
		want, done := g.want(at, v, testLimits, dt)
		if done {
			return at, now.Sub(g.started)
		}
		next := testLimits.ramp(v, want, dt)
		if math.Abs(next.linear) > testLimits.linear+1e-12 || math.Abs(next.angular) > testLimits.angular+1e-12 {
			t.Fatalf("speed %+v beyond its limit", next)
		}
		if math.Abs(next.linear-v.linear) > testLimits.linearAccel*dt+1e-12 || math.Abs(next.angular-v.angular) > testLimits.angularAccel*dt+1e-12 {
			t.Fatalf("acceleration beyond its limit: %+v to %+v", v, next)
		}
		v = next
		if why := g.failure(now, at, v, dt); why != "" {
			t.Fatalf("aborted: %s", why)
		}
		real.linear += (v.linear - real.linear) * dt / tau
		real.angular += (v.angular - real.angular) * dt / tau
		at.yaw += real.angular * dt
		at.x += real.linear * math.Cos(at.yaw) * dt
		at.y += real.linear * math.Sin(at.yaw) * dt
		now = now.Add(20 * time.Millisecond)
	}
	t.Fatalf("%+v not done in a minute", m)
	return at, 0
}

func TestGoalsEndWhereTheyShould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := pose{rapid.Float64Range(-5, 5).Draw(t, "x"), rapid.Float64Range(-5, 5).Draw(t, "y"), rapid.Float64Range(-9, 9).Draw(t, "yaw")}
		d := rapid.SampledFrom([]uint8{msgs.Forward, msgs.TurnLeft, msgs.TurnRight}).Draw(t, "direction")
		value := rapid.Float64Range(0, 3).Draw(t, "value")
		tau := rapid.Float64Range(dt, 0.1).Draw(t, "tau")
		at, took := drive(t, &msgs.NavigationToken{GoalID: 1, Direction: d, Value: value}, start, tau)
		g := goal{direction: d, value: value, start: start}
		if miss := math.Abs(g.remaining(at)); miss > 0.01 {
			t.Fatalf("%s %.3f missed by %.4f", directionName(d), value, miss)
		}
		vmax, accel := 0.8, 1.0
		if d == msgs.Forward {
			vmax, accel = 0.5, 0.5
		}
		if bound := 2*profileTime(value, vmax, accel) + time.Second; took > bound {
			t.Fatalf("took %v, bound %v", took, bound)
		}
	})
}

func TestBadGoalsAreRefused(t *testing.T) {
	for _, m := range []msgs.NavigationToken{
		{Direction: msgs.Forward, Value: math.NaN()},
		{Direction: msgs.Forward, Value: math.Inf(1)},
		{Direction: msgs.Forward, Value: 3.01},
		{Direction: msgs.Forward, Value: -0.1},
		{Direction: msgs.TurnLeft, Value: 3.2},
		{Direction: 4, Value: 1},
	} {
		if _, err := newGoal(&m, time.Unix(1, 0), pose{}, testLimits, 3, math.Pi); err == nil {
			t.Errorf("%+v was accepted", m)
		}
	}
}

func TestBlockedBaseAborts(t *testing.T) {
	now := time.Unix(1, 0)
	g, err := newGoal(&msgs.NavigationToken{Direction: msgs.Forward, Value: 1}, now, pose{}, testLimits, 3, math.Pi)
	if err != nil {
		t.Fatal(err)
	}
	v := velocity{}
	for i := range 500 {
		want, _ := g.want(pose{}, v, testLimits, dt)
		v = testLimits.ramp(v, want, dt)
		if why := g.failure(now.Add(time.Duration(i)*20*time.Millisecond), pose{}, v, dt); why != "" {
			if i > 75 { // 1.5 s
				t.Errorf("noticed only after %d steps", i)
			}
			return
		}
	}
	t.Error("a blocked base was never noticed")
}

func TestEmergencyStopsHarder(t *testing.T) {
	v := velocity{0.5, -0.8}
	for i := 0; !v.still(); i++ {
		if i > 25 {
			t.Fatal("took longer than half a second")
		}
		v = testLimits.emergency(v, dt)
	}
}
