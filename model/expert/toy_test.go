package expert

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"
	"cobot_vla/model"
	"cobot_vla/model/token"

	"gonum.org/v1/gonum/spatial/r3"
)

// toy is a world without mechanics: a base that goes where it is told, give or
// take, joints that follow at once, fingers that stop at the bottle, and a bottle
// that moves with the fingers that hold it. It watches what a real one would punish.
type toy struct {
	robot  calibration.Robot
	cfg    Config
	rng    *rand.Rand
	bodies *kinematics.Bodies

	base          [3]float64 // x, y, yaw
	bottle, table kinematics.Transform
	joints        [2][6]float64
	width         [2]float64
	command       [2]float64
	holder        int // the arm that holds the bottle, -1 for none
	inHand        kinematics.Transform

	driveError, turnError float64 // how far a goal may be missed [m], [rad]
	sag                   float64 // how far joints 2, 3 and 5 hang below their targets [rad]
	jump                  float64 // the farthest a joint may be told to go at once [rad]

	goals, chunks int
	nearest       kinematics.Pair // least distance seen of arms, body and table
	wrong         []string        // what must not happen, and did
}

func newToy(t testing.TB, seed uint64) *toy {
	t.Helper()
	robot := calibration.Default()
	bodies, err := kinematics.NewBodies(robot)
	if err != nil {
		t.Fatal(err)
	}
	w := &toy{
		robot: robot, cfg: DefaultConfig(), rng: rand.New(rand.NewPCG(seed, 99)), bodies: bodies,
		holder: -1, driveError: 0.01, turnError: 2 * math.Pi / 180, jump: 0.1, nearest: kinematics.Pair{Distance: math.Inf(1)},
	}
	spread := func(r float64) float64 { return r * (2*w.rng.Float64() - 1) }
	w.base = [3]float64{spread(0.10), spread(0.10), spread(10 * math.Pi / 180)}
	w.table = kinematics.Translation(1.70, 0, 0.70)
	w.bottle = kinematics.RPY(0, 0, spread(math.Pi))
	w.bottle.P = r3.Vec{X: 1.47 + spread(0.05), Y: 0.15 + spread(0.05), Z: 0.70}
	for i := range w.joints { // arms without power rest outside their limits
		w.joints[i] = [6]float64{0, -0.035, 0.034}
		w.width[i] = 0.02
	}
	w.command = w.width
	return w
}

func (w *toy) baseLink() kinematics.Transform {
	t := kinematics.RPY(0, 0, w.base[2])
	t.P = r3.Vec{X: w.base[0], Y: w.base[1]}
	return t
}

func (w *toy) tip(i int) kinematics.Transform {
	arm := w.bodies.Arm(i)
	return w.baseLink().Mul(arm.Mount()).Mul(arm.FK(w.joints[i]))
}

func pose(t kinematics.Transform) model.Pose {
	return model.Pose{Position: [3]float64{t.P.X, t.P.Y, t.P.Z}, Orientation: t.Quaternion()}
}

func (w *toy) observe() model.Observation {
	obs := model.Observation{Instruction: "move to the table and fetch the bottle", Mobile: true}
	for i := range w.joints {
		obs.State = append(append(obs.State, w.joints[i][:]...), w.width[i])
	}
	obs.State = append(obs.State, w.command[0], w.command[1])
	obs.Truth = map[string]model.Pose{
		taskFrame + "fetch_bottle": {Orientation: [4]float64{0, 0, 0, 1}},
		"base_link":                pose(w.baseLink()), "bottle": pose(w.bottle), "table": pose(w.table),
		"left_gripper_tip": pose(w.tip(0)), "right_gripper_tip": pose(w.tip(1)),
	}
	return obs
}

func (w *toy) drive(n model.Navigation) {
	w.goals++
	off := func(r float64) float64 { return r * (2*w.rng.Float64() - 1) }
	turn := off(w.turnError)
	switch n.Direction {
	case token.Forward:
		d := n.Value + off(w.driveError)
		w.base[0] += d * math.Cos(w.base[2])
		w.base[1] += d * math.Sin(w.base[2])
		turn /= 4
	case token.TurnLeft:
		turn += n.Value
	case token.TurnRight:
		turn -= n.Value
	}
	w.base[2] += turn
	for i := range w.joints {
		if tip := w.bodies.Arm(i).FK(w.joints[i]).P; math.Hypot(tip.X, tip.Y) > 0.3 {
			w.complain("drove with the %s arm %.2f m out", w.robot.Arms[i].Side, math.Hypot(tip.X, tip.Y))
		}
	}
	if edge := w.bottle.P.X - 0.17; w.base[0]+0.42 > edge {
		w.complain("the base's front is at the table: x %.2f m, edge at %.2f m", w.base[0]+0.42, edge)
	}
}

func (w *toy) complain(format string, args ...any) {
	if len(w.wrong) < 5 {
		w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
	}
}

// play moves joints and fingers to one step's values, in small parts.
func (w *toy) play(values []float64) {
	const parts = 4
	var from [2][6]float64
	var to [2][6]float64
	for i := range to {
		copy(to[i][:], values[7*i:7*i+6])
		from[i] = w.joints[i]
		w.command[i] = values[7*i+6]
		lower, upper := w.bodies.Arm(i).Limits()
		for k := range to[i] {
			if to[i][k] < lower[k] || to[i][k] > upper[k] {
				w.complain("%s told to go to %.3f rad", w.robot.Arms[i].Joints[k].Name, to[i][k])
			}
			if d := math.Abs(to[i][k] - from[i][k]); d > w.jump {
				w.complain("%s told to jump by %.3f rad", w.robot.Arms[i].Joints[k].Name, d)
			}
		}
		for _, k := range [3]int{1, 2, 4} {
			to[i][k] += w.sag
		}
	}
	for n := 1; n <= parts; n++ {
		for i := range to {
			for k := range 6 {
				w.joints[i][k] = from[i][k] + (to[i][k]-from[i][k])*float64(n)/parts
			}
			w.fingers(i)
		}
		if w.holder >= 0 {
			w.bottle = w.tip(w.holder).Mul(w.inHand)
		}
		w.watch()
	}
}

// fingers moves one gripper for a quarter of a step.
func (w *toy) fingers(i int) {
	const most = 0.1 * 0.1 / 4
	d := min(max(w.command[i]-w.width[i], -most), most)
	next := w.width[i] + d
	in := w.tip(i).Inverse().Mul(w.bottle)
	at := in.Apply(r3.Vec{Z: w.cfg.GraspHeight})
	between := math.Abs(at.Z) < 0.02 && math.Abs(at.Y) < 0.03
	if diameter := w.cfg.BottleDiameter; between && next < diameter && w.width[i] >= diameter-1e-9 {
		next = diameter
		if w.holder < 0 {
			w.holder = i
			in.P.Y -= at.Y // the fingers push it to the middle
			w.inHand = in
		}
	}
	if w.holder == i && next > w.cfg.BottleDiameter+0.003 {
		w.drop()
	}
	w.width[i] = next
}

// drop lets the bottle stand on the table again, where it is.
func (w *toy) drop() {
	w.holder = -1
	yaw := math.Atan2(w.bottle.X.Y, w.bottle.X.X)
	p := w.bottle.P
	w.bottle = kinematics.RPY(0, 0, yaw)
	w.bottle.P = r3.Vec{X: p.X, Y: p.Y, Z: w.table.P.Z}
}

// watch looks for what must not touch.
func (w *toy) watch() {
	in := w.baseLink().Inverse()
	w.bodies.SetBoxes(kinematics.Tabletop("table", in.Mul(w.table), 0.70, 1.40))
	if p := w.bodies.Closest(w.joints); p.Distance < w.nearest.Distance {
		w.nearest = p
	}
	bottle := kinematics.Capsule{A: w.bottle.P, B: w.bottle.Apply(r3.Vec{Z: w.cfg.BottleHeight}), Radius: w.cfg.BottleDiameter / 2}
	for i := range w.joints {
		if w.holder == i {
			continue
		}
		tip := w.tip(i)
		out := w.width[i]/2 + 0.007
		tcp := w.robot.Arms[i].Gripper.TCP
		hand := func(ax, ay, az, bx, by, bz, r float64) kinematics.Capsule {
			return kinematics.Capsule{A: r3.Vec{X: ax, Y: ay, Z: az - tcp}, B: r3.Vec{X: bx, Y: by, Z: bz - tcp}, Radius: r}.In(tip)
		}
		for name, c := range map[string]kinematics.Capsule{
			"finger1": hand(0, -out, 0.075, 0, -out, tcp+0.009, 0.007),
			"finger2": hand(0, out, 0.075, 0, out, tcp+0.009, 0.007),
			"palm":    hand(0, -0.04, 0.04, 0, 0.04, 0.04, 0.035),
		} {
			// Closing fingers touch one after the other and push the bottle to the middle.
			touch := 0.0005
			if w.command[i] < w.cfg.BottleDiameter {
				touch = -0.006
			}
			if d, _, _ := c.Distance(bottle); d < touch {
				w.complain("the %s %s knocks the bottle (%.1f mm), width %.3f m", w.robot.Arms[i].Side, name, 1e3*d, w.width[i])
			}
		}
	}
}

// run lets the policy act until it is done, or for so many decisions.
func (w *toy) run(p *Policy, decisions int) (bool, error) {
	for range decisions {
		a, err := p.Act(context.Background(), w.observe(), nil)
		if err != nil {
			return false, err
		}
		w.apply(a)
		if a.Done {
			return true, nil
		}
	}
	return false, nil
}

// apply does what was decided.
func (w *toy) apply(a model.Action) {
	if a.Navigation != nil {
		w.drive(*a.Navigation)
		return
	}
	w.chunks++
	for _, values := range a.Steps {
		w.play(values)
	}
}
