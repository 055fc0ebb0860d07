package measure

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"

	"gonum.org/v1/gonum/spatial/r3"
)

// wrist is a camera at a hand over a sheet on the table, and the truth about it.
type wrist struct {
	lens          Lens
	target        Target
	mount         kinematics.Transform // the camera's body in the flange
	sheet         kinematics.Transform // the target in the base
	noise         float64              // of a corner, along one axis [px]
	turn          [3]float64           // how far the hand turns about x, y and z [rad]
	rng           *rand.Rand
	views, misses int
}

func newWrist(seed uint64) wrist {
	return wrist{
		lens:   Lens{Width: 640, Height: 480, FX: 452, FY: 447, CX: 311, CY: 246, Distortion: [5]float64{-0.11, 0.04}},
		target: Target{Size: 0.04, Gap: 0.012, Rows: 2, Columns: 3},
		mount:  kinematics.FromPose(poseOf(-0.065, 0.012, 0.021, 0.03, -1.2, 0.05)),
		sheet:  kinematics.FromPose(poseOf(0.45, 0.2, 0.02, 0.02, -0.01, 0.4)),
		noise:  0.2, turn: [3]float64{0.5, 0.5, 0.6}, rng: rand.New(rand.NewPCG(seed, 1)), views: 20,
	}
}

// record looks at the sheet from places around one straight above it, as the truth has it.
func (w *wrist) record() []View {
	optical := w.mount.Mul(body.Inverse())
	middle := r3.Vec{X: float64(w.target.Columns-1) * (w.target.Size + w.target.Gap) / 2, Y: float64(w.target.Rows-1) * (w.target.Size + w.target.Gap) / 2}
	var views []View
	for len(views) < w.views && w.misses < 10000 {
		draw := func(most float64) float64 { return most * (2*w.rng.Float64() - 1) }
		// The target before the lens: upright, then turned and shifted.
		seen := kinematics.RPY(math.Pi, 0, 0).Mul(kinematics.RPY(draw(w.turn[0]), draw(w.turn[1]), draw(w.turn[2])))
		aim := r3.Vec{X: draw(0.08), Y: draw(0.06), Z: 0.25 + 0.12*w.rng.Float64()}
		seen.P = r3.Sub(aim, seen.Rotate(middle))
		v := View{What: fmt.Sprintf("view %d", len(views)+1)}
		// camera in its carrier, target in its own: rig is what lies between.
		v.Rig = optical.Mul(seen).Mul(w.sheet.Inverse())
		for id := range w.target.Rows * w.target.Columns {
			corners, _ := w.target.Corners(id)
			for _, c := range corners {
				p, ok := w.lens.Project(seen.Apply(r3.Vec{X: c[0], Y: c[1]}))
				if ok && p[0] > 0 && p[1] > 0 && p[0] < 639 && p[1] < 479 {
					v.Seen = append(v.Seen, Seen{c, [2]float64{p[0] + w.noise*w.rng.NormFloat64(), p[1] + w.noise*w.rng.NormFloat64()}})
				}
			}
		}
		if len(v.Seen) < 4*w.target.Rows*w.target.Columns {
			w.misses++
			continue
		}
		views = append(views, v)
	}
	return views
}

// Lens and mount come back, whatever they are, as near as a noise of 0.2 px at the
// corners allows: focal lengths within 1 %, centre 5 px, mount 4 mm and 0.6°.
func TestCameras(t *testing.T) {
	for seed := range uint64(16) {
		w := newWrist(seed)
		draw := func(lo, hi float64) float64 { return lo + (hi-lo)*w.rng.Float64() }
		w.lens.FX = draw(400, 650)
		w.lens.FY = w.lens.FX * draw(0.97, 1.03)
		w.lens.CX, w.lens.CY = draw(290, 350), draw(220, 260)
		w.lens.Distortion[0] = draw(-0.2, 0.2)
		w.mount = kinematics.FromPose(poseOf(draw(-0.1, 0.1), draw(-0.1, 0.1), draw(-0.1, 0.1), draw(-3, 3), draw(-1.5, 1.5), draw(-3, 3)))
		views := w.record()
		got, err := Intrinsics(640, 480, views)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		l := got.Lens
		for _, d := range []struct {
			what       string
			off, bound float64
		}{
			{"fx", l.FX - w.lens.FX, 0.01 * w.lens.FX}, {"fy", l.FY - w.lens.FY, 0.01 * w.lens.FY},
			{"cx", l.CX - w.lens.CX, 5}, {"cy", l.CY - w.lens.CY, 5},
			{"rms", got.RMS - w.noise, 0.03},
		} {
			if !(math.Abs(d.off) < d.bound) {
				t.Errorf("seed %d: %s is off by %.3f, more than %.3f: %+v ± %.2f %.2f", seed, d.what, d.off, d.bound, l, got.Focal, got.Centre)
			}
		}
		hand, err := HandEye(l, views)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if m, r := hand.Mount.Distance(w.mount); m > 0.004 || r > 0.6*degree {
			t.Errorf("seed %d: mount off by %.1f mm and %.2f°, claimed %.1f mm and %.2f°", seed, 1000*m, r/degree, 1000*hand.Position, hand.Turn/degree)
		}
		if m, r := hand.Target.Distance(w.sheet); m > 0.008 || r > degree {
			t.Errorf("seed %d: target off by %.1f mm and %.2f°", seed, 1000*m, r/degree)
		}
	}
}

// Without noise they come back as they were, from one tag, too.
func TestCamerasExactly(t *testing.T) {
	for _, target := range []Target{{Size: 0.08, Rows: 1, Columns: 1}, {Size: 0.03, Gap: 0.01, Rows: 4, Columns: 4}} {
		w := newWrist(3)
		w.noise, w.target = 0, target
		views := w.record()
		got, err := Intrinsics(640, 480, views)
		if err != nil {
			t.Fatal(err)
		}
		if l := got.Lens; math.Abs(l.FX-w.lens.FX)+math.Abs(l.FY-w.lens.FY)+math.Abs(l.CX-w.lens.CX)+math.Abs(l.CY-w.lens.CY) > 0.01 ||
			math.Abs(l.Distortion[0]-w.lens.Distortion[0]) > 1e-3 || got.Terms != 2 || len(got.Residuals) != 4*20*target.Rows*target.Columns {
			t.Errorf("%+v, want %+v", got.Lens, w.lens)
		}
		hand, err := HandEye(got.Lens, views)
		if err != nil {
			t.Fatal(err)
		}
		if m, r := hand.Mount.Distance(w.mount); m > 1e-5 || r > 1e-5 || hand.RMS > 1e-3 {
			t.Errorf("mount off by %g m and %g rad, %g px", m, r, hand.RMS)
		}
	}
}

// What they claim to err by is about what they do, and distortion that nobody can see is not made up.
func TestCamerasKnowTheirErrors(t *testing.T) {
	var focal, position, straight float64
	const times = 12
	for seed := range uint64(times) {
		w := newWrist(seed)
		w.lens.Distortion = [5]float64{}
		views := w.record()
		got, err := Intrinsics(640, 480, views)
		if err != nil {
			t.Fatal(err)
		}
		hand, err := HandEye(w.lens, views)
		if err != nil {
			t.Fatal(err)
		}
		m, _ := hand.Mount.Distance(w.mount)
		focal += math.Pow((got.Lens.FX-w.lens.FX)/got.Focal[0], 2) / times
		position += math.Pow(m/hand.Position, 2) / times
		if got.Terms == 0 {
			straight++
		}
	}
	if focal = math.Sqrt(focal); focal < 0.5 || focal > 1.7 {
		t.Errorf("focal lengths err by %.2f of what they claim", focal)
	}
	if position = math.Sqrt(position); position < 0.5 || position > 2.5 {
		t.Errorf("mounts err by %.2f of what they claim", position)
	}
	if straight < times-1 {
		t.Errorf("%g of %d straight lenses came out straight", straight, times)
	}
}

// What does not determine the answer is refused, with what to record.
func TestCamerasRefuse(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*wrist)
		lens   string // the error about the lens; empty: none
		mount  string
	}{
		{"too few views", func(w *wrist) { w.views = 3 }, "in 3 different pictures; it needs 6", "from 3 different places; it needs 5"},
		{"always from the front", func(w *wrist) { w.turn = [3]float64{0, 0, 1} }, "30° to every side", "about two axes"},
		{"no turn", func(w *wrist) { w.turn = [3]float64{} }, "30° to every side", "about two axes"},
		{"one axis", func(w *wrist) { w.turn = [3]float64{0.6, 0, 0} }, "", "about two axes"},
		{"hardly tilted", func(w *wrist) { w.turn = [3]float64{0.05, 0.05, 1} }, "30°", "about two axes"},
	} {
		w := newWrist(7)
		c.change(&w)
		views := w.record()
		_, err := Intrinsics(640, 480, views)
		if c.lens != "" && (!errors.Is(err, ErrData) || !strings.Contains(err.Error(), c.lens)) {
			t.Errorf("%s: lens: %v, want %q", c.name, err, c.lens)
		}
		_, err = HandEye(w.lens, views)
		if !errors.Is(err, ErrData) || !strings.Contains(err.Error(), c.mount) {
			t.Errorf("%s: mount: %v, want %q", c.name, err, c.mount)
		}
	}
	// A sheet that slipped half way through.
	w := newWrist(8)
	views := w.record()
	slip := kinematics.Translation(0.05, 0.03, 0)
	for i := range views[:10] {
		views[i].Rig = views[i].Rig.Mul(slip)
	}
	if _, err := HandEye(w.lens, views); !errors.Is(err, ErrData) || !strings.Contains(err.Error(), "did the target stay") {
		t.Errorf("a target that slipped: %v", err)
	}
	if _, err := homography(View{What: "a", Seen: make([]Seen, 4)}, w.lens.ray); !errors.Is(err, ErrData) {
		t.Errorf("four times one point: %v", err)
	}
}

func TestTarget(t *testing.T) {
	g := Target{Size: 0.04, Gap: 0.01, Rows: 2, Columns: 3, First: 10}
	if _, ok := g.Corners(9); ok {
		t.Error("tag 9 is on it")
	}
	if _, ok := g.Corners(16); ok {
		t.Error("tag 16 is on it")
	}
	c, ok := g.Corners(14)
	if want := [4][2]float64{{0.03, 0.03}, {0.07, 0.03}, {0.07, 0.07}, {0.03, 0.07}}; !ok || math.Abs(c[0][0]-want[0][0])+math.Abs(c[0][1]-want[0][1])+math.Abs(c[2][0]-want[2][0])+math.Abs(c[2][1]-want[2][1]) > 1e-12 {
		t.Errorf("tag 14 at %v, want %v", c, want)
	}
	l := Lens{Width: 640, Height: 480, FX: 450, FY: 451, CX: 319.5, CY: 239.5, Distortion: [5]float64{-0.1, 0.02, 0.001, -0.002, 0.001}}
	p, _ := l.Project(r3.Vec{X: 0.3, Y: -0.2, Z: 1})
	if x, y := l.ray(p); math.Hypot(x-0.3, y+0.2) > 1e-9 {
		t.Errorf("a ray comes back as %g, %g", x, y)
	}
	if half, ok := l.Scaled(320, 240); !ok || half.CX != 159.5 || half.FX != 225 {
		t.Errorf("half of it is %+v", half)
	}
	if _, ok := l.Scaled(640, 360); ok {
		t.Error("scaled to another shape")
	}
}

func poseOf(x, y, z, roll, pitch, yaw float64) calibration.Pose {
	return calibration.Pose{XYZ: [3]float64{x, y, z}, RPY: [3]float64{roll, pitch, yaw}}
}
