package main

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"cobot_vla/launch"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
	"cobot_vla/nodes/recorder/episode"
)

// scripted records sessions of a scripted leader into dir, as `launch teleop.launch.yaml
// sim:=true record:=true` does, but as fast as the machine can. more are launch arguments.
func scripted(a *app, dir string, sessions int, more map[string]string) (paths []string, err error) {
	args := map[string]string{
		"sim": "true", "script": "reach", "sessions": fmt.Sprint(sessions), "record": "true", "episodes": dir,
		"instruction": "reach out and come back", "plant": "kinematic",
	}
	maps.Copy(args, more)
	plan, err := planLaunch("teleop.launch.yaml", args)
	if err != nil {
		return nil, err
	}
	g := newGraph(a, intra.New(), rcl.NewLockstep(time.Time{}), true)
	defer func() { err = errors.Join(err, g.close()) }()
	for _, x := range plan.Actions {
		if n, ok := x.(*launch.Node); ok {
			if err := g.addNode(n); err != nil {
				return nil, err
			}
		}
	}
	end := g.ctx.Now().Add(time.Duration(sessions) * 5 * time.Minute)
	over := scriptOver(g, plan)
	if over == nil {
		return nil, errors.New("no script leads")
	}
	if err := g.ctx.RunUntil(a.ctx, func() bool { return over() || g.ctx.Now().After(end) }); err != nil {
		return nil, err
	}
	if done, over, failed := g.teleop.Sessions(); !over || failed != "" || done != sessions {
		return nil, fmt.Errorf("%d of %d sessions done, over: %v; %s", done, sessions, over, failed)
	}
	return episode.List(dir)
}
