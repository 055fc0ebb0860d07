package arm

import (
	"fmt"
	"math"
)

// Axis is one joint or gripper with the limits of its commands.
type Axis struct {
	Name         string
	Unit         string  // rad or m
	Lower, Upper float64 // [unit], the margin already taken off
	Velocity     float64 // [unit/s]
	Acceleration float64 // [unit/s²]
	Reach        float64 // how far a unit of it moves any point of the arm at most [m/unit]
	Gripper      bool    // it opens and closes a hand that others carry: stopping them does not stop it
}

// Clearance judges a pose of all axes: the distance of the pair of bodies that
// comes closest and a word for the pair, for each pair that matters.
type Clearance interface {
	// Closest returns, for the pose, the pairs nearer than within [m].
	Closest(pose []float64, within float64) []Near
}

// Near is one pair of bodies and how far apart they are [m].
type Near struct {
	Pair     string
	Distance float64
}

// Limiter turns wished-for poses into commands that keep every limit. It holds
// the commanded pose and velocity, and nothing else moves them.
type Limiter struct {
	axes      []Axis
	lower     []float64 // Lower, or a measured pose that lies outside
	upper     []float64
	q, v      []float64 // the command's pose and velocity
	nextV     []float64 // of the step that is being decided
	stop      []float64
	clearance Clearance
	keepOut   float64            // [m]
	now       map[string]float64 // pairs nearer than keepOut at the pose that a step begins from, once they were asked for

	// Clamps counts changed wishes by axis and kind since start.
	Clamps map[string]uint64
	last   string
}

// NewLimiter makes a limiter that must be Set before it is stepped. clearance may be nil.
func NewLimiter(axes []Axis, clearance Clearance, keepOut float64) *Limiter {
	n := len(axes)
	l := &Limiter{
		axes: axes, clearance: clearance, keepOut: keepOut,
		lower: make([]float64, n), upper: make([]float64, n),
		q: make([]float64, n), v: make([]float64, n),
		nextV: make([]float64, n), stop: make([]float64, n),
		Clamps: map[string]uint64{},
	}
	for i, a := range axes {
		l.lower[i], l.upper[i] = a.Lower, a.Upper
	}
	return l
}

// Set takes a measured pose as the command of the axes from first on, at rest.
// An axis that rests outside its range, as real arms do, gets its bound moved
// there: its commands may stay or go inward, never outward.
func (l *Limiter) Set(first int, pose []float64) {
	for k, q := range pose {
		i := first + k
		l.q[i], l.v[i] = q, 0
		l.lower[i] = math.Min(l.axes[i].Lower, q)
		l.upper[i] = math.Max(l.axes[i].Upper, q)
	}
}

// Pose and Velocity are the command's; the slices are the limiter's own.
func (l *Limiter) Pose() []float64     { return l.q }
func (l *Limiter) Velocity() []float64 { return l.v }

// Still says that the command does not move.
func (l *Limiter) Still() bool {
	for _, v := range l.v {
		if v != 0 {
			return false
		}
	}
	return true
}

// LastClamp describes the newest clamp: the thing, the value and what became of it.
func (l *Limiter) LastClamp() string { return l.last }

// Step moves the command for dt seconds toward want, which itself moves at
// wantV, no axis faster than fastest [unit/s] or its own limit. It names the pair
// of bodies whose distance stopped the motion, or "". Joints brake then, all of
// them, and grippers go on unless they are what comes too near: a hand stopped a
// millimetre too low must still be able to take hold and to let go.
func (l *Limiter) Step(dt float64, want, wantV []float64, fastest float64) (blocked string) {
	l.now = nil
	for i := range l.axes {
		l.nextV[i] = l.axisVelocity(i, dt, want[i], wantV[i], fastest)
	}
	blocked = l.violates(dt)
	if blocked == "" || l.straight(dt, want, fastest) && l.violates(dt) == "" {
		l.commit(dt)
		return ""
	}
	l.count("distance", fmt.Sprintf("%s would come closer than %.3f m (motion stopped)", blocked, l.keepOut))
	for i, a := range l.axes {
		if !a.Gripper {
			l.nextV[i] = l.braked(i, dt)
		}
	}
	if l.violates(dt) != "" {
		l.Brake(dt)
	} else {
		l.commit(dt)
	}
	return blocked
}

// straight has the joints of the next step go to want on a straight line, all in
// proportion, and says whether they can. Each by itself is there sooner, but a
// joint with a short way has gone it before the others have begun, and that may
// be toward what they lead away from: a hand would never get up from a table.
func (l *Limiter) straight(dt float64, want []float64, fastest float64) bool {
	slowest, speed := 0.0, 1/dt // of the whole way [1/s]
	for i, a := range l.axes {
		if a.Gripper {
			continue
		}
		way, change := l.wayTo(i, want[i]), a.Acceleration*dt
		if way == 0 {
			if math.Abs(l.v[i]) > change {
				return false
			}
			continue
		}
		one, other := (l.v[i]-change)/way, (l.v[i]+change)/way
		slowest, speed = math.Max(slowest, math.Min(one, other)), math.Min(speed, math.Max(one, other))
		most := math.Min(a.Velocity, fastest)
		if math.Abs(way) > change*dt { // else one step meets it
			most = math.Min(most, brakeable(math.Abs(way), a.Acceleration, dt))
		}
		speed = math.Min(speed, most/math.Abs(way))
	}
	if speed <= 0 || speed < slowest {
		return false
	}
	for i, a := range l.axes {
		if a.Gripper {
			continue
		}
		v := l.wayTo(i, want[i]) * speed
		if l.stopLeaves(i, dt, v) {
			return false
		}
		l.nextV[i] = v
	}
	return true
}

// wayTo is how far axis i goes to get to want, or to the end of its range on the way there.
func (l *Limiter) wayTo(i int, want float64) float64 { return l.within(i, want) - l.q[i] }

// within is want, or the end of axis i's range on the way there.
func (l *Limiter) within(i int, want float64) float64 {
	return math.Min(math.Max(want, l.lower[i]), l.upper[i])
}

// Brake moves the command for dt seconds while slowing every axis down at its acceleration limit.
func (l *Limiter) Brake(dt float64) {
	for i := range l.axes {
		l.nextV[i] = l.braked(i, dt)
	}
	l.commit(dt)
}

// braked is axis i's velocity after dt seconds of slowing down at its acceleration limit.
func (l *Limiter) braked(i int, dt float64) float64 {
	return toward(l.v[i], 0, l.axes[i].Acceleration*dt)
}

// commit goes the step that was decided.
func (l *Limiter) commit(dt float64) {
	for i, a := range l.axes {
		l.q[i], l.v[i] = l.within(i, l.q[i]+l.nextV[i]*dt), l.nextV[i]
		// An axis that came back into its range stays there.
		if l.lower[i] < a.Lower {
			l.lower[i] = math.Min(l.q[i], a.Lower)
		}
		if l.upper[i] > a.Upper {
			l.upper[i] = math.Max(l.q[i], a.Upper)
		}
	}
}

// axisVelocity is the velocity of the next step: toward want, within every limit of one axis.
func (l *Limiter) axisVelocity(i int, dt, want, wantV, fastest float64) float64 {
	a := l.axes[i]
	vmax := math.Min(a.Velocity, fastest)
	if goal := l.within(i, want); goal != want {
		l.count(a.Name+" position", fmt.Sprintf("%s command %.4g %s beyond limit %.4g %s (clamped)", a.Name, want, a.Unit, goal, a.Unit))
		want, wantV = goal, 0
	}
	if math.Abs(wantV) > a.Velocity {
		l.count(a.Name+" velocity", fmt.Sprintf("%s command %.4g %s/s beyond limit %.4g %s/s (clamped)", a.Name, wantV, a.Unit, a.Velocity, a.Unit))
		wantV = math.Copysign(a.Velocity, wantV)
	}
	// Catch up with the moving goal as fast as can be undone before meeting it.
	behind := want - wantV*dt - l.q[i]
	v := wantV + math.Copysign(brakeable(math.Abs(behind), a.Acceleration, dt), behind)
	if math.Abs(behind) <= a.Acceleration*dt*dt {
		v = wantV + behind/dt // one step meets it
	}
	v = math.Min(math.Max(v, -vmax), vmax)
	// Never faster than can be stopped at the position limits.
	v = math.Min(v, brakeable(l.upper[i]-l.q[i], a.Acceleration, dt))
	v = math.Max(v, -brakeable(l.q[i]-l.lower[i], a.Acceleration, dt))
	limited := toward(l.v[i], v, a.Acceleration*dt)
	if l.stopLeaves(i, dt, limited) { // rounding alone: braking is always allowed
		limited = l.braked(i, dt)
	}
	return limited
}

// stopLeaves says whether braking after a step at v would end outside the position limits.
func (l *Limiter) stopLeaves(i int, dt, v float64) bool {
	const tolerance = 1e-12
	end := l.q[i] + stopDistance(v, l.axes[i].Acceleration, dt)
	return end < l.lower[i]-tolerance || end > l.upper[i]+tolerance
}

// violates names the pair that the next step, or any step of braking after it,
// would bring nearer than keepOut and nearer than it is now. Braking goes through
// exactly the poses that are looked at here, so what is safe now stays so.
func (l *Limiter) violates(dt float64) string {
	if l.clearance == nil {
		return ""
	}
	steps := 0
	for i, a := range l.axes {
		if l.nextV[i] != 0 {
			steps = max(steps, 1+int(math.Abs(l.nextV[i])/(a.Acceleration*dt)))
		}
	}
	if steps == 0 {
		return ""
	}
	return l.nearOn(dt, 1, steps)
}

// nearOn looks at steps first to last of the braking path: at the middle one, and
// at the halves beside it unless everything is farther away there than two bodies
// can come together on the way to their ends: no point moves farther than the sum
// of what its arm's joints do, and two arms' points no farther than both sums.
func (l *Limiter) nearOn(dt float64, first, last int) string {
	if first > last {
		return ""
	}
	middle := (first + last) / 2
	moves := 0.0
	for i, a := range l.axes {
		at := brakePath(l.nextV[i], a.Acceleration, dt, middle)
		moves += a.Reach * math.Max(math.Abs(at-brakePath(l.nextV[i], a.Acceleration, dt, first)), math.Abs(at-brakePath(l.nextV[i], a.Acceleration, dt, last)))
		l.stop[i] = l.q[i] + at
	}
	near := l.clearance.Closest(l.stop, l.keepOut+moves)
	if len(near) == 0 {
		return ""
	}
	for _, n := range near {
		if n.Distance < l.keepOut && n.Distance < l.distance(n.Pair)-rounding {
			return n.Pair
		}
	}
	if pair := l.nearOn(dt, first, middle-1); pair != "" {
		return pair
	}
	return l.nearOn(dt, middle+1, last)
}

// rounding is allowed to bodies that rest nearer than keepOut [m]; more would let them creep together.
const rounding = 1e-10

// distance of a pair at the present pose, if it is nearer than keepOut; else keepOut.
func (l *Limiter) distance(pair string) float64 {
	if l.now == nil {
		l.now = map[string]float64{}
		for _, n := range l.clearance.Closest(l.q, l.keepOut) {
			l.now[n.Pair] = n.Distance
		}
	}
	if d, known := l.now[pair]; known {
		return d
	}
	return l.keepOut
}

func (l *Limiter) count(kind, text string) {
	l.Clamps[kind]++
	l.last = text
}

// brakeable is a speed from which steps of dt that lose a·dt each stop within
// distance d. Stopping takes v²/(2a) + v·dt/2, and up to a·dt²/8 more when v is
// not a multiple of a·dt; solved for v.
func brakeable(d, a, dt float64) float64 {
	d -= a * dt * dt / 8
	if d <= 0 {
		return 0
	}
	return a * (math.Sqrt(dt*dt/4+2*d/a) - dt/2)
}

// stopDistance is how far an axis goes that moves at v for one step of dt and
// then loses a·dt with every further step: exactly what Brake does.
func stopDistance(v, a, dt float64) float64 { return brakePath(v, a, dt, math.MaxInt) }

// brakePath is the way of the first steps of it.
func brakePath(v, a, dt float64, steps int) float64 {
	n := math.Min(math.Floor(math.Abs(v)/(a*dt)), float64(steps-1))
	if n < 0 {
		return 0
	}
	return math.Copysign((n+1)*math.Abs(v)*dt-a*dt*dt*n*(n+1)/2, v)
}

// toward moves x toward goal by at most step.
func toward(x, goal, step float64) float64 {
	return math.Min(math.Max(goal, x-step), x+step)
}
