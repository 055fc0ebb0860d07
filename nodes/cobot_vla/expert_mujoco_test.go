//go:build mujoco && cgo

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/model"
	"cobot_vla/model/expert"
)

// TestMujocoExperts lets every task's expert do it from one start, with the graph's delay,
// and from another while its arms are pushed; verify does it from twenty, and with domain randomisation.
func TestMujocoExperts(t *testing.T) {
	for _, name := range expert.Tasks() {
		task, err := scene.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, push := range []expert.Perturbation{{}, pushes(2)} {
			seed := uint64(1)
			if push.Rate > 0 {
				seed = 2
			}
			r, err := tryExpert(context.Background(), rigConfig{Task: task, Seed: seed, Late: push.Rate == 0}, push, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !r.Success {
				t.Errorf("%s, seed %d, pushed %t: after %.1f s: %s", name, seed, push.Rate > 0, r.Seconds, r.Reason)
			}
		}
	}
}

// TestMujocoExpertsOnGraph plays, through the whole graph, the tasks whose hands come nearest to the table
// and whose done matters most: what the rig lacks of the robot must not make them fail.
func TestMujocoExpertsOnGraph(t *testing.T) {
	for _, name := range []string{"stack_bowls", "restore_bottle"} {
		task, err := scene.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		r := attempting(task, 1, scene.Variation{})
		r.Policy, r.Plant, r.Latency = "expert", "mujoco", 100*time.Millisecond
		if err := r.complete(); err != nil {
			t.Fatal(err)
		}
		o, err := r.run(testApp(t))
		if err != nil {
			t.Fatal(err)
		}
		if !o.Success {
			t.Errorf("%s: after %v: %s", name, o.Lasted, o.Reason)
		}
	}
}

// TestMujocoEveryTaskStartsUnsolved holds still for half a second: no judge is fooled.
func TestMujocoEveryTaskStartsUnsolved(t *testing.T) {
	_, stats, err := expert.Files()
	if err != nil {
		t.Fatal(err)
	}
	m, _, _ := expert.Files()
	for _, task := range scene.Tasks() {
		r, err := newRig(rigConfig{Task: task, Seed: 3}, m)
		if err != nil {
			t.Fatal(err)
		}
		hold := slices.Clone(r.limiter.Pose())
		for i := range hold {
			hold[i] = min(max(hold[i], stats.ActMin[i]), stats.ActMax[i])
		}
		for range 12 {
			if err := r.play(hold); err != nil {
				t.Fatal(err)
			}
		}
		if r.verdict.Over || r.verdict.Progress > 0.9 {
			t.Errorf("%s: nothing was done, and the verdict is %+v", task.Name, r.verdict)
		}
		for _, o := range r.scene.Objects { // what was put down stays where it is
			if pose, ok := r.world.Pose(o.Name); !ok || pose.Distance(o.Pose) > 0.006 {
				t.Errorf("%s: the %s moved by %.1f mm by itself", task.Name, o.Name, 1000*pose.Distance(o.Pose))
			}
		}
		if err := r.close(); err != nil {
			t.Error(err)
		}
	}
}

// TestMujocoSameSeedSameBytes renders and plays the same randomised, pushed episode twice.
func TestMujocoSameSeedSameBytes(t *testing.T) {
	task, err := scene.ByName("click_bell")
	if err != nil {
		t.Fatal(err)
	}
	episode := func(seed uint64) []byte {
		sum := sha256.New()
		cfg := rigConfig{Task: task, Seed: seed, Vary: scene.Everything(scene.TrainTextures), Pictures: true, Size: 84}
		if _, err := tryExpert(context.Background(), cfg, pushes(seed), func(r *rig, o model.Observation, a model.Action) {
			sum.Write(o.Image)
			fmt.Fprint(sum, o.State, a.Tokens, r.words)
		}); err != nil {
			t.Fatal(err)
		}
		return sum.Sum(nil)
	}
	one := episode(5)
	if two := episode(5); !bytes.Equal(one, two) {
		t.Error("the same seed gave other pictures, states or tokens")
	}
	if other := episode(6); bytes.Equal(one, other) {
		t.Error("another seed gave the same episode")
	}
}

// TestExpertKnowsTheScenes compares what the expert takes for granted with what the scenes have.
func TestExpertKnowsTheScenes(t *testing.T) {
	c := expert.DefaultConfig()
	size := func(k scene.Kind) [3]float64 { s, _ := k.Defaults(); return s }
	if got := size(scene.Bell)[2]; got != c.BellHeight {
		t.Errorf("the bell is %g m high, the expert has %g", got, c.BellHeight)
	}
	if got := size(scene.Basket); got != c.BasketSize {
		t.Errorf("the basket is %g, the expert has %g", got, c.BasketSize)
	}
	if got := size(scene.Cabinet)[0]; got != c.CabinetDepth {
		t.Errorf("the cabinet is %g m deep, the expert has %g", got, c.CabinetDepth)
	}
	if got := size(scene.Bottle); got[0] != c.BottleDiameter || got[2] != c.BottleHeight {
		t.Errorf("the bottle is %g, the expert has %g, %g", got, c.BottleDiameter, c.BottleHeight)
	}
	for _, name := range expert.Tasks() {
		task, err := scene.ByName(name)
		if err != nil {
			t.Errorf("the expert does %s: %v", name, err)
			continue
		}
		// Every wording is one the expert takes for its task.
		p, err := expert.New(calibration.Default(), c)
		if err != nil {
			t.Fatal(err)
		}
		for _, words := range append(slices.Clone(task.Instructions), task.Unseen...) {
			if err := p.Understands(name, words); err != nil {
				t.Error(err)
			}
		}
	}
}
