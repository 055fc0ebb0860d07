package main

import (
	"errors"
	"testing"

	"cobot_vla/launch"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

// TestLaunchFilesStart makes every node of every launch file of a robot, with the
// parameter files that ship: a parameter that no node knows is an error.
func TestLaunchFilesStart(t *testing.T) {
	for file, args := range map[string]map[string]string{
		"cobot_magic.launch.yaml": {"policy": "expert"},
		"teleop.launch.yaml":      {},
		"record.launch.yaml":      {"episodes": t.TempDir(), "dashboard": "false"},
	} {
		plan, err := planLaunch(file, args)
		if err != nil {
			t.Fatal(err)
		}
		g := newGraph(testApp(t), intra.New(), rcl.NewRealTime(), true)
		nodes := 0
		for _, x := range plan.Actions {
			if n, ok := x.(*launch.Node); ok && own(n) {
				err = errors.Join(err, g.addNode(n))
				nodes++
			}
		}
		if err = errors.Join(err, g.close()); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if nodes < 4 {
			t.Errorf("%s starts %d nodes", file, nodes)
		}
	}
}

// TestNamespacedRobot runs a second robot's nodes beside the first: nothing may clash.
func TestNamespacedRobot(t *testing.T) {
	g := newGraph(testApp(t), intra.New(), rcl.NewRealTime(), true)
	for _, ns := range []string{"/one", "/two"} {
		plan, err := planLaunch("cobot_magic.launch.yaml", map[string]string{"namespace": ns, "cameras": "external", "policy": "expert"})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range plan.Actions {
			if n, ok := x.(*launch.Node); ok && own(n) {
				if err := g.addNode(n); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := g.close(); err != nil {
		t.Fatal(err)
	}
}
