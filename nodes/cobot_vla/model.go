package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/nn/cuda"
	"cobot_vla/model/nn/cuda/driver"
)

// modelCmd is about checkpoints of LLaVA-VLA: what they are, whether they are
// right, what robot they are for, what they say.
type modelCmd struct {
	Info      modelInfoCmd      `cmd:"" help:"What a checkpoint is, and what robot it needs."`
	Manifest  modelManifestCmd  `cmd:"" help:"Bind a checkpoint to a robot: write its manifest.yaml."`
	Parity    modelParityCmd    `cmd:"" help:"Compare with reference outputs of the original implementation."`
	Accuracy  modelAccuracyCmd  `cmd:"" help:"What lower precisions cost: equal tokens, and errors in the robot's units."`
	Tokenizer modelTokenizerCmd `cmd:"" help:"Learn a small model's words from instructions, and give it action and direction tokens."`
	Synth     modelSynthCmd     `cmd:"" help:"Write a checkpoint of random weights in the shapes of a real one."`
	Convert   modelConvertCmd   `cmd:"" help:"Write the weights as the processor's kernels read them, to be ready sooner."`
	Run       modelRunCmd       `cmd:"" help:"One decision about images, a state and an instruction, as JSON."`
}

// processor are the flags of what runs a network.
type processor struct {
	Threads int    `help:"Threads that compute; 0 for all processors." default:"0"`
	Kernels string `help:"Kernels instead of the fastest that the processor has." hidden:""`
}

// onGPU are the flags of what runs on a GPU too.
type onGPU struct {
	Backend string `help:"What it runs on: cpu or cuda." enum:"cpu,cuda" default:"cpu"`
	GPU     int    `help:"Number of the GPU, as nvidia-smi lists them." default:"0"`
}

func (g onGPU) open(p cuda.Precision) (*cuda.Backend, error) {
	d, err := driver.Open(g.GPU)
	if err != nil {
		return nil, err
	}
	return cuda.New(d, cuda.Config{Precision: p})
}

func (p processor) config(precision string) cpu.Config {
	return cpu.Config{Precision: cpu.Precision(precision), Threads: p.Threads, Kernels: p.Kernels}
}

// policyConfig is that of a policy on this processor.
func (p processor) policyConfig(precision string) llavavla.Config {
	c := llavavla.DefaultConfig()
	c.CPU = p.config(precision)
	return c
}

// facts are lines of a name and what there is to say.
type facts struct{ w *tabwriter.Writer }

func newFacts(out io.Writer) facts { return facts{tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)} }

func (f facts) add(name, format string, args ...any) {
	fmt.Fprintf(f.w, "%s\t%s\n", name, fmt.Sprintf(format, args...))
}

func (f facts) flush() error { return f.w.Flush() }

// bytesText says a size as people do, in powers of 1000 as memory bandwidth is.
func bytesText(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}

// grouped is a number with its thousands apart.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// await runs work that takes long and says on stderr that it goes on: on a
// terminal in a line that changes, elsewhere in one at first and one every ten
// seconds. part, which may be nil, is how much of it is done, 0..1. Work that
// can't be interrupted is left to itself when ctx ends, as the program is about to.
func await[T any](a *app, what string, part func() float64, work func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		value, err := work()
		done <- outcome{value, err}
	}()
	p := newProgress(a.stderr, what, part)
	defer p.end()
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	p.say()
	for {
		select {
		case r := <-done:
			return r.value, r.err
		case <-a.ctx.Done():
			var none T
			return none, fmt.Errorf("%s: %w", what, context.Cause(a.ctx))
		case <-tick.C:
			p.say()
		}
	}
}

// progress of something long.
type progress struct {
	out   io.Writer
	live  bool
	what  string
	part  func() float64
	every time.Duration
	start time.Time
}

func newProgress(out io.Writer, what string, part func() float64) *progress {
	p := &progress{out: out, what: what, part: part, every: 10 * time.Second, start: time.Now()}
	if onTerminal(out) {
		p.live, p.every = true, 200*time.Millisecond
	}
	return p
}

func onTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// clearLine takes a progress line away, before something else is printed while work goes on.
const clearLine = "\r\x1b[K"

func (p *progress) say() {
	line := p.what
	if p.part != nil {
		line += fmt.Sprintf("  %s %3.0f %%", bar(p.part(), 20), 100*min(max(p.part(), 0), 1))
	}
	if took := time.Since(p.start).Round(time.Second); took > 0 {
		line += fmt.Sprintf("  %v", took)
	}
	if p.live {
		fmt.Fprint(p.out, clearLine, line)
		return
	}
	fmt.Fprintln(p.out, line)
}

func (p *progress) end() {
	if p.live {
		fmt.Fprint(p.out, clearLine)
	}
}

// fileGrows is the part of whole bytes that a file has so far, under its own
// name or, while it is written, that with .part behind it.
func fileGrows(path string, whole int64) func() float64 {
	return func() float64 {
		unfinished, _ := filepath.Glob(path + ".*.part")
		for _, name := range append(unfinished, path) {
			if info, err := os.Stat(name); err == nil && whole > 0 {
				return float64(info.Size()) / float64(whole)
			}
		}
		return 0
	}
}
