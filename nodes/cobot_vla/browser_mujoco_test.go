//go:build browser && mujoco

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobot_vla/nodes/dashboard/browsertest"
	"cobot_vla/nodes/recorder/episode"
)

// collected is a folder of demonstrations of several tasks, one of them discarded.
func collected(t *testing.T) string {
	t.Helper()
	root, dir := t.TempDir(), filepath.Join(t.TempDir(), "episodes")
	for i, task := range []string{"click_bell", "pick_block", "close_drawer", "lift_pot", "stack_cups"} {
		c := collectCmd{
			Tasks: []string{task}, Episodes: 1, Seed: uint64(100*i + 1), Out: root, Policy: "expert", rolloutFlags: rolloutFlags{Plant: "mujoco", Latency: 1e8},
		}
		if err := c.Run(testApp(t)); err != nil {
			t.Fatal(err)
		}
		paths, err := episode.List(filepath.Join(root, task))
		if err != nil || len(paths) != 1 {
			t.Fatalf("%s: %v, %v", task, paths, err)
		}
		if task == "lift_pot" {
			if _, err := episode.Judge(paths[0], episode.Discard, "too slow"); err != nil {
				t.Fatal(err)
			}
		}
		folder := filepath.Dir(paths[0])
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(folder, filepath.Join(dir, filepath.Base(folder))); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestBrowserShowsTheDemo: the page while the robot fetches the bottle and all of it is
// recorded, on a desk and on a phone; then the episode among those of other tasks. The
// README's pictures are from here.
func TestBrowserShowsTheDemo(t *testing.T) {
	_, b := onThePage(t, "sim.launch.yaml", collected(t), "move to the table and fetch the bottle", map[string]string{"latency_s": "0.1"})
	b.Size(1440, 1500, 1, false)
	b.Click("#rec-start")
	b.Until("recording", `document.body.classList.contains("recording")`)
	b.Until("the bottle is being lifted", `(() => { const c = document.querySelector("#chip-verdict").textContent; return c.includes("success") || parseInt(c.replace(/^\D+/, "")) >= 60 })()`)
	b.Shot("desktop")
	b.Size(390, 844, 2, true)
	b.Until("pictures", `document.querySelectorAll("figure.live").length >= 4`)
	b.Shot("phone")
	if wide := browsertest.Eval[int](b, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
		t.Errorf("on a phone the page is %d px too wide", wide)
	}
	b.Size(1440, 1900, 1, false)
	b.Until("success", `document.querySelector("#chip-verdict").textContent.includes("success")`)
	b.Click("#rec-stop")
	b.Until("all episodes are in the list", `(() => { const all = [...document.querySelectorAll(".episode img")]; return all.length === 6 && all.every(i => { i.loading = "eager"; return i.complete && i.naturalWidth > 0 }) })()`)
	b.Click(".episode.keep")
	b.Until("it has three views", `[...document.querySelectorAll("#player-views img")].filter(i => i.complete && i.naturalWidth > 0).length === 3`)
	b.Click("#player-play")
	b.Until("it plays to where the bottle is grasped", `Number(document.querySelector("#player-at").value) > 0.8 * Number(document.querySelector("#player-at").max)`)
	b.ShotOf("episodes", "#episodes")
	b.Size(390, 844, 2, true)
	b.ShotOf("phone-episodes", "#episodes")
	if errs := b.Errors(); len(errs) > 0 {
		t.Errorf("the page has errors: %s", strings.Join(errs, "\n"))
	}
}
