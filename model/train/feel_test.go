package train

import (
	"context"
	"errors"
	"strings"
	"testing"

	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/nn/tape/tapetest"
)

// feelingRun is a run whose model takes proprioception in by an MLP.
func feelingRun(t *testing.T) (Config, *Toy) {
	c, toy := smallRun(t)
	toy.binding.Manifest.ProprioceptionInput = "mlp"
	return c, toy
}

// TestFeelingGradient holds the derivatives of the MLP's weights against differences.
func TestFeelingGradient(t *testing.T) {
	c, toy := feelingRun(t)
	c.Smoothing, c.Blank = 0, 0
	r, err := open(c, toy)
	if err != nil {
		t.Fatal(err)
	}
	defer r.class.close()
	examples := make([]Example, 3)
	if err := toy.Sample(1, 0, examples); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, p := range r.s.Params() {
		if !strings.HasPrefix(p.Name, "proprioception.") {
			continue
		}
		checked++
		tapetest.Along(t, r.s.Optimiser, p, 2e-2, 0.03, func(back bool) (float64, error) {
			loss, _, err := r.class.read(lesson{examples: examples, back: back})
			return loss, err
		})
	}
	if checked != 4 {
		t.Errorf("%d tensors of the MLP", checked)
	}
}

// TestFeelingPolicy: what is trained is a policy that feels, and one that says otherwise is refused.
func TestFeelingPolicy(t *testing.T) {
	c, toy := feelingRun(t)
	c.Steps = 2
	r, err := Run(context.Background(), c, toy)
	if err != nil || r.Held == nil {
		t.Fatalf("%v, %v", r.Held, err)
	}
	config := llavavla.DefaultConfig()
	config.CPU.Precision = cpu.F32
	p, err := llavavla.Open(c.Out, config)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	const side = 168
	obs := model.Observation{Instruction: "go to the square", Width: side, Height: side, Image: make([]byte, 3*side*side)}
	prompts := map[float32]bool{}
	for k := range 3 {
		obs.State = []float64{0.3 * float64(k), 0, 0, 0, 0, 0, 0.02}
		prompt, err := p.Prompt(obs)
		if err != nil || len(prompt.State) != 7 {
			t.Fatalf("%v, %v", prompt.State, err)
		}
		prompts[prompt.State[0]] = true
		if _, err := p.Act(context.Background(), obs, nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(prompts) != 3 {
		t.Errorf("three states are read as %v", prompts)
	}
	obs.State = nil
	if _, err := p.Act(context.Background(), obs, nil); !errors.Is(err, llavavla.ErrObservation) {
		t.Errorf("without a state: %v", err)
	}
	m := toy.binding.Manifest
	m.ProprioceptionInput = "tokens"
	toy.binding.Manifest = m
	c.From, c.Preset, c.Out = c.Out, "", t.TempDir()
	if _, err := Run(context.Background(), c, toy); err == nil || !strings.Contains(err.Error(), "proprioception") {
		t.Errorf("data with tokens for a model with an MLP: %v", err)
	}
	if _, err := checkpoint.Open(c.From); err != nil {
		t.Error(err)
	}
}
