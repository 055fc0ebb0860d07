package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/train"
)

// training compares with a training instead, when that is what the file holds.
func (c *modelParityCmd) training(a *app, b *cpu.Backend) (was bool, err error) {
	file, err := checkpoint.OpenFile(c.Golden)
	if err != nil {
		return false, err
	}
	was = train.IsTraining(file)
	if err := file.Close(); !was || err != nil {
		return was, err
	}
	files, err := checkpoint.Open(c.Checkpoint)
	if err != nil {
		return true, err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	report, err := await(a, "repeating the training of "+c.Golden, nil, func() (train.Parity, error) {
		return train.CompareTraining(a.ctx, train.ParityConfig{Backend: b, Checkpoint: files, Path: c.Golden})
	})
	if err != nil {
		return true, err
	}
	f32 := cpu.Precision(c.Precision) == cpu.F32
	ok := report.OK()
	if !f32 {
		ok = report.Cosine() >= train.LeastCosine
	}
	if c.JSON {
		if err := json.NewEncoder(a.stdout).Encode(struct {
			train.Parity
			Cosine float64
			OK     bool
		}{report, report.Cosine(), ok}); err != nil {
			return true, err
		}
	} else if err := c.printTraining(a, files, b, report, ok); err != nil {
		return true, err
	}
	if !ok {
		return true, exitCode(1)
	}
	return true, nil
}

func (c *modelParityCmd) printTraining(a *app, files *checkpoint.Checkpoint, b *cpu.Backend, r train.Parity, ok bool) error {
	fmt.Fprintf(a.stdout, "%s (%s names) trained in %s on %s\n\n", files.Dir, files.Scheme(), c.Precision, b.Features())
	t := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "tensor\tmax |Δ|\ttolerance\tlargest\tcosine\tbeyond\t\t")
	for _, x := range r.Tensors {
		fmt.Fprintf(t, "%s\t%.2e\t%.1e\t%.3g\t%.7f\t%d of %d\t\n", x.Name, x.Max, x.Tolerance, x.Scale, x.Cosine, x.Beyond, x.Values)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	verdict := "FAILED"
	if ok {
		verdict = "ok"
	}
	_, err := fmt.Fprintf(a.stdout, "\nlosses %.5f\nreference %.5f\n%s: smallest cosine of a gradient %.6f\n", r.Losses, r.WantLosses, verdict, r.Cosine())
	return err
}
