//go:build mujoco && cgo

package mujoco

import (
	"math"
	"testing"
	"time"

	"cobot_vla/drivers/mujoco/scene"
)

// attempt builds a task's scene without variation, the robot at x, and judges it at every tick.
func attempt(t *testing.T, name string, x float64) (*hand, *scene.Verdict) {
	t.Helper()
	task, err := scene.ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	s := task.Sample(1, 0)
	if x != 0 {
		s.Robot = scene.Start{X: x}
	}
	h := newHand(t, s, nil)
	judge := task.Judge(s)
	verdict := new(scene.Verdict)
	h.each = func() { *verdict = judge.Update(h.w) }
	return h, verdict
}

func TestDrawerOpensByItsHandle(t *testing.T) {
	h, verdict := attempt(t, "open_drawer", 0.70)
	handle := h.local("cabinet_handle")
	h.drives["left"].Width = 0.05
	h.move("left", h.reachRolled("left", handle[0]-0.08, handle[1], handle[2], 0, 0.3, math.Pi/2), 2*time.Second)
	h.move("left", h.reachRolled("left", handle[0], handle[1], handle[2], 0, 0.3, math.Pi/2), time.Second)
	h.drives["left"].Width = 0
	h.wait(700 * time.Millisecond)
	if verdict.Over || verdict.Progress > 0.5 {
		t.Errorf("before the pull the verdict is %+v", *verdict)
	}
	// The base pulls, as a person would step back.
	profile(h, -0.13, 0.2, 0.3, func(v float64) { h.w.Base().Drive(v, 0) })
	h.wait(time.Second)
	if !verdict.Success {
		open, _ := h.w.Joint("cabinet_drawer")
		t.Errorf("the drawer is %.1f cm open, verdict %+v", 100*open, *verdict)
	}
}

func TestDrawerCloses(t *testing.T) {
	h, verdict := attempt(t, "close_drawer", 0)
	handle := h.local("cabinet_handle")
	h.drives["left"].Width = 0
	at := func(x, up float64) [6]float64 { return h.reach("left", x, handle[1], handle[2]+up, 0, 1.1) }
	h.move("left", at(handle[0]-0.06, 0.08), time.Second)
	h.move("left", at(handle[0]-0.06, 0.01), 500*time.Millisecond)
	if verdict.Over || verdict.Progress > 0.4 {
		t.Errorf("before the push the verdict is %+v", *verdict)
	}
	open, _ := h.w.Joint("cabinet_drawer")
	h.move("left", at(handle[0]+open/2, 0.01), 700*time.Millisecond)
	h.move("left", at(handle[0]+open-0.02, 0.01), 700*time.Millisecond)
	h.wait(600 * time.Millisecond)
	if !verdict.Success {
		open, _ := h.w.Joint("cabinet_drawer")
		t.Errorf("the drawer is %.1f cm open, verdict %+v", 100*open, *verdict)
	}
}

func TestBellClicks(t *testing.T) {
	h, verdict := attempt(t, "click_bell", 0)
	button := h.local("bell_button")
	at := func(up float64) [6]float64 { return h.reach("left", button[0], button[1], button[2]+up, 0, 1.1) }
	h.drives["left"].Width = 0
	h.move("left", at(0.08), time.Second)
	if depth, _ := h.w.Joint("bell_button"); verdict.Success || math.Abs(depth) > 2e-4 {
		t.Errorf("untouched, the button is %.2f mm down; verdict %+v", 1000*depth, *verdict)
	}
	h.move("left", at(0.006), time.Second)
	if !verdict.Success {
		t.Errorf("pressed, the verdict is %+v", *verdict)
	}
	h.move("left", at(0.08), time.Second)
	if depth, _ := h.w.Joint("bell_button"); math.Abs(depth) > 2e-4 {
		t.Errorf("let go of, the button is still %.2f mm down", 1000*depth)
	}
}

func TestBlockGoesIntoTheBasket(t *testing.T) {
	h, verdict := attempt(t, "pick_block", 0)
	block, basket := h.local("block"), h.local("basket")
	above := func(p [3]float64, up float64) [6]float64 {
		return h.reach("left", p[0], p[1], p[2]+up, math.Atan2(p[1]-0.25, p[0]-0.25), 1.1)
	}
	h.drives["left"].Width = 0.07
	h.move("left", above(block, 0.12), time.Second)
	h.move("left", above(block, 0.040), time.Second)
	h.drives["left"].Width = 0
	h.wait(700 * time.Millisecond)
	h.move("left", above(block, 0.14), time.Second)
	h.move("left", above(basket, 0.14), 1500*time.Millisecond)
	if verdict.Over || verdict.Progress < 0.6 {
		t.Errorf("over the basket the verdict is %+v", *verdict)
	}
	h.drives["left"].Width = 0.07
	h.wait(1500 * time.Millisecond)
	if !verdict.Success {
		t.Errorf("the verdict is %+v; the block touches %v", *verdict, h.w.Contacts("block"))
	}
}
