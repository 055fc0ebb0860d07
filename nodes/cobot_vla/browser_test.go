//go:build browser

package main

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cobot_vla/launch"
	"cobot_vla/nodes/dashboard/browsertest"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
	"cobot_vla/nodes/recorder/episode"
)

// onThePage runs a launch file's simulated robot by the wall clock, with a recorder
// and the dashboard for a folder of episodes, and opens the page.
func onThePage(t *testing.T, file, dir, task string, args map[string]string) (*graph, *browsertest.Browser) {
	t.Helper()
	plan, err := planLaunch(file, args)
	if err != nil {
		t.Fatal(err)
	}
	step := rcl.NewLockstep(time.Time{})
	step.Factor = 1
	g := newGraph(testApp(t), intra.New(), step, true)
	page := freeAddress(t)
	for _, x := range plan.Actions {
		if n, ok := x.(*launch.Node); ok && n.Executable != "dashboard" {
			err = errors.Join(err, g.addNode(n))
		}
	}
	params := func(node string, ps ...rcl.ParamOverride) rcl.Args { return rcl.Args{Params: ps} }
	err = errors.Join(err,
		g.add("recorder", "recorder", params("recorder", param("recorder", "directory", rcl.StringValue(dir)), param("recorder", "task", rcl.StringValue(task)), param("recorder", "min_free_mib", rcl.IntValue(0)))),
		g.add("dashboard", "dashboard", params("dashboard", param("dashboard", "listen", rcl.StringValue(page)), param("dashboard", "foxglove", rcl.StringValue("")), param("dashboard", "episodes", rcl.StringValue(dir)))),
	)
	if err != nil {
		t.Fatal(errors.Join(err, g.close()))
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.ctx.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		<-ended
		if err := g.close(); err != nil {
			t.Error(err)
		}
	})
	b := browsertest.Open(t)
	b.Scheme("dark")
	b.Call("Page.navigate", map[string]any{"url": "http://" + page})
	b.Until("pictures", `document.querySelectorAll("figure.live").length >= 3`)
	return g, b
}

// TestBrowserRecordsAndExports: on the whole simulated robot a person clicks Record,
// and Stop, sees the episode in the list, plays it and clicks Export; the training
// set is there and can be read.
func TestBrowserRecordsAndExports(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "episodes")
	g, b := onThePage(t, "teleop.launch.yaml", dir, "wave", map[string]string{
		"sim": "true", "plant": "kinematic", "script": "wave", "sessions": "50",
	})
	b.Size(1440, 1900, 1, false)
	b.Click("#rec-start")
	b.Until("recording", `document.body.classList.contains("recording")`)
	for until := g.ctx.Now().Add(5 * time.Second); g.ctx.Now().Before(until); { // of simulated time
		time.Sleep(50 * time.Millisecond)
	}
	b.Click("#rec-stop")
	b.Until("the episode is in the list", `document.querySelectorAll(".episode.keep img").length === 1`)
	b.Click(".episode.keep")
	b.Until("it has three views", `[...document.querySelectorAll("#player-views img")].filter(i => i.complete && i.naturalWidth > 0).length === 3`)
	b.Click("#player-play")
	b.Until("it plays", `Number(document.querySelector("#player-at").value) > 1`)
	b.Click("#export")
	b.Until("it is exported", `document.querySelector("#export-state").textContent.includes("1 episodes")`)
	if errs := b.Errors(); len(errs) > 0 {
		t.Errorf("the page has errors: %s", strings.Join(errs, "\n"))
	}

	sets, err := filepath.Glob(filepath.Join(dir, exportsFolder, "*"))
	if err != nil || len(sets) != 1 {
		t.Fatalf("%v %v", sets, err)
	}
	back := t.TempDir()
	if out := mustCommand(t, "import", sets[0], "--out", back); !strings.Contains(out, "1 episodes") {
		t.Error(out)
	}
	paths, err := episode.List(back)
	if err != nil || len(paths) != 1 || len(motion(t, paths[0])[0].At) < 100 {
		t.Errorf("%v %v", paths, err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
