package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"text/tabwriter"
	"time"

	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/text"
	"cobot_vla/model/train"
	"cobot_vla/model/train/course"
)

// benchTrainCmd measures training beside PyTorch's.
type benchTrainCmd struct {
	Preset  string `help:"Shapes: llava-vla-tiny or llava-vla-small." default:"llava-vla-small"`
	Python  string `help:"Python that has PyTorch (Debian's python3-torch, and libopenblas0 beside it); empty to measure ours alone." default:"/usr/bin/python3"`
	Script  string `help:"The same model in PyTorch." default:"model/train/testdata/throughput.py"`
	Threads int    `help:"Threads of either; 0 for all processors." default:"0"`
	Batch   int    `help:"Examples a step." default:"16"`
	Micro   int    `help:"Examples that go through either model at a time." default:"8"`
	Steps   int    `help:"Steps of a round." default:"6"`
	Rounds  int    `help:"Rounds; in each, one after the other is measured." default:"3"`
	JSON    bool   `help:"One JSON object a row."`
}

// trainRow is what one of them needed for a step.
type trainRow struct {
	Name      string  `json:"name"`
	Precision string  `json:"precision"`
	Least     float64 `json:"least_step_s"`
	Median    float64 `json:"median_step_s"`
	Examples  float64 `json:"examples_s"` // by the least
	steps     []time.Duration
}

// torchSteps is what the script prints.
type torchSteps struct {
	Version    string    `json:"version"`
	Parameters int       `json:"parameters"`
	Seconds    []float64 `json:"seconds"`
}

// Run implements the command.
func (c *benchTrainCmd) Run(a *app) error {
	if c.Threads <= 0 {
		c.Threads = runtime.NumCPU()
	}
	if c.Steps < 2 || c.Rounds < 1 {
		return fmt.Errorf("--steps %d --rounds %d: a round is 2 steps or more, the first does not count", c.Steps, c.Rounds)
	}
	dir, err := os.MkdirTemp("", "bench-train-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	const side = 168
	toy, err := train.NewToy(side)
	if err != nil {
		return err
	}
	ours := []trainRow{{Name: "ours", Precision: string(cpu.F32)}, {Name: "ours", Precision: string(cpu.BF16)}}
	torch := trainRow{Name: "PyTorch", Precision: string(cpu.F32)}
	parameters := 0
	for round := range c.Rounds {
		fmt.Fprintf(a.stderr, "round %d of %d, %d threads\n", round+1, c.Rounds, c.Threads)
		for i := range ours {
			out := filepath.Join(dir, fmt.Sprint(ours[i].Precision, round))
			if parameters, err = c.ours(a, toy, out, &ours[i]); err != nil {
				return err
			}
			if i > 0 || c.Python == "" {
				continue
			}
			said, err := c.torch(a, toy, filepath.Join(out, "config.json"))
			if err != nil {
				return err
			}
			if said.Parameters != parameters {
				return fmt.Errorf("%s has %d parameters, ours %d: they are different models", c.Script, said.Parameters, parameters)
			}
			torch.Name = "PyTorch " + said.Version
			for _, s := range said.Seconds[1:] {
				torch.steps = append(torch.steps, time.Duration(s*float64(time.Second)))
			}
		}
	}
	rows := ours
	if c.Python != "" {
		rows = []trainRow{ours[0], torch, ours[1]}
	}
	for i := range rows {
		r := &rows[i]
		r.Least, r.Median = percentile(r.steps, 0).Seconds(), percentile(r.steps, 0.5).Seconds()
		r.Examples = float64(c.Batch) / r.Least
	}
	return c.print(a, rows, parameters)
}

// ours trains on the toy, fresh, and appends the time of every step but the first.
func (c *benchTrainCmd) ours(a *app, toy *train.Toy, out string, r *trainRow) (parameters int, err error) {
	t := train.DefaultConfig()
	t.Out, t.Preset, t.Steps, t.Batch, t.Micro, t.Threads = out, c.Preset, c.Steps, c.Batch, c.Micro, c.Threads
	t.Precision, t.Held, t.LookEvery, t.SaveEvery = cpu.Precision(r.Precision), 0, 0, c.Steps+1
	var last time.Duration
	t.Report = func(p course.Progress) {
		if p.Step > 1 {
			r.steps = append(r.steps, p.Took-last)
		}
		last = p.Took
	}
	result, err := train.Run(a.ctx, t, toy)
	return result.Parameters, err
}

// torch trains the same shapes, in another process.
func (c *benchTrainCmd) torch(a *app, toy *train.Toy, config string) (said torchSteps, err error) {
	var example [1]train.Example
	if err := toy.Sample(1, 1, example[:]); err != nil {
		return said, err
	}
	words, err := text.Parse(toy.Binding().Tokenizer)
	if err != nil {
		return said, err
	}
	e := example[0]
	args := []string{c.Script, config}
	for _, f := range []struct {
		name string
		n    int
	}{
		{"threads", c.Threads}, {"steps", c.Steps}, {"batch", c.Batch}, {"micro", c.Micro}, {"before", len(e.Before)},
		{"after", len(e.After)}, {"labels", len(e.Labels)}, {"columns", min(toy.Binding().Manifest.ActionBins, words.Len())},
	} {
		args = append(args, "--"+f.name, strconv.Itoa(f.n))
	}
	cmd := exec.CommandContext(a.ctx, c.Python, args...)
	cmd.Stderr = a.stderr
	// OpenBLAS has threads of its own; and threads that wait by spinning lose more than half where others compute too.
	cmd.Env = append(os.Environ(), fmt.Sprintf("OPENBLAS_NUM_THREADS=%d", c.Threads), "OMP_WAIT_POLICY=PASSIVE")
	out, err := cmd.Output()
	if err != nil {
		return said, fmt.Errorf("%s %s: %w; it needs PyTorch: apt-get install python3-torch libopenblas0, or --python of another", c.Python, c.Script, err)
	}
	if err := json.Unmarshal(out, &said); err != nil {
		return said, fmt.Errorf("%s: %w", c.Script, err)
	}
	if len(said.Seconds) != c.Steps {
		return said, errors.New(c.Script + ": it did not time every step")
	}
	return said, nil
}

func (c *benchTrainCmd) print(a *app, rows []trainRow, parameters int) error {
	if c.JSON {
		for _, r := range rows {
			line, err := json.Marshal(r)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "%s\n", line)
		}
		return nil
	}
	fmt.Fprintf(a.stdout, "%s, %s parameters, steps of %d examples in micro batches of %d, %d threads\n", c.Preset, grouped(int64(parameters)), c.Batch, c.Micro, c.Threads)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "training\tprecision\tleast step\tmedian step\texamples/s")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%.0f ms\t%.0f ms\t%.1f\n", r.Name, r.Precision, 1e3*r.Least, 1e3*r.Median, r.Examples)
	}
	return w.Flush()
}
