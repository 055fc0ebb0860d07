package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cobot_vla/model"
	"cobot_vla/model/nn"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

// mortal is a policy on a GPU that disappears after some decisions.
type mortal struct {
	scripted
	left   int
	closed int
}

func (m *mortal) Act(ctx context.Context, obs model.Observation, emit func(int, []float64, []uint32)) (model.Action, error) {
	if m.left--; m.left < 0 {
		return model.Action{}, fmt.Errorf("emulator: %w: it has fallen off the bus", nn.ErrDevice)
	}
	return m.scripted.Act(ctx, obs, emit)
}
func (m *mortal) Close() error { m.closed++; return errors.New("gone") }

// TestTheProcessorTakesOver: a GPU that disappears between decisions costs time, nothing else.
func TestTheProcessorTakesOver(t *testing.T) {
	gpu := &mortal{scripted: scripted{lines: []model.Action{chunk(0.1)}}, left: 5}
	cpu := &scripted{lines: []model.Action{chunk(0.2)}}
	var asked []string
	s := newStageWith(t, func(c *Config) { c.Latency = 0.01 }, func(_, _, _ string, on Compute) (model.Policy, string, error) {
		if asked = append(asked, on.Backend); on.Backend == "cpu" {
			return cpu, "v1", nil
		}
		return gpu, "v1", nil
	})
	for range 20 {
		s.run(250 * time.Millisecond)
		s.played()
	}
	if fmt.Sprint(asked) != "[auto cpu]" || gpu.closed == 0 || len(gpu.seen) != 5 || len(cpu.seen) == 0 {
		t.Fatalf("asked for %v; the GPU saw %d observations and was closed %d times, the processor saw %d", asked, len(gpu.seen), gpu.closed, len(cpu.seen))
	}
	if !strings.Contains(s.node.gpuLost, "fallen off the bus") || s.node.state == lostPolicy {
		t.Errorf("state %s, lost %q", s.node.state, s.node.gpuLost)
	}
	// A fast GPU's chunks are due on time; of the processor nothing is known yet.
	i := slices.IndexFunc(s.chunks, func(c *msgs.ActionChunk) bool { return c.Values[0] == 0.2 })
	if i < 1 || s.chunks[i-1].Schedule != msgs.Async || s.chunks[i].Schedule != msgs.Sync {
		t.Errorf("the processor's first chunk is number %d of %d, schedules %d and %d", i, len(s.chunks), s.chunks[max(i-1, 0)].Schedule, s.chunks[max(i, 0)].Schedule)
	}
}

// TestItHoldsWithoutTheGPU: with gpu_failure hold nothing is decided any more, and it says why.
func TestItHoldsWithoutTheGPU(t *testing.T) {
	gpu := &mortal{scripted: scripted{lines: []model.Action{chunk(0.1)}}, left: 1}
	s := newStageWith(t, func(c *Config) { c.GPUFailure = "hold" }, func(_, _, _ string, on Compute) (model.Policy, string, error) {
		return gpu, "v1", nil
	})
	for range 8 {
		s.run(250 * time.Millisecond)
		s.played()
	}
	sent := len(s.chunks)
	for range 8 {
		s.run(250 * time.Millisecond)
		s.played()
	}
	if s.node.state != lostPolicy || !strings.Contains(s.node.failure, "fallen off the bus") || !strings.Contains(s.node.failure, "hold") {
		t.Errorf("state %s: %s", s.node.state, s.node.failure)
	}
	if len(s.chunks) != sent || sent == 0 || s.beats < 50 {
		t.Errorf("%d chunks, then %d; %d heartbeats", sent, len(s.chunks), s.beats)
	}
}

// TestNoGPUAtTheStart falls back or refuses to start, as its parameters say.
func TestNoGPUAtTheStart(t *testing.T) {
	none := func(_, _, _ string, on Compute) (model.Policy, string, error) {
		if on.Backend == "cpu" {
			return &scripted{lines: []model.Action{chunk(0.1)}}, "v1", nil
		}
		return nil, "", fmt.Errorf("%w: no CUDA device", nn.ErrDevice)
	}
	s := newStageWith(t, func(c *Config) { c.Backend = "cuda" }, none)
	s.run(600 * time.Millisecond)
	if len(s.chunks) == 0 || !strings.Contains(s.node.gpuLost, "no CUDA device") {
		t.Errorf("%d chunks, lost %q", len(s.chunks), s.node.gpuLost)
	}

	ctx := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(time.Time{})})
	defer func() { _ = ctx.Shutdown(time.Second) }()
	n, err := ctx.Node("policy", rcl.Args{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Backend, cfg.GPUFailure = "cuda", "hold"
	if _, err := New(n, cfg, none); err == nil || !strings.Contains(err.Error(), "no CUDA device") || !strings.Contains(err.Error(), "gpu_failure") {
		t.Errorf("it starts, or says %v", err)
	}
}
