package tracer

import (
	"fmt"
	"math"
	"time"

	"cobot_vla/calibration"
)

// Odometry integrates the base's pose from its wheel counters, which accumulate no
// error of their own, and checks them against the velocity the base reports.
//
// The counters have steps of a millimetre. A wheel that spins is not seen by
// either source; what is seen, and flagged, is that the two disagree: a counter that
// does not follow, or a calibration that is wrong.
type Odometry struct {
	cfg         OdometryConfig
	left, right wheel
	wheelsAt    time.Time
	x, y, yaw   float64
	covariance  [3][3]float64 // of x, y, yaw
	restarts    int

	velocity   Velocity
	velocityAt time.Time
	check      crossCheck
}

// OdometryConfig of an Odometry.
type OdometryConfig struct {
	// Track between the wheels [m]; LinearScale and AngularScale multiply what the
	// counters say to get the truth. From calibration.
	Track        float64
	LinearScale  float64
	AngularScale float64
	// WheelVariance is how the variance of a wheel's way grows with it [m²/m]. Default
	// 1e-4: one centimetre after a metre, and 0.04 rad of heading. Measure and lower it on a good floor.
	WheelVariance float64
	// SlipLinear and SlipAngular are how far counters and reported velocity may disagree
	// over about SlipTime, [m] and [rad]. Default 0.05 m, 0.15 rad, 0.5 s: more than what the
	// base's ramps and the counters' steps amount to.
	SlipLinear  float64
	SlipAngular float64
	SlipTime    time.Duration
}

// DefaultOdometryConfig takes what calibration knows.
func DefaultOdometryConfig(base calibration.Base) OdometryConfig {
	return OdometryConfig{
		Track: base.Track, LinearScale: base.LinearScale, AngularScale: base.AngularScale,
		WheelVariance: 1e-4, SlipLinear: 0.05, SlipAngular: 0.15, SlipTime: 500 * time.Millisecond,
	}
}

func (c OdometryConfig) validate() error {
	for _, f := range []struct {
		name  string
		value float64
	}{
		{"track", c.Track}, {"linear scale", c.LinearScale}, {"angular scale", c.AngularScale}, {"wheel variance", c.WheelVariance},
		{"linear slip", c.SlipLinear}, {"angular slip", c.SlipAngular}, {"slip time", c.SlipTime.Seconds()},
	} {
		if !(f.value > 0) || math.IsInf(f.value, 1) {
			return fmt.Errorf("tracer: odometry: %s %g is not a positive number", f.name, f.value)
		}
	}
	return nil
}

// NewOdometry starts at the origin.
func NewOdometry(cfg OdometryConfig) (*Odometry, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Odometry{cfg: cfg}, nil
}

// Pose is where the base is by its wheels, from where it was when the Odometry started.
type Pose struct {
	// Stamp is when the last counters arrived; zero until then.
	Stamp     time.Time
	X, Y, Yaw float64 // [m], [m], [rad]; Yaw is not wrapped
	// Velocity as the base reports it, scaled; zero when it is silent.
	Velocity Velocity
	// Covariance of X, Y, Yaw, row by row [m², rad²].
	Covariance [3][3]float64
	// Left and Right are the ways of the wheels, unscaled [m].
	Left, Right float64
	// Disagree says that counters and reported velocity tell different stories; Reason how different.
	Disagree bool
	Reason   string
	// Restarts counts how often the counters were set anew while we watched.
	Restarts int
}

// AddWheels takes the counters. ok is false when they jumped: the pose then stays.
func (o *Odometry) AddWheels(reading Odometer, at time.Time) (ok bool) {
	dt := at.Sub(o.wheelsAt)
	most := furthest(dt)
	left, okLeft := o.left.add(reading.Left, most)
	right, okRight := o.right.add(reading.Right, most)
	first := o.wheelsAt.IsZero()
	o.wheelsAt = at
	if !okLeft || !okRight {
		o.restarts++
		o.check = crossCheck{}
		return false
	}
	if first {
		return true
	}
	dl, dr := float64(left)*milli, float64(right)*milli
	o.move(dl, dr)
	if at.Sub(o.velocityAt) <= maxVelocityAge {
		o.check.wheels((dl+dr)/2, (dr-dl)/o.cfg.Track)
	}
	return true
}

// move follows the arc on which both wheels kept their speed.
func (o *Odometry) move(dl, dr float64) {
	way := o.cfg.LinearScale * (dl + dr) / 2
	turn := o.cfg.AngularScale * (dr - dl) / o.cfg.Track
	heading := o.yaw + turn/2
	chord := way * sinc(turn/2)
	dx, dy := chord*math.Cos(heading), chord*math.Sin(heading)
	o.spread(dx, dy, chord, heading, dl, dr)
	o.x += dx
	o.y += dy
	o.yaw += turn
}

// sinc is sin(x)/x, the chord of an arc over its length.
func sinc(x float64) float64 {
	if math.Abs(x) < 1e-6 {
		return 1 - x*x/6
	}
	return math.Sin(x) / x
}

// spread grows the covariance: P = F P Fᵀ + G Q Gᵀ, where F is how the new pose
// depends on the old, G how it depends on the two wheels, and Q is the variance of
// their ways, in proportion to them.
func (o *Odometry) spread(dx, dy, chord, heading, dl, dr float64) {
	f := [3][3]float64{{1, 0, -dy}, {0, 1, dx}, {0, 0, 1}}
	half, perTrack := o.cfg.LinearScale/2, o.cfg.AngularScale/o.cfg.Track
	sin, cos := math.Sincos(heading)
	column := func(sign float64) [3]float64 { // of G: the right wheel turns left, +1
		return [3]float64{half*cos - sign*chord*sin*perTrack/2, half*sin + sign*chord*cos*perTrack/2, sign * perTrack}
	}
	gl, gr := column(-1), column(+1)
	ql, qr := o.cfg.WheelVariance*math.Abs(dl), o.cfg.WheelVariance*math.Abs(dr)
	var next [3][3]float64
	for i := range 3 {
		for j := range 3 {
			next[i][j] = ql*gl[i]*gl[j] + qr*gr[i]*gr[j]
			for k := range 3 {
				for l := range 3 {
					next[i][j] += f[i][k] * o.covariance[k][l] * f[j][l]
				}
			}
		}
	}
	o.covariance = next
}

// maxVelocityAge is how old a reported velocity may be and still be compared.
const maxVelocityAge = 100 * time.Millisecond

// AddVelocity takes the velocity the base reports.
func (o *Odometry) AddVelocity(v Velocity, at time.Time) {
	if dt := at.Sub(o.velocityAt); dt > 0 && dt <= maxVelocityAge {
		o.check.elapse(dt, o.cfg.SlipTime)
		if at.Sub(o.wheelsAt) <= maxVelocityAge {
			mean := Velocity{(v.Linear + o.velocity.Linear) / 2, (v.Angular + o.velocity.Angular) / 2}
			o.check.reported(mean.Linear*dt.Seconds(), mean.Angular*dt.Seconds())
		}
	}
	o.velocity, o.velocityAt = v, at
}

// Pose at a time.
func (o *Odometry) Pose(now time.Time) Pose {
	p := Pose{
		Stamp: o.wheelsAt, X: o.x, Y: o.y, Yaw: o.yaw, Covariance: o.covariance, Restarts: o.restarts,
		Left: float64(o.left.total) * milli, Right: float64(o.right.total) * milli,
	}
	if !o.velocityAt.IsZero() && now.Sub(o.velocityAt) <= maxVelocityAge {
		p.Velocity = Velocity{o.cfg.LinearScale * o.velocity.Linear, o.cfg.AngularScale * o.velocity.Angular}
	}
	if linear, angular := o.check.difference(); math.Abs(linear) > o.cfg.SlipLinear || math.Abs(angular) > o.cfg.SlipAngular {
		p.Disagree = true
		p.Reason = fmt.Sprintf("wheel counters and reported velocity differ by %.3f m and %.3f rad within %v", linear, angular, o.cfg.SlipTime)
	}
	return p
}

// Reset puts the pose back to the origin, certain; the counters go on.
func (o *Odometry) Reset() {
	o.x, o.y, o.yaw, o.covariance = 0, 0, 0, [3][3]float64{}
	o.left.total, o.right.total = 0, 0
}

// crossCheck sums what two sources say of the same motion and forgets it again: a
// steady disagreement r settles at r times the memory.
type crossCheck struct{ byWheels, byReport Velocity }

func (c *crossCheck) elapse(dt, memory time.Duration) {
	keep := math.Exp(-dt.Seconds() / memory.Seconds())
	for _, v := range []*float64{&c.byWheels.Linear, &c.byWheels.Angular, &c.byReport.Linear, &c.byReport.Angular} {
		*v *= keep
	}
}

func (c *crossCheck) wheels(way, turn float64) {
	c.byWheels.Linear += way
	c.byWheels.Angular += turn
}

func (c *crossCheck) reported(way, turn float64) {
	c.byReport.Linear += way
	c.byReport.Angular += turn
}

// difference is wheels less report [m], [rad].
func (c *crossCheck) difference() (linear, angular float64) {
	return c.byWheels.Linear - c.byReport.Linear, c.byWheels.Angular - c.byReport.Angular
}
