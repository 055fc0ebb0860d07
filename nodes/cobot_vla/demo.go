package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/launch"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

// demoCmd is the main job on one machine.
type demoCmd struct {
	Task        string        `help:"Task of the simulator." default:"fetch_bottle"`
	Policy      string        `help:"Policy that does it." default:"expert"`
	Checkpoint  string        `help:"Folder of the policy's checkpoint."`
	Instruction string        `help:"What the robot is told. Empty: the task's own words."`
	Seed        int           `help:"Seed of the initial state." default:"1"`
	LatencyMS   float64       `name:"latency-ms" help:"Inference time in simulated milliseconds; negative: as long as it really takes." default:"-1"`
	Plant       string        `help:"Mechanics: mujoco or kinematic." enum:"mujoco,kinematic" default:"mujoco"`
	Headless    bool          `help:"Print lines instead of a live view."`
	NoFilm      bool          `help:"Take no film."`
	Factor      float64       `help:"Simulated seconds per wall second at most; 0: as fast as it goes." default:"0"`
	Lasts       time.Duration `help:"Go on for so long in simulated time, whatever the task's verdict." hidden:""`
	Out         string        `help:"Folder for film, picture and report." default:"out/demo"`
}

// report is out/demo/report.json.
type report struct {
	Task        string    `json:"task"`
	Instruction string    `json:"instruction"`
	Policy      string    `json:"policy"`
	Plant       string    `json:"plant"`
	Seed        int       `json:"seed"`
	Success     bool      `json:"success"`
	Reason      string    `json:"reason"`
	SimSeconds  float64   `json:"sim_seconds"`
	WallSeconds float64   `json:"wall_seconds"`
	LatencyMS   float64   `json:"inference_setting_ms"` // negative: measured
	Decisions   int       `json:"decisions"`
	Chunks      uint64    `json:"chunks"`
	Inference   quantile  `json:"inference_ms"`
	Reaction    quantile  `json:"camera_to_action_without_inference_ms"`
	Navigation  []goalLog `json:"navigation"`
	Clamps      uint64    `json:"clamped_commands"`
	Refused     uint64    `json:"refused_commands"`
	HalfBinMM   float64   `json:"largest_half_bin_at_gripper_mm,omitempty"`
	Errors      []string  `json:"errors"`
	Warnings    []string  `json:"warnings"`
	Film        string    `json:"film,omitempty"`
	Observation string    `json:"observation,omitempty"`
}

type quantile struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

func quantiles(d []time.Duration) quantile {
	return quantile{ms(percentile(d, 0.5)), ms(percentile(d, 0.99))}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Run implements the command.
func (c *demoCmd) Run(a *app) (err error) {
	if c.Instruction, err = c.words(); err != nil {
		return err
	}
	if c.Headless || c.Out != "" {
		if err := os.MkdirAll(c.Out, 0o755); err != nil {
			return err
		}
	}
	s := newStatus(a.stdout, c.Headless)
	a.log = a.log.Level(max(a.log.GetLevel(), zerolog.WarnLevel)) // the events say the rest
	if s.live {
		a.log = a.log.Level(max(a.log.GetLevel(), zerolog.ErrorLevel))
	}
	r, err := c.run(a, s, nil)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(c.Out, "report.json")
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return err
	}
	verdict := "SUCCESS"
	if !r.Success {
		verdict = "FAILED"
	}
	fmt.Fprintf(a.stdout, "\n%s: %s (seed %d): %s\n", verdict, r.Task, r.Seed, r.Reason)
	fmt.Fprintf(a.stdout, "%.1f s simulated in %.1f s; %d decisions, inference p50 %.1f ms; camera to action %.2f ms p99 besides inference\n",
		r.SimSeconds, r.WallSeconds, r.Decisions, r.Inference.P50, r.Reaction.P99)
	for _, f := range []string{r.Film, r.Observation, path} {
		if f != "" {
			fmt.Fprintln(a.stdout, "  "+f)
		}
	}
	if !r.Success {
		return exitCode(1)
	}
	return nil
}

// arguments of sim.launch.yaml.
func (c *demoCmd) arguments() map[string]string {
	return map[string]string{
		"task": c.Task, "seed": strconv.Itoa(c.Seed), "policy": c.Policy, "checkpoint": c.Checkpoint,
		"instruction": c.Instruction, "plant": c.Plant, "latency_s": strconv.FormatFloat(latency(c.LatencyMS), 'g', -1, 64),
	}
}

func latency(ms float64) float64 {
	if ms < 0 {
		return -1
	}
	return ms / 1000
}

// words are what the robot is told: those that were given, or the first that the task, of a chain the first task, is known by.
func (c *demoCmd) words() (string, error) {
	if c.Instruction != "" {
		return c.Instruction, nil
	}
	first, _, _ := strings.Cut(c.Task, ",")
	task, err := scene.ByName(strings.TrimSpace(first))
	if err != nil {
		return "", err
	}
	return task.Instructions[0], nil
}

// run starts the graph of sim.launch.yaml and lets it go on until the task is
// judged. during, when given, is called with the running graph before it starts: to inject faults.
func (c *demoCmd) run(a *app, s *status, during func(*graph, *watcher) error) (_ *report, err error) {
	plan, err := planLaunch("sim.launch.yaml", c.arguments())
	if err != nil {
		return nil, err
	}
	exec := rcl.NewLockstep(time.Time{})
	exec.Factor = c.Factor
	g := newGraph(a, intra.New(), exec, true)
	defer func() { err = errors.Join(err, g.close()) }()
	for _, x := range plan.Actions {
		if n, ok := x.(*launch.Node); ok {
			if err := g.addNode(n); err != nil {
				return nil, err
			}
		}
	}
	if g.sim == nil {
		return nil, fmt.Errorf("demo: sim.launch.yaml starts no simulator")
	}
	w, err := watch(g, s.event)
	if err != nil {
		return nil, err
	}
	f, err := c.film(g, w)
	if err != nil {
		return nil, err
	}
	if during != nil {
		if err := during(g, w); err != nil {
			return nil, err
		}
	}
	wall := time.Now()
	ended, err := c.play(a.ctx, g, w, s)
	if err != nil {
		return nil, err
	}
	r := c.report(g, w, ended, time.Since(wall))
	return r, c.keep(r, f, w)
}

// play runs until the task has succeeded and been seen to, or its time is up.
func (c *demoCmd) play(ctx context.Context, g *graph, w *watcher, s *status) (time.Time, error) {
	limit := time.Unix(1, 0).Add(max(g.sim.Task().Limit, c.Lasts))
	var succeeded, said time.Time
	err := g.ctx.RunUntil(ctx, func() bool {
		now := g.ctx.Now()
		switch {
		case s.live:
			s.show(w.lines)
		case now.Sub(said) >= 5*time.Second:
			said = now
			w.event("%s", w.summary())
		}
		if w.verdict.Success && succeeded.IsZero() {
			succeeded = now
			w.event("task: %s", w.verdict.Reason)
		}
		return now.After(limit) || c.Lasts == 0 && !succeeded.IsZero() && now.Sub(succeeded) > time.Second
	})
	s.erase()
	if !succeeded.IsZero() {
		return succeeded, err
	}
	return g.ctx.Now(), err
}

// filmRate is the frames per simulated second of the film.
const filmRate = 8

func (c *demoCmd) film(g *graph, w *watcher) (*film, error) {
	if c.NoFilm {
		return nil, nil
	}
	src, err := g.sim.Film()
	if err != nil {
		return nil, err
	}
	f := &film{src: src}
	_, err = w.n.Timer(time.Second/filmRate, func(time.Time) {
		if err := f.shoot(w.n.Context()); err != nil {
			w.n.Log().Warn().Err(err).Msg("no frame")
		}
	})
	return f, err
}

func (c *demoCmd) report(g *graph, w *watcher, ended time.Time, wall time.Duration) *report {
	r := &report{
		Task: c.Task, Instruction: c.Instruction, Policy: c.Policy, Plant: c.Plant, Seed: c.Seed,
		Success: w.verdict.Success, Reason: w.verdict.Reason,
		SimSeconds: sinceStart(ended), WallSeconds: wall.Seconds(), LatencyMS: c.LatencyMS,
		Decisions: len(w.infer), Chunks: w.chunks, Inference: quantiles(w.infer), Reaction: quantiles(w.react),
		Navigation: w.goals, HalfBinMM: halfBinMM(c.Policy),
		Errors: w.errorsSeen(msgs.DiagError), Warnings: w.errorsSeen(msgs.DiagWarn),
	}
	for _, p := range w.parts {
		r.Clamps += p.Clamps
		r.Refused += p.Refused
	}
	return r
}

// keep writes film and picture.
func (c *demoCmd) keep(r *report, f *film, w *watcher) error {
	if f != nil {
		r.Film = filepath.Join(c.Out, "film.gif")
		if err := f.write(r.Film, 100/filmRate); err != nil {
			return err
		}
	}
	if w.image != nil && c.Out != "" {
		r.Observation = filepath.Join(c.Out, "observation.png")
		return writePNG(r.Observation, w.image)
	}
	return nil
}
