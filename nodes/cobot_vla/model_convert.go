package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/seer"
	"cobot_vla/model/vitavla"
)

// modelConvertCmd writes prepacked weights, or safetensors of a .pth.
type modelConvertCmd struct {
	Checkpoint string `help:"Folder of the checkpoint." xor:"source" required:""`
	Pth        string `help:"A .pth of torch.save instead (Seer, VITA-VLA, the MAE encoder): its tensors are written as safetensors, under the same names without module." type:"existingfile" xor:"source" required:""`
	Key        string `help:"With --pth: entry of the saved dictionary that holds the tensors; empty takes model_state_dict, model or state_dict."`
	Precision  string `help:"f32, bf16, w8a16 or int8; the last two share their weights." default:"w8a16"`
	Out        string `help:"Folder for a checkpoint with converted weights; its safetensors files are hard links where that can be. Empty puts them beside the checkpoint. With --pth: the file to write; empty takes the .pth's name."`
}

// Run implements the command.
func (c *modelConvertCmd) Run(a *app) error {
	if c.Pth != "" {
		return c.pth(a)
	}
	dir := c.Checkpoint
	if c.Out != "" && !sameFile(c.Out, dir) {
		if err := copyCheckpoint(dir, c.Out); err != nil {
			return err
		}
		dir = c.Out
	}
	path, err := await(a, fmt.Sprintf("converting to %s", c.Precision), nil, func() (string, error) {
		switch kindOf(dir) {
		case vitavla.Kind:
			return vitavla.Convert(dir, cpu.Precision(c.Precision))
		case seer.Kind:
			return seer.Convert(dir, cpu.Precision(c.Precision))
		}
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

// pth writes the tensors of a .pth as safetensors.
func (c *modelConvertCmd) pth(a *app) error {
	out := c.Out
	if out == "" {
		out = strings.TrimSuffix(c.Pth, filepath.Ext(c.Pth)) + ".safetensors"
	}
	n, err := await(a, "converting "+c.Pth, nil, func() (int, error) {
		return checkpoint.ConvertPth(c.Pth, c.Key, out)
	})
	if err != nil {
		return err
	}
	info, err := os.Stat(out)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s: %d tensors, %s\n", out, n, bytesText(info.Size()))
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
