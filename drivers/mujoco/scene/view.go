package scene

import (
	"fmt"
	"time"
)

// View is what a Judge may know of a running world.
type View interface {
	// Time since the world began.
	Time() time.Duration
	// Pose of a named object, table, BaseLink or GripperTip in the world.
	Pose(name string) (Pose, bool)
	// Joint is the value of an object's joint: a drawer's opening, a button's travel [m].
	Joint(name string) (float64, bool)
	// Contacts are the names of all that touches the named thing now, sorted: objects, tables, "floor" and parts of the robot.
	Contacts(name string) []string
}

// BaseLink is the robot's base: on the floor under the middle of the wheel axle, x forward.
const BaseLink = "base_link"

// TaskFrame is the frame by which ground truth names the task that is judged; it lies at the world's origin.
func TaskFrame(task string) string { return "task/" + task }

// Sides are the follower arms, in calibration's order.
var Sides = [2]string{"left", "right"}

// GripperTip is the frame between the fingertips of a side, the point that
// grasps: z along the fingers, y the direction in which they open.
func GripperTip(side string) string { return side + "_gripper_tip" }

// Finger is finger 1 (towards -y of the gripper) or 2 (towards +y) of a side.
func Finger(side string, number int) string { return fmt.Sprintf("%s_finger%d", side, number) }

// Link is link 0 (the arm's base) to 6 (with the gripper's body) of a side.
func Link(side string, number int) string { return fmt.Sprintf("%s_link%d", side, number) }

// RobotPart says whether a name in contacts is a part of the robot.
func RobotPart(name string) bool {
	if name == BaseLink || name == "left_wheel" || name == "right_wheel" {
		return true
	}
	for _, side := range Sides {
		if name == Finger(side, 1) || name == Finger(side, 2) {
			return true
		}
		for i := 0; i <= 6; i++ {
			if name == Link(side, i) {
				return true
			}
		}
	}
	return false
}

// gripOf returns the side whose two fingers touch, and are all that touches; ok is false otherwise.
func gripOf(contacts []string) (side string, ok bool) {
	if len(contacts) != 2 {
		return "", false
	}
	for _, side := range Sides {
		if contains(contacts, Finger(side, 1)) && contains(contacts, Finger(side, 2)) {
			return side, true
		}
	}
	return "", false
}

// bothFingers returns the side whose two fingers touch, whatever else does.
func bothFingers(contacts []string) (side string, ok bool) {
	for _, side := range Sides {
		if contains(contacts, Finger(side, 1)) && contains(contacts, Finger(side, 2)) {
			return side, true
		}
	}
	return "", false
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}
