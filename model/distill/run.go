package distill

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"

	"cobot_vla/calibration"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/continuous"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/nn/tape"
)

// Result of a run.
type Result struct {
	// Step that was reached; less than Steps when the time was up.
	Step int
	// Learned is how many numbers were.
	Learned int
	// First and Last loss, each a mean of up to ten steps.
	First, Last float64
}

// lesson is a student of one recipe: it judges a sequence, and writes what it learned.
type lesson interface {
	// judge is the loss of a sequence; its derivative times scale is added to the gradients.
	judge(s *Sequence, scale float64) (float64, error)
	// save writes the checkpoint.
	save() error
	optimiser() *tape.Optimiser
	tape() *tape.Tape
	close() error
}

// Run teaches until the steps are done, the budget is spent or ctx ends, and leaves a checkpoint in Out.
func Run(ctx context.Context, c Config, data Data) (result Result, err error) {
	if err := c.Validate(); err != nil {
		return result, err
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return result, err
	}
	r, err := open(c, data)
	if err != nil {
		return result, fmt.Errorf("train %s: %w", c.Recipe, err)
	}
	defer func() { err = errors.Join(err, r.student.close()) }()
	for _, p := range r.student.optimiser().Params() {
		result.Learned += p.Value.Rows * p.Value.Cols
	}
	began := c.Now()
	var losses []float64
	batch := make([]Sequence, c.Batch)
	for step := range c.Steps {
		if ctx.Err() != nil || c.Budget > 0 && c.Now().Sub(began) >= c.Budget {
			break
		}
		if err := data.Sample(c.Seed, uint64(step), c.History, r.predictions, batch); err != nil {
			return result, err
		}
		p, err := r.step(step, batch)
		if err != nil {
			return result, fmt.Errorf("train %s: step %d: %w", c.Recipe, step+1, err)
		}
		losses = append(losses, p.Loss)
		result.Step = step + 1
		p.Took = c.Now().Sub(began)
		c.Report(p)
	}
	result.First, result.Last = mean(losses[:min(10, len(losses))]), mean(losses[max(0, len(losses)-10):])
	return result, errors.Join(r.student.save(), ctx.Err())
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(max(len(x), 1))
}

// run is a run that is set up.
type run struct {
	Config
	data        Data
	student     lesson
	predictions int
	manifest    checkpoint.Manifest // of the data
	stats       calibration.Statistics
	file        []byte // statistics.yaml
	robot       *continuous.Robot
}

func open(c Config, data Data) (*run, error) {
	r := &run{Config: c, data: data, predictions: 3}
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
	switch c.Recipe {
	case RecipeSeer:
		r.student, err = newSeerLesson(r)
	case RecipeBase:
		r.student, err = newBaseLesson(r)
	default:
		r.student, err = newVITALesson(r)
	}
	return r, err
}

// backend for what learns, or for a teacher.
func (r *run) backend() (*cpu.Backend, error) {
	return cpu.New(cpu.Config{Precision: r.Precision, Threads: r.Threads})
}

// step is one step of the optimiser.
func (r *run) step(step int, batch []Sequence) (Progress, error) {
	p := Progress{Step: step + 1, Steps: r.Steps, Rate: r.Rate * r.factor(step)}
	r.student.tape().ClearGrads()
	for i := range batch {
		loss, err := r.student.judge(&batch[i], 1/float64(len(batch)))
		if err != nil {
			return p, err
		}
		p.Loss += loss / float64(len(batch))
	}
	o := r.student.optimiser()
	var err error
	if p.GradNorm, err = o.Norm(); err != nil {
		return p, err
	}
	if math.IsNaN(p.GradNorm) || math.IsInf(p.GradNorm, 0) {
		return p, fmt.Errorf("the gradient's length is %v: the training diverged; lower the learning rate", p.GradNorm)
	}
	adam := nn.Adam{Rate: p.Rate, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Decay: r.Decay, Scale: 1, Step: step + 1}
	if r.Clip > 0 {
		adam.Scale = math.Min(1, r.Clip/(p.GradNorm+1e-6))
	}
	return p, o.Step(func(*tape.Param) nn.Adam { return adam })
}

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
			p, err := r.robot.Target(action)
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
