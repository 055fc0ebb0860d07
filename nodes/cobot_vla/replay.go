package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cobot_vla/launch"
	"cobot_vla/nodes/dashboard"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
	"cobot_vla/nodes/recorder/playback"
)

// replayCmd plays an episode again.
type replayCmd struct {
	Episode     string   `arg:"" help:"File of the episode, or its folder."`
	Launch      []string `arg:"" optional:"" help:"Onto the arms: arguments of teleop.launch.yaml, name:=value, whose nodes move them."`
	Onto        string   `help:"topics: the messages, at their times; arms: the motion, through the arm node with every limit; policy: what a policy says to it, token for token." enum:"topics,arms,policy" default:"topics"`
	Speed       float64  `help:"1 is as it was." default:"1"`
	Motion      string   `help:"Onto the arms: command, leader or measured; auto is the first that is there." enum:"auto,command,leader,measured" default:"auto"`
	Sim         bool     `help:"Onto the arms of the simulated robot."`
	Prefix      string   `help:"Onto topics: goes before every topic, e.g. /replay."`
	Dashboard   bool     `help:"Onto topics: show them on http://127.0.0.1:8080."`
	Policy      string   `help:"Which policy: expert, llavavla." default:"llavavla"`
	Checkpoint  string   `help:"Folder of the policy's checkpoint." type:"existingdir"`
	Instruction string   `help:"What the policy is told; default: the recorded instruction, or the episode's task."`
	Calibration string   `help:"The robot's calibration file, for the policy; default: the factory's." type:"existingfile"`
	Fuse        bool     `help:"Make the policy's observations anew from cameras and joints, although the episode has those it was recorded with."`
	Every       float64  `help:"Time between two decisions where the episode has none to follow [s]." default:"0.5"`
	Out         string   `help:"File for the policy's decisions, a line of JSON each."`

	factor float64 // simulated seconds a wall second
}

// Run implements the command.
func (c *replayCmd) Run(a *app) error {
	paths, err := listEpisodes([]string{c.Episode})
	if err != nil {
		return err
	}
	if len(paths) != 1 {
		return fmt.Errorf("%s has %d episodes: say which", c.Episode, len(paths))
	}
	c.factor = 1
	switch c.Onto {
	case "policy":
		return c.decide(a, paths[0])
	case "arms":
		return c.move(a, paths[0], nil)
	}
	return c.publish(a, paths[0])
}

// addPlayback makes the player.
func addPlayback(g *graph, change func(*playback.Config)) (*playback.Node, error) {
	cfg := playback.DefaultConfig()
	change(&cfg)
	var p *playback.Node
	err := g.make("playback", rcl.Args{}, func(_ *graph, n *rcl.Node) (err error) {
		p, err = playback.New(n, cfg)
		return err
	})
	return p, err
}

var errNobodyHears = errors.New("this build has no transport between processes, so nobody would hear the topics: show them with --dashboard, or build with -tags dds")

// publish plays onto topics, for whoever hears them.
func (c *replayCmd) publish(a *app, path string) error {
	name := a.graph.betweenProcesses()
	if name == "" {
		name = "intra"
		if !c.Dashboard {
			return errNobodyHears
		}
	}
	transport, err := a.graph.open(name, &a.log)
	if err != nil {
		return err
	}
	g := newGraph(a, transport, rcl.NewRealTime(), false)
	if c.Dashboard {
		err = g.make("dashboard", rcl.Args{}, func(_ *graph, n *rcl.Node) error {
			_, err := dashboard.New(n, dashboard.DefaultConfig(), openLibrary)
			return err
		})
	}
	p, err2 := addPlayback(g, func(cfg *playback.Config) { cfg.Path, cfg.Speed, cfg.Prefix = path, c.Speed, c.Prefix })
	if err = errors.Join(err, err2); err != nil {
		return errors.Join(err, g.close())
	}
	return c.playOut(a, g, p)
}

// move plays onto the arms of teleop.launch.yaml's robot; beside, which may be nil, adds nodes to it.
func (c *replayCmd) move(a *app, path string, beside func(*graph) error) error {
	args, err := launch.ParseArguments(c.Launch)
	if err != nil {
		return err
	}
	if c.Sim {
		args["sim"] = "true"
	}
	if args["cameras"] == "" {
		args["cameras"] = "external"
	}
	plan, err := planLaunch("teleop.launch.yaml", args)
	if err != nil {
		return err
	}
	var exec rcl.Executor = rcl.NewRealTime()
	simulated := args["sim"] == "true"
	if simulated {
		step := rcl.NewLockstep(time.Time{})
		step.Factor = c.factor
		exec = step
	}
	g := newGraph(a, intra.New(), exec, simulated)
	for _, x := range plan.Actions {
		if n, ok := x.(*launch.Node); ok && own(n) {
			err = errors.Join(err, g.addNode(n))
		}
	}
	if err == nil && beside != nil {
		err = beside(g)
	}
	if err != nil {
		return errors.Join(err, g.close())
	}
	p, err := addPlayback(g, func(cfg *playback.Config) {
		cfg.Path, cfg.Onto, cfg.Speed, cfg.Motion = path, "arms", c.Speed, c.Motion
	})
	if err != nil {
		return errors.Join(err, g.close())
	}
	return c.playOut(a, g, p)
}

// playOut runs until the episode is over.
func (c *replayCmd) playOut(a *app, g *graph, p *playback.Node) error {
	ctx, cancel := context.WithCancel(a.ctx)
	defer cancel()
	go func() {
		select {
		case <-p.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	err := g.ctx.Run(ctx)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	over := false
	select {
	case <-p.Done():
		over = true
		err = errors.Join(err, p.Err())
	default:
	}
	err = errors.Join(err, g.close())
	if err == nil && over {
		fmt.Fprintf(a.stdout, "%s: played, %d messages\n", c.Episode, p.Played())
	}
	return err
}
