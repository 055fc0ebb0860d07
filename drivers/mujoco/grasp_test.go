//go:build mujoco && cgo

package mujoco

import (
	"math"
	"testing"
	"time"

	"cobot_vla/drivers/mujoco/scene"
)

// grasp drives the left fingers around the bottle, closes, and lifts by 15 cm.
func grasp(h *hand) {
	h.t.Helper()
	const down = 0.25
	b := h.local("bottle")
	z := b[2] + 0.09
	h.drives["left"].Width = 0.07
	h.move("left", h.reach("left", b[0]-0.12, b[1], z+0.08, 0, down), 2*time.Second)
	h.move("left", h.reach("left", b[0]-0.10, b[1], z, 0, down), time.Second)
	h.move("left", h.reach("left", b[0], b[1], z, 0, down), time.Second)
	h.drives["left"].Width = 0
	h.wait(time.Second)
	h.move("left", h.reach("left", b[0], b[1], z+0.15, 0, down), 1500*time.Millisecond)
}

func TestFrictionHoldsTheBottle(t *testing.T) {
	h := newHand(t, bottleScene(t, 4), nil)
	task, _ := scene.ByName("fetch_bottle")
	judge := task.Judge(h.w.Scene())
	var verdict scene.Verdict
	h.each = func() { verdict = judge.Update(h.w) }
	start, _ := h.w.Pose("bottle")

	grasp(h)
	lifted, _ := h.w.Pose("bottle")
	if rise := lifted.Position[2] - start.Position[2]; math.Abs(rise-0.15) > 0.01 {
		t.Fatalf("the bottle rose by %.1f cm, want 15; it touches %v; verdict %+v", 100*rise, h.w.Contacts("bottle"), verdict)
	}
	h.wait(2 * time.Second)
	held, _ := h.w.Pose("bottle")
	if slip := held.Distance(lifted); slip > 0.002 {
		t.Errorf("the bottle slipped by %.1f mm in 2 s", 1000*slip)
	}
	if tilt := held.Tilt() * 180 / math.Pi; tilt > 5 {
		t.Errorf("the bottle hangs %.1f° askew", tilt)
	}
	if !verdict.Success {
		t.Errorf("the judge says %+v", verdict)
	}
	state := h.w.Arm("left").State()
	t.Logf("width %.1f mm, grip %.2f N·m, slip %.2f mm, tilt %.2f°", 1000*state.Width, state.GripForce, 1000*held.Distance(lifted), held.Tilt()*180/math.Pi)
	if math.Abs(state.GripForce-1) > 0.05 {
		t.Errorf("the gripper pushes with %.2f N·m, its limit is 1", state.GripForce)
	}

	h.drives["left"].Width = 0.07
	h.wait(time.Second)
	if down, _ := h.w.Pose("bottle"); down.Position[2] > start.Position[2]+0.05 {
		t.Errorf("let go of, the bottle is still %.1f cm up: something else than friction holds it", 100*(down.Position[2]-start.Position[2]))
	}
}
