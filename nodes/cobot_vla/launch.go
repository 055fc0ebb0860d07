package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/launch"
	"cobot_vla/nodes/rcl"
)

// launchCmd runs a launch file.
type launchCmd struct {
	File      string   `arg:"" help:"Launch file: a path, or the name of one that ships with cobot_vla, e.g. sim.launch.yaml."`
	Args      []string `arg:"" optional:"" help:"Launch arguments, name:=value."`
	ShowArgs  bool     `help:"List the file's arguments and stop." short:"s"`
	Print     bool     `help:"Print what would be started and stop." short:"p"`
	Processes bool     `help:"Run each node in a process of its own. Needs a transport between processes."`
	Transport string   `help:"What carries the messages of the nodes in this process: intra is this process alone." default:"intra"`
}

// launchConfig finds launch and parameter files: installed ones first, then those compiled in.
func launchConfig() launch.Config {
	share := launch.Own()
	share["calibration"] = calibration.Files()
	return launch.Config{Env: os.Environ(), Embedded: map[string]launch.Share{"cobot_vla": share}}
}

// loadLaunch reads a launch file by path or by its name in the package.
func loadLaunch(name string) (*launch.File, error) {
	cfg := launchConfig()
	if _, err := os.Stat(name); err != nil && !strings.ContainsRune(name, filepath.Separator) {
		located, err := launch.Locate(cfg, "cobot_vla", name)
		if err != nil {
			return nil, err
		}
		name = located
	}
	return launch.Load(cfg, name)
}

// planLaunch reads a launch file and resolves it with arguments.
func planLaunch(name string, args map[string]string) (*launch.Plan, error) {
	f, err := loadLaunch(name)
	if err != nil {
		return nil, err
	}
	return f.Plan(args)
}

// Run implements the command.
func (c *launchCmd) Run(a *app) error {
	f, err := loadLaunch(c.File)
	if err != nil {
		return err
	}
	if c.ShowArgs {
		return f.ShowArguments(a.stdout)
	}
	args, err := launch.ParseArguments(c.Args)
	if err != nil {
		return err
	}
	if c.Processes && a.graph.betweenProcesses() == "" {
		return fmt.Errorf("--processes needs a transport between processes: build with -tags ros2 (in a sourced ROS 2) or -tags dds (Debian's cyclonedds-dev)")
	}
	if c.Processes && declares(f, "socket_dir") && args["socket_dir"] == "" { // the simulator's CAN buses as sockets
		dir, err := os.MkdirTemp("", "cobot_vla_can_")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		args["socket_dir"], args["bus"] = dir, "unix:"+dir+"/"
	}
	plan, err := f.Plan(args)
	if err != nil {
		return err
	}
	if c.Print {
		_, err := fmt.Fprint(a.stdout, plan)
		return err
	}
	if c.Processes {
		return c.processes(a, plan)
	}
	transport, err := a.graph.open(c.Transport, &a.log)
	if err != nil {
		return err
	}
	return runPlan(a, plan, transport)
}

// declares says whether a launch file has an argument.
func declares(f *launch.File, name string) bool {
	for _, a := range f.Arguments() {
		if a.Name == name {
			return true
		}
	}
	return false
}

// own says whether a node of a plan is one of ours.
func own(n *launch.Node) bool { return n.Package == "cobot_vla" }

// runPlan runs our nodes in this process and the others beside it.
func runPlan(a *app, plan *launch.Plan, transport rcl.Transport) error {
	simulated := false
	for _, x := range plan.Actions {
		if n, ok := x.(*launch.Node); ok && own(n) && n.Executable == "sim" {
			simulated = true
		}
	}
	var exec rcl.Executor = rcl.NewRealTime()
	if simulated {
		step := rcl.NewLockstep(time.Time{})
		step.Factor = 1 // people watch it
		exec = step
	}
	g := newGraph(a, transport, exec, simulated)
	others := &launch.Plan{File: plan.File, Warnings: plan.Warnings}
	var err error
	for _, x := range plan.Actions {
		if n, ok := x.(*launch.Node); ok && own(n) {
			err = errors.Join(err, g.addNode(n))
			continue
		}
		others.Actions = append(others.Actions, x)
	}
	if err != nil {
		return errors.Join(err, g.close())
	}
	ctx, cancel := context.WithCancel(a.ctx)
	defer cancel()
	foreign := make(chan error, 1)
	go func() {
		runner := launch.Runner{Screen: a.stdout}
		foreign <- runner.Run(ctx, others)
	}()
	over := scriptOver(g, plan)
	runErr := g.ctx.RunUntil(ctx, over)
	if errors.Is(runErr, context.Canceled) {
		runErr = nil
	}
	if over != nil && over() {
		if done, _, failed := g.teleop.Sessions(); failed != "" {
			runErr = errors.Join(runErr, fmt.Errorf("the script ended in session %d: %s", done+1, failed))
		}
	}
	a.log.Info().Msg("coming to rest")
	closeErr := g.close()
	cancel()
	return errors.Join(runErr, closeErr, <-foreign)
}

// scriptOver is when a plan ends by itself: with the last session of its scripted
// leader, unless a dashboard is there, on which somebody may look at it. nil is never.
func scriptOver(g *graph, plan *launch.Plan) func() bool {
	for _, x := range plan.Actions {
		if n, ok := x.(*launch.Node); ok && own(n) && n.Executable == "dashboard" {
			return nil
		}
	}
	if g.teleop == nil || !g.teleop.Scripted() {
		return nil
	}
	return func() bool {
		_, over, _ := g.teleop.Sessions()
		return over
	}
}

// processes runs every node in a process of its own.
func (c *launchCmd) processes(a *app, plan *launch.Plan) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	runner := launch.Runner{
		Screen: a.stdout,
		Command: func(n *launch.Node) ([]string, error) {
			if own(n) {
				return append(append([]string{self}, a.graph.argv()...), "node", n.Executable), nil
			}
			return nil, nil
		},
	}
	return runner.Run(a.ctx, plan)
}
