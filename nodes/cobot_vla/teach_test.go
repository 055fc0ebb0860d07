//go:build mujoco && cgo

package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/model/eval"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/train"
	"cobot_vla/model/train/course"
	"cobot_vla/model/train/data"
)

// TestTeachClickBell is the whole way from nothing to a policy, in small: 20 demonstrations of clicking the bell through
// the graph, 1000 steps of 8 examples of llava-vla-tiny, a look at four demonstrations it never saw, and three episodes through the graph.
//
// What lets it fit in minutes: patches of 28 px, 36 of an image instead of 144, and many small steps. 8000 examples
// bring the error to 8 % of the mean action's, and 22 times as much with other images; 7200 in 150 steps of 48, at
// 5e-3, to 67 %. State that is often blind makes the model look. That rings the bell now and then: the episodes show
// that everything fits together, and need not succeed.
func TestTeachClickBell(t *testing.T) {
	t.Chdir(t.TempDir())
	began := time.Now()
	part := func(what string) {
		t.Logf("%s: %.0f s", what, time.Since(began).Seconds())
		began = time.Now()
	}
	task, err := scene.ByName("click_bell")
	if err != nil {
		t.Fatal(err)
	}
	if said := mustCommand(t, "collect", "--task", task.Name, "--episodes", "20", "--out", "demonstrations"); !strings.Contains(said, "20 demonstrations of click_bell") {
		t.Fatal(said)
	}
	part("collected")
	write(t, "instructions.txt", []byte(strings.Join(task.Instructions, "\n")))
	mustCommand(t, "model", "tokenizer", "--texts", "instructions.txt", "words/tokenizer.json")
	mustCommand(t, "train", "prepare", "demonstrations", "--tokenizer", "words/tokenizer.json", "--patch", "28", "--out", "prepared")
	prepared := preparedFile("prepared", task.Name)

	c := train.DefaultConfig()
	c.Out, c.Preset, c.Steps, c.Batch, c.Rate, c.Warmup, c.Precision, c.Seed = "bell", train.PresetTiny, 1000, 8, 3e-3, 60, cpu.F32, 1
	c.SaveEvery, c.LookEvery, c.Held = c.Steps, earlySteps, 64
	r, losses := teach(t, c, prepared, c.Steps)
	part("trained")
	held := r.Held
	t.Log(held)
	if held.Error > 0.6*held.Mean {
		t.Errorf("the held-out action error is %.4f rad, %.0f %% of the mean action's: above 60 %%", held.Error, 100*held.Error/held.Mean)
	}
	if held.ShuffledImages < 1.1*held.Error {
		t.Errorf("with other images the error is %.4f rad, without %.4f: the model does not see", held.ShuffledImages, held.Error)
	}
	if held.Examples != c.Held {
		t.Errorf("%d held-out examples, expected %d", held.Examples, c.Held)
	}

	// The same numbers again, to the last bit, on another number of threads; the first steps say it.
	c.Out, c.Threads = "again", 1
	if _, again := teach(t, c, prepared, earlySteps); !slices.Equal(losses[:len(again)], again) {
		last := len(again) - 1
		t.Errorf("two runs differ: step %d came to\n%+v\n%+v", last+1, losses[last], again[last])
	}
	part("trained again, the first steps")

	e := evaluation("evaluated")
	e.Tasks, e.Settings, e.Episodes, e.Plant, e.Checkpoint = []string{task.Name}, []string{eval.Seen}, 3, "mujoco", "bell"
	lines, said := evaluate(t, e)
	part("evaluated")
	t.Log(said)
	episodes := strings.Split(strings.TrimSpace(lines), "\n")
	if len(episodes) != 3 {
		t.Fatalf("%d episodes: %s", len(episodes), lines)
	}
	for _, line := range episodes {
		var got eval.Episode
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		if got.Decisions < 2 || got.Steps < 2 || got.Reason == "" {
			t.Errorf("the policy hardly acted: %s", line)
		}
	}
}

// earlySteps are run twice, and end with a look at held-out examples.
const earlySteps = 250

// lesson is what a step, or a look at held-out examples, came to.
type lesson struct {
	step       int
	loss, norm float64
	held       course.Diagnosis
}

// teach trains until a step, and returns what every step on the way came to.
func teach(t *testing.T, c train.Config, file string, until int) (course.Result, []lesson) {
	t.Helper()
	draw := data.Augmented()
	draw.Held, draw.Blind, draw.Colour = 0.2, 0.4, 0.1
	set, err := data.OpenSet([]string{file}, draw)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var lessons []lesson
	c.Report = func(p course.Progress) {
		n := lesson{step: p.Step, loss: p.Loss, norm: p.GradNorm}
		if p.Held != nil {
			n.held = *p.Held
		}
		lessons = append(lessons, n)
		if p.Step == until && until < c.Steps {
			cancel()
		}
	}
	r, err := train.Run(ctx, c, set)
	if err != nil && !errors.Is(err, context.Canceled) || r.Step != until {
		t.Fatalf("step %d of %d: %v", r.Step, until, err)
	}
	if _, err := os.Stat(filepath.Join(c.Out, "model.safetensors")); err != nil {
		t.Error(err)
	}
	return r, lessons
}
