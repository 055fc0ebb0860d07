package seer

import (
	"context"
	"strings"
	"testing"

	"cobot_vla/calibration"
	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/continuous"
	"cobot_vla/model/continuous/boundtest"
	"cobot_vla/model/modeltest"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/weights"
)

func testCheckpoint(t testing.TB, change func(*checkpoint.Manifest)) (string, calibration.Statistics) {
	t.Helper()
	dir, stats := boundtest.Bind(t, Kind, goldenDir, []string{"config.json", WeightsFile, VisionFile}, func(m *checkpoint.Manifest) {
		m.Continuous.History, m.Continuous.Gripper = 3, "binary"
		if change != nil {
			change(m)
		}
	})
	features := make([]float32, 32)
	weights.Uniform(features, 1, 1)
	if err := WriteSentences(dir, Sentences{"Pick the sponge.": features[:16], "close the drawer": features[16:]}); err != nil {
		t.Fatal(err)
	}
	return dir, stats
}

func testConfig() continuous.Config {
	c := continuous.DefaultConfig()
	c.CPU.Threads = 2
	return c
}

func TestConformance(t *testing.T) {
	for name, change := range map[string]func(*checkpoint.Manifest){
		"second":   nil,
		"ensemble": func(m *checkpoint.Manifest) { m.Continuous.Selection = "ensemble" },
		"all":      func(m *checkpoint.Manifest) { m.Continuous.Selection, m.Action.Chunk = "all", 3 },
		"relative": func(m *checkpoint.Manifest) { m.Continuous.Relative, m.Continuous.Selection = 0.3, "first" },
		"three cameras": func(m *checkpoint.Manifest) {
			m.Cameras = append(m.Cameras, "right")
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, stats := testCheckpoint(t, change)
			modeltest.Conformance(t, modeltest.Subject{
				Open: func(t *testing.T) model.Policy {
					p, err := Open(dir, testConfig())
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

// TestFillingUpChangesNothing: later steps are not looked at.
func TestFillingUpChangesNothing(t *testing.T) {
	var last [2]model.Action
	for i, fill := range []bool{false, true} {
		dir, _ := testCheckpoint(t, func(m *checkpoint.Manifest) { m.Continuous.Fill = fill })
		p, err := Open(dir, testConfig())
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for _, obs := range boundtest.Episode(2, "close the drawer") {
			if last[i], err = p.Act(context.Background(), obs, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	for k, v := range last[0].Steps[0] {
		if v != last[1].Steps[0][k] {
			t.Errorf("value %d is %g, filled up %g", k, v, last[1].Steps[0][k])
		}
	}
}

func TestRefusals(t *testing.T) {
	dir, _ := testCheckpoint(t, nil)
	p, err := Open(dir, testConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Act(context.Background(), boundtest.Observation(0, "fly"), nil); err == nil || !strings.Contains(err.Error(), "it knows close the drawer; pick the sponge") {
		t.Errorf("an unknown instruction: %v", err)
	}
	for want, change := range map[string]func(*checkpoint.Manifest){
		"history is 4":     func(m *checkpoint.Manifest) { m.Continuous.History = 4 },
		"gripper is width": func(m *checkpoint.Manifest) { m.Continuous.Gripper = "width" },
	} {
		dir, _ := testCheckpoint(t, change)
		if _, err := Open(dir, testConfig()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestConvertedWeightsAreUsed(t *testing.T) {
	dir, _ := testCheckpoint(t, nil)
	act := func() []float64 {
		c := testConfig()
		c.CPU.Precision = cpu.INT8
		p, err := Open(dir, c)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		a, err := p.Act(context.Background(), boundtest.Observation(0, "pick the sponge"), nil)
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
