package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cobot_vla/drivers/can"
	"cobot_vla/launch"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/continuous/boundtest"
	"cobot_vla/model/seer"
	"cobot_vla/model/text"
	"cobot_vla/model/vitavla"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

// policyRun is what became of a robot that a policy drove for a while.
type policyRun struct {
	w     *watcher
	guard *guard
	trace string // of every CAN frame
	way   float64
}

// drive runs the whole robot of sim.launch.yaml on ideal kinematics, in lockstep.
func drive(t *testing.T, arguments map[string]string, lasts time.Duration) (r policyRun) {
	t.Helper()
	a := testApp(t)
	plan, err := planLaunch("sim.launch.yaml", arguments)
	if err != nil {
		t.Fatal(err)
	}
	g := newGraph(a, intra.New(), rcl.NewLockstep(time.Time{}), true)
	for _, x := range plan.Actions {
		if n, ok := x.(*launch.Node); ok {
			err = errors.Join(err, g.addNode(n))
		}
	}
	if err == nil {
		r.w, err = watch(g, nil)
	}
	if err != nil {
		t.Fatal(errors.Join(err, g.close()))
	}
	r.guard = watchCommands(g)
	h := sha256.New()
	for _, bus := range []string{"can_left", "can_right", "can_base"} {
		g.network.Bus(bus).Tap(func(f can.Frame) { fmt.Fprintf(h, "%d %s %v\n", g.ctx.Now().UnixNano(), bus, f) })
	}
	rested := [][6]float64{g.sim.Joints("left"), g.sim.Joints("right")}
	if err := g.ctx.RunUntil(a.ctx, func() bool { return sinceStart(g.ctx.Now()) > lasts.Seconds() }); err != nil {
		t.Error(err)
	}
	for i, side := range []string{"left", "right"} {
		for k, q := range g.sim.Joints(side) {
			r.way = max(r.way, q-rested[i][k], rested[i][k]-q)
		}
	}
	if err := g.close(); err != nil {
		t.Error(err)
	}
	r.trace = hex.EncodeToString(h.Sum(nil))
	return r
}

// TestNetworkDrivesTheRobot lets untrained weights run the whole graph: what they
// want is nonsense, what the robot does is within its limits, and twice the same.
func TestNetworkDrivesTheRobot(t *testing.T) {
	calm := randomCheckpoint(t)
	restless := randomCheckpoint(t) // of larger weights, which say something else every time
	for _, name := range []string{"config.json", "model.safetensors"} {
		data, err := os.ReadFile(filepath.Join(golden, "tiny", "lmms", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(restless, name), data)
	}
	cases := []struct {
		name, dir, mobile string
		lasts             time.Duration
		twice             bool
	}{
		{"drives", calm, "true", 10 * time.Second, false},
		{"reaches", restless, "false", 22 * time.Second, true},
		{"stands and reaches", restless, "true", 60 * time.Second, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			arguments := map[string]string{
				"plant": "kinematic", "policy": "llavavla", "checkpoint": c.dir, "instruction": "move to the table and fetch the bottle",
				"latency_s": "0.2", "mobile": c.mobile,
			}
			r := drive(t, arguments, c.lasts)
			if r.guard.outward > 0 {
				t.Errorf("%d commands lead outward beyond a limit: %s", r.guard.outward, r.guard.first)
			}
			if seen := r.w.errorsSeen(msgs.DiagError); len(seen) > 0 {
				t.Errorf("errors %q", seen)
			}
			if len(r.w.infer) < 3 {
				t.Errorf("%d decisions in %v; the policy is %s; warnings %q", len(r.w.infer), c.lasts, r.w.heartbeat, r.w.errorsSeen(msgs.DiagWarn))
			}
			if c.dir == calm && (len(r.w.goals) == 0 || r.w.goals[0].State != "done") {
				t.Errorf("goals %+v", r.w.goals)
			}
			if c.dir == restless && (r.w.chunks == 0 || r.way < 0.1) {
				t.Errorf("%d chunks moved the arms by %.3f rad", r.w.chunks, r.way)
			}
			if c.twice && drive(t, arguments, c.lasts).trace != r.trace {
				t.Error("two runs differ")
			}
		})
	}
}

// TestContinuousPoliciesDriveTheRobot switches the same launch file between the
// networks that predict numbers, with the smallest weights there are.
func TestContinuousPoliciesDriveTheRobot(t *testing.T) {
	instruction := "pick the sponge"
	vita, _ := boundtest.Bind(t, vitavla.Kind, filepath.Join(golden, "vita_tiny"), []string{"config.json", "model.safetensors", vitavla.SeerFile, vitavla.TrainedFile}, nil)
	write(t, filepath.Join(vita, "tokenizer.json"), text.Synthetic(390))
	small, _ := boundtest.Bind(t, seer.Kind, filepath.Join(golden, "seer_tiny"), []string{"config.json", seer.WeightsFile, seer.VisionFile}, func(m *checkpoint.Manifest) {
		m.Continuous.History, m.Continuous.Gripper, m.Continuous.Selection, m.Action.Chunk = 3, "binary", "all", 3
	})
	feature := make([]float32, 16)
	feature[0] = 1
	if err := seer.WriteSentences(small, seer.Sentences{instruction: feature}); err != nil {
		t.Fatal(err)
	}
	for kind, dir := range map[string]string{vitavla.Kind: vita, seer.Kind: small} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := drive(t, map[string]string{
				"plant": "kinematic", "policy": kind, "checkpoint": dir, "instruction": instruction, "latency_s": "0.05", "mobile": "false",
			}, 25*time.Second)
			if r.guard.outward > 0 {
				t.Errorf("%d commands lead outward beyond a limit: %s", r.guard.outward, r.guard.first)
			}
			if seen := r.w.errorsSeen(msgs.DiagError); len(seen) > 0 {
				t.Errorf("errors %q", seen)
			}
			if r.w.chunks < 2 || r.way < 0.1 {
				t.Errorf("%d chunks moved the arms by %.3f rad; the policy is %s; warnings %q", r.w.chunks, r.way, r.w.heartbeat, r.w.errorsSeen(msgs.DiagWarn))
			}
		})
	}
}
