package scene

import (
	"fmt"
	"time"
)

// DrawerOpen is how far a drawer must come out, DrawerShut how much of it may be left.
const (
	DrawerOpen = 0.10
	DrawerShut = 0.01
	restHold   = 500 * time.Millisecond // how long a thing must stay where it is wanted
	driveLimit = 120 * time.Second      // of mobile tasks
	driveSteps = 600
)

var cabinetColor = [3]float64{0.36, 0.22, 0.14}

// openDrawer is the other mobile task of the LLaVA-VLA paper: "move to the drawer and open it".
func openDrawer() Task {
	return Task{
		Name:         "open_drawer",
		Instructions: []string{"move to the drawer and open it", "go to the table and open the drawer", "drive to the cabinet and pull the drawer open"},
		Unseen:       []string{"approach the cabinet, then slide its drawer out", "could you open that drawer over there"},
		Mobile:       true,
		Limit:        driveLimit,
		Steps:        driveSteps,
		Sample: func(seed uint64, part float64) Scene {
			return sample(seed, part, func(d draw) Scene {
				s := room("open_drawer", seed)
				s.Robot, s.Ready = d.start(driveStart), false
				size, _ := Cabinet.Defaults()
				s.Objects = []Object{{
					Name: "cabinet", Kind: Cabinet, Color: cabinetColor,
					Pose: At(tableEdge+0.17+size[0]/2+d.within(0.05), 0.20+d.within(0.05), tableHeight),
				}}
				return s
			})
		},
		Judge: func(s Scene) Judge {
			return &jointJudge{
				attempt: attempt{limit: driveLimit}, joint: "cabinet_drawer", handle: "cabinet_handle",
				from: 0, to: DrawerOpen, what: "the drawer",
			}
		},
	}
}

func closeDrawer() Task {
	return Task{
		Name: "close_drawer", Handled: "cabinet",
		Instructions: []string{
			"close the drawer", "push the drawer shut", "shut the drawer of the cabinet",
			"close the cabinet's open drawer", "push the drawer in",
		},
		Unseen: []string{"slide the drawer back in", "the drawer is open, please close it", "make sure the drawer is shut"},
		Limit:  tableLimit,
		Steps:  tableSteps,
		Sample: func(seed uint64, part float64) Scene {
			return sample(seed, part, func(d draw) Scene {
				s := closeUp(room("close_drawer", seed))
				size, _ := Cabinet.Defaults()
				// The closed drawer's front.
				x, y := ahead(0.485+d.within(0.015), d.side()*d.between(0.16, 0.28))
				s.Objects = []Object{{
					Name: "cabinet", Kind: Cabinet, Open: d.between(0.09, 0.12), Color: cabinetColor,
					Pose: At(x+size[0]/2, y, tableHeight),
				}}
				return s
			})
		},
		Judge: func(s Scene) Judge {
			cabinet, _ := s.Object("cabinet")
			return &jointJudge{
				attempt: attempt{limit: tableLimit}, joint: "cabinet_drawer", handle: "cabinet_handle",
				from: cabinet.Open, to: DrawerShut, what: "the drawer",
			}
		},
	}
}

// jointJudge wants an object's joint to go from one value beyond another, and stay for half a second.
type jointJudge struct {
	attempt
	joint, handle string
	from, to      float64 // [m]; the direction is from one to the other
	what          string
	held          hold
}

func (j *jointJudge) Update(v View) Verdict {
	if j.closed(v) {
		return j.verdict
	}
	q, ok := v.Joint(j.joint)
	if !ok {
		return j.fail(fmt.Sprintf("there is no joint %s in this world", j.joint))
	}
	there := q >= j.to
	if j.to < j.from {
		there = q <= j.to
	}
	if j.held.update(v.Time(), there) >= restHold {
		return j.succeed(fmt.Sprintf("%s is at %.1f cm", j.what, 100*q))
	}
	part := clamp((q-j.from)/(j.to-j.from), 0, 1)
	progress := 0.4 + 0.6*part
	if part < 0.02 {
		handle, _ := v.Pose(j.handle)
		progress = 0.4 * approach(nearest(v, handle))
	}
	return j.going(progress, fmt.Sprintf("%s is at %.1f cm, wanted is %.1f cm", j.what, 100*q, 100*j.to))
}
