package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn/cpu"
)

// modelConvertCmd writes prepacked weights.
type modelConvertCmd struct {
	Checkpoint string `help:"Folder of the checkpoint." required:""`
	Precision  string `help:"f32, bf16, w8a16 or int8; the last two share their weights." default:"w8a16"`
	Out        string `help:"Folder for a checkpoint with converted weights; its safetensors files are hard links where that can be. Empty puts them beside the checkpoint."`
}

// Run implements the command.
func (c *modelConvertCmd) Run(a *app) error {
	dir := c.Checkpoint
	if c.Out != "" && !sameFile(c.Out, dir) {
		if err := copyCheckpoint(dir, c.Out); err != nil {
			return err
		}
		dir = c.Out
	}
	path, err := await(a, fmt.Sprintf("converting to %s", c.Precision), nil, func() (string, error) {
		return llavavla.Convert(dir, cpu.Precision(c.Precision))
	})
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s: %s\n", path, bytesText(info.Size()))
	return err
}

func sameFile(x, y string) bool {
	a, errA := os.Stat(x)
	b, errB := os.Stat(y)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// copyCheckpoint makes a new folder with the files of another, apart from converted weights.
func copyCheckpoint(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if old, err := os.ReadDir(to); err == nil && len(old) > 0 {
		return fmt.Errorf("%s has files in it: give a new folder, or the checkpoint's own", to)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), "packed-") {
			continue
		}
		src, dst := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if strings.HasSuffix(e.Name(), ".safetensors") && os.Link(src, dst) == nil {
			continue
		}
		if err := copyFile(src, dst); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
