package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"cobot_vla/drivers/can"
)

func testApp(t *testing.T) *app {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return &app{ctx: ctx, log: zerolog.Nop(), stdout: discard{}, stderr: discard{}}
}

// TestDemoFetchesTheBottle runs the whole graph on ideal kinematics, at inference times that make it asynchronous and synchronous.
func TestDemoFetchesTheBottle(t *testing.T) {
	for _, latency := range []float64{0, 100, 300, 1200} {
		for _, seed := range []int{1, 2} {
			demo := baseDemo("kinematic", seed, latency)
			demo.Out = t.TempDir()
			r, err := demo.run(testApp(t), newStatus(discard{}, true), nil)
			if err != nil {
				t.Fatal(err)
			}
			if !r.Success {
				t.Errorf("seed %d, inference %.0f ms: %s; warnings %q", seed, latency, r.Reason, r.Warnings)
			}
			if len(r.Navigation) == 0 || r.Chunks == 0 {
				t.Errorf("seed %d: %d goals and %d chunks: the task needs both", seed, len(r.Navigation), r.Chunks)
			}
			if len(r.Errors) > 0 {
				t.Errorf("seed %d: errors %q", seed, r.Errors)
			}
		}
	}
}

// TestDemoTellsTheTask: a robot that is to pick a block is not told to fetch a bottle.
func TestDemoTellsTheTask(t *testing.T) {
	for want, c := range map[string]demoCmd{
		"move to the table and fetch the bottle": {Task: "fetch_bottle"},
		"click the bell":                         {Task: "click_bell"},
		"close the drawer":                       {Task: "close_drawer, click_bell"},
		"ring it":                                {Task: "click_bell", Instruction: "ring it"},
	} {
		if got, err := c.words(); err != nil || got != want {
			t.Errorf("%s is told %q (%v), want %q", c.Task, got, err, want)
		}
	}
	c := demoCmd{Task: "fly"}
	if _, err := c.words(); err == nil {
		t.Error("a task that isn't there has words")
	}
}

// TestSimSaysHowItEnded: once, in the log, whoever started it.
func TestSimSaysHowItEnded(t *testing.T) {
	var lines bytes.Buffer
	a := testApp(t)
	a.log = zerolog.New(&lines).Level(zerolog.InfoLevel)
	demo := baseDemo("kinematic", 1, 100)
	demo.Out = t.TempDir()
	demo.Lasts = 30 * time.Second
	if _, err := demo.run(a, newStatus(discard{}, true), nil); err != nil {
		t.Fatal(err)
	}
	var ended []string
	for line := range strings.Lines(lines.String()) {
		if strings.Contains(line, `"/sim"`) && strings.Contains(line, `"task":"fetch_bottle"`) {
			ended = append(ended, line)
		}
	}
	if len(ended) != 1 || !strings.Contains(ended[0], `"success":true`) || !strings.Contains(ended[0], "the bottle is held") {
		t.Errorf("the simulator said %q", ended)
	}
}

// TestSameSeedSameBytes compares every CAN frame of two runs.
func TestSameSeedSameBytes(t *testing.T) {
	trace := func(seed int) string {
		h := sha256.New()
		demo := baseDemo("kinematic", seed, 100)
		demo.Out = t.TempDir()
		_, err := demo.run(testApp(t), newStatus(discard{}, true), func(g *graph, _ *watcher) error {
			for _, bus := range []string{"can_left", "can_right", "can_base"} {
				g.network.Bus(bus).Tap(func(f can.Frame) { fmt.Fprintf(h, "%d %s %v\n", g.ctx.Now().UnixNano(), bus, f) })
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(h.Sum(nil))
	}
	if a, b := trace(3), trace(3); a != b {
		t.Errorf("two runs of seed 3 differ: %s and %s", a, b)
	}
	if trace(3) == trace(4) {
		t.Error("seeds 3 and 4 give the same run")
	}
}

// TestFaults strikes every fault of the README's table once.
func TestFaults(t *testing.T) {
	for _, f := range allFaults() {
		t.Run(strings.ReplaceAll(f.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			demo := baseDemo("kinematic", 1, 100)
			demo.Out = t.TempDir()
			r, err := f.run(testApp(t), demo)
			if err != nil {
				t.Fatal(err)
			}
			if !r.Pass {
				t.Error(r.Problem)
			}
		})
	}
}

// TestDemoCommand runs the command line as a person would and looks at what it leaves.
func TestDemoCommand(t *testing.T) {
	out := t.TempDir()
	var stdout, stderr bytes.Buffer
	err := run(context.Background(), []string{"cobot_vla", "--log-level", "error", "demo", "--plant", "kinematic", "--headless", "--seed", "2", "--latency-ms=0", "--out", out}, &stdout, &stderr)
	if err != nil {
		t.Fatalf("%v\n%s%s", err, &stdout, &stderr)
	}
	if !strings.Contains(stdout.String(), "SUCCESS: fetch_bottle (seed 2)") {
		t.Errorf("stdout: %s", &stdout)
	}
	var r report
	data, err := os.ReadFile(filepath.Join(out, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if !r.Success || r.Seed != 2 || r.HalfBinMM <= 0 || r.HalfBinMM > 5.5 {
		t.Errorf("report %+v", r)
	}
	for _, name := range []string{"film.gif", "observation.png"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() < 500 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCommandsSayWhatIsWrong(t *testing.T) {
	cases := []struct {
		args []string
		says string
	}{
		{[]string{"launch", "nothing.launch.yaml"}, "nothing.launch.yaml"},
		{[]string{"launch", "sim.launch.yaml", "policy:=magic"}, "magic"},
		{[]string{"launch", "sim.launch.yaml", "seed:=1", "--processes"}, "transport"},
		{[]string{"node", "arms"}, "no node \"arms\""},
		{[]string{"node", "arm", "--ros-args", "-p", "rate:=200.0"}, "did you mean \"rate_hz\""},
		{[]string{"doctor", "--conformance", "can:can0"}, "two interfaces"},
	}
	for _, c := range cases {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := run(ctx, append([]string{"cobot_vla", "--log-level", "error"}, c.args...), discard{}, discard{})
		cancel()
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v", c.args, err)
		}
	}
}

func TestDoctorNamesRemedies(t *testing.T) {
	var out bytes.Buffer
	if err := run(context.Background(), []string{"cobot_vla", "doctor"}, &out, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"processor", "CAN can_left", "CAN can_base", "simulator", "ROS 2"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the doctor says nothing of %q:\n%s", want, &out)
		}
	}
}
