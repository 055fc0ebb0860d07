package base

import (
	"fmt"
	"math"
	"time"

	"cobot_vla/msgs"
)

// limits of the base: [m/s, rad/s], [m/s², rad/s²].
type limits struct {
	linear, angular           float64
	linearAccel, angularAccel float64
	hardLinear, hardAngular   float64
}

// velocity is a body velocity [m/s], [rad/s].
type velocity struct{ linear, angular float64 }

func (v velocity) still() bool { return v == velocity{} }

// pose of the base by odometry: metres, and the heading unwrapped [rad].
type pose struct{ x, y, yaw float64 }

// ramp moves v toward want within the velocity and acceleration limits.
func (l limits) ramp(v, want velocity, dt float64) velocity {
	return velocity{
		toward(v.linear, clamp(want.linear, l.linear), l.linearAccel*dt),
		toward(v.angular, clamp(want.angular, l.angular), l.angularAccel*dt),
	}
}

// emergency moves v toward zero at the hard deceleration.
func (l limits) emergency(v velocity, dt float64) velocity {
	return velocity{toward(v.linear, 0, l.hardLinear*dt), toward(v.angular, 0, l.hardAngular*dt)}
}

func clamp(x, limit float64) float64 { return math.Min(math.Max(x, -limit), limit) }

func toward(x, goal, step float64) float64 { return math.Min(math.Max(goal, x-step), x+step) }

// goal is one navigation goal under way.
type goal struct {
	id        uint64
	direction uint8
	value     float64 // [m] or [rad], positive
	started   time.Time
	start     pose
	moved     float64 // commanded so far, for comparison with odometry [m] or [rad]
	expect    time.Duration
}

// Tolerances of a goal: how near is done, and what a base that follows stays within.
const (
	forwardTolerance = 0.005 // [m]
	turnTolerance    = 0.005 // [rad]
	headingGain      = 2.0   // [1/s], holds the line while driving forward
	response         = 0.15  // [s], the latest a base answers
	followSlack      = 0.10  // [m] or [rad] that odometry may stay behind the command
	followShare      = 0.25  // and this share of the way commanded
)

// newGoal checks a goal; its error says why it is refused.
func newGoal(m *msgs.NavigationToken, now time.Time, at pose, l limits, maxForward, maxTurn float64) (*goal, error) {
	g := &goal{id: m.GoalID, direction: m.Direction, value: m.Value, started: now, start: at}
	limit, unit := maxTurn, "rad"
	vmax, accel := l.angular, l.angularAccel
	switch m.Direction {
	case msgs.Forward:
		limit, unit, vmax, accel = maxForward, "m", l.linear, l.linearAccel
	case msgs.TurnLeft, msgs.TurnRight:
	case msgs.Stop:
		g.value = 0
		return g, nil
	default:
		return nil, fmt.Errorf("direction %d is none of forward, turn left, turn right, stop", m.Direction)
	}
	if math.IsNaN(g.value) || g.value < 0 || g.value > limit {
		return nil, fmt.Errorf("%s %.4g %s is outside 0..%.4g %s", directionName(m.Direction), m.Value, unit, limit, unit)
	}
	g.expect = profileTime(g.value, vmax, accel)
	return g, nil
}

// profileTime is how long a trapezoid over way takes.
func profileTime(way, vmax, accel float64) time.Duration {
	t := 2 * math.Sqrt(way/accel)
	if peak := math.Sqrt(way * accel); peak > vmax {
		t = way/vmax + vmax/accel
	}
	return time.Duration(t * float64(time.Second))
}

func directionName(d uint8) string {
	switch d {
	case msgs.Forward:
		return "forward"
	case msgs.TurnLeft:
		return "turn left"
	case msgs.TurnRight:
		return "turn right"
	case msgs.Stop:
		return "stop"
	}
	return fmt.Sprintf("direction %d", d)
}

// progress is how far the base has come by odometry, [m] or [rad].
func (g *goal) progress(at pose) float64 {
	switch g.direction {
	case msgs.Forward:
		return (at.x-g.start.x)*math.Cos(g.start.yaw) + (at.y-g.start.y)*math.Sin(g.start.yaw)
	case msgs.TurnLeft:
		return at.yaw - g.start.yaw
	case msgs.TurnRight:
		return g.start.yaw - at.yaw
	}
	return 0
}

// remaining way, [m] or [rad].
func (g *goal) remaining(at pose) float64 { return g.value - g.progress(at) }

// want is the velocity wished for at a pose, and whether the goal is reached.
// v is the velocity commanded last.
func (g *goal) want(at pose, v velocity, l limits, dt float64) (want velocity, done bool) {
	left := g.remaining(at)
	switch g.direction {
	case msgs.Forward:
		if left < forwardTolerance && math.Abs(v.linear) <= l.linearAccel*dt {
			return velocity{}, v.still()
		}
		want.linear = brakeable(left, l.linear, l.linearAccel, dt)
		if left > forwardTolerance { // correct the heading only while there is way to do it on
			want.angular = clamp(headingGain*(g.start.yaw-at.yaw), 0.3*l.angular)
		}
	case msgs.TurnLeft, msgs.TurnRight:
		if left < turnTolerance && math.Abs(v.angular) <= l.angularAccel*dt {
			return velocity{}, v.still()
		}
		want.angular = brakeable(left, l.angular, l.angularAccel, dt)
		if g.direction == msgs.TurnRight {
			want.angular = -want.angular
		}
	default:
		return velocity{}, v.still()
	}
	return want, false
}

// brakeable is the speed from which the way left suffices to stop. The base
// answers late, by up to response seconds: the way it makes meanwhile counts, so
// v·response + v²/(2a) = left, solved for v. While there is way left it creeps on.
func brakeable(left, vmax, accel, dt float64) float64 {
	if left <= 0 {
		return 0
	}
	v := accel * (math.Sqrt(response*response+2*left/accel) - response)
	return math.Min(vmax, math.Max(v, accel*dt/2))
}

// failure says why the goal must be aborted, or "".
func (g *goal) failure(now time.Time, at pose, v velocity, dt float64) string {
	if g.direction == msgs.Stop {
		return ""
	}
	speed := v.linear
	if g.direction != msgs.Forward {
		speed = math.Abs(v.angular)
	}
	g.moved += speed * dt
	name := directionName(g.direction)
	if late := now.Sub(g.started); late > 2*g.expect+2*time.Second {
		return fmt.Sprintf("%s %.3g took %.1f s, more than twice the %.1f s it should: is the base blocked?", name, g.value, late.Seconds(), g.expect.Seconds())
	}
	if lag := g.moved - g.progress(at); lag > followSlack+followShare*g.moved {
		return fmt.Sprintf("%s %.3g: %.3f commanded, %.3f by odometry: the wheels do not follow", name, g.value, g.moved, g.progress(at))
	}
	return ""
}
