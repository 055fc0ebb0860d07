package seer

import (
	"errors"
	"fmt"

	"cobot_vla/model/continuous"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/weights"
)

// Kind of a manifest of this policy.
const Kind = "seer"

// Open loads a checkpoint directory with its manifest.yaml onto the processor,
// from converted weights where Convert has put them.
func Open(dir string, c continuous.Config) (*continuous.Policy, error) {
	return open(dir, c, func(files *Checkpoint) (nn.Backend, error) {
		with, err := weights.Packed(files.Dir, files.Weights, c.CPU)
		if err != nil {
			return nil, err
		}
		b, err := cpu.New(with)
		if err != nil {
			return nil, err
		}
		return b, nil
	})
}

// OpenOn is Open on any backend, which the policy's Close, or a failure to load, closes.
func OpenOn(b nn.Backend, dir string, c continuous.Config) (*continuous.Policy, error) {
	p, err := open(dir, c, func(*Checkpoint) (nn.Backend, error) { return b, nil })
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return p, nil
}

func open(dir string, c continuous.Config, backend func(*Checkpoint) (nn.Backend, error)) (*continuous.Policy, error) {
	binding, err := continuous.ReadBinding(dir, Kind)
	if err != nil {
		return nil, err
	}
	files, err := OpenFiles(dir)
	if err != nil {
		return nil, err
	}
	defer files.Close()
	config, spec := files.Config, binding.Manifest.Continuous
	switch {
	case spec.History > config.Steps:
		return nil, fmt.Errorf("%s: continuous.history is %d, the network was made for sequences of %d", dir, spec.History, config.Steps)
	case config.GripperWidth != (spec.Gripper == "width"):
		return nil, fmt.Errorf("%s: continuous.gripper is %s, but gripper_width of config.json is %v", dir, spec.Gripper, config.GripperWidth)
	}
	sentences, err := files.Sentences()
	if err != nil {
		return nil, err
	}
	b, err := backend(files)
	if err != nil {
		return nil, err
	}
	m, err := Build(b, config, weights.Files{Weights: files.Weights}, Options{})
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return continuous.New(&network{m: m, sentences: sentences}, config.Predictions, config.Sight(), binding, c.Now)
}

// network is a Model as a policy drives it.
type network struct {
	m         *Model
	sentences Sentences
	seen      int
	slots     []int
}

// Instruct implements continuous.Network.
func (n *network) Instruct(instruction string) error {
	f, err := n.sentences.Lookup(instruction)
	if err != nil {
		return err
	}
	return n.m.Instruct(f)
}

// See implements continuous.Network.
func (n *network) See(pixels []float32, state continuous.State) (continuous.Frame, error) {
	f := continuous.Frame(n.seen)
	n.seen++
	return f, n.m.See(n.slot(f), pixels, state)
}

func (n *network) slot(f continuous.Frame) int { return int(f % continuous.Frame(n.m.config.Steps)) }

// Predict implements continuous.Network. Steps that fill a history up come after
// the newest, which does not look at them: they are left out.
func (n *network) Predict(frames []continuous.Frame) ([]continuous.Prediction, error) {
	n.slots = n.slots[:0]
	for i, f := range frames {
		if i > 0 && f == frames[i-1] {
			break
		}
		n.slots = append(n.slots, n.slot(f))
	}
	action, err := n.m.Predict(n.slots, false)
	if err != nil {
		return nil, err
	}
	steps, err := n.m.heads.Read(n.m.heads.Apply(action))
	return continuous.Widen(steps), err
}

// Close implements continuous.Network.
func (n *network) Close() error { return n.m.b.Close() }

// Convert writes the weights of a checkpoint as the processor's backend keeps
// them, beside the checkpoint, and returns the file's path. Open finds it there.
func Convert(dir string, precision cpu.Precision) (path string, err error) {
	c, err := OpenFiles(dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return weights.Convert(dir, c.Weights, precision, func(b nn.Backend) error {
		_, err := Build(b, c.Config, weights.Files{Weights: c.Weights}, Options{})
		return err
	})
}
