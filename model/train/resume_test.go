package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/train/course"
)

var killedDir = flag.String("train.dir", "", "folder of the run of TestKilledRun, which TestKilled starts and kills")

// smallRun has steps of milliseconds.
func smallRun(t testing.TB) (Config, *Toy) {
	c, toy := toyRun(t, 168)
	c.Batch, c.Micro, c.Steps, c.SaveEvery, c.Warmup, c.Precision, c.Held = 4, 2, 12, 3, 2, cpu.F32, 2
	return c, toy
}

// TestKilledRun is the run that TestKilled kills.
func TestKilledRun(t *testing.T) {
	if *killedDir == "" {
		t.Skip("TestKilled runs it")
	}
	c, toy := smallRun(t)
	c.Out = *killedDir
	if _, err := Run(context.Background(), c, toy); err != nil {
		t.Fatal(err)
	}
}

// TestKilled kills a run at random moments until it comes through: the weights are those, bit for
// bit, of a run on another number of threads that nobody disturbed.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains")
	}
	c, toy := smallRun(t)
	c.Threads = 1
	start := time.Now()
	if _, err := Run(context.Background(), c, toy); err != nil {
		t.Fatal(err)
	}
	whole := time.Since(start)
	dir, rng := t.TempDir(), rand.New(rand.NewPCG(1, 1))
	kills := 0
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration((0.2+0.5*rng.Float64())*float64(whole)))
		if kills >= 4 {
			cancel()
			ctx, cancel = context.WithCancel(context.Background())
		}
		out, err := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestKilledRun$", "-train.dir="+dir).CombinedOutput()
		killed := ctx.Err() != nil
		cancel()
		if !killed {
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			break
		}
		kills++
	}
	t.Logf("killed %d times", kills)
	for _, name := range []string{course.StateFile, weightsFile, manifestFile, tokenizerFile, "config.json"} {
		want, err := os.ReadFile(filepath.Join(c.Out, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s of the killed run differs", name)
		}
	}
	log, err := os.ReadFile(filepath.Join(dir, course.LogFile))
	if err != nil {
		t.Fatal(err)
	}
	steps := 0
	for _, text := range bytes.Split(bytes.TrimSpace(log), []byte("\n")) {
		var line struct {
			Step int
			Loss *float64
		}
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatal(err)
		}
		if line.Loss != nil {
			steps++
			if line.Step != steps {
				t.Errorf("line %d of the log is step %d", steps, line.Step)
			}
		}
	}
	if steps != c.Steps {
		t.Errorf("the log has %d steps of %d", steps, c.Steps)
	}
	// Another run does not go on from this one's state.
	c.Rate *= 2
	if _, err := Run(context.Background(), c, toy); err == nil || !strings.Contains(err.Error(), "rate") {
		t.Errorf("a run with another rate went on: %v", err)
	}
}

// TestBudget: the time being up, or the context ended, leaves what can be gone on from.
func TestBudget(t *testing.T) {
	c, toy := smallRun(t)
	clock := time.Time{}
	c.Now = func() time.Time { clock = clock.Add(time.Second); return clock }
	c.Budget = 6 * time.Second
	r, err := Run(context.Background(), c, toy)
	if err != nil || r.Step == 0 || r.Step >= c.Steps {
		t.Fatalf("step %d of %d, %v", r.Step, c.Steps, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.Budget = 0
	c.Report = func(p course.Progress) {
		if p.Step == r.Step+2 {
			cancel()
		}
	}
	ended, err := Run(ctx, c, toy)
	if !errors.Is(err, context.Canceled) || ended.Step != r.Step+2 {
		t.Fatalf("step %d, %v", ended.Step, err)
	}
	c.Report = func(course.Progress) {}
	if r, err = Run(context.Background(), c, toy); err != nil || r.Step != c.Steps || r.Held == nil {
		t.Fatalf("step %d, %v", r.Step, err)
	}
}

// TestFreeze: what is frozen stays as it was, the rest moves.
func TestFreeze(t *testing.T) {
	c, toy := smallRun(t)
	c.Freeze, c.Steps = []string{"vision."}, 1
	r, err := open(c, toy)
	if err == nil {
		err = r.begin()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.class.close()
	before := map[string][]float32{}
	for _, p := range r.s.Tape.Params() {
		if before[p.Name], err = r.s.read(p.Value); err != nil {
			t.Fatal(err)
		}
	}
	examples := make([]Example, c.Batch)
	if err := toy.Sample(1, 0, examples); err != nil {
		t.Fatal(err)
	}
	r.draw = func() ([]Example, error) { return examples, nil }
	if err := r.course.Step(0, r, &course.Progress{}); err != nil {
		t.Fatal(err)
	}
	for _, p := range r.s.Tape.Params() {
		after, err := r.s.read(p.Value)
		if err != nil {
			t.Fatal(err)
		}
		moved := false
		for i, x := range after {
			moved = moved || x != before[p.Name][i]
		}
		if frozen := strings.HasPrefix(p.Name, "vision."); moved == frozen {
			t.Errorf("%s: frozen %v, moved %v", p.Name, frozen, moved)
		}
	}
	c.Freeze = []string{"visoin."}
	if _, err := Run(context.Background(), c, toy); err == nil {
		t.Error("a prefix that no parameter has was taken")
	}
}

// TestAllocations: a step allocates nothing after the first.
func TestAllocations(t *testing.T) {
	c, toy := smallRun(t)
	r, err := open(c, toy)
	if err == nil {
		err = r.begin()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.class.close()
	examples := make([]Example, c.Batch)
	if err := toy.Sample(1, 0, examples); err != nil {
		t.Fatal(err)
	}
	r.draw = func() ([]Example, error) { return examples, nil }
	var p course.Progress
	step := 0
	one := func() {
		if err := r.course.Step(step, r, &p); err != nil {
			t.Fatal(err)
		}
		step++
	}
	one()
	if n := testing.AllocsPerRun(3, one); n > 12 { // for the goroutines of the copies
		t.Errorf("a step allocates %v times", n)
	}
}

// TestPlan: without a number of steps, as many are planned as there is time for, and kept to when the run goes on.
func TestPlan(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains")
	}
	c, toy := smallRun(t)
	c.Steps, c.Batch, c.Micro, c.Budget, c.SaveEvery = 0, 1, 1, 30*time.Second, 5
	clock := time.Time{}
	c.Now = func() time.Time { return clock }
	ctx, cancel := context.WithCancel(context.Background())
	c.Report = func(p course.Progress) {
		clock = clock.Add(time.Second)
		if p.Step == 24 {
			cancel()
		}
	}
	first, err := Run(ctx, c, toy)
	if !errors.Is(err, context.Canceled) || first.Step != 24 || first.Steps < 25 || first.Steps > 31 {
		t.Fatalf("step %d of %d, %v", first.Step, first.Steps, err)
	}
	second, err := Run(context.Background(), c, toy)
	if err != nil || second.Step != first.Steps || second.Steps != first.Steps {
		t.Fatalf("step %d of %d, then %d of %d, %v", first.Step, first.Steps, second.Step, second.Steps, err)
	}
	c.Budget = 0
	if _, err := Run(context.Background(), c, toy); err == nil {
		t.Error("neither steps nor time, and it ran")
	}
}
