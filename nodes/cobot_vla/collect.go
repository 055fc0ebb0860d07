package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/model/expert"
	"cobot_vla/nodes/recorder/episode"
)

// collectCmd records demonstrations.
type collectCmd struct {
	Tasks      []string `name:"task" help:"Tasks to demonstrate; without any, all that have an expert." sep:","`
	Episodes   int      `help:"Demonstrations of each task." default:"300"`
	Seed       uint64   `help:"Seed of the first attempt; the next ones count on." default:"1"`
	Arm        string   `help:"Only starts that this arm does: for a policy of one arm." enum:",left,right" default:""`
	Out        string   `help:"Folder of the episodes, one folder a task." default:"demonstrations"`
	Policy     string   `help:"Who moves the robot. The expert says what is right all the same: with a checkpoint's policy it corrects that." default:"expert"`
	Checkpoint string   `help:"Folder of that policy's checkpoint."`
	Takeover   float64  `help:"Part of the time that the expert acts for another policy, a second at a time: one that is stuck comes on." default:"0"`
	KeepFailed bool     `help:"Keep attempts that failed: a learner's are worth correcting."`
	Perturbed  float64  `help:"Part of the episodes in which the robot is pushed off its way." default:"0.5"`
	PushRate   float64  `help:"Part of such an episode's steps that are pushed." default:"0.2"`
	PushSize   float64  `help:"Largest push of a joint [rad]." default:"0.03"`
	PushHold   int      `help:"Steps that a push lasts." default:"3"`
	rolloutFlags
	randomFlags
}

// attempt is a line of collected.jsonl: one seed that was tried.
type attempt struct {
	Task        string  `json:"task"`
	Seed        uint64  `json:"seed"`
	Config      string  `json:"config"`
	Instruction string  `json:"instruction"`
	Perturbed   bool    `json:"perturbed"`
	Success     bool    `json:"success"`
	Reason      string  `json:"reason"`
	Steps       int     `json:"steps"`
	Labels      uint64  `json:"labels"`
	Refusals    uint64  `json:"refusals"`
	Episode     string  `json:"episode,omitempty"` // folder, beside the file
	Bytes       int64   `json:"bytes,omitempty"`
	Wall        float64 `json:"wall_s"`
}

// ledgerFile says what became of every seed.
const ledgerFile = "collected.jsonl"

// Run implements the command.
func (c *collectCmd) Run(a *app) error {
	tasks, err := tasksOf(c.Tasks)
	if err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	a.log = a.log.Level(max(a.log.GetLevel(), zerolog.ErrorLevel))
	if err := checkArm(tasks, c.Arm); err != nil {
		return err
	}
	for _, task := range tasks {
		if err := c.collect(a, task); err != nil {
			return err
		}
	}
	return nil
}

// tasksOf are the tasks of these names; without any, all that have an expert.
func tasksOf(names []string) ([]scene.Task, error) {
	if len(names) == 0 {
		names = expert.Tasks()
	}
	tasks := make([]scene.Task, len(names))
	for i, name := range names {
		var err error
		if tasks[i], err = scene.ByName(name); err != nil {
			return nil, err
		}
	}
	return tasks, nil
}

// checkArm says whether an arm does these tasks from some of their starts.
func checkArm(tasks []scene.Task, arm string) error {
	for _, task := range tasks {
		if arm != "" && task.Handled == "" {
			return fmt.Errorf("--arm %s: %s is not a task of one arm", arm, task.Name)
		}
	}
	return nil
}

// startsFor says whether a seed's start is for the arm; all are for none.
func startsFor(task scene.Task, arm string, seed uint64) bool {
	return arm == "" || task.Arm(task.Sample(seed, 1)) == arm
}

// collect demonstrates one task until there are enough episodes.
func (c *collectCmd) collect(a *app, task scene.Task) error {
	dir := filepath.Join(c.Out, task.Name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	l, err := openLedger(filepath.Join(dir, ledgerFile))
	if err != nil {
		return err
	}
	began := time.Now()
	before := l.kept(c.KeepFailed)
	p := newProgress(a.stderr, "collect "+task.Name, func() float64 { return float64(l.kept(c.KeepFailed)) / float64(c.Episodes) })
	defer p.end()
	say := func() {
		kept, failed := l.kept(c.KeepFailed), l.failed()
		p.what = fmt.Sprintf("collect %s: %d of %d, %d failed", task.Name, kept, c.Episodes, failed)
		if n := kept - before; n > 0 {
			each := time.Since(began) / time.Duration(n)
			p.what += fmt.Sprintf(", %.1f s each, %v left", each.Seconds(), (time.Duration(c.Episodes-kept) * each).Round(time.Second))
		}
		p.say()
	}
	say()
	if err := c.attempts(a, task, l, dir, p.every, say); err != nil {
		return err
	}
	if err := l.sort(); err != nil {
		return err
	}
	p.end()
	_, err = fmt.Fprintf(a.stdout, "%s: %d demonstrations of %s, %d attempts failed, %s\n", dir, l.kept(c.KeepFailed), task.Name, l.failed(), bytesText(l.bytes()))
	return err
}

// attempts tries seed after seed, several at once. A seed is tried only when without
// it there would surely be too few, so that the episodes are the same for any number of jobs.
func (c *collectCmd) attempts(a *app, task scene.Task, l *ledger, dir string, every time.Duration, say func()) error {
	running, seed := 0, c.Seed
	next := func() (uint64, bool) {
		if l.kept(c.KeepFailed)+running >= c.Episodes {
			return 0, false
		}
		for l.has(seed) || !startsFor(task, c.Arm, seed) {
			seed++
		}
		running++
		seed++
		return seed - 1, true
	}
	return parallel(a, c.Jobs, every, say, next, func(a *app, seed uint64) (attempt, error) { return c.attempt(a, task, dir, seed) }, func(t attempt) error {
		running--
		return l.add(t)
	})
}

// attempt is one episode.
func (c *collectCmd) attempt(a *app, task scene.Task, dir string, seed uint64) (attempt, error) {
	name := episode.Name(int(seed))
	folder := filepath.Join(dir, name)
	if err := os.RemoveAll(folder); err != nil { // of an attempt that was interrupted
		return attempt{}, err
	}
	began := time.Now()
	r, err := c.rollout(task, seed)
	if err != nil {
		return attempt{}, err
	}
	r.Record = dir
	o, err := r.run(a)
	if err != nil {
		return attempt{}, fmt.Errorf("%s, seed %d: %w", task.Name, seed, err)
	}
	t := attempt{
		Task: task.Name, Seed: seed, Config: r.hash(), Instruction: r.Instruction, Perturbed: r.Push.Rate > 0,
		Success: o.Success, Reason: o.Reason, Steps: o.Steps, Labels: o.Labels, Refusals: o.Refusals,
	}
	if o.Success || c.KeepFailed {
		t.Episode = name
		t.Bytes, err = sizeOf(folder)
	} else {
		err = os.RemoveAll(folder)
	}
	t.Wall = time.Since(began).Seconds()
	return t, err
}

// rollout of one attempt.
func (c *collectCmd) rollout(task scene.Task, seed uint64) (rollout, error) {
	v, err := c.variation(scene.TrainTextures)
	if err != nil {
		return rollout{}, err
	}
	v.Wording = false // those words are evaluation's
	r := attempting(task, seed, v)
	r.Policy, r.Checkpoint, r.Plant, r.Latency, r.Still, r.Demonstrator = c.Policy, c.Checkpoint, c.Plant, c.Latency, c.Still, "expert"
	if c.Policy != "expert" {
		r.Guide = takeover{Rate: c.Takeover, Hold: time.Second, Seed: seed}
	}
	if pushed(seed, c.Perturbed) {
		r.Push = expert.Perturbation{Seed: seed, Rate: c.PushRate, Size: c.PushSize, Hold: c.PushHold}
	}
	return r, r.complete()
}

// pushed says whether the episode of a seed is one of that part of all.
func pushed(seed uint64, part float64) bool {
	return int(float64(seed+1)*part) > int(float64(seed)*part)
}

func sizeOf(folder string) (n int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		n += info.Size()
		return err
	})
	return n, err
}

// ledger is what became of every seed of a task.
type ledger struct{ *journal[attempt] }

func openLedger(path string) (*ledger, error) {
	j, err := openJournal(path, func(t attempt) string { return fmt.Sprint(t.Seed) })
	return &ledger{j}, err
}

// collectedIn are the episodes of a folder that a collection finished and kept; a learner's failed ones are among them, as they are worth
// correcting. False for a folder that no collection made.
func collectedIn(dir string) (kept map[string]bool, ok bool, err error) {
	kept = map[string]bool{}
	_, _, err = readJournal(filepath.Join(dir, ledgerFile), func(t attempt) {
		if t.Episode != "" {
			kept[t.Episode] = true
		}
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	return kept, err == nil, err
}

// sort writes the file again, in the order of the seeds.
func (l *ledger) sort() error {
	var all []attempt
	l.each(func(t attempt) { all = append(all, t) })
	slices.SortFunc(all, func(a, b attempt) int { return cmp.Compare(a.Seed, b.Seed) })
	return l.rewrite(all)
}

func (l *ledger) has(seed uint64) bool {
	_, ok := l.get(fmt.Sprint(seed))
	return ok
}

func (l *ledger) count(want func(attempt) int64) (n int64) {
	l.each(func(t attempt) { n += want(t) })
	return n
}

func (l *ledger) kept(failed bool) int {
	return int(l.count(func(t attempt) int64 { return one(t.Success || failed) }))
}

func (l *ledger) failed() int { return int(l.count(func(t attempt) int64 { return one(!t.Success) })) }

func (l *ledger) bytes() int64 { return l.count(func(t attempt) int64 { return t.Bytes }) }

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
