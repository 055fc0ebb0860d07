package kinematics

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"cobot_vla/calibration"

	"gonum.org/v1/gonum/spatial/r3"
	"pgregory.net/rapid"
)

func bodies(t testing.TB) *Bodies {
	t.Helper()
	b, err := NewBodies(calibration.Default())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// micro is how exact the distance of nearly parallel axes is [m].
const micro = 2e-6

func vec(t *rapid.T, label string) r3.Vec {
	x := rapid.Float64Range(-1, 1)
	return r3.Vec{X: x.Draw(t, label), Y: x.Draw(t, label), Z: x.Draw(t, label)}
}

// No pair of sampled points of two capsules' axes is nearer than their distance says, and the points it names are that far apart.
func TestCapsuleDistance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Capsule{A: vec(t, "a"), B: vec(t, "a"), Radius: 0.05}
		b := Capsule{A: vec(t, "b"), B: vec(t, "b"), Radius: 0.1}
		if rapid.Bool().Draw(t, "parallel") {
			b.B = r3.Add(b.A, r3.Scale(0.7, r3.Sub(a.B, a.A)))
		}
		if rapid.Bool().Draw(t, "ball") {
			a.B = a.A
		}
		d, onA, onB := a.Distance(b)
		if back, _, _ := b.Distance(a); math.Abs(back-d) > micro {
			t.Fatalf("%g one way, %g the other", d, back)
		}
		if got := r3.Norm(r3.Sub(onA, onB)) - 0.15; math.Abs(got-d) > 1e-12 {
			t.Fatalf("nearest points are %g apart, distance %g", got, d)
		}
		if low := a.atLeast(b); low > d+1e-12 {
			t.Fatalf("bound %g above distance %g", low, d)
		}
		for i := range 41 {
			for j := range 41 {
				p := r3.Add(a.A, r3.Scale(float64(i)/40, r3.Sub(a.B, a.A)))
				q := r3.Add(b.A, r3.Scale(float64(j)/40, r3.Sub(b.B, b.A)))
				if n := r3.Norm(r3.Sub(p, q)) - 0.15; n < d-micro {
					t.Fatalf("points %g apart, distance %g", n, d)
				}
			}
		}
	})
}

func TestBoxDistance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		angle := rapid.Float64Range(-3, 3)
		box := Box{At: RPY(angle.Draw(t, "roll"), angle.Draw(t, "pitch"), angle.Draw(t, "yaw")), Half: r3.Vec{X: 0.3, Y: 0.2, Z: 0.1}}
		box.At.P = vec(t, "box")
		c := Capsule{A: vec(t, "a"), B: vec(t, "b"), Radius: 0.05}
		d, onC, onBox := c.ToBox(box)
		if got := r3.Norm(r3.Sub(onC, onBox)) - 0.05; math.Abs(got-d) > 1e-9 {
			t.Fatalf("nearest points are %g apart, distance %g", got, d)
		}
		inv := box.At.Inverse()
		for i := range 201 {
			p := inv.Apply(r3.Add(c.A, r3.Scale(float64(i)/200, r3.Sub(c.B, c.A))))
			out := r3.Vec{
				X: max(math.Abs(p.X)-0.3, 0), Y: max(math.Abs(p.Y)-0.2, 0), Z: max(math.Abs(p.Z)-0.1, 0),
			}
			if n := r3.Norm(out) - 0.05; n < d-1e-9 {
				t.Fatalf("a point is %g away, distance %g", n, d)
			}
		}
	})
}

// The poses a robot rests in keep clear of its own body and of the other arm.
func TestRestingPosesAreClear(t *testing.T) {
	b := bodies(t)
	r := calibration.Default()
	for name, q := range map[string][2][6]float64{
		"zero":          {},
		"without power": {{0, -0.035, 0.035}, {0, -0.035, 0.035}},
		"park":          {r.Arms[0].Park, r.Arms[1].Park},
	} {
		if p := b.Closest(q); p.Distance < 0.03 {
			t.Errorf("%s: %v", name, p)
		}
	}
}

func TestClosestNamesWhatMeets(t *testing.T) {
	b := bodies(t)
	ready := [6]float64{0, 1.2, -0.8, 0, 0, 0}
	tests := []struct {
		name, a, b string
		q          [2][6]float64
	}{
		// Both arms reach inwards until the hands meet before the robot.
		{"arms", "left_", "right_", [2][6]float64{{-0.75, 1.2, -0.8}, {0.75, 1.2, -0.8}}},
		// The left arm bends down over the shelf it stands on.
		{"body", "left_", "shelf_", [2][6]float64{{math.Pi / 2, 2.9, -0.2, 0, 1.2}, ready}},
	}
	for _, tt := range tests {
		p := b.Closest(tt.q)
		if p.Distance > 0.02 || !strings.Contains(p.A, tt.a) || !strings.Contains(p.B, tt.b) {
			t.Errorf("%s: %v", tt.name, p)
		}
	}
	clear := b.Closest([2][6]float64{ready, ready})
	if clear.Distance < 0.05 {
		t.Errorf("ready: %v", clear)
	}
	b.SetBoxes(Tabletop("table", Translation(0.8, 0, 0.75), 0.6, 1.2))
	down := [6]float64{0, 2.2, -1.0, 0, 1.0}
	if p := b.Closest([2][6]float64{down, ready}); p.B != "table" || p.Distance > 0.02 {
		t.Errorf("table: %v", p)
	}
}

// Closest skips pairs by a bound; it must say the same as trying them all.
func TestClosestIsTheLeastOfAll(t *testing.T) {
	b := bodies(t)
	b.SetBoxes(Tabletop("table", Translation(0.8, 0, 0.7), 0.6, 1.2))
	rng := rand.New(rand.NewPCG(9, 10))
	for range 300 {
		q := [2][6]float64{randomPose(rng, b.Arm(0)), randomPose(rng, b.Arm(1))}
		best := math.Inf(1)
		for _, p := range b.Below(nil, q, math.Inf(1)) {
			best = min(best, p.Distance)
		}
		got := b.Closest(q)
		if got.Distance != best {
			t.Fatalf("closest %v, least %g", got, best)
		}
		if d := r3.Norm(r3.Sub(got.OnA, got.OnB)); d < got.Distance {
			t.Fatalf("%v, but its points are %g apart", got, d)
		}
	}
}

// A robot is the same in the mirror: swapping the arms and turning joints 1, 4
// and 6 the other way keeps every distance.
func TestDistancesAreMirrorImages(t *testing.T) {
	b := bodies(t)
	rng := rand.New(rand.NewPCG(11, 12))
	mirror := func(q [6]float64) [6]float64 { q[0], q[3], q[5] = -q[0], -q[3], -q[5]; return q }
	for range 200 {
		l, r := randomPose(rng, b.Arm(0)), randomPose(rng, b.Arm(1))
		d := b.Closest([2][6]float64{l, r}).Distance
		m := b.Closest([2][6]float64{mirror(r), mirror(l)}).Distance
		if math.Abs(d-m) > 1e-9 {
			t.Fatalf("%g, mirrored %g", d, m)
		}
	}
}

func BenchmarkClosest(b *testing.B) {
	s := bodies(b)
	s.SetBoxes(Tabletop("table", Translation(0.8, 0, 0.7), 0.6, 1.2))
	q := [2][6]float64{{-0.3, 1.6, -0.8, 0.1, 0.5, 0}, {0.3, 1.5, -0.9, 0.1, 0.4, 0}}
	b.ReportAllocs()
	for b.Loop() {
		s.Closest(q)
	}
}
