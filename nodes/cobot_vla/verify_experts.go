package main

import (
	"fmt"
	"runtime"
	"strings"

	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/model/expert"
)

// expertTry is one trial of an expert, to be done.
type expertTry struct {
	index   int
	setting string
	rig     rigConfig
	push    expert.Perturbation
}

// expertTries are those of every task in every setting.
func expertTries(seeds int) (tries []expertTry, err error) {
	for _, name := range expert.Tasks() {
		task, err := scene.ByName(name)
		if err != nil {
			return nil, err
		}
		for _, setting := range []string{plainSetting, pushedSetting, variedSetting} {
			for seed := uint64(1); seed <= uint64(seeds); seed++ {
				t := expertTry{index: len(tries), setting: setting, rig: rigConfig{Task: task, Seed: seed, Pictures: setting == plainSetting}}
				switch setting {
				case pushedSetting:
					t.push = pushes(seed)
				case variedSetting:
					t.rig.Vary = scene.Everything(scene.EvalTextures)
				}
				tries = append(tries, t)
			}
		}
	}
	return tries, nil
}

// experts tries every task's expert in every setting, as many at once as there are processors.
func (c *verifyCmd) experts(a *app) ([]trial, error) {
	tries, err := expertTries(c.Experts)
	if err != nil {
		return nil, err
	}
	all, begun, done := make([]trial, len(tries)), 0, 0
	p := newProgress(a.stderr, "experts", func() float64 { return float64(done) / float64(max(len(tries), 1)) })
	defer p.end()
	say := func() {
		p.what = fmt.Sprintf("experts: %d of %d", done, len(tries))
		p.say()
	}
	next := func() (expertTry, bool) {
		if begun == len(tries) {
			return expertTry{}, false
		}
		begun++
		return tries[begun-1], true
	}
	type tried struct {
		index int
		trial trial
	}
	err = parallel(a, runtime.NumCPU(), p.every, say, next, func(a *app, x expertTry) (tried, error) {
		t, err := tryExpert(a.ctx, x.rig, x.push, nil)
		if err != nil {
			return tried{}, fmt.Errorf("%s, seed %d: %w", x.rig.Task.Name, x.rig.Seed, err)
		}
		t.Setting = x.setting
		return tried{x.index, t}, nil
	}, func(x tried) error {
		done++
		t := x.trial
		all[x.index] = t
		if !t.Success {
			fmt.Fprintf(a.stdout, "%s %s seed %d FAILED after %.1f s: %s\n", t.Task, t.Setting, t.Seed, t.Seconds, t.Reason)
		}
		return nil
	})
	return all, err
}

// expertRow is one task's trials.
type expertRow struct {
	task     string
	done, of map[string]int // by setting
	mean     float64        // simulated, plain [s]
	steps    float64
}

// enough says whether at least 95 % of each setting's trials succeeded, or all but one; of those that are pushed 90 %, or
// all but two: a push may throw over what only stands, and no expert here stands it up.
func (r expertRow) enough() bool {
	for setting, of := range r.of {
		allowed := max(1, of/20)
		if setting == pushedSetting {
			allowed *= 2
		}
		if of-r.done[setting] > allowed {
			return false
		}
	}
	return true
}

func expertRows(trials []trial) []expertRow {
	var rows []expertRow
	for _, t := range trials {
		if len(rows) == 0 || rows[len(rows)-1].task != t.Task {
			rows = append(rows, expertRow{task: t.Task, done: map[string]int{}, of: map[string]int{}})
		}
		r := &rows[len(rows)-1]
		r.of[t.Setting]++
		r.done[t.Setting] += count(t.Success)
		if t.Setting == plainSetting {
			r.mean, r.steps = r.mean+t.Seconds, r.steps+float64(t.Steps)
		}
	}
	for i := range rows {
		n := float64(max(rows[i].of[plainSetting], 1))
		rows[i].mean, rows[i].steps = rows[i].mean/n, rows[i].steps/n
	}
	return rows
}

// expertTable is the README's.
func expertTable(trials []trial) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| task | succeeded | pushed | randomised | simulated | steps |\n|---|---|---|---|---|---|\n")
	for _, r := range expertRows(trials) {
		of := func(setting string) string { return fmt.Sprintf("%d of %d", r.done[setting], r.of[setting]) }
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %.1f s | %.0f |\n", r.task, of(plainSetting), of(pushedSetting), of(variedSetting), r.mean, r.steps)
	}
	return b.String()
}
