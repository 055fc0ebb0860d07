package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io/fs"
	"iter"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cobot_vla/calibration"
	"cobot_vla/msgs"
	"cobot_vla/nodes/recorder/episode"
	"cobot_vla/nodes/recorder/export"
	"cobot_vla/nodes/recorder/ffmpegtest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	ffmpegtest.Main()
	goleak.VerifyTestMain(m)
}

const width, height, fps = 32, 24, 30

// shade of a camera's picture: of one colour, which JPEG keeps, and far from those
// of the pictures before and after it and of other episodes.
func shade(seed, k, camera int) color.RGBA {
	return color.RGBA{uint8(40 + 8*(7*k%25)), uint8(60 * camera), uint8(40 + 60*seed), 255}
}

func jpegOf(t testing.TB, c color.RGBA) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range width * height {
		m.SetRGBA(i%width, i/width, c)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// made is a demonstration whose numbers float32 can hold, so that nothing is rounded on the way.
func made(t testing.TB, task string, seed, frames int) *demonstration {
	d := &demonstration{task: task, fps: fps, cameras: []string{"front", "left", "right"}}
	row := func(k int, scale float64) []float64 {
		out := make([]float64, 14)
		for j := range out {
			out[j] = float64(float32(scale * math.Sin(float64(seed)+0.1*float64(k)+float64(j))))
		}
		return out
	}
	for k := range frames {
		d.state, d.vel, d.effort = append(d.state, row(k, 0.5)), append(d.vel, row(k, 1)), append(d.effort, row(k, 2))
		d.action = append(d.action, row(k+1, 0.5))
		d.base = append(d.base, []float64{float64(float32(0.01 * float64(k))), -0.25})
	}
	d.pictures = func(context.Context) iter.Seq2[[]picture, error] {
		return func(yield func([]picture, error) bool) {
			for k := range frames {
				var out []picture
				for c := range 3 {
					out = append(out, picture{file: jpegOf(t, shade(seed, k, c))})
				}
				if !yield(out, nil) {
					return
				}
			}
		}
	}
	return d
}

// recorded is a session of three, as the recorder would have it.
func recorded(t testing.TB) (root string, paths []string) {
	t.Helper()
	root = t.TempDir()
	robot, text, err := Config{}.robot()
	if err != nil {
		t.Fatal(err)
	}
	j, err := readJournal(root)
	if err != nil {
		t.Fatal(err)
	}
	for i, task := range []string{"fetch the bottle", "open the <drawer>", "fetch the bottle"} {
		w := writing{robot: robot, calibration: text, root: root, journal: j, name: fmt.Sprint(i)}
		path, err := w.episode(t.Context(), made(t, task, i, 20+5*i), func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return root, paths
}

// said is all that is on the robot's topics of an episode.
func said(t testing.TB, path string) map[string][]msgs.Message {
	t.Helper()
	r, err := episode.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	all := map[string][]msgs.Message{}
	for m, err := range r.Read() {
		if err != nil {
			t.Fatal(err)
		}
		if m.Topic == episode.StatusTopic {
			continue
		}
		d, err := m.Decode()
		if err != nil {
			t.Fatal(err)
		}
		all[m.Topic] = append(all[m.Topic], d)
	}
	return all
}

// same holds two episodes together: every number and, with pictures, every byte.
func same(t *testing.T, got, want map[string][]msgs.Message, pictures bool) {
	t.Helper()
	for topic, messages := range want {
		if strings.Contains(topic, "image_raw") && !pictures {
			continue
		}
		if len(got[topic]) != len(messages) {
			t.Fatalf("%s: %d messages, want %d", topic, len(got[topic]), len(messages))
		}
		for k, m := range messages {
			if !bytes.Equal(msgs.Marshal(got[topic][k]), msgs.Marshal(m)) {
				t.Fatalf("%s, message %d: %+v, want %+v", topic, k, got[topic][k], m)
			}
		}
	}
}

func exported(t testing.TB, paths []string, cfg export.Config) string {
	t.Helper()
	dir := t.TempDir()
	cfg.FPS = fps
	if _, err := export.Export(t.Context(), paths, dir, cfg, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// What is exported and imported again is what it was, every number and every byte
// of every picture.
func TestLeRobotThereAndBack(t *testing.T) {
	_, paths := recorded(t)
	for _, f := range []export.Format{export.LeRobot21, export.LeRobot30} {
		t.Run(string(f), func(t *testing.T) {
			dir, root := exported(t, paths, export.Config{Format: f, Base: true}), t.TempDir()
			frames := 0
			r, err := Import(t.Context(), dir, root, Config{}, func(Progress) { frames++ })
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Paths) != 3 || r.Frames != 20+25+30 || frames != r.Frames {
				t.Fatalf("%+v, %d frames told", r, frames)
			}
			for i, path := range r.Paths {
				same(t, said(t, path), said(t, paths[i]), true)
			}
			e, err := episode.Open(r.Paths[1])
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			if e.Task != "open the <drawer>" || e.Verdict != episode.Keep || !strings.Contains(e.Note, "#1") {
				t.Errorf("%+v %+v", e.Info, e.Result)
			}
		})
	}
}

// Of videos every frame comes back, a little changed by their encoding: from films of
// one episode (v2.1) and from within films of several (v3.0).
func TestLeRobotVideo(t *testing.T) {
	_, paths := recorded(t)
	for name, program := range ffmpegtest.Programs(t) {
		for f, want := range map[export.Format]int{export.LeRobot21: 6, export.LeRobot30: 2} {
			dir := exported(t, paths, export.Config{Format: f, Base: true, Video: true, FFmpeg: program, Cameras: []string{"front", "right"}})
			if n := len(films(t, dir)); n != want {
				t.Errorf("%s: %d films, want %d", f, n, want)
			}
			r, err := Import(t.Context(), dir, t.TempDir(), Config{FFmpeg: program}, nil)
			if err != nil {
				t.Fatalf("%s with %s: %v", f, name, err)
			}
			for i, path := range r.Paths {
				got := said(t, path)
				same(t, got, said(t, paths[i]), false)
				checkShades(t, got, i, 20+5*i, 12, 0, 2)
			}
		}
	}
}

func films(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".mp4") {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// checkShades holds an episode's pixels to the colours that shade gives them.
func checkShades(t *testing.T, got map[string][]msgs.Message, seed, frames, tolerance int, cameras ...int) {
	t.Helper()
	for _, c := range cameras {
		ns := []string{"/camera_f", "/camera_l", "/camera_r"}[c]
		pictures := got[ns+"/color/image_raw"]
		if len(pictures) != frames {
			t.Fatalf("%s: %d pictures, want %d", ns, len(pictures), frames)
		}
		for k, m := range pictures {
			p, want := m.(*msgs.Image).Data[3*(width*height/2):], shade(seed, k, c)
			for i, v := range []uint8{want.R, want.G, want.B} {
				if math.Abs(float64(p[i])-float64(v)) > float64(tolerance) {
					t.Fatalf("episode %d, frame %d of camera %d is %v, want %v", seed, k, c, p[:3], want)
				}
			}
		}
	}
}

// Films that others encoded: few key pictures, so that an episode begins amid a group.
func TestLeRobotVideoOfOthers(t *testing.T) {
	program := ffmpegtest.Programs(t)["ffmpeg"]
	if program == "" {
		t.Skip("no ffmpeg on this machine")
	}
	_, paths := recorded(t)
	dir := exported(t, paths, export.Config{Format: export.LeRobot30, Base: true, Video: true, Cameras: []string{"front", "right"}})
	for _, film := range films(t, dir) {
		out, err := exec.Command(program, "-loglevel", "error", "-y", "-i", film, "-c:v", "libx264", "-g", "250", "-bf", "3", "-crf", "18", film+".other.mp4").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if err := os.Rename(film+".other.mp4", film); err != nil {
			t.Fatal(err)
		}
	}
	for i := 2; i >= 0; i-- { // the last first: nothing depends on the order
		r, err := Import(t.Context(), dir, t.TempDir(), Config{First: i, Count: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		checkShades(t, said(t, r.Paths[0]), i, 20+5*i, 12, 0, 2)
	}
}

// Films that cannot be read: no program, and fewer pictures than the set says.
func TestLeRobotVideoRefused(t *testing.T) {
	_, paths := recorded(t)
	self := ffmpegtest.Programs(t)["stand-in"]
	dir := exported(t, paths, export.Config{Format: export.LeRobot30, Video: true, FFmpeg: self})
	refused := func(program, want string) {
		t.Helper()
		root := t.TempDir()
		r, err := Import(t.Context(), dir, root, Config{FFmpeg: program}, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v, %v; want %q", r, err, want)
		}
		if all, _ := episode.List(root); len(all) != len(r.Paths) {
			t.Errorf("%d episodes were made, %d were said", len(all), len(r.Paths))
		}
	}
	refused("no-such-program", "reading them needs no-such-program: install it")
	for _, film := range films(t, dir) {
		text, err := os.ReadFile(film)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(film, text[:len(text)*2/3], 0o666); err != nil {
			t.Fatal(err)
		}
	}
	refused(self, "has fewer pictures than the set says")
}

// Interrupted anywhere and begun again, an import makes every episode once.
func TestResumes(t *testing.T) {
	_, paths := recorded(t)
	dir, root := exported(t, paths, export.Config{Format: export.LeRobot30}), t.TempDir()
	for _, after := range []int{30, 10, 1 << 30} {
		ctx, cancel := context.WithCancel(t.Context())
		frames := 0
		_, err := Import(ctx, dir, root, Config{}, func(Progress) {
			if frames++; frames > after {
				cancel()
			}
		})
		cancel()
		if (err == nil) != (after == 1<<30) {
			t.Fatalf("after %d frames: %v", after, err)
		}
	}
	all, err := episode.List(root)
	if err != nil || len(all) != 3 {
		t.Fatalf("%v %v", all, err)
	}
	for i, path := range all {
		if n, want := len(said(t, path)["/puppet/joint_left"]), 20+5*i; n != want {
			t.Errorf("%s has %d frames, want %d", path, n, want)
		}
	}
	// What a killed import left behind is taken away.
	j, err := readJournal(root)
	if err != nil {
		t.Fatal(err)
	}
	w, err := episode.Create(root, episode.Info{Task: "x"}, episode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.note(entry{Source: "killed", Episode: w.Info().Name}), w.Abandon()); err != nil {
		t.Fatal(err)
	}
	r, err := Import(t.Context(), dir, root, Config{}, nil)
	if err != nil || r.Kept != 3 || len(r.Paths) != 0 {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := os.Stat(filepath.Dir(w.Path())); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", w.Path(), err)
	}
}

func TestRefusals(t *testing.T) {
	_, paths := recorded(t)
	good := exported(t, paths, export.Config{Format: export.LeRobot21})
	edited := func(old, new string) string {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(good)); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, "meta", "info.json")
		text, err := os.ReadFile(name)
		if err != nil || !bytes.Contains(text, []byte(old)) {
			t.Fatalf("%v; no %q in it", err, old)
		}
		if err := os.WriteFile(name, bytes.Replace(text, []byte(old), []byte(new), 1), 0o666); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for name, c := range map[string]struct {
		path string
		cfg  Config
		want string
	}{
		"nothing":    {t.TempDir(), Config{}, "neither meta/info.json nor an .hdf5 file"},
		"format":     {good, Config{Format: "rlds"}, "format \"rlds\" is none of"},
		"version":    {edited("v2.1", "v1.6"), Config{}, "convert it"},
		"no camera":  {good, Config{Cameras: map[string]string{"wrist": "left"}}, "has no camera \"wrist\""},
		"two":        {good, Config{Cameras: map[string]string{"right": "left"}}, "would both be camera left"},
		"robot":      {good, Config{Cameras: map[string]string{"right": "rear"}}, "the robot has no camera \"rear\""},
		"rate":       {good, Config{FPS: 50}, "says 30 frames a second, not 50"},
		"no episode": {good, Config{First: 9}, "has 3"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			_, err := Import(t.Context(), c.path, root, c.cfg, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
			if all, _ := episode.List(root); len(all) > 0 {
				t.Errorf("made %v", all)
			}
		})
	}
}

func TestColumns(t *testing.T) {
	robot := calibration.Default()
	names := robot.ActionNames()
	turned := append([]string{"gps"}, names...)
	turned[1], turned[8] = turned[8], turned[1]
	for _, c := range []struct {
		names []string
		dims  int
		first int
		base  bool
		bad   bool
	}{
		{names, 14, 0, false, false},
		{nil, 14, 0, false, false},
		{[]string{"a", "b"}, 16, 0, true, false},
		{turned, 15, 8, false, false},
		{append(names[:14:14], calibration.BaseLinear, calibration.BaseAngular), 16, 0, true, false},
		{nil, 7, 0, false, true},
	} {
		got, err := findColumns(robot, c.names, c.dims)
		if (err != nil) != c.bad {
			t.Errorf("%v: %v", c, err)
			continue
		}
		if err == nil && (got.joints[0] != c.first || (got.base != nil) != c.base) {
			t.Errorf("%v: %+v", c, got)
		}
	}
}
