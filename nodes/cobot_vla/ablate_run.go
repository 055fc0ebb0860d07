package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/model/eval"
	"cobot_vla/model/train"
	"cobot_vla/model/train/data"
)

// teach trains the policies of a recipe and looks at them. Prepared files are large: they go when they are no longer needed.
func (w *ablation) teach(a *app, r recipe) error {
	dir := filepath.Join(w.Out, "prepared", r.prepared())
	for seed := range w.Seeds {
		if w.taught(r, uint64(seed+1)) {
			continue
		}
		if err := w.prepare(a, r, dir); err != nil {
			return err
		}
		if err := w.train(a, r, uint64(seed+1), dir); err != nil {
			return err
		}
	}
	for _, other := range w.recipes { // does another one learn from the same files?
		for seed := range w.Seeds {
			if other.prepared() == r.prepared() && !w.taught(other, uint64(seed+1)) {
				return nil
			}
		}
	}
	return os.RemoveAll(dir)
}

// taught says whether all policies of a recipe and seed are there and were looked at.
func (w *ablation) taught(r recipe, seed uint64) bool {
	for _, t := range w.tasks {
		if _, ok := w.done.get(ablatedKey(ablated{Recipe: r.String(), Seed: seed, Task: t.Name})); !ok {
			return false
		}
	}
	return true
}

// prepare makes what a recipe learns from, where it is not there.
func (w *ablation) prepare(a *app, r recipe, dir string) error {
	words := filepath.Join(w.Out, "words", fmt.Sprint(r.Bins))
	if err := w.words(a, words, r.Bins); err != nil {
		return err
	}
	p := trainPrepareCmd{
		Tokenizer: filepath.Join(words, "tokenizer.json"), Out: dir, Chunk: r.Chunk, Bins: r.Bins, Edges: "uniform", Bounds: "expert",
		Patch: w.Patch, Episodes: w.Collect, Name: r.String(), Image: r.Image, State: r.Proprioception, Navigation: r.Navigation, MaxForward: 2, MaxTurn: math.Pi,
	}
	missing := false
	for _, t := range w.tasks {
		p.Folders = append(p.Folders, filepath.Join(w.folder(), t.Name))
		_, err := os.Stat(preparedFile(dir, t.Name))
		missing = missing || err != nil
	}
	if !missing {
		return nil
	}
	return p.Run(a)
}

// words learns the tokenizer of the tasks' instructions.
func (w *ablation) words(a *app, dir string, bins int) error {
	out := filepath.Join(dir, "tokenizer.json")
	if _, err := os.Stat(out); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	texts := filepath.Join(dir, "instructions.txt")
	var lines []byte
	for _, t := range w.tasks {
		for _, line := range t.Instructions {
			lines = append(append(lines, line...), '\n')
		}
	}
	if err := os.WriteFile(texts, lines, 0o666); err != nil {
		return err
	}
	quiet := *a
	quiet.stdout = io.Discard
	return (&modelTokenizerCmd{Out: out, Texts: []string{texts}, Merges: 400, Bins: bins}).Run(&quiet)
}

// policy is the folder of a recipe's policy for a task, below the output's; all tasks have one where one stage teaches them all.
func (r recipe) policy(seed uint64, task string) string {
	if r.Stages == "one" {
		task = "all"
	}
	return filepath.Join("policies", r.String(), fmt.Sprintf("seed%d", seed), task)
}

// train makes the policies of a recipe and seed.
func (w *ablation) train(a *app, r recipe, seed uint64, prepared string) error {
	var all []string
	for _, t := range w.tasks {
		all = append(all, preparedFile(prepared, t.Name))
	}
	c := w.config()
	c.Seed = seed
	first := c
	if r.Stages == "two" {
		c.Steps, c.Budget = (c.Steps+1)/2, c.Budget/2
		first = c
		first.Out = filepath.Join(w.Out, r.policy(seed, "all"))
		if _, err := w.course(a, first, all); err != nil {
			return err
		}
	}
	for i, t := range w.tasks {
		line := ablated{Recipe: r.String(), Seed: seed, Task: t.Name, Policy: r.policy(seed, t.Name)}
		c := c
		c.Out = filepath.Join(w.Out, line.Policy)
		files := all
		switch r.Stages {
		case "two":
			c.From, c.Preset = first.Out, ""
			files = all[i : i+1]
		case "alone":
			files = all[i : i+1]
		}
		took, err := w.course(a, c, files)
		if err != nil {
			return err
		}
		line.Steps, line.Seconds = took.Steps, took.Seconds
		if err := w.look(a, &line, c, all[i]); err != nil {
			return err
		}
		if err := w.done.add(line); err != nil {
			return err
		}
	}
	return nil
}

// finished says, in a policy's folder, that its training is over, though its budget may have ended before its plan.
type finished struct {
	Steps   int     `json:"steps"`
	Seconds float64 `json:"seconds"`
}

// course is one training, unless it was done before.
func (w *ablation) course(a *app, c train.Config, files []string) (f finished, err error) {
	path := filepath.Join(c.Out, "finished.json")
	if err := readJSON(path, &f); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	set, err := openTraining(files, w.drawFlags)
	if err != nil {
		return f, err
	}
	defer func() { _ = set.close() }()
	bar := &trainBar{out: a.stderr, live: onTerminal(a.stderr)}
	c.Report = bar.show
	began := time.Now()
	r, err := train.Run(a.ctx, c, set)
	bar.end()
	if err != nil {
		return f, err
	}
	f = finished{Steps: r.Step, Seconds: time.Since(began).Seconds()}
	return f, writeJSON(path, f)
}

// look looks at the held-out examples of a task.
func (w *ablation) look(a *app, line *ablated, c train.Config, file string) error {
	set, err := data.OpenSet([]string{file}, w.drawFlags.config())
	if err != nil {
		return err
	}
	defer set.Close()
	c.From, c.Preset, c.Held = c.Out, "", w.Held
	if line.Held, err = train.Look(a.ctx, c, set); err != nil {
		return err
	}
	if line.Held == nil {
		return fmt.Errorf("%s: fewer than two held-out examples to look at: collect more demonstrations, or raise --held-part", file)
	}
	fmt.Fprintf(a.stdout, "  seed %d, %s: %d steps, %v\n", line.Seed, line.Task, line.Steps, line.Held)
	return nil
}

// asks says whether a question is about how a recipe does a task.
func (w *ablation) asks(r recipe, t scene.Task) bool {
	return slices.ContainsFunc(w.questions, func(q question) bool {
		return (t.Mobile || !q.Mobile) && slices.ContainsFunc(q.Variants, func(v variant) bool { return v.Recipe == r })
	})
}

// evaluate lets the policies of a recipe and seed do their tasks.
func (w *ablation) evaluate(a *app, r recipe, seed uint64) error {
	quiet := *a
	quiet.stdout = io.Discard
	for _, t := range w.tasks {
		if !w.asks(r, t) {
			continue
		}
		c := evalCmd{
			Tasks: []string{t.Name}, Settings: w.Settings, Episodes: w.Episodes, Seed: w.Seed, Checkpoint: filepath.Join(w.Out, r.policy(seed, t.Name)),
			Out: w.evaluation(r, seed, t.Name), rolloutFlags: w.rolloutFlags,
		}
		if err := c.Run(&quiet); err != nil {
			return err
		}
	}
	return nil
}

func (w *ablation) evaluation(r recipe, seed uint64, task string) string {
	return filepath.Join(w.Out, "evaluated", r.String(), fmt.Sprintf("seed%d", seed), task)
}

// episodes of a recipe, a seed and a task in a setting, as far as they were played, of those that are asked for.
func (w *ablation) episodes(r recipe, seed uint64, task, setting string) (rate eval.Rate, err error) {
	j, err := openEvaluated(w.evaluation(r, seed, task))
	if err != nil {
		return rate, err
	}
	j.each(func(e eval.Episode) {
		if e.Setting == setting && e.Seed < w.Seed+uint64(w.Episodes) {
			rate.Add(e.Success)
		}
	})
	return rate, nil
}
