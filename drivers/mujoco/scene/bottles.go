package scene

import (
	"fmt"
	"math"
	"time"
)

// packBottles puts two small bottles into the basket.
func packBottles() Task {
	return Task{
		Name:         "pack_bottles",
		Instructions: []string{"pack the bottles into the basket", "put both bottles in the basket", "place the two bottles into the basket"},
		Unseen:       []string{"pack up the small bottles", "clear both bottles away into the basket"},
		Limit:        tableLimit,
		Steps:        tableSteps,
		Sample: func(seed uint64, part float64) Scene {
			return sample(seed, part, func(d draw) Scene {
				s := closeUp(room("pack_bottles", seed))
				for i, name := range []string{"left_bottle", "right_bottle"} {
					x, y := ahead(d.between(0.33, 0.42), float64(1-2*i)*d.between(0.22, 0.33))
					s.Objects = append(s.Objects, Object{
						Name: name, Kind: Bottle, Color: bottleColor, Size: [3]float64{0.046, 0.046, 0.12}, Mass: 0.10,
						Pose: At(x, y, tableHeight),
					})
				}
				s.Objects = append(s.Objects, basketAt(d))
				return s
			})
		},
		Judge: func(s Scene) Judge { return newBasketJudge(s, "left_bottle", "right_bottle") },
	}
}

// restoreBottle stands a bottle up that lies on the table with its cap away from the robot.
func restoreBottle() Task {
	return Task{
		Name:         "restore_bottle",
		Handled:      "bottle",
		Instructions: []string{"stand the bottle up", "put the fallen bottle upright", "restore the bottle", "set the bottle upright on the table"},
		Unseen:       []string{"the bottle has fallen over, please right it", "make the lying bottle stand again"},
		Limit:        tableLimit,
		Steps:        tableSteps,
		Sample: func(seed uint64, part float64) Scene {
			return sample(seed, part, func(d draw) Scene {
				s := closeUp(room("restore_bottle", seed))
				size, _ := Bottle.Defaults()
				x, y := d.between(0.34, 0.42), d.side()*d.between(0.17, 0.31)
				// The axis lies along the arm's reach, give or take; the middle of the grasp at x, y.
				yaw := math.Atan2(y-math.Copysign(mountY, y), x) + d.within(8*degree)
				sin, cos := math.Sincos(yaw)
				wx, wy := ahead(x-BottleGrasp*cos, y-BottleGrasp*sin)
				p := Facing(wx, wy, tableHeight+size[0]/2, yaw)
				p.Orientation = turned(p.Orientation, math.Pi/2)
				s.Objects = []Object{{Name: "bottle", Kind: Bottle, Color: bottleColor, Pose: p}}
				return s
			})
		},
		Judge: func(s Scene) Judge {
			return &uprightJudge{attempt: attempt{limit: tableLimit}, object: "bottle", height: s.Tables[0].Height}
		},
	}
}

// BottleGrasp is how far above its underside a lying bottle is taken to be stood up [m].
const BottleGrasp = 0.085

// turned is an orientation x, y, z, w with a turn about its own y axis added.
func turned(q [4]float64, by float64) [4]float64 {
	s, c := math.Sincos(by / 2)
	x, y, z, w := q[0], q[1], q[2], q[3]
	return [4]float64{x*c - z*s, y*c + w*s, z*c + x*s, w*c - y*s}
}

// uprightJudge wants an object to stand on the table, let go of.
type uprightJudge struct {
	attempt
	object string
	height float64 // of the table [m]
	held   hold
}

func (j *uprightJudge) Update(v View) Verdict {
	if j.closed(v) {
		return j.verdict
	}
	pose, ok := v.Pose(j.object)
	if !ok {
		return j.fail(fmt.Sprintf("there is no %s in this world", j.object))
	}
	if lost(pose, j.height) {
		return j.fail(fmt.Sprintf("the %s fell from the table", j.object))
	}
	contacts := v.Contacts(j.object)
	tilt := pose.Tilt()
	stands := tilt < 8*degree && math.Abs(pose.Position[2]-j.height) < 0.01 && len(contacts) > 0 && !touchesRobot(contacts)
	if held := j.held.update(v.Time(), stands); held >= time.Second {
		return j.succeed(fmt.Sprintf("the %s stands", j.object))
	}
	if _, both := bothFingers(contacts); both {
		return j.going(0.5+0.4*clamp(1-tilt/(math.Pi/2), 0, 1), fmt.Sprintf("a gripper has the %s, which leans %.0f°", j.object, tilt*180/math.Pi))
	}
	distance := nearest(v, pose)
	return j.going(0.4*approach(distance), fmt.Sprintf("the %s leans %.0f°; the nearer gripper is %.2f m away", j.object, tilt*180/math.Pi, distance))
}
