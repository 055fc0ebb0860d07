package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"
	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/continuous"
	"cobot_vla/model/distill"
	"cobot_vla/model/expert"
	"cobot_vla/model/train/data"
	"cobot_vla/model/vision"
	"cobot_vla/nodes/recorder/demonstration"
)

// sequences are recorded demonstrations as the recipes of distill learn from them:
// one arm's, with the scene's camera and that arm's. Both pictures are kept at the size the small networks see.
type sequences struct {
	config       sequencesConfig
	manifest     checkpoint.Manifest
	arm          *kinematics.Arm
	views        [2]vision.Rect // of the cameras that are looked at, in the recorded pictures
	stats        calibration.Statistics
	file         []byte          // the same as statistics.yaml
	tasks        [][]sequenceRun // those to learn from: by task, where every task is drawn as often
	held         []sequenceRun   // of episodes that are held out
	instructions []string
	words        []string // some of what is said of the steps
}

// sequencesConfig is how demonstrations become sequences.
type sequencesConfig struct {
	side      string   // the arm that is taught
	gripper   string   // binary or width
	selection string   // what is done of the predicted steps
	relative  float64  // most that a joint goes from where it was measured [rad]; 0 for places
	stride    int      // steps of the recording between two of a sequence
	known     []string // folders of checkpoints, or "": the first that has statistics gives them, else the data do
	draw      data.Config
}

// sequenceRun is a stretch of one episode in which the arm is told what to do at every step.
type sequenceRun struct {
	observations []model.Observation
	actions      [][][]float64
	words        []string
	other        []string // wordings of its task
}

const (
	sequenceSide    = 84 // [px]
	sequenceActions = 3
)

// openSequences opens what a recipe learns from: the toy, or folders of demonstrations as cobot_vla collect leaves them,
// of every task a part held out.
func openSequences(ctx context.Context, paths []string, c sequencesConfig) (distill.Data, error) {
	if len(paths) == 1 && paths[0] == "toy" {
		return distill.NewToy(sequenceSide)
	}
	if err := c.draw.Validate(); err != nil {
		return nil, err
	}
	s := &sequences{config: c}
	var err error
	if s.manifest, err = c.manifest(); err != nil {
		return nil, err
	}
	arm, _ := calibration.Default().Arm(c.side) // the manifest has found it
	if s.arm, err = kinematics.NewArm(arm); err != nil {
		return nil, err
	}
	tasks, order, err := (&trainPrepareCmd{Folders: paths}).find()
	if err != nil {
		return nil, err
	}
	var m moments7
	episodes, stretches := 0, 0
	if len(order) > 0 {
		if err := s.composite(tasks[order[0]][0]); err != nil {
			return nil, err
		}
	}
	for _, task := range order {
		cut, err := s.cut(ctx, tasks[task])
		if err != nil {
			return nil, err
		}
		episodes += len(cut)
		cut = slices.DeleteFunc(cut, func(runs []sequenceRun) bool { return len(runs) == 0 })
		var words []string
		for _, runs := range cut {
			words = appendNew(words, runs[0].observations[0].Instruction)
		}
		var taught []sequenceRun
		for i, runs := range cut { // by episodes that have any
			for k := range runs {
				runs[k].other = words
				m.add(runs[k])
				stretches++
			}
			if c.draw.Holds(i, len(cut)) {
				s.held = append(s.held, runs...)
				continue
			}
			taught = append(taught, runs...)
			s.words = append(s.words, runs[0].words[0])
		}
		for _, w := range words {
			s.instructions = appendNew(s.instructions, w)
		}
		switch {
		case len(taught) == 0:
		case c.draw.Balanced || len(s.tasks) == 0:
			s.tasks = append(s.tasks, taught)
		default:
			s.tasks[0] = append(s.tasks[0], taught...)
		}
	}
	if len(s.tasks) == 0 {
		return nil, fmt.Errorf("%d episodes, and in none of them the %s arm does what has three steps or more", episodes, c.side)
	}
	if s.stats, err = c.statistics(s.manifest, &m); err != nil {
		return nil, err
	}
	s.file, err = s.stats.YAML(fmt.Sprintf("Statistics of the %s arm in %d stretches of %d demonstrations.", c.side, stretches, episodes))
	return s, err
}

// manifest of what learns from the sequences.
func (c sequencesConfig) manifest() (checkpoint.Manifest, error) {
	m, err := continuous.ForArm(calibration.Default(), c.side)
	if err != nil {
		return m, err
	}
	spec := continuous.Paper()
	spec.Gripper, spec.GripperOne, spec.Selection, spec.Relative = c.gripper, "closed", c.selection, c.relative
	if c.selection == "all" {
		m.Action.Chunk = sequenceActions
	}
	m.Name, m.Continuous = "small", &spec
	return m, nil
}

// composite takes the pictures' layout from a recording: what is taught sees them in the same, and all others must have it.
// All of the robot's cameras that are in it are named, first those that are looked at.
func (s *sequences) composite(file string) error {
	d, err := demonstration.Read(file, false)
	if err != nil {
		return err
	}
	m, _, err := expert.Files()
	if err != nil {
		return err
	}
	views, _, err := vision.Views(d.Size, d.Layout, m.Cameras)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for i, name := range s.manifest.Cameras {
		k := slices.IndexFunc(views, func(r vision.Rect) bool { return r.Name == name })
		if k < 0 {
			return fmt.Errorf("%s: its pictures show no %s camera", file, name)
		}
		s.views[i] = views[k]
	}
	s.manifest.Layout, s.manifest.ImageWidth, s.manifest.ImageHeight = d.Layout, d.Size.Width, d.Size.Height
	for _, name := range m.Cameras {
		s.manifest.Cameras = appendNew(s.manifest.Cameras, name)
	}
	return nil
}

// statistics of the checkpoint that is gone on from, for what it learned is in their terms; else of the data.
func (c sequencesConfig) statistics(manifest checkpoint.Manifest, m *moments7) (calibration.Statistics, error) {
	for _, dir := range c.known {
		if dir == "" {
			continue
		}
		stats, err := calibration.LoadStatistics(filepath.Join(dir, manifest.Statistics))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			stats, err = stats.Select(manifest.Proprioception, manifest.Action.Names)
		}
		return stats, err
	}
	return m.statistics(manifest), nil
}

// cut reads episodes, several at once, and cuts their stretches.
func (s *sequences) cut(ctx context.Context, files []string) ([][]sequenceRun, error) {
	all := make([][]sequenceRun, len(files))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	seeds := seedsOf{}
	for i, file := range files {
		start, err := seeds.start(file)
		if err != nil {
			return nil, errors.Join(err, g.Wait())
		}
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			d, err := demonstration.Read(file, true)
			if err == nil {
				all[i], err = s.stretches(d, start)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			return nil
		})
	}
	return all, g.Wait()
}

// stretches of an episode in which the arm is the one that moves; start is how it began, if that is known.
func (s *sequences) stretches(d demonstration.Demonstration, start *taskStart) (runs []sequenceRun, err error) {
	names, state := s.manifest.Action.Names, s.manifest.Proprioception
	act, err := places(names, d.ActionNames)
	if err != nil {
		return nil, err
	}
	feel, err := places(state, d.StateNames)
	if err != nil {
		return nil, err
	}
	d.Rechunk(max(d.Chunk, sequenceActions))
	if !moves(d, act) {
		return nil, nil
	}
	if d.Layout != s.manifest.Layout || d.Size != (vision.Size{Width: s.manifest.ImageWidth, Height: s.manifest.ImageHeight}) {
		return nil, fmt.Errorf("its pictures are %v in layout %s, the first episode's %d x %d in %s", d.Size, d.Layout, s.manifest.ImageWidth, s.manifest.ImageHeight, s.manifest.Layout)
	}
	var run sequenceRun
	end := func() {
		if len(run.observations) > 0 {
			runs = append(runs, run)
		}
		run = sequenceRun{}
	}
	say := sayer{instruction: d.Instruction, arm: s.arm, start: start}
	for _, sample := range d.Samples {
		if sample.Action.Navigation != nil {
			end()
			continue
		}
		obs, err := s.observe(sample.Image)
		if err != nil {
			return nil, err
		}
		obs.Instruction, obs.Stamp, obs.State = d.Instruction, time.Unix(0, int64(sample.Stamp)), pick(sample.State, feel)
		var actions [][]float64
		for _, step := range sample.Action.Steps[:sequenceActions] {
			actions = append(actions, pick(step, act))
		}
		run.observations, run.actions = append(run.observations, obs), append(run.actions, actions)
		run.words = append(run.words, say.step([6]float64(obs.State), actions[0][len(names)-1]))
	}
	end()
	return runs, nil
}

// observe puts both views side by side, at the size they are kept.
func (s *sequences) observe(image vision.Image) (model.Observation, error) {
	obs := model.Observation{Width: 2 * sequenceSide, Height: sequenceSide, Image: make([]byte, 3*2*sequenceSide*sequenceSide)}
	for i, v := range s.views {
		cut := vision.NewImage(v.Width, v.Height)
		for y := range v.Height {
			copy(cut.Pix[3*y*v.Width:3*(y+1)*v.Width], image.Pix[3*((v.Y+y)*image.Width+v.X):])
		}
		r, err := vision.NewResizer(cut.Size, vision.Size{Width: sequenceSide, Height: sequenceSide}, vision.Bicubic)
		if err != nil {
			return obs, err
		}
		if err := r.Resize(obs.Image[3*i*sequenceSide:], 3*2*sequenceSide, cut.Pix); err != nil {
			return obs, err
		}
		obs.Views = append(obs.Views, model.View{Name: s.manifest.Cameras[i], X: i * sequenceSide, Width: sequenceSide, Height: sequenceSide})
	}
	return obs, nil
}

// places of names among others.
func places(names, among []string) ([]int, error) {
	at := make([]int, len(names))
	for i, name := range names {
		if at[i] = slices.Index(among, name); at[i] < 0 {
			return nil, fmt.Errorf("no %s among %v", name, among)
		}
	}
	return at, nil
}

func appendNew(all []string, s string) []string {
	if slices.Contains(all, s) {
		return all
	}
	return append(all, s)
}

func pick(values []float64, at []int) []float64 {
	out := make([]float64, len(at))
	for i, k := range at {
		out[i] = values[k]
	}
	return out
}

// moves says whether the joints at these places go farther than all others.
func moves(d demonstration.Demonstration, at []int) bool {
	low, high := map[int]float64{}, map[int]float64{}
	for _, s := range d.Samples {
		for _, step := range s.Action.Steps {
			for k, v := range step {
				if _, known := low[k]; !known {
					low[k], high[k] = v, v
				}
				low[k], high[k] = min(low[k], v), max(high[k], v)
			}
		}
	}
	ours, others := 0.0, 0.0
	for k := range low {
		if slices.Contains(at, k) {
			ours += high[k] - low[k]
		} else {
			others += high[k] - low[k]
		}
	}
	return ours > others
}

// Sample implements distill.Data.
func (s *sequences) Sample(seed, step uint64, steps, actions int, into []distill.Sequence) error {
	if actions > sequenceActions {
		return fmt.Errorf("%d actions from each step on, these have %d", actions, sequenceActions)
	}
	rng := rand.New(rand.NewPCG(seed, step))
	for i := range into {
		runs := s.tasks[rng.IntN(len(s.tasks))]
		r := runs[rng.IntN(len(runs))]
		into[i] = r.from(rng.IntN(r.starts(steps, s.config.stride)), steps, s.config.stride)
		s.disturb(rng, &into[i], r.other)
	}
	return nil
}

// disturb changes what a sequence shows and feels as the configuration says; what is right to do stays.
func (s *sequences) disturb(rng *rand.Rand, q *distill.Sequence, words []string) {
	c := s.config.draw
	blind := rng.Float64() < c.Blind
	word := words[rng.IntN(len(words))]
	colours := rng.Uint64()
	for i := range q.Observations {
		o := &q.Observations[i]
		if c.Wording {
			o.Instruction = word
		}
		o.Image = slices.Clone(o.Image)
		data.Paint(rand.New(rand.NewPCG(colours, 0)), o.Image, c.Colour)
		for _, v := range o.Views {
			c.Move(rng, o.Image, o.Width, v)
		}
		felt := slices.Clone(o.State)
		c.Feel(rng, felt, s.stats, blind)
		q.Felt = append(q.Felt, felt)
	}
}

// starts is how many places a sequence of so many steps can begin at, so that it ends in the stretch.
func (r sequenceRun) starts(steps, stride int) int {
	return max(len(r.observations)-(steps-1)*stride, 1)
}

// from is so many steps of a stretch. A sequence that is longer than the stretch repeats its last step.
func (r sequenceRun) from(from, steps, stride int) (q distill.Sequence) {
	for k := range steps {
		at := min(from+k*stride, len(r.observations)-1)
		q.Observations, q.Actions, q.Words = append(q.Observations, r.observations[at]), append(q.Actions, r.actions[at]), append(q.Words, r.words[at])
	}
	return q
}

// Held implements distill.Data: every stretch that is held out, cut into sequences.
func (s *sequences) Held(steps, _ int) (held []distill.Sequence, err error) {
	for _, r := range s.held {
		for from := 0; from < r.starts(steps, s.config.stride); from += 2 * s.config.stride {
			held = append(held, r.from(from, steps, s.config.stride))
		}
	}
	return held, nil
}

// Instructions implements distill.Data.
func (s *sequences) Instructions() []string { return s.instructions }

// Vocabulary implements distill.Data.
func (s *sequences) Vocabulary() []string {
	return append(slices.Clone(s.instructions), s.words...)
}

// Binding implements distill.Data.
func (s *sequences) Binding() (checkpoint.Manifest, []byte) { return s.manifest, s.file }

// moments7 gathers the statistics of an arm and its gripper.
type moments7 struct {
	n, sum, square [7]float64
	low, high      [7]float64
	acted          bool
}

func (m *moments7) add(r sequenceRun) {
	for i, o := range r.observations {
		m.state(o.State)
		for _, a := range r.actions[i] {
			m.act(a)
		}
	}
}

func (m *moments7) state(x []float64) {
	for i, v := range x {
		m.n[i]++
		m.sum[i] += v
		m.square[i] += v * v
	}
}

func (m *moments7) act(x []float64) {
	for i, v := range x {
		if !m.acted {
			m.low[i], m.high[i] = v, v
		}
		m.low[i], m.high[i] = min(m.low[i], v), max(m.high[i], v)
	}
	m.acted = true
}

func (m *moments7) statistics(manifest checkpoint.Manifest) calibration.Statistics {
	s := calibration.Statistics{StateNames: manifest.Proprioception, ActionNames: manifest.Action.Names}
	const least = 0.01 // [rad], [m]: a dimension that never moves still needs a range
	for i := range m.low {
		mean := m.sum[i] / max(m.n[i], 1)
		s.Mean = append(s.Mean, mean)
		s.Std = append(s.Std, math.Sqrt(max(m.square[i]/max(m.n[i], 1)-mean*mean, 1e-8)))
		low, high := m.low[i], m.high[i]
		if high-low < least {
			low, high = (low+high-least)/2, (low+high+least)/2
		}
		s.ActMin, s.ActMax = append(s.ActMin, low), append(s.ActMax, high)
	}
	return s
}
