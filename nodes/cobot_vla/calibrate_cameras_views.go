package main

import (
	"errors"
	"fmt"
	"image"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"
	"cobot_vla/calibration/measure"
	"cobot_vla/drivers/apriltag"
	"cobot_vla/drivers/camera"
	"cobot_vla/msgs"
	"cobot_vla/nodes/recorder/episode"
	"cobot_vla/nodes/recorder/track"
)

// tagFinder finds tags in a picture: an apriltag.Detector, or a test's.
type tagFinder interface {
	Detect(*image.Gray) ([]apriltag.Tag, error)
}

// shown is what a camera saw of the tags.
type shown struct {
	robot         calibration.Robot
	width, height int
	views         []measure.View // that differ from each other
	looked, found int            // pictures
	armless       bool           // pictures of a folder: nobody knows where the arm was
}

// mostViews that are taken; more say nothing new.
const mostViews = 100

// look finds the tags in an episode's pictures, or in a folder's.
func (c *calibrateCamerasCmd) look(a *app, find tagFinder, target measure.Target) (shown, error) {
	files, err := pictureFiles(c.From)
	if err != nil {
		return shown{}, err
	}
	s := shown{armless: len(files) > 0}
	if s.armless {
		err = c.lookAtFiles(a, &s, files, find, target)
	} else {
		err = c.lookAtEpisode(a, &s, find, target)
	}
	if err == nil && s.found == 0 {
		err = fmt.Errorf("%s: none of %d pictures of camera %s shows tag %d of %s%s: are family and number right, is the tag's white margin in the picture, do its bits have 3 pixels and more?",
			c.From, s.looked, c.Camera, c.First, c.Family, map[bool]string{true: " or its neighbours"}[target.Rows*target.Columns > 1])
	}
	return s, err
}

// pictureFiles are the pictures of a folder; none of an episode's.
func pictureFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return nil, err
	}
	all, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range all { // in the order of their names
		if !e.IsDir() && pictureFormat(e.Name()) != "" {
			out = append(out, filepath.Join(path, e.Name()))
		}
	}
	return out, nil
}

func pictureFormat(name string) string {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".png":
		return "png"
	case ".jpg", ".jpeg":
		return "jpeg"
	}
	return ""
}

func (c *calibrateCamerasCmd) lookAtFiles(a *app, s *shown, files []string, find tagFinder, target measure.Target) (err error) {
	if c.Lens == "keep" {
		return errors.New("pictures alone say nothing about the mount: record an episode while the arm moves")
	}
	s.robot = calibration.Default()
	if c.Robot != "" {
		if s.robot, err = calibration.Load(c.Robot); err != nil {
			return err
		}
	}
	for _, path := range files {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		v := measure.View{What: filepath.Base(path), Rig: kinematics.Identity()}
		if err := s.take(v, camera.Frame{Encoding: pictureFormat(path), Data: data}, find, target); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func (c *calibrateCamerasCmd) lookAtEpisode(a *app, s *shown, find tagFinder, target measure.Target) error {
	if c.Robot != "" {
		return errors.New("--robot is for pictures: an episode brings its robot's calibration")
	}
	r, robot, err := openOne(c.From)
	if err != nil {
		return err
	}
	defer r.Close()
	s.robot = robot
	topic, ok := pictureTopics(r)[c.Camera]
	if !ok {
		return fmt.Errorf("%s has no pictures of camera %s", r.Path, c.Camera)
	}
	rig, err := c.rig(r, robot)
	if err != nil {
		return err
	}
	const pause = 200 * time.Millisecond // the arm stands longer; the next picture would be the same
	var last time.Time
	moved := 0
	for m, err := range r.Read(topic) {
		if err = errors.Join(err, a.ctx.Err()); err != nil {
			return err
		}
		if len(s.views) >= mostViews || m.Stamp.Sub(last) < pause {
			continue
		}
		at, stands := rig(m.Stamp.UnixNano())
		if !stands {
			moved++
			continue
		}
		last = m.Stamp
		frame, err := frameOf(m)
		if err != nil {
			return err
		}
		v := measure.View{What: fmt.Sprintf("%.1f s", m.Stamp.Sub(r.First).Seconds()), Rig: at}
		if err := s.take(v, frame, find, target); err != nil {
			return fmt.Errorf("%s: picture at %s: %w", r.Path, v.What, err)
		}
	}
	if s.looked == 0 {
		return fmt.Errorf("%w: %s: the arm moved in all %d pictures of camera %s: let it stand for a second at each place, or raise --still above %g rad/s", measure.ErrData, r.Path, moved, c.Camera, c.Still)
	}
	return nil
}

// rig says at a time where what carries the tags is in what carries the camera,
// and whether the arm stands. Without a mount to measure nothing needs to.
func (c *calibrateCamerasCmd) rig(r *episode.Reader, robot calibration.Robot) (func(at int64) (kinematics.Transform, bool), error) {
	if c.Mount == "keep" {
		return func(int64) (kinematics.Transform, bool) { return kinematics.Identity(), true }, nil
	}
	cam, _ := robot.Camera(c.Camera)
	side, wrist := strings.CutSuffix(cam.Parent, "_link6")
	if !wrist {
		side = c.Arm
	}
	arm, _ := robot.Arm(side)
	k, err := kinematics.NewArm(arm)
	if err != nil {
		return nil, err
	}
	var s track.Signal
	if err := each(r, func(at time.Time, m msgs.Message) {
		if m, ok := m.(*msgs.JointState); ok {
			s.Take(arm, m.Name, m.Position, at.UnixNano())
		}
	}, "/puppet/joint_"+side); err != nil {
		return nil, err
	}
	if len(s.Values) == 0 {
		return nil, fmt.Errorf("%s has nothing on /puppet/joint_%s: without the arm only the lens can be measured: --mount keep", r.Path, side)
	}
	s.Settle()
	return func(at int64) (kinematics.Transform, bool) {
		const around = int64(100 * time.Millisecond)
		q, apart := s.Value(at)
		before, a1 := s.Value(at - around)
		after, a2 := s.Value(at + around)
		for j := range 6 {
			if math.Abs(after[j]-before[j]) > 2*c.Still*float64(around)/1e9 {
				return kinematics.Transform{}, false
			}
		}
		flange := k.Mount().Mul(k.Links([6]float64(q[:6]))[5])
		if wrist {
			flange = flange.Inverse()
		}
		return flange, max(apart, a1, a2) <= around
	}, nil
}

func frameOf(m episode.Message) (camera.Frame, error) {
	d, err := m.Decode()
	if err != nil {
		return camera.Frame{}, err
	}
	switch d := d.(type) {
	case *msgs.CompressedImage:
		encoding, err := camera.CompressedEncoding(d.Format)
		return camera.Frame{Encoding: encoding, Data: d.Data}, err
	case *msgs.Image:
		return camera.Frame{Encoding: d.Encoding, Width: int(d.Width), Height: int(d.Height), Step: int(d.Step), Data: d.Data}, nil
	}
	return camera.Frame{}, fmt.Errorf("%s is no picture", m.Type)
}

// take looks at one picture, and keeps its view when it is unlike the others.
func (s *shown) take(v measure.View, f camera.Frame, find tagFinder, target measure.Target) error {
	rgb, err := camera.Decode(nil, f)
	if err != nil {
		return err
	}
	if s.looked++; s.looked == 1 {
		s.width, s.height = rgb.Width, rgb.Height
	}
	if rgb.Width != s.width || rgb.Height != s.height {
		return fmt.Errorf("it is %dx%d px, the first was %dx%d: take pictures of one size", rgb.Width, rgb.Height, s.width, s.height)
	}
	tags, err := find.Detect(grey(rgb))
	if err != nil {
		return err
	}
	for i, t := range tags {
		corners, ok := target.Corners(t.ID)
		if !ok {
			continue
		}
		if slices.ContainsFunc(tags[:i], func(u apriltag.Tag) bool { return u.ID == t.ID }) {
			return fmt.Errorf("it shows tag %d twice: every tag of the sheet has a number of its own", t.ID)
		}
		for k := range corners {
			v.Seen = append(v.Seen, measure.Seen{Target: corners[k], Pixel: t.Corners[k]})
		}
	}
	if len(v.Seen) == 0 {
		return nil
	}
	s.found++
	if len(s.views) < mostViews && !slices.ContainsFunc(s.views, func(u measure.View) bool { return alike(u, v, s.width) }) {
		s.views = append(s.views, v)
	}
	return nil
}

// alike says that two views hardly differ: the points lie within a fiftieth of
// the picture's width, and the arm within 1 cm and 3°.
func alike(a, b measure.View, width int) bool {
	if m, r := a.Rig.Distance(b.Rig); m > 0.01 || r > 3*math.Pi/180 {
		return false
	}
	sum, n := 0.0, 0
	for _, p := range a.Seen {
		for _, q := range b.Seen {
			if p.Target == q.Target {
				sum, n = sum+math.Hypot(p.Pixel[0]-q.Pixel[0], p.Pixel[1]-q.Pixel[1]), n+1
			}
		}
	}
	return n > 0 && sum/float64(n) < float64(width)/50
}

func grey(rgb camera.Frame) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, rgb.Width, rgb.Height))
	for i := range out.Pix {
		r, g, b := int(rgb.Data[3*i]), int(rgb.Data[3*i+1]), int(rgb.Data[3*i+2])
		out.Pix[i] = byte((299*r + 587*g + 114*b + 500) / 1000)
	}
	return out
}
