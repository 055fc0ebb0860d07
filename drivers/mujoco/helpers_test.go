//go:build mujoco && cgo

package mujoco

import (
	"math"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"
	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/drivers/plant"

	"gonum.org/v1/gonum/spatial/r3"
)

// tick is how often the tests' hand on the robot sets new targets, as firmware does.
const tick = 4 * time.Millisecond

// hand is a tester who moves the robot by its motors.
type hand struct {
	t      testing.TB
	w      *World
	drives map[string]*plant.ArmDrive
	robot  calibration.Robot
	// each is called after every tick.
	each func()
}

// newHand builds the world of a scene and holds its arms where they are.
func newHand(t testing.TB, s scene.Scene, change func(*Config)) *hand {
	t.Helper()
	cfg := DefaultConfig(calibration.Default(), s)
	if change != nil {
		change(&cfg)
	}
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	h := &hand{t: t, w: w, robot: cfg.Robot, drives: map[string]*plant.ArmDrive{}}
	for _, side := range scene.Sides {
		state := w.Arm(side).State()
		h.drives[side] = &plant.ArmDrive{Power: plant.Holding, Joints: state.Joints, GripperOn: true, Width: state.Width, Torque: 1}
	}
	return h
}

// wait lets time pass with the drives as they are.
func (h *hand) wait(d time.Duration) {
	h.t.Helper()
	for range d / tick {
		for side, drive := range h.drives {
			h.w.Arm(side).Drive(*drive)
		}
		if err := h.w.Step(tick); err != nil {
			h.t.Fatal(err)
		}
		if h.each != nil {
			h.each()
		}
	}
}

// move takes an arm to joint angles along a smooth profile.
func (h *hand) move(side string, to [6]float64, d time.Duration) {
	h.t.Helper()
	drive := h.drives[side]
	from, n := drive.Joints, int(d/tick)
	for k := 1; k <= n; k++ {
		part := (1 - math.Cos(math.Pi*float64(k)/float64(n))) / 2
		for i := range to {
			drive.Joints[i] = from[i] + part*(to[i]-from[i])
		}
		h.wait(tick)
	}
}

// reach is the joint angles that put a gripper's tip at a point of base_link,
// the fingers level when down is 0, pointing down at π/2, heading by yaw.
func (h *hand) reach(side string, x, y, z, yaw, down float64) [6]float64 {
	h.t.Helper()
	return h.reachRolled(side, x, y, z, yaw, down, 0)
}

// reachRolled is reach with the gripper turned about its own axis.
func (h *hand) reachRolled(side string, x, y, z, yaw, down, roll float64) [6]float64 {
	h.t.Helper()
	calibrated, _ := h.robot.Arm(side)
	k, err := kinematics.NewArm(calibrated)
	if err != nil {
		h.t.Fatal(err)
	}
	target := kinematics.RPY(0, math.Pi/2+down, yaw).Mul(kinematics.RPY(0, 0, roll))
	target.P = r3.Vec{X: x, Y: y, Z: z}
	q, err := k.IK(k.Mount().Inverse().Mul(target), h.drives[side].Joints)
	if err != nil {
		h.t.Fatal(err)
	}
	return q
}

// local is a named thing's place in base_link.
func (h *hand) local(name string) [3]float64 {
	h.t.Helper()
	thing, ok := h.w.Pose(name)
	base, _ := h.w.Pose(scene.BaseLink)
	if !ok {
		h.t.Fatalf("the world has no %s", name)
	}
	return base.Local(thing.Position)
}

// bottleScene is the fetch_bottle scene without variation, the robot already in front of the bottle.
func bottleScene(t testing.TB, clutter int) scene.Scene {
	t.Helper()
	task, err := scene.ByName("fetch_bottle")
	if err != nil {
		t.Fatal(err)
	}
	s := task.Sample(1, 0)
	s = scene.Variation{Clutter: clutter}.Vary(s)
	bottle, _ := s.Object("bottle")
	s.Robot = scene.Start{X: bottle.Pose.Position[0] - 0.75}
	return s
}
