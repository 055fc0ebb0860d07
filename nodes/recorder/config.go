package recorder

import (
	"fmt"
	"strings"
	"time"

	"cobot_vla/nodes/rcl"
)

// Config is the node's parameters.
//
// A topic is a line "name type", "name type latched" or "name type event": name as ROS 2
// resolves it, below the node's namespace unless it begins with '/'. Without a type the
// topic must be published when an episode starts, and its publisher says the type.
// latched topics are those whose last message counts for who comes later. An event's
// messages come when something is decided or happens. Neither is dead when it is silent;
// what has no such word is periodic.
type Config struct {
	// Directory of the episodes' folders; relative to where the program was started.
	Directory string `param:"directory" desc:"folder of the episodes"`
	// Episode is the name of the next episode, episode_ and a number; empty counts on. A
	// collector names episodes by their seed.
	Episode string `param:"episode" desc:"name of the next episode, e.g. episode_000012; empty counts on"`
	// Cameras are the namespaces of required cameras. Of each, color/image_raw/compressed
	// is recorded where it is published, else color/image_raw, and color/camera_info.
	// The first is the reference of the streams' skew.
	Cameras []string `param:"cameras" desc:"namespaces of the cameras; every one is required"`
	// Required topics: an episode does not start without them.
	Required []string `param:"required" desc:"topics without which no episode starts"`
	// Optional topics are recorded when something is published on them.
	Optional []string `param:"optional" desc:"topics that are recorded when they are there"`
	// Calibration of the robot, kept whole in every episode.
	Calibration string `param:"calibration" desc:"the robot's calibration file; empty for the factory default"`
	// Task, unless a request says another; empty takes the newest instruction.
	Task string `param:"task" dynamic:"true" desc:"what the robot is to do; empty takes the newest instruction"`
	// Operator who leads, unless a request says another.
	Operator string `param:"operator" dynamic:"true" desc:"who leads"`
	// ArmTimeout is how long a start waits for the streams [s].
	ArmTimeout float64 `param:"arm_timeout_s" unit:"s" min:"0.2" max:"60" desc:"longest wait of a start for the required streams"`
	// MaxLatency between a stamp and its arrival at a start [s]: more means that two
	// machines' clocks differ.
	MaxLatency float64 `param:"max_latency_s" unit:"s" min:"0.001" max:"10" desc:"a start refuses streams stamped farther from their arrival"`
	// MaxJump of this machine's clock against its steady one [s].
	MaxJump float64 `param:"max_clock_jump_s" unit:"s" min:"0.001" max:"10" desc:"a start refuses while the clock jumps by more"`
	// DeadAfter is the silence after which a periodic stream is reported dead [s]. The episode goes on.
	DeadAfter float64 `param:"dead_after_s" unit:"s" min:"0.1" max:"60" desc:"a periodic stream silent for longer is reported dead"`
	// FlushInterval bounds what a crash can cost [s]; shorter compresses worse.
	FlushInterval float64 `param:"flush_interval_s" unit:"s" min:"0.05" max:"1" desc:"what a crash can cost at most"`
	// Queue between callbacks and disk [MiB]: how long a stalled disk is forgiven.
	// Three cameras in JPEG fill 10 MiB a second, raw ones 85.
	Queue int `param:"queue_mib" unit:"MiB" min:"1" max:"65536" desc:"room for messages that wait for the disk"`
	// MinFree room on the disk [MiB]: with less no episode starts, and with a quarter
	// of it a running one ends.
	MinFree int `param:"min_free_mib" unit:"MiB" min:"0" max:"1048576" desc:"with less room on the disk no episode starts"`
	// Repair finishes episodes that were interrupted, when the node starts.
	Repair bool `param:"repair" desc:"finish interrupted episodes when the node starts"`
}

// DefaultConfig records a Cobot-Magic with all that the suite publishes.
func DefaultConfig() Config {
	return Config{
		Directory: "episodes",
		Cameras:   []string{"camera_f", "camera_l", "camera_r"},
		Required: []string{
			"puppet/joint_left sensor_msgs/msg/JointState",
			"puppet/joint_right sensor_msgs/msg/JointState",
		},
		Optional: []string{
			"master/joint_left sensor_msgs/msg/JointState",
			"master/joint_right sensor_msgs/msg/JointState",
			"arms/command sensor_msgs/msg/JointState",
			"odom nav_msgs/msg/Odometry",
			"cmd_vel geometry_msgs/msg/Twist event",
			"/tf tf2_msgs/msg/TFMessage",
			"/tf_static tf2_msgs/msg/TFMessage latched",
			"joint_states sensor_msgs/msg/JointState",
			"robot_description std_msgs/msg/String latched",
			"instruction std_msgs/msg/String latched",
			"observation/image sensor_msgs/msg/Image",
			"observation/views cobot_vla/msg/Views",
			"observation/proprioception cobot_vla/msg/ProprioTokens",
			"policy/navigation cobot_vla/msg/NavigationToken event",
			"policy/manipulation cobot_vla/msg/ActionChunk event",
			"base/status cobot_vla/msg/MotionStatus event",
			"supervisor/authority cobot_vla/msg/Authority",
			"supervisor/parts cobot_vla/msg/PartStatus",
			"teleop/correction std_msgs/msg/Bool latched",
			"estop std_msgs/msg/Bool event",
			"/diagnostics diagnostic_msgs/msg/DiagnosticArray",
			"sim/ground_truth tf2_msgs/msg/TFMessage",
			"sim/verdict cobot_vla/msg/TaskVerdict latched",
		},
		ArmTimeout: 5, MaxLatency: 0.5, MaxJump: 0.05, DeadAfter: 1, FlushInterval: 0.5,
		Queue: 512, MinFree: 2048, Repair: true,
	}
}

// wanted is one topic that may be recorded.
type wanted struct {
	topic, typeName string
	latched         bool
	event           bool
	required        bool
	depth           int
	// raw is recorded in its place where nobody publishes it.
	raw *wanted
}

// Queues between the transport and the node: a second of pictures, five of arms.
const (
	pictureDepth = 30
	streamDepth  = 1000
)

// periodic topics are never silent for long.
func (w wanted) periodic() bool { return !w.latched && !w.event }

func parseTopic(line string, required bool) (wanted, error) {
	w := wanted{required: required, depth: streamDepth}
	words := strings.Fields(line)
	if len(words) == 3 {
		w.latched, w.event = words[2] == "latched", words[2] == "event"
		if w.latched || w.event {
			words = words[:2]
		}
	}
	switch len(words) {
	case 2:
		w.typeName = words[1]
		fallthrough
	case 1:
		w.topic = words[0]
	default:
		return w, fmt.Errorf("recorder: topic %q: write NAME, NAME TYPE, NAME TYPE latched or NAME TYPE event, e.g. odom nav_msgs/msg/Odometry", line)
	}
	switch w.typeName {
	case "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage":
		w.depth = pictureDepth
	}
	return w, nil
}

// topics are all that the configuration names.
func (c Config) topics() ([]wanted, error) {
	var all []wanted
	for _, ns := range c.Cameras {
		raw := wanted{topic: ns + "/color/image_raw", typeName: "sensor_msgs/msg/Image", required: true, depth: pictureDepth}
		all = append(all, wanted{
			topic: raw.topic + "/compressed", typeName: "sensor_msgs/msg/CompressedImage", required: true, depth: pictureDepth, raw: &raw,
		}, wanted{topic: ns + "/color/camera_info", typeName: "sensor_msgs/msg/CameraInfo", depth: pictureDepth})
	}
	for _, list := range []struct {
		lines    []string
		required bool
	}{{c.Required, true}, {c.Optional, false}} {
		for _, line := range list.lines {
			w, err := parseTopic(line, list.required)
			if err != nil {
				return nil, err
			}
			all = append(all, w)
		}
	}
	return all, nil
}

// quality to ask for, so that every publisher is heard and no message lost that need not be.
func (w wanted) quality(offers []rcl.EndpointInfo) rcl.QoS {
	q := rcl.QoS{Depth: w.depth}
	if len(offers) == 0 {
		q.Reliability = rcl.BestEffort
		if w.latched {
			q.Reliability, q.Durability = rcl.Reliable, rcl.TransientLocal
		}
		return q
	}
	q.Durability = rcl.TransientLocal
	for _, o := range offers {
		if o.QoS.Reliability == rcl.BestEffort {
			q.Reliability = rcl.BestEffort
		}
		if o.QoS.Durability == rcl.Volatile {
			q.Durability = rcl.Volatile
		}
	}
	return q
}

func span(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
