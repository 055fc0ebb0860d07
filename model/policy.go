// Package model holds the policies and what they need to run. A node knows no
// more of a model than this file: it hands over an Observation, gets action
// steps as their tokens are decoded, and at the end the whole Action.
package model

import (
	"context"
	"time"

	"cobot_vla/model/checkpoint"
)

// Policy decides what the robot does next.
type Policy interface {
	// Manifest says what robot the policy was made for.
	Manifest() checkpoint.Manifest
	// Warm makes the first Act as fast as the later ones; a node calls it before it reports ready.
	Warm(ctx context.Context) error
	// Reset forgets the episode so far: a new instruction, or an operator's takeover.
	Reset()
	// Act decides on one observation. emit, which may be nil, is called with each
	// step of a manipulation action as soon as it is decided, in order; it must
	// not block. The returned Action holds them all. One call at a time.
	Act(ctx context.Context, obs Observation, emit func(step int, values []float64, tokens []uint32)) (Action, error)
	// Close frees what the policy holds.
	Close() error
}

// Observation is what the robot sees, feels and was told, at one time.
type Observation struct {
	// Stamp of the composite image, on the robot's clock.
	Stamp time.Time
	// Instruction in words.
	Instruction string
	// Mobile asks for the unified action space: the <Navigation> token follows the instruction.
	Mobile bool
	// Image is the composite, RGB, row-major, 3 bytes a pixel.
	Image         []byte
	Width, Height int
	// Views are the rectangles of the cameras in Image.
	Views []View
	// State is the proprioception the manifest lists, in its order: SI values and their bins (digits 1..256).
	State []float64
	Bins  []uint16
	// Truth is the simulator's ground truth; empty unless the policy's manifest says needs_ground_truth.
	Truth map[string]Pose
}

// View is one camera's rectangle in the composite image.
type View struct {
	Name                string
	X, Y, Width, Height int
	Age                 time.Duration
	Missing             bool
}

// Pose of a frame in the simulator's world: metres, unit quaternion x, y, z, w.
type Pose struct {
	Position    [3]float64
	Orientation [4]float64
}

// Action is a decision: a navigation goal, or a chunk of manipulation steps, never both.
type Action struct {
	// Navigation is set when the policy drives; nil when it manipulates.
	Navigation *Navigation
	// Steps are the manipulation targets: chunk x the manifest's action names, SI.
	Steps [][]float64
	// Tokens of the steps, chunk x names; nil for a continuous policy.
	Tokens [][]uint32
	// Done says that the policy holds its task to be finished.
	Done bool
	// Timings of the stages, in the order they ran.
	Timings []Timing
}

// Navigation is a goal for the base.
type Navigation struct {
	Direction                  uint8   // token.Forward, TurnLeft, TurnRight or Stop
	Value                      float64 // [m] or [rad]
	DirectionToken, ValueToken uint32
}

// Timing is how long one stage took.
type Timing struct {
	Stage string
	Took  time.Duration
}
