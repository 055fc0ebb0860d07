package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cobot_vla/nodes/policy"
	"cobot_vla/nodes/recorder/episode"
)

func collecting(t *testing.T, dir string, episodes int, jobs int) (stdout string) {
	t.Helper()
	var out bytes.Buffer
	a := testApp(t)
	a.stdout = &out
	c := collectCmd{Tasks: []string{"fetch_bottle"}, Episodes: episodes, Seed: 5, Out: dir, Policy: "expert", Perturbed: 0.5, PushRate: 0.2, PushSize: 0.03, PushHold: 3,
		rolloutFlags: rolloutFlags{Latency: 100 * time.Millisecond, Jobs: jobs, Plant: "kinematic"}}
	if err := c.Run(a); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// hashes of the episodes' files, by name.
func hashes(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "*.mcap"))
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		sums[filepath.Base(f)] = hex.EncodeToString(sum[:])
	}
	return sums
}

// TestCollect records demonstrations, goes on where it was stopped, and gets the same bytes with any number of jobs.
func TestCollect(t *testing.T) {
	t.Chdir(t.TempDir()) // episodes tell the recorder's folder: it is the same for both
	collecting(t, "out", 1, 1)
	said := collecting(t, "out", 3, 2)
	if !strings.Contains(said, "3 demonstrations of fetch_bottle") {
		t.Errorf("said %s", said)
	}
	first := hashes(t, "out")
	if len(first) != 3 {
		t.Fatalf("episodes %v", first)
	}
	if err := os.Rename("out", "before"); err != nil {
		t.Fatal(err)
	}
	collecting(t, "out", 3, 1)
	for name, sum := range hashes(t, "out") {
		if first[name] != sum {
			t.Errorf("%s differs between two runs", name)
		}
	}
	demonstrates(t, "out/fetch_bottle")

	// One that was being recorded when a collection was cut is nothing to learn from, and in nobody's way.
	cut := filepath.Join("out", "fetch_bottle", episode.Name(99))
	err := errors.Join(os.Mkdir(cut, 0o777), os.WriteFile(filepath.Join(cut, episode.Name(99)+".mcap"), []byte("cut"), 0o666))
	if err != nil {
		t.Fatal(err)
	}
	if tasks, _, err := (&trainPrepareCmd{Folders: []string{"out"}}).find(); err != nil || len(tasks["fetch_bottle"]) != 3 {
		t.Errorf("to learn from: %v, %v", tasks, err)
	}
	if err := os.RemoveAll(cut); err != nil {
		t.Fatal(err)
	}

	// What was demonstrated is what precisions can be compared on: 7 observations of 3 episodes.
	c := modelAccuracyCmd{Observations: 7, Episodes: "out/fetch_bottle"}
	all, err := c.demonstrated()
	if err != nil || len(all) != 7 {
		t.Fatal(len(all), err)
	}
	for _, obs := range all {
		if obs.Instruction == "" || !obs.Mobile || len(obs.Image) != 3*obs.Width*obs.Height || len(obs.State) == 0 {
			t.Errorf("observation of %q, %d state, image %d x %d in %d bytes", obs.Instruction, len(obs.State), obs.Width, obs.Height, len(obs.Image))
		}
	}
}

// demonstrates checks that an episode has a label for every observation, of both kinds.
func demonstrates(t *testing.T, dir string) {
	t.Helper()
	paths, err := episode.List(dir)
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	r, err := episode.Open(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := map[string]int{}
	for m, err := range r.Read() {
		if err != nil {
			t.Fatal(err)
		}
		n[m.Topic]++
	}
	labels := n[policy.DemonstratedNavigation] + n[policy.DemonstratedManipulation]
	if n[policy.DemonstratedNavigation] < 10 || n[policy.DemonstratedManipulation] < 10 || labels != n[policy.DemonstratedState] || labels < n["/observation/image"]-2 {
		t.Errorf("messages %v", n)
	}
}

func TestPushedPart(t *testing.T) {
	for _, part := range []float64{0, 0.25, 0.5, 1} {
		n := 0
		for seed := range uint64(100) {
			if pushed(seed, part) {
				n++
			}
		}
		if float64(n) != 100*part {
			t.Errorf("%d of 100 episodes are perturbed, wanted %g", n, 100*part)
		}
	}
}

// TestLedgerSurvivesACut reads a file whose last line was not written whole.
func TestLedgerSurvivesACut(t *testing.T) {
	path := filepath.Join(t.TempDir(), ledgerFile)
	l, err := openLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, seed := range []uint64{2, 1, 3} {
		if err := l.add(attempt{Seed: seed, Success: seed != 2}); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:len(data)-9], 0o644); err != nil {
		t.Fatal(err)
	}
	if l, err = openLedger(path); err != nil {
		t.Fatal(err)
	}
	if l.kept(false) != 1 || l.failed() != 1 || l.has(3) {
		t.Errorf("%+v", l.done)
	}
	if err := os.WriteFile(path, []byte("{\"seed\":1}\n{broken\n{\"seed\":2}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := openLedger(path); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a broken line: %v", err)
	}
}

func TestCollectStops(t *testing.T) {
	a := testApp(t)
	ctx, cancel := context.WithCancel(a.ctx)
	a.ctx = ctx
	cancel()
	c := collectCmd{Tasks: []string{"fetch_bottle"}, Episodes: 2, Out: t.TempDir(), Policy: "expert", rolloutFlags: rolloutFlags{Jobs: 2, Plant: "kinematic"}}
	if err := c.Run(a); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("stopped: %v", err)
	}
}
