package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/model/vision"
	"cobot_vla/msgs"
	"cobot_vla/nodes/dashboard"
	"cobot_vla/nodes/recorder/episode"
	"cobot_vla/nodes/recorder/export"
)

// library shows a folder of episodes on the dashboard.
type library struct{ dir string }

func openLibrary(dir string) dashboard.Library { return library{dir} }

// Episodes implements dashboard.Library.
func (l library) Episodes() ([]dashboard.Episode, error) {
	paths, err := episode.List(l.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	slices.Reverse(paths)
	all := make([]dashboard.Episode, 0, len(paths))
	for _, path := range paths {
		all = append(all, l.describe(path))
	}
	return all, nil
}

func (l library) describe(path string) dashboard.Episode {
	e := dashboard.Episode{Name: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))}
	if info, err := os.Stat(path); err == nil {
		e.Bytes = info.Size()
	}
	r, err := episode.Open(path)
	if err != nil {
		e.Problem = "being recorded, or interrupted: it is finished when the recorder starts again"
		if !errors.Is(err, episode.ErrUnfinished) {
			e.Problem = err.Error()
		}
		return e
	}
	defer r.Close()
	e.Task, e.Operator, e.Verdict = r.Task, r.Operator, r.Verdict.String()
	e.Started, e.Seconds, e.Messages = r.Started.Format(time.RFC3339), r.Duration().Seconds(), r.Messages
	for _, s := range r.Streams {
		e.Lost, e.Gaps = e.Lost+s.Dropped+s.Lost, e.Gaps+s.Gaps
	}
	for name := range pictureTopics(r) {
		e.Cameras = append(e.Cameras, name)
	}
	slices.Sort(e.Cameras) // front, left, right
	if s, ok := r.Stream("/teleop/correction"); ok && s.Messages > 0 {
		_ = each(r, func(_ time.Time, m msgs.Message) { // what can't be read shows elsewhere
			if b, ok := m.(*msgs.Bool); ok && b.Data {
				e.Corrected = true
			}
		}, "/teleop/correction")
	}
	return e
}

// pictureTopics of an episode, by camera; without any, what the policy saw.
func pictureTopics(r *episode.Reader) map[string]string {
	robot, err := calibration.Parse(r.Path, r.Calibration)
	if err != nil {
		robot = calibration.Default()
	}
	topics := map[string]string{}
	for _, c := range robot.Cameras {
		for _, topic := range []string{c.Namespace + "/color/image_raw", c.Namespace + "/color/image_raw/compressed"} {
			if s, ok := r.Stream(topic); ok && s.Messages > 0 {
				topics[c.Name] = topic
			}
		}
	}
	const view = "/observation/image" // all that collected demonstrations have
	if s, ok := r.Stream(view); ok && s.Messages > 0 && len(topics) == 0 {
		topics["policy's view"] = view
	}
	return topics
}

// File implements dashboard.Library.
func (l library) File(name string) (string, error) {
	if name != filepath.Base(name) || !strings.HasPrefix(name, "episode_") {
		return "", fmt.Errorf("%w: %q", dashboard.ErrNoEpisode, name)
	}
	path := filepath.Join(l.dir, name, name+".mcap")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w: %q", dashboard.ErrNoEpisode, name)
	}
	return path, nil
}

// Picture implements dashboard.Library.
func (l library) Picture(ctx context.Context, name, camera string, at float64) ([]byte, error) {
	path, err := l.File(name)
	if err != nil {
		return nil, err
	}
	r, err := episode.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	topic, ok := pictureTopics(r)[camera]
	if !ok {
		return nil, fmt.Errorf("%w: %s has no camera %q", dashboard.ErrNoEpisode, name, camera)
	}
	want := r.First.Add(time.Duration(max(0, min(at, r.Duration().Seconds())) * float64(time.Second)))
	const around = 500 * time.Millisecond
	var best *episode.Message
	for m, err := range r.Between(want.Add(-around), want.Add(around), topic) {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		if best == nil || m.Arrival.Sub(want).Abs() < best.Arrival.Sub(want).Abs() {
			best = &m
		}
	}
	if best == nil {
		return nil, fmt.Errorf("%w: camera %s showed nothing at %.1f s of %s", dashboard.ErrNoEpisode, camera, at, name)
	}
	d, err := best.Decode()
	if err != nil {
		return nil, err
	}
	switch d := d.(type) {
	case *msgs.CompressedImage:
		return d.Data, nil
	case *msgs.Image:
		return rawJPEG(d)
	}
	return nil, fmt.Errorf("%s of %s is no picture", topic, name)
}

func rawJPEG(m *msgs.Image) ([]byte, error) {
	var rgb vision.Image
	if err := vision.ToRGB(&rgb, m.Encoding, int(m.Width), int(m.Height), int(m.Step), m.Data); err != nil {
		return nil, err
	}
	out := image.NewRGBA(image.Rect(0, 0, rgb.Width, rgb.Height))
	for i := range rgb.Width * rgb.Height {
		copy(out.Pix[4*i:], rgb.Pix[3*i:3*i+3])
		out.Pix[4*i+3] = 255
	}
	var b bytes.Buffer
	err := jpeg.Encode(&b, out, &jpeg.Options{Quality: 80})
	return b.Bytes(), err
}

// Judge implements dashboard.Library.
func (l library) Judge(name, verdict string) (string, error) {
	path, err := l.File(name)
	if err != nil {
		return "", err
	}
	v, err := episode.ParseVerdict(verdict)
	if err != nil {
		return "", err
	}
	e, err := episode.Judge(path, v, "")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: %s", e.Name, e.Verdict), nil
}

// Formats implements dashboard.Library.
func (l library) Formats() []string {
	var names []string
	for _, f := range export.Formats() {
		if export.Built(f) {
			names = append(names, string(f))
		}
	}
	return names
}

// exportsFolder is where the dashboard's training sets go, below the episodes.
const exportsFolder = "exports"

// Export implements dashboard.Library. A set is made anew: the verdicts may have changed.
func (l library) Export(ctx context.Context, format string, progress func(float64)) (string, error) {
	paths, err := episode.List(l.dir)
	if err != nil {
		return "", err
	}
	paths = slices.DeleteFunc(paths, func(path string) bool { // those that are being recorded
		r, err := episode.Open(path)
		if err == nil {
			_ = r.Close()
		}
		return errors.Is(err, episode.ErrUnfinished)
	})
	if len(paths) == 0 {
		return "", fmt.Errorf("there is no finished episode in %s", l.dir)
	}
	out := filepath.Join(l.dir, exportsFolder, fmt.Sprintf("%s_%s", format, time.Now().UTC().Format("20060102T150405Z")))
	report, err := export.Export(ctx, paths, out, export.Config{Format: export.Format(format), Gaps: export.Trim}, func(p export.Progress) {
		progress((float64(p.Episode-1) + float64(p.Frame)/float64(p.Frames)) / float64(p.Episodes))
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: %d episodes, %d frames", out, report.Episodes, report.Frames), nil
}
