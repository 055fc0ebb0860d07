package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/vitavla"
)

// vita measures VITA-VLA by stage and by what is kept from one decision to the next.
func (c *benchModelCmd) vita(a *app) error {
	if c.Turns < 2 || c.Turns > 100 || c.Slide < 0 || c.Slide > c.Turns {
		return fmt.Errorf("--turns %d, --slide %d: expected 2..100, and 0 to as many", c.Turns, c.Slide)
	}
	if c.Repeat < 1 {
		return fmt.Errorf("--repeat %d: expected at least 1", c.Repeat)
	}
	for _, precision := range c.Precision {
		config := vitavla.BenchConfig{
			Checkpoint: c.Checkpoint, Precision: cpu.Precision(precision),
			Turns: c.Turns, Slide: c.Slide, Repeat: c.Repeat, CPU: c.config(""),
		}
		name := c.Checkpoint
		if name == "" {
			name, config.Preset = c.Preset, c.Preset
		}
		var m cpu.Machine
		r, err := await(a, fmt.Sprintf("measuring %s in %s", name, precision), nil, func() (vitavla.BenchReport, error) {
			return vitavla.Bench(a.ctx, config, func(machine cpu.Machine) { m = machine })
		})
		if err != nil {
			return err
		}
		if err := c.printVita(a, r, m); err != nil {
			return err
		}
	}
	return nil
}

func (c *benchModelCmd) printVita(a *app, r vitavla.BenchReport, m cpu.Machine) error {
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(struct {
			vitavla.BenchReport
			Machine cpu.Machine `json:"machine"`
		}{r, m})
	}
	var peaks []string
	for _, e := range elements {
		peaks = append(peaks, fmt.Sprintf("%s %.2f", e.Element(), m.Tera[e.Element()]))
	}
	fmt.Fprintf(a.stdout, "this machine: %s, %d threads; reads %.1f GB/s; products at most %s Tera-operations/s\n", m.Features, m.Threads, m.ReadGBs, strings.Join(peaks, ", "))
	fmt.Fprintf(a.stdout, "%s in %s: weights %s, keys, values and activations %s, most of the process %s; loaded in %.0f s\n", r.Weights, r.Precision, bytesText(r.WeightBytes), bytesText(r.OtherBytes), bytesText(r.PeakBytes), r.LoadS)
	fmt.Fprintf(a.stdout, "%d turns of %d positions, %d in all; (×) is how many times the least time that the peaks allow\n\n", r.Turns, r.TurnRows, r.Positions)
	t := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "stage\trows\tweights\ttime\troof\t×\t")
	for _, s := range r.Stages {
		fmt.Fprintf(t, "%s\t%d\t%s\t%.3f s\t%.3f s\t%.1f\t\n", s.Stage, s.Rows, bytesText(s.WeightBytes), s.Seconds, s.Roof, s.Seconds/s.Roof)
	}
	fmt.Fprintln(t, "\t\t\t\t\t\t")
	fmt.Fprintln(t, "a decision\t\t\ttime\troof\t×\t")
	for _, s := range r.Steps {
		fmt.Fprintf(t, "%s\t\t\t%.3f s\t%.3f s\t%.1f\t\n", s.Rule, s.Seconds, s.Roof, s.Seconds/s.Roof)
	}
	return t.Flush()
}
