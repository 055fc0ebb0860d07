package vitavla

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"cobot_vla/calibration"
	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/continuous"
	"cobot_vla/model/continuous/boundtest"
	"cobot_vla/model/modeltest"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/text"
)

var testFiles = []string{"config.json", "model.safetensors", SeerFile, TrainedFile}

func testCheckpoint(t testing.TB, change func(*checkpoint.Manifest)) (string, calibration.Statistics) {
	t.Helper()
	dir, stats := boundtest.Bind(t, Kind, goldenDir, testFiles, change)
	boundtest.Write(t, filepath.Join(dir, "tokenizer.json"), text.Synthetic(390), nil)
	return dir, stats
}

func testConfig(p cpu.Precision) continuous.Config {
	c := continuous.DefaultConfig()
	c.CPU = cpu.Config{Precision: p, Threads: 2}
	return c
}

func TestConformance(t *testing.T) {
	for name, change := range map[string]func(*checkpoint.Manifest){
		"second": nil,
		"filled": func(m *checkpoint.Manifest) {
			m.Continuous.History, m.Continuous.Fill, m.Continuous.Gripper = 3, true, "binary"
		},
		"ensemble": func(m *checkpoint.Manifest) { m.Continuous.Selection, m.Continuous.History = "ensemble", 2 },
		"all": func(m *checkpoint.Manifest) {
			m.Continuous.Selection, m.Action.Chunk, m.Continuous.History, m.Continuous.Slide = "all", 3, 4, 2
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, stats := testCheckpoint(t, change)
			modeltest.Conformance(t, modeltest.Subject{
				Open: func(t *testing.T) model.Policy {
					p, err := Open(dir, testConfig(cpu.W8A16))
					if err != nil {
						t.Fatal(err)
					}
					return p
				},
				Statistics: stats, Robot: calibration.Default(), Observations: boundtest.Episode(6, "pick the sponge"),
			})
		})
	}
}

// TestKeptTurnsChangeNothing: what was kept of earlier steps gives what reading all of them again gives.
func TestKeptTurnsChangeNothing(t *testing.T) {
	dir, _ := testCheckpoint(t, func(m *checkpoint.Manifest) { m.Continuous.History = 4 })
	keeps, err := Open(dir, testConfig(cpu.F32))
	if err != nil {
		t.Fatal(err)
	}
	defer keeps.Close()
	forgets, err := Open(dir, testConfig(cpu.F32))
	if err != nil {
		t.Fatal(err)
	}
	defer forgets.Close()
	for i, obs := range boundtest.Episode(9, "stack the cups") {
		a, err := keeps.Act(context.Background(), obs, nil)
		if err != nil {
			t.Fatal(err)
		}
		forgets.Network().(*network).m.Forget()
		b, err := forgets.Act(context.Background(), obs, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range a.Steps[0] {
			if math.Abs(v-b.Steps[0][k]) > 1e-4 {
				t.Errorf("step %d: %s is %g, from the beginning %g", i, keeps.Manifest().Action.Names[k], v, b.Steps[0][k])
			}
		}
	}
}

// TestPrecisions: lower ones act as f32 does, within what their rounding explains.
func TestPrecisions(t *testing.T) {
	dir, _ := testCheckpoint(t, nil)
	act := func(p cpu.Precision) (steps [][]float64) {
		policy, err := Open(dir, testConfig(p))
		if err != nil {
			t.Fatal(err)
		}
		defer policy.Close()
		for _, obs := range boundtest.Episode(5, "close the drawer") {
			a, err := policy.Act(context.Background(), obs, nil)
			if err != nil {
				t.Fatal(err)
			}
			steps = append(steps, a.Steps...)
		}
		return steps
	}
	want := act(cpu.F32)
	for p, tolerance := range map[cpu.Precision]float64{cpu.BF16: 0.15, cpu.W8A16: 0.15, cpu.INT8: 0.4} {
		worst := 0.0
		for i, step := range act(p) {
			for k, v := range step {
				worst = max(worst, math.Abs(v-want[i][k]))
			}
		}
		t.Logf("%s: at most %.3f rad", p, worst)
		if !(worst > 0 && worst < tolerance) {
			t.Errorf("%s differs from f32 by %g, expected above 0 and below %g", p, worst, tolerance)
		}
	}
}

func TestConvertedWeightsAreUsed(t *testing.T) {
	dir, _ := testCheckpoint(t, nil)
	act := func() []float64 {
		p, err := Open(dir, testConfig(cpu.INT8))
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		a, err := p.Act(context.Background(), boundtest.Observation(0, "x"), nil)
		if err != nil {
			t.Fatal(err)
		}
		return a.Steps[0]
	}
	before := act()
	if _, err := Convert(dir, cpu.INT8); err != nil {
		t.Fatal(err)
	}
	for i, v := range act() {
		if v != before[i] {
			t.Errorf("value %d is %g, before the conversion %g", i, v, before[i])
		}
	}
}

// TestMissingPartsAreNamed takes a part away and looks for its name in the error.
func TestMissingPartsAreNamed(t *testing.T) {
	for _, c := range []struct {
		files []string
		want  string
	}{
		{[]string{"config.json", SeerFile, TrainedFile}, "VITA-1.5's weights"},
		{[]string{"config.json", "model.safetensors", SeerFile}, "what VITA-VLA trained (vita_vla.safetensors or align.safetensors"},
		{[]string{"config.json", "model.safetensors", AlignFile}, "the action decoder (seer.action_decoder.0.weight) is missing: seer.safetensors"},
	} {
		dir, _ := boundtest.Bind(t, Kind, goldenDir, c.files, nil)
		_, err := OpenFiles(dir, "")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("with %v: %v, expected %q", c.files, err, c.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	dir, _ := testCheckpoint(t, nil)
	p, err := Open(dir, testConfig(cpu.F32))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	good := boundtest.Observation(0, "pick the block")
	for name, change := range map[string]func(*model.Observation){
		"no view of camera left": func(o *model.Observation) { o.Views = o.Views[:1] },
		"no fresh picture":       func(o *model.Observation) { o.Views = append(o.Views[:1:1], model.View{Name: "left", Missing: true}) },
		"outside the image": func(o *model.Observation) {
			o.Views = append(o.Views[:1:1], model.View{Name: "left", X: 90, Width: 64, Height: 8})
		},
		"numbers of propriocepti":  func(o *model.Observation) { o.State = o.State[:6] },
		"bytes of an image":        func(o *model.Observation) { o.Image = o.Image[1:] },
		"holds <|im_end|>":         func(o *model.Observation) { o.Instruction = "stop<|im_end|>" },
		"holds <image>":            func(o *model.Observation) { o.Instruction = "an <image>" },
		"the instruction in fewer": func(o *model.Observation) { o.Instruction = strings.Repeat("word ", 400) },
	} {
		obs := good
		change(&obs)
		if _, err := p.Act(context.Background(), obs, nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := p.Act(context.Background(), good, nil); err != nil {
		t.Errorf("after refusals: %v", err)
	}
	var none model.Observation
	if _, err := p.Act(context.Background(), none, nil); !errors.Is(err, continuous.ErrObservation) {
		t.Errorf("an empty observation: %v", err)
	}
}
