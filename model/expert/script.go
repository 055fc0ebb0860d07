package expert

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"cobot_vla/calibration/kinematics"
	"cobot_vla/model"

	"gonum.org/v1/gonum/spatial/r3"
)

// script solves one task: functions of what one observation says, without memory.
type script struct {
	// name of the task, as the simulator has it.
	name string
	// nouns are words of which an instruction for the task has at least one.
	nouns []string
	// needs are the frames of ground truth it reads besides base_link.
	needs []string
	// step decides where both arms should be one step on.
	step func(p *Policy, w *world) ([2]target, error)
	// drive is the next navigation goal, nil when it is the arms' turn; a task at the table has none.
	drive func(p *Policy, w *world, mobile bool) (*model.Navigation, error)
	// done reports whether nothing is left to do.
	done func(p *Policy, w *world) bool
	// grasps are the places at which hands take hold of things.
	grasps []grasp
	// imagine moves what a step pushes; what hands hold moves with them by itself.
	imagine func(p *Policy, w *world, before [2]armState)
	// poses are joint angles that together span all that arm i does: they give the statistics their ranges.
	poses func(p *Policy, i int) ([][6]float64, error)
}

// scripts are all tasks the expert knows.
func scripts() []script {
	return []script{clickBell(), closeDrawer(), pickBlock(), liftPot(), fetchBottle(), pickSponge(), stackBlocks(), stackCups(), stackBowls(), packBottles(), restoreBottle(), openDrawer()}
}

// Tasks are the names of the tasks that the expert does.
func Tasks() []string {
	var names []string
	for _, s := range scripts() {
		names = append(names, s.name)
	}
	return names
}

// taskFrame begins the name of the frame by which ground truth says what the task is.
const taskFrame = "task/"

// script finds the script for an observation: that of Config.Task, else of the task the simulator says it judges.
func (p *Policy) script(obs model.Observation) (script, error) {
	name := p.cfg.Task
	if name == "" {
		for frame := range obs.Truth {
			if task, ok := strings.CutPrefix(frame, taskFrame); ok && (name == "" || task < name) {
				name = task
			}
		}
	}
	if name == "" {
		return script{}, fmt.Errorf("%w: the observation lacks the frame %sNAME that says what the task is; the expert runs only in the simulator", ErrTruth, taskFrame)
	}
	i := slices.IndexFunc(p.scripts, func(s script) bool { return s.name == name })
	if i < 0 {
		return script{}, fmt.Errorf("%w: it has no script for %s; it knows %s", ErrInstruction, name, strings.Join(Tasks(), ", "))
	}
	return p.scripts[i], p.Understands(name, obs.Instruction)
}

// Understands reports an error when an instruction does not speak of a task's things.
func (p *Policy) Understands(task, instruction string) error {
	i := slices.IndexFunc(p.scripts, func(s script) bool { return s.name == task })
	if i < 0 {
		return fmt.Errorf("%w: it has no script for %s; it knows %s", ErrInstruction, task, strings.Join(Tasks(), ", "))
	}
	nouns, words := p.scripts[i].nouns, strings.ToLower(instruction)
	for _, noun := range nouns {
		if strings.Contains(words, noun) {
			return nil
		}
	}
	return fmt.Errorf("%w: the task is %s, but instruction %q does not speak of the %s", ErrInstruction, task, instruction, strings.Join(nouns, " or "))
}

// grasp is a place at which fingers close on a thing.
type grasp struct {
	thing string
	at    r3.Vec  // in the thing's frame [m]
	width float64 // between the fingers there [m]
	give  float64 // how much the width may differ [m]; 0 for 5 mm
	round bool    // the thing looks the same from everywhere: at is turned to where the fingers open along it
}

// point is where a grasp is, in arm i's frame.
func (p *Policy) point(w *world, i int, g grasp) r3.Vec {
	if g.round {
		return p.rim(w, i, g)
	}
	return p.arms[i].inverse.Apply(w.things[g.thing].Apply(g.at))
}

// rim is where fingers that point along the arm's bearing open across the rim of a round thing.
// At the bearing b of a place beside the middle c by r lies c's distance to that line: c × (cos b, sin b) = r.
func (p *Policy) rim(w *world, i int, g grasp) r3.Vec {
	t := p.arms[i].inverse.Mul(w.things[g.thing])
	bearing := math.Atan2(t.P.Y, t.P.X) + math.Asin(clamp(g.at.Y/max(math.Hypot(t.P.X, t.P.Y), 1e-3), 1))
	sin, cos := math.Sincos(bearing)
	across := r3.Vec{X: -sin, Y: cos}
	across = r3.Sub(across, r3.Scale(r3.Dot(across, t.Z), t.Z)) // in the plane of a rim that hangs askew
	return r3.Add(r3.Add(t.P, r3.Scale(g.at.Y/max(r3.Norm(across), 1e-3), across)), r3.Scale(g.at.Z, t.Z))
}

// around reports whether arm i's fingers are around a grasp, as loosely as slack says.
func (p *Policy) encloses(w *world, i int, g grasp, slack float64) bool {
	d := p.arms[i].arm.FK(w.arms[i].joints).Inverse().Apply(p.point(w, i, g))
	return abs(d.Y) <= 0.010*slack && abs(d.Z) <= 0.013*slack && abs(d.X) <= 0.013*slack
}

// grips reports whether arm i holds a thing: it is between fingers that were told
// to close and stand at its width.
func (p *Policy) grips(w *world, i int, g grasp) bool {
	a, give := w.arms[i], g.give
	if give == 0 {
		give = 0.005
	}
	return a.command < a.width-0.003 && abs(a.width-g.width) < give && p.encloses(w, i, g, 2.2)
}

// imagine moves the world to where the targets bring it.
func (p *Policy) imagine(s script, w *world, t [2]target) {
	before := w.arms
	moved := map[string]bool{}
	for i := range w.arms {
		arm := p.arms[i]
		a := &w.arms[i]
		from, to := arm.mount.Mul(arm.arm.FK(a.joints)), arm.mount.Mul(arm.arm.FK(t[i].joints))
		stop := 0.0 // what the fingers close on
		for _, g := range s.grasps {
			holds := p.grips(w, i, g)
			if holds || p.encloses(w, i, g, 1.8) {
				stop = g.width
			}
			if holds && !moved[g.thing] {
				w.things[g.thing] = to.Mul(from.Inverse()).Mul(w.things[g.thing])
				moved[g.thing] = true
			}
		}
		next := a.width + clamp(t[i].width-a.width, fingerStep)
		if a.width >= stop {
			next = max(next, stop)
		}
		a.joints, a.command, a.width = t[i].joints, t[i].width, next
	}
	if s.imagine != nil {
		s.imagine(p, w, before)
	}
}

// fingerStep is how far fingers get in a step [m]: a little less than the gripper's speed allows.
const fingerStep = 0.008

func abs(x float64) float64 { return max(x, -x) }

func clamp(x, limit float64) float64 { return max(-limit, min(limit, x)) }

// transform of a truth's pose.
func transform(pose model.Pose) kinematics.Transform {
	return kinematics.FromQuaternion(pose.Position, pose.Orientation)
}
