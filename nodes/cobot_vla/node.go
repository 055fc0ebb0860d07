package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
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
	if !betweenProcesses {
		a.log.Warn().Msg("this build has no transport between processes: the node will hear nobody; build with -tags ros2 or -tags dds")
	}
	simulated := exec == "sim"
	var executor rcl.Executor = rcl.NewRealTime()
	if simulated {
		step := rcl.NewLockstep(time.Time{})
		step.Factor = 1
		executor = step
	}
	g := newGraph(a, intra.New(), executor, simulated)
	if err := g.add(exec, exec, args); err != nil {
		return errors.Join(err, g.close())
	}
	err = g.ctx.Run(a.ctx)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, g.close())
}
