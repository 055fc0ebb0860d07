package llavavla

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn/cpu"
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
	source, err := fingerprint(c)
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, b.Config().Precision.PackedName())
	return path, b.WritePacked(path, source)
}

// converted completes a processor's configuration with converted weights, when the checkpoint has them.
func converted(c *checkpoint.Checkpoint, config cpu.Config) (cpu.Config, error) {
	if config.Packed != "" {
		return config, nil
	}
	if config.Precision == "" {
		config.Precision = cpu.DefaultConfig().Precision
	}
	path := filepath.Join(c.Dir, config.Precision.PackedName())
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return config, nil
	}
	source, err := fingerprint(c)
	if err != nil {
		return config, err
	}
	config.Packed, config.PackedSource = path, source
	return config, nil
}

// fingerprint identifies a checkpoint by the names, shapes and first numbers of
// all its tensors: training changes all of them, copying none.
func fingerprint(c *checkpoint.Checkpoint) (string, error) {
	h := sha256.New()
	for _, name := range c.Names() {
		t, err := c.Tensor(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %s %v ", name, t.DType, t.Shape)
		h.Write(t.Data[:min(len(t.Data), 4096)])
	}
	return hex.EncodeToString(h.Sum(nil)[:12]), nil
}
