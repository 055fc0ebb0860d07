//go:build mujoco && cgo

package main

import (
	"testing"

	"cobot_vla/model/eval"
)

// TestMujocoShippedCheckpoint: the policies that come with the program do tasks, seeing nothing but pictures and their own
// state, through the whole graph. Their rates are measured elsewhere, over more starts; one lost start of two is none's fault here.
func TestMujocoShippedCheckpoint(t *testing.T) {
	for _, policy := range []struct {
		kind, arm string
		tasks     []string
	}{
		{"llavavla", "", []string{"click_bell", "close_drawer", "lift_pot"}},
		{"seer", "left", []string{"close_drawer", "pick_block"}},
		{"vitavla", "left", []string{"close_drawer", "pick_block"}},
	} {
		t.Run(policy.kind, func(t *testing.T) {
			t.Chdir(t.TempDir())
			c := evaluation("evaluated")
			c.Tasks, c.Settings, c.Episodes, c.Plant, c.Policy, c.Arm = policy.tasks, []string{eval.Seen}, 2, "mujoco", policy.kind, policy.arm
			_, said := evaluate(t, c)
			t.Log(said)
			episodes, err := openEvaluated("evaluated")
			if err != nil {
				t.Fatal(err)
			}
			won := map[string]int{}
			episodes.each(func(e eval.Episode) {
				if e.Success {
					won[e.Task]++
				}
			})
			for _, task := range policy.tasks {
				if won[task] < 1 {
					t.Errorf("successes of two each: %v", won)
				}
			}
		})
	}
}
