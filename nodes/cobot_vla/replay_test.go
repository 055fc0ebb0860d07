package main

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/recorder/episode"
	"cobot_vla/nodes/recorder/track"
)

// demonstrations records scripted sessions of one robot.
func demonstrations(t testing.TB, dir string, sessions int, args map[string]string) []string {
	t.Helper()
	paths, err := scripted(&app{ctx: t.Context(), stdout: discard{}, stderr: discard{}}, dir, sessions, args)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// motion of the arms in an episode.
func motion(t testing.TB, path string) track.Group {
	t.Helper()
	r, err := episode.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	robot := calibration.Default()
	g := track.NewGroup(len(robot.Arms))
	for m, err := range r.Read("/puppet/joint_left", "/puppet/joint_right") {
		if err != nil {
			t.Fatal(err)
		}
		d, err := m.Decode()
		if err != nil {
			t.Fatal(err)
		}
		j := d.(*msgs.JointState)
		for i, a := range robot.Arms {
			if m.Topic == "/puppet/joint_"+a.Side {
				g[i].Take(a, j.Name, j.Position, m.Stamp.UnixNano())
			}
		}
	}
	return g
}

// TestReplayOntoTheArms: the arms of the simulated robot do again what they did.
func TestReplayOntoTheArms(t *testing.T) {
	path := demonstrations(t, t.TempDir(), 1, nil)[0]
	then := motion(t, path)
	c := replayCmd{Episode: path, Onto: "arms", Motion: "auto", Speed: 1, Sim: true, Launch: []string{"plant:=kinematic"}}
	var now *track.Signal
	if err := c.move(testApp(t), path, func(g *graph) error {
		return g.make("watch", rcl.Args{}, func(_ *graph, n *rcl.Node) error {
			now = &track.Signal{}
			_, err := rcl.Subscribe(n, "puppet/joint_right", rcl.Default, func(m *msgs.JointState, _ rcl.Info) {
				now.Add(m.Header.Stamp.Go().UnixNano(), m.Position)
			})
			return err
		})
	}); err != nil {
		t.Fatal(err)
	}
	// The recorded reach of the right arm's joint 2, at the time it happened again.
	peak := func(s *track.Signal) (int64, float64) {
		at, most := int64(0), -math.MaxFloat64
		for i, v := range s.Values {
			if v[1] > most {
				at, most = s.At[i], v[1]
			}
		}
		return at, most
	}
	a, high := peak(then[1])
	b, again := peak(now)
	if high < 1 || math.Abs(high-again) > 0.01 {
		t.Fatalf("joint 2 reached %.3f rad, and %.3f again", high, again)
	}
	worst := 0.0
	for s := -2.0; s <= 1; s += 0.1 {
		x, _ := then[1].Value(a + int64(s*1e9))
		y, _ := now.Value(b + int64(s*1e9))
		for j := range 6 {
			worst = max(worst, math.Abs(x[j]-y[j]))
		}
	}
	if worst > 0.05 {
		t.Errorf("the motions differ by up to %.3f rad", worst)
	}
}

// recordedDemo is an episode of a policy that works, so long.
func recordedDemo(t *testing.T, demo demoCmd, lasts time.Duration) string {
	t.Helper()
	dir := t.TempDir()
	demo.Out = dir
	a := testApp(t)
	var stop context.CancelFunc
	a.ctx, stop = context.WithCancel(a.ctx)
	defer stop()
	if _, err := demo.run(a, newStatus(discard{}, true), func(g *graph, w *watcher) error {
		if err := g.add("recorder", "recorder", rcl.Args{Params: []rcl.ParamOverride{
			param("recorder", "directory", rcl.StringValue(dir)), param("recorder", "min_free_mib", rcl.IntValue(0)), param("recorder", "task", rcl.StringValue(demo.Instruction)),
		}}); err != nil {
			return err
		}
		return g.make("operator", rcl.Args{}, func(_ *graph, n *rcl.Node) error {
			start, err := rcl.NewClient[msgs.Trigger_Request, msgs.Trigger_Response](n, "recorder/start")
			n.After(lasts, stop)
			n.After(300*time.Millisecond, func() {
				start.Go(&msgs.Trigger_Request{}, func(a *msgs.Trigger_Response, err error) {
					if err != nil || !a.Success {
						t.Errorf("start: %v %+v", err, a)
					}
				})
			})
			return err
		})
	}); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	paths, err := episode.List(dir)
	if err != nil || len(paths) != 1 {
		t.Fatalf("%v %v", paths, err)
	}
	return paths[0]
}

// TestReplayThroughThePolicy: an episode gives the same tokens every time, byte for
// byte, and the tokens that the policy said when it was recorded.
func TestReplayThroughThePolicy(t *testing.T) {
	restless := randomCheckpoint(t)
	for _, name := range []string{"config.json", "model.safetensors"} {
		data, err := os.ReadFile(filepath.Join(golden, "tiny", "lmms", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(restless, name), data)
	}
	for _, c := range []struct {
		demo demoCmd
		fuse bool
	}{
		{demo: demoCmd{Policy: "llavavla", Checkpoint: restless}},
		{demo: demoCmd{Policy: "llavavla", Checkpoint: restless}, fuse: true},
		{demo: demoCmd{Policy: "expert"}},
	} {
		demo := baseDemo("kinematic", 1, 100)
		demo.Policy, demo.Checkpoint = c.demo.Policy, c.demo.Checkpoint
		path := recordedDemo(t, demo, 14*time.Second)
		replay := replayCmd{Episode: path, Policy: demo.Policy, Checkpoint: demo.Checkpoint, Fuse: c.fuse, Every: 0.5}
		var hash string
		for range 2 {
			got, then, err := replay.choices(testApp(t), path)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) < 5 || len(then) < 5 {
				t.Fatalf("%d decisions, %d then", len(got), len(then))
			}
			if hash != "" && got.hash() != hash {
				t.Error("two replays differ")
			}
			hash = got.hash()
			equal := 0
			for _, d := range then {
				if slices.ContainsFunc(got, d.sameTokens) {
					equal++
				}
			}
			t.Logf("%s: %d decisions, %d then, %d of them the same", demo.Policy, len(got), len(then), equal)
			if demo.Policy == "llavavla" && !c.fuse && equal < len(then) {
				t.Errorf("%d of %d decisions are as they were", equal, len(then))
			}
		}
	}
}

// TestReplayOntoTopicsNeedsListeners: a program whose topics nobody hears says so.
func TestReplayOntoTopicsNeedsListeners(t *testing.T) {
	a := testApp(t)
	if a.graph.betweenProcesses() != "" {
		t.Skip("this build has a transport between processes")
	}
	c := replayCmd{Episode: "x"}
	if err := c.publish(a, "x"); !errors.Is(err, errNobodyHears) {
		t.Error(err)
	}
}
