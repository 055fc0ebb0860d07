package scene

import (
	"fmt"
	"math"
	"time"
)

// PotLift is how far above its start the pot must be held, PotTilt how level, and PotHold for how long.
const (
	PotLift = 0.06
	PotTilt = 20 * degree
	PotHold = 300 * time.Millisecond
)

func liftPot() Task {
	return Task{
		Name: "lift_pot",
		Instructions: []string{
			"lift the pot with both arms", "use both hands to lift the pot", "raise the pot by its two knobs",
			"pick up the pot with both grippers", "lift the pot",
		},
		Unseen: []string{"hoist the cooking pot with two hands", "take the pot at both sides and bring it up", "get the pot off the table"},
		Limit:  tableLimit,
		Steps:  tableSteps,
		Sample: func(seed uint64, part float64) Scene {
			return sample(seed, part, func(d draw) Scene {
				s := closeUp(room("lift_pot", seed))
				x, y := ahead(d.between(0.34, 0.42), d.within(0.04))
				s.Objects = []Object{{
					Name: "pot", Kind: Pot, Color: [3]float64{0.12, 0.42, 0.62}, Pose: Facing(x, y, tableHeight, d.within(10*degree)),
				}}
				return s
			})
		},
		Judge: func(s Scene) Judge {
			pot, _ := s.Object("pot")
			return &potJudge{attempt: attempt{limit: tableLimit}, height: pot.Pose.Position[2]}
		},
	}
}

// potJudge wants the pot in the air, level, in both grippers and on nothing else.
type potJudge struct {
	attempt
	height float64 // of the pot at the start [m]
	held   hold
}

func (j *potJudge) Update(v View) Verdict {
	if j.closed(v) {
		return j.verdict
	}
	pot, ok := v.Pose("pot")
	if !ok {
		return j.fail("there is no pot in this world")
	}
	if lost(pot, j.height) {
		return j.fail("the pot fell from the table")
	}
	contacts := v.Contacts("pot")
	grips := 0
	for _, side := range Sides {
		if contains(contacts, Finger(side, 1)) && contains(contacts, Finger(side, 2)) {
			grips++
		}
	}
	lift, tilt := pot.Position[2]-j.height, pot.Tilt()
	free := true // of everything but fingers
	for _, name := range contacts {
		free = free && RobotPart(name)
	}
	if j.held.update(v.Time(), grips == 2 && free && lift >= PotLift && tilt <= PotTilt) >= PotHold {
		return j.succeed(fmt.Sprintf("both grippers hold the pot %.1f cm above its start", 100*lift))
	}
	near := 0.0
	for _, side := range Sides {
		if tip, ok := v.Pose(GripperTip(side)); ok {
			near += approach(math.Max(tip.Distance(pot)-0.15, 0)) / 2
		}
	}
	return j.going(0.4*near+0.1*float64(grips)+0.39*clamp(lift/PotLift, 0, 1)*float64(grips)/2,
		fmt.Sprintf("%d grippers hold the pot, %.1f of %.0f cm above its start, %.0f° askew", grips, 100*lift, 100*PotLift, tilt*180/math.Pi))
}
