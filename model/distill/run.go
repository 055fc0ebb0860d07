package distill

import (
	"context"
	"errors"
	"fmt"
	"os"

	"cobot_vla/calibration"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/continuous"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/nn/tape"
	"cobot_vla/model/train/course"
)

// lesson is a student of one recipe: it judges a sequence, acts on it, and writes what it learned.
type lesson interface {
	// judge is the mean loss of sequences; with back, its derivative times scale is added to the gradients.
	judge(batch []Sequence, scale float64, back bool) (float64, error)
	// acts says whether it can act; act is what it predicts at every step of a sequence, one prediction behind the other.
	acts() bool
	act(s *Sequence) ([][7]float32, error)
	// save writes the checkpoint.
	save() error
	optimiser() *tape.Optimiser
	close() error
}

// Run teaches until the steps are done, the budget is spent or ctx ends, and leaves a checkpoint in Out, and the state
// to go on from. A run that was ended, or killed, continues when it is called again with the same Config.
func Run(ctx context.Context, c Config, data Data) (result course.Result, err error) {
	if err := c.Validate(); err != nil {
		return result, err
	}
	defer func() {
		if err != nil && !errors.Is(err, ctx.Err()) {
			err = fmt.Errorf("train %s: %w", c.Recipe, err)
		}
	}()
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return result, err
	}
	r, err := open(c, data)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	way, err := course.Open(course.Config{
		Out: c.Out, Asked: c, Steps: c.Steps, Rate: c.Rate, Clip: c.Clip, Pace: c.Pace,
	}, r.student().optimiser())
	if err != nil {
		return result, err
	}
	return way.Run(ctx, r)
}

// run is a run that is set up.
type run struct {
	Config
	data        Data
	students    []lesson // the one that is saved, then its copies
	copies      *course.Copies
	predictions int
	manifest    checkpoint.Manifest // of the data
	stats       calibration.Statistics
	file        []byte // statistics.yaml
	robot       *continuous.Robot
	batch       []Sequence
}

func open(c Config, data Data) (*run, error) {
	r := &run{Config: c, data: data, predictions: 3, batch: make([]Sequence, c.Batch)}
	r.manifest, r.file = data.Binding()
	if r.manifest.Continuous == nil {
		return nil, fmt.Errorf("the data's manifest %q has no continuous part", r.manifest.Name)
	}
	spec := *r.manifest.Continuous
	spec.History, spec.Slide = c.History, min(spec.Slide, c.History)
	r.manifest.Continuous = &spec
	if spec.Gripper == "binary" != (c.Loss.Gripper == CrossEntropy) {
		return nil, fmt.Errorf("the manifest's gripper is %s, the loss of it %s: a binary one takes %s, a width %s", spec.Gripper, c.Loss.Gripper, CrossEntropy, Width)
	}
	stats, err := calibration.ParseStatistics("the data's statistics", r.file)
	if err != nil {
		return nil, err
	}
	if r.stats, err = stats.Select(r.manifest.Proprioception, r.manifest.Action.Names); err != nil {
		return nil, err
	}
	if r.robot, err = continuous.NewRobot(r.manifest, r.stats); err != nil {
		return nil, err
	}
	r.copies = course.NewCopies(min(c.Copies, c.Batch), c.Threads)
	for i := range r.copies.N {
		l, err := r.lesson()
		if err == nil {
			r.students = append(r.students, l)
			if i > 0 {
				err = r.student().optimiser().Beside(l.optimiser().Tape)
			}
		}
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
	}
	return r, nil
}

// student is the one that is saved and looked at.
func (r *run) student() lesson { return r.students[0] }

// lesson is a student of the run's recipe.
func (r *run) lesson() (lesson, error) {
	switch r.Recipe {
	case RecipeSeer:
		return newSeerLesson(r)
	case RecipeBase:
		return newBaseLesson(r)
	}
	return newVITALesson(r)
}

func (r *run) close() (err error) {
	for _, l := range r.students {
		err = errors.Join(err, l.close())
	}
	return err
}

// backend for what learns, or for a teacher.
func (r *run) backend() (*cpu.Backend, error) {
	return cpu.New(cpu.Config{Precision: r.Precision, Threads: r.copies.Threads})
}

// Gradients implements course.Student.
func (r *run) Gradients(step int) (course.Batch, error) {
	b := course.Batch{Examples: len(r.batch)}
	if err := r.data.Sample(r.Seed, uint64(step), r.History, r.predictions, r.batch); err != nil {
		return b, err
	}
	n, copies := len(r.batch), len(r.students)
	losses := make([]float64, copies)
	err := r.copies.Each(func(own int) (err error) {
		part := r.batch[own*n/copies : (own+1)*n/copies]
		share := float64(len(part)) / float64(n)
		losses[own], err = r.students[own].judge(part, share, true)
		losses[own] *= share
		return err
	})
	for _, loss := range losses { // in their order
		b.Loss += loss
	}
	return b, err
}

// oneByOne judges sequences with what judges one: its derivative times scale.
func oneByOne(batch []Sequence, scale float64, judge func(s *Sequence, scale float64) (float64, error)) (mean float64, err error) {
	part := 1 / float64(len(batch))
	for i := range batch {
		loss, err := judge(&batch[i], part*scale)
		if err != nil {
			return 0, err
		}
		mean += part * loss
	}
	return mean, nil
}

// Factor implements course.Student.
func (r *run) Factor(step, steps int) float64 { return r.factor(step, steps) }

// Rule implements course.Student.
func (r *run) Rule(_ *tape.Param, factor float64) nn.Adam {
	return nn.Adam{Rate: r.Rate * factor, Beta1: 0.9, Beta2: r.Beta2, Eps: 1e-8, Decay: r.Decay}
}

// Save implements course.Student.
func (r *run) Save() error { return r.student().save() }

// labels are what every step of a sequence should predict, one step behind the other.
func (r *run) labels(s *Sequence) ([][7]float32, error) {
	if len(s.Actions) != len(s.Observations) {
		return nil, fmt.Errorf("a sequence of %d observations has actions of %d", len(s.Observations), len(s.Actions))
	}
	var labels [][7]float32
	for i, actions := range s.Actions {
		if len(actions) < r.predictions {
			return nil, fmt.Errorf("step %d of a sequence has %d actions, expected %d", i, len(actions), r.predictions)
		}
		for _, action := range actions[:r.predictions] {
			p, err := r.robot.Target(action, s.Observations[i].State)
			if err != nil {
				return nil, err
			}
			var label [7]float32
			for j, v := range p {
				label[j] = float32(v)
			}
			labels = append(labels, label)
		}
	}
	return labels, nil
}

// states are what every step of a sequence feels.
func (r *run) states(s *Sequence) ([]continuous.State, error) {
	states := make([]continuous.State, len(s.Observations))
	for i, obs := range s.Observations {
		if s.Felt != nil {
			obs.State = s.Felt[i]
		}
		var err error
		if states[i], err = r.robot.State(obs); err != nil {
			return nil, err
		}
	}
	return states, nil
}

// look makes a network's pictures of every step.
func look(eyes *continuous.Eyes, s *Sequence) ([][]float32, error) {
	pixels := make([][]float32, len(s.Observations))
	for i, obs := range s.Observations {
		p, err := eyes.Pixels(obs)
		if err != nil {
			return nil, err
		}
		pixels[i] = append([]float32(nil), p...)
	}
	return pixels, nil
}
