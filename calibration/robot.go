// Package calibration holds what is true of one robot: the names and order of
// its joints, limits, zeros, where arms and cameras are mounted, the base's
// wheels, and the statistics that normalise its data. Everything else reads it;
// it imports nothing of ours. One YAML file is one robot; cobot_magic.yaml is
// the factory default and is compiled in.
package calibration

// Robot is one robot's calibration file.
type Robot struct {
	// Version of the file format; 1.
	Version int `yaml:"version"`
	// Name of the robot, e.g. cobot_magic.
	Name string `yaml:"name"`
	// Arms that follow commands, in the order left, right.
	Arms []Arm `yaml:"arms"`
	// Base is the mobile base.
	Base Base `yaml:"base"`
	// Cameras in the order front, left, right.
	Cameras []Camera `yaml:"cameras"`
	// Obstacles fixed in base_link that arms must keep away from: the robot's own body.
	Obstacles []Capsule `yaml:"obstacles"`
	// Measured is what was measured on this robot, the newest last; empty for a factory file.
	Measured []Measurement `yaml:"measured,omitempty"`
}

// Measurement is one calibration of a part of the robot.
type Measurement struct {
	// What was calibrated: base, joints left, gripper right, …
	What string `yaml:"what"`
	// When, UTC, as 2006-01-02T15:04:05Z.
	When string `yaml:"when"`
	// From are the recorded episodes it was made of.
	From []string `yaml:"from,flow"`
	// Residual that it leaves, with its unit.
	Residual string `yaml:"residual"`
}

// Pose places a child frame in its parent: metres, and fixed-axis roll, pitch, yaw in radians (R = Rz·Ry·Rx).
type Pose struct {
	XYZ [3]float64 `yaml:"xyz,flow"`
	RPY [3]float64 `yaml:"rpy,flow"`
}

// Ready is where the arms of a Cobot-Magic wait for work at a table as high as
// their mounts, six joint angles [rad]: the fingers 0.30 m ahead of the mount and
// 0.17 m above it, pointing 63° down. People move them there before they record or run a policy.
func Ready() [6]float64 { return [6]float64{0, 1.283, -0.922, 0, 0.826, 0} }

// Arm is one PiPER arm with its gripper.
type Arm struct {
	// Side is left or right; it names topics (/puppet/joint_left) and frames.
	Side string `yaml:"side"`
	// Bus is the CAN interface, e.g. can_left.
	Bus string `yaml:"bus"`
	// Mount places the arm's base frame in base_link.
	Mount Pose `yaml:"mount"`
	// Joints from the base to the wrist, six of them.
	Joints []Joint `yaml:"joints"`
	// Gripper at the flange.
	Gripper Gripper `yaml:"gripper"`
	// Park is a safe resting pose, six joint angles [rad].
	Park [6]float64 `yaml:"park,flow"`
}

// Joint is one revolute joint.
type Joint struct {
	// Name is unique on the robot, e.g. left_joint1.
	Name string `yaml:"name"`
	// Lower and Upper bound commands [rad].
	Lower float64 `yaml:"lower"`
	Upper float64 `yaml:"upper"`
	// MaxVelocity [rad/s] and MaxAcceleration [rad/s²] bound commands.
	MaxVelocity     float64 `yaml:"max_velocity"`
	MaxAcceleration float64 `yaml:"max_acceleration"`
	// Zero is added to a measured angle to get the true one [rad].
	Zero float64 `yaml:"zero"`
}

// Gripper is a parallel gripper; its position is its opening width.
type Gripper struct {
	// Name is unique on the robot, e.g. left_gripper.
	Name string `yaml:"name"`
	// Stroke is the widest opening [m].
	Stroke float64 `yaml:"stroke"`
	// MaxVelocity of the opening [m/s] and MaxAcceleration [m/s²] bound commands.
	MaxVelocity     float64 `yaml:"max_velocity"`
	MaxAcceleration float64 `yaml:"max_acceleration"`
	// Torque is the grip's limit [N·m], 0..5.
	Torque float64 `yaml:"torque"`
	// TCP is the distance from the flange to the grasp centre between the fingertips, along the flange's z [m].
	TCP float64 `yaml:"tcp"`
}

// Base is the differential base.
type Base struct {
	// Bus is the CAN interface, e.g. can_base; never an arm's.
	Bus string `yaml:"bus"`
	// Track is the distance between the wheels [m].
	Track float64 `yaml:"track"`
	// LinearScale and AngularScale multiply raw odometry to get the truth.
	LinearScale  float64 `yaml:"linear_scale"`
	AngularScale float64 `yaml:"angular_scale"`
	// Limits of commands: [m/s], [rad/s], [m/s²], [rad/s²].
	MaxLinear       float64 `yaml:"max_linear"`
	MaxAngular      float64 `yaml:"max_angular"`
	MaxLinearAccel  float64 `yaml:"max_linear_accel"`
	MaxAngularAccel float64 `yaml:"max_angular_accel"`
	// HardDeceleration is used by an e-stop [m/s²]; HardAngularDeceleration [rad/s²].
	HardDeceleration        float64 `yaml:"hard_deceleration"`
	HardAngularDeceleration float64 `yaml:"hard_angular_deceleration"`
}

// Camera is one colour camera.
type Camera struct {
	// Name is front, left or right.
	Name string `yaml:"name"`
	// Namespace of its topics, e.g. /camera_f.
	Namespace string `yaml:"namespace"`
	// Parent is the frame it is mounted on: base_link, or an arm's flange, e.g. left_link6.
	Parent string `yaml:"parent"`
	// Mount places the camera body (x forward, y left, z up) in the parent.
	Mount Pose `yaml:"mount"`
	// Width and Height of the calibrated image [px].
	Width  int `yaml:"width"`
	Height int `yaml:"height"`
	// FX, FY, CX, CY are the pinhole intrinsics [px].
	FX float64 `yaml:"fx"`
	FY float64 `yaml:"fy"`
	CX float64 `yaml:"cx"`
	CY float64 `yaml:"cy"`
	// Distortion is plumb_bob: k1, k2, p1, p2, k3.
	Distortion [5]float64 `yaml:"distortion,flow"`
}

// Capsule is a segment with a radius, in base_link [m].
type Capsule struct {
	Name   string     `yaml:"name"`
	A      [3]float64 `yaml:"a,flow"`
	B      [3]float64 `yaml:"b,flow"`
	Radius float64    `yaml:"radius"`
}
