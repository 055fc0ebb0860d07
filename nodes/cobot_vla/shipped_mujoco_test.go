//go:build mujoco && cgo

package main

import (
	"testing"

	"cobot_vla/model/eval"
)

// TestMujocoShippedCheckpoint: the policy that comes with the program does tasks, seeing nothing but pictures and its own
// state, through the whole graph. Its rates are measured elsewhere, over a hundred starts; one lost start of two is none's fault here.
func TestMujocoShippedCheckpoint(t *testing.T) {
	t.Chdir(t.TempDir())
	c := evaluation("evaluated")
	c.Tasks, c.Settings, c.Episodes, c.Plant, c.Policy = []string{"click_bell", "close_drawer", "lift_pot"}, []string{eval.Seen}, 2, "mujoco", "llavavla"
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
	if won["click_bell"] < 1 || won["close_drawer"] < 1 || won["lift_pot"] < 1 {
		t.Errorf("successes of two each: %v", won)
	}
}
