package plant

import (
	"fmt"
	"math"
	"time"
)

// Config of a Kinematic. The zero value of a field means its default.
type Config struct {
	// Timestep is the smallest step; default 2 ms. Firmware ticks are multiples of it.
	Timestep time.Duration
	// Sides that have an arm; default left, right.
	Sides []string
	// Rest is where an arm without power ends up, and where it starts [rad].
	// Default: joints 2 and 3 at -1.999° and +1.971°, outside their command range,
	// as measured on real arms; the others at 0.
	Rest *[6]float64
	// JointSpeed bounds every joint when holding [rad/s]; default 6, above what the
	// firmware's motion profile asks for, so that a set point is reached within a step.
	JointSpeed float64
	// SinkSpeed is how fast a damped arm sinks [rad/s]; default 0.25.
	SinkSpeed float64
	// FallSpeed is how fast an arm without power falls [rad/s]; default 2.5.
	FallSpeed float64
	// GripperSpeed bounds the gripper's width [m/s]; default 0.2.
	GripperSpeed float64
	// GripperStroke is the widest opening [m]; default 0.10, the hardware's end stop.
	GripperStroke float64
	// Track is the true distance between the wheels [m]; default 0.35 (manual).
	Track float64
}

// Joints that gravity moves when nothing holds them; the others have vertical or
// balanced axes and stay.
var falls = [6]bool{1: true, 2: true, 4: true}

// Mechanical end stops [rad]: the command range (J1 ±150°, J2 0..180°, J3 -170..0°,
// J4 ±100°, J5 ±70°, J6 ±120°) widened by 3°, because resting arms lie outside it.
var (
	lowerStop = degrees(-153, -3, -173, -103, -73, -123)
	upperStop = degrees(153, 183, 3, 103, 73, 123)
)

func degrees(d ...float64) (r [6]float64) {
	for i := range r {
		r[i] = d[i] * math.Pi / 180
	}
	return r
}

// DefaultConfig is a Cobot-Magic.
func DefaultConfig() Config { return Config{}.withDefaults() }

func (c Config) withDefaults() Config {
	or := func(v *float64, def float64) {
		if *v == 0 {
			*v = def
		}
	}
	if c.Timestep == 0 {
		c.Timestep = 2 * time.Millisecond
	}
	if c.Sides == nil {
		c.Sides = []string{"left", "right"}
	}
	if c.Rest == nil {
		rest := degrees(0, -1.999, 1.971, 0, 0, 0)
		c.Rest = &rest
	}
	or(&c.JointSpeed, 6)
	or(&c.SinkSpeed, 0.25)
	or(&c.FallSpeed, 2.5)
	or(&c.GripperSpeed, 0.2)
	or(&c.GripperStroke, 0.10)
	or(&c.Track, 0.35)
	return c
}

// Kinematic is the ideal Cobot-Magic: joints go where they are told at a bounded
// speed, wheels do not slip, nothing collides. It has no randomness: the same
// drives give the same states.
type Kinematic struct {
	cfg  Config
	arms map[string]*KinematicArm
	base *KinematicBase
}

// New returns a robot at rest at the origin.
func New(cfg Config) (*Kinematic, error) {
	cfg = cfg.withDefaults()
	if cfg.Timestep < 0 {
		return nil, fmt.Errorf("plant: timestep %v is negative", cfg.Timestep)
	}
	for name, v := range map[string]float64{
		"joint speed": cfg.JointSpeed, "sink speed": cfg.SinkSpeed, "fall speed": cfg.FallSpeed,
		"gripper speed": cfg.GripperSpeed, "gripper stroke": cfg.GripperStroke, "track": cfg.Track,
	} {
		if !(v > 0) || math.IsInf(v, 1) {
			return nil, fmt.Errorf("plant: %s %v is not a positive number", name, v)
		}
	}
	k := &Kinematic{cfg: cfg, arms: map[string]*KinematicArm{}, base: &KinematicBase{track: cfg.Track}}
	for _, side := range cfg.Sides {
		if k.arms[side] != nil {
			return nil, fmt.Errorf("plant: two arms are called %q", side)
		}
		a := &KinematicArm{cfg: &k.cfg}
		a.Place(*cfg.Rest, 0)
		k.arms[side] = a
	}
	return k, nil
}

// Arm implements Plant.
func (k *Kinematic) Arm(side string) Arm {
	if a := k.arms[side]; a != nil {
		return a
	}
	return nil
}

// KinematicArm returns the arm of a side, nil when there is none, for a test that places it.
func (k *Kinematic) KinematicArm(side string) *KinematicArm { return k.arms[side] }

// Base implements Plant.
func (k *Kinematic) Base() Base { return k.base }

// Pose is where the base is on the floor: metres and radians from where it
// started, x forward, y left; yaw is not wrapped.
func (k *Kinematic) Pose() (x, y, yaw float64) { return k.base.x, k.base.y, k.base.yaw }

// Timestep implements Plant.
func (k *Kinematic) Timestep() time.Duration { return k.cfg.Timestep }

// Step implements Plant.
func (k *Kinematic) Step(dt time.Duration) error {
	if dt <= 0 || dt%k.cfg.Timestep != 0 {
		return fmt.Errorf("plant: step of %v is not a positive multiple of the timestep %v", dt, k.cfg.Timestep)
	}
	for _, a := range k.arms {
		a.step(dt.Seconds())
	}
	k.base.step(dt.Seconds())
	return nil
}

// KinematicArm is one arm of a Kinematic.
type KinematicArm struct {
	cfg   *Config
	drive ArmDrive
	state ArmState
}

// Drive implements Arm. A set point that is not a number leaves that joint where it is.
func (a *KinematicArm) Drive(d ArmDrive) { a.drive = d }

// State implements Arm. Torques are zero: nothing has mass here.
func (a *KinematicArm) State() ArmState { return a.state }

// Place puts the arm somewhere at once, as a hand would: joints [rad], width [m].
func (a *KinematicArm) Place(joints [6]float64, width float64) {
	for i, q := range joints {
		a.state.Joints[i] = clamp(q, lowerStop[i], upperStop[i])
	}
	a.state.Width = clamp(width, 0, a.cfg.GripperStroke)
	a.state.Velocities, a.state.WidthVel = [6]float64{}, 0
}

func (a *KinematicArm) step(dt float64) {
	for i := range a.state.Joints {
		goal, speed := a.goal(i)
		a.state.Joints[i], a.state.Velocities[i] =
			approach(a.state.Joints[i], clamp(goal, lowerStop[i], upperStop[i]), speed, dt)
	}
	width := a.state.Width
	if a.drive.GripperOn {
		width = clamp(a.drive.Width, 0, a.cfg.GripperStroke)
	}
	a.state.Width, a.state.WidthVel = approach(a.state.Width, width, a.cfg.GripperSpeed, dt)
}

// goal is where joint i is drawn to, and how fast [rad/s].
func (a *KinematicArm) goal(i int) (angle, speed float64) {
	switch {
	case a.drive.Power == Holding:
		return a.drive.Joints[i], a.cfg.JointSpeed
	case !falls[i]:
		return a.state.Joints[i], 0
	case a.drive.Power == Damped:
		return a.cfg.Rest[i], a.cfg.SinkSpeed
	}
	return a.cfg.Rest[i], a.cfg.FallSpeed
}

// approach moves x towards goal by at most speed·dt and returns the speed it had.
// A goal that is not a number moves nothing.
func approach(x, goal, speed, dt float64) (next, velocity float64) {
	if math.IsNaN(goal) {
		return x, 0
	}
	most := speed * dt
	if d := goal - x; math.Abs(d) > most {
		next = x + math.Copysign(most, d)
	} else {
		next = goal
	}
	return next, (next - x) / dt
}

func clamp(v, lo, hi float64) float64 { return math.Max(lo, math.Min(hi, v)) }

// KinematicBase is the base of a Kinematic: it has the velocity it is told at once.
type KinematicBase struct {
	track     float64
	state     BaseState
	x, y, yaw float64
}

// Drive implements Base. Numbers that are not finite stop it.
func (b *KinematicBase) Drive(linear, angular float64) {
	if !finite(linear) || !finite(angular) {
		linear, angular = 0, 0
	}
	b.state.Linear, b.state.Angular = linear, angular
}

// State implements Base.
func (b *KinematicBase) State() BaseState { return b.state }

// step follows the exact arc of constant velocity over dt.
func (b *KinematicBase) step(dt float64) {
	v, w := b.state.Linear, b.state.Angular
	b.state.Left += (v - w*b.track/2) * dt
	b.state.Right += (v + w*b.track/2) * dt
	turn := w * dt
	chord := v * dt * sinc(turn/2)
	b.x += chord * math.Cos(b.yaw+turn/2)
	b.y += chord * math.Sin(b.yaw+turn/2)
	b.yaw += turn
}

// sinc is sin(x)/x, the chord of an arc over its length.
func sinc(x float64) float64 {
	if math.Abs(x) < 1e-6 {
		return 1 - x*x/6
	}
	return math.Sin(x) / x
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
