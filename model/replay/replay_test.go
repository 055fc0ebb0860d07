package replay

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobot_vla/calibration"
	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/modeltest"

	"github.com/google/go-cmp/cmp"
)

const exampleEpisode = `{"format":"cobot_vla/episode","version":1,"names":["left_joint1","left_gripper"],"mode":"absolute","chunk":2,"period_s":0.1}
{"navigation":{"direction":"turn left","value":0.35}}

{"steps":[[0.1,0.05],[0.2,0.06]]}
{"tokens":[[151500,151387],[151501,151642]],"done":true}
`

func manifest() checkpoint.Manifest {
	return checkpoint.Manifest{
		Version: 1, Kind: "replay", Name: "test", Robot: "cobot_magic",
		Action:         checkpoint.ActionSpec{Names: []string{"left_joint1", "left_gripper"}, Mode: "absolute", Chunk: 2, Period: 0.1},
		Proprioception: []string{"left_joint1"}, Cameras: []string{"front"}, Layout: "tiles", Statistics: "statistics.yaml",
		ActionTokenTop: 151643, ActionBins: 256, ActionEdges: "uniform", MaxObservationAge: 1,
		Navigation: &checkpoint.NavigationSpec{MaxForward: 2, MaxTurn: 3, DirectionTokens: [4]uint32{1, 2, 3, 4}},
	}
}

func stats() calibration.Statistics {
	return calibration.Statistics{
		StateNames: []string{"left_joint1"}, Mean: []float64{0}, Std: []float64{1},
		ActionNames: []string{"left_joint1", "left_gripper"}, ActMin: []float64{-1, 0}, ActMax: []float64{1, 0.07},
	}
}

func example(t testing.TB) Episode {
	t.Helper()
	e, err := Read("example", strings.NewReader(exampleEpisode))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestConformance(t *testing.T) {
	obs := model.Observation{Instruction: "anything", Mobile: true, State: []float64{0}}
	modeltest.Conformance(t, modeltest.Subject{
		Open: func(t *testing.T) model.Policy {
			p, err := New(manifest(), stats(), example(t), calibration.Default())
			if err != nil {
				t.Fatal(err)
			}
			return p
		},
		Statistics: stats(), Robot: calibration.Default(), Observations: []model.Observation{obs, obs, obs},
	})
}

// Without tokens it plays the values as they are.
func TestConformanceContinuous(t *testing.T) {
	m := manifest()
	m.ActionTokenTop, m.Navigation = 0, nil
	e := Episode{Names: m.Action.Names, Mode: "absolute", Chunk: 2, Period: 0.1, Decisions: []Decision{
		{Steps: [][]float64{{0.1, 0.05}, {0.123456, 0.06}}}, {Steps: [][]float64{{0.1, 0.05}, {0.1, 0.05}}},
	}}
	obs := model.Observation{State: []float64{0}}
	open := func(t *testing.T) model.Policy {
		p, err := New(m, stats(), e, calibration.Default())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	modeltest.Conformance(t, modeltest.Subject{Open: open, Statistics: stats(), Robot: calibration.Default(), Observations: []model.Observation{obs, obs}})
	a, err := open(t).Act(context.Background(), obs, nil)
	if err != nil || a.Steps[1][0] != 0.123456 {
		t.Errorf("%v, %v", a.Steps, err)
	}
}

func TestPlaysToTheEnd(t *testing.T) {
	p, err := New(manifest(), stats(), example(t), calibration.Default())
	if err != nil {
		t.Fatal(err)
	}
	obs := model.Observation{Mobile: true}
	for i := range 3 {
		a, err := p.Act(context.Background(), obs, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a.Done != (i == 2) {
			t.Errorf("decision %d: done %v", i, a.Done)
		}
	}
	if _, err := p.Act(context.Background(), obs, nil); !errors.Is(err, ErrOver) {
		t.Errorf("error %v", err)
	}
	p.Reset()
	if a, err := p.Act(context.Background(), obs, nil); err != nil || a.Navigation == nil {
		t.Errorf("%+v %v", a, err)
	}
}

func TestSaveAndOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "episode")
	m := manifest()
	m.Kind, m.NeedsGroundTruth = "expert", true
	if err := Save(dir, m, stats(), example(t)); err != nil {
		t.Fatal(err)
	}
	p, err := Open(dir, calibration.Default())
	if err != nil {
		t.Fatal(err)
	}
	if p.Manifest().Kind != "replay" || p.Manifest().NeedsGroundTruth {
		t.Errorf("%+v", p.Manifest())
	}
	// What it decides is recorded as what it was made of.
	again := Episode{Names: m.Action.Names, Mode: "absolute", Chunk: 2, Period: 0.1}
	for range 3 {
		a, err := p.Act(context.Background(), model.Observation{Mobile: true}, nil)
		if err != nil {
			t.Fatal(err)
		}
		again.Decisions = append(again.Decisions, Record(a))
	}
	q, err := New(p.Manifest(), p.Statistics(), again, calibration.Default())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.actions[:2], q.actions[:2]); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{ManifestFile, StatisticsFile, EpisodeFile} {
		moved := filepath.Join(dir, name)
		if err := os.Rename(moved, moved+".away"); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, calibration.Default()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: error %v", name, err)
		}
		if err := os.Rename(moved+".away", moved); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{"format", "cobot_vla/episode", "mcap", `e.jsonl:1: header: format is "mcap"`},
		{"version", `"version":1`, `"version":3`, "version is 3"},
		{"unknown header key", `"chunk":2`, `"chunk":2,"rate":10`, `unknown field "rate"`},
		{"chunk", `"chunk":2`, `"chunk":0`, "chunk is 0"},
		{"period", `"period_s":0.1`, `"period_s":0`, "period_s is 0"},
		{"mode", `"absolute"`, `"sideways"`, `mode is "sideways"`},
		{"name twice", `"left_gripper"]`, `"left_joint1"]`, `names[1] is "left_joint1"`},
		{"direction", "turn left", "back", `e.jsonl:2: direction is "back"`},
		{"stop is no goal", "turn left", "stop", `direction is "stop"`},
		{"negative", "0.35", "-0.35", "the value is not negative"},
		{"unknown key", `"steps"`, `"stpes"`, `e.jsonl:4: json: unknown field "stpes"`},
		{"two things", `{"steps"`, `{"navigation":{"direction":"forward","value":1},"steps"`, "2 of navigation, steps and tokens on a line"},
		{"nothing", `{"steps":[[0.1,0.05],[0.2,0.06]]}`, `{}`, "0 of navigation, steps and tokens on a line"},
		{"short chunk", `[[0.1,0.05],[0.2,0.06]]`, `[[0.1,0.05]]`, "1 steps; the header's chunk is 2"},
		{"short step", `[0.2,0.06]]`, `[0.2]]`, "step 1 has 1 values for 2 names"},
		{"after done", `{"steps":[[0.1,0.05],[0.2,0.06]]}`, `{"steps":[[0.1,0.05],[0.2,0.06]],"done":true}`, "e.jsonl:5: a decision after the one that says done"},
		{"broken", `{"tokens"`, `{"tokens`, "e.jsonl:5: "},
		{"two values", `"done":true}`, `"done":true} 7`, "more than one JSON value"},
		{"negative token", "151500", "-1", "e.jsonl:5: json: cannot unmarshal"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(exampleEpisode, tt.old, tt.new, 1)
			if text == exampleEpisode {
				t.Fatalf("%q is not in the example", tt.old)
			}
			if _, err := Read("e.jsonl", strings.NewReader(text)); !errors.Is(err, ErrEpisode) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v lacks %q", err, tt.want)
			}
		})
	}
	for text, want := range map[string]string{
		"": "empty file", exampleEpisode[:strings.Index(exampleEpisode, "\n")]: "no decision after the header",
		exampleEpisode + strings.Repeat(" ", maxLine+1): "a line holds at most",
	} {
		if _, err := Read("e.jsonl", strings.NewReader(text)); !errors.Is(err, ErrEpisode) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name, want string
		change     func(*checkpoint.Manifest, *Episode)
	}{
		{"kind", "kind is \"llavavla\"", func(m *checkpoint.Manifest, _ *Episode) { m.Kind = "llavavla" }},
		{"robot", "the calibration is of \"cobot_magic\"", func(m *checkpoint.Manifest, _ *Episode) { m.Robot = "other" }},
		{"order", "are not the manifest's action.names", func(_ *checkpoint.Manifest, e *Episode) { e.Names = []string{"left_gripper", "left_joint1"} }},
		{"mode", "the episode's mode is delta", func(_ *checkpoint.Manifest, e *Episode) { e.Mode = "delta" }},
		{"chunk", "the episode's chunk is 3", func(_ *checkpoint.Manifest, e *Episode) { e.Chunk = 3 }},
		{"period", "the episode's period_s is 0.2", func(_ *checkpoint.Manifest, e *Episode) { e.Period = 0.2 }},
		{"no navigation", "the manifest has no navigation", func(m *checkpoint.Manifest, _ *Episode) { m.Navigation = nil }},
		{"word as action", "decision 2: token sequence outside the grammar", func(_ *checkpoint.Manifest, e *Episode) { e.Decisions[2].Tokens[0][0] = 5 }},
	}
	for _, tt := range tests {
		m, e := manifest(), example(t)
		tt.change(&m, &e)
		if _, err := New(m, stats(), e, calibration.Default()); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v lacks %q", tt.name, err, tt.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(exampleEpisode))
	f.Add([]byte(`{"format":"cobot_vla/episode","version":1,"names":["a"],"mode":"delta","chunk":1,"period_s":1}` + "\n" + `{"tokens":[[1]]}`))
	f.Add([]byte("{}\n[]\nnull"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Read("fuzz", bytes.NewReader(data))
		if err != nil {
			if !errors.Is(err, ErrEpisode) {
				t.Fatal(err)
			}
			return
		}
		var out bytes.Buffer
		if err := e.Write(&out); err != nil {
			t.Fatal(err)
		}
		back, err := Read("again", &out)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, back); diff != "" {
			t.Fatal(diff)
		}
	})
}
