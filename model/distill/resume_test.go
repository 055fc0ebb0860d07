package distill

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"cobot_vla/model/train/course"
)

// killed runs a recipe that ends where step ends, as if it had been killed there: nothing is written any more.
func killed(t *testing.T, c Config, data Data, step int) {
	t.Helper()
	c.Report = func(p course.Progress) {
		if p.Step == step {
			runtime.Goexit()
		}
	}
	done, came := make(chan struct{}), false
	go func() {
		defer close(done)
		_, err := Run(context.Background(), c, data)
		came = true
		t.Errorf("%s came through step %d: %v", c.Recipe, step, err)
	}()
	<-done
	if _, err := os.Stat(filepath.Join(c.Out, "manifest.yaml")); came || err == nil {
		t.Errorf("%s left a checkpoint though it was killed in step %d", c.Recipe, step)
	}
}

// TestKilled kills every recipe at a random step and lets it go on: what it leaves is, bit for bit, what a run on
// another number of threads leaves that nobody disturbed.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains")
	}
	toy, err := NewToy(84)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(8, 8))
	whole, again := t.TempDir(), t.TempDir()
	c := DefaultConfig()
	c.Steps, c.Batch, c.History, c.Warmup, c.SaveEvery, c.LookEvery, c.Held = 5, 1, 2, 1, 2, 3, 2
	c.Now = func() time.Time { return time.Time{} }
	for _, recipe := range Recipes() {
		c.Recipe, c.Out, c.Threads = recipe, filepath.Join(whole, string(recipe)), 1
		switch recipe {
		case RecipeAlign:
			c.From, c.Teacher = filepath.Join(whole, string(RecipeBase)), filepath.Join(whole, string(RecipeSeer))
		case RecipeFinetune:
			c.From, c.Teacher = filepath.Join(whole, string(RecipeAlign)), ""
		}
		if _, err := Run(context.Background(), c, toy); err != nil {
			t.Fatal(err)
		}
		cut := c
		cut.Out, cut.Threads = filepath.Join(again, string(recipe)), 2
		step := 3 + rng.IntN(2) // a state of step 2 is there, and more was done
		killed(t, cut, toy, step)
		r, err := Run(context.Background(), cut, toy)
		if err != nil || r.Step != c.Steps {
			t.Fatalf("%s: step %d, %v", recipe, r.Step, err)
		}
		files, err := os.ReadDir(c.Out)
		if err != nil || len(files) < 5 {
			t.Fatalf("%d files, %v", len(files), err)
		}
		for _, f := range files {
			want, err := os.ReadFile(filepath.Join(c.Out, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(cut.Out, f.Name())); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, killed in step %d: %s differs: %v", recipe, step, f.Name(), err)
			}
		}
	}
	c.Rate *= 2
	if _, err := Run(context.Background(), c, toy); err == nil || !strings.Contains(err.Error(), "rate") {
		t.Errorf("a run with another rate went on: %v", err)
	}
}
