package scene

import (
	"fmt"
	"strings"
	"time"
)

// Task is one thing to do: how it is asked for, where it starts, and when it is done.
type Task struct {
	// Name, e.g. fetch_bottle.
	Name string
	// Instructions in words, as training data phrase them.
	Instructions []string
	// Unseen are phrasings kept apart for evaluation.
	Unseen []string
	// Mobile tasks need the base: the policy is given its <Navigation> token.
	Mobile bool
	// Limit is the simulated time after which an attempt has failed.
	Limit time.Duration
	// Steps is the number of policy steps after which an attempt has failed.
	Steps int
	// Sample draws a start; the same seed and ranges give the same scene.
	Sample func(seed uint64, r Ranges) Scene
	// Judge returns a fresh judge for an attempt that starts in the scene.
	Judge func(s Scene) Judge
}

// Judge decides whether an attempt has succeeded. It is a state machine
// without a clock of its own: Update is called as the world goes on, at least
// every MaxGap of the world's time, and success is latched.
type Judge interface {
	Update(v View) Verdict
}

// MaxGap is the longest time between two updates over which a judge believes
// that what held at both held in between; after a longer one a hold starts anew.
const MaxGap = 250 * time.Millisecond

// Verdict of a Judge.
type Verdict struct {
	// Success, once true, stays true.
	Success bool
	// Over says that the attempt has ended: by success, by time, or because the task can't be done any more.
	Over bool
	// Progress is 0 to 1, and 1 with success only.
	Progress float64
	// Reason says in words what is missing, or how it ended.
	Reason string
}

// Ranges of the start's variation.
type Ranges struct {
	// Base: x and y of the robot's start vary by ± this [m]; default 0.10.
	Base float64
	// Yaw: the robot's heading varies by ± this [rad]; default 10°.
	Yaw float64
	// Object: x and y of the task's object vary by ± this [m]; default 0.05.
	Object float64
	// Clutter is how many other objects stand on the table, 0 to 4; default 4. Each costs time in every physics step.
	Clutter int
}

// DefaultRanges are those the demo's verification uses.
func DefaultRanges() Ranges {
	return Ranges{Base: 0.10, Yaw: 10 * degree, Object: 0.05, Clutter: 4}
}

// Tasks are all tasks, in a fixed order.
func Tasks() []Task {
	return []Task{fetchBottle(), openDrawer(), closeDrawer(), clickBell(), pickBlock()}
}

// ByName returns a task.
func ByName(name string) (Task, error) {
	var names []string
	for _, t := range Tasks() {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return Task{}, fmt.Errorf("task %q is unknown: use one of %s", name, strings.Join(names, ", "))
}
