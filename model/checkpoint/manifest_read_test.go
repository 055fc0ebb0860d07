package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobot_vla/calibration"

	"github.com/google/go-cmp/cmp"
)

const exampleManifest = `version: 1
kind: llavavla
name: example
robot: cobot_magic
action: {names: [left_joint1, left_gripper, right_joint2], mode: absolute, chunk: 5, period_s: 0.1}
proprioception: [left_joint1, left_gripper_command, base_linear]
cameras: [front, left, right]
layout: stack3
image_width: 0
image_height: 0
statistics: statistics.yaml
action_token_top: 151643
navigation:
  max_forward_m: 2
  max_turn_rad: 3.1
  direction_tokens: [151386, 151385, 151384, 151383]
max_observation_age_s: 1.5
`

func TestParseManifest(t *testing.T) {
	m, err := ParseManifest("manifest.yaml", []byte(exampleManifest))
	if err != nil {
		t.Fatal(err)
	}
	if m.ActionBins != 256 || m.ActionEdges != "uniform" || m.NeedsGroundTruth {
		t.Errorf("defaults %d %q %v", m.ActionBins, m.ActionEdges, m.NeedsGroundTruth)
	}
	text, err := m.YAML("A comment.")
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseManifest("again.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, back); diff != "" {
		t.Fatal(diff)
	}
}

func TestParseManifestRefuses(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{"unknown key", "layout:", "layuot:", `manifest.yaml:8: unknown key "layuot"`},
		{"missing key", "statistics: statistics.yaml\n", "", `the file lacks the key "statistics"`},
		{"missing nested key", "chunk: 5, ", "", `action lacks the key "chunk"`},
		{"version", "version: 1", "version: 2", "version is 2"},
		{"kind", "kind: llavavla", "kind: magic", `kind is "magic"; it is one of llavavla`},
		{"mode", "mode: absolute", "mode: relative", `action.mode is "relative"`},
		{"chunk", "chunk: 5", "chunk: 0", "action.chunk is 0"},
		{"period", "period_s: 0.1", "period_s: .nan", "action.period_s is NaN s"},
		{"name twice", "left_gripper, right_joint2", "left_gripper, left_joint1", `action.names[2] is "left_joint1", empty or named before`},
		{"layout", "layout: stack3", "layout: mosaic4", "layout mosaic4 takes 4 cameras, cameras lists 3"},
		{"one image side", "image_width: 0", "image_width: 334", "image_width, image_height are 334, 0 px"},
		{"path outside", "statistics: statistics.yaml", "statistics: ../statistics.yaml", "give a path beside or below"},
		{"absolute path", "statistics: statistics.yaml", "statistics: /etc/statistics.yaml", "give a path beside or below"},
		{"top", "action_token_top: 151643", "action_token_top: 200", "action_token_top is 200, below the 256 bins"},
		{"norm bins", "action_token_top: 151643", "action_token_top: 151643\naction_bins: 1024\naction_edges: norm", "action_edges norm is defined for 256 bins"},
		{"direction is an action", "[151386,", "[151387,", "navigation.direction_tokens[0] is 151387, within the action tokens 151387..151642"},
		{"direction twice", "[151386, 151385,", "[151386, 151386,", "which is another direction's"},
		{"turn", "max_turn_rad: 3.1", "max_turn_rad: 180", "navigation.max_turn_rad is 180 rad"},
		{"age", "max_observation_age_s: 1.5", "max_observation_age_s: 0", "max_observation_age_s is 0 s"},
		{"negative token", "[151386,", "[-3,", "cannot unmarshal"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(exampleManifest, tt.old, tt.new, 1)
			if text == exampleManifest {
				t.Fatalf("%q is not in the example", tt.old)
			}
			if _, err := ParseManifest("manifest.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v lacks %q", err, tt.want)
			}
		})
	}
}

func TestCheckRobot(t *testing.T) {
	m, err := ParseManifest("manifest.yaml", []byte(exampleManifest))
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckRobot(m, calibration.Default()); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, want string
		change     func(*Manifest)
	}{
		{"robot", `robot: the manifest was made for "other"`, func(m *Manifest) { m.Robot = "other" }},
		{"joint", `action.names[0]: the robot has no "left_joint9"`, func(m *Manifest) { m.Action.Names = []string{"left_joint9"} }},
		{"state", `proprioception[0]: the robot has no "battery"`, func(m *Manifest) { m.Proprioception = []string{"battery"} }},
		{"camera", `cameras[1]: the robot has no "roof"`, func(m *Manifest) { m.Cameras = []string{"front", "roof"} }},
	}
	for _, tt := range tests {
		c := m
		tt.change(&c)
		if err := CheckRobot(c, calibration.Default()); !errors.Is(err, ErrRobotDisagrees) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v lacks %q", tt.name, err, tt.want)
		}
	}
}

func TestManifestStatistics(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "manifest.yaml")
	m, err := ParseManifest(path, []byte(exampleManifest))
	if err != nil {
		t.Fatal(err)
	}
	// The file's own order and its extra dimension don't matter: names do.
	whole := calibration.Statistics{
		StateNames: []string{"base_linear", "left_joint1", "left_gripper_command"}, Mean: []float64{1, 2, 3}, Std: []float64{1, 1, 1},
		ActionNames: []string{"right_joint2", "right_joint3", "left_gripper", "left_joint1"}, ActMin: []float64{0, -1, 0, -1}, ActMax: []float64{2, 0, 0.07, 1},
	}
	text, err := whole.YAML("")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "statistics.yaml"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := m.LoadStatistics(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float64{2, 3, 1}, s.Mean); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]float64{1, 0.07, 2}, s.ActMax); diff != "" {
		t.Error(diff)
	}
	if err := CheckStatistics(m, s, calibration.Default()); err != nil {
		t.Error(err)
	}
	s.ActMax[0] = 57 // degrees
	if err := CheckStatistics(m, s, calibration.Default()); !errors.Is(err, ErrRobotDisagrees) || !strings.Contains(err.Error(), "(left_joint1) are -1..57") {
		t.Errorf("error %v", err)
	}
	m.Proprioception = append(m.Proprioception, "base_angular")
	if _, err := m.LoadStatistics(path); err == nil || !strings.Contains(err.Error(), `lacks "base_angular"`) {
		t.Errorf("error %v", err)
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(exampleManifest))
	f.Add([]byte("action: {names: [a]}"))
	f.Add([]byte("navigation: ~"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest("fuzz.yaml", data)
		if err != nil {
			return
		}
		text, err := m.YAML("")
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseManifest("again.yaml", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(m, back); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestContinuous: what a policy of numbers may say, and what is told to who says something else.
func TestContinuous(t *testing.T) {
	arm := "[left_joint1, left_joint2, left_joint3, left_joint4, left_joint5, left_joint6, left_gripper]"
	good := strings.NewReplacer(
		"action: {names: [left_joint1, left_gripper, right_joint2]", "action: {names: "+arm,
		"chunk: 5", "chunk: 3", "proprioception: [left_joint1, left_gripper_command, base_linear]", "proprioception: "+arm, "action_token_top: 151643", "action_token_top: 0",
	).Replace(exampleManifest[:strings.Index(exampleManifest, "navigation:")]) + `max_observation_age_s: 1.5
continuous: {history: 2, fill: false, slide: 1, selection: all, ensemble_decay: 0.01, gripper: width, gripper_one: closed, state: standard, relative: 0.4}
`
	m, err := ParseManifest("manifest.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if m.Continuous.Relative != 0.4 {
		t.Errorf("relative is %g", m.Continuous.Relative)
	}
	if m, err = ParseManifest("manifest.yaml", []byte(strings.Replace(good, ", relative: 0.4", "", 1))); err != nil || m.Continuous.Relative != 0 {
		t.Errorf("without it: %v, relative %v", err, m.Continuous)
	}
	for _, test := range []struct{ old, new, want string }{
		{"relative: 0.4", "relative: -1", "continuous.relative is -1 rad"},
		{"relative: 0.4", "relative: .nan", "continuous.relative is NaN rad"},
		{"mode: absolute", "mode: delta", "have no mean over time"},
		{"selection: all", "selection: first", "continuous.selection is first with an action.chunk of 3"},
		{"cameras: [front, left, right]\nlayout: stack3", "cameras: [front]\nlayout: tiles", "cameras lists 1; continuous policies take two"},
		{"slide: 1", "slide: 3", "continuous.slide is 3"},
	} {
		bad := strings.Replace(good, test.old, test.new, 1)
		if _, err := ParseManifest("manifest.yaml", []byte(bad)); bad == good || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, expected %q", test.new, err, test.want)
		}
	}
}
