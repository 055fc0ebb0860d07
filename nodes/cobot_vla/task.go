package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/drivers/mujoco"
	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/model"
	"cobot_vla/model/expert"
)

// taskCmd is about the simulator's tasks.
type taskCmd struct {
	List taskListCmd `cmd:"" help:"The tasks, and how they are asked for."`
	Try  taskTryCmd  `cmd:"" help:"Let the expert do tasks, without the graph; pictures of what the policy sees."`
}

type taskListCmd struct{}

// Run implements the command.
func (c *taskListCmd) Run(a *app) error {
	for _, t := range scene.Tasks() {
		place, script := "table", "expert"
		if t.Mobile {
			place = "mobile"
		}
		if !slices.Contains(expert.Tasks(), t.Name) {
			script = "no expert"
		}
		fmt.Fprintf(a.stdout, "%-15s %-6s %-9s %3d steps, %v\n    seen    %s\n    unseen  %s\n", t.Name, place, script, t.Steps, t.Limit,
			strings.Join(t.Instructions, "; "), strings.Join(t.Unseen, "; "))
	}
	return nil
}

type taskTryCmd struct {
	Tasks     []string `arg:"" optional:"" help:"Tasks; none for all that have an expert."`
	First     uint64   `help:"First seed." default:"1"`
	Seeds     int      `help:"Seeds to try." default:"20"`
	Perturb   bool     `help:"Push the arms off their way as half of the demonstrations do."`
	Clutter   int      `help:"Other objects on the table, 0 to 4."`
	Vary      bool     `help:"All of domain randomisation."`
	Textures  string   `help:"Looks for --vary." enum:"train,eval" default:"train"`
	Late      bool     `help:"As on the graph with 100 ms of inference: what is decided is done one step later, and the arms hold once the expert says it is done."`
	NoPicture bool     `help:"Render nothing; decides nothing for an expert, saves time."`
	Strips    int      `help:"Write strips of pictures of the first seeds, and of every failure." default:"1"`
	Size      int      `help:"Side of the composite [px]." default:"168"`
	Out       string   `help:"Folder for pictures." default:"out/tasks"`
	Trace     bool     `help:"Print every decision."`
}

// Run implements the command.
func (c *taskTryCmd) Run(a *app) error {
	names := c.Tasks
	if len(names) == 0 {
		names = expert.Tasks()
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return err
	}
	failed := 0
	for _, name := range names {
		task, err := scene.ByName(name)
		if err != nil {
			return err
		}
		n, err := c.try(a, task)
		if err != nil {
			return err
		}
		failed += n
	}
	if failed > 0 {
		return exitCode(1)
	}
	return nil
}

func (c *taskTryCmd) try(a *app, task scene.Task) (failed int, err error) {
	var seconds, wall, physics, render, worst float64
	for n := range c.Seeds {
		seed := c.First + uint64(n)
		t, err := c.attempt(a, task, seed, n < c.Strips)
		if err != nil {
			return failed, err
		}
		if !t.Success {
			failed++
		}
		seconds, wall, physics, render = seconds+t.Seconds, wall+t.Wall, physics+t.Physics.Seconds(), render+t.Render.Seconds()
		worst = max(worst, t.Seconds)
	}
	n := float64(c.Seeds)
	fmt.Fprintf(a.stdout, "%-15s %d of %d; mean %.1f s simulated (longest %.1f), %.2f s wall: physics %.2f, pictures %.2f\n",
		task.Name, c.Seeds-failed, c.Seeds, seconds/n, worst, wall/n, physics/n, render/n)
	return failed, nil
}

// trial is how one attempt of the expert went.
type trial struct {
	Task    string        `json:"task"`
	Seed    uint64        `json:"seed"`
	Setting string        `json:"setting"`
	Success bool          `json:"success"`
	Reason  string        `json:"reason"`
	Steps   int           `json:"steps"`
	Seconds float64       `json:"sim_seconds"`
	Wall    float64       `json:"wall_seconds"`
	Physics time.Duration `json:"physics_ns"`
	Render  time.Duration `json:"render_ns"`
}

// settings of a trial: how the starts differ, and whether the arms are pushed.
const (
	plainSetting  = "plain"
	pushedSetting = "pushed"
	variedSetting = "randomised"
)

// tryExpert lets the expert do a task once; it succeeds or fails, and an error is the simulator's.
func tryExpert(ctx context.Context, cfg rigConfig, push expert.Perturbation, each func(*rig, model.Observation, model.Action)) (t trial, err error) {
	p, err := expert.New(calibration.Default(), expert.DefaultConfig())
	if err != nil {
		return t, err
	}
	began := time.Now()
	r, err := newRig(cfg, p.Manifest())
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	ran := r.run(ctx, p, push, func(obs model.Observation, act model.Action) {
		if each != nil {
			each(r, obs, act)
		}
	})
	if err := ctx.Err(); err != nil {
		return t, err
	}
	if each != nil {
		obs, err := r.observe()
		if err != nil {
			return t, err
		}
		each(r, obs, model.Action{})
	}
	t = trial{
		Task: cfg.Task.Name, Seed: cfg.Seed, Success: r.verdict.Success && ran == nil, Reason: r.verdict.Reason, Steps: r.steps,
		Seconds: r.world.Time().Seconds(), Wall: time.Since(began).Seconds(), Physics: r.physics, Render: r.render,
	}
	if ran != nil {
		t.Reason = ran.Error()
	}
	if !t.Success {
		t.Reason += r.stopped()
	}
	return t, nil
}

// pushes are those of a demonstration with this seed, whether or not its turn has come.
func pushes(seed uint64) expert.Perturbation { return expert.DefaultPerturbation(2*seed + 1) }

func (c *taskTryCmd) attempt(a *app, task scene.Task, seed uint64, strip bool) (trial, error) {
	cfg := rigConfig{Task: task, Seed: seed, Vary: scene.Variation{Clutter: c.Clutter}, Pictures: !c.NoPicture, Size: c.Size, Late: c.Late}
	if c.Vary {
		textures, err := scene.ParseTexture(c.Textures)
		if err != nil {
			return trial{}, err
		}
		cfg.Vary = scene.Everything(textures)
	}
	var push expert.Perturbation
	if c.Perturb {
		push = pushes(seed)
	}
	var frames, films []image.Image
	t, err := tryExpert(a.ctx, cfg, push, func(r *rig, obs model.Observation, act model.Action) {
		if c.Trace {
			c.trace(a, r, obs, act)
		}
		if r.composer == nil {
			return
		}
		frames = append(frames, toImage(obs.Image, obs.Width, obs.Height))
		if strip {
			films = append(films, r.filmFrame())
		}
	})
	if err != nil {
		return t, err
	}
	if !t.Success {
		fmt.Fprintf(a.stdout, "%s seed %d FAILED after %.1f s: %s\n", task.Name, seed, t.Seconds, t.Reason)
	}
	if strip || !t.Success {
		base := filepath.Join(c.Out, fmt.Sprintf("%s_%d", task.Name, seed))
		if len(frames) > 0 {
			err = writeSheet(base+"_sees.png", contact(frames, 10))
		}
		if len(films) > 0 && err == nil {
			err = writeSheet(base+"_film.png", contact(films, 12))
		}
	}
	return t, err
}

// trace prints what was decided.
func (c *taskTryCmd) trace(a *app, r *rig, obs model.Observation, act model.Action) {
	tips := ""
	for _, side := range scene.Sides {
		base, tip := obs.Truth[scene.BaseLink], obs.Truth[scene.GripperTip(side)]
		local := scene.Pose{Position: base.Position, Orientation: base.Orientation}.Local(tip.Position)
		tips += fmt.Sprintf(" %.3f", local)
	}
	fmt.Fprintf(a.stdout, "%3d %5.1fs tips%s widths %.3f %.3f commanded %.3f %.3f  %s\n", r.steps, r.world.Time().Seconds(), tips,
		obs.State[6], obs.State[13], obs.State[14], obs.State[15], r.verdict.Reason)
	if act.Navigation != nil {
		fmt.Fprintf(a.stdout, "      drive %d %.3f\n", act.Navigation.Direction, act.Navigation.Value)
	}
}

// filmFrame is what the film camera sees.
func (r *rig) filmFrame() image.Image {
	const w, h = 320, 240
	rgb, err := r.world.Render(mujoco.FilmCamera, w, h)
	if err != nil {
		return image.NewRGBA(image.Rect(0, 0, w, h))
	}
	return toImage(rgb, w, h)
}

func toImage(rgb []byte, w, h int) image.Image { return rgba(w, h, 3*w, slices.Clone(rgb)) }

func writeSheet(path string, m image.Image) error {
	return writeFile(path, func(w *os.File) error { return png.Encode(w, m) })
}

// contact is a sheet of at most n of the frames, evenly spaced, first and last among them.
func contact(frames []image.Image, n int) image.Image {
	n = min(n, len(frames))
	size := frames[0].Bounds().Size()
	columns := (n + 1) / 2
	rows := (n + columns - 1) / columns
	sheet := image.NewRGBA(image.Rect(0, 0, columns*(size.X+2), rows*(size.Y+2)))
	for k := range n {
		at := 0
		if n > 1 {
			at = k * (len(frames) - 1) / (n - 1)
		}
		x, y := k%columns*(size.X+2), k/columns*(size.Y+2)
		for v := range size.Y {
			for u := range size.X {
				sheet.Set(x+u, y+v, frames[at].At(u, v))
			}
		}
	}
	return sheet
}
