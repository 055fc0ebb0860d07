package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cobot_vla/model"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cuda"
	"cobot_vla/model/nn/cuda/driver"
	"cobot_vla/model/nn/cuda/emulator"
	"cobot_vla/nodes/policy"
)

// emulatorModules are translated once for all tests.
var emulatorModules emulator.Modules

func emulated(c emulator.Config, made *[]*emulator.Device) computer {
	c.Modules = &emulatorModules
	return computer{built: true, devices: func(int) (cuda.Device, error) {
		d := emulator.New(c)
		if made != nil {
			*made = append(*made, d)
		}
		return d, nil
	}}
}

func look(p *llavavla.Policy) model.Observation {
	m := p.Manifest()
	obs := model.Observation{
		Stamp: time.Unix(100, 0), Width: max(m.ImageWidth, 64), Height: max(m.ImageHeight, 64),
		Instruction: "fetch the bottle", State: p.Statistics().Mean,
	}
	obs.Image = make([]byte, 3*obs.Width*obs.Height)
	for i := range obs.Image {
		obs.Image[i] = byte(i * 7 >> 3)
	}
	return obs
}

// TestAPolicyActsOnAGPU as it does on the processor, in f32 token for token.
func TestAPolicyActsOnAGPU(t *testing.T) {
	dir := randomCheckpoint(t)
	ctx := context.Background()
	var answers [][][]uint32
	for _, on := range []policy.Compute{{Backend: "cpu", Precision: "f32", Threads: 1}, {Backend: "cuda", Precision: "f32"}} {
		p, err := emulated(emulator.Config{}, nil).llavavla(dir, on)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Warm(ctx); err != nil {
			t.Fatal(err)
		}
		steps := 0
		a, err := p.Act(ctx, look(p), func(int, []float64, []uint32) { steps++ })
		if err != nil {
			t.Fatal(err)
		}
		if steps != len(a.Steps) || steps == 0 {
			t.Errorf("%s: %d steps told of %d", on.Backend, steps, len(a.Steps))
		}
		var stages []string
		for _, s := range a.Timings {
			stages = append(stages, s.Stage)
		}
		if fmt.Sprint(stages) != "[preprocess vision prefill decode]" {
			t.Errorf("%s: stages %v", on.Backend, stages)
		}
		answers = append(answers, a.Tokens)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if !slices.EqualFunc(answers[0], answers[1], slices.Equal) {
		t.Errorf("the processor says %v, the GPU %v", answers[0], answers[1])
	}
}

// TestWhatIsWrongWithAGPU is said at the start, by name and with a remedy, as an error after which the processor could do it.
func TestWhatIsWrongWithAGPU(t *testing.T) {
	dir := randomCheckpoint(t)
	on := policy.Compute{Backend: "cuda", Precision: "bf16"}
	none := computer{devices: func(int) (cuda.Device, error) { return nil, fmt.Errorf("%w: GPU 0 of 0", cuda.ErrNoDevice) }, built: true}
	unbuilt := computer{devices: func(int) (cuda.Device, error) { return nil, cuda.ErrNotBuilt }}
	for _, c := range []struct {
		name string
		c    computer
		says []string
	}{
		{"no GPU", none, []string{"no CUDA device", "GPU 0"}},
		{"not built", unbuilt, []string{"make cuda", "cobot_vla_cuda"}},
		{"old GPU", emulated(emulator.Config{Info: cuda.Info{Name: "GeForce RTX 2080", Major: 7, Minor: 5}}, nil), []string{"GeForce RTX 2080", "7.5", "8.0"}},
		{"old driver", emulated(emulator.Config{Info: cuda.Info{Driver: 10020}}, nil), []string{"CUDA 10.2", "11.4", "newer NVIDIA driver"}},
		{"little memory", emulated(emulator.Config{Info: cuda.Info{Name: "small", Memory: 300 << 10}}, nil), []string{"small", "out of memory"}},
	} {
		_, err := c.c.llavavla(dir, on)
		if !errors.Is(err, nn.ErrDevice) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, want := range c.says {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: nothing of %q in %q", c.name, want, err)
			}
		}
	}
	// What no other device could mend is another error.
	if _, err := emulated(emulator.Config{}, nil).llavavla(dir, policy.Compute{Backend: "cuda", Precision: "int8"}); err == nil || errors.Is(err, nn.ErrDevice) {
		t.Errorf("int8 on a GPU: %v", err)
	}
	// auto takes the processor where there is no GPU, and no CUDA.
	for _, c := range []computer{none, unbuilt} {
		b, err := c.gpu(policy.DefaultCompute())
		if b != nil || err != nil {
			t.Errorf("auto without a GPU: %v, %v", b, err)
		}
	}
}

// TestAGPUDisappears in the middle of a decision: the decision fails with an error that says so, and so does the next.
func TestAGPUDisappears(t *testing.T) {
	dir := randomCheckpoint(t)
	ctx := context.Background()
	var devices []*emulator.Device
	p, err := emulated(emulator.Config{}, &devices).llavavla(dir, policy.Compute{Backend: "cuda", Precision: "w8a16"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Warm(ctx); err != nil {
		t.Fatal(err)
	}
	before := devices[0].Launches
	if _, err := p.Act(ctx, look(p), nil); err != nil {
		t.Fatal(err)
	}
	n := devices[0].Launches - before // of a whole decision, besides the replays of its tokens
	devices[0].Fail(n + 9)
	told := 0
	_, err = p.Act(ctx, look(p), func(int, []float64, []uint32) { told++ })
	if !errors.Is(err, nn.ErrDevice) || !errors.Is(err, cuda.ErrLost) || !strings.Contains(err.Error(), "fallen off the bus") {
		t.Errorf("it says %v", err)
	}
	if _, err := p.Act(ctx, look(p), nil); !errors.Is(err, nn.ErrDevice) {
		t.Errorf("then it says %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestTheDoctorKnowsGPUs(t *testing.T) {
	for _, c := range []struct {
		devices     []cuda.Info
		err         error
		level, says string
	}{
		{nil, cuda.ErrNotBuilt, "note", "cobot_vla_cuda"},
		{nil, fmt.Errorf("%w: no driver", cuda.ErrNoDevice), "lacks", "install the NVIDIA driver"},
		{nil, nil, "lacks", "CUDA_VISIBLE_DEVICES"},
		{[]cuda.Info{{Name: "GeForce GTX 1080", Major: 6, Driver: 12000}}, nil, "lacks", "compute capability 6.0"},
		{[]cuda.Info{{Name: "NVIDIA H200", Major: 9, Driver: 12040, Memory: 140 << 30, Processors: 132}}, nil, "ok", "sm_90"},
	} {
		f := devicesFound(c.devices, c.err)
		if len(f) != 1 || f[0].level != c.level || !strings.Contains(f[0].detail+f[0].remedy, c.says) {
			t.Errorf("%v, %v: %+v", c.devices, c.err, f)
		}
	}
}

// TestNoTimesOfAnEmulator: a bench refuses what would mislead, and without CUDA says where it is.
func TestNoTimesOfAnEmulator(t *testing.T) {
	c := llavavla.BenchConfig{Preset: "tiny", CUDA: func(p cuda.Precision) (*cuda.Backend, error) {
		return cuda.New(emulator.New(emulator.Config{Modules: &emulatorModules}), cuda.Config{Precision: p})
	}}
	if err := llavavla.Bench(context.Background(), c, nil, nil); !errors.Is(err, cuda.ErrEmulated) {
		t.Errorf("bench: %v", err)
	}
	if driver.Built {
		return
	}
	for _, args := range [][]string{
		{"bench", "model", "--backend", "cuda"},
		{"model", "parity", "--backend", "cuda", "--checkpoint", filepath.Join(golden, "tiny", "hf"), "--golden", filepath.Join(golden, "tiny", "golden.safetensors")},
	} {
		if _, err := command(args...); !errors.Is(err, cuda.ErrNotBuilt) {
			t.Errorf("%v: %v", args, err)
		}
	}
}
