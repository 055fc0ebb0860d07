package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/model"
	"cobot_vla/nodes/policy"
)

func TestStillness(t *testing.T) {
	var s stillness
	now := time.Unix(100, 0)
	pose := make([]float64, 14)
	for _, step := range []struct {
		what    string
		joint   int
		by      float64
		driving bool
		want    time.Duration
	}{
		{"the first look", 0, 0, false, 0},
		{"nothing", 0, 0, false, time.Second},
		{"a bin", 3, 0.02, false, 2 * time.Second},
		{"and back", 3, -0.02, false, 3 * time.Second},
		{"a joint", 3, 0.04, false, 0},
		{"nothing again", 0, 0, false, time.Second},
		{"two bins, the second beyond", 8, 0.02, false, 2 * time.Second},
		{"slowly is moving too", 8, 0.02, false, 0},
		{"a gripper", 6, 0.006, false, 0},
		{"the other", 13, -0.006, false, 0},
		{"nothing", 0, 0, false, time.Second},
		{"the base", 0, 0, true, 0},
		{"the base has stopped", 0, 0, false, time.Second},
	} {
		pose[step.joint] += step.by
		if got := s.look(now, pose, step.driving); got != step.want {
			t.Errorf("%s: still for %v, expected %v", step.what, got, step.want)
		}
		now = now.Add(time.Second)
	}
	if got := s.look(now, slices.Clone(pose[:7]), false); got != 0 {
		t.Errorf("another robot: still for %v", got)
	}
}

// TestStandingEndsAnAttempt: through the whole graph, a policy that says the same pose again and again.
func TestStandingEndsAnAttempt(t *testing.T) {
	task, err := scene.ByName("fetch_bottle")
	if err != nil {
		t.Fatal(err)
	}
	r := attempting(task, 5, scene.Variation{})
	r.Policy, r.Plant, r.Latency, r.Still, r.Mobile = "expert", "kinematic", 100*time.Millisecond, 2*time.Second, false
	r.Open = func(kind, dir, robot string, on policy.Compute) (model.Policy, string, error) {
		p, version, err := openPolicy(kind, dir, robot, on)
		return &standing{Policy: p}, version, err
	}
	o, err := r.run(testApp(t))
	if err != nil {
		t.Fatal(err)
	}
	if o.Success || !strings.HasPrefix(o.Reason, "stood still for 2s: ") || o.Lasted < 2*time.Second || o.Lasted > 6*time.Second {
		t.Errorf("after %v: %s", o.Lasted, o.Reason)
	}
}

// standing says the pose that the arms have.
type standing struct{ model.Policy }

func (s *standing) Act(_ context.Context, obs model.Observation, emit func(int, []float64, []uint32)) (model.Action, error) {
	m := s.Manifest()
	step := make([]float64, len(m.Action.Names))
	for i, name := range m.Action.Names {
		if at := slices.Index(m.Proprioception, name); at >= 0 {
			step[i] = obs.State[at]
		}
	}
	a := model.Action{Steps: slices.Repeat([][]float64{step}, m.Action.Chunk)}
	for k, step := range a.Steps {
		emit(k, step, nil)
	}
	return a, nil
}
