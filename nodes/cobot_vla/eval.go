package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/model/eval"
)

// evalCmd measures a policy in the simulator.
type evalCmd struct {
	Tasks        []string `name:"task" help:"Tasks; without any, all that have an expert, or the suite's." sep:","`
	Suite        string   `help:"A suite instead, as LIBERO counts: 50 episodes of each of its tasks, at most 600 steps." enum:",table,stacking,mobile" default:""`
	Chains       int      `help:"Chains of tasks instead, as CALVIN counts them: so many." default:"0"`
	Length       int      `help:"Tasks of a chain." default:"5"`
	Settings     []string `name:"setting" help:"seen: as the demonstrations were recorded; dr: under all of domain randomisation." default:"seen" sep:","`
	Episodes     int      `help:"Episodes of each task and setting; 0 for 100, 50 of a suite's." default:"0"`
	Arm          string   `help:"Only starts that this arm does: of a policy of one arm." enum:",left,right" default:""`
	Seed         uint64   `help:"Seed of the first episode. Demonstrations are collected from 1 on: keep far from them." default:"1000001"`
	Policy       string   `help:"Policy to measure; llavavla where a checkpoint is given." default:""`
	Checkpoint   string   `help:"Folder of its checkpoint."`
	Precision    string   `help:"Precision of its weights on the processor; empty for the default."`
	UntilDecided float64  `help:"End a task when its 95 % interval, or the count, has decided on which side of this rate it is; 0 for never." default:"0"`
	Films        int      `help:"Films of each task's first failures." default:"3"`
	Out          string   `help:"Folder for episodes.jsonl and films." default:"out/eval"`
	Readme       string   `help:"File whose table <!-- evaluation --> … <!-- /evaluation --> is written anew."`
	rolloutFlags
	randomFlags
}

// suites are tasks that are counted together.
var suites = map[string][]string{
	"table":    {"click_bell", "close_drawer", "pick_block", "lift_pot", "pick_sponge", "restore_bottle", "pack_bottles"},
	"stacking": {"stack_blocks", "stack_cups", "stack_bowls"},
	"mobile":   {"fetch_bottle", "open_drawer"},
}

// suiteSteps and suiteEpisodes are LIBERO's.
const (
	suiteSteps    = 600
	suiteEpisodes = 50
)

// episodesFile has a line for every episode.
const episodesFile = "episodes.jsonl"

// trial is an episode that is to be run.
type evalTrial struct {
	index   int // in its group
	group   int
	rollout rollout
	line    eval.Episode // what is known before
}

// evalGroup is the episodes of a task in a setting, or chains.
type evalGroup struct {
	name, setting string
	trials        []evalTrial
}

// Run implements the command.
func (c *evalCmd) Run(a *app) error {
	r, episodes, err := c.evaluate(a)
	if err != nil {
		return err
	}
	if err := eval.WriteTable(a.stdout, episodes); err != nil {
		return err
	}
	if c.Suite != "" {
		for _, setting := range c.Settings {
			if mean, ok := eval.Suite(eval.Tasks(episodes), setting, c.Tasks); ok {
				fmt.Fprintf(a.stdout, "suite %s, %s: %.1f %%\n", c.Suite, setting, 100*mean)
			}
		}
	}
	if c.Readme != "" {
		if err := updateReadme(c.Readme, map[string]string{"evaluation": eval.Markdown(episodes)}); err != nil {
			return err
		}
	}
	return r.films(episodes)
}

// evaluate runs what is missing and gives the episodes that count.
func (c *evalCmd) evaluate(a *app) (*evalRun, []eval.Episode, error) {
	if err := c.complete(); err != nil {
		return nil, nil, err
	}
	groups, err := c.groups()
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(c.Out, 0o777); err != nil {
		return nil, nil, err
	}
	j, err := openEvaluated(c.Out)
	if err != nil {
		return nil, nil, err
	}
	a.log = a.log.Level(max(a.log.GetLevel(), zerolog.ErrorLevel))
	r := &evalRun{c: c, a: a, journal: j, groups: groups}
	if err := r.known(); err != nil {
		return nil, nil, err
	}
	if err := r.run(); err != nil {
		return nil, nil, err
	}
	episodes := r.counted()
	return r, episodes, j.rewrite(episodes)
}

// openEvaluated opens the episodes of an evaluation's folder.
func openEvaluated(dir string) (*journal[eval.Episode], error) {
	return openJournal(filepath.Join(dir, episodesFile), func(e eval.Episode) string { return fmt.Sprintf("%s %s %d", e.Task, e.Setting, e.Seed) })
}

// checkSettings says whether all are settings that can be evaluated.
func checkSettings(settings []string) error {
	for _, s := range settings {
		if s != eval.Seen && s != eval.Randomised {
			return fmt.Errorf("--setting %q: it is %s or %s", s, eval.Seen, eval.Randomised)
		}
	}
	return nil
}

// complete fills in what was not said.
func (c *evalCmd) complete() error {
	if c.Policy == "" {
		c.Policy = "expert"
		if c.Checkpoint != "" {
			b, err := bindAny(c.Checkpoint)
			if err != nil {
				return err
			}
			c.Policy = b
		}
	}
	if err := c.check(); err != nil {
		return err
	}
	if err := checkSettings(c.Settings); err != nil {
		return err
	}
	if c.Suite != "" {
		if len(c.Tasks) > 0 || c.Chains > 0 {
			return fmt.Errorf("--suite %s names its tasks: leave --task and --chains out", c.Suite)
		}
		c.Tasks = suites[c.Suite]
		c.Episodes = cmp.Or(c.Episodes, suiteEpisodes)
	}
	c.Episodes = cmp.Or(c.Episodes, 100)
	return nil
}

// groups are all episodes to run.
func (c *evalCmd) groups() (groups []evalGroup, err error) {
	digest, err := digestOf(c.Checkpoint)
	if err != nil {
		return nil, err
	}
	tasks, err := tasksOf(c.Tasks)
	if err != nil {
		return nil, err
	}
	if err := checkArm(tasks, c.Arm); err != nil {
		return nil, err
	}
	if c.Arm != "" && c.Chains > 0 {
		return nil, fmt.Errorf("--arm %s: a chain's tasks begin where the last one ended, on either side: leave it out", c.Arm)
	}
	for _, setting := range c.Settings {
		v, err := c.variation(scene.EvalTextures)
		if err != nil {
			return nil, err
		}
		if setting == eval.Randomised {
			v = scene.Everything(scene.EvalTextures)
		}
		if c.Chains > 0 {
			g := evalGroup{name: fmt.Sprintf("chain of %d", c.Length), setting: setting}
			for i := range c.Chains {
				if err := c.chain(&g, tasks, v, c.Seed+uint64(i), digest); err != nil {
					return nil, err
				}
			}
			groups = append(groups, g)
			continue
		}
		for _, task := range tasks {
			g := evalGroup{name: task.Name, setting: setting}
			for seed := c.Seed; len(g.trials) < c.Episodes; seed++ {
				if !startsFor(task, c.Arm, seed) {
					continue
				}
				if err := c.add(&g, attempting(task, seed, v), digest); err != nil {
					return nil, err
				}
			}
			groups = append(groups, g)
		}
	}
	for k := range groups {
		for i := range groups[k].trials {
			groups[k].trials[i].group, groups[k].trials[i].index = k, i
		}
	}
	return groups, nil
}

// add appends an episode to a group.
func (c *evalCmd) add(g *evalGroup, r rollout, digest string) error {
	r.Policy, r.Checkpoint, r.Plant, r.Latency, r.Still = c.Policy, c.Checkpoint, c.Plant, c.Latency, c.Still
	if c.Suite != "" {
		r.Steps = suiteSteps
	}
	named := r
	named.Task, named.Checkpoint = g.name, digest
	hash := named.hash()
	if err := r.complete(); err != nil {
		return err
	}
	g.trials = append(g.trials, evalTrial{rollout: r, line: eval.Episode{
		Task: g.name, Setting: g.setting, Seed: r.Seed, Config: hash, Instruction: r.Instruction,
	}})
	return nil
}

// chain appends a chain to a group.
func (c *evalCmd) chain(g *evalGroup, tasks []scene.Task, v scene.Variation, seed uint64, digest string) error {
	chain, _, err := scene.DrawChain(tasks, c.Length, seed)
	if err != nil {
		return err
	}
	r := attempting(chain[0], seed, v)
	var names []string
	for k, task := range chain {
		names = append(names, task.Name)
		if k > 0 {
			r.Then = append(r.Then, task.Instruction(seed+uint64(k), v))
		}
	}
	r.Task = strings.Join(names, ",")
	if err := c.add(g, r, digest); err != nil {
		return err
	}
	g.trials[len(g.trials)-1].line.Tasks = names
	return nil
}

// evalRun is an evaluation under way.
type evalRun struct {
	c       *evalCmd
	a       *app
	journal *journal[eval.Episode]
	groups  []evalGroup
}

// known checks that what the folder has already is of this evaluation.
func (r *evalRun) known() error {
	for _, g := range r.groups {
		for _, t := range g.trials {
			if e, ok := r.journal.get(r.journal.key(t.line)); ok && e.Config != t.line.Config {
				return fmt.Errorf("%s: seed %d of %s was run in another configuration (%s, this is %s): use another --out", r.journal.path, e.Seed, e.Task, e.Config, t.line.Config)
			}
		}
	}
	return nil
}

// run plays what is missing, in the order of groups and seeds, several at once.
func (r *evalRun) run() error {
	pool := newPolicies(r.c.Jobs, r.c.Precision)
	defer pool.close()
	p := newProgress(r.a.stderr, "eval", r.part)
	defer p.end()
	began, before := time.Now(), r.journal.len()
	say := func() {
		n := r.journal.len() - before
		p.what = fmt.Sprintf("eval: %d episodes", n)
		if n > 0 {
			p.what += fmt.Sprintf(", %.1f s each", time.Since(began).Seconds()/float64(n))
		}
		p.say()
	}
	return parallel(r.a, r.c.Jobs, p.every, say, r.next(), func(a *app, t evalTrial) (eval.Episode, error) {
		return t.run(a, pool)
	}, r.journal.add)
}

// next gives the trials to run: none of a group that is decided.
func (r *evalRun) next() func() (evalTrial, bool) {
	k, i := 0, 0
	return func() (evalTrial, bool) {
		for k < len(r.groups) {
			g := r.groups[k]
			if i >= len(g.trials) || r.decidedAt(g) >= 0 {
				k, i = k+1, 0
				continue
			}
			t := g.trials[i]
			i++
			if _, ok := r.journal.get(r.journal.key(t.line)); !ok {
				return t, true
			}
		}
		return evalTrial{}, false
	}
}

// decidedAt is how many of a group's episodes, in the order of their seeds, decide; -1 when they don't yet.
func (r *evalRun) decidedAt(g evalGroup) int {
	if r.c.UntilDecided <= 0 || r.c.Chains > 0 {
		return -1
	}
	var rate eval.Rate
	for i, t := range g.trials {
		e, ok := r.journal.get(r.journal.key(t.line))
		if !ok {
			return -1
		}
		rate.Add(e.Success)
		if rate.Decided(r.c.UntilDecided, len(g.trials)) {
			return i + 1
		}
	}
	return -1
}

// part of all that is done.
func (r *evalRun) part() float64 {
	done, all := 0, 0
	for _, g := range r.groups {
		all += len(g.trials)
		if r.decidedAt(g) >= 0 {
			done += len(g.trials)
			continue
		}
		for _, t := range g.trials {
			if _, ok := r.journal.get(r.journal.key(t.line)); ok {
				done++
			}
		}
	}
	return float64(done) / float64(max(all, 1))
}

// counted are the episodes that count, in order: those after a decision don't, so that the result does
// not depend on how many ran at once.
func (r *evalRun) counted() (episodes []eval.Episode) {
	for _, g := range r.groups {
		n := r.decidedAt(g)
		if n < 0 {
			n = len(g.trials)
		}
		for _, t := range g.trials[:n] {
			if e, ok := r.journal.get(r.journal.key(t.line)); ok {
				episodes = append(episodes, e)
			}
		}
	}
	return episodes
}

// run plays one.
func (t evalTrial) run(a *app, pool *policies) (eval.Episode, error) {
	p, put := pool.take()
	defer put()
	began := time.Now()
	t.rollout.Open = p.open
	o, err := t.rollout.run(a)
	if err != nil {
		return t.line, fmt.Errorf("%s, seed %d: %w", t.line.Task, t.line.Seed, err)
	}
	e := t.line
	e.Success, e.Reason, e.Steps, e.Seconds = o.Success, o.Reason, o.Steps, float64(o.Lasted.Milliseconds())/1000
	if len(e.Tasks) > 0 {
		e.Done = o.Done
	}
	e.Decisions, e.Inference = len(o.Inference), eval.QuantilesOf(o.Inference)
	e.Wall = eval.Wall{Seconds: float64(time.Since(began).Milliseconds()) / 1000, Acting: eval.QuantilesOf(o.Acted)}
	return e, nil
}

// films plays the first failures of every group again, with a film: the same episode to the bit.
func (r *evalRun) films(episodes []eval.Episode) error {
	pool := newPolicies(1, r.c.Precision)
	defer pool.close()
	for _, g := range r.groups {
		n := 0
		for _, t := range g.trials {
			i := slices.IndexFunc(episodes, func(e eval.Episode) bool { return r.journal.key(e) == r.journal.key(t.line) })
			if i < 0 || episodes[i].Success || n >= r.c.Films {
				continue
			}
			n++
			path := filepath.Join(r.c.Out, fmt.Sprintf("%s_%s_%d.gif", strings.ReplaceAll(g.name, " ", "_"), g.setting, t.line.Seed))
			if _, err := os.Stat(path); err == nil {
				continue
			}
			if err := t.film(r.a, pool, path, episodes[i]); err != nil {
				return err
			}
			fmt.Fprintf(r.a.stdout, "%s: %s\n", path, episodes[i].Reason)
		}
	}
	return nil
}

func (t evalTrial) film(a *app, pool *policies, path string, was eval.Episode) error {
	p, put := pool.take()
	defer put()
	t.rollout.Open, t.rollout.Film = p.open, true
	o, err := t.rollout.run(a)
	if err != nil {
		return err
	}
	if o.Success != was.Success || o.Steps != was.Steps {
		return errors.New(path + ": the episode went another way the second time")
	}
	return o.Film.write(path, 100/filmRate)
}
