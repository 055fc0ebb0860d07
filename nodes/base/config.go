package base

import (
	"math"

	"cobot_vla/calibration"
)

// Config is the node's parameters.
type Config struct {
	// Calibration is the robot's calibration file; "" is the factory default.
	Calibration string `param:"calibration" desc:"the robot's calibration file; empty for the factory default"`
	// Bus prefixes the calibration's interface name: "" is SocketCAN,
	// "unix:/run/cobot_vla/" is a socket of that folder.
	Bus string `param:"bus" desc:"prefix of the CAN interface's name; empty for SocketCAN"`
	// Rate of the control loop [Hz]; the base wants at least 50.
	Rate float64 `param:"rate_hz" unit:"Hz" min:"50" max:"200" desc:"rate of the control loop"`
	// AutoStart configures and activates the node by itself.
	AutoStart bool `param:"autostart" desc:"configure and activate at start"`
	// DryRun computes and publishes everything and sends nothing.
	DryRun bool `param:"dry_run" desc:"compute and publish everything, send nothing"`
	// AuthorityTimeout: without /supervisor/authority for longer the base stops [s].
	AuthorityTimeout float64 `param:"authority_timeout_s" unit:"s" min:"0.05" max:"2" desc:"stop without authority for longer"`
	// HeartbeatTimeout: without the source's heartbeat for longer a goal is aborted [s].
	HeartbeatTimeout float64 `param:"heartbeat_timeout_s" unit:"s" min:"0.05" max:"2" desc:"abort a goal without the source's heartbeat for longer"`
	// CmdVelTimeout: a /cmd_vel older than this is a stop [s].
	CmdVelTimeout float64 `param:"cmd_vel_timeout_s" unit:"s" min:"0.05" max:"0.5" desc:"a /cmd_vel older than this is a stop"`
	// MaxForward and MaxTurn bound one goal [m], [rad].
	MaxForward float64 `param:"max_forward_m" unit:"m" min:"0.1" max:"20" desc:"longest way of one goal"`
	MaxTurn    float64 `param:"max_turn_rad" unit:"rad" min:"0.1" max:"6.3" desc:"largest turn of one goal"`
	// MaxGoalAge refuses a goal whose observation is older on arrival [s].
	MaxGoalAge float64 `param:"max_goal_age_s" unit:"s" min:"0.1" max:"60" desc:"a goal whose observation is older is refused"`
	// OdomFrame and BaseFrame of /odom and /tf.
	OdomFrame string `param:"odom_frame" desc:"frame of /odom"`
	BaseFrame string `param:"base_frame" desc:"frame that moves in it"`
	// PublishTF says whether odom to base_link goes out on /tf.
	PublishTF bool `param:"publish_tf" desc:"publish odom_frame to base_frame on /tf"`
}

// DefaultConfig is safe on a robot.
func DefaultConfig() Config {
	return Config{
		Rate: 50, AutoStart: true,
		AuthorityTimeout: 0.3, HeartbeatTimeout: 0.25, CmdVelTimeout: 0.25,
		MaxForward: 3, MaxTurn: math.Pi, MaxGoalAge: 5,
		OdomFrame: "odom", BaseFrame: "base_link", PublishTF: true,
	}
}

func load(path string) (calibration.Robot, error) {
	if path == "" {
		return calibration.Default(), nil
	}
	return calibration.Load(path)
}

func limitsOf(b calibration.Base) limits {
	return limits{
		linear: b.MaxLinear, angular: b.MaxAngular,
		linearAccel: b.MaxLinearAccel, angularAccel: b.MaxAngularAccel,
		hardLinear: b.HardDeceleration, hardAngular: b.HardAngularDeceleration,
	}
}
