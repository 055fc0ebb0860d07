package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cobot_vla/model/eval"
	"cobot_vla/model/train/course"
)

// TestAblatePlan: every recipe is trained once, whatever questions it answers, and nothing is done.
func TestAblatePlan(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	said := mustCommand(t, "ablate", "--plan", "--out", out, "--minutes", "10")
	for _, want := range []string{
		"image (Table II", "navigation (Table X", "merged_tokens_direction_chunk5_bins1024_one", "concatenated_tokens_direction_chunk5_bins256_one",
		"10 recipes, 2 seeds each, tasks [click_bell fetch_bottle]: 26 trainings, 10 minutes a policy, 1900 episodes", "about 3.8 h of training", // 8 policies of one stage, 3 halves of two, 2 of one task each; twice
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the plan does not say %q:\n%s", want, said)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a plan made a folder")
	}
	said = mustCommand(t, "ablate", "--plan", "--question", "image,chunk", "--seeds", "1", "--steps", "7")
	if !strings.Contains(said, "5 recipes, 1 seeds each") || !strings.Contains(said, "5 trainings, 7 steps a policy, 500 episodes") {
		t.Error(said)
	}
	refused(t, `--question "size"`, "ablate", "--plan", "--question", "size")
	refused(t, "none of the tasks [click_bell] is mobile", "ablate", "--plan", "--question", "navigation", "--task", "click_bell")
	refused(t, "say the budget", "ablate", "--plan", "--minutes", "0")
	refused(t, `--setting "bright"`, "ablate", "--plan", "--setting", "bright")
	refused(t, "it has no folder click_bell", "ablate", "--data", t.TempDir(), "--out", out, "--task", "click_bell", "--question", "chunk")
}

// TestAblate asks what needs other networks and other words, on ideal kinematics, with trainings of two steps: everything
// of it runs, the tables hold what was done, and the same command again does nothing anew.
func TestAblate(t *testing.T) {
	t.Chdir(t.TempDir())
	args := []string{
		"ablate", "--question", "image,proprioception,navigation", "--task", "fetch_bottle", "--plant", "kinematic", "--demonstrations", "2", "--seeds", "1", "--steps", "2",
		"--episodes", "1", "--batch", "2", "--micro", "2", "--precision", "f32", "--held-part", "0.5", "--held", "3", "--out", "out", "--readme", "README.md",
	}
	if err := os.WriteFile("README.md", []byte("before <!-- ablation --><!-- /ablation --> behind"), 0o666); err != nil {
		t.Fatal(err)
	}
	said := mustCommand(t, args...)
	for _, want := range []string{"**Several views.** Paper: Table II", "**Proprioception.**", "**Unified action space.**", "| value tokens | 2, 1 | 2 | ", "% of the directions right", "0/1"} {
		if !strings.Contains(said, want) {
			t.Errorf("the tables do not say %q:\n%s", want, said)
		}
	}
	readme, err := os.ReadFile("README.md")
	if err != nil || !strings.HasPrefix(string(readme), "before <!-- ablation -->\nEvery policy") || !strings.Contains(string(readme), "| value tokens |") {
		t.Errorf("%v, README %s", err, readme)
	}
	var all []answered
	if err := readJSON("out/results.json", &all); err != nil {
		t.Fatal(err)
	}
	errorsOf := map[string]float64{}
	for _, q := range all {
		if len(q.Answers) != 2 {
			t.Errorf("%s has %d answers", q.Question, len(q.Answers))
		}
		for _, a := range q.Answers {
			x := a.Tasks[0]
			if len(a.Tasks) != 1 || x.Settings[0].Attempts != 1 || x.Seeds[0].Steps != 2 || !(x.Error > 0) || !(x.Mean > 0) || a.ErrorRank < 1 || a.ErrorRank > 2 {
				t.Errorf("%s: %+v", a.Variant, a)
			}
			errorsOf[a.Recipe] = a.Error
		}
	}
	if len(errorsOf) != 4 {
		t.Errorf("recipes %v", errorsOf)
	}
	if left, err := os.ReadDir("out/prepared"); err != nil || len(left) > 0 {
		t.Errorf("prepared files are left: %v, %v", left, err)
	}

	// Cut in the middle: a policy and its evaluation are gone, and half a line is left of what was trained last.
	recipe := questions()[0].Variants[1].Recipe
	weights, err := os.ReadFile(filepath.Join("out", recipe.policy(1, "fetch_bottle"), "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Join("out", recipe.policy(1, "fetch_bottle")), filepath.Join("out", "evaluated", recipe.String())} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	lines, err := os.ReadFile("out/trained.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	kept := slices.DeleteFunc(strings.SplitAfter(string(lines), "\n"), func(l string) bool { return strings.Contains(l, recipe.String()) })
	if err := os.WriteFile("out/trained.jsonl", []byte(strings.Join(kept, "")+`{"recipe":"mer`), 0o666); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile("out/results.md")
	if err != nil {
		t.Fatal(err)
	}
	again := mustCommand(t, args...)
	if n := strings.Count(again, "seed 1, fetch_bottle: 2 steps"); n != 1 {
		t.Errorf("%d policies were trained again", n)
	}
	after, err := os.ReadFile("out/results.md")
	if err != nil || string(after) != string(before) {
		t.Errorf("after a cut the tables are others: %v\n%s", err, after)
	}
	if got, err := os.ReadFile(filepath.Join("out", recipe.policy(1, "fetch_bottle"), "model.safetensors")); err != nil || string(got) != string(weights) {
		t.Errorf("after a cut the policy is another: %v", err)
	}
	refused(t, "Steps 2, this one has 3", append(args, "--steps", "3")...)
}

// TestAblateRanks: equal answers share a rank, and chunks are ranked by their first step.
func TestAblateRanks(t *testing.T) {
	w := &ablation{ablateCmd: &ablateCmd{Seeds: 1, Episodes: 2, Settings: []string{eval.Seen}, Out: t.TempDir()}}
	var err error
	if w.questions, err = asked([]string{"chunk"}); err != nil {
		t.Fatal(err)
	}
	if w.tasks, err = tasksOf([]string{"click_bell"}); err != nil {
		t.Fatal(err)
	}
	if w.done, err = openJournal(filepath.Join(w.Out, "trained.jsonl"), ablatedKey); err != nil {
		t.Fatal(err)
	}
	successes := []int{0, 2, 1, 1}
	first := []float64{0.1, 0.2, 0.1, 0.3}
	for i, v := range w.questions[0].Variants[:4] {
		line := ablated{Recipe: v.Recipe.String(), Seed: 1, Task: "click_bell", Held: &course.Diagnosis{Error: 1 / float64(i+1), First: first[i], Mean: 1}}
		if err := w.done.add(line); err != nil {
			t.Fatal(err)
		}
		dir := w.evaluation(v.Recipe, 1, "click_bell")
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		var lines []byte
		for k := range 2 {
			text, err := json.Marshal(eval.Episode{Task: "click_bell", Setting: eval.Seen, Seed: uint64(k), Success: k < successes[i]})
			if err != nil {
				t.Fatal(err)
			}
			lines = append(append(lines, text...), '\n')
		}
		if err := os.WriteFile(filepath.Join(dir, episodesFile), lines, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	all, err := w.answers()
	if err != nil || len(all) != 1 || len(all[0].Answers) != 4 {
		t.Fatalf("%+v, %v", all, err)
	}
	for i, want := range [][2]int{{4, 1}, {1, 3}, {2, 1}, {2, 4}} {
		if a := all[0].Answers[i]; a.SuccessRank != want[0] || a.ErrorRank != want[1] {
			t.Errorf("chunk %s: ranks %d and %d, expected %v", a.Variant, a.SuccessRank, a.ErrorRank, want)
		}
	}
}
