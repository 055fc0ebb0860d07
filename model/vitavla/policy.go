package vitavla

import (
	"errors"
	"fmt"

	"cobot_vla/model/continuous"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/text"
	"cobot_vla/model/weights"
)

// Kind of a manifest of this policy.
const Kind = "vitavla"

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
	files, err := OpenFiles(dir, "")
	if err != nil {
		return nil, err
	}
	defer files.Close()
	words, err := text.Load(dir)
	if err != nil {
		return nil, err
	}
	if n := files.Config.Language.VocabRows; words.Len() > n {
		return nil, fmt.Errorf("%s: the tokenizer has ids up to %d, the word embedding %d rows: they do not belong together", dir, words.Len()-1, n)
	}
	b, err := backend(files)
	if err != nil {
		return nil, err
	}
	m, err := Build(b, files.Config, weights.Files{Weights: files.Weights}, Options{Turns: binding.Manifest.Continuous.History})
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return continuous.New(&network{m: m, words: words}, files.Config.Predictions, continuous.ImageNet(files.Config.Image), binding, c.Now)
}

// network is a Model as a policy drives it.
type network struct {
	m      *Model
	words  *text.Tokenizer
	prompt *Prompt
}

// Instruct implements continuous.Network.
func (n *network) Instruct(instruction string) (err error) {
	n.prompt, err = NewPrompt(n.words, instruction)
	return err
}

// See implements continuous.Network.
func (n *network) See(pixels []float32, state continuous.State) (continuous.Frame, error) {
	return n.m.See(pixels, state)
}

// Predict implements continuous.Network.
func (n *network) Predict(frames []continuous.Frame) ([]continuous.Prediction, error) {
	return n.m.Predict(n.prompt, frames)
}

// Close implements continuous.Network.
func (n *network) Close() error { return n.m.b.Close() }

// Predict reads a conversation about frames and says what the last turn's action tokens became.
func (m *Model) Predict(p *Prompt, frames []Frame) ([]continuous.Prediction, error) {
	hidden, err := m.Read(p, frames, false)
	if err != nil {
		return nil, err
	}
	steps, err := m.heads.Read(m.heads.Apply(m.Map(hidden)))
	return continuous.Widen(steps), err
}

// Convert writes the weights of a checkpoint as the processor's backend keeps
// them, beside the checkpoint, and returns the file's path. Open finds it there.
func Convert(dir string, precision cpu.Precision) (path string, err error) {
	c, err := OpenFiles(dir, "")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return weights.Convert(dir, c.Weights, precision, func(b nn.Backend) error {
		_, err := Build(b, c.Config, weights.Files{Weights: c.Weights}, Options{Turns: 1})
		return err
	})
}
