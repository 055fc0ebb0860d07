package llavavla

import (
	"errors"
	"path/filepath"

	"cobot_vla/model/checkpoint"
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
	b, err := cpu.New(cpu.Config{Precision: precision})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if _, err := Load(b, c, Options{Positions: 1}); err != nil {
		return "", err
	}
	source, err := weights.Fingerprint(c.Weights)
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, b.Config().Precision.PackedName())
	return path, b.WritePacked(path, source)
}
