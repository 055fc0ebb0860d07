//go:build mujoco

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobot_vla/model/eval"
)

// TestMujocoFetchesTheBottle is the demo as `make demo` runs it, with contact
// physics and pictures, at inference times that make it asynchronous and synchronous.
func TestMujocoFetchesTheBottle(t *testing.T) {
	for _, latency := range []float64{0, 1200} {
		demo := baseDemo("mujoco", 1, latency)
		demo.Out, demo.NoFilm = t.TempDir(), false
		r, err := demo.run(testApp(t), newStatus(discard{}, true), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Success || len(r.Errors) > 0 {
			t.Errorf("inference %.0f ms: %s; errors %q, warnings %q", latency, r.Reason, r.Errors, r.Warnings)
		}
		if info, err := os.Stat(filepath.Join(demo.Out, "film.gif")); err != nil || info.Size() < 100_000 {
			t.Errorf("film: %v", err)
		}
	}
}

// TestMujocoThreeEpisodes evaluates the expert at a short task, through the whole graph, as any policy is.
func TestMujocoThreeEpisodes(t *testing.T) {
	c := evaluation(t.TempDir())
	c.Tasks, c.Settings, c.Episodes, c.Plant = []string{"click_bell"}, []string{eval.Seen}, 3, "mujoco"
	if lines, said := evaluate(t, c); !strings.Contains(said, "3/3") {
		t.Errorf("%s\n%s", said, lines)
	}
}
