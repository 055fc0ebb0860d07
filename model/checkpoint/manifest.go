// Package checkpoint reads policies from disk: the files Hugging Face ships,
// and manifest.yaml, which binds a checkpoint to a robot.
package checkpoint

// Manifest binds a policy to a robot. At start the policy node and the drivers
// compare it with the robot's calibration and refuse, naming the field, when they disagree.
type Manifest struct {
	// Version of the file format; 1.
	Version int `yaml:"version"`
	// Kind of policy: llavavla, vitavla, seer, expert or replay.
	Kind string `yaml:"kind"`
	// Name for people.
	Name string `yaml:"name"`
	// Robot is the name of the calibration it was made for, e.g. cobot_magic.
	Robot string `yaml:"robot"`
	// Action is what it commands.
	Action ActionSpec `yaml:"action"`
	// Proprioception lists the state it reads, by name: joints and grippers, base_linear and
	// base_angular, and a gripper's commanded width, e.g. left_gripper_command.
	Proprioception []string `yaml:"proprioception,flow"`
	// ProprioceptionInput is tokens (one a number; a file without it means this) or mlp (all numbers become one vector by
	// the network's own layers).
	ProprioceptionInput string `yaml:"proprioception_input,omitempty"`
	// Cameras in the order of the composite, by calibration name.
	Cameras []string `yaml:"cameras,flow"`
	// Layout of the composite: stack, stack3, mosaic4 or tiles.
	Layout string `yaml:"layout"`
	// ImageWidth and ImageHeight of the composite [px]; 0 for the layout's own size.
	ImageWidth  int `yaml:"image_width"`
	ImageHeight int `yaml:"image_height"`
	// ImageTokens is merged (the composite is one image to the network; a file without it means this) or concatenated
	// (every view is encoded by itself, and their tokens follow each other).
	ImageTokens string `yaml:"image_tokens,omitempty"`
	// Statistics is the path of statistics.yaml, relative to the manifest.
	Statistics string `yaml:"statistics"`
	// ActionTokenTop is T in id = T - digit: the tokenizer's base vocabulary without added tokens (151643 for Qwen2).
	ActionTokenTop uint32 `yaml:"action_token_top"`
	// ActionBins is the number of bin edges over -1..1; 256, which is also what a file without it means.
	ActionBins int `yaml:"action_bins,omitempty"`
	// ActionEdges places them: uniform (a file without it means this) or norm, LLaVA-VLA's use_norm_bins.
	ActionEdges string `yaml:"action_edges,omitempty"`
	// Navigation is set when the policy can drive.
	Navigation *NavigationSpec `yaml:"navigation,omitempty"`
	// Continuous is set when the policy predicts numbers instead of tokens: vitavla and seer.
	Continuous *ContinuousSpec `yaml:"continuous,omitempty"`
	// MaxObservationAge: a chunk whose observation is older on arrival is refused whole [s].
	MaxObservationAge float64 `yaml:"max_observation_age_s"`
	// NeedsGroundTruth: it runs only where a simulator publishes /sim/ground_truth.
	NeedsGroundTruth bool `yaml:"needs_ground_truth,omitempty"`
}

// ActionSpec is the shape and meaning of a chunk.
type ActionSpec struct {
	// Names of the joints and grippers, in the order of the values.
	Names []string `yaml:"names,flow"`
	// Mode is absolute or delta.
	Mode string `yaml:"mode"`
	// Chunk is the number of steps.
	Chunk int `yaml:"chunk"`
	// Period between two steps, the same in recording, training and running [s].
	Period float64 `yaml:"period_s"`
}

// NavigationSpec is the range of the value token and the ids of the direction tokens.
type NavigationSpec struct {
	// MaxForward: the value bins span [0, MaxForward] metres.
	MaxForward float64 `yaml:"max_forward_m"`
	// MaxTurn: the value bins span [0, MaxTurn] radians.
	MaxTurn float64 `yaml:"max_turn_rad"`
	// Tokens is how driving is said: direction (a direction and a value token, or stop and the steps; a file without it
	// means this), or values (a forward and a turn value token before every chunk, as if they were joints).
	Tokens string `yaml:"tokens,omitempty"`
	// DirectionTokens are the ids of forward, turn left, turn right, stop.
	DirectionTokens [4]uint32 `yaml:"direction_tokens,flow"`
}

// ContinuousSpec is how a policy that predicts numbers looks back, feels and acts.
// Its action and its proprioception are six joints of an arm and its gripper, in that order.
//
// A predicted joint of -1..1 spans the statistics' action range, and so does a gripper's 0..1.
type ContinuousSpec struct {
	// History is how many steps it decides from, the present one included: 10 and 7
	// in the paper (CALVIN, LIBERO), 1 for the present alone.
	History int `yaml:"history"`
	// Fill repeats the newest step until the history is full, as the CALVIN
	// evaluation does with VITA-VLA; without it the history grows. Seer's answer is the same either way.
	Fill bool `yaml:"fill"`
	// Slide is how many of the oldest steps leave a full history at once: 1 is the
	// original's window. More make a network that keeps what it read read everything
	// again only every so many steps, and decide from fewer in between.
	Slide int `yaml:"slide"`
	// Selection is what is done of the predicted steps: first or second (one step, then
	// it decides anew), ensemble (one step, the mean of all predictions for its time), all (open loop).
	Selection string `yaml:"selection"`
	// EnsembleDecay k: the i-th oldest prediction for a time weighs exp(-k i); 0.01.
	EnsembleDecay float64 `yaml:"ensemble_decay"`
	// Gripper is binary (open or closed, in the state too) or width.
	Gripper string `yaml:"gripper"`
	// GripperOne is what a binary gripper's probability of 1 means: open or closed.
	GripperOne string `yaml:"gripper_one"`
	// State is raw (SI) or standard: (x - mean) / std of the statistics. A binary gripper is a class either way.
	State string `yaml:"state"`
	// Relative is how far from where it was measured a joint is sent at most, when what is predicted counts from there [rad];
	// 0 when it is a place in the statistics' range, as in the original. The gripper is always a place in its range.
	Relative float64 `yaml:"relative,omitempty"`
}
