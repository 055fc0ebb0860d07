package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/vitavla"
)

// benchModelCmd measures the network.
type benchModelCmd struct {
	Preset     string   `help:"Shapes of the random weights: llava-onevision-0.5b or tiny; vita-vla-7b (8 GB of memory in int8) or vita-vla-nano." default:"llava-onevision-0.5b"`
	Checkpoint string   `help:"Folder of a checkpoint to take the weights from instead."`
	Precision  []string `help:"Precisions to measure: f32, bf16, w8a16, int8." default:"int8,w8a16,bf16"`
	Crops      []int    `help:"Crops of the image: 1 (square) or 2 (anyres)." default:"2,1"`
	Tokens     []int    `help:"Tokens of an answer: 35 are 5 steps of 7, 71 a direction and 5 steps of 14." default:"35,71"`
	FullHead   bool     `help:"Measure decoding over all ids too, not only over those the grammar allows."`
	Words      int      `help:"Words of the prompt beside the image." default:"60"`
	Repeat     int      `help:"Runs of each row, after one that is not counted; the median is told. Of vita-vla, runs of each stage; the least is told." default:"3"`
	Turns      int      `help:"Of vita-vla: steps of history." default:"10"`
	Slide      int      `help:"Of vita-vla: steps that leave the history at once where that is measured; 0 for half of it." default:"0"`
	processor
	onGPU
	JSON bool `help:"One JSON object a row."`
}

// modelRow is a measured row, and what follows from it.
type modelRow struct {
	llavavla.BenchRow
	PrefillTokensS float64 `json:"prefill_tokens_s"`
	DecodeTokensS  float64 `json:"decode_tokens_s"`
	// Ratios of each stage's time to what the machine's measured peaks allow.
	VisionRatio  float64 `json:"vision_over_roof"`
	PrefillRatio float64 `json:"prefill_over_roof"`
	DecodeRatio  float64 `json:"decode_over_roof"`
	// Parallel decoding: the step if every guess is right, and with how many passes
	// over the whole answer it is as fast as one token at a time. What a trained model's
	// guesses save lies between.
	ParallelBestS    float64     `json:"parallel_best_step_s,omitempty"`
	ParallelEvenPass float64     `json:"parallel_even_passes,omitempty"`
	Machine          cpu.Machine `json:"machine"`
}

func newModelRow(r llavavla.BenchRow, m cpu.Machine) modelRow {
	row := modelRow{
		BenchRow: r, Machine: m,
		PrefillTokensS: float64(r.Prompt) / r.PrefillS,
		DecodeTokensS:  1e3 / r.TokenMS,
		VisionRatio:    r.VisionS / r.VisionRoofS,
		PrefillRatio:   r.PrefillS / r.PrefillRoofS,
		DecodeRatio:    r.DecodeS / max(r.DecodeRoofS, 1e-9),
	}
	if pass := passOver(r.PassMS, r.Tokens) / 1e3; pass > 0 {
		row.ParallelBestS = r.VisionS + r.PrefillS + pass
		row.ParallelEvenPass = r.DecodeS / pass
	}
	return row
}

// passOver is the time of a pass over n tokens, between those that were measured.
func passOver(ms map[int]float64, n int) float64 {
	known := slices.Sorted(maps.Keys(ms))
	for i, k := range known {
		switch {
		case k == n:
			return ms[k]
		case k > n && i > 0:
			low := known[i-1]
			return ms[low] + (ms[k]-ms[low])*float64(n-low)/float64(k-low)
		}
	}
	return 0
}

// Run implements the command.
func (c *benchModelCmd) Run(a *app) error {
	if slices.Contains(vitavla.Presets(), c.Preset) || c.Checkpoint != "" && kindOf(c.Checkpoint) == vitavla.Kind {
		return c.vita(a)
	}
	config := llavavla.BenchConfig{
		Preset: c.Preset, Checkpoint: c.Checkpoint, Crops: c.Crops, Tokens: c.Tokens,
		FullHead: c.FullHead, Words: c.Words, Repeat: c.Repeat, CPU: c.config(""),
	}
	if c.Backend == "cuda" {
		config.CUDA = c.open
		c.Precision = slices.DeleteFunc(c.Precision, func(p string) bool { return p == string(cpu.INT8) }) // a GPU has no such precision
	}
	for _, p := range c.Precision {
		config.Precisions = append(config.Precisions, cpu.Precision(p))
	}
	if err := c.check(); err != nil {
		return err
	}
	t := &modelTable{a: a, json: c.JSON}
	weights := c.Preset
	if c.Checkpoint != "" {
		weights = c.Checkpoint
	}
	_, err := await(a, "measuring "+weights, nil, func() (struct{}, error) {
		return struct{}{}, llavavla.Bench(a.ctx, config, t.machine, t.row)
	})
	if err != nil {
		return err
	}
	return t.err
}

func (c *benchModelCmd) check() error {
	for _, n := range c.Crops {
		if n != 1 && n != 2 {
			return fmt.Errorf("--crops %d: an image has 1 (square) or 2 (anyres)", n)
		}
	}
	for _, n := range c.Tokens {
		if n < 1 || n > 400 {
			return fmt.Errorf("--tokens %d: an answer has 1..400", n)
		}
	}
	if c.Words < 1 || c.Words > 200 {
		return fmt.Errorf("--words %d: expected 1..200", c.Words)
	}
	if c.Repeat < 1 {
		return fmt.Errorf("--repeat %d: expected at least 1", c.Repeat)
	}
	return nil
}

// modelTable prints rows as they are measured.
type modelTable struct {
	a    *app
	json bool
	m    cpu.Machine
	err  error
}

func (t *modelTable) line(format string, args ...any) {
	if t.err == nil && !t.json {
		t.clear()
		_, t.err = fmt.Fprintf(t.a.stdout, format+"\n", args...)
	}
}

// clear makes room for a row where progress is shown.
func (t *modelTable) clear() {
	if onTerminal(t.a.stderr) {
		fmt.Fprint(t.a.stderr, clearLine)
	}
}

func (t *modelTable) machine(m cpu.Machine) {
	t.m = m
	var peaks []string
	for _, e := range elements {
		peaks = append(peaks, fmt.Sprintf("%s %.2f", e.Element(), m.Tera[e.Element()]))
	}
	t.line("this machine: %s, %d at a time; reads %.1f GB/s; products at most %s Tera-operations/s", m.Features, m.Threads, m.ReadGBs, strings.Join(peaks, ", "))
	t.line("(×) is how many times the least time that these allow; one token at a time\n")
	t.line("%-9s %5s %6s %6s %-10s %15s %15s %15s %15s %8s %8s %6s %6s %6s %8s %8s", "precision", "crops", "prompt", "tokens", "head",
		"vision", "prefill", "decode", "step", "prefill", "a token", "decode", "", "", "weights", "peak")
	t.line("%-9s %5s %6s %6s %-10s %15s %15s %15s %15s %8s %8s %6s %6s %6s %8s %8s", "", "", "", "", "",
		"s", "s", "s", "s", "tokens/s", "ms", "tok/s", "Top/s", "GB/s", "MB", "MB")
}

func (t *modelTable) row(r llavavla.BenchRow) {
	row := newModelRow(r, t.m)
	if t.json {
		if t.err == nil {
			t.clear()
			t.err = json.NewEncoder(t.a.stdout).Encode(row)
		}
		return
	}
	stage := func(s, ratio float64) string { return fmt.Sprintf("%.3f (%.1f×)", s, ratio) }
	t.line("%-9s %5d %6d %6d %-10s %15s %15s %15s %15s %8.0f %8.2f %6.0f %6.2f %6.1f %8.0f %8.0f",
		r.Precision, r.Crops, r.Prompt, r.Tokens, r.Head,
		stage(r.VisionS, row.VisionRatio), stage(r.PrefillS, row.PrefillRatio), stage(r.DecodeS, row.DecodeRatio), stage(r.StepS, r.Ratio),
		row.PrefillTokensS, r.TokenMS, row.DecodeTokensS, r.TeraOps, r.GBs, float64(r.WeightBytes)/1e6, float64(r.PeakBytes)/1e6)
	if r.Nodes > 0 {
		t.line("  %d kernels a recorded step; %.3f GB of the device", r.Nodes, float64(r.DeviceBytes)/1e9)
	}
	if row.ParallelBestS == 0 {
		return
	}
	var passes []string
	for _, n := range slices.Sorted(maps.Keys(r.PassMS)) {
		passes = append(passes, fmt.Sprintf("%d: %.1f", n, r.PassMS[n]))
	}
	t.line("  in parallel: ms of a pass over tokens %s; the answer in one pass makes a step of %.3f s, in more than %.1f passes it is slower",
		strings.Join(passes, ", "), row.ParallelBestS, row.ParallelEvenPass)
}
