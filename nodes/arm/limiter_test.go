package arm

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const dt = 0.005

func testAxes() []Axis {
	return []Axis{
		{Name: "joint2", Unit: "rad", Lower: 0.01, Upper: 3.13, Velocity: 1.5, Acceleration: 5, Reach: 1},
		{Name: "joint3", Unit: "rad", Lower: -2.96, Upper: -0.01, Velocity: 1.5, Acceleration: 5, Reach: 1},
		{Name: "gripper", Unit: "m", Lower: 0, Upper: 0.07, Velocity: 0.2, Acceleration: 2, Reach: 1, Gripper: true},
	}
}

// wall is a clearance: the sum of the first two axes, and what fingers stand out by, may not exceed limit.
// The second axis counts more by lean.
type wall struct{ limit, fingers, lean float64 }

func (w wall) distance(pose []float64) float64 {
	return w.limit - pose[0] - (1+w.lean)*pose[1] - w.fingers*pose[2]
}

func (w wall) Closest(pose []float64, within float64) []Near {
	if d := w.distance(pose); d < within {
		return []Near{{"arm and wall", d}}
	}
	return nil
}

// TestLimiterKeepsEveryLimit steps a limiter with hostile wishes from any start,
// including arms that rest outside their range.
func TestLimiterKeepsEveryLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		axes := testAxes()
		start := []float64{
			rapid.SampledFrom([]float64{-0.0349, 0.0, 0.5, 3.13, 3.2}).Draw(t, "j2"),
			rapid.SampledFrom([]float64{-3.0, -2.96, -1.0, 0, 0.0349}).Draw(t, "j3"),
			rapid.Float64Range(-0.001, 0.071).Draw(t, "grip"),
		}
		keep := 0.02
		clear := wall{limit: 2, fingers: rapid.SampledFrom([]float64{0, 1}).Draw(t, "fingers"), lean: rapid.SampledFrom([]float64{0, 1}).Draw(t, "lean")}
		axes[1].Reach = 1 + clear.lean
		l := NewLimiter(axes, clear, keep)
		l.Set(0, start)
		pose, vel := append([]float64(nil), start...), make([]float64, 3)
		gap := clear.distance(start)
		want, wantV := append([]float64(nil), start...), make([]float64, 3)
		for range rapid.IntRange(1, 40).Draw(t, "changes") {
			for i := range want {
				want[i] = rapid.Float64Range(-8, 8).Draw(t, "want")
				wantV[i] = rapid.SampledFrom([]float64{0, 0, -20, 20, 0.7, -0.3, math.MaxFloat64}).Draw(t, "wantV")
			}
			brake := rapid.Bool().Draw(t, "brake")
			fastest := rapid.SampledFrom([]float64{0.2, 100}).Draw(t, "fastest")
			for range rapid.IntRange(1, 200).Draw(t, "steps") {
				if brake {
					l.Brake(dt)
				} else {
					l.Step(dt, want, wantV, fastest)
				}
				for i, a := range axes {
					q, v := l.Pose()[i], l.Velocity()[i]
					lower, upper := math.Min(a.Lower, start[i]), math.Max(a.Upper, start[i])
					if q < lower || q > upper {
						t.Fatalf("%s at %v is outside %v..%v", a.Name, q, lower, upper)
					}
					if pose[i] < a.Lower && q < pose[i]-1e-15 || pose[i] > a.Upper && q > pose[i]+1e-15 {
						t.Fatalf("%s outside its range moved outward from %v to %v", a.Name, pose[i], q)
					}
					if math.Abs(v) > a.Velocity+1e-9 || math.Abs(q-pose[i]-v*dt) > 1e-9 {
						t.Fatalf("%s velocity %v, moved %v", a.Name, v, q-pose[i])
					}
					if math.Abs(v-vel[i]) > a.Acceleration*dt+1e-9 {
						t.Fatalf("%s acceleration %v", a.Name, (v-vel[i])/dt)
					}
					pose[i], vel[i] = q, v
				}
				d := clear.distance(pose)
				if d < math.Min(gap, keep)-2e-6 {
					t.Fatalf("distance %v, started at %v", d, gap)
				}
				// What was gained is kept; with fingers, which stop later than joints, once all stand.
				if clear.fingers == 0 && clear.lean == 0 || l.Still() {
					gap = math.Max(math.Min(gap, d), math.Min(d, keep))
				}
			}
		}
	})
}

// TestStoppedHandStillGrips lowers a hand onto what it may not come near to, and has it close and open there.
func TestStoppedHandStillGrips(t *testing.T) {
	lowered := func(w wall) *Limiter {
		l := NewLimiter(testAxes(), w, 0.02)
		l.Set(0, []float64{1, -1, 0.03})
		for range 400 {
			l.Step(dt, []float64{2.5, -1, 0.03}, make([]float64, 3), 100)
		}
		if d := w.distance(l.Pose()); !l.Still() || d < 0.02-2e-6 || d > 0.03 {
			t.Fatalf("the hand stands at %v, distance %v", l.Pose(), d)
		}
		return l
	}
	l := lowered(wall{limit: 1})
	at := append([]float64(nil), l.Pose()...)
	for _, width := range []float64{0, 0.07} {
		for range 400 {
			if pair := l.Step(dt, []float64{2.5, -1, width}, make([]float64, 3), 100); pair != "arm and wall" {
				t.Fatalf("stopped by %q", pair)
			}
		}
		if math.Abs(l.Pose()[2]-width) > 1e-5 {
			t.Errorf("told %v m, the stopped hand stands at %v", width, l.Pose()[2])
		}
	}
	if l.Pose()[0] != at[0] || l.Pose()[1] != at[1] {
		t.Errorf("joints went from %v to %v", at, l.Pose())
	}

	// Fingers that would come too near themselves are stopped as joints are.
	w := wall{limit: 1, fingers: 1}
	l = lowered(w)
	for range 400 {
		l.Step(dt, []float64{2.5, -1, 0.07}, make([]float64, 3), 100)
	}
	if d := w.distance(l.Pose()); d < 0.02-2e-6 || l.Pose()[2] > 0.05 {
		t.Errorf("fingers opened to %v, distance %v", l.Pose()[2], d)
	}
}

// TestStoppedArmLeaves: one joint's short way leads toward what the other's long way leads away from.
func TestStoppedArmLeaves(t *testing.T) {
	axes := testAxes()
	axes[1].Reach = 3
	w := wall{limit: -1, lean: 2}
	l := NewLimiter(axes, w, 0.02)
	l.Set(0, []float64{2 - 0.02, -1, 0.03})
	want := []float64{1.5, -0.9, 0.03}
	for range 400 {
		l.Step(dt, want, make([]float64, 3), 100)
		if d := w.distance(l.Pose()); d < 0.02-2e-6 {
			t.Fatalf("distance %v", d)
		}
	}
	for i, q := range l.Pose() {
		if math.Abs(q-want[i]) > 1e-6 {
			t.Errorf("axis %d stands at %v, want %v", i, q, want[i])
		}
	}
}

func TestLimiterFollowsARampWithoutLag(t *testing.T) {
	l := NewLimiter(testAxes(), nil, 0)
	l.Set(0, []float64{1, -1, 0.03})
	want, v := []float64{1, -1, 0.03}, []float64{0.5, -0.3, 0.01}
	for range 200 {
		for i := range want {
			want[i] += v[i] * dt
		}
		l.Step(dt, want, v, 100)
	}
	for i, q := range l.Pose() {
		if math.Abs(q-want[i]) > 1e-3 {
			t.Errorf("axis %d lags by %v after a second", i, want[i]-q)
		}
	}
}

func TestLimiterReachesAndStops(t *testing.T) {
	l := NewLimiter(testAxes(), nil, 0)
	l.Set(0, []float64{0, 0, 0})
	want, v := []float64{2, -2, 0.05}, make([]float64, 3)
	steps := 0
	for ; steps < 1000; steps++ {
		l.Step(dt, want, v, 100)
		if l.Still() && steps > 10 {
			break
		}
	}
	for i, q := range l.Pose() {
		if math.Abs(q-want[i]) > 1e-6 {
			t.Errorf("axis %d stopped at %v, want %v", i, q, want[i])
		}
	}
	if bound := 2/1.5 + 1.5/5 + 0.1; float64(steps)*dt > bound {
		t.Errorf("took %.2f s, a trapezoid takes %.2f s", float64(steps)*dt, bound)
	}
}

func TestLimiterCountsClamps(t *testing.T) {
	l := NewLimiter(testAxes(), nil, 0)
	l.Set(0, []float64{1, -1, 0.03})
	l.Step(dt, []float64{9, -1, 0.03}, make([]float64, 3), 100)
	if l.Clamps["joint2 position"] != 1 || !strings.Contains(l.LastClamp(), "joint2 command 9 rad beyond limit 3.13 rad (clamped)") {
		t.Errorf("clamps %v, last %q", l.Clamps, l.LastClamp())
	}
}
