package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"cobot_vla/calibration"
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
	manifest     checkpoint.Manifest
	file         []byte        // statistics.yaml
	runs, held   []sequenceRun // those to learn from, and those of episodes that are held out
	instructions []string
	predictions  int
}

// sequenceRun is a stretch of one episode in which the arm is told what to do at every step.
type sequenceRun struct {
	observations []model.Observation
	actions      [][][]float64
	words        []string
}

const (
	sequenceSide    = 84 // [px]
	sequenceActions = 3
)

// openSequences opens what a recipe learns from: the toy, or folders of demonstrations as cobot_vla collect leaves them,
// of every task a part held out.
func openSequences(paths []string, side string, draw data.Config) (distill.Data, error) {
	if len(paths) == 1 && paths[0] == "toy" {
		return distill.NewToy(sequenceSide)
	}
	robot := calibration.Default()
	s := &sequences{predictions: sequenceActions}
	var err error
	if s.manifest, err = continuous.ForArm(robot, side); err != nil {
		return nil, err
	}
	spec := continuous.Paper()
	spec.Gripper, spec.GripperOne = "binary", "closed"
	s.manifest.Name, s.manifest.Continuous = "small", &spec
	tasks, order, err := (&trainPrepareCmd{Folders: paths}).find()
	if err != nil {
		return nil, err
	}
	var m moments7
	episodes := 0
	for _, task := range order {
		var taught [][]sequenceRun // by episodes that have any
		for _, file := range tasks[task] {
			d, err := demonstration.Read(file, true)
			if err != nil {
				return nil, err
			}
			runs, err := s.add(d, &m)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			if len(runs) > 0 {
				taught = append(taught, runs)
			}
			episodes++
		}
		for i, runs := range taught {
			if draw.Holds(i, len(taught)) {
				s.held = append(s.held, runs...)
			} else {
				s.runs = append(s.runs, runs...)
			}
		}
	}
	if len(s.runs) == 0 {
		return nil, fmt.Errorf("%d episodes, and in none of them the %s arm does what has three steps or more", episodes, side)
	}
	s.file, err = m.statistics(s.manifest).YAML(fmt.Sprintf("Statistics of the %s arm in %d stretches of %d demonstrations.", side, len(s.runs)+len(s.held), episodes))
	return s, err
}

// add cuts the stretches of an episode in which the arm is the one that moves.
func (s *sequences) add(d demonstration.Demonstration, m *moments7) (runs []sequenceRun, err error) {
	names, state := s.manifest.Action.Names, s.manifest.Proprioception
	act, err := places(names, d.ActionNames)
	if err != nil {
		return nil, err
	}
	feel, err := places(state, d.StateNames)
	if err != nil {
		return nil, err
	}
	d.Rechunk(max(d.Chunk, s.predictions))
	if !moves(d, act) {
		return nil, nil
	}
	views, err := s.views(d)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(s.instructions, d.Instruction) {
		s.instructions = append(s.instructions, d.Instruction)
	}
	var run sequenceRun
	end := func() {
		if len(run.observations) > 0 {
			runs = append(runs, run)
		}
		run = sequenceRun{}
	}
	for _, sample := range d.Samples {
		if sample.Action.Navigation != nil {
			end()
			continue
		}
		obs, err := s.observe(sample.Image, views)
		if err != nil {
			return nil, err
		}
		obs.Instruction, obs.Stamp, obs.State = d.Instruction, time.Unix(0, int64(sample.Stamp)), pick(sample.State, feel)
		var actions [][]float64
		for _, step := range sample.Action.Steps[:s.predictions] {
			actions = append(actions, pick(step, act))
			m.act(actions[len(actions)-1])
		}
		m.state(obs.State)
		phase := "reaching"
		if last := len(names) - 1; actions[0][last] < 0.03 {
			phase = "holding"
		}
		run.observations, run.actions = append(run.observations, obs), append(run.actions, actions)
		run.words = append(run.words, d.Instruction+"; "+phase)
	}
	end()
	return runs, nil
}

// views are where the two cameras lie in the recorded pictures.
func (s *sequences) views(d demonstration.Demonstration) ([2]vision.Rect, error) {
	var found [2]vision.Rect
	m, _, err := expert.Files()
	if err != nil {
		return found, err
	}
	views, _, err := vision.Views(d.Size, d.Layout, m.Cameras)
	if err != nil {
		return found, err
	}
	for i, name := range s.manifest.Cameras {
		k := slices.IndexFunc(views, func(r vision.Rect) bool { return r.Name == name })
		if k < 0 {
			return found, fmt.Errorf("its pictures show no %s camera", name)
		}
		found[i] = views[k]
	}
	return found, nil
}

// observe puts both views side by side, at the size they are kept.
func (s *sequences) observe(image vision.Image, views [2]vision.Rect) (model.Observation, error) {
	obs := model.Observation{Width: 2 * sequenceSide, Height: sequenceSide, Image: make([]byte, 3*2*sequenceSide*sequenceSide)}
	for i, v := range views {
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

// Sample implements distill.Data. A sequence that is longer than what is left of a stretch repeats its last step.
func (s *sequences) Sample(seed, step uint64, steps, actions int, into []distill.Sequence) error {
	if actions > s.predictions {
		return fmt.Errorf("%d actions from each step on, these have %d", actions, s.predictions)
	}
	rng := rand.New(rand.NewPCG(seed, step))
	for i := range into {
		r := s.runs[rng.IntN(len(s.runs))]
		into[i] = r.from(rng.IntN(len(r.observations)), steps)
	}
	return nil
}

// from is so many steps of a stretch.
func (r sequenceRun) from(from, steps int) (q distill.Sequence) {
	for k := range steps {
		at := min(from+k, len(r.observations)-1)
		q.Observations, q.Actions, q.Words = append(q.Observations, r.observations[at]), append(q.Actions, r.actions[at]), append(q.Words, r.words[at])
	}
	return q
}

// Held implements distill.Data: every stretch that is held out, cut into sequences.
func (s *sequences) Held(steps, _ int) (held []distill.Sequence, err error) {
	for _, r := range s.held {
		for from := 0; from < len(r.observations); from += steps {
			held = append(held, r.from(from, steps))
		}
	}
	return held, nil
}

// Instructions implements distill.Data.
func (s *sequences) Instructions() []string { return s.instructions }

// Vocabulary implements distill.Data.
func (s *sequences) Vocabulary() []string {
	return append(slices.Clone(s.instructions), "reaching; holding")
}

// Binding implements distill.Data.
func (s *sequences) Binding() (checkpoint.Manifest, []byte) { return s.manifest, s.file }

// moments7 gathers the statistics of an arm and its gripper.
type moments7 struct {
	n, sum, square [7]float64
	low, high      [7]float64
	acted          bool
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
