package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/nodes/recorder/episode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// builtFormats are those of this build.
func builtFormats() []Format {
	return slices.DeleteFunc(Formats(), func(f Format) bool {
		_, err := newFormat(f)
		return errors.Is(err, ErrNotBuilt)
	})
}

func TestNotBuilt(t *testing.T) {
	if n := len(builtFormats()); n == len(Formats()) {
		t.Skip("every format is in this build")
	}
	_, err := Export(t.Context(), three(t), t.TempDir(), Config{Format: ALOHA}, nil)
	if !errors.Is(err, ErrNotBuilt) || !strings.Contains(err.Error(), "-tags hdf5") {
		t.Error(err)
	}
}

// Interrupted anywhere and called again, or with more episodes than before, an
// export makes the set that one without interruption makes.
func TestResumes(t *testing.T) {
	episodes := three(t)
	for _, f := range builtFormats() {
		t.Run(string(f), func(t *testing.T) {
			cfg := Config{Format: f}
			whole, broken := t.TempDir(), t.TempDir()
			total := export(t, episodes, whole, cfg).Frames
			for _, part := range []int{total / 10, total * 4 / 10, total / 10} {
				ctx, cancel := context.WithCancel(t.Context())
				frames := 0
				_, err := Export(ctx, episodes, broken, cfg, func(Progress) {
					if frames++; frames > part {
						cancel()
					}
				})
				cancel()
				if !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				for name := range files(t, broken) {
					if strings.HasSuffix(name, ".part") {
						t.Errorf("%s was left", name)
					}
				}
			}
			var last Progress
			r, err := Export(t.Context(), episodes, broken, cfg, func(p Progress) { last = p })
			if err != nil {
				t.Fatal(err)
			}
			if last != (Progress{Episode: 3, Episodes: 3, Path: episodes[2], Frame: last.Frames, Frames: last.Frames}) {
				t.Errorf("the last progress was %+v", last)
			}
			if d := cmp.Diff(files(t, whole), files(t, broken)); d != "" {
				t.Error("sets differ: ", d[:min(len(d), 2000)])
			}
			if again := export(t, episodes, broken, cfg); again.Kept != 3 || again.Frames != r.Frames {
				t.Errorf("once more: %+v", again)
			}
			grown := t.TempDir()
			export(t, episodes[:2], grown, cfg)
			if r := export(t, episodes, grown, cfg); r.Kept != 2 || r.Episodes != 3 || r.Frames != total {
				t.Errorf("grown: %+v", r)
			}
		})
	}
}

// A set is of one kind: an export of another kind leaves it as it is, also when no
// episode is left to write; and a folder with other things in it is left alone.
func TestRefusesOtherSets(t *testing.T) {
	episodes := []string{record(t, t.TempDir(), simple("x", 500*time.Millisecond))}
	dir := t.TempDir()
	export(t, episodes, dir, Config{Format: LeRobot30})
	before := files(t, dir)
	for want, cfg := range map[string]Config{
		"format is lerobot-v2.1, in the set it is lerobot-v3.0": {Format: LeRobot21},
		"frames a second is 10, in the set it is 30":            {Format: LeRobot30, FPS: 10},
		"the base is in the set: false, wanted: true":           {Format: LeRobot30, Base: true},
		"action is command +0, in the set it is leader +0":      {Format: LeRobot30, Action: Command},
		"cameras is [{front 0 0}]":                              {Format: LeRobot30, Cameras: []string{"front"}},
	} {
		_, err := Export(t.Context(), episodes, dir, cfg, nil)
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "export to another folder") {
			t.Errorf("%v; want %q", err, want)
		}
	}
	if d := cmp.Diff(before, files(t, dir)); d != "" {
		t.Error("the set has changed: ", d[:min(len(d), 500)])
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "thesis.tex"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Export(t.Context(), episodes, other, Config{Format: LeRobot30}, nil); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "holds thesis.tex, and no set") {
		t.Error(err)
	}
}

func TestRefuses(t *testing.T) {
	root := t.TempDir()
	one := record(t, root, simple("x", 500*time.Millisecond))
	two := record(t, root, simple("y", 500*time.Millisecond))
	set := t.TempDir()
	export(t, []string{one}, set, Config{Format: LeRobot21})
	noLeader := simple("x", 500*time.Millisecond)
	noLeader.leader = false
	noCamera := simple("x", 500*time.Millisecond)
	noCamera.lost = func(topic string, _ time.Duration) bool { return strings.HasPrefix(topic, "/camera_l") }
	bigger := simple("x", 500*time.Millisecond)
	bigger.size = image.Pt(20, 12)
	discarded := simple("x", 500*time.Millisecond)
	discarded.verdict = episode.Discard
	gap := simple("x", time.Second)
	gap.lost = func(topic string, at time.Duration) bool {
		return strings.HasPrefix(topic, "/camera_f") && at > 300*time.Millisecond && at < 500*time.Millisecond
	}
	armGap := simple("x", time.Second)
	armGap.lost = func(topic string, at time.Duration) bool {
		return topic == "/puppet/joint_left" && at > 300*time.Millisecond && at < 500*time.Millisecond
	}
	for name, c := range map[string]struct {
		episodes []string
		dir      string
		cfg      Config
		is       error
		want     string
	}{
		"format":          {[]string{one}, "", Config{Format: "zarr"}, ErrConfig, `"zarr" is none of`},
		"rate":            {[]string{one}, "", Config{Format: LeRobot21, FPS: -1}, ErrConfig, "frames a second"},
		"camera":          {[]string{one}, "", Config{Format: LeRobot21, Cameras: []string{"top"}}, ErrConfig, "the robot has front, left, right"},
		"other rate":      {[]string{one, two}, set, Config{Format: LeRobot21, FPS: 15}, ErrConfig, "frames a second is 15, in the set it is 30"},
		"other format":    {[]string{one, two}, set, Config{Format: LeRobot30}, ErrConfig, "format is lerobot-v3.0, in the set it is lerobot-v2.1"},
		"other episodes":  {[]string{two, one}, set, Config{Format: LeRobot21}, ErrConfig, "is not number 0"},
		"fewer episodes":  {[]string{record(t, root, discarded), two}, set, Config{Format: LeRobot21}, ErrConfig, "not number 0"},
		"no leader":       {[]string{record(t, root, noLeader)}, "", Config{Format: LeRobot21, Action: Leader}, ErrEpisode, "has no action (leader)"},
		"leader in one":   {[]string{one, record(t, root, noLeader)}, "", Config{Format: LeRobot21}, ErrEpisode, "has no action (leader)"},
		"no camera":       {[]string{record(t, root, noCamera)}, "", Config{Format: LeRobot21}, ErrEpisode, "camera left has no pictures"},
		"another size":    {[]string{one, record(t, root, bigger)}, "", Config{Format: LeRobot30}, ErrEpisode, "20x12, in the set they are 16x12"},
		"discarded":       {[]string{record(t, root, discarded)}, "", Config{Format: LeRobot21}, ErrEpisode, "judge them"},
		"gap":             {[]string{record(t, root, gap)}, "", Config{Format: LeRobot21}, ErrGap, "camera front: the nearest picture is 0."},
		"gap of an arm":   {[]string{record(t, root, armGap)}, "", Config{Format: LeRobot21}, ErrGap, "state of the arms: the samples around it are 0.200 s apart"},
		"not an episode":  {[]string{filepath.Join(root, "nothing.mcap")}, "", Config{Format: LeRobot21}, os.ErrNotExist, ""},
		"video for llava": {[]string{one}, "", Config{Format: LLaVAVLA, Video: true}, ErrConfig, "video is for LeRobot"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := c.dir
			if dir == "" {
				dir = t.TempDir()
			}
			if _, err := Export(t.Context(), c.episodes, dir, c.cfg, nil); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %v, %q", err, c.is, c.want)
			}
		})
	}
}

func TestTrims(t *testing.T) {
	m := simple("x", 2*time.Second)
	m.lost = func(topic string, at time.Duration) bool {
		return strings.HasPrefix(topic, "/camera_f") && at > 500*time.Millisecond && at < 900*time.Millisecond
	}
	dir := t.TempDir()
	r := export(t, []string{record(t, t.TempDir(), m)}, dir, Config{Format: LeRobot21, Gaps: Trim})
	if r.Frames < 32 || r.Frames > 36 { // the last 1.1 s, and what is near enough to it
		t.Errorf("%d frames are left", r.Frames)
	}
}

// What an episode offers decides where actions come from, unless it is said.
func TestActions(t *testing.T) {
	both := simple("x", 500*time.Millisecond)
	both.command = true
	commandedOnly := both
	commandedOnly.leader = false
	neither := simple("x", 500*time.Millisecond)
	neither.leader, neither.foreign = false, true
	for _, c := range []struct {
		m    made
		cfg  Config
		used string
		want func(k, j int) float64
	}{
		{both, Config{}, Leader, func(k, j int) float64 { return led(float64(k)/30, j) }},
		{both, Config{Action: Command, ActionLead: 2}, Command, func(k, j int) float64 { return commanded(float64(k+2)/30, j) }},
		{commandedOnly, Config{}, Command, func(k, j int) float64 { return commanded(float64(k)/30, j) }},
		{neither, Config{}, NextState, func(k, j int) float64 { return measured(float64(k+1)/30, j) }},
	} {
		e, err := episode.Open(record(t, t.TempDir(), c.m))
		if err != nil {
			t.Fatal(err)
		}
		c.cfg.Format = LeRobot21
		var spec Spec
		p, err := prepare(e, c.cfg.withDefaults(), &spec)
		if err != nil {
			t.Fatal(err)
		}
		if spec.Action != c.used {
			t.Errorf("actions are the %s, want %s", spec.Action, c.used)
		}
		for k := range p.length - 3 { // at the end there is nothing ahead
			for j := range 14 {
				if got := p.action[k][j]; math.Abs(got-c.want(k, j)) > 1e-5 {
					t.Fatalf("%s: frame %d, joint %d: %g, want %g", c.used, k, j, got, c.want(k, j))
				}
			}
		}
		_ = e.Close()
	}
}

func TestPNGAndUnjudged(t *testing.T) {
	m := simple("x", 300*time.Millisecond)
	m.png, m.verdict = true, episode.Unjudged
	path := record(t, t.TempDir(), m)
	r := export(t, []string{path}, t.TempDir(), Config{Format: LLaVAVLA, Unjudged: true, Cameras: []string{"front", "right"}})
	if r.Episodes != 1 || r.Frames != 4 || len(r.Spec.Cameras) != 2 {
		t.Errorf("%+v", r)
	}
}

func TestLLaVAVLA(t *testing.T) {
	episodes := three(t)
	for _, normalised := range []bool{false, true} {
		dir := t.TempDir()
		export(t, episodes, dir, Config{Format: LLaVAVLA, Normalised: normalised})
		stats, err := calibration.LoadStatistics(filepath.Join(dir, "statistics.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "training.json"))
		if err != nil {
			t.Fatal(err)
		}
		var all []conversation
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatal(err)
		}
		if len(all) != 11+13+9 || !strings.Contains(string(text), "<image>") {
			t.Fatalf("%d conversations", len(all))
		}
		for i, c := range all[:11] {
			lines := strings.Split(c.Turns[0].Value, "\n")
			if c.Turns[0].From != "human" || c.Turns[1].From != "gpt" || !c.Embodied || len(lines) != 3 || lines[0] != "<image>" || lines[1] != "fetch the bottle" {
				t.Fatalf("%+v", c)
			}
			for j, v := range numbers(t, lines[2]) {
				if math.Abs(v-measured(float64(i)/10, j)) > 1e-5 {
					t.Fatalf("frame %d, state %d is %g", i, j, v)
				}
			}
			answer := numbers(t, c.Turns[1].Value)
			if len(answer) != 5*14 {
				t.Fatalf("%d numbers", len(answer))
			}
			for n, v := range answer {
				j := n % 14
				if normalised {
					if v < -1.00001 || v > 1.00001 {
						t.Fatalf("%g is not normalised", v)
					}
					v = (v+1)/2*(stats.ActMax[j]-stats.ActMin[j]) + stats.ActMin[j]
				}
				if want := led(float64(min(i+n/14, 10))/10, j); math.Abs(v-want) > 1e-5 {
					t.Fatalf("frame %d, action %d is %g, want %g", i, n, v, want)
				}
			}
			f, err := os.Open(filepath.Join(dir, c.Image))
			if err != nil {
				t.Fatal(err)
			}
			m, _, err := image.DecodeConfig(f)
			if err != nil || m.Width != 334 || m.Height != 334 {
				t.Errorf("composite of %dx%d: %v", m.Width, m.Height, err)
			}
			_ = f.Close()
		}
	}
}

func numbers(t *testing.T, text string) []float64 {
	t.Helper()
	var out []float64
	for _, w := range strings.Fields(text) {
		v, err := strconv.ParseFloat(w, 64)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// The statistics of all episodes are those of all their rows at once.
func TestMergedStats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var parts []Stats
		var all [][]float64
		for range rapid.IntRange(1, 4).Draw(t, "episodes") {
			var rows [][]float64
			for range rapid.IntRange(1, 30).Draw(t, "rows") {
				rows = append(rows, []float64{rapid.Float64Range(-10, 10).Draw(t, "x"), 1})
			}
			parts, all = append(parts, statsOf(rows)), append(all, rows...)
		}
		got, want := merge(parts), statsOf(all)
		near := func(what string, a, b []float64) {
			for i := range a {
				if math.Abs(a[i]-b[i]) > 1e-9 {
					t.Fatalf("%s %v, want %v", what, a, b)
				}
			}
		}
		near("mean", got.Mean, want.Mean)
		near("std", got.Std, want.Std)
		near("min", got.Min, want.Min)
		near("max", got.Max, want.Max)
		if got.Count != want.Count {
			t.Fatalf("count %d, want %d", got.Count, want.Count)
		}
	})
	s := statsOf([][]float64{{1}, {2}, {3}, {4}, {5}})
	if s.Q50[0] != 3 || s.Q10[0] != 1.4 || s.Q99[0] != 4.96 {
		t.Errorf("quantiles %+v", s)
	}
}

func TestColours(t *testing.T) {
	m := simple("", 0)
	c := newColours(2)
	for i := range 2 {
		if err := c.add(i, compressed(t, made{size: m.size, png: true}, 50*i, 2)); err != nil {
			t.Fatal(err)
		}
	}
	s := c.stats()
	near := func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }
	if s.Count != 2 || !near(s.Min[0], 0) || !near(s.Max[0], 100.0/255) || !near(s.Mean[0], 50.0/255) || !near(s.Std[0], 50.0/255) || !near(s.Mean[1], 160.0/255) {
		t.Errorf("%+v", s)
	}
	if got := newColours(1000).every; got != 10 {
		t.Errorf("every %d of 1000 frames", got)
	}
}

func TestLongestRun(t *testing.T) {
	for in, want := range map[string]string{"": "0 0", "x": "0 0", "....": "0 4", "..x...": "3 6", "...x..": "0 3", "x.x": "1 2"} {
		var gaps []string
		for _, c := range in {
			gaps = append(gaps, strings.Trim(string(c), "."))
		}
		from, to := longestRun(gaps)
		if got := fmt.Sprint(from, to); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
