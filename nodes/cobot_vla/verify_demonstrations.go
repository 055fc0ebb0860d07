package main

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/model/vision"
	"cobot_vla/msgs"
	"cobot_vla/nodes/recorder/episode"
	"cobot_vla/nodes/recorder/export"
	"cobot_vla/nodes/recorder/track"
)

// demonstrationsResult is an afternoon of demonstrations, from the scripted leader to
// programs of other people that read the training sets.
type demonstrationsResult struct {
	Episodes    int        `json:"episodes"`
	Seconds     float64    `json:"seconds"` // recorded
	Messages    uint64     `json:"messages"`
	Lost        uint64     `json:"lost"`
	Gaps        uint64     `json:"gaps"`
	WallSeconds float64    `json:"wall_seconds"` // of recording
	Sets        []readBack `json:"sets"`
	Pass        bool       `json:"pass"`
}

// readBack is one training set as another program read it, held to what was recorded.
type readBack struct {
	Format   export.Format `json:"format"`
	Reader   string        `json:"reader"`
	Episodes int           `json:"episodes"`
	Frames   int           `json:"frames"`
	Numbers  int           `json:"numbers"`  // compared
	Pictures int           `json:"pictures"` // compared, all of their bytes
	Worst    float64       `json:"worst"`    // largest difference of a number [rad, m, and their rates]
	Problem  string        `json:"problem,omitempty"`
}

// demonstrationsFPS of the sets: a policy's step.
const demonstrationsFPS = 10

// proveDemonstrations records sessions on the simulated robot, exports them, and has
// others read what came out. modules is where DuckDB is.
func proveDemonstrations(a *app, sessions int, plant, modules string) (r demonstrationsResult, err error) {
	dir, err := os.MkdirTemp("", "demonstrations_")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	started := time.Now()
	paths, err := scripted(a, dir, sessions, map[string]string{"plant": plant})
	if err != nil {
		return r, err
	}
	took := time.Since(started).Seconds()
	r, err = readByOthers(a.ctx, paths, modules, false)
	r.WallSeconds = took
	r.Pass = r.Pass && len(paths) == sessions
	return r, err
}

// readByOthers exports episodes to every format that another program reads, and
// compares what it reads. One that is not here is a problem, unless skip.
func readByOthers(ctx context.Context, paths []string, modules string, skip bool) (r demonstrationsResult, err error) {
	dir, err := os.MkdirTemp("", "sets_")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	var wanted []*recorded
	for _, path := range paths {
		w, err := readRecorded(path, demonstrationsFPS)
		if err != nil {
			return r, err
		}
		wanted = append(wanted, w)
		r.Seconds, r.Messages = r.Seconds+w.Duration().Seconds(), r.Messages+w.Messages
		for _, s := range w.Streams {
			r.Lost, r.Gaps = r.Lost+s.Dropped+s.Lost, r.Gaps+s.Gaps
		}
	}
	r.Episodes, r.Pass = len(paths), r.Lost == 0
	for _, set := range []struct {
		format export.Format
		reader independent
	}{
		{export.LeRobot21, duckdb(modules)}, {export.LeRobot30, duckdb(modules)}, {export.ALOHA, h5py()},
	} {
		b := readBack{Format: set.format, Reader: set.reader.name, Problem: set.reader.missing}
		if b.Problem == "" && !export.Built(set.format) {
			b.Problem = "this program cannot write it: build with -tags hdf5"
		}
		if b.Problem != "" && skip {
			continue
		}
		if b.Problem == "" {
			out := filepath.Join(dir, string(set.format))
			if err := b.check(ctx, paths, out, set.reader, wanted); err != nil {
				return r, err
			}
			if err := os.RemoveAll(out); err != nil { // pixels are large
				return r, err
			}
		}
		r.Sets = append(r.Sets, b)
		r.Pass = r.Pass && b.Problem == ""
	}
	return r, nil
}

// check exports a set and compares every frame of it.
func (b *readBack) check(ctx context.Context, paths []string, out string, reader independent, wanted []*recorded) error {
	if _, err := export.Export(ctx, paths, out, export.Config{Format: b.Format, FPS: demonstrationsFPS}, nil); err != nil {
		return err
	}
	at, first := foreignFrame{Frame: -1}, 0 // the frame before, and the number of its episode's first
	version, err := reader.read(ctx, out, func(f foreignFrame) error {
		if f.Frame == 0 {
			if first = b.Frames; b.Frames > 0 {
				at.Episode++
			}
			at.Frame = -1
			b.Episodes++
		}
		at.Frame++
		if f.Episode != at.Episode || f.Frame != at.Frame || f.Number != b.Frames || f.From != first || f.Episode >= len(wanted) {
			return b.says("frame %d of episode %d, number %d from %d on, where frame %d of episode %d, number %d from %d was to be", f.Frame, f.Episode, f.Number, f.From, at.Frame, at.Episode, b.Frames, first)
		}
		b.Frames++
		return b.compare(f, wanted[f.Episode])
	})
	if errors.Is(err, errDiffers) {
		return nil
	}
	if err != nil {
		return err
	}
	b.Reader = version
	total := 0
	for _, w := range wanted {
		total += w.length
	}
	if b.Frames != total || b.Episodes != len(wanted) {
		_ = b.says("%d frames of %d episodes, %d of %d were to be", b.Frames, b.Episodes, total, len(wanted))
	}
	return nil
}

// errDiffers ends a comparison; what differs is noted.
var errDiffers = errors.New("it differs")

func (b *readBack) says(format string, args ...any) error {
	b.Problem = fmt.Sprintf(format, args...)
	return errDiffers
}

func (b *readBack) compare(f foreignFrame, w *recorded) error {
	where := fmt.Sprintf("episode %d, frame %d", f.Episode, f.Frame)
	if f.Length != w.length {
		return b.says("%s: the episode is said to have %d frames, not %d", where, f.Length, w.length)
	}
	if f.Task != nil && (*f.Task != w.Task || *f.EpisodeTask != w.Task || f.Timestamp != float32(float64(f.Frame)/demonstrationsFPS)) {
		return b.says("%s: task %q, %q; %g s", where, *f.Task, *f.EpisodeTask, f.Timestamp)
	}
	when := w.frame(f.Frame)
	for _, v := range []struct {
		name string
		got  []float32
		want track.Group
	}{{"state", f.State, w.state}, {"velocity", f.Velocity, w.velocity}, {"effort", f.Effort, w.effort}, {"action", f.Action, w.leader}} {
		want, _ := v.want.Value(when)
		if len(v.got) != len(want) {
			return b.says("%s: %d numbers of %s, not %d", where, len(v.got), v.name, len(want))
		}
		for j := range want {
			b.Worst = max(b.Worst, math.Abs(float64(v.got[j])-float64(float32(want[j]))))
			b.Numbers++
		}
		if b.Worst > 0 { // both are the same float32
			return b.says("%s: %s is %v, recorded %v", where, v.name, v.got, want)
		}
	}
	for camera, got := range f.Pictures {
		want, err := w.picture(camera, when, b.Format == export.ALOHA)
		if err != nil {
			return err
		}
		if got != want {
			return b.says("%s: the picture of camera %s is another", where, camera)
		}
		b.Pictures++
	}
	if len(f.Pictures) != len(w.cameras) {
		return b.says("%s: pictures of %d cameras, not %d", where, len(f.Pictures), len(w.cameras))
	}
	return nil
}

// recorded is an episode as it lies in its file: what a training set must say.
type recorded struct {
	episode.Episode
	first  int64 // when all streams of a set have begun [ns]
	fps    float64
	length int // frames of a set

	state, velocity, effort, leader track.Group
	cameras                         map[string]*pictured
}

// pictured is a camera's pictures: stamps in their order, files, and what was made of them.
type pictured struct {
	at    []int64
	files [][]byte
}

func readRecorded(path string, fps float64) (*recorded, error) {
	r, err := episode.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	robot := calibration.Default()
	n := len(robot.Arms)
	w := &recorded{
		Episode: r.Episode, fps: fps, cameras: map[string]*pictured{},
		state: track.NewGroup(n), velocity: track.NewGroup(n), effort: track.NewGroup(n), leader: track.NewGroup(n),
	}
	take := map[string]func(m msgs.Message, at int64){}
	for i, arm := range robot.Arms {
		take["/puppet/joint_"+arm.Side] = func(m msgs.Message, at int64) {
			j := m.(*msgs.JointState)
			w.state[i].Take(arm, j.Name, j.Position, at)
			w.velocity[i].Take(arm, j.Name, j.Velocity, at)
			w.effort[i].Take(arm, j.Name, j.Effort, at)
		}
		take["/master/joint_"+arm.Side] = func(m msgs.Message, at int64) {
			j := m.(*msgs.JointState)
			w.leader[i].Take(arm, j.Name, j.Position, at)
		}
	}
	for _, c := range robot.Cameras {
		p := &pictured{}
		w.cameras[c.Name] = p
		take[c.Namespace+"/color/image_raw/compressed"] = func(m msgs.Message, at int64) {
			p.at, p.files = append(p.at, at), append(p.files, m.(*msgs.CompressedImage).Data)
		}
	}
	var topics []string
	for topic := range take {
		topics = append(topics, topic)
	}
	for m, err := range r.Read(topics...) {
		if err != nil {
			return nil, err
		}
		decoded, err := m.Decode()
		if err != nil {
			return nil, err
		}
		take[m.Topic](decoded, m.Stamp.UnixNano())
	}
	return w, w.span()
}

// span finds the frames: from when all streams have begun until the first ends.
func (w *recorded) span() error {
	first, last := int64(0), int64(math.MaxInt64)
	for _, g := range []track.Group{w.state, w.leader} {
		if g.Empty() {
			return fmt.Errorf("%s: followers or leaders said nothing", w.Path)
		}
		first, last = max(first, g.First()), min(last, g.Last())
	}
	for name, p := range w.cameras {
		if len(p.at) == 0 {
			return fmt.Errorf("%s: camera %s has no pictures", w.Path, name)
		}
		first, last = max(first, p.at[0]), min(last, p.at[len(p.at)-1])
	}
	w.first, w.length = first, int(float64(last-first)*w.fps/1e9+1e-6)+1
	return nil
}

// frame is the time of frame k [ns].
func (w *recorded) frame(k int) int64 { return w.first + int64(float64(k)*1e9/w.fps+0.5) }

// picture is the MD5 of the camera's picture nearest to a time: of its file, or of its pixels.
func (w *recorded) picture(camera string, when int64, pixels bool) (string, error) {
	p := w.cameras[camera]
	if p == nil {
		return "", fmt.Errorf("%s: no camera %q", w.Path, camera)
	}
	data := p.files[track.Nearest(p.at, when)]
	if pixels {
		var m vision.Image
		if err := vision.Decompress(&m, data); err != nil {
			return "", fmt.Errorf("%s: camera %s: %w", w.Path, camera, err)
		}
		data = m.Pix
	}
	sum := md5.Sum(data)
	return hex.EncodeToString(sum[:]), nil
}

// demonstrationsTable is the README's.
func demonstrationsTable(r demonstrationsResult) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d scripted demonstrations of %.0f s in all, %d messages, %d lost:\n\n", r.Episodes, r.Seconds, r.Messages, r.Lost)
	fmt.Fprintf(&b, "| set | read by | episodes | frames | numbers compared | largest difference | pictures compared, byte for byte | |\n|---|---|---|---|---|---|---|---|\n")
	for _, s := range r.Sets {
		verdict := "all equal"
		if s.Problem != "" {
			verdict = shorten(s.Problem, 90)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %d | %d | %d | %g | %d | %s |\n", s.Format, s.Reader, s.Episodes, s.Frames, s.Numbers, s.Worst, s.Pictures, verdict)
	}
	return b.String()
}
