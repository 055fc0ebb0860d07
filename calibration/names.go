package calibration

import "slices"

// Sides of the robot, in the order of Robot.Arms.
var Sides = [2]string{"left", "right"}

// CommandSuffix after a gripper's name names its commanded width as a state:
// left_gripper_command. What a gripper holds is what keeps it from its command.
const CommandSuffix = "_command"

// Odometry states that a manifest may list beside joints and grippers.
const (
	BaseLinear  = "base_linear"  // forward velocity [m/s]
	BaseAngular = "base_angular" // turn rate, left positive [rad/s]
)

// Arm returns the arm of a side; false when the robot has none.
func (r Robot) Arm(side string) (Arm, bool) {
	i := slices.IndexFunc(r.Arms, func(a Arm) bool { return a.Side == side })
	if i < 0 {
		return Arm{}, false
	}
	return r.Arms[i], true
}

// Camera returns the camera of a name; false when the robot has none.
func (r Robot) Camera(name string) (Camera, bool) {
	i := slices.IndexFunc(r.Cameras, func(c Camera) bool { return c.Name == name })
	if i < 0 {
		return Camera{}, false
	}
	return r.Cameras[i], true
}

// Names lists the arm's joints and then its gripper: the order of /puppet/joint_<side>.
func (a Arm) Names() []string {
	names := make([]string, 0, len(a.Joints)+1)
	for _, j := range a.Joints {
		names = append(names, j.Name)
	}
	return append(names, a.Gripper.Name)
}

// Limits of what may be commanded for each of Names: [rad], and [m] for the gripper.
func (a Arm) Limits() (lower, upper []float64) {
	for _, j := range a.Joints {
		lower, upper = append(lower, j.Lower), append(upper, j.Upper)
	}
	return append(lower, 0), append(upper, a.Gripper.Stroke)
}

// ActionNames lists everything a policy can command, arm by arm: 14 names on a Cobot-Magic.
func (r Robot) ActionNames() []string {
	var names []string
	for _, a := range r.Arms {
		names = append(names, a.Names()...)
	}
	return names
}

// ActionLimits are the command limits of ActionNames, in its order.
func (r Robot) ActionLimits() (lower, upper []float64) {
	for _, a := range r.Arms {
		l, u := a.Limits()
		lower, upper = append(lower, l...), append(upper, u...)
	}
	return lower, upper
}

// StateNames lists everything a policy can read of the robot itself: measured
// joints and widths, commanded widths, the base's velocity.
func (r Robot) StateNames() []string {
	names := r.ActionNames()
	for _, a := range r.Arms {
		names = append(names, a.Gripper.Name+CommandSuffix)
	}
	return append(names, BaseLinear, BaseAngular)
}
