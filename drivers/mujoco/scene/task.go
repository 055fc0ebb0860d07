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
	// Handled is the object whose side of the table says which arm does the task; empty where both do, or the base drives first.
	Handled string
	// Limit is the simulated time after which an attempt has failed.
	Limit time.Duration
	// Steps is the number of policy steps after which an attempt has failed.
	Steps int
	// Sample draws a start, again until its objects keep clear of each other. part
	// scales the task's ranges, 0 for the middle, 1 for all of them; the same seed and part give the same scene.
	Sample func(seed uint64, part float64) Scene
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

// Scene draws a start with domain randomisation: Sample over the whole of the task's ranges, then v.
func (t Task) Scene(seed uint64, v Variation) Scene { return v.Vary(t.Sample(seed, 1)) }

// Arm is the arm that does the task from a start: left or right; empty where both do, or the base drives first.
func (t Task) Arm(s Scene) string {
	o, ok := s.Object(t.Handled)
	switch {
	case !ok:
		return ""
	case o.Pose.Position[1] < s.Robot.Y:
		return "right"
	}
	return "left"
}

// Instruction is the words of an attempt: drawn from those training data use,
// or, when v asks for it, from the others.
func (t Task) Instruction(seed uint64, v Variation) string {
	words := t.Instructions
	if v.Wording {
		words = t.Unseen
	}
	return words[newDraw(seed, wordsStream, 1).rng.IntN(len(words))]
}

// Tasks are all tasks, in a fixed order: those that are trained first come first.
func Tasks() []Task {
	return []Task{
		clickBell(), closeDrawer(), pickBlock(), liftPot(), fetchBottle(),
		pickSponge(), stackBlocks(), stackCups(), stackBowls(), packBottles(), restoreBottle(), openDrawer(),
	}
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
