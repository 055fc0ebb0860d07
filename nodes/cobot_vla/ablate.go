package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/train"
	"cobot_vla/model/train/course"
)

// ablateCmd asks the paper's questions: it trains a policy for every answer, with the same budget, and compares them.
type ablateCmd struct {
	Questions    []string      `name:"question" help:"image (one merged image or every view's tokens), proprioception (tokens or MLP), chunk (1, 5, 12, 20), stages (two or one), bins (256 or 1024), navigation (direction and value or value tokens); without any, all." sep:","`
	Tasks        []string      `name:"task" help:"Tasks to learn and to be measured by; navigation needs a mobile one." default:"click_bell,fetch_bottle" sep:","`
	Seeds        int           `help:"Trainings of every variant, with seeds from 1 on." default:"2"`
	Minutes      float64       `help:"Time of a training: as many steps as there is time for, planned by the pace of the first." default:"15"`
	Steps        int           `help:"Steps of a training instead; the tables are then the same on any machine." default:"0"`
	Episodes     int           `help:"Episodes of a task, a setting and a training." default:"50"`
	Settings     []string      `name:"setting" help:"seen or dr." default:"seen" sep:","`
	Data         string        `help:"Folder of demonstrations, TASK below it, as cobot_vla collect leaves them. Empty: they are collected into the output folder."`
	Collect      int           `name:"demonstrations" help:"Demonstrations of a task to collect, or at most to use." default:"300"`
	Out          string        `help:"Folder of everything. The same command goes on where it was cut." default:"out/ablate"`
	Readme       string        `help:"File whose tables <!-- ablation --> … <!-- /ablation --> are written anew."`
	Plan         bool          `help:"Say what would be done, and do nothing."`
	Preset       string        `help:"Shape of the policies: llava-vla-tiny or llava-vla-small." default:"llava-vla-tiny"`
	Patch        int           `help:"Side of a patch [px]." default:"28"`
	Batch        int           `help:"Examples a step." default:"16"`
	Micro        int           `help:"Examples that go through the model at a time." default:"8"`
	Rate         float64       `help:"Highest learning rate; llava-vla-small bears 1.5e-3." default:"3e-3"`
	Warmup       int           `help:"Steps in which it rises." default:"100"`
	Precision    cpu.Precision `help:"Operands of training: f32 or bf16. Empty: the faster one on this processor."`
	Held         int           `help:"Held-out examples of a task to look at." default:"256"`
	Seed         uint64        `help:"Seed of the first episode." default:"1000001"`
	rolloutFlags `set:"still=5s"`
	drawFlags
}

// ablation is the work, planned.
type ablation struct {
	*ablateCmd
	questions []question
	tasks     []scene.Task
	recipes   []recipe
	done      *journal[ablated]
}

// ablated is a line of trained.jsonl: a policy of a recipe, and how it does on a task's held-out examples.
type ablated struct {
	Recipe  string            `json:"recipe"`
	Seed    uint64            `json:"seed"`
	Task    string            `json:"task"`
	Policy  string            `json:"policy"` // folder, below the output's
	Steps   int               `json:"steps"`  // of the last stage
	Seconds float64           `json:"seconds"`
	Held    *course.Diagnosis `json:"held"`
}

func ablatedKey(a ablated) string { return fmt.Sprintf("%s %d %s", a.Recipe, a.Seed, a.Task) }

// Run implements the command.
func (c *ablateCmd) Run(a *app) error {
	w, err := c.plan()
	if err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, w)
	if c.Plan {
		return nil
	}
	if err := os.MkdirAll(c.Out, 0o777); err != nil {
		return err
	}
	if err := w.same(); err != nil {
		return err
	}
	if w.done, err = openJournal(filepath.Join(c.Out, "trained.jsonl"), ablatedKey); err != nil {
		return err
	}
	if err := w.demonstrations(a); err != nil {
		return err
	}
	for i, r := range w.recipes {
		fmt.Fprintf(a.stdout, "%d of %d: %s\n", i+1, len(w.recipes), r)
		if err := w.teach(a, r); err != nil {
			return fmt.Errorf("%s: %w", r, err)
		}
		for seed := range w.Seeds {
			if err := w.evaluate(a, r, uint64(seed+1)); err != nil {
				return fmt.Errorf("%s, seed %d: %w", r, seed+1, err)
			}
		}
		if err := w.report(a, i == len(w.recipes)-1); err != nil { // what there is so far
			return err
		}
	}
	return nil
}

// plan checks what was asked for.
func (c *ablateCmd) plan() (*ablation, error) {
	w := &ablation{ablateCmd: c}
	var err error
	if w.questions, err = asked(c.Questions); err != nil {
		return nil, err
	}
	if w.tasks, err = tasksOf(c.Tasks); err != nil {
		return nil, err
	}
	if c.Seeds < 1 || c.Episodes < 1 || c.Collect < 2 {
		return nil, fmt.Errorf("--seeds %d, --episodes %d, --demonstrations %d: expected 1, 1 and 2 or more", c.Seeds, c.Episodes, c.Collect)
	}
	if c.Steps <= 0 && c.Minutes <= 0 {
		return nil, errors.New("--steps 0 and --minutes 0: say the budget of a training")
	}
	if err := checkSettings(c.Settings); err != nil {
		return nil, err
	}
	c.Precision = cmp.Or(c.Precision, cpu.Learning())
	mobile := slices.ContainsFunc(w.tasks, func(t scene.Task) bool { return t.Mobile })
	for _, q := range w.questions {
		if q.Mobile && !mobile {
			return nil, fmt.Errorf("--question %s: none of the tasks %v is mobile: add fetch_bottle or open_drawer", q.Name, c.Tasks)
		}
	}
	w.recipes = recipesOf(w.questions)
	return w, w.config().Validate()
}

// trainings of a recipe and seed.
func (w *ablation) trainings(r recipe) int {
	switch r.Stages {
	case "two":
		return 1 + len(w.tasks)
	case "alone":
		return len(w.tasks)
	}
	return 1
}

// budget of a policy's training, in words.
func (w *ablation) budget() string {
	if w.Steps > 0 {
		return fmt.Sprintf("%d steps", w.Steps)
	}
	return fmt.Sprintf("%.4g minutes", w.Minutes)
}

// String says what is going to be done.
func (w *ablation) String() string {
	var b bytes.Buffer
	trainings, whole := 0, 0.0
	for _, r := range w.recipes {
		n := w.trainings(r)
		trainings += n * w.Seeds
		share := float64(n)
		if r.Stages == "two" {
			share /= 2
		}
		whole += share * float64(w.Seeds)
	}
	played := 0
	for _, r := range w.recipes {
		for _, t := range w.tasks {
			if w.asks(r, t) {
				played++
			}
		}
	}
	episodes := played * w.Seeds * len(w.Settings) * w.Episodes
	for _, q := range w.questions {
		fmt.Fprintf(&b, "%s (%s):\n", q.Name, q.Source)
		for _, v := range q.Variants {
			fmt.Fprintf(&b, "  %-36s %s\n", v.Name, v.Recipe)
		}
	}
	fmt.Fprintf(&b, "%d recipes, %d seeds each, tasks %v: %d trainings, %s a policy, %d episodes\n", len(w.recipes), w.Seeds, w.Tasks, trainings, w.budget(), episodes)
	if w.Steps == 0 {
		const episode = 5 // [s]: click_bell and fetch_bottle by turns, to their time limits, two at once on two cores
		fmt.Fprintf(&b, "about %.1f h of training and at most %.1f h of episodes on two quiet cores; besides, demonstrations and their preparation\n", whole*w.Minutes/60, float64(episodes)*episode/3600)
	}
	return b.String()
}

// same refuses to mix what was begun with other settings.
func (w *ablation) same() error {
	settings := *w.ablateCmd
	settings.Questions, settings.Seeds, settings.Episodes, settings.Settings = nil, 0, 0, nil // more of these may be asked for later
	settings.Out, settings.Readme, settings.Plan, settings.Jobs = "", "", false, 0
	path := filepath.Join(w.Out, "settings.json")
	was, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		now, err := json.Marshal(settings)
		if err != nil {
			return err
		}
		return course.Replace(path, append(now, '\n'))
	case err != nil:
		return err
	}
	if err := course.SameConfig(string(was), settings); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// folder of the demonstrations.
func (w *ablation) folder() string { return cmp.Or(w.Data, filepath.Join(w.Out, "demonstrations")) }

// demonstrations collects them, unless they were given.
func (w *ablation) demonstrations(a *app) error {
	if w.Data == "" {
		c := collectCmd{
			Tasks: w.Tasks, Episodes: w.Collect, Seed: 1, Out: w.folder(), Policy: "expert", Perturbed: 0.5, PushRate: 0.2, PushSize: 0.03, PushHold: 3,
			rolloutFlags: rolloutFlags{Latency: 100 * time.Millisecond, Jobs: w.Jobs, Plant: w.Plant},
		}
		return c.Run(a)
	}
	for _, t := range w.tasks {
		dir := filepath.Join(w.Data, t.Name)
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return fmt.Errorf("--data %s: it has no folder %s: cobot_vla collect --task %s --out %s records it", w.Data, t.Name, t.Name, w.Data)
		}
	}
	return nil
}

// config of a training.
func (w *ablation) config() train.Config {
	c := train.DefaultConfig()
	c.Out, c.Preset, c.Batch, c.Micro, c.Rate, c.Warmup, c.Precision = w.Out, w.Preset, w.Batch, w.Micro, w.Rate, w.Warmup, w.Precision
	c.Steps, c.Budget = w.Steps, 0
	if w.Steps == 0 {
		c.Budget = time.Duration(w.Minutes * float64(time.Minute))
	}
	c.LookEvery, c.Held = 0, 0 // every policy is looked at once, task by task
	return c
}
