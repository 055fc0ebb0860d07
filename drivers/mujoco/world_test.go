//go:build mujoco && cgo

package mujoco

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/drivers/plant"
)

const degree = math.Pi / 180

// emptyScene is the room without a table: room to drive.
func emptyScene() scene.Scene {
	task, _ := scene.ByName("fetch_bottle")
	s := task.Sample(1, 0)
	s.Tables, s.Objects = nil, nil
	s.Robot = scene.Start{}
	return s
}

// profile drives the base along a trapezoid of velocity that covers way in all.
func profile(h *hand, way, top, acceleration float64, drive func(v float64)) {
	dt := tick.Seconds()
	gone, v := 0.0, 0.0
	for math.Abs(way)-gone > 1e-9 {
		stop := math.Sqrt(2 * acceleration * (math.Abs(way) - gone))
		v = min(v+acceleration*dt, top, stop)
		if v*dt > math.Abs(way)-gone {
			v = (math.Abs(way) - gone) / dt
		}
		gone += v * dt
		drive(math.Copysign(v, way))
		h.wait(tick)
	}
	drive(0)
	h.wait(600 * time.Millisecond)
}

func TestBaseDrivesAndTurns(t *testing.T) {
	h := newHand(t, emptyScene(), nil)
	h.wait(200 * time.Millisecond)
	from, _ := h.w.Pose(scene.BaseLink)
	profile(h, 1, 0.5, 0.5, func(v float64) { h.w.Base().Drive(v, 0) })
	to, _ := h.w.Pose(scene.BaseLink)
	state := h.w.Base().State()
	if way := to.Position[0] - from.Position[0]; math.Abs(way-1) > 0.01 {
		t.Errorf("drove %.4f m forward, want 1 within 1 %%", way)
	}
	if odometer := (state.Left + state.Right) / 2; math.Abs(odometer-1) > 0.01 {
		t.Errorf("the encoders say %.4f m, want 1 within 1 %%", odometer)
	}
	if math.Abs(to.Position[1]-from.Position[1]) > 0.005 || math.Abs(to.Yaw()) > 0.5*degree {
		t.Errorf("went %.1f mm sideways and turned %.2f°", 1000*(to.Position[1]-from.Position[1]), to.Yaw()/degree)
	}
	t.Logf("1 m: %.5f m, encoders %.5f m, sideways %.2f mm, turned %.3f°", to.Position[0]-from.Position[0], (state.Left+state.Right)/2, 1000*(to.Position[1]-from.Position[1]), to.Yaw()/degree)

	left, right := state.Left, state.Right
	profile(h, math.Pi/2, 0.8, 1, func(v float64) { h.w.Base().Drive(0, v) })
	turned, _ := h.w.Pose(scene.BaseLink)
	if angle := turned.Yaw() - to.Yaw(); math.Abs(angle-math.Pi/2) > 0.01*math.Pi/2 {
		t.Errorf("turned %.2f°, want 90 within 1 %%", angle/degree)
	}
	state = h.w.Base().State()
	if angle := (state.Right - right - state.Left + left) / 0.35; math.Abs(angle-math.Pi/2) > 0.01*math.Pi/2 {
		t.Errorf("the encoders say %.2f°, want 90 within 1 %%", angle/degree)
	}
	if moved := math.Hypot(turned.Position[0]-to.Position[0], turned.Position[1]-to.Position[1]); moved > 0.01 {
		t.Errorf("turning moved base_link by %.1f mm", 1000*moved)
	}
	t.Logf("90°: %.3f°, encoders %.3f°", (turned.Yaw()-to.Yaw())/degree, (state.Right-right-state.Left+left)/0.35/degree)

	h.wait(5 * time.Second)
	rest, _ := h.w.Pose(scene.BaseLink)
	if drift := rest.Distance(turned); drift > 0.0005 {
		t.Errorf("standing, the base drifted %.2f mm in 5 s", 1000*drift)
	}
	if state := h.w.Base().State(); math.Abs(state.Linear) > 1e-3 || math.Abs(state.Angular) > 1e-3 {
		t.Errorf("standing, the encoders say %.4f m/s, %.4f rad/s", state.Linear, state.Angular)
	}
}

// TestBaseStopsHard is an e-stop at full speed.
func TestBaseStopsHard(t *testing.T) {
	h := newHand(t, emptyScene(), nil)
	h.w.Base().Drive(0.5, 0)
	h.wait(1500 * time.Millisecond)
	from, _ := h.w.Pose(scene.BaseLink)
	if v := h.w.Base().State().Linear; math.Abs(v-0.5) > 0.01 {
		t.Fatalf("drives at %.3f m/s, want 0.5", v)
	}
	h.w.Base().Drive(0, 0) // a step: the motors' own limit remains
	h.wait(time.Second)
	to, _ := h.w.Pose(scene.BaseLink)
	way := to.Position[0] - from.Position[0]
	if least := 0.5 * 0.5 / 2 / (1.25 * 1.5); way < 0.9*least || way > 1.3*least {
		t.Errorf("stopped from 0.5 m/s within %.3f m, want about %.3f", way, least)
	}
	if math.Abs(to.Tilt()) > 0.2*degree {
		t.Errorf("the robot leans %.2f° after the stop", to.Tilt()/degree)
	}
}

// TestArmsFollow compares encoders with smooth set points, and with a target at rest.
func TestArmsFollow(t *testing.T) {
	h := newHand(t, emptyScene(), nil)
	worst := 0.0
	h.each = func() {
		for side, drive := range h.drives {
			state := h.w.Arm(side).State()
			for i := range drive.Joints {
				worst = max(worst, math.Abs(state.Joints[i]-drive.Joints[i]))
			}
		}
	}
	pose := [6]float64{0.4, 1.5, -1.3, 0.3, 0.4, -0.5}
	h.move("left", pose, 2*time.Second) // up to 1.2 rad/s
	if worst > 2.0*degree {
		t.Errorf("an arm lagged by %.2f°, want at most 2.0 (10 ms at 1.2 rad/s is 0.7)", worst/degree)
	}
	t.Logf("worst lag %.3f°", worst/degree)
	h.wait(500 * time.Millisecond)
	worst = 0
	h.wait(500 * time.Millisecond)
	if worst > 0.05*degree {
		t.Errorf("at rest an arm is off by %.4f°, want at most 0.05", worst/degree)
	}
	t.Logf("worst error at rest %.5f°", worst/degree)
}

// TestArmsFallWithoutPower: Off drops to the stops, where a real PiPER rests; Damped sinks slowly.
func TestArmsFallWithoutPower(t *testing.T) {
	h := newHand(t, emptyScene(), nil)
	raised := [6]float64{0.2, 0.5, -0.8, 0, 0, 0}
	h.move("left", raised, 1500*time.Millisecond)
	h.move("right", raised, 1500*time.Millisecond)
	h.drives["left"].Power = plant.Off
	h.drives["right"].Power = plant.Damped
	h.wait(300 * time.Millisecond)
	off, damped := h.w.Arm("left").State(), h.w.Arm("right").State()
	if off.Torques != [6]float64{} {
		t.Errorf("without power the motors have torques %v", off.Torques)
	}
	for i, v := range damped.Velocities {
		if math.Abs(v) > 0.5 {
			t.Errorf("damped joint %d moves with %.2f rad/s, want a slow sinking", i+1, v)
		}
	}
	t.Logf("after 0.3 s: off %.2f, damped %.2f (velocities %.2f)", off.Joints, damped.Joints, damped.Velocities)
	h.wait(4 * time.Second)
	rest := h.w.Arm("left").State().Joints
	h.wait(time.Second)
	for i, q := range h.w.Arm("left").State().Joints {
		if math.Abs(q-rest[i]) > 0.01*degree {
			t.Errorf("without power joint %d still moves: %.3f° in 1 s", i+1, (q-rest[i])/degree)
		}
	}
	// Folded back like this, joints 2 and 3 fall onto their stops.
	if math.Abs(rest[1]+2*degree) > 0.1*degree || math.Abs(rest[2]-2*degree) > 0.1*degree {
		t.Errorf("without power joints 2 and 3 rest at %.2f° and %.2f°, want their stops at -2° and 2°", rest[1]/degree, rest[2]/degree)
	}
	sunk := h.w.Arm("right").State()
	if sunk.Joints[2] < -0.1 {
		t.Errorf("damped joint 3 sank to %.2f rad only in 5 s", sunk.Joints[2])
	}
	t.Logf("off %.3f, damped %.3f after 5 s", rest, sunk.Joints)
}

// TestRestsOutsideItsLimits: an arm that rests as real ones do, J2 -2° and J3 +2°, stays there, holds there and can leave.
func TestRestsOutsideItsLimits(t *testing.T) {
	h := newHand(t, emptyScene(), nil)
	rest := h.w.Arm("left").State().Joints
	if math.Abs(rest[1]+2*degree) > 1e-9 || math.Abs(rest[2]-2*degree) > 1e-9 {
		t.Fatalf("an arm starts at %.4f, want joints 2 and 3 at -2° and 2°", rest)
	}
	for _, c := range []struct {
		power     plant.Power
		tolerance float64
	}{{plant.Off, 0.1 * degree}, {plant.Holding, 0.05 * degree}} {
		for side := range h.drives {
			h.drives[side].Power = c.power
		}
		h.wait(time.Second)
		for _, side := range scene.Sides {
			state := h.w.Arm(side).State()
			for i := range rest {
				if math.Abs(state.Joints[i]-rest[i]) > c.tolerance {
					t.Errorf("power %d, %s: joint %d is at %.3f°, rested at %.3f°", c.power, side, i+1, state.Joints[i]/degree, rest[i]/degree)
				}
			}
		}
	}
	h.move("left", [6]float64{0, 0.2, -0.2, 0, 0, 0}, time.Second)
	h.wait(200 * time.Millisecond)
	if q := h.w.Arm("left").State().Joints[1]; math.Abs(q-0.2) > 0.05*degree {
		t.Errorf("joint 2 is at %.3f rad after leaving its rest, want 0.2", q)
	}
}

// TestZerosAndScales: what a calibration corrects, the simulated hardware has wrong.
func TestZerosAndScales(t *testing.T) {
	robot := calibration.Default()
	robot.Arms[0].Joints[3].Zero = 0.1
	robot.Base.LinearScale = 1.05
	h := newHand(t, emptyScene(), func(c *Config) { c.Robot = robot })
	if q := h.w.Arm("left").State().Joints[3]; math.Abs(q-robot.Arms[0].Park[3]) > 1e-9 {
		t.Errorf("joint 4 measures %.4f, parked at %.4f", q, robot.Arms[0].Park[3])
	}
	if q := h.w.mem.qpos[h.w.arms[0].qpos[3]]; math.Abs(q-robot.Arms[0].Park[3]-0.1) > 1e-9 {
		t.Errorf("joint 4 is truly at %.4f, want its measured angle plus 0.1", q)
	}
	from, _ := h.w.Pose(scene.BaseLink)
	profile(h, 0.5, 0.5, 0.5, func(v float64) { h.w.Base().Drive(v, 0) })
	to, _ := h.w.Pose(scene.BaseLink)
	state := h.w.Base().State()
	odometer, way := (state.Left+state.Right)/2, to.Position[0]-from.Position[0]
	if math.Abs(odometer*1.05-way) > 0.002 {
		t.Errorf("the odometer says %.4f m, the way is %.4f m: want a ratio of 1.05", odometer, way)
	}
}

// TestSameBits: the same Config and the same calls give the same bits.
func TestSameBits(t *testing.T) {
	run := func() ([]float64, []float64) {
		h := newHand(t, bottleScene(t, 4), func(c *Config) { c.Seed, c.Variation = 7, 0.1 })
		h.w.Base().Drive(0.05, 0.1)
		h.move("right", [6]float64{-0.4, 1.6, -1.4, 0.2, 0.5, 0}, 1500*time.Millisecond)
		h.w.Base().Drive(0, 0)
		h.drives["left"].Power = plant.Off
		h.wait(3500 * time.Millisecond)
		if h.w.Time() != 5*time.Second {
			t.Fatalf("the run took %v, want 5 s", h.w.Time())
		}
		return append([]float64{}, h.w.mem.qpos...), append([]float64{}, h.w.mem.qvel...)
	}
	q1, v1 := run()
	q2, v2 := run()
	for i := range q1 {
		if math.Float64bits(q1[i]) != math.Float64bits(q2[i]) {
			t.Fatalf("qpos[%d] is %v in one run and %v in the other", i, q1[i], q2[i])
		}
	}
	for i := range v1 {
		if math.Float64bits(v1[i]) != math.Float64bits(v2[i]) {
			t.Fatalf("qvel[%d] is %v in one run and %v in the other", i, v1[i], v2[i])
		}
	}
}

// TestThingsStayWhereTheyStand: nothing on the table moves by itself.
func TestThingsStayWhereTheyStand(t *testing.T) {
	for _, task := range scene.Tasks() {
		s := task.Scene(3, scene.Variation{Clutter: 4})
		h := newHand(t, s, nil)
		h.wait(200 * time.Millisecond)
		before := h.w.Truth()
		h.wait(2 * time.Second)
		after := h.w.Truth()
		for name, pose := range before {
			if d := pose.Distance(after[name]); d > 0.0005 {
				t.Errorf("%s: %s moved by %.2f mm in 2 s", task.Name, name, 1000*d)
			}
		}
		for _, o := range s.Objects {
			if o.Kind != scene.Cabinet && !contains(h.w.Contacts(o.Name), "table") {
				t.Errorf("%s: the %s does not touch the table but %v", task.Name, o.Name, h.w.Contacts(o.Name))
			}
		}
	}
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

func TestStepRefuses(t *testing.T) {
	h := newHand(t, emptyScene(), nil)
	if err := h.w.Step(3 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "multiple") {
		t.Errorf("a step of 1.5 timesteps gave %v, want an error", err)
	}
	if err := h.w.Step(0); err == nil {
		t.Error("a step of no time gave no error")
	}
	h.w.Arm("left").Drive(plant.ArmDrive{Power: plant.Holding, Joints: [6]float64{math.NaN()}})
	var err error
	for range 10 {
		if err = h.w.Step(10 * time.Millisecond); err != nil {
			break
		}
	}
	if err == nil {
		t.Error("NaN for a set point went unnoticed")
	}
	h.w.Close()
	if err := h.w.Step(2 * time.Millisecond); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed world's step gave %v", err)
	}
	if got := h.w.Truth(); len(got) != 0 {
		t.Errorf("a closed world knows %v", got)
	}
}
