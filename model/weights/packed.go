package weights

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
)

// Packed completes a processor's configuration with converted weights, when the
// checkpoint in dir has them. Weights that were not converted from these are an error.
func Packed(dir string, c *checkpoint.Weights, config cpu.Config) (cpu.Config, error) {
	if config.Packed != "" {
		return config, nil
	}
	if config.Precision == "" {
		config.Precision = cpu.DefaultConfig().Precision
	}
	path := filepath.Join(dir, config.Precision.PackedName())
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return config, nil
	}
	source, err := Fingerprint(c)
	if err != nil {
		return config, err
	}
	config.Packed, config.PackedSource = path, source
	return config, nil
}

// Fingerprint identifies a checkpoint by the names, shapes and first numbers of
// all its tensors: training changes all of them, copying none.
func Fingerprint(c *checkpoint.Weights) (string, error) {
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

// Convert writes weights as the processor's backend keeps them into dir, and
// returns the file's path. load puts them on the backend.
func Convert(dir string, c *checkpoint.Weights, precision cpu.Precision, load func(nn.Backend) error) (path string, err error) {
	b, err := cpu.New(cpu.Config{Precision: precision})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := load(b); err != nil {
		return "", err
	}
	source, err := Fingerprint(c)
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, b.Config().Precision.PackedName())
	return path, b.WritePacked(path, source)
}
