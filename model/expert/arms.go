package expert

import (
	"math"

	"cobot_vla/calibration/kinematics"

	"gonum.org/v1/gonum/spatial/r3"
)

// fetchBottle is the mobile task: drive to the table, line up, approach, close, lift.
func fetchBottle() script {
	return script{
		name: "fetch_bottle", nouns: []string{"bottle"}, needs: []string{"bottle", "table"},
		step: (*Policy).fetchStep, drive: (*Policy).drive, done: (*Policy).fetched,
		poses: func(p *Policy, i int) ([][6]float64, error) { return p.bottlePoses(i) },
	}
}

// fetchStep decides where both arms should be one step on.
func (p *Policy) fetchStep(w *world) ([2]target, error) {
	i := p.worker(w)
	var t [2]target
	for k := range t {
		t[k] = p.idle(w, k)
	}
	var err error
	t[i], err = p.fetch(w, i)
	return t, err
}

// idle folds an arm, or keeps it folded. Its target is the park pose itself, never
// the measured one: an arm that is told to stay where it is sags from step to step.
func (p *Policy) idle(w *world, i int) target {
	a := w.arms[i]
	return target{joints: p.towards(a.joints, p.arms[i].park), width: a.command}
}

// fetch decides for the arm that works. Read from below, it is the order in which
// things happen; read from above, each case is what is left to do once the ones
// below are done.
func (p *Policy) fetch(w *world, i int) (target, error) {
	s, a := p.arms[i], w.arms[i]
	g := p.grip(w, i, a.joints)
	open := s.stroke
	closing := a.command < p.cfg.BottleDiameter
	if p.holds(w, i) { // lift
		joints, err := p.straight(i, a.joints, p.lifted(w, i))
		return target{joints, 0}, err
	}
	if g.between(1) || closing && g.between(1.8) { // close; fingers that do may push the bottle a little
		joints, err := p.straight(i, a.joints, p.grasp(w, i))
		return target{joints, 0}, err
	}
	reachable := p.reachable(w, i, true)
	if reachable && p.linedUp(g) { // approach, with open fingers
		ahead := max(g.ahead-p.cfg.ApproachStep, 0)
		if a.width < p.cfg.BottleDiameter+opened {
			ahead = max(g.ahead, waiting)
		}
		joints, err := p.straight(i, a.joints, short(p.grasp(w, i), ahead))
		return target{joints, open}, err
	}
	if p.near(w, i) { // leave it backwards, the fingers as they are
		joints, err := p.straight(i, a.joints, short(s.arm.FK(a.joints), p.cfg.ApproachStep))
		return target{joints, a.command}, err
	}
	if !reachable { // fold, so that the base can drive
		return target{p.around(w, i, s.park), open}, nil
	}
	ready, err := s.arm.IK(short(p.grasp(w, i), p.cfg.Backoff), a.joints) // line up
	if err != nil {
		return target{}, err
	}
	return target{p.around(w, i, ready), open}, nil
}

const (
	opened  = 0.006 // fingers this much wider than the bottle are open [m]
	waiting = 0.06  // how far before the bottle fingers wait that are not open yet [m]
)

// linedUp reports whether the fingers can go straight on to the bottle: within a
// funnel that narrows towards it.
func (p *Policy) linedUp(g grip) bool {
	return g.ahead > -0.012 && g.ahead < p.cfg.Backoff+0.02 &&
		math.Abs(g.aside) < 0.006+0.06*max(g.ahead, 0) && math.Abs(g.above) < 0.015+0.10*max(g.ahead, 0) && g.turn < 0.15
}

// near reports whether arm i's fingers are so near to the bottle that they must leave it backwards.
func (p *Policy) near(w *world, i int) bool {
	tip := p.arms[i].mount.Mul(p.arms[i].arm.FK(w.arms[i].joints))
	d := r3.Sub(tip.P, w.bottle().P)
	up := r3.Dot(d, w.bottle().Z)
	side := r3.Norm(r3.Sub(d, r3.Scale(up, w.bottle().Z)))
	return side < p.cfg.Backoff-0.02 && up < p.cfg.BottleHeight+0.05
}

// straight moves the fingers on a straight line towards a pose, one step of it.
func (p *Policy) straight(i int, from [6]float64, to kinematics.Transform) ([6]float64, error) {
	arm := p.arms[i].arm
	at := arm.FK(from)
	metres, radians := at.Distance(to)
	part := min(1, p.cfg.ApproachStep/max(metres, 1e-9), p.cfg.TravelStep/max(radians, 1e-9))
	if part < 1 {
		to = blend(at, to, part)
	}
	q, err := arm.IK(to, from)
	if err != nil {
		return from, err
	}
	return p.towards(from, q), nil
}

// blend is the pose part of the way from a to b.
func blend(a, b kinematics.Transform, part float64) kinematics.Transform {
	turn := r3.Scale(part, a.Turn(b))
	t := b
	if angle := r3.Norm(turn); angle > 1e-12 {
		r := r3.NewRotation(angle, turn)
		t = kinematics.Transform{X: r.Rotate(a.X), Y: r.Rotate(a.Y), Z: r.Rotate(a.Z)}
	}
	t.P = r3.Add(a.P, r3.Scale(part, r3.Sub(b.P, a.P)))
	return t
}

// towards takes one step towards joint angles, all joints in proportion.
func (p *Policy) towards(from, to [6]float64) [6]float64 {
	most := 0.0
	for k := range from {
		most = max(most, math.Abs(to[k]-from[k]))
	}
	if most <= p.cfg.TravelStep {
		return to
	}
	for k := range from {
		to[k] = from[k] + (to[k]-from[k])*p.cfg.TravelStep/most
	}
	return to
}

// around takes one step towards joint angles without touching table or bottle:
// straight through joint space when that is clear, else by way of a raised pose,
// else straight up.
func (p *Policy) around(w *world, i int, to [6]float64) [6]float64 {
	from := w.arms[i].joints
	if p.clear(w, i, from, to) {
		return p.towards(from, to)
	}
	raised := p.raisedPose(i, to[0])
	if !p.clear(w, i, from, raised) {
		up := p.arms[i].arm.FK(from)
		up.P.Z += p.cfg.ApproachStep
		if q, err := p.straight(i, from, up); err == nil { // else it is as high as it goes like this
			return q
		}
	}
	return p.towards(from, raised)
}

// raisedPose holds the fingers before the shoulder, above everything on the table,
// with the first joint where the way leads.
func (p *Policy) raisedPose(i int, first float64) [6]float64 {
	q := p.arms[i].park
	q[0], q[1], q[2], q[4] = first, 1.0, -0.7, 0
	return q
}

// clear reports whether the hand keeps clearance from table and bottle all the way.
func (p *Policy) clear(w *world, i int, from, to [6]float64) bool {
	const samples, clearance = 12, 0.012
	table := kinematics.Tabletop("table", w.table(), p.cfg.TableDepth, p.cfg.TableWidth)
	bottle := kinematics.Capsule{
		A: w.bottle().P, B: w.bottle().Apply(r3.Vec{Z: p.cfg.BottleHeight}), Radius: p.cfg.BottleDiameter / 2,
	}
	for n := 1; n <= samples; n++ {
		var q [6]float64
		for k := range q {
			q[k] = from[k] + (to[k]-from[k])*float64(n)/samples
		}
		for _, c := range p.bodies.Moving(nil, i, q) {
			if d, _, _ := c.ToBox(table); d < clearance {
				return false
			}
			if d, _, _ := c.Distance(bottle); d < clearance {
				return false
			}
		}
	}
	return true
}

// fetched reports whether the bottle is held and high enough, so that nothing is left to do.
func (p *Policy) fetched(w *world) bool {
	for i := range p.arms {
		if p.holds(w, i) && w.raised() > p.cfg.Lift-0.02 {
			return true
		}
	}
	return false
}

// imagineBottle moves the world to where the targets bring it; a bottle that is held goes along.
// What the fingers meet is not foreseen: their widths stay as measured.
func (p *Policy) imagineBottle(w *world, t [2]target) {
	for i := range w.arms {
		if p.holds(w, i) {
			arm := p.arms[i]
			before, after := arm.mount.Mul(arm.arm.FK(w.arms[i].joints)), arm.mount.Mul(arm.arm.FK(t[i].joints))
			w.things["bottle"] = after.Mul(before.Inverse()).Mul(w.bottle())
		}
		w.arms[i].joints, w.arms[i].command = t[i].joints, t[i].width
	}
}
