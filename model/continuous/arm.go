package continuous

import (
	"fmt"

	"cobot_vla/calibration"
	"cobot_vla/model/checkpoint"
)

// ForArm is a manifest for one arm of a robot, which sees by the front camera and
// that on the arm: the paper's setup on a Cobot-Magic. What it leaves to decide is
// Kind, Name, Continuous, and a chunk where that is not 1.
func ForArm(robot calibration.Robot, side string) (checkpoint.Manifest, error) {
	arm, ok := robot.Arm(side)
	if !ok {
		return checkpoint.Manifest{}, fmt.Errorf("the robot %s has no %s arm", robot.Name, side)
	}
	var names []string
	for _, j := range arm.Joints {
		names = append(names, j.Name)
	}
	names = append(names, arm.Gripper.Name)
	m := checkpoint.Manifest{
		Version: 1, Robot: robot.Name,
		Action:         checkpoint.ActionSpec{Names: names, Mode: "absolute", Chunk: 1, Period: 0.1},
		Proprioception: names, Cameras: []string{"front", side}, Layout: "tiles", Statistics: "statistics.yaml",
		ActionBins: 256, ActionEdges: "uniform", MaxObservationAge: 5,
	}
	for _, name := range m.Cameras {
		if _, ok := robot.Camera(name); !ok {
			return m, fmt.Errorf("the robot %s has no %s camera", robot.Name, name)
		}
	}
	return m, nil
}

// Paper is how the paper's real robot was run, as far as it says: seven steps of
// history that grow and slide, the second of three predictions, a gripper's width.
func Paper() checkpoint.ContinuousSpec {
	return checkpoint.ContinuousSpec{
		History: 7, Slide: 1, Selection: "second", EnsembleDecay: EnsembleDecay,
		Gripper: "width", GripperOne: "open", State: "standard",
	}
}
