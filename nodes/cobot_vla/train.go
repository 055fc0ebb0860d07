package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/train"
	"cobot_vla/model/train/course"
	"cobot_vla/model/train/data"
)

// trainCmd teaches policies.
type trainCmd struct {
	Run     trainRunCmd     `cmd:"" default:"withargs" help:"Train on prepared data; the same command again goes on where it ended."`
	Prepare trainPrepareCmd `cmd:"" help:"Make prepared files of recorded demonstrations: one a task, for one model's pictures and words."`
}

// trainRunCmd is one stage of training: all tasks from fresh weights, or one task from those weights.
type trainRunCmd struct {
	Data []string `help:"Prepared files, several for several tasks; or toy, which needs none." required:""`
	Out  string   `help:"Folder for the checkpoint, the state, log.jsonl and curves.png." required:""`
	From string   `help:"Folder of a checkpoint to start from: post-training's, for fine-tuning. Empty: fresh weights of the preset."`

	Preset     string        `help:"Shape of a fresh model: llava-vla-tiny or llava-vla-small." default:"llava-vla-tiny"`
	Steps      int           `help:"Steps; the learning rate has fallen to its floor then. 0: as many as max-minutes has time for." default:"0"`
	MaxMinutes float64       `help:"End after that many minutes, cleanly: the same command goes on. 0: when the steps are done." default:"110"`
	Batch      int           `help:"Examples a step: many small steps learn more than few large ones." default:"16"`
	Micro      int           `help:"Examples that go through the model at a time; it divides the batch." default:"8"`
	Copies     int           `help:"Copies of the model that read parts of a batch side by side; every one takes memory." default:"2"`
	Rate       float64       `help:"Highest learning rate; 0 for 3e-3, a recipe's 1e-3. Preset llava-vla-small bears 1.5e-3." default:"0"`
	VisionRate float64       `help:"That of vision tower and projector; 0 for the same." default:"0"`
	Warmup     int           `help:"Steps in which the rate rises." default:"100"`
	Floor      float64       `help:"Part of the rate that is left at the end." default:"0.05"`
	Decay      float64       `help:"Weight decay of matrices." default:"0.05"`
	Beta2      float64       `help:"AdamW's memory of the second moment." default:"0.98"`
	Clip       float64       `help:"Longest gradient; 0 for any." default:"1"`
	Smoothing  float64       `help:"Spread of an action label over neighbouring bins [bins]; 0 for none." default:"1"`
	Blank      float64       `help:"Part of an answer's tokens that are hidden from those behind them, so that seeing is learned and not copying." default:"0.3"`
	Freeze     []string      `help:"Parameters to leave as they are, by the beginning of their names: vision."`
	Seed       uint64        `help:"Of fresh weights, order and augmentation." default:"1"`
	Precision  cpu.Precision `help:"Operands: f32 or bf16; masters and sums are f32. Empty: the faster one on this processor."`
	Stored     string        `help:"Weights of the checkpoint: BF16 or F32." default:"BF16"`
	Threads    int           `help:"Threads that compute; 0 for all processors. The result does not depend on it." default:"0"`
	SaveEvery  int           `help:"Steps between two states on disk." default:"200"`
	LookEvery  int           `help:"Steps between two looks at held-out examples; 0 at the end only." default:"500"`
	Held       int           `help:"Held-out examples to look at." default:"64"`
	drawFlags
	recipeFlags
}

// config of the run.
func (c *trainRunCmd) config() train.Config {
	t := train.DefaultConfig()
	t.Out, t.From, t.Preset, t.Steps, t.Batch, t.Micro, t.Copies = c.Out, c.From, c.Preset, c.Steps, c.Batch, c.Micro, c.Copies
	if t.From != "" {
		t.Preset = ""
	}
	t.Rate, t.VisionRate, t.Warmup, t.Floor, t.Decay, t.Beta2 = cmp.Or(c.Rate, t.Rate), c.VisionRate, c.Warmup, c.Floor, c.Decay, c.Beta2
	t.Clip, t.Smoothing, t.Blank, t.Freeze, t.Seed = c.Clip, c.Smoothing, c.Blank, c.Freeze, c.Seed
	t.Precision, t.Stored, t.Threads = cmp.Or(c.Precision, t.Precision), c.Stored, c.Threads
	t.SaveEvery, t.LookEvery, t.Held = c.SaveEvery, c.LookEvery, c.Held
	t.Budget = c.budget()
	return t
}

func (c *trainRunCmd) budget() time.Duration {
	return time.Duration(c.MaxMinutes * float64(time.Minute))
}

// Run implements the command.
func (c *trainRunCmd) Run(a *app) error {
	if c.Recipe != "" {
		return c.recipe(a)
	}
	config := c.config()
	if err := config.Validate(); err != nil {
		return err
	}
	data, err := openTraining(c.Data, c.drawFlags)
	if err != nil {
		return err
	}
	defer data.close()
	return c.report(a, &config.Report, func() (course.Result, error) { return train.Run(a.ctx, config, data) })
}

// report lets a run go on under a bar and says what came of it.
func (c *trainRunCmd) report(a *app, hear *func(course.Progress), run func() (course.Result, error)) error {
	bar := &trainBar{out: a.stderr, live: onTerminal(a.stderr)}
	*hear = bar.show
	r, err := run()
	bar.end()
	if err != nil && !(errors.Is(err, a.ctx.Err()) && r.Step > 0) {
		return err
	}
	fmt.Fprintf(a.stdout, "%s: step %d of %d, %s parameters", c.Out, r.Step, r.Steps, grouped(int64(r.Parameters)))
	if r.Learned != r.Parameters {
		fmt.Fprintf(a.stdout, ", %s of them learned", grouped(int64(r.Learned)))
	}
	fmt.Fprintln(a.stdout)
	if r.Held != nil {
		fmt.Fprintln(a.stdout, r.Held)
	}
	if r.Step < r.Steps {
		fmt.Fprintln(a.stdout, "not finished: the same command goes on")
	}
	return err
}

// trainingData is data, and how to close them.
type trainingData struct {
	train.Data
	close func() error
}

// openTraining opens prepared files.
func openTraining(paths []string, flags drawFlags) (trainingData, error) {
	if len(paths) == 1 && paths[0] == "toy" {
		const side = 168
		toy, err := train.NewToy(side)
		return trainingData{toy, func() error { return nil }}, err
	}
	set, err := data.OpenSet(paths, flags.config())
	if err != nil {
		return trainingData{}, err
	}
	return trainingData{set, set.Close}, nil
}

// trainBar shows a run: on a terminal in a line that changes, elsewhere a line every half minute.
type trainBar struct {
	out   io.Writer
	live  bool
	shown time.Duration
	loss  float64 // smoothed
}

const barWidth = 24

func (b *trainBar) show(p course.Progress) {
	if b.loss == 0 {
		b.loss = p.Loss
	}
	b.loss += (p.Loss - b.loss) / 20
	every := 30 * time.Second
	if b.live {
		every = 200 * time.Millisecond
	}
	if p.Held == nil && p.Step < p.Steps && b.shown > 0 && p.Took-b.shown < every {
		return
	}
	b.shown = p.Took
	line := b.line(p)
	if !b.live {
		fmt.Fprintln(b.out, line)
	} else {
		fmt.Fprintf(b.out, "\r\x1b[K%s", line)
	}
	if p.Held != nil {
		b.end()
		fmt.Fprintf(b.out, "  %s\n", p.Held)
	}
}

func (b *trainBar) line(p course.Progress) string {
	done := barWidth * p.Step / p.Steps
	seconds := max(p.Took.Seconds(), 1e-9)
	left := time.Duration(float64(p.Took) / float64(max(p.Step-p.Resumed, 1)) * float64(p.Steps-p.Step)).Round(time.Second)
	line := fmt.Sprintf("[%s%s] step %d of %d, loss %.3f, rate %.1e, ",
		strings.Repeat("=", done), strings.Repeat(" ", barWidth-done), p.Step, p.Steps, b.loss, p.Rate)
	if p.Tokens > 0 {
		line += fmt.Sprintf("%.0f tokens/s, ", float64(p.Tokens)/seconds)
	}
	return line + fmt.Sprintf("%.1f examples/s, %v left", float64(p.Examples)/seconds, left)
}

func (b *trainBar) end() {
	if b.live {
		fmt.Fprintln(b.out)
	}
}
