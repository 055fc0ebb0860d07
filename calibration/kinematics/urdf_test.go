package kinematics

import (
	"encoding/xml"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"cobot_vla/calibration"

	"gonum.org/v1/gonum/spatial/r3"
)

// parsedURDF is what another program reads from the text: nothing of the writer's types.
type parsedURDF struct {
	Name  string `xml:"name,attr"`
	Links []struct {
		Name string `xml:"name,attr"`
		Mass struct {
			Value float64 `xml:"value,attr"`
		} `xml:"inertial>mass"`
		Inertia *struct {
			XX float64 `xml:"ixx,attr"`
			YY float64 `xml:"iyy,attr"`
			ZZ float64 `xml:"izz,attr"`
		} `xml:"inertial>inertia"`
	} `xml:"link"`
	Joints []struct {
		Name   string `xml:"name,attr"`
		Type   string `xml:"type,attr"`
		Origin struct {
			XYZ string `xml:"xyz,attr"`
			RPY string `xml:"rpy,attr"`
		} `xml:"origin"`
		Parent struct {
			Link string `xml:"link,attr"`
		} `xml:"parent"`
		Child struct {
			Link string `xml:"link,attr"`
		} `xml:"child"`
		Axis struct {
			XYZ string `xml:"xyz,attr"`
		} `xml:"axis"`
		Limit struct {
			Lower    float64 `xml:"lower,attr"`
			Upper    float64 `xml:"upper,attr"`
			Velocity float64 `xml:"velocity,attr"`
		} `xml:"limit"`
		Mimic *struct {
			Joint      string  `xml:"joint,attr"`
			Multiplier float64 `xml:"multiplier,attr"`
		} `xml:"mimic"`
	} `xml:"joint"`
}

func numbers(t *testing.T, s string) (v [3]float64) {
	t.Helper()
	f := strings.Fields(s)
	if len(f) != 3 {
		t.Fatalf("%q is not three numbers", s)
	}
	for i := range f {
		x, err := strconv.ParseFloat(f[i], 64)
		if err != nil {
			t.Fatal(err)
		}
		v[i] = x
	}
	return v
}

type matrix [4][4]float64

func (a matrix) times(b matrix) (c matrix) {
	for i := range 4 {
		for j := range 4 {
			for k := range 4 {
				c[i][j] += a[i][k] * b[k][j]
			}
		}
	}
	return c
}

func about(axis int, angle float64) matrix {
	s, c := math.Sincos(angle)
	m := matrix{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}
	i, j := (axis+1)%3, (axis+2)%3
	m[i][i], m[j][j], m[i][j], m[j][i] = c, c, -s, s
	return m
}

// place walks the parsed tree from base_link and returns every link's matrix.
func place(t *testing.T, u parsedURDF, position map[string]float64) map[string]matrix {
	at := map[string]matrix{"base_link": about(0, 0)}
	for range u.Joints { // any order of joints: sweep until nothing new is placed
		for _, j := range u.Joints {
			parent, ok := at[j.Parent.Link]
			if _, done := at[j.Child.Link]; !ok || done {
				continue
			}
			xyz, rpy := numbers(t, j.Origin.XYZ), numbers(t, j.Origin.RPY)
			m := about(2, rpy[2]).times(about(1, rpy[1])).times(about(0, rpy[0]))
			m[0][3], m[1][3], m[2][3] = xyz[0], xyz[1], xyz[2]
			q := position[j.Name]
			if j.Mimic != nil {
				q = position[j.Mimic.Joint] * j.Mimic.Multiplier
			}
			switch j.Type {
			case "revolute":
				axis := numbers(t, j.Axis.XYZ)
				if axis != [3]float64{0, 0, 1} {
					t.Fatalf("%s turns about %v", j.Name, axis)
				}
				m = m.times(about(2, q))
			case "prismatic":
				axis := numbers(t, j.Axis.XYZ)
				slide := about(0, 0)
				for i := range 3 {
					slide[i][3] = axis[i] * q
				}
				m = m.times(slide)
			}
			at[j.Child.Link] = parent.times(m)
		}
	}
	return at
}

func parse(t *testing.T) parsedURDF {
	t.Helper()
	text, err := URDF(calibration.Default())
	if err != nil {
		t.Fatal(err)
	}
	var u parsedURDF
	if err := xml.Unmarshal([]byte(text), &u); err != nil {
		t.Fatal(err)
	}
	return u
}

func differ(m matrix, at Transform) float64 {
	worst := 0.0
	for c, v := range [4]r3.Vec{at.X, at.Y, at.Z, at.P} {
		worst = max(worst, math.Abs(m[0][c]-v.X), math.Abs(m[1][c]-v.Y), math.Abs(m[2][c]-v.Z))
	}
	return worst
}

func TestURDFPlacesTheTipsAsFK(t *testing.T) {
	u := parse(t)
	robot := calibration.Default()
	b := bodies(t)
	rng := rand.New(rand.NewPCG(13, 14))
	for range 50 {
		position := map[string]float64{}
		var q [2][6]float64
		for side, a := range robot.Arms {
			q[side] = randomPose(rng, b.Arm(side))
			for i, j := range a.Joints {
				position[j.Name] = q[side][i]
			}
			position[a.Gripper.Name] = rng.Float64() * a.Gripper.Stroke
		}
		at := place(t, u, position)
		for side, a := range robot.Arms {
			arm := b.Arm(side)
			if d := differ(at[a.Side+"_gripper_tip"], arm.Mount().Mul(arm.FK(q[side]))); d > 1e-9 {
				t.Fatalf("%s tip off by %g", a.Side, d)
			}
			if d := differ(at[a.Side+"_link6"], arm.Mount().Mul(arm.WithTCP(0).FK(q[side]))); d > 1e-9 {
				t.Fatalf("%s flange off by %g", a.Side, d)
			}
			// The fingers' pads are as far apart as the gripper is open, each as far from the tip.
			one, two, tip := at[a.Side+"_finger1"], at[a.Side+"_finger2"], at[a.Side+"_gripper_tip"]
			gap := 0.0
			for i := range 3 {
				gap += (two[i][3] - one[i][3]) * tip[i][1] // along the tip's y
				if math.Abs((one[i][3]+two[i][3])/2-tip[i][3]) > 1e-9 {
					t.Fatal("the tip is not midway between the fingers")
				}
			}
			if want := position[a.Gripper.Name]; math.Abs(gap-want) > 1e-9 {
				t.Fatalf("fingers %g apart, opening %g", gap, want)
			}
		}
		// /tf and /tf_static say the same as the URDF.
		frames := append(StaticFrames(Tree(robot)), MovingFrames(Tree(robot), func(n string) (float64, bool) { v, ok := position[n]; return v, ok })...)
		if len(frames) != len(u.Joints) {
			t.Fatalf("%d frames for %d joints", len(frames), len(u.Joints))
		}
		for _, f := range frames {
			rel := f.Transform
			parent := at[f.Parent]
			want := Transform{
				X: r3.Vec{X: parent[0][0], Y: parent[1][0], Z: parent[2][0]},
				Y: r3.Vec{X: parent[0][1], Y: parent[1][1], Z: parent[2][1]},
				Z: r3.Vec{X: parent[0][2], Y: parent[1][2], Z: parent[2][2]},
				P: r3.Vec{X: parent[0][3], Y: parent[1][3], Z: parent[2][3]},
			}.Mul(rel)
			if d := differ(at[f.Child], want); d > 1e-9 {
				t.Fatalf("frame %s off by %g", f.Child, d)
			}
		}
	}
}

func TestURDFIsATreeWithMasses(t *testing.T) {
	u := parse(t)
	parents := map[string]int{}
	for _, j := range u.Joints {
		parents[j.Child.Link]++
	}
	at := place(t, u, nil)
	seen := map[string]bool{}
	total := 0.0
	for _, l := range u.Links {
		if seen[l.Name] {
			t.Errorf("link %s twice", l.Name)
		}
		seen[l.Name] = true
		if _, ok := at[l.Name]; !ok {
			t.Errorf("link %s hangs on nothing", l.Name)
		}
		if n := parents[l.Name]; n != 1 && l.Name != "base_link" {
			t.Errorf("link %s has %d parents", l.Name, n)
		}
		if l.Mass.Value > 0 {
			total += l.Mass.Value
			i := l.Inertia
			if !(i.XX > 0 && i.YY > 0 && i.ZZ > 0 && i.XX+i.YY >= i.ZZ && i.YY+i.ZZ >= i.XX && i.ZZ+i.XX >= i.YY) {
				t.Errorf("link %s has the inertia %+v of no solid", l.Name, *i)
			}
		}
	}
	arm := 1.02 + .71 + 1.16 + .5 + .38 + .383 + .007 + .45 + 2*.025 + .001
	if want := 28 + 2*arm + 3*0.07; math.Abs(total-want) > 1e-9 {
		t.Errorf("the robot weighs %g kg, its parts %g", total, want)
	}
}

func TestURDFJointsAreTheRobots(t *testing.T) {
	u := parse(t)
	limits := map[string][3]float64{}
	for _, j := range u.Joints {
		if j.Type != "fixed" {
			limits[j.Name] = [3]float64{j.Limit.Lower, j.Limit.Upper, j.Limit.Velocity}
		}
	}
	robot := calibration.Default()
	for _, a := range robot.Arms {
		for _, j := range a.Joints {
			if got, want := limits[j.Name], [3]float64{j.Lower, j.Upper, j.MaxVelocity}; got != want {
				t.Errorf("%s has limits %v, want %v", j.Name, got, want)
			}
		}
		if got, want := limits[a.Gripper.Name], [3]float64{0, a.Gripper.Stroke, a.Gripper.MaxVelocity}; got != want {
			t.Errorf("%s has limits %v, want %v", a.Gripper.Name, got, want)
		}
	}
	at := place(t, u, nil)
	for _, frame := range []string{
		"camera_f_link", "camera_f_color_optical_frame", "camera_l_link", "camera_l_color_optical_frame", "camera_r_link", "camera_r_color_optical_frame",
	} {
		if _, ok := at[frame]; !ok {
			t.Errorf("no frame %s", frame)
		}
	}
	// The front camera looks forward and down: at a table's height its optical axis is before the robot.
	m := at["camera_f_color_optical_frame"]
	reach := (m[2][3] - 0.7) / -m[2][2]
	if x := m[0][3] + reach*m[0][2]; m[2][2] >= 0 || x < 0.7 || x > 1.3 {
		t.Errorf("the front camera looks at x %.2f m at table height", x)
	}
	// A wrist camera sees the point between the fingertips near the middle of its image.
	tip := at["left_gripper_tip"]
	c := at["camera_l_color_optical_frame"]
	var p [3]float64
	for i := range 3 {
		for k := range 3 {
			p[i] += c[k][i] * (tip[k][3] - c[k][3])
		}
	}
	if u, v := 449*p[0]/p[2], 449*p[1]/p[2]; p[2] < 0.05 || math.Abs(u) > 50 || math.Abs(v) > 240 {
		t.Errorf("the left camera sees the tip at (%.0f, %.0f) px from the middle, %.3f m away", u, v, p[2])
	}
}

// A joint nobody has heard of leaves its frame out.
func TestMovingFramesLeavesOutTheUnknown(t *testing.T) {
	tree := Tree(calibration.Default())
	got := MovingFrames(tree, func(n string) (float64, bool) { return 0.01, n == "left_gripper" })
	if len(got) != 3 {
		t.Fatalf("%d frames for one gripper", len(got))
	}
}
