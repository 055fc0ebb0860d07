package scene

import (
	"fmt"
	"math"
)

// stackJudge wants one thing to stand on, or in, another, upright and let go of, for half a second.
type stackJudge struct {
	attempt
	upper, lower string
	beside       float64 // most that their axes are apart [m]
	low, high    float64 // the upper's underside above the lower's [m]
	height       float64 // of the table [m]
	held         hold
}

func (j *stackJudge) Update(v View) Verdict {
	if j.closed(v) {
		return j.verdict
	}
	upper, ok := v.Pose(j.upper)
	lower, also := v.Pose(j.lower)
	if !ok || !also {
		return j.fail(fmt.Sprintf("there is no %s or no %s in this world", j.upper, j.lower))
	}
	if lost(upper, j.height) || lost(lower, j.height) {
		return j.fail(fmt.Sprintf("the %s or the %s fell from the table", j.upper, j.lower))
	}
	contacts := v.Contacts(j.upper)
	beside := math.Hypot(upper.Position[0]-lower.Position[0], upper.Position[1]-lower.Position[1])
	up := upper.Position[2] - lower.Position[2]
	stands := beside <= j.beside && up >= j.low && up <= j.high && upper.Tilt() < 15*degree && lower.Tilt() < 15*degree
	if j.held.update(v.Time(), stands && contains(contacts, j.lower) && !touchesRobot(contacts)) >= restHold {
		return j.succeed(fmt.Sprintf("the %s stands on the %s", j.upper, j.lower))
	}
	if side, both := bothFingers(contacts); both {
		return j.going(0.6+0.3*approach(upper.Distance(lower)), fmt.Sprintf("the %s gripper has the %s, %.2f m from the %s", side, j.upper, upper.Distance(lower), j.lower))
	}
	distance := nearest(v, upper)
	return j.going(0.5*approach(distance), fmt.Sprintf("the %s is %.2f m beside and %.2f m above the %s; the nearer gripper is %.2f m away", j.upper, beside, up, j.lower, distance))
}

// stacking is a task in which the thing called upper, on one side, goes onto lower, in the middle.
func stacking(name string, seen, unseen []string, upper, lower Object, turn float64, judge stackJudge) Task {
	return Task{
		Name: name, Instructions: seen, Unseen: unseen, Handled: upper.Name, Limit: tableLimit, Steps: tableSteps,
		Sample: func(seed uint64, part float64) Scene {
			return sample(seed, part, func(d draw) Scene {
				s := closeUp(room(name, seed))
				up, low := upper, lower
				x, y := ahead(d.between(0.33, 0.41), d.side()*d.between(0.19, 0.31))
				up.Pose = Facing(x, y, tableHeight, d.within(turn))
				x, y = ahead(0.37+d.within(0.03), d.within(0.04))
				low.Pose = Facing(x, y, tableHeight, d.within(turn))
				s.Objects = []Object{up, low}
				return s
			})
		},
		Judge: func(s Scene) Judge {
			j := judge
			below, _ := s.Object(lower.Name)
			j.attempt, j.upper, j.lower, j.height = attempt{limit: tableLimit}, upper.Name, lower.Name, below.Pose.Position[2]
			return &j
		},
	}
}

func stackBlocks() Task {
	return stacking("stack_blocks",
		[]string{"stack the red block on the green block", "put the red block on top of the green one", "place the red block onto the green block"},
		[]string{"build a tower with the red cube above the green cube", "the red cube goes on the green cube"},
		Object{Name: "red_block", Kind: Block, Color: [3]float64{0.85, 0.10, 0.08}},
		Object{Name: "green_block", Kind: Block, Color: [3]float64{0.10, 0.55, 0.15}, Size: [3]float64{0.06, 0.06, 0.05}, Mass: 0.12},
		10*degree, stackJudge{beside: 0.025, low: 0.045, high: 0.055})
}

func stackCups() Task {
	return stacking("stack_cups",
		[]string{"stack the orange cup into the blue cup", "put the orange cup in the blue one", "place the orange cup inside the blue cup"},
		[]string{"nest the cups, orange in blue", "the orange cup belongs in the blue cup"},
		Object{Name: "orange_cup", Kind: Cup, Color: [3]float64{0.95, 0.50, 0.05}},
		Object{Name: "blue_cup", Kind: Cup, Color: [3]float64{0.12, 0.28, 0.78}, Size: [3]float64{0.076, 0.076, 0.075}, Mass: 0.25},
		0, stackJudge{beside: 0.015, low: 0.002, high: 0.040})
}

func stackBowls() Task {
	return stacking("stack_bowls",
		[]string{"stack the white bowl into the blue bowl", "put the white bowl in the blue one", "place the white bowl on the blue bowl"},
		[]string{"nest the two bowls, white in blue", "the white bowl goes into the blue bowl"},
		Object{Name: "white_bowl", Kind: Bowl, Color: [3]float64{0.93, 0.93, 0.90}},
		Object{Name: "blue_bowl", Kind: Bowl, Color: [3]float64{0.12, 0.28, 0.78}, Size: [3]float64{0.16, 0.16, 0.055}, Mass: 0.45},
		0, stackJudge{beside: 0.025, low: 0.002, high: 0.030})
}
