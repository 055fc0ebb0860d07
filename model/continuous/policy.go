package continuous

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn/cpu"
)

// Network is what a Policy drives: it keeps what it has seen, and predicts from
// as much of it as it is asked to.
type Network interface {
	// Instruct begins an episode: what is seen and predicted from now on is under this instruction.
	Instruct(instruction string) error
	// See keeps one step: pixels [2, 3, side, side] of the scene's camera and the wrist's, and a state.
	See(pixels []float32, state State) (Frame, error)
	// Predict the steps from now on, from frames, oldest first. One frame may stand there several times.
	Predict(frames []Frame) ([]Prediction, error)
	// Close frees the weights.
	Close() error
}

// Frame is what was seen and felt at one step. A network keeps as many of the last as the manifest's history.
type Frame uint64

// Config of a policy that predicts numbers.
type Config struct {
	// CPU is the precision, the threads and the converted weights of the processor's backend.
	CPU cpu.Config
	// Now is the clock of the timings in an Action. Default time.Now.
	Now func() time.Time
}

// DefaultConfig runs on all processors with int8 weights and 16-bit activations.
func DefaultConfig() Config { return Config{CPU: cpu.DefaultConfig(), Now: time.Now} }

// Binding is a manifest and its statistics, in the manifest's order.
type Binding struct {
	Manifest   checkpoint.Manifest
	Statistics calibration.Statistics
}

// ReadBinding reads DIR/manifest.yaml and the statistics it names.
func ReadBinding(dir, kind string) (Binding, error) {
	path := filepath.Join(dir, "manifest.yaml")
	m, err := checkpoint.ReadManifest(path)
	if err != nil {
		return Binding{}, err
	}
	if m.Kind != kind {
		return Binding{}, fmt.Errorf("%s: kind is %q, this is the policy %s", path, m.Kind, kind)
	}
	s, err := m.LoadStatistics(path)
	return Binding{m, s}, err
}

// Policy is a Network bound to a robot.
//
// Its history is the frames it was asked to act on, one a decision, as in the
// original; an instruction that differs from the last begins a new one.
type Policy struct {
	now      func() time.Time
	binding  Binding
	network  Network
	robot    *Robot
	eyes     *Eyes
	selector *Selector

	instruction string
	instructed  bool
	history     []Frame
	asked       []Frame // what the network predicts from: the history, filled up where the manifest says so
}

var _ model.Policy = (*Policy)(nil)

// New binds a network, which is the policy's from now on, even when binding fails.
func New(network Network, predictions int, sight Sight, b Binding, now func() time.Time) (*Policy, error) {
	p := &Policy{now: now, binding: b, network: network, eyes: NewEyes(sight, b.Manifest.Cameras)}
	if p.now == nil {
		p.now = time.Now
	}
	var err error
	if p.robot, err = NewRobot(b.Manifest, b.Statistics); err == nil {
		p.selector, err = NewSelector(b.Manifest, predictions)
	}
	if err != nil {
		return nil, errors.Join(err, network.Close())
	}
	return p, nil
}

// Manifest implements model.Policy.
func (p *Policy) Manifest() checkpoint.Manifest { return p.binding.Manifest }

// Statistics the policy was made with, in the manifest's order.
func (p *Policy) Statistics() calibration.Statistics { return p.binding.Statistics }

// Network that decides.
func (p *Policy) Network() Network { return p.network }

// Warm makes every buffer that a first decision needs.
func (p *Policy) Warm(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.instructed { // in an episode, and so warm
		return nil
	}
	frame, err := p.network.See(make([]float32, len(p.eyes.pixels)), State{})
	if err != nil {
		return err
	}
	if err := p.network.Instruct(""); err == nil { // a network that knows certain sentences only is warm without
		_, err = p.network.Predict([]Frame{frame})
		return errors.Join(err, ctx.Err())
	}
	return ctx.Err()
}

// Reset implements model.Policy.
func (p *Policy) Reset() {
	p.history, p.instructed = p.history[:0], false
	p.selector.Reset()
}

// Close implements model.Policy.
func (p *Policy) Close() error { return p.network.Close() }

// Act implements model.Policy.
func (p *Policy) Act(ctx context.Context, obs model.Observation, emit func(step int, values []float64, tokens []uint32)) (model.Action, error) {
	if err := ctx.Err(); err != nil {
		return model.Action{}, err
	}
	watch := StartWatch(p.now)
	pixels, err := p.eyes.Pixels(obs)
	if err != nil {
		return model.Action{}, err
	}
	state, err := p.robot.State(obs)
	if err != nil {
		return model.Action{}, err
	}
	if !p.instructed || p.instruction != obs.Instruction {
		p.Reset()
		if err := p.network.Instruct(obs.Instruction); err != nil {
			return model.Action{}, fmt.Errorf("%w: %w", ErrObservation, err)
		}
		p.instruction, p.instructed = obs.Instruction, true
	}
	watch.Lap("preprocess")

	frame, err := p.network.See(pixels, state)
	if err != nil {
		return model.Action{}, err
	}
	p.remember(frame)
	if err := ctx.Err(); err != nil {
		return model.Action{}, err
	}
	watch.Lap("vision")

	steps, err := p.network.Predict(p.asked)
	if err := errors.Join(err, ctx.Err()); err != nil {
		return model.Action{}, err
	}
	watch.Lap("predict")
	action := model.Action{}
	for i, step := range p.selector.Choose(steps, p.binding.Manifest.Action.Chunk) {
		if err := ctx.Err(); err != nil {
			return model.Action{}, err
		}
		values := p.robot.Action(step, obs.State)
		action.Steps = append(action.Steps, values)
		if emit != nil {
			emit(i, values, nil)
		}
	}
	action.Timings = watch.Laps()
	return action, nil
}

// remember adds a frame to the history, which lets go of its oldest when it is full.
func (p *Policy) remember(frame Frame) {
	c := p.binding.Manifest.Continuous
	if len(p.history) >= c.History {
		p.history = append(p.history[:0], p.history[min(c.Slide, len(p.history)):]...)
	}
	p.history = append(p.history, frame)
	p.asked = append(p.asked[:0], p.history...)
	for c.Fill && len(p.asked) < c.History {
		p.asked = append(p.asked, frame)
	}
}
