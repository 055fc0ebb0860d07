package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"
	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/model"
	"cobot_vla/model/distill"
	"cobot_vla/model/train/data"
)

// TestSequencesOfDemonstrations records two demonstrations and learns from them by the whole of a recipe.
func TestSequencesOfDemonstrations(t *testing.T) {
	t.Chdir(t.TempDir())
	collecting(t, "demos", 2, 1)
	found := 0
	for _, side := range []string{"left", "right"} {
		taught, err := openSequences(t.Context(), []string{"demos"}, sequencesConfig{side: side, gripper: "width", selection: "all", relative: 0.4, stride: 2, draw: data.Augmented()})
		if err != nil {
			if !strings.Contains(err.Error(), "in none of them the "+side+" arm") {
				t.Fatal(err)
			}
			continue
		}
		found++
		s := make([]distill.Sequence, 4)
		if err := taught.Sample(1, 2, 3, 3, s); err != nil {
			t.Fatal(err)
		}
		again := make([]distill.Sequence, 4)
		if err := taught.Sample(1, 2, 3, 3, again); err != nil {
			t.Fatal(err)
		}
		for i, q := range s {
			if len(q.Observations) != 3 || len(q.Actions) != 3 || len(q.Actions[0]) != 3 || len(q.Actions[0][0]) != 7 || len(q.Words) != 3 {
				t.Fatalf("sequence %d: %d observations, %d actions", i, len(q.Observations), len(q.Actions))
			}
			if !slices.Equal(q.Observations[0].State, again[i].Observations[0].State) {
				t.Error("the same step drew other sequences")
			}
			if !strings.Contains(q.Observations[0].Instruction, "bottle") {
				t.Errorf("instruction %q", q.Observations[0].Instruction)
			}
		}
		if held, err := taught.Held(3, 3); err != nil || len(held) == 1 {
			t.Errorf("%d sequences held out, %v", len(held), err)
		}
		out := filepath.Join(t.TempDir(), "seer")
		said := mustCommand(t, "train", "--recipe", "seer", "--arm", side, "--data", "demos", "--out", out, "--steps", "2", "--batch", "2", "--micro", "1", "--history", "2", "--precision", "f32")
		if !strings.Contains(said, "step 2 of 2") {
			t.Error(said)
		}
	}
	if found == 0 {
		t.Error("neither arm was taught anything")
	}
}

// TestWords: what there is to say of an episode's steps follows the gripper, and where things are follows the hand.
func TestWords(t *testing.T) {
	task, err := scene.ByName("pick_block")
	if err != nil {
		t.Fatal(err)
	}
	left, _ := calibration.Default().Arm("left")
	arm, err := kinematics.NewArm(left)
	if err != nil {
		t.Fatal(err)
	}
	start := &taskStart{task: task, start: task.Sample(3, 1)}
	joints := [6]float64{0.2, 1.4, -1.1, 0, 0.5, 0}
	hand := arm.Mount().Apply(arm.FK(joints).P)
	at := fmt.Sprintf("; hand %.0f %.0f %.0f", 100*hand.X, 100*hand.Y, 100*hand.Z)
	place := func(name string) string {
		o, _ := start.start.Object(name)
		five := func(x float64) int { return 5 * int(math.Round(x/0.005)) }
		return fmt.Sprintf("; %s %d %d %d", name, five(o.Pose.Position[0]-start.start.Robot.X-hand.X), five(o.Pose.Position[1]-hand.Y), five(o.Pose.Position[2]-hand.Z))
	}
	say := sayer{instruction: "put it there", arm: arm, start: start}
	for _, step := range []struct {
		width float64
		want  string
	}{
		{0.07, "put it there; reaching" + at + place("block") + place("basket")},
		{0.02, "put it there; holding" + at + place("basket")},
		{0.07, "put it there; leaving" + at + place("basket")},
	} {
		if got := say.step(joints, step.width); got != step.want {
			t.Errorf("%g: %q, expected %q", step.width, got, step.want)
		}
	}
	if got := (&sayer{instruction: "put it there", arm: arm}).step(joints, 0.07); got != "put it there; reaching" {
		t.Errorf("without a start: %q", got)
	}
}

// TestDisturb changes what is seen and felt and nothing else, and the same draw the same.
func TestDisturb(t *testing.T) {
	s := &sequences{config: sequencesConfig{draw: data.Config{Noise: 0.1, Blind: 0.5, Shift: 2, Colour: 0.2, Wording: true}}}
	s.stats.Mean, s.stats.Std = []float64{5, 5}, []float64{1, 1}
	blind := 0
	for seed := range uint64(40) {
		plain := distill.Sequence{Observations: []model.Observation{{
			Instruction: "a", State: []float64{1, 2}, Image: make([]byte, 3*4*4), Width: 4, Height: 4, Views: []model.View{{Width: 4, Height: 4}},
		}}}
		plain.Observations[0].Image[3*5] = 200
		draw := func() distill.Sequence {
			q := plain
			q.Observations = slices.Clone(plain.Observations)
			s.disturb(rand.New(rand.NewPCG(seed, 0)), &q, []string{"b"})
			return q
		}
		one, two := draw(), draw()
		if !reflect.DeepEqual(one, two) {
			t.Fatal("the same draw disturbs differently")
		}
		if plain.Observations[0].Image[3*5] != 200 || !slices.Equal(one.Observations[0].State, []float64{1, 2}) || one.Observations[0].Instruction != "b" {
			t.Errorf("the recording was changed, or the state that actions count from: %+v", one.Observations[0])
		}
		if slices.Equal(one.Felt[0], []float64{5, 5}) {
			blind++
		} else if slices.Equal(one.Felt[0], []float64{1, 2}) {
			t.Error("nothing disturbs what is felt")
		}
	}
	if blind < 10 || blind > 30 {
		t.Errorf("blind %d times of 40", blind)
	}
}
