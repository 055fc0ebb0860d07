package calibration

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDefaultIsTheFactoryFile(t *testing.T) {
	fromDisk, err := Load("cobot_magic.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fromDisk, Default()); diff != "" {
		t.Fatal(diff)
	}
}

func TestDefaultNames(t *testing.T) {
	r := Default()
	want := []string{
		"left_joint1", "left_joint2", "left_joint3", "left_joint4", "left_joint5", "left_joint6", "left_gripper",
		"right_joint1", "right_joint2", "right_joint3", "right_joint4", "right_joint5", "right_joint6", "right_gripper",
	}
	if diff := cmp.Diff(want, r.ActionNames()); diff != "" {
		t.Fatal(diff)
	}
	lower, upper := r.ActionLimits()
	if len(lower) != 14 || len(upper) != 14 || lower[1] != 0 || upper[6] != 0.07 || lower[9] != -2.967 {
		t.Fatalf("limits %v %v", lower, upper)
	}
	if _, ok := r.Arm("middle"); ok {
		t.Fatal("found an arm called middle")
	}
	if c, ok := r.Camera("left"); !ok || c.Namespace != "/camera_l" {
		t.Fatalf("left camera %+v %v", c, ok)
	}
	states := r.StateNames()
	for _, n := range []string{"left_gripper_command", "right_gripper_command", "base_linear", "base_angular"} {
		if !strings.Contains(strings.Join(states, " "), n) {
			t.Errorf("states lack %s", n)
		}
	}
}

// Every edit of the factory file below is refused, and the error says where and what.
func TestParseRefuses(t *testing.T) {
	const elbow = "{name: left_joint3, lower: -2.967, upper: 0.0, max_velocity: 1.5, max_acceleration: 5.0, zero: 0}"
	tests := []struct{ name, old, new, want string }{
		{"unknown key", "  track: 0.35", "  trak: 0.35", `unknown key "trak" in base`},
		{"unknown nested key", "torque: 1.0,", "torque: 1.0, colour: 3,", `unknown key "colour" in arms[0].gripper`},
		{"missing key", "  track: 0.35\n", "", `base lacks the key "track"`},
		{"missing zero", ", zero: 0}", "}", `arms[0].joints[0] lacks the key "zero"`},
		{"key twice", "  track: 0.35\n", "  track: 0.35\n  track: 0.4\n", `key "track" twice`},
		{"null", "  track: 0.35", "  track:", "base.track has no value"},
		{"alias", "version: 1\n", "version: &v 1\n", ""},
		{"wrong type", "  track: 0.35", "  track: wide", "cannot unmarshal"},
		{"a list where a number goes", "  track: 0.35", "  track: [1, 2]", "base.track is not a single value"},
		{"short vector", "xyz: [0.25, 0.25, 0.70]", "xyz: [0.25, 0.25]", "arms[0].mount.xyz has 2 elements; it takes 3"},
		{"version", "version: 1\n", "version: 7\n", "version is 7"},
		{"two documents", "version: 1\n", "version: 1\n---\nversion: 1\n", "more than one YAML document"},
		{"NaN", "  track: 0.35", "  track: .nan", "base.track is NaN m"},
		{"infinite", "  max_linear: 0.5", "  max_linear: .inf", "base.max_linear is +Inf m/s"},
		{"faster than the arm", elbow, strings.Replace(elbow, "1.5", "3.5", 1), "arms[0].joints[2].max_velocity is 3.5 rad/s; it must be above 0 and at most 3 rad/s"},
		{"limits swapped", elbow, strings.Replace(elbow, "upper: 0.0", "upper: -3.0", 1), "(left_joint3): lower -2.967 rad is not below upper -3 rad"},
		{"park outside", "park: [0, 0.03", "park: [0, -0.2", "arms[0].park[1] is -0.2 rad, outside left_joint2's limits 0..3.14 rad"},
		{"name twice", "name: right_joint1", "name: left_joint1", `the name "left_joint1" is used twice`},
		{"sides swapped", "side: left", "side: right", "arms are listed left, right"},
		{"shared bus", "bus: can_base", "bus: can_left", "never share a bus"},
		{"one arm bus", "bus: can_right", "bus: can_left", "each arm answers on a bus of its own"},
		{"gentle e-stop", "hard_deceleration: 1.5", "hard_deceleration: 0.1", "an e-stop must brake harder"},
		{"camera parent", "parent: left_link6", "parent: ceiling", `cameras[1].parent is "ceiling"`},
		{"principal point", "cx: 320", "cx: 900", "cameras[0].cx is 900 px; it must lie within 0..640 px"},
		{"relative namespace", "namespace: /camera_f", "namespace: camera_f", "write it as /camera_f"},
		{"flat obstacle", "radius: 0.20}", "radius: 0}", "obstacles[2].radius is 0 m"},
		{"torque", "torque: 1.0", "torque: 9", "arms[0].gripper.torque is 9 N·m"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(string(cobotMagic), tt.old, tt.new, 1)
			if text == string(cobotMagic) {
				t.Fatalf("%q is not in the factory file", tt.old)
			}
			if tt.name == "alias" { // an anchor alone is harmless; its use is refused
				text = strings.Replace(text, "name: cobot_magic", "name: *v", 1)
				tt.want = "name is an alias"
			}
			_, err := Parse("robot.yaml", []byte(text))
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "robot.yaml") {
				t.Fatalf("error %q lacks %q or the file's name", err, tt.want)
			}
		})
	}
}

func TestErrorNamesTheLine(t *testing.T) {
	text := strings.Replace(string(cobotMagic), "  track: 0.35", "  trak: 0.35", 1)
	line := 1 + strings.Count(text[:strings.Index(text, "trak")], "\n")
	_, err := Parse("robot.yaml", []byte(text))
	if want := "robot.yaml:" + strconv.Itoa(line) + ":"; err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("error %v lacks %q", err, want)
	}
}

func TestLoadMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nobody.yaml")
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Fatalf("error %v", err)
	}
	if _, err := LoadStatistics(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Fatalf("error %v", err)
	}
}

// calvinLayout has the keys of the original file, with CALVIN's class names and
// a scene_obs that nothing here reads; the numbers are made up.
const calvinLayout = `robot_obs:
  - _target_: calvin_agent.utils.transforms.NormalizeVector
    mean: [0.1, -0.2, 0.5]
    std: [0.05, 0.1, 0.02]
scene_obs:
  - _target_: calvin_agent.utils.transforms.NormalizeVector
    mean: [1, 2]
    std: [0.5, 0.5]
act_min_bound: [-0.4, -0.8]
act_max_bound: [0.4, 0.8]
`

func TestStatisticsOfTheOriginalLayout(t *testing.T) {
	for _, text := range []string{
		calvinLayout,
		"robot_obs: {mean: [0.1, -0.2, 0.5], std: [0.05, 0.1, 0.02]}\nact_min_bound: [-0.4, -0.8]\nact_max_bound: [0.4, 0.8]\n",
	} {
		s, err := ParseStatistics("statistics.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		want := Statistics{Mean: []float64{0.1, -0.2, 0.5}, Std: []float64{0.05, 0.1, 0.02}, ActMin: []float64{-0.4, -0.8}, ActMax: []float64{0.4, 0.8}}
		if diff := cmp.Diff(want, s); diff != "" {
			t.Fatal(diff)
		}
	}
}

func named() Statistics {
	return Statistics{
		StateNames: []string{"a", "b", "c"}, ActionNames: []string{"a", "b"},
		Mean: []float64{0.1, -0.2, math.Pi}, Std: []float64{0.05, 0, 1e-7}, ActMin: []float64{-0.4, 0}, ActMax: []float64{0.4, 0.07},
	}
}

func TestStatisticsRoundTrip(t *testing.T) {
	s := named()
	text, err := s.YAML("Made by a test.\nTwo lines.")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "# Made by a test.\n# Two lines.\nversion: ") {
		t.Fatalf("header of\n%s", text)
	}
	path := filepath.Join(t.TempDir(), "statistics.yaml")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	back, err := LoadStatistics(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, back); diff != "" {
		t.Fatal(diff)
	}
}

func TestStatisticsVersionFollowsContent(t *testing.T) {
	s := named()
	v := s.Version()
	if len(v) != 12 {
		t.Fatalf("version %q", v)
	}
	s.ActMax[1] = 0.0700001
	if s.Version() == v {
		t.Fatal("another number, the same version")
	}
	s = named()
	s.StateNames[0], s.StateNames[1] = "b", "a"
	if s.Version() == v {
		t.Fatal("another order, the same version")
	}
}

func TestStatisticsRefuses(t *testing.T) {
	good, err := named().YAML("")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, old, new, want string }{
		{"edited", "0.07", "0.08", "the file was edited"},
		{"unknown key", "act_min_bound", "action_min_bound", `unknown key "action_min_bound"`},
		{"lengths", "act_min_bound: [-0.4, 0]", "act_min_bound: [-0.4]", "act_max_bound has 2 numbers but act_min_bound has 1"},
		{"no range", "act_max_bound: [0.4, 0.07]", "act_max_bound: [0.4, 0]", "act_min_bound[1] (b) is 0, not below act_max_bound 0"},
		{"NaN", "0.1, -0.2", ".nan, -0.2", "robot_obs.mean[0] (a) is NaN"},
		{"negative deviation", "0.05, 0,", "-0.05, 0,", "robot_obs.std[0] (a) is -0.05"},
		{"name twice", "action_names: [a, b]", "action_names: [a, a]", `action_names[1] is "a", empty or used before`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(string(good), tt.old, tt.new, 1)
			if text == string(good) {
				t.Fatalf("%q is not in\n%s", tt.old, good)
			}
			if _, err := ParseStatistics("statistics.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v lacks %q", err, tt.want)
			}
		})
	}
}

func TestStatisticsSelect(t *testing.T) {
	s, err := named().Select([]string{"c", "a"}, []string{"b"})
	if err != nil {
		t.Fatal(err)
	}
	want := Statistics{StateNames: []string{"c", "a"}, ActionNames: []string{"b"}, Mean: []float64{math.Pi, 0.1}, Std: []float64{1e-7, 0.05}, ActMin: []float64{0}, ActMax: []float64{0.07}}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Fatal(diff)
	}
	if _, err := named().Select([]string{"d"}, nil); err == nil || !strings.Contains(err.Error(), `lacks "d"`) {
		t.Fatalf("error %v", err)
	}
	anonymous := named()
	anonymous.StateNames, anonymous.ActionNames = nil, nil
	if _, err := anonymous.Select([]string{"x", "y"}, []string{"x", "y"}); err == nil || !strings.Contains(err.Error(), "has 3, but 2 are asked for") {
		t.Fatalf("error %v", err)
	}
	if got, err := anonymous.Select([]string{"x", "y", "z"}, []string{"x", "y"}); err != nil || got.Mean[2] != math.Pi {
		t.Fatalf("%v %v", got, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(cobotMagic)
	f.Add([]byte("arms: [{side: left, joints: [{}]}]"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse("fuzz.yaml", data)
		if err == nil && (len(r.Arms) != 2 || len(r.ActionNames()) != 14) {
			t.Fatalf("accepted a robot with %d arms", len(r.Arms))
		}
	})
}

func FuzzParseStatistics(f *testing.F) {
	good, _ := named().YAML("")
	f.Add(good)
	f.Add([]byte(calvinLayout))
	f.Add([]byte("robot_obs: {mean: [1], std: [1]}\nact_min_bound: [0]\nact_max_bound: [1]"))
	f.Add([]byte("robot_obs: 3"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseStatistics("fuzz.yaml", data)
		if err != nil {
			return
		}
		if err := s.Validate(); err != nil {
			t.Fatalf("accepted: %v", err)
		}
		text, err := s.YAML("")
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseStatistics("again.yaml", text)
		if err != nil || back.Version() != s.Version() {
			t.Fatalf("written and read again: %v\n%s", err, text)
		}
	})
}
