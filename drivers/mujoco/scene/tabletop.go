package scene

import (
	"fmt"
	"math"
	"time"
)

// DrawerOpen is how far a drawer must come out, DrawerShut how much of it may be left.
const (
	DrawerOpen = 0.10
	DrawerShut = 0.01
	restHold   = 500 * time.Millisecond // how long a drawer or a block must stay where it is wanted
)

// Time limits of the tasks.
const (
	openLimit  = 120 * time.Second
	closeLimit = 60 * time.Second
	bellLimit  = 60 * time.Second
	blockLimit = 90 * time.Second
)

// cabinetAt stands on the table with its front 17 cm behind the edge.
func cabinetAt(d draw, r Ranges, open float64) Object {
	size, _ := Cabinet.Defaults()
	return Object{
		Name: "cabinet", Kind: Cabinet, Open: open, Color: [3]float64{0.55, 0.36, 0.24},
		Pose: At(tableEdge+0.17+size[0]/2+d.within(r.Object), 0.20+d.within(r.Object), tableHeight),
	}
}

// openDrawer is the other mobile task of the LLaVA-VLA paper: "move to the drawer and open it".
func openDrawer() Task {
	return Task{
		Name:         "open_drawer",
		Instructions: []string{"move to the drawer and open it", "go to the table and open the drawer", "drive to the cabinet and pull the drawer open"},
		Unseen:       []string{"approach the cabinet, then slide its drawer out", "could you open that drawer over there"},
		Mobile:       true,
		Limit:        openLimit,
		Steps:        600,
		Sample: func(seed uint64, r Ranges) Scene {
			d := newDraw(seed)
			s := room("open_drawer", seed)
			s.Robot = d.start(Start{}, r)
			s.Objects = append([]Object{cabinetAt(d, r, 0)}, clutter(r.Clutter, "bowl")...)
			return s
		},
		Judge: func(s Scene) Judge {
			return &jointJudge{
				attempt: attempt{limit: openLimit}, joint: "cabinet_drawer", handle: "cabinet_handle",
				from: 0, to: DrawerOpen, what: "the drawer",
			}
		},
	}
}

func closeDrawer() Task {
	const start = 0.14
	return Task{
		Name:         "close_drawer",
		Instructions: []string{"close the drawer", "push the drawer shut", "shut the drawer of the cabinet"},
		Unseen:       []string{"slide the drawer back in", "the drawer is open, please close it"},
		Limit:        closeLimit,
		Steps:        400,
		Sample: func(seed uint64, r Ranges) Scene {
			d := newDraw(seed)
			s := room("close_drawer", seed)
			s.Robot = d.start(Start{X: tableEdge - 0.75}, Ranges{}) // the open drawer's handle 0.49 m before the arms' mounts
			s.Objects = append([]Object{cabinetAt(d, r, start)}, clutter(r.Clutter, "bowl")...)
			return s
		},
		Judge: func(s Scene) Judge {
			return &jointJudge{
				attempt: attempt{limit: closeLimit}, joint: "cabinet_drawer", handle: "cabinet_handle",
				from: start, to: DrawerShut, what: "the drawer",
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

func clickBell() Task {
	return Task{
		Name:         "click_bell",
		Instructions: []string{"click the bell", "ring the bell", "press the button of the bell"},
		Unseen:       []string{"give the desk bell a tap", "make the bell ring"},
		Limit:        bellLimit,
		Steps:        400,
		Sample: func(seed uint64, r Ranges) Scene {
			d := newDraw(seed)
			s := room("click_bell", seed)
			s.Robot = d.start(Start{X: workX}, Ranges{})
			s.Objects = append([]Object{{
				Name: "bell", Kind: Bell, Color: [3]float64{0.82, 0.68, 0.25},
				Pose: At(tableEdge+0.15+d.within(r.Object), 0.20+d.within(r.Object), tableHeight),
			}}, clutter(r.Clutter)...)
			return s
		},
		Judge: func(s Scene) Judge { return &bellJudge{attempt: attempt{limit: bellLimit}} },
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

func pickBlock() Task {
	return Task{
		Name:         "pick_block",
		Instructions: []string{"pick up the red block and put it into the basket", "put the red block in the basket", "place the block into the basket"},
		Unseen:       []string{"drop the little red cube into the basket", "the red block belongs in the basket"},
		Limit:        blockLimit,
		Steps:        500,
		Sample: func(seed uint64, r Ranges) Scene {
			d := newDraw(seed)
			s := room("pick_block", seed)
			s.Robot = d.start(Start{X: workX}, Ranges{})
			s.Objects = append([]Object{
				{
					Name: "block", Kind: Block, Color: [3]float64{0.80, 0.16, 0.14},
					Pose: Facing(tableEdge+0.12+d.within(r.Object), -0.10+d.within(r.Object), tableHeight, d.within(math.Pi/4)),
				},
				{
					Name: "basket", Kind: Basket, Color: [3]float64{0.80, 0.70, 0.50},
					Pose: At(tableEdge+0.16, -0.36, tableHeight),
				},
			}, clutter(r.Clutter, "block", "basket", "cup")...)
			return s
		},
		Judge: func(s Scene) Judge {
			basket, _ := s.Object("basket")
			return &basketJudge{attempt: attempt{limit: blockLimit}, size: basket.Size, height: tableHeight}
		},
	}
}

// basketJudge wants the block to lie in the basket, let go of, for half a second.
type basketJudge struct {
	attempt
	size   [3]float64 // of the basket [m]
	height float64    // of the table [m]
	held   hold
}

func (j *basketJudge) Update(v View) Verdict {
	if j.closed(v) {
		return j.verdict
	}
	block, ok := v.Pose("block")
	basket, also := v.Pose("basket")
	if !ok || !also {
		return j.fail("there is no block or no basket in this world")
	}
	contacts := v.Contacts("block")
	free := true
	for _, name := range contacts {
		free = free && !RobotPart(name)
	}
	p := basket.Local(block.Position)
	inside := math.Abs(p[0]) < j.size[0]/2 && math.Abs(p[1]) < j.size[1]/2 && p[2] > -0.01 && p[2] < j.size[2]
	if j.held.update(v.Time(), inside && free && contains(contacts, "basket")) >= restHold {
		return j.succeed("the block lies in the basket")
	}
	if lost(block, j.height) {
		return j.fail("the block fell from the table")
	}
	if side, both := bothFingers(contacts); both {
		return j.going(0.6+0.3*approach(block.Distance(basket)), fmt.Sprintf("the %s gripper has the block, %.2f m from the basket", side, block.Distance(basket)))
	}
	distance := nearest(v, block)
	return j.going(0.5*approach(distance), fmt.Sprintf("the block is not in the basket; the nearer gripper is %.2f m away", distance))
}
