package scene

import (
	"fmt"
	"math"
)

var basketColor = [3]float64{0.92, 0.90, 0.84}

// basketAt stands before the robot's middle, where both arms reach it.
func basketAt(d draw) Object {
	x, y := ahead(0.36+d.within(0.03), d.within(0.03))
	return Object{Name: "basket", Kind: Basket, Color: basketColor, Pose: At(x, y, tableHeight)}
}

// pickBlock is RoboTwin's "place vegetable" with a block for the vegetable.
func pickBlock() Task {
	return Task{
		Name: "pick_block", Handled: "block",
		Instructions: []string{
			"pick up the red block and put it into the basket", "put the red block in the basket",
			"place the block into the basket", "move the red block to the basket", "pick the block and drop it in the basket",
		},
		Unseen: []string{"drop the little red cube into the basket", "the red block belongs in the basket", "could you put that cube away into the basket"},
		Limit:  tableLimit,
		Steps:  tableSteps,
		Sample: func(seed uint64, part float64) Scene {
			return sample(seed, part, func(d draw) Scene {
				s := closeUp(room("pick_block", seed))
				x, y := ahead(d.between(0.33, 0.43), d.side()*d.between(0.20, 0.34))
				s.Objects = []Object{
					{Name: "block", Kind: Block, Color: [3]float64{0.85, 0.10, 0.08}, Pose: Facing(x, y, tableHeight, d.within(10*degree))},
					basketAt(d),
				}
				return s
			})
		},
		Judge: func(s Scene) Judge { return newBasketJudge(s, "block") },
	}
}

// pickSponge is the same with a yellow sponge.
func pickSponge() Task {
	return Task{
		Name: "pick_sponge", Handled: "sponge",
		Instructions: []string{
			"pick up the sponge and put it into the basket", "put the yellow sponge in the basket", "move the sponge to the basket",
		},
		Unseen: []string{"clear the sponge away into the basket", "the yellow sponge belongs in the basket"},
		Limit:  tableLimit,
		Steps:  tableSteps,
		Sample: func(seed uint64, part float64) Scene {
			return sample(seed, part, func(d draw) Scene {
				s := closeUp(room("pick_sponge", seed))
				x, y := ahead(d.between(0.33, 0.43), d.side()*d.between(0.20, 0.34))
				s.Objects = []Object{
					{
						Name: "sponge", Kind: Block, Color: [3]float64{0.95, 0.85, 0.10}, Size: [3]float64{0.09, 0.046, 0.05}, Mass: 0.04,
						Pose: Facing(x, y, tableHeight, math.Atan2(y-math.Copysign(mountY, y), x-workX-mountX)+d.within(10*degree)),
					},
					basketAt(d),
				}
				return s
			})
		},
		Judge: func(s Scene) Judge { return newBasketJudge(s, "sponge") },
	}
}

// basketJudge wants things to lie in the basket, let go of, for half a second.
type basketJudge struct {
	attempt
	things []string
	size   [3]float64 // of the basket [m]
	height float64    // of the table [m]
	held   hold
}

func newBasketJudge(s Scene, things ...string) *basketJudge {
	basket, _ := s.Object("basket")
	return &basketJudge{attempt: attempt{limit: tableLimit}, things: things, size: basket.Size, height: basket.Pose.Position[2]}
}

func (j *basketJudge) Update(v View) Verdict {
	if j.closed(v) {
		return j.verdict
	}
	basket, ok := v.Pose("basket")
	if !ok {
		return j.fail("there is no basket in this world")
	}
	placed, progress := 0, 0.0
	reason := ""
	for _, name := range j.things {
		pose, ok := v.Pose(name)
		if !ok {
			return j.fail(fmt.Sprintf("there is no %s in this world", name))
		}
		if lost(pose, j.height) {
			return j.fail(fmt.Sprintf("the %s fell from the table", name))
		}
		contacts := v.Contacts(name)
		p := basket.Local(pose.Position)
		inside := math.Abs(p[0]) < j.size[0]/2 && math.Abs(p[1]) < j.size[1]/2 && p[2] > -0.01 && p[2] < j.size[2]
		if inside && !touchesRobot(contacts) && restsOn(contacts, append(j.things, "basket")) {
			placed++
			progress++
			continue
		}
		if side, both := bothFingers(contacts); both {
			progress += 0.6 + 0.3*approach(pose.Distance(basket))
			reason = fmt.Sprintf("the %s gripper has the %s, %.2f m from the basket", side, name, pose.Distance(basket))
			continue
		}
		distance := nearest(v, pose)
		progress += 0.5 * approach(distance)
		if reason == "" {
			reason = fmt.Sprintf("the %s is not in the basket; the nearer gripper is %.2f m away", name, distance)
		}
	}
	if j.held.update(v.Time(), placed == len(j.things)) >= restHold {
		return j.succeed(fmt.Sprintf("the %s is in the basket", j.things[0]))
	}
	return j.going(progress/float64(len(j.things)), reason)
}

// touchesRobot says whether any part of the robot is among contacts.
func touchesRobot(contacts []string) bool {
	for _, name := range contacts {
		if RobotPart(name) {
			return true
		}
	}
	return false
}

// restsOn says whether one of these things is among contacts.
func restsOn(contacts, things []string) bool {
	for _, name := range things {
		if contains(contacts, name) {
			return true
		}
	}
	return false
}
