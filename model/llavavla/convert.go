package llavavla

import (
	"errors"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/weights"
)

// Convert writes the weights of a checkpoint as the processor's backend keeps
// them, beside the checkpoint, and returns the file's path. Open finds it there
// and is ready in a fraction of the time; the answers are the same.
func Convert(dir string, precision cpu.Precision) (path string, err error) {
	c, err := checkpoint.Open(dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return weights.Convert(dir, c.Weights, precision, func(b nn.Backend) error {
		_, err := Load(b, c, Options{Positions: 1})
		return err
	})
}
