package kinematics

import (
	"fmt"
	"math"

	"cobot_vla/calibration"

	"gonum.org/v1/gonum/spatial/r3"
)

// part is one rigid piece of an arm that can touch something.
type part struct {
	name  string
	frame int // 0 the arm's base, 1..6 the link it moves with
	shape Capsule
	body  bool // checked against the robot's own body; the pieces bolted to it are not
}

// The PiPER's links as capsules, in their own frames: axes from the DH table,
// radii chosen to contain the links of AgileX's pictures; the gripper at its widest.
func parts(side string, a calibration.Arm, cameras []calibration.Camera) []part {
	seg := func(ax, ay, az, bx, by, bz, r float64) Capsule {
		return Capsule{A: r3.Vec{X: ax, Y: ay, Z: az}, B: r3.Vec{X: bx, Y: by, Z: bz}, Radius: r}
	}
	half := a.Gripper.Stroke / 2
	finger := half + 0.010
	list := []part{
		{name: "link0", frame: 0, shape: seg(0, 0, 0.02, 0, 0, 0.123, 0.055)},
		{name: "link2", frame: 2, shape: seg(0, 0, 0, piper[2].a, 0, 0, 0.045), body: true},
		{name: "link3", frame: 3, shape: seg(0, 0, 0, piper[3].a, -piper[3].d, 0, 0.040), body: true},
		{name: "link5", frame: 5, shape: seg(0, 0, 0, 0, -piper[5].d, 0, 0.035), body: true},
		{name: "hand", frame: 6, shape: seg(0, -0.040, 0.040, 0, 0.040, 0.040, 0.035), body: true},
		{name: "finger1", frame: 6, shape: seg(0, finger, 0.075, 0, finger, a.Gripper.TCP+0.006, 0.010), body: true},
		{name: "finger2", frame: 6, shape: seg(0, -finger, 0.075, 0, -finger, a.Gripper.TCP+0.006, 0.010), body: true},
	}
	for _, c := range cameras {
		if c.Parent == side+"_link6" {
			at := FromPose(c.Mount).P
			list = append(list, part{name: "camera", frame: 6, shape: Capsule{A: at, B: at, Radius: 0.025}, body: true})
		}
	}
	for i := range list {
		list[i].name = side + "_" + list[i].name
	}
	return list
}

// Pair is two things and how far their surfaces are apart [m]; negative when they overlap.
type Pair struct {
	A, B     string
	Distance float64
	OnA, OnB r3.Vec // the nearest points of their axes, in base_link
}

// String says it as an error message would.
func (p Pair) String() string {
	return fmt.Sprintf("%s is %.3f m from %s", p.A, p.Distance, p.B)
}

// Bodies are the robot's two arms, its own body, and boxes around it (a table).
// It answers how near they are; a robot holds still while it is asked. A
// Bodies is for one goroutine: it keeps its scratch space.
type Bodies struct {
	arms      [2]*Arm
	parts     [2][]part
	body      []calibration.Capsule
	obstacles []Capsule
	boxes     []Box
	placed    [2][]Capsule
}

// NewBodies takes arms, cameras and obstacles from the robot's calibration.
func NewBodies(r calibration.Robot) (*Bodies, error) {
	if len(r.Arms) != 2 {
		return nil, fmt.Errorf("kinematics: robot %s has %d arms; two are needed", r.Name, len(r.Arms))
	}
	b := &Bodies{body: r.Obstacles}
	for i, a := range r.Arms {
		arm, err := NewArm(a)
		if err != nil {
			return nil, err
		}
		b.arms[i] = arm
		b.parts[i] = parts(a.Side, a, r.Cameras)
		b.placed[i] = make([]Capsule, len(b.parts[i]))
	}
	for _, o := range r.Obstacles {
		b.obstacles = append(b.obstacles, obstacle(o))
	}
	return b, nil
}

// SetBoxes replaces the boxes around the robot, given in base_link.
func (b *Bodies) SetBoxes(boxes ...Box) { b.boxes = append(b.boxes[:0], boxes...) }

// Arm returns the kinematics of arm 0 (left) or 1 (right).
func (b *Bodies) Arm(i int) *Arm { return b.arms[i] }

// Closest returns the pair of things that are nearest to each other, among
// arm and arm, arm and body, arm and box, for the joints of the left and right arm.
func (b *Bodies) Closest(q [2][6]float64) Pair {
	best := Pair{Distance: math.Inf(1)}
	b.visit(q, func() float64 { return best.Distance }, func(p Pair) {
		if p.Distance < best.Distance {
			best = p
		}
	})
	return best
}

// Below appends to dst every pair nearer than limit [m].
func (b *Bodies) Below(dst []Pair, q [2][6]float64, limit float64) []Pair {
	b.visit(q, func() float64 { return limit }, func(p Pair) {
		if p.Distance < limit {
			dst = append(dst, p)
		}
	})
	return dst
}

// visit calls found for every pair that could be nearer than worth().
func (b *Bodies) visit(q [2][6]float64, worth func() float64, found func(Pair)) {
	for i := range b.arms {
		b.place(i, q[i])
	}
	for i, l := range b.placed[0] {
		for j, r := range b.placed[1] {
			if l.atLeast(r) < worth() {
				d, onL, onR := l.Distance(r)
				found(Pair{A: b.parts[0][i].name, B: b.parts[1][j].name, Distance: d, OnA: onL, OnB: onR})
			}
		}
	}
	for side := range b.placed {
		for i, c := range b.placed[side] {
			if !b.parts[side][i].body {
				continue
			}
			for j, o := range b.obstacles {
				if c.atLeast(o) < worth() {
					d, onC, onO := c.Distance(o)
					found(Pair{A: b.parts[side][i].name, B: b.body[j].Name, Distance: d, OnA: onC, OnB: onO})
				}
			}
			for _, box := range b.boxes {
				d, onC, onBox := c.ToBox(box)
				found(Pair{A: b.parts[side][i].name, B: box.Name, Distance: d, OnA: onC, OnB: onBox})
			}
		}
	}
}

// place puts an arm's capsules into base_link.
func (b *Bodies) place(side int, q [6]float64) {
	arm := b.arms[side]
	var frames [7]Transform
	frames[0] = arm.mount
	for i, l := range piper {
		frames[i+1] = frames[i].Mul(l.at(q[i]))
	}
	for i, p := range b.parts[side] {
		b.placed[side][i] = p.shape.In(frames[p.frame])
	}
}

// Moving appends the capsules of everything that moves with arm 0 (left) or 1
// (right), in base_link, the fingers at their widest.
func (b *Bodies) Moving(dst []Capsule, side int, q [6]float64) []Capsule {
	b.place(side, q)
	for i, p := range b.parts[side] {
		if p.frame > 0 {
			dst = append(dst, b.placed[side][i])
		}
	}
	return dst
}
