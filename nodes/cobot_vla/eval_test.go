package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/model/eval"
)

// evaluation of the expert at fetching the bottle, on ideal kinematics.
func evaluation(out string) evalCmd {
	return evalCmd{
		Tasks: []string{"fetch_bottle"}, Settings: []string{eval.Seen, eval.Randomised}, Episodes: 2, Seed: 1000001,
		Out: out, rolloutFlags: rolloutFlags{Latency: 100 * time.Millisecond, Jobs: 2, Plant: "kinematic"},
	}
}

func evaluate(t *testing.T, c evalCmd) (lines, stdout string) {
	t.Helper()
	var said bytes.Buffer
	a := testApp(t)
	a.stdout = &said
	if err := c.Run(a); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(c.Out, episodesFile))
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`,"wall":\{.*\}\}\n`).ReplaceAllString(string(data), "}\n"), said.String()
}

// TestEvalSameLines gets the same lines from two runs on a machine that is busy in different ways, but for what really passed.
func TestEvalSameLines(t *testing.T) {
	first := evaluation(t.TempDir())
	one, said := evaluate(t, first)
	if !strings.Contains(said, "2/2") || strings.Count(one, "\n") != 4 {
		t.Errorf("%s\n%s", said, one)
	}
	again := evaluation(t.TempDir())
	again.Jobs = 1
	other, _ := evaluate(t, again)
	if one != other {
		t.Errorf("two runs differ:\n%s\n%s", one, other)
	}
	// The same command again runs nothing, and a cut line is run again.
	path := filepath.Join(first.Out, episodesFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:len(data)-20], 0o644); err != nil {
		t.Fatal(err)
	}
	if resumed, _ := evaluate(t, first); resumed != one {
		t.Errorf("after a cut:\n%s", resumed)
	}
	first.Latency = 50 * time.Millisecond
	if err := first.Run(testApp(t)); err == nil || !strings.Contains(err.Error(), "another configuration") {
		t.Errorf("another configuration in the same folder: %v", err)
	}
}

// TestEvalStopsWhenDecided needs no more than ten successes to know that the rate is above one half.
func TestEvalStopsWhenDecided(t *testing.T) {
	c := evaluation(t.TempDir())
	c.Episodes, c.Settings = 14, c.Settings[:1]
	if err := c.complete(); err != nil {
		t.Fatal(err)
	}
	groups, err := c.groups()
	if err != nil {
		t.Fatal(err)
	}
	c.UntilDecided = 0.5
	path := filepath.Join(c.Out, episodesFile)
	var lines bytes.Buffer
	for _, trial := range groups[0].trials[:13] {
		e := trial.line
		e.Success = true
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	if err := os.WriteFile(path, lines.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	got, said := evaluate(t, c)
	if n := strings.Count(got, "\n"); n != 7 || !strings.Contains(said, "7/7") {
		t.Errorf("%d episodes count: %s", n, said)
	}
}

func TestEvalRefuses(t *testing.T) {
	for want, change := range map[string]func(*evalCmd){
		"state the time of an inference": func(c *evalCmd) { c.Latency = -1 },
		`--setting "unseen"`:             func(c *evalCmd) { c.Settings = []string{"unseen"} },
		"leave --task":                   func(c *evalCmd) { c.Suite = "table" },
		`--randomise "colour"`:           func(c *evalCmd) { c.Randomise = []string{"colour"} },
		"is unknown: use one of":         func(c *evalCmd) { c.Tasks = []string{"fly"} },
		"is not a task of one arm":       func(c *evalCmd) { c.Arm = "left" },
		"on either side":                 func(c *evalCmd) { c.Arm, c.Tasks, c.Chains, c.Length = "left", []string{"click_bell"}, 1, 2 },
		"no such file":                   func(c *evalCmd) { c.Checkpoint = "nothing" },
	} {
		c := evaluation(t.TempDir())
		change(&c)
		if err := c.Run(testApp(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestEvalOfOneArm counts only starts that the arm does, as many as are asked for.
func TestEvalOfOneArm(t *testing.T) {
	c := evaluation(t.TempDir())
	c.Tasks, c.Arm, c.Settings, c.Episodes = []string{"click_bell"}, "right", []string{eval.Seen}, 5
	if err := c.complete(); err != nil {
		t.Fatal(err)
	}
	groups, err := c.groups()
	if err != nil {
		t.Fatal(err)
	}
	task, err := scene.ByName("click_bell")
	if err != nil {
		t.Fatal(err)
	}
	if len(groups) != 1 || len(groups[0].trials) != 5 {
		t.Fatalf("%d groups", len(groups))
	}
	for _, trial := range groups[0].trials {
		if arm := task.Arm(task.Sample(trial.line.Seed, 1)); arm != "right" {
			t.Errorf("seed %d is for the %s arm", trial.line.Seed, arm)
		}
	}
}
