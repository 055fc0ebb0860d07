package main

import (
	"flag"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"cobot_vla/calibration"
	"cobot_vla/nodes/recorder/episode"
	"cobot_vla/nodes/recorder/export"
	"cobot_vla/nodes/recorder/track"
)

var (
	sessions = flag.Int("demonstrations", 2, "how many demonstrations are recorded, exported and imported")
	readers  = flag.String("readers", "../../out/readers/node_modules", "where DuckDB is, which reads the exported sets when it is there")
)

// TestDemonstrations is an afternoon in small: scripted demonstrations on the
// simulated robot, exported, imported again, and still the same numbers.
func TestDemonstrations(t *testing.T) {
	root := t.TempDir()
	paths := demonstrations(t, filepath.Join(root, "episodes"), *sessions, nil)
	if len(paths) != *sessions {
		t.Fatalf("%d episodes", len(paths))
	}
	for _, path := range paths {
		r, err := episode.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		var lost uint64
		for _, s := range r.Streams {
			lost += s.Dropped + s.Lost
		}
		left, _ := r.Stream("/puppet/joint_left")
		if r.Task != "reach out and come back" || r.Verdict != episode.Keep || lost > 0 || left.Gaps > 0 || r.Duration().Seconds() < 7 {
			t.Errorf("%s: task %q, %s, %d lost, %d gaps, %v", path, r.Task, r.Verdict, lost, left.Gaps, r.Duration())
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	others, err := readByOthers(t.Context(), paths, *readers, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range others.Sets {
		t.Logf("%+v", b)
		if b.Problem != "" || b.Episodes != *sessions || b.Frames < 70**sessions || b.Numbers != 4*14*b.Frames || b.Pictures != 3*b.Frames {
			t.Errorf("%s read by %s: %+v", b.Format, b.Reader, b)
		}
	}
	if h5py().missing == "" && export.Built(export.ALOHA) && len(others.Sets) == 0 {
		t.Error("h5py is here and read nothing")
	}
	set, back := filepath.Join(root, "lerobot"), filepath.Join(root, "back")
	out := mustCommand(t, "export", "--format", "lerobot-v3.0", "--fps", "10", "--out", set, filepath.Join(root, "episodes"))
	if !strings.Contains(out, fmt.Sprintf("%d episodes", *sessions)) || !strings.Contains(out, "action: leader") {
		t.Error(out)
	}
	if out = mustCommand(t, "export", "--format", "lerobot-v3.0", "--fps", "10", "--out", set, filepath.Join(root, "episodes")); !strings.Contains(out, fmt.Sprintf("%d of them were there already", *sessions)) {
		t.Error(out)
	}
	if out = mustCommand(t, "import", set, "--out", back); !strings.Contains(out, fmt.Sprintf("%d episodes", *sessions)) {
		t.Error(out)
	}
	if out = mustCommand(t, "record", "list", back); strings.Count(out, "reach out and come back") != *sessions || strings.Count(out, "keep") != *sessions {
		t.Error(out)
	}
	again, err := episode.List(back)
	if err != nil || len(again) != *sessions {
		t.Fatalf("%d episodes came back: %v", len(again), err)
	}
	// Frame k of an episode is k/10 s after its first: where the arms were then.
	for i, path := range again {
		was, is := motion(t, paths[i]), motion(t, path)
		first := frameStart(t, paths[i])
		worst := 0.0
		for k := range is[0].At {
			want, _ := was.Value(first + int64(float64(k)*1e8+0.5))
			for j, v := range append(is[0].Values[k], is[1].Values[k]...) {
				worst = max(worst, math.Abs(v-want[j]))
			}
		}
		if len(is[0].At) < 70 || worst > 1e-6 { // float32
			t.Errorf("%s: %d frames, up to %g rad from what was recorded", path, len(is[0].At), worst)
		}
	}
}

// frameStart is when all streams of a training set have begun.
func frameStart(t *testing.T, path string) (first int64) {
	t.Helper()
	r, err := episode.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, topic := range []string{
		"/puppet/joint_left", "/puppet/joint_right", "/master/joint_left", "/master/joint_right",
		"/camera_f/color/image_raw/compressed", "/camera_l/color/image_raw/compressed", "/camera_r/color/image_raw/compressed",
	} {
		at := int64(math.MaxInt64)
		for m, err := range r.Read(topic) {
			if err != nil {
				t.Fatal(err)
			}
			at = min(at, m.Stamp.UnixNano())
		}
		first = max(first, at)
	}
	return first
}

// TestReadBack: what another program reads must be what was recorded, and what differs is told.
func TestReadBack(t *testing.T) {
	w, err := readRecorded(demonstrations(t, t.TempDir(), 1, nil)[0], demonstrationsFPS)
	if err != nil {
		t.Fatal(err)
	}
	right := func() foreignFrame {
		f := foreignFrame{Frame: 20, Length: w.length, Timestamp: 2, Task: &w.Task, EpisodeTask: &w.Task, Pictures: map[string]string{}}
		for _, v := range []struct {
			to   *[]float32
			from track.Group
		}{{&f.State, w.state}, {&f.Velocity, w.velocity}, {&f.Effort, w.effort}, {&f.Action, w.leader}} {
			all, _ := v.from.Value(w.frame(20))
			for _, x := range all {
				*v.to = append(*v.to, float32(x))
			}
		}
		for name := range w.cameras {
			if f.Pictures[name], err = w.picture(name, w.frame(20), false); err != nil {
				t.Fatal(err)
			}
		}
		return f
	}
	other := "something else"
	for want, change := range map[string]func(f *foreignFrame){
		"":                                       func(*foreignFrame) {},
		"state is":                               func(f *foreignFrame) { f.State[9] = math.Nextafter32(f.State[9], 9) },
		"action is":                              func(f *foreignFrame) { f.Action[0]++ },
		"13 numbers of velocity, not 14":         func(f *foreignFrame) { f.Velocity = f.Velocity[1:] },
		"the episode is said to have":            func(f *foreignFrame) { f.Length-- },
		`task "something else"`:                  func(f *foreignFrame) { f.Task = &other },
		"2.1 s":                                  func(f *foreignFrame) { f.Timestamp = 2.1 },
		"the picture of camera front is another": func(f *foreignFrame) { f.Pictures["front"] = "0" },
		"episode 0, frame 20: pictures of 2 cameras": func(f *foreignFrame) { delete(f.Pictures, "left") },
	} {
		f, b := right(), readBack{Format: export.LeRobot30}
		change(&f)
		if err := b.compare(f, w); (err == nil) != (want == "") || !strings.Contains(b.Problem, want) || want == "" && (b.Numbers != 56 || b.Pictures != 3) {
			t.Errorf("want %q: %v, %+v", want, err, b)
		}
	}
}

// TestCalibrateStatistics: the numbers of the episodes, as a policy wants them.
func TestCalibrateStatistics(t *testing.T) {
	root := t.TempDir()
	paths := demonstrations(t, filepath.Join(root, "episodes"), 1, nil)
	file := filepath.Join(root, "out", "statistics.yaml")
	mustCommand(t, "calibrate", "statistics", filepath.Join(root, "episodes"), "--out", file)
	s, err := calibration.LoadStatistics(file)
	if err != nil {
		t.Fatal(err)
	}
	g := motion(t, paths[0])
	first, sum, n := frameStart(t, paths[0]), 0.0, 0
	for k := int64(0); first+k*1e8 <= g.Last(); k++ {
		v, _ := g.Value(first + k*1e8)
		sum += v[8]
		n++
	}
	if len(s.Mean) != 14 || s.StateNames[8] != "right_joint2" || math.Abs(s.Mean[8]-sum/float64(n)) > 0.02 || s.ActMax[8] < 1.3 {
		t.Errorf("right joint 2: mean %.4f, want %.4f, at most %.3f", s.Mean[8], sum/float64(n), s.ActMax[8])
	}
}
