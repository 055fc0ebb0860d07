package kinematics

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"cobot_vla/calibration"

	"gonum.org/v1/gonum/spatial/r3"
	"pgregory.net/rapid"
)

func leftArm(t testing.TB) *Arm {
	t.Helper()
	a, err := NewArm(calibration.Default().Arms[0])
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The flange at zero, as the DH table of firmware S-V1.6-3 and later gives it.
func TestZeroPose(t *testing.T) {
	flange := leftArm(t).WithTCP(0).FK([6]float64{})
	want := r3.Vec{X: 0.056128, Y: 0, Z: 0.213266}
	if d := r3.Norm(r3.Sub(flange.P, want)); d > 1e-6 {
		t.Errorf("flange at %+v, %.2g m from %+v", flange.P, d, want)
	}
	roll, pitch, yaw := flange.RollPitchYaw()
	for i, got := range [3]float64{roll, pitch, yaw} {
		if w := [3]float64{0, 85 * degree, 0}[i]; math.Abs(got-w) > 1e-6 {
			t.Errorf("rpy[%d] is %.6f, want %.6f", i, got, w)
		}
	}
	tip := leftArm(t).FK([6]float64{})
	if d := r3.Norm(r3.Sub(tip.P, flange.P)); math.Abs(d-0.12) > 1e-12 {
		t.Errorf("TCP %.4f m from the flange, want 0.12", d)
	}
}

// publishedURDF is the joint chain of AgileX's current URDF: xyz, rpy, axis +z.
var publishedURDF = [6][6]float64{
	{0, 0, 0.123, 0, 0, 0},
	{0, 0, 0, 1.5707963, -0.1357866, -3.1415926},
	{0.28503, 0, 0, 0, 0, -1.7938494},
	{-0.02198, -0.25075, 0, 1.5707963, 0, 0},
	{0, 0, 0, -1.5707963, 0, 0},
	{8.8259e-5, -0.091, 0, 1.5707963, 0, 0},
}

func TestAgreesWithThePublishedURDF(t *testing.T) {
	arm := leftArm(t).WithTCP(0)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		q := randomPose(rng, arm)
		links := arm.Links(q)
		at := Identity()
		for i, row := range publishedURDF {
			step := RPY(row[3], row[4], row[5])
			step.P = r3.Vec{X: row[0], Y: row[1], Z: row[2]}
			at = at.Mul(step).Mul(turnAbout(r3.Vec{Z: 1}, q[i]))
			// joint6's 88 µm are the URDF's alone: the firmware's own end pose has none.
			if m, r := at.Distance(links[i]); m > 1e-4 || r > 1e-4 {
				t.Fatalf("link%d at %v: %.2g m and %.2g rad from the published chain", i+1, q, m, r)
			}
		}
	}
}

func randomPose(rng *rand.Rand, a *Arm) (q [6]float64) {
	for i := range q {
		q[i] = a.lower[i] + rng.Float64()*(a.upper[i]-a.lower[i])
	}
	return q
}

// pose draws joint angles within the limits.
func pose(t *rapid.T, a *Arm, label string) (q [6]float64) {
	for i := range q {
		q[i] = rapid.Float64Range(a.lower[i], a.upper[i]).Draw(t, label)
	}
	return q
}

func TestIKReachesWhatFKGives(t *testing.T) {
	arm := leftArm(t)
	rapid.Check(t, func(t *rapid.T) {
		q := pose(t, arm, "q")
		seed := pose(t, arm, "seed")
		target := arm.FK(q)
		all := arm.All(target, seed)
		if len(all) == 0 || len(all) > 8 {
			t.Fatalf("%d solutions", len(all))
		}
		best, err := arm.IK(target, seed)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			if m, r := arm.FK(s).Distance(target); m > 1e-6 || r > 1e-6 {
				t.Fatalf("%v is off by %.2g m, %.2g rad", s, m, r)
			}
			if !arm.Within(s, 0) {
				t.Fatalf("%v leaves the limits", s)
			}
			if apart(s, seed) < apart(best, seed) {
				t.Fatalf("%v is nearer to the seed than %v", s, best)
			}
		}
	})
}

// Away from singular poses the angles themselves come back.
func TestIKFindsTheSameAngles(t *testing.T) {
	arm := leftArm(t)
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		q := randomPose(rng, arm)
		if math.Abs(q[4]) < 0.01 {
			continue
		}
		got, err := arm.IK(arm.FK(q), q)
		if err != nil {
			t.Fatal(err)
		}
		if d := apart(got, q); d > 1e-6 {
			t.Fatalf("%v came back as %v", q, got)
		}
	}
}

func TestIKAtTheStretchedWrist(t *testing.T) {
	arm := leftArm(t)
	q := [6]float64{0.2, 1.5, -1, 0.3, 0, -0.4}
	got, err := arm.IK(arm.FK(q), q)
	if err != nil {
		t.Fatal(err)
	}
	if d := apart(got, q); d > 1e-6 {
		t.Fatalf("%v came back as %v", q, got)
	}
}

func TestIKSaysWhyNot(t *testing.T) {
	arm := leftArm(t)
	far := RPY(0, math.Pi/2, 0)
	far.P = r3.Vec{X: 1.2, Z: 0.2}
	if _, err := arm.IK(far, [6]float64{}); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "the arm spans 0.537 m; come closer") {
		t.Errorf("error %v", err)
	}
	near := RPY(0, math.Pi/2, 0) // level and close in: the wrist would have to bend too far
	near.P = r3.Vec{X: 0.40, Z: 0.123}
	if _, err := arm.IK(near, [6]float64{}); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "needs joint5 at") {
		t.Errorf("error %v", err)
	}
}

func TestJacobianIsTheSlopeOfFK(t *testing.T) {
	arm := leftArm(t)
	rng := rand.New(rand.NewPCG(5, 6))
	const h = 1e-6
	for range 50 {
		q := randomPose(rng, arm)
		j := arm.Jacobian(q)
		for i := range q {
			hi, lo := q, q
			hi[i] += h
			lo[i] -= h
			a, b := arm.FK(lo), arm.FK(hi)
			v := r3.Scale(1/(2*h), r3.Sub(b.P, a.P))
			w := r3.Scale(1/(2*h), a.Turn(b))
			for row, got := range [6]float64{v.X, v.Y, v.Z, w.X, w.Y, w.Z} {
				if math.Abs(got-j[row][i]) > 1e-6 {
					t.Fatalf("J[%d][%d] is %g, slope %g", row, i, j[row][i], got)
				}
			}
		}
	}
}

func TestNearAgreesWithIK(t *testing.T) {
	arm := leftArm(t)
	rng := rand.New(rand.NewPCG(7, 8))
	failed := 0
	for range 100 {
		q := randomPose(rng, arm)
		seed := q
		for i := range seed {
			seed[i] += 0.3 * (rng.Float64() - 0.5)
		}
		got, metres, radians := arm.Near(arm.FK(q), seed)
		if !arm.Within(got, 0) {
			t.Fatalf("%v leaves the limits", got)
		}
		if metres > 1e-4 || radians > 1e-3 {
			failed++
		}
	}
	if failed > 2 { // a descent can stop in a fold of the limits
		t.Fatalf("%d of 100 targets missed", failed)
	}
}

// Out of reach the search stretches the arm towards the target.
func TestNearStretches(t *testing.T) {
	arm := leftArm(t)
	target := RPY(0, math.Pi/2, 0)
	target.P = r3.Vec{X: 1.2, Z: 0.123}
	q, metres, _ := arm.Near(target, [6]float64{0, 1.5, -1, 0, 0, 0})
	if reach := arm.FK(q).P.X; reach < 0.70 || metres > 0.5 {
		t.Fatalf("reaches x %.3f m, %.3f m short: %v", reach, metres, q)
	}
}

func TestTransforms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		angle := rapid.Float64Range(-3.1, 3.1)
		a := RPY(angle.Draw(t, "roll"), angle.Draw(t, "pitch"), angle.Draw(t, "yaw"))
		a.P = r3.Vec{X: angle.Draw(t, "x"), Y: angle.Draw(t, "y"), Z: angle.Draw(t, "z")}
		near := func(what string, b Transform) {
			if m, r := a.Distance(b); m > 1e-9 || r > 1e-7 {
				t.Fatalf("%s: off by %g m, %g rad", what, m, r)
			}
		}
		near("inverse twice", a.Inverse().Inverse())
		near("times its inverse, times itself", a.Mul(a.Inverse()).Mul(a))
		near("through a quaternion", FromQuaternion([3]float64{a.P.X, a.P.Y, a.P.Z}, a.Quaternion()))
		near("through roll, pitch, yaw", FromPose(a.Pose()))
		b := RPY(angle.Draw(t, "roll"), angle.Draw(t, "pitch"), angle.Draw(t, "yaw"))
		turn := a.Turn(b)
		if n := r3.Norm(turn); n > 1e-6 {
			c := turnAbout(r3.Scale(1/n, turn), n).Mul(Transform{X: a.X, Y: a.Y, Z: a.Z})
			if _, r := c.Distance(b); r > 1e-6 {
				t.Fatalf("turn misses by %g rad", r)
			}
		}
	})
	half := Identity().Turn(RPY(math.Pi, 0, 0))
	if d := r3.Norm(r3.Sub(half, r3.Vec{X: math.Pi})); d > 1e-9 {
		t.Fatalf("half a turn about x is %v", half)
	}
}

func BenchmarkIK(b *testing.B) {
	arm := leftArm(b)
	q := [6]float64{0.2, 1.5, -1, 0.3, 0.4, -0.4}
	target := arm.FK(q)
	for b.Loop() {
		if _, err := arm.IK(target, q); err != nil {
			b.Fatal(err)
		}
	}
}
