package scene

import (
	"fmt"
	"time"
)

// Limits of the tasks at the table: experts need 3 to 8 s.
const (
	tableLimit = 30 * time.Second
	tableSteps = 200
)

func clickBell() Task {
	return Task{
		Name: "click_bell", Handled: "bell",
		Instructions: []string{
			"click the bell", "ring the bell", "press the button of the bell",
			"push down on the bell's button", "click the bell on the table",
		},
		Unseen: []string{"give the desk bell a tap", "make the bell ring", "hit the top of the bell once"},
		Limit:  tableLimit,
		Steps:  tableSteps,
		Sample: func(seed uint64, part float64) Scene {
			return sample(seed, part, func(d draw) Scene {
				s := closeUp(room("click_bell", seed))
				x, y := ahead(d.between(0.32, 0.44), d.side()*d.between(0.14, 0.32))
				s.Objects = []Object{{Name: "bell", Kind: Bell, Color: [3]float64{0.12, 0.28, 0.78}, Pose: At(x, y, tableHeight)}}
				return s
			})
		},
		Judge: func(s Scene) Judge { return &bellJudge{attempt: attempt{limit: tableLimit}} },
	}
}

// bellJudge wants the button down by two thirds of its travel, by the robot's hand.
type bellJudge struct{ attempt }

func (j *bellJudge) Update(v View) Verdict {
	if j.closed(v) {
		return j.verdict
	}
	depth, ok := v.Joint("bell_button")
	if !ok {
		return j.fail("there is no bell in this world")
	}
	button, _ := v.Pose("bell_button")
	if depth >= BellTravel*2/3 {
		for _, name := range v.Contacts("bell_button") {
			if RobotPart(name) {
				return j.succeed(fmt.Sprintf("%s pressed the bell's button by %.1f mm", name, 1000*depth))
			}
		}
	}
	distance := nearest(v, button)
	return j.going(0.9*approach(distance), fmt.Sprintf("the button is %.1f mm down; the nearer gripper is %.2f m away", 1000*depth, distance))
}
