package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"cobot_vla/calibration"
	camdriver "cobot_vla/drivers/camera"
	"cobot_vla/drivers/can"
	"cobot_vla/drivers/input"
	"cobot_vla/launch"
	"cobot_vla/nodes/arm"
	"cobot_vla/nodes/base"
	"cobot_vla/nodes/camera"
	"cobot_vla/nodes/camerafusion"
	"cobot_vla/nodes/dashboard"
	"cobot_vla/nodes/policy"
	"cobot_vla/nodes/proprioception"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/recorder"
	"cobot_vla/nodes/recorder/playback"
	"cobot_vla/nodes/robotdescription"
	"cobot_vla/nodes/sim"
	"cobot_vla/nodes/supervisor"
	"cobot_vla/nodes/teleop"
)

// graph is the nodes of this process.
type graph struct {
	ctx *rcl.Context
	// buses opens CAN interfaces: the machine's, or, beside a simulator in this process, its virtual ones.
	buses   can.Opener
	network *can.Network // of a simulator in this process; nil without one
	simDir  string       // where a simulator serves its buses to other processes; "" for none

	// open makes the policy node's policy; openPolicy unless somebody wants it another way.
	open policy.Open
	// loss loses frames of the simulator's cameras; nil loses none.
	loss *losses

	sim    *sim.Node
	arms   *arm.Node
	teleop *teleop.Node
	all    map[string]*member // by full name
}

// member is one node of the graph and how to make it again.
type member struct {
	name string
	args rcl.Args
	make build
	node *rcl.Node
}

// build makes one node; the name in the graph is what args make of name.
type build func(g *graph, n *rcl.Node) error

// builders are the node executables of the package, by the names that launch files use.
func builders() map[string]build {
	return map[string]build{
		"supervisor": func(_ *graph, n *rcl.Node) error {
			_, err := supervisor.New(n, supervisor.DefaultConfig())
			return err
		},
		"arm": func(g *graph, n *rcl.Node) (err error) {
			g.arms, err = arm.New(n, arm.DefaultConfig(), g.buses)
			return err
		},
		"base": func(g *graph, n *rcl.Node) error {
			_, err := base.New(n, base.DefaultConfig(), g.buses)
			return err
		},
		"camera": func(_ *graph, n *rcl.Node) error {
			_, err := camera.NewDevice(n, camera.DefaultConfig())
			return err
		},
		"camera_fusion": func(_ *graph, n *rcl.Node) error {
			_, err := camerafusion.New(n, camerafusion.DefaultConfig(), openViews)
			return err
		},
		"proprioception": func(_ *graph, n *rcl.Node) error {
			_, err := proprioception.New(n, proprioception.DefaultConfig(), openEncoder)
			return err
		},
		"policy": func(g *graph, n *rcl.Node) error {
			_, err := policy.New(n, policy.DefaultConfig(), g.open)
			return err
		},
		"robot_description": func(_ *graph, n *rcl.Node) error {
			_, err := robotdescription.New(n, robotdescription.DefaultConfig())
			return err
		},
		"teleop": func(g *graph, n *rcl.Node) (err error) {
			g.teleop, err = teleop.New(n, teleop.DefaultConfig(), input.System{})
			return err
		},
		"recorder": func(_ *graph, n *rcl.Node) error {
			_, err := recorder.New(n, recorder.DefaultConfig())
			return err
		},
		"playback": func(_ *graph, n *rcl.Node) error {
			_, err := playback.New(n, playback.DefaultConfig())
			return err
		},
		"dashboard": func(_ *graph, n *rcl.Node) error {
			_, err := dashboard.New(n, dashboard.DefaultConfig(), openLibrary)
			return err
		},
		"sim": buildSim,
	}
}

// executables lists the names that builders knows.
func executables() []string { return slices.Sorted(maps.Keys(builders())) }

// add makes the node of an executable; name is its name unless args say another.
func (g *graph) add(exec, name string, args rcl.Args) error {
	make, ok := builders()[exec]
	if !ok {
		return fmt.Errorf("cobot_vla has no node %q; it has %s", exec, strings.Join(executables(), ", "))
	}
	return g.make(name, args, make)
}

func (g *graph) make(name string, args rcl.Args, make build) error {
	n, err := g.ctx.Add(name, args, func(n *rcl.Node) error {
		if err := make(g, n); err != nil {
			return fmt.Errorf("%s: %w", n.FullName(), err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	g.all[n.FullName().String()] = &member{name: name, args: args, make: make, node: n}
	return nil
}

// addCamera makes the camera node that publishes a simulator's pictures. It is
// named after the camera's topics: /camera_f is node camera_f.
func (g *graph) addCamera(c calibration.Camera, src camdriver.Source, rate float64) error {
	name := strings.Trim(strings.ReplaceAll(c.Namespace, "/", "_"), "_")
	if g.loss != nil {
		src = g.loss.of(src)
	}
	make := func(g *graph, n *rcl.Node) error {
		cfg := camera.DefaultConfig()
		cfg.Namespace, cfg.Rate = c.Namespace, rate
		_, err := camera.New(n, cfg, src)
		return err
	}
	return g.make(name, rcl.Args{}, make)
}

// kill ends a node as a crash would.
func (g *graph) kill(fullName string) error {
	m := g.all[fullName]
	if m == nil {
		return fmt.Errorf("no node %s here", fullName)
	}
	m.node.Kill()
	return nil
}

// revive makes a killed node again, as respawn does.
func (g *graph) revive(fullName string) error {
	m := g.all[fullName]
	if m == nil {
		return fmt.Errorf("no node %s here", fullName)
	}
	return g.make(m.name, m.args, m.make)
}

// newGraph makes an empty graph. With a simulator in it, time is the
// simulator's and CAN buses are virtual; else they are the machine's.
func newGraph(a *app, transport rcl.Transport, exec rcl.Executor, simulated bool) *graph {
	g := &graph{
		ctx:  rcl.New(rcl.Options{Transport: transport, Executor: exec, Log: &a.log, LogOutput: a.console}),
		open: openPolicy,
		all:  map[string]*member{},
	}
	if simulated {
		g.network = can.NewNetwork()
		g.buses = g.network
	} else {
		g.buses = can.System{}
	}
	return g
}

// addNode makes the node that a launch plan asks for; more parameters win over the plan's.
func (g *graph) addNode(n *launch.Node, more ...rcl.ParamOverride) error {
	dir, err := os.MkdirTemp("", "cobot_vla_params_")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	argv, err := n.Arguments(dir)
	if err != nil {
		return err
	}
	args, rest, err := rcl.ParseArgs(argv)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("node %s takes no arguments besides --ros-args, not %q", n.Executable, rest)
	}
	if err == nil {
		args.Params = append(args.Params, more...)
		err = g.add(n.Executable, n.Executable, args)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", n.Where, err)
	}
	return nil
}

// close lets the robot come to rest and ends every node.
func (g *graph) close() error {
	const limit = 5 * time.Second // the base brakes from full speed within 1 s
	return errors.Join(g.ctx.Shutdown(limit))
}
