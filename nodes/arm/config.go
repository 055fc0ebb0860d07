package arm

import (
	"fmt"
	"math"

	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"
)

// Config is the node's parameters.
type Config struct {
	// Calibration is the robot's calibration file; "" is the factory default.
	Calibration string `param:"calibration" desc:"the robot's calibration file; empty for the factory default"`
	// Bus prefixes the calibration's interface names: "" is SocketCAN,
	// "unix:/run/cobot_vla/" is sockets of that folder.
	Bus string `param:"bus" desc:"prefix of the CAN interfaces' names; empty for SocketCAN"`
	// Rate of the control loop [Hz]; the arms' own is 200.
	Rate float64 `param:"rate_hz" unit:"Hz" min:"50" max:"500" desc:"rate of the control loop"`
	// Mode is control, or read: with leader and follower linked by hardware on one bus
	// we only listen; or topics: another program drives the arms, and we speak JointState with it.
	Mode string `param:"mode" choice:"control,read,topics" desc:"control, read for arms linked by hardware, or topics for another program's driver"`
	// AutoStart configures and activates the node by itself.
	AutoStart bool `param:"autostart" desc:"configure and activate at start"`
	// AutoEnable switches the motors on once, when the arms are first heard. It never does so after a fault.
	AutoEnable bool `param:"auto_enable" desc:"switch the motors on when the arms are first heard"`
	// DryRun computes and publishes everything and sends nothing.
	DryRun bool `param:"dry_run" desc:"compute and publish everything, send nothing"`

	// AuthorityTimeout: without /supervisor/authority for longer the arms hold [s].
	AuthorityTimeout float64 `param:"authority_timeout_s" unit:"s" min:"0.05" max:"2" desc:"hold without authority for longer"`
	// HeartbeatTimeout: without the source's heartbeat for longer the arms hold [s].
	HeartbeatTimeout float64 `param:"heartbeat_timeout_s" unit:"s" min:"0.05" max:"2" desc:"hold without the source's heartbeat for longer"`
	// AcquireTolerance: the first command after a grant must be nearer to the arms [rad], …
	AcquireTolerance float64 `param:"acquire_tolerance_rad" unit:"rad" min:"0.001" max:"0.2" desc:"a first command farther away is approached slowly"`
	// AcquireSpeed: … else it is approached at this speed [rad/s].
	AcquireSpeed float64 `param:"acquire_speed_rad_s" unit:"rad/s" min:"0.01" max:"1" desc:"speed of that approach"`
	// ParkSpeed of the park service [rad/s].
	ParkSpeed float64 `param:"park_speed_rad_s" unit:"rad/s" min:"0.01" max:"1" desc:"speed of parking"`
	// LimitMargin is kept from the joints' position limits [rad].
	LimitMargin float64 `param:"limit_margin_rad" unit:"rad" min:"0" max:"0.2" desc:"kept from the position limits"`
	// RelatchError: a hold latches the measured pose instead of the commanded one when they differ by more [rad].
	RelatchError float64 `param:"relatch_error_rad" unit:"rad" min:"0.02" max:"1" desc:"larger differences latch the measured pose"`
	// KeepOut is the distance at which motion of bodies toward each other stops [m].
	KeepOut float64 `param:"keep_out_m" unit:"m" min:"0" max:"0.2" desc:"motion toward each other stops at this distance"`
	// TableHeight of a table top in front of the robot above the floor [m]; 0: none is watched.
	TableHeight float64 `param:"table_height_m" unit:"m" min:"0" max:"2" desc:"table top in front of the robot; 0 for none"`
	// TableFront is where the table begins ahead of base_link [m].
	TableFront float64 `param:"table_front_m" unit:"m" min:"0" max:"2" desc:"where the table begins ahead of base_link"`
	// GripperTorque limits the grip [N·m]; 0 takes the calibration's.
	GripperTorque float64 `param:"gripper_torque_nm" unit:"N·m" min:"0" max:"5" desc:"grip torque; 0 takes the calibration's"`
	Topics
}

// DefaultConfig is safe on a robot.
func DefaultConfig() Config {
	return Config{
		Rate: 200, Mode: "control", AutoStart: true,
		AuthorityTimeout: 0.3, HeartbeatTimeout: 0.25,
		AcquireTolerance: 0.03, AcquireSpeed: 0.2, ParkSpeed: 0.3,
		LimitMargin: 0.0087, RelatchError: 0.1, KeepOut: 0.02,
		TableFront: 0.45, Topics: defaultTopics(),
	}
}

// reaches bound the distance from each joint's axis to any point of the arm beyond
// it [m]: upper arm 0.285, forearm 0.252, wrist to fingertips 0.23 (the arm's
// kinematics), and 0.09 for what stands off to the sides.
var reaches = [6]float64{0.86, 0.86, 0.57, 0.32, 0.32, 0.18}

// axesOf lists the robot's axes, arm by arm, with limits less the margin.
func axesOf(r calibration.Robot, margin float64) []Axis {
	var axes []Axis
	for _, a := range r.Arms {
		for i, j := range a.Joints {
			axes = append(axes, Axis{
				Reach: reaches[i],
				Name:  j.Name, Unit: "rad", Lower: j.Lower + margin, Upper: j.Upper - margin,
				Velocity: j.MaxVelocity, Acceleration: j.MaxAcceleration,
			})
		}
		g := a.Gripper
		axes = append(axes, Axis{
			Reach: 1, Name: g.Name, Unit: "m", Lower: 0, Upper: g.Stroke,
			Velocity: g.MaxVelocity, Acceleration: g.MaxAcceleration, Gripper: true,
		})
	}
	return axes
}

// LimiterOf is the limiter that the node moves a robot's arms with: left arm and gripper, right arm
// and gripper, the limits less LimitMargin, KeepOut between arms, body and table. It must be Set before it is stepped.
func LimiterOf(r calibration.Robot, cfg Config) (*Limiter, error) {
	if err := checkRobot(r); err != nil {
		return nil, err
	}
	clearance, err := newBodies(r, cfg)
	if err != nil {
		return nil, err
	}
	return NewLimiter(axesOf(r, cfg.LimitMargin), clearance, cfg.KeepOut), nil
}

// bodies is the Clearance of a robot with two arms.
type bodies struct {
	b     *kinematics.Bodies
	pairs []kinematics.Pair
}

func newBodies(r calibration.Robot, cfg Config) (*bodies, error) {
	b, err := kinematics.NewBodies(r)
	if err != nil {
		return nil, err
	}
	if cfg.TableHeight > 0 {
		const reach = 1.5 // [m] ahead and to each side: beyond what the arms reach
		top := kinematics.Translation(cfg.TableFront+reach/2, 0, cfg.TableHeight)
		b.SetBoxes(kinematics.Tabletop("table", top, reach, 2*reach))
	}
	return &bodies{b: b}, nil
}

// Closest implements Clearance; a pose is six joints and a gripper, left, then right.
func (b *bodies) Closest(pose []float64, within float64) []Near {
	var q [2][6]float64
	copy(q[0][:], pose[0:6])
	copy(q[1][:], pose[7:13])
	b.pairs = b.b.Below(b.pairs[:0], q, within)
	var near []Near // its own: the caller asks again while it reads
	for _, p := range b.pairs {
		near = append(near, Near{Pair: p.A + " and " + p.B, Distance: p.Distance})
	}
	return near
}

func load(path string) (calibration.Robot, error) {
	if path == "" {
		return calibration.Default(), nil
	}
	return calibration.Load(path)
}

// armAxes is the number of axes of one arm: six joints and a gripper.
const armAxes = 7

// farthest is the largest distance of the joints (not the grippers) between two poses [rad].
func farthest(a, b []float64) float64 {
	worst := 0.0
	for i := range a {
		if i%armAxes != armAxes-1 {
			worst = math.Max(worst, math.Abs(a[i]-b[i]))
		}
	}
	return worst
}

func checkRobot(r calibration.Robot) error {
	if len(r.Arms) != 2 {
		return fmt.Errorf("arm: robot %s has %d arms in its calibration; this node drives two", r.Name, len(r.Arms))
	}
	return nil
}
