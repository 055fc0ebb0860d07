package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/recorder/episode"
)

// Progress of an import.
type Progress struct {
	// Episode of Episodes, from 1, and its name in the data set.
	Episode, Episodes int
	Name              string
	// Frame of Frames that are written of it.
	Frame, Frames int
}

// Report of an import.
type Report struct {
	// Paths of the episodes that were made now.
	Paths []string
	// Frames in them.
	Frames int
	// Kept of an earlier import, not made again.
	Kept int
}

// Import makes an episode below root of every one of the data set at path: a folder,
// or an HDF5 file. progress, which may be nil, is called for every frame.
func Import(ctx context.Context, path, root string, cfg Config, progress func(Progress)) (Report, error) {
	cfg = cfg.withDefaults()
	var report Report
	if err := cfg.check(); err != nil {
		return report, err
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	robot, text, err := cfg.robot()
	if err != nil {
		return report, err
	}
	src, err := open(ctx, path, cfg, robot)
	if err != nil {
		return report, err
	}
	if err := os.MkdirAll(root, 0o777); err != nil {
		return report, fmt.Errorf("import: %w", err)
	}
	j, err := readJournal(root)
	if err != nil {
		return report, err
	}
	last := src.count()
	if cfg.First >= last {
		return report, fmt.Errorf("%w: the first episode is to be number %d; %s has %d", ErrConfig, cfg.First, path, last)
	}
	if cfg.Count > 0 {
		last = min(last, cfg.First+cfg.Count)
	}
	for i := cfg.First; i < last; i++ {
		name := src.name(i)
		if j.done(name) {
			report.Kept++
			continue
		}
		d, err := src.open(i)
		if err == nil {
			err = d.check(name)
		}
		if err != nil {
			return report, err
		}
		w := writing{robot: robot, calibration: text, root: root, journal: j, name: name}
		made, err := w.episode(ctx, d, func(k int) {
			progress(Progress{Episode: i - cfg.First + 1, Episodes: last - cfg.First, Name: name, Frame: k + 1, Frames: len(d.state)})
		})
		if err != nil {
			return report, fmt.Errorf("import: %s: %w", name, err)
		}
		report.Paths = append(report.Paths, made)
		report.Frames += len(d.state)
	}
	return report, nil
}

// open finds out what a data set is.
func open(ctx context.Context, path string, cfg Config, robot calibration.Robot) (source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	isLeRobot := false
	if info.IsDir() {
		_, err := os.Stat(filepath.Join(path, "meta", "info.json"))
		isLeRobot = err == nil
	}
	switch {
	case cfg.Format == LeRobot || cfg.Format == Auto && isLeRobot:
		return openLeRobot(path, cfg, robot)
	}
	files := []string{path}
	if info.IsDir() {
		if files, err = hdf5Files(path); err != nil {
			return nil, err
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%w: %s has neither meta/info.json nor an .hdf5 file", ErrSource, path)
	}
	return openHDF5(files, cfg, robot)
}

// hdf5Files of a folder, episode 2 before episode 10.
func hdf5Files(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	var files []string
	for _, e := range entries {
		if ext := strings.ToLower(filepath.Ext(e.Name())); !e.IsDir() && (ext == ".hdf5" || ext == ".h5") {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	slices.SortStableFunc(files, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return files, nil
}

// journal notes which episodes of data sets are whole, so that an import goes on where it ended.
type journal struct {
	path string
	root string
	All  []entry `json:"imported"`
}

type entry struct {
	Source  string `json:"source"`  // name in the data set
	Episode string `json:"episode"` // its folder
	Done    bool   `json:"done"`
}

const journalFile = "imported.json"

// readJournal also takes away what an interrupted import left.
func readJournal(root string) (*journal, error) {
	j := &journal{path: filepath.Join(root, journalFile), root: root}
	text, err := os.ReadFile(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return j, nil
	}
	if err == nil {
		err = json.Unmarshal(text, j)
	}
	if err != nil {
		return nil, fmt.Errorf("import: %s: %w", j.path, err)
	}
	for _, e := range j.All {
		if !e.Done && filepath.Base(e.Episode) == e.Episode {
			if err := os.RemoveAll(filepath.Join(root, e.Episode)); err != nil {
				return nil, fmt.Errorf("import: %w", err)
			}
		}
	}
	j.All = slices.DeleteFunc(j.All, func(e entry) bool { return !e.Done })
	return j, nil
}

func (j *journal) done(name string) bool {
	return slices.ContainsFunc(j.All, func(e entry) bool {
		if !e.Done || e.Source != name {
			return false
		}
		_, err := os.Stat(filepath.Join(j.root, e.Episode)) // somebody may have deleted it
		return err == nil
	})
}

func (j *journal) note(e entry) error {
	j.All = slices.DeleteFunc(j.All, func(o entry) bool { return o.Source == e.Source })
	j.All = append(j.All, e)
	text, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(j.path+".part", text, 0o666); err != nil {
		return err
	}
	return os.Rename(j.path+".part", j.path)
}

// writing makes one episode.
type writing struct {
	robot       calibration.Robot
	calibration []byte
	root        string
	journal     *journal
	name        string
	w           *episode.Writer
	start       time.Time
}

func (w *writing) episode(ctx context.Context, d *demonstration, frame func(k int)) (path string, err error) {
	w.start = time.Unix(1, 0) // data sets do not say when they were recorded
	w.w, err = episode.Create(w.root, episode.Info{
		Task: d.task, Robot: w.robot.Name, Note: "imported from " + w.name, Started: w.start, Calibration: w.calibration,
	}, episode.Options{})
	if err != nil {
		return "", err
	}
	note := entry{Source: w.name, Episode: w.w.Info().Name}
	err = w.journal.note(note)
	k := 0
	if err == nil {
		err = w.say("/instruction", 0, d, &msgs.String{Data: d.task}, rcl.Latched)
	}
	for pictures, failed := range d.pictures(ctx) {
		if err = errors.Join(err, failed, ctx.Err()); err != nil {
			break
		}
		if k == len(d.state) {
			err = fmt.Errorf("%w: more pictures than the %d frames of state", ErrSource, k)
			break
		}
		if err = w.frame(d, k, pictures); err != nil {
			break
		}
		frame(k)
		k++
	}
	if err == nil && k < len(d.state) {
		err = fmt.Errorf("%w: pictures of %d frames, state of %d", ErrSource, k, len(d.state))
	}
	if err != nil {
		return "", errors.Join(err, w.w.Abandon(), os.RemoveAll(filepath.Dir(w.w.Path())))
	}
	e, err := w.w.Finish(episode.Result{Verdict: episode.Keep, Ended: w.at(k-1, d), Reason: "imported"})
	if err != nil {
		return "", err
	}
	note.Done = true
	return e.Path, w.journal.note(note)
}

// at is a frame's time: what export makes of the same rate.
func (w *writing) at(k int, d *demonstration) time.Time {
	return w.start.Add(time.Duration(float64(k)*(1e9/d.fps) + 0.5))
}

func (w *writing) say(topic string, k int, d *demonstration, m msgs.Message, q rcl.QoS) error {
	if err := w.w.Stream(topic, m.TypeName(), episode.OfferedQoS([]rcl.QoS{q})); err != nil {
		return err
	}
	return w.w.Message(topic, w.at(k, d), m)
}

// frame writes all topics of a moment.
func (w *writing) frame(d *demonstration, k int, pictures []picture) error {
	h := msgs.Header{Stamp: msgs.Stamp(w.at(k, d))}
	at := 0
	for _, arm := range w.robot.Arms {
		names := arm.Names()
		part := func(rows [][]float64) []float64 {
			if rows == nil {
				return nil
			}
			return rows[k][at : at+len(names)]
		}
		if err := w.say("/puppet/joint_"+arm.Side, k, d, &msgs.JointState{
			Header: h, Name: names, Position: part(d.state), Velocity: part(d.vel), Effort: part(d.effort),
		}, rcl.Default); err != nil {
			return err
		}
		if d.action != nil {
			if err := w.say("/master/joint_"+arm.Side, k, d, &msgs.JointState{Header: h, Name: names, Position: part(d.action)}, rcl.Default); err != nil {
				return err
			}
		}
		at += len(names)
	}
	if d.base != nil {
		o := &msgs.Odometry{Header: h}
		o.Header.FrameID, o.ChildFrameID = "odom", "base_link"
		o.Pose.Pose.Orientation.W = 1
		o.Twist.Twist.Linear.X, o.Twist.Twist.Angular.Z = d.base[k][0], d.base[k][1]
		if err := w.say("/odom", k, d, o, rcl.Default); err != nil {
			return err
		}
	}
	for i, p := range pictures {
		c, _ := w.robot.Camera(d.cameras[i])
		topic := c.Namespace + "/color/image_raw"
		var err error
		if p.file != nil {
			err = w.say(topic+"/compressed", k, d, &msgs.CompressedImage{Header: h, Format: fileFormat(p.file), Data: p.file}, rcl.SensorData)
		} else {
			m := p.pixels
			err = w.say(topic, k, d, &msgs.Image{
				Header: h, Width: uint32(m.Width), Height: uint32(m.Height), Step: uint32(3 * m.Width), Encoding: "rgb8", Data: m.Pix,
			}, rcl.SensorData)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func fileFormat(file []byte) string {
	if len(file) > 0 && file[0] == 0x89 {
		return "rgb8; png compressed rgb8"
	}
	return "rgb8; jpeg compressed bgr8"
}
