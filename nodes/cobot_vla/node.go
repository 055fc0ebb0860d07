package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cobot_vla/drivers/can"
	"cobot_vla/nodes/rcl"
)

// nodeCmd runs one node.
type nodeCmd struct {
	Args []string `arg:"" name:"node" help:"Name of the node's executable, then --ros-args."`
}

// Run implements the command.
func (c *nodeCmd) Run(a *app) error {
	exec := c.Args[0]
	if _, ok := builders()[exec]; !ok {
		return fmt.Errorf("no node %q; there are %s", exec, strings.Join(executables(), ", "))
	}
	args, rest, err := rcl.ParseArgs(c.Args[1:])
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("node %s takes no arguments besides --ros-args, not %q", exec, rest)
	}
	name := a.graph.betweenProcesses()
	if name == "" {
		name = "intra"
		a.log.Warn().Msg("this build has no transport between processes: the node will hear nobody; build with -tags ros2 or -tags dds")
	}
	transport, err := a.graph.open(name, &a.log)
	if err != nil {
		return err
	}
	executor, clock, err := executorFor(exec, args)
	if err != nil {
		return errors.Join(err, transport.Close())
	}
	g := newGraph(a, transport, executor, exec == "sim")
	g.simDir = simDir(a.graph.Domain)
	if clock != nil { // beside a simulator, whose buses stand for the machine's
		g.buses = can.System{UnixDir: g.simDir}
	}
	if err := g.add(exec, exec, args); err != nil {
		return errors.Join(err, g.close())
	}
	if clock != nil {
		for _, n := range g.ctx.Nodes() {
			if err := errors.Join(clock.Follow(n), watchClock(a.ctx, n, clock)); err != nil {
				return errors.Join(err, g.close())
			}
		}
	}
	err = g.ctx.Run(a.ctx)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, g.close())
}

// simDir is where a simulator of a domain serves its CAN buses on this machine.
func simDir(domain int) string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("cobot_vla_%d_domain_%d", os.Getuid(), domain))
}

// executorFor is the clock of a node's process: the simulator makes the time, at
// the wall's pace; beside it (use_sim_time) others follow /clock; else it is the machine's.
func executorFor(exec string, args rcl.Args) (rcl.Executor, *rcl.RealTime, error) {
	if exec == "sim" {
		step := rcl.NewLockstep(time.Time{})
		step.Factor = 1
		return step, nil, nil
	}
	simulated, err := args.UseSimTime(exec)
	switch {
	case err != nil:
		return nil, nil, err
	case simulated:
		clock := rcl.NewClockTopic()
		return clock, clock, nil
	}
	return rcl.NewRealTime(), nil, nil
}
