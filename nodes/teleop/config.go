package teleop

import (
	"fmt"
	"math"
	"strings"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/drivers/input"
	"cobot_vla/msgs"
)

// Config is the node's parameters.
type Config struct {
	// Calibration is the robot's calibration file; "" is the factory default.
	Calibration string `param:"calibration" desc:"the robot's calibration file; empty for the factory default"`
	// Link says how leaders and followers are linked: by software, through this
	// node, or by hardware, on one CAN bus, where this node only watches.
	Link string `param:"link" choice:"software,hardware" desc:"software: this node commands the followers; hardware: it only watches"`
	// Parts to take: both needs a supervisor with allow_both.
	Parts string `param:"parts" choice:"both,arms,base" desc:"what to take; both needs the supervisor's allow_both"`
	// TakeOver takes the parts at start, without a key.
	TakeOver bool `param:"take_over" desc:"take the parts at start, without a key"`

	// Rate of the chunks [Hz]. Higher follows closer; the arm node interpolates to 200 Hz in any case.
	Rate float64 `param:"rate_hz" unit:"Hz" min:"50" max:"100" desc:"rate of the chunks to the arms"`
	// Steps of a chunk. Those after the first continue the leader's motion and are
	// played only when the next chunk is late: more bridge longer delays, and overshoot farther.
	Steps int `param:"steps" min:"1" max:"10" desc:"steps of a chunk; those after the first bridge a late one"`
	// StepPeriod is how long a follower takes to a leader's pose [s]: its delay. It
	// must be longer than the time between two chunks.
	StepPeriod float64 `param:"step_period_s" unit:"s" min:"0.01" max:"0.1" desc:"how long a follower takes to a leader's pose"`
	// LeaderTimeout: a leader silent for longer leaves its follower holding [s].
	LeaderTimeout float64 `param:"leader_timeout_s" unit:"s" min:"0.02" max:"0.15" desc:"a leader silent for longer leaves its follower holding"`
	// LeaderSpeed: a leader that seems faster has jumped; its follower approaches it anew [rad/s].
	LeaderSpeed float64 `param:"leader_speed_rad_s" unit:"rad/s" min:"1" max:"50" desc:"a leader that seems faster has jumped"`
	// LeaderSkew: a leader whose stamps are farther from this machine's clock is taken by its arrival [s].
	LeaderSkew float64 `param:"leader_skew_s" unit:"s" min:"0.005" max:"1" desc:"stamps farther off are replaced by the arrival"`
	// Align says how a follower comes to its leader: ramp drives it there slowly,
	// wait has the person bring the leader to it.
	Align string `param:"align" choice:"ramp,wait" desc:"ramp: the follower approaches slowly; wait: bring the leader to it"`
	// AlignTolerance: nearer than this a follower copies its leader [rad].
	AlignTolerance float64 `param:"align_tolerance_rad" unit:"rad" min:"0.005" max:"0.1" desc:"a follower nearer than this copies its leader"`
	// AlignSpeed of the slow approach [rad/s].
	AlignSpeed float64 `param:"align_speed_rad_s" unit:"rad/s" min:"0.02" max:"0.5" desc:"speed of the slow approach"`
	// MaxLag: a follower that was kept farther behind, by a limit or an obstacle, approaches anew [rad].
	MaxLag float64 `param:"max_lag_rad" unit:"rad" min:"0.1" max:"3" desc:"a follower farther behind approaches anew"`
	// GripperScale multiplies a leader's gripper width.
	GripperScale float64 `param:"gripper_scale" min:"0.1" max:"10" desc:"multiplies a leader's gripper width"`

	// Keyboard and Joystick are devices: "" none, auto the first one, or a part of its name, or its path.
	Keyboard string `param:"keyboard" desc:"empty for none, auto, a part of its name, or /dev/input/eventN"`
	Joystick string `param:"joystick" desc:"empty for none, auto, a part of its name, or /dev/input/eventN"`
	// Grab keeps the keyboard's keys from other programs while parts are held.
	Grab bool `param:"grab" desc:"other programs don't see the keyboard's keys while parts are held"`
	// Keys, Buttons and Axes say what they do: action=CODE, with the kernel's codes.
	// Actions: take_over (takes and gives back), estop, deadman (buttons), forward,
	// back, left, right, slow, record, discard, mark. Axes: linear, angular; -ABS_Y is ABS_Y turned round.
	Keys    []string `param:"keys" desc:"what keys do: action=KEY_…"`
	Buttons []string `param:"buttons" desc:"what buttons do: action=BTN_…"`
	Axes    []string `param:"axes" desc:"linear=… and angular=…; a minus turns an axis round"`
	// DeadZone of the gamepad's axes, of 1.
	DeadZone float64 `param:"dead_zone" min:"0" max:"0.9" desc:"dead zone of the gamepad's axes"`
	// LinearSpeed and AngularSpeed at full deflection, or while a key is held [m/s], [rad/s].
	LinearSpeed  float64 `param:"linear_speed_m_s" unit:"m/s" min:"0" max:"2" desc:"speed at full deflection" dynamic:"true"`
	AngularSpeed float64 `param:"angular_speed_rad_s" unit:"rad/s" min:"0" max:"3" desc:"turn rate at full deflection" dynamic:"true"`
	// SlowFactor of speeds while slow is held.
	SlowFactor float64 `param:"slow_factor" min:"0.05" max:"1" desc:"factor of speeds while slow is held"`
	// CmdTimeout: a velocity on teleop/cmd_vel older than this is a stop [s].
	CmdTimeout float64 `param:"cmd_timeout_s" unit:"s" min:"0.05" max:"0.5" desc:"an older velocity on teleop/cmd_vel is a stop"`

	// Script leads instead of a person, in simulation only: the name of one that
	// ships with the program (wave, reach, square), or a file. "" is a person.
	Script string `param:"script" desc:"in simulation, leads instead of a person: wave, reach, square, or a file"`
	// Sessions of the script, one after the other; each takes over, plays and gives back.
	Sessions int `param:"sessions" min:"1" max:"10000" desc:"how many times the script is played"`
	// Seed of the sessions' variations; 0 plays the script as it is written.
	Seed int `param:"seed" min:"0" desc:"seed of the sessions' variations; 0 for none"`
	// Record starts and stops the recorder with each session.
	Record bool `param:"record" desc:"start and stop the recorder with each session of the script"`
}

// DefaultConfig is for leader arms, with no device.
func DefaultConfig() Config {
	return Config{
		Link: "software", Parts: "both",
		Rate: 100, Steps: 3, StepPeriod: 0.02,
		LeaderTimeout: 0.12, LeaderSpeed: 8, LeaderSkew: 0.05,
		Align: "ramp", AlignTolerance: 0.03, AlignSpeed: 0.2, MaxLag: 0.6, GripperScale: 1,
		Grab: true,
		Keys: []string{
			"take_over=KEY_F9", "estop=KEY_ESC", "estop=KEY_SPACE", "record=KEY_F10", "discard=KEY_F11", "mark=KEY_F12",
			"forward=KEY_W", "back=KEY_S", "left=KEY_A", "right=KEY_D", "slow=KEY_LEFTSHIFT",
			"forward=KEY_UP", "back=KEY_DOWN", "left=KEY_LEFT", "right=KEY_RIGHT",
		},
		Buttons: []string{
			"deadman=BTN_TL", "slow=BTN_TR", "take_over=BTN_START", "estop=BTN_EAST",
			"record=BTN_SOUTH", "discard=BTN_SELECT", "mark=BTN_WEST",
		},
		Axes:     []string{"linear=-ABS_Y", "angular=-ABS_RX"},
		DeadZone: 0.08, LinearSpeed: 0.3, AngularSpeed: 0.5, SlowFactor: 0.3, CmdTimeout: 0.25,
		Sessions: 1,
	}
}

// check finds what no single parameter's range can.
func (c Config) check() error {
	if c.StepPeriod*c.Rate < 1 {
		return fmt.Errorf("teleop: step_period_s %g is shorter than the %g s between two chunks at rate_hz %g: the arms would stop at every step", c.StepPeriod, 1/c.Rate, c.Rate)
	}
	return nil
}

// parts are those to take. A hardware link moves the arms by itself: they can't be taken.
func (c Config) parts() uint8 {
	p := map[string]uint8{"both": msgs.Arms | msgs.Base, "arms": msgs.Arms, "base": msgs.Base}[c.Parts]
	if c.Link == "hardware" {
		p &^= msgs.Arms
	}
	return p
}

// Actions of keys and buttons.
const (
	doTakeOver = "take_over"
	doEstop    = "estop"
	doRecord   = "record"
	doDiscard  = "discard"
	doMark     = "mark"
	doDeadman  = "deadman"
	doForward  = "forward"
	doBack     = "back"
	doLeft     = "left"
	doRight    = "right"
	doSlow     = "slow"
)

var actions = []string{doTakeOver, doEstop, doRecord, doDiscard, doMark, doDeadman, doForward, doBack, doLeft, doRight, doSlow}

// bindings is what a device's keys and axes do.
type bindings struct {
	keys map[input.Code]string
	axes map[input.Code]axis
}

// axis drives linear or angular, in one of its two senses.
type axis struct {
	angular bool
	sign    float64
}

// parseKeys reads the parameters keys and buttons.
func parseKeys(param string, lines []string) (map[input.Code]string, error) {
	out := map[input.Code]string{}
	for _, line := range lines {
		action, name, ok := strings.Cut(line, "=")
		action = strings.TrimSpace(action)
		if !ok || !contains(actions, action) {
			return nil, fmt.Errorf("teleop: %s: %q is not action=CODE with an action of %s", param, line, strings.Join(actions, ", "))
		}
		c, err := input.ParseCode(name)
		if err != nil {
			return nil, fmt.Errorf("teleop: %s: %q: %w", param, line, err)
		}
		if c.IsAxis() {
			return nil, fmt.Errorf("teleop: %s: %q: %v is an axis: it belongs to the parameter axes", param, line, c)
		}
		if other, ok := out[c]; ok && other != action {
			return nil, fmt.Errorf("teleop: %s: %v does both %s and %s", param, c, other, action)
		}
		out[c] = action
	}
	return out, nil
}

// parseAxes reads the parameter axes.
func parseAxes(lines []string) (map[input.Code]axis, error) {
	out := map[input.Code]axis{}
	for _, line := range lines {
		what, name, ok := strings.Cut(line, "=")
		what = strings.TrimSpace(what)
		if !ok || what != "linear" && what != "angular" {
			return nil, fmt.Errorf("teleop: axes: %q is not linear=ABS_… or angular=ABS_…", line)
		}
		a := axis{angular: what == "angular", sign: 1}
		name = strings.TrimSpace(name)
		if rest, turned := strings.CutPrefix(name, "-"); turned {
			name, a.sign = rest, -1
		}
		c, err := input.ParseCode(name)
		if err != nil || !c.IsAxis() {
			return nil, fmt.Errorf("teleop: axes: %q: %q is no axis: use the kernel's names, as in ABS_Y", line, name)
		}
		out[c] = a
	}
	return out, nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func loadRobot(path string) (calibration.Robot, error) {
	if path == "" {
		return calibration.Default(), nil
	}
	return calibration.Load(path)
}

func seconds(v float64) time.Duration { return time.Duration(math.Round(v * float64(time.Second))) }
