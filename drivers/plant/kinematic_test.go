package plant_test

import (
	"math"
	"testing"
	"time"

	"cobot_vla/drivers/plant"

	"pgregory.net/rapid"
)

const step = 2 * time.Millisecond

func newPlant(t testing.TB) *plant.Kinematic {
	t.Helper()
	k, err := plant.New(plant.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func run(t testing.TB, k *plant.Kinematic, d time.Duration) {
	t.Helper()
	for ; d > 0; d -= step {
		if err := k.Step(step); err != nil {
			t.Fatal(err)
		}
	}
}

func near(t testing.TB, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %v, want %v within %v", what, got, want, tolerance)
	}
}

func TestStartsAtRestOutsideTheCommandRange(t *testing.T) {
	k := newPlant(t)
	for _, side := range []string{"left", "right"} {
		q := k.Arm(side).State().Joints
		near(t, side+" joint 2", q[1], -1.999*math.Pi/180, 1e-12)
		near(t, side+" joint 3", q[2], 1.971*math.Pi/180, 1e-12)
	}
	if a := k.Arm("middle"); a != nil {
		t.Errorf("the plant has an arm called middle: %v", a)
	}
}

func TestHoldingReachesASetPointWithinOneStep(t *testing.T) {
	k := newPlant(t)
	arm := k.Arm("left")
	q := arm.State().Joints
	for range 500 { // 3 rad/s, the firmware's limit
		q[0] += 3 * step.Seconds()
		if q[0] > 2 {
			break
		}
		arm.Drive(plant.ArmDrive{Power: plant.Holding, Joints: q})
		run(t, k, step)
		near(t, "joint 1", arm.State().Joints[0], q[0], 1e-12)
		near(t, "velocity 1", arm.State().Velocities[0], 3, 1e-9)
	}
	q[0] = -1 // too far for one step
	arm.Drive(plant.ArmDrive{Power: plant.Holding, Joints: q})
	run(t, k, step)
	near(t, "velocity 1", arm.State().Velocities[0], -6, 1e-9)
	run(t, k, time.Second)
	near(t, "joint 1", arm.State().Joints[0], -1, 1e-12)
	near(t, "velocity 1", arm.State().Velocities[0], 0, 0)
}

func TestWithoutPowerAnArmGoesToRest(t *testing.T) {
	for _, c := range []struct {
		name   string
		power  plant.Power
		within time.Duration
		notIn  time.Duration
	}{
		{"off", plant.Off, 700 * time.Millisecond, 300 * time.Millisecond},
		{"damped", plant.Damped, 7 * time.Second, 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newPlant(t)
			rest := k.Arm("left").State().Joints
			k.KinematicArm("left").Place([6]float64{0.5, 1.5, -1.2, 0.3, 0.4, 0.1}, 0.05)
			arm := k.Arm("left")
			arm.Drive(plant.ArmDrive{Power: c.power})
			run(t, k, c.notIn)
			if arm.State().Joints[1] < 0.5 {
				t.Errorf("joint 2 is at %v after %v already", arm.State().Joints[1], c.notIn)
			}
			run(t, k, c.within-c.notIn)
			got := arm.State()
			near(t, "joint 2", got.Joints[1], rest[1], 1e-12)
			near(t, "joint 3", got.Joints[2], rest[2], 1e-12)
			near(t, "joint 1, which gravity does not move", got.Joints[0], 0.5, 0)
			near(t, "width of a gripper that is off", got.Width, 0.05, 0)
			near(t, "joint 2 of the other arm", k.Arm("right").State().Joints[1], rest[1], 0)
		})
	}
}

func TestGripperIsRateLimitedAndStopsAtItsEnds(t *testing.T) {
	k := newPlant(t)
	arm := k.Arm("right")
	arm.Drive(plant.ArmDrive{Power: plant.Holding, GripperOn: true, Width: 1})
	run(t, k, 100*time.Millisecond)
	near(t, "width", arm.State().Width, 0.02, 1e-9)
	near(t, "speed", arm.State().WidthVel, 0.2, 1e-9)
	run(t, k, time.Second)
	near(t, "width", arm.State().Width, 0.10, 0)
	arm.Drive(plant.ArmDrive{GripperOn: true, Width: -1})
	run(t, k, time.Second)
	near(t, "width", arm.State().Width, 0, 0)
}

func TestNotANumberMovesNothing(t *testing.T) {
	k := newPlant(t)
	nan := math.NaN()
	before := k.Arm("left").State()
	k.Arm("left").Drive(plant.ArmDrive{Power: plant.Holding, GripperOn: true, Width: nan,
		Joints: [6]float64{nan, nan, nan, nan, nan, nan}})
	k.Base().Drive(nan, 1)
	run(t, k, 10*step)
	if got := k.Arm("left").State(); got != before {
		t.Errorf("the arm moved to %+v", got)
	}
	if got := k.Base().State(); got != (plant.BaseState{}) {
		t.Errorf("the base moved to %+v", got)
	}
}

func TestBaseFollowsTheExactArc(t *testing.T) {
	k := newPlant(t)
	k.Base().Drive(0.5, 0.8)
	run(t, k, time.Second)
	x, y, yaw := k.Pose()
	near(t, "x", x, 0.5/0.8*math.Sin(0.8), 1e-9)
	near(t, "y", y, 0.5/0.8*(1-math.Cos(0.8)), 1e-9)
	near(t, "yaw", yaw, 0.8, 1e-9)
	near(t, "left", k.Base().State().Left, 0.5-0.8*0.175, 1e-9)
	near(t, "right", k.Base().State().Right, 0.5+0.8*0.175, 1e-9)
}

func TestStepAndConfigRefuseNonsense(t *testing.T) {
	k := newPlant(t)
	for _, dt := range []time.Duration{0, -step, time.Millisecond, 3 * time.Millisecond} {
		if k.Step(dt) == nil {
			t.Errorf("a step of %v was accepted", dt)
		}
	}
	for name, cfg := range map[string]plant.Config{
		"negative timestep": {Timestep: -1},
		"negative speed":    {JointSpeed: -1},
		"NaN track":         {Track: math.NaN()},
		"two left arms":     {Sides: []string{"left", "left"}},
	} {
		if _, err := plant.New(cfg); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// Whatever is driven, no joint is faster than its bound or beyond its stops.
func TestSpeedsAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, err := plant.New(plant.Config{})
		if err != nil {
			t.Fatal(err)
		}
		arm := k.Arm("left")
		angle := rapid.Float64Range(-10, 10)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			d := plant.ArmDrive{
				Power:     plant.Power(rapid.IntRange(0, 2).Draw(t, "power")),
				GripperOn: rapid.Bool().Draw(t, "on"),
				Width:     rapid.Float64Range(-1, 1).Draw(t, "width"),
			}
			for i := range d.Joints {
				d.Joints[i] = angle.Draw(t, "joint")
			}
			before := arm.State()
			arm.Drive(d)
			if err := k.Step(step); err != nil {
				t.Fatal(err)
			}
			after := arm.State()
			for i := range after.Joints {
				if d := math.Abs(after.Joints[i] - before.Joints[i]); d > 6*step.Seconds()+1e-12 {
					t.Fatalf("joint %d moved %v rad in one step", i+1, d)
				}
				if math.Abs(after.Joints[i]) > 200*math.Pi/180 {
					t.Fatalf("joint %d is at %v rad", i+1, after.Joints[i])
				}
			}
			if after.Width < 0 || after.Width > 0.10 {
				t.Fatalf("the gripper is open %v m", after.Width)
			}
		}
	})
}
