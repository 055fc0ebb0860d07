package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"cobot_vla/model/eval"
)

// compareCmd measures several checkpoints on the same starts.
type compareCmd struct {
	Policies []string `arg:"" help:"NAME=FOLDER of each checkpoint."`
	Tasks    []string `name:"task" help:"Tasks; without any, the five real ones of VITA-VLA's paper." sep:","`
	Arm      string   `help:"Only starts that this arm does; none for both arms'." enum:"left,right,none" default:"left"`
	Setting  string   `help:"seen or dr, as cobot_vla eval has them." default:"seen"`
	Episodes int      `help:"Episodes of each task." default:"40"`
	Seed     uint64   `help:"Seed of the first episode." default:"1000001"`
	Films    int      `help:"Films of each task's first failures, for each policy." default:"1"`
	Out      string   `help:"Folder, one folder a policy." default:"out/compare"`
	Readme   string   `help:"File whose table <!-- comparison --> … <!-- /comparison --> is written anew."`
	rolloutFlags
}

// paperTasks are the real tasks of VITA-VLA's paper, and paperRates its table 4: success in percent over 40 attempts each,
// on a real robot, the mean last.
var (
	paperTasks = []string{"close_drawer", "stack_cups", "stack_blocks", "pick_sponge", "pick_block"}
	paperRates = []struct {
		name  string
		rates []float64
	}{
		{"Seer", []float64{87.5, 32.5, 60.0, 75.0, 70.0, 65.0}},
		{"only-finetune", []float64{95.0, 52.5, 75.0, 85.0, 87.5, 79.0}},
		{"two-stage", []float64{97.5, 52.5, 80.0, 87.5, 92.5, 82.0}},
	}
)

// contender is what a policy came to.
type contender struct {
	name  string
	tasks []eval.TaskResult
}

// Run implements the command.
func (c *compareCmd) Run(a *app) error {
	if len(c.Tasks) == 0 {
		c.Tasks = paperTasks
	}
	var all []contender
	for _, p := range c.Policies {
		name, folder, ok := strings.Cut(p, "=")
		if !ok || name == "" || folder == "" || name != filepath.Base(name) {
			return fmt.Errorf("%q: write NAME=FOLDER", p)
		}
		if slices.ContainsFunc(all, func(o contender) bool { return o.name == name }) {
			return fmt.Errorf("%q: there are two of that name", name)
		}
		e := evalCmd{
			Tasks: slices.Clone(c.Tasks), Arm: strings.TrimPrefix(c.Arm, "none"), Settings: []string{c.Setting}, Episodes: c.Episodes, Seed: c.Seed,
			Checkpoint: folder, Films: c.Films, Out: filepath.Join(c.Out, name), rolloutFlags: c.rolloutFlags,
		}
		r, episodes, err := e.evaluate(a)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := r.films(episodes); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, contender{name, eval.Tasks(episodes)})
	}
	table := compareTable(c.Tasks, all)
	if _, err := io.WriteString(a.stdout, table); err != nil {
		return err
	}
	if c.Readme == "" {
		return nil
	}
	return updateReadme(c.Readme, map[string]string{"comparison": table})
}

// compareTable has a row a policy and a column a task: successes, the share and its Wilson interval.
func compareTable(tasks []string, all []contender) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| policy | %s | mean |\n|%s\n", strings.Join(tasks, " | "), strings.Repeat("---|", len(tasks)+2))
	for _, p := range all {
		fmt.Fprintf(&b, "| %s |", p.name)
		sum := 0.0
		for _, task := range tasks {
			i := slices.IndexFunc(p.tasks, func(t eval.TaskResult) bool { return t.Task == task })
			if i < 0 {
				b.WriteString(" – |")
				continue
			}
			rate := p.tasks[i].Rate
			low, high := rate.Wilson()
			fmt.Fprintf(&b, " %d of %d: %.1f %% (%.0f–%.0f) |", rate.Successes, rate.Attempts, 100*rate.Value(), 100*low, 100*high)
			sum += rate.Value()
		}
		fmt.Fprintf(&b, " %.1f %% |\n", 100*sum/float64(len(tasks)))
	}
	if !slices.Equal(tasks, paperTasks) {
		return b.String()
	}
	for _, p := range paperRates {
		fmt.Fprintf(&b, "| *the paper's %s, real robot* |", p.name)
		for _, r := range p.rates {
			fmt.Fprintf(&b, " *%.1f %%* |", r)
		}
		b.WriteString("\n")
	}
	return b.String()
}
