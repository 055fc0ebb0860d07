package scene

import (
	"fmt"
	"math"
	"time"
)

// FetchHeight is how far above its start the bottle must be held, and FetchHold for how long.
const (
	FetchHeight = 0.10
	FetchHold   = time.Second
)

// driveStart is where mobile tasks begin: near enough that the front camera sees what stands on the table.
var driveStart = Start{X: 0.20}

var bottleColor = [3]float64{0.10, 0.52, 0.24}

// fetchBottle is the mobile task of the LLaVA-VLA paper: "move to the table
// and fetch the bottle on it".
func fetchBottle() Task {
	return Task{
		Name: "fetch_bottle",
		Instructions: []string{
			"move to the table and fetch the bottle",
			"move to the table and fetch the bottle on it",
			"go to the table and pick up the bottle",
			"drive to the table and grab the bottle",
		},
		Unseen: []string{
			"could you get me the bottle from over there",
			"approach the table, then lift the bottle",
			"bring the bottle up from the table in front of you",
		},
		Mobile: true,
		Limit:  driveLimit,
		Steps:  driveSteps,
		Sample: func(seed uint64, part float64) Scene {
			return sample(seed, part, func(d draw) Scene {
				s := room("fetch_bottle", seed)
				s.Robot, s.Ready = d.start(driveStart), false
				s.Objects = []Object{{
					Name: "bottle", Kind: Bottle, Color: bottleColor,
					Pose: Facing(tableEdge+0.12+d.within(0.05), 0.15+d.within(0.05), tableHeight, d.within(math.Pi)),
				}}
				return s
			})
		},
		Judge: func(s Scene) Judge {
			j := &fetchJudge{object: "bottle", attempt: attempt{limit: driveLimit}}
			if o, ok := s.Object("bottle"); ok {
				j.height = o.Pose.Position[2]
			}
			return j
		},
	}
}

// fetchJudge wants an object in the air, held by the two fingers of one gripper and touched by nothing else.
type fetchJudge struct {
	attempt
	object string
	height float64 // of the object's frame at the start [m]
	held   hold
}

func (j *fetchJudge) Update(v View) Verdict {
	if j.closed(v) {
		return j.verdict
	}
	pose, ok := v.Pose(j.object)
	if !ok {
		return j.fail(fmt.Sprintf("there is no %s in this world", j.object))
	}
	contacts := v.Contacts(j.object)
	lift := pose.Position[2] - j.height
	side, gripped := gripOf(contacts)
	held := j.held.update(v.Time(), gripped && lift >= FetchHeight)
	switch {
	case held >= FetchHold:
		return j.succeed(fmt.Sprintf("the %s is held by the %s gripper, %.1f cm above its start, for %g s", j.object, side, 100*lift, FetchHold.Seconds()))
	case j.held.on:
		return j.going(0.9+0.09*held.Seconds()/FetchHold.Seconds(), fmt.Sprintf("holding the %s for %.1f of %g s", j.object, held.Seconds(), FetchHold.Seconds()))
	case lost(pose, j.height):
		return j.fail(fmt.Sprintf("the %s fell from the table", j.object))
	}
	if side, both := bothFingers(contacts); both {
		if lift < FetchHeight {
			return j.going(0.6+0.3*clamp(lift/FetchHeight, 0, 1), fmt.Sprintf("the %s gripper has the %s, %.1f of %.0f cm above its start", side, j.object, 100*lift, 100*FetchHeight))
		}
		return j.going(0.6, fmt.Sprintf("the %s touches more than the fingers: %v", j.object, contacts))
	}
	distance := nearest(v, pose)
	return j.going(0.5*approach(distance), fmt.Sprintf("no gripper holds the %s; the nearer one is %.2f m away", j.object, distance))
}
