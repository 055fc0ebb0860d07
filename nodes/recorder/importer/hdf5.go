//go:build hdf5

package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"cobot_vla/calibration"
	"cobot_vla/model/vision"

	"gonum.org/v1/hdf5"
)

// hdf5Set is files of one episode each.
type hdf5Set struct {
	files []string
	cfg   Config
	robot calibration.Robot
}

func openHDF5(files []string, cfg Config, robot calibration.Robot) (source, error) {
	return &hdf5Set{files, cfg, robot}, nil
}

func (s *hdf5Set) count() int        { return len(s.files) }
func (s *hdf5Set) name(i int) string { return s.files[i] }

func (s *hdf5Set) open(i int) (d *demonstration, err error) {
	path := s.files[i]
	f, err := hdf5.OpenFile(path, hdf5.F_ACC_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrSource, path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := &hdf5File{path, f}
	fail := func(err error) (*demonstration, error) { return nil, fmt.Errorf("%w: %s: %w", ErrSource, path, err) }
	var read func(*hdf5File) (*demonstration, error)
	switch want := s.cfg.Format; {
	case h.has("observations/qpos") && want != RoboTwin:
		read = s.aloha
	case h.has("joint_action/vector") && want != ALOHA:
		read = s.robotwin
	case h.has("state/left_arm_joint_states") && want != ALOHA:
		read = s.robotwinLater
	default:
		return fail(fmt.Errorf("it has none of /observations/qpos (ALOHA), /joint_action/vector and /state/left_arm_joint_states (RoboTwin)"))
	}
	if d, err = read(h); err != nil {
		return fail(err)
	}
	if s.cfg.FPS > 0 {
		d.fps = s.cfg.FPS
	}
	if s.cfg.Task != "" {
		d.task = s.cfg.Task
	}
	return d, nil
}

// aloha reads the files of ACT, mobile-ALOHA and cobot_magic's collector.
func (s *hdf5Set) aloha(h *hdf5File) (*demonstration, error) {
	d := &demonstration{fps: 30}
	var c columns
	for _, v := range []struct {
		name string
		to   *[][]float64
		must bool
	}{{"observations/qpos", &d.state, true}, {"observations/qvel", &d.vel, false}, {"observations/effort", &d.effort, false}, {"action", &d.action, false}} {
		if !v.must && !h.has(v.name) {
			continue
		}
		rows, err := h.matrix(v.name)
		if err == nil {
			c, err = findColumns(s.robot, nil, width0(rows))
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
		*v.to = pick(rows, c.joints)
		if v.to == &d.action && c.base != nil {
			d.base = pick(rows, c.base)
		}
	}
	if h.has("base_action") {
		rows, err := h.matrix("base_action")
		if err == nil && width0(rows) != 2 {
			err = fmt.Errorf("%d numbers, not velocity and turn rate", width0(rows))
		}
		if err != nil {
			return nil, fmt.Errorf("base_action: %w", err)
		}
		d.base = rows
	}
	var lengths [][]float64
	if h.has("compress_len") {
		var err error
		if lengths, err = h.matrix("compress_len"); err != nil {
			return nil, fmt.Errorf("compress_len: %w", err)
		}
	}
	names, err := h.list("observations/images")
	if err != nil {
		return nil, err
	}
	all := slices.Clone(names) // the lengths are in the collector's order of cameras, the file's is the alphabet's
	return d, s.see(d, h, names, func(name string) place {
		at := place{name: "observations/images/" + name, swapped: !s.cfg.RGB}
		if i := lengthsRow(all, name); i >= 0 && i < len(lengths) {
			at.lengths = lengths[i]
		}
		return at
	})
}

// lengthsRow is the row of compress_len: front, left, right in every collector.
func lengthsRow(names []string, name string) int {
	order := []string{"cam_high", "cam_low", "cam_left_wrist", "cam_right_wrist"}
	var present []string
	for _, n := range order {
		if slices.Contains(names, n) {
			present = append(present, n)
		}
	}
	if len(present) != len(names) {
		return slices.Index(names, name)
	}
	return slices.Index(present, name)
}

// robotwin reads RoboTwin 2.0: the state alone, the action is the next one. Its
// grippers are the part of their stroke.
func (s *hdf5Set) robotwin(h *hdf5File) (*demonstration, error) {
	rows, err := h.matrix("joint_action/vector")
	if err != nil {
		return nil, err
	}
	d := &demonstration{fps: 15}
	c, err := findColumns(s.robot, nil, width0(rows))
	if err != nil {
		return nil, err
	}
	d.state = s.strokes(pick(rows, c.joints))
	d.task, _ = h.text("instruction")
	cameras, err := h.list("observation")
	if err != nil {
		return nil, err
	}
	slices.Sort(cameras)
	if slices.Contains(cameras, "head_camera") { // front_camera stands opposite the robot
		cameras = slices.DeleteFunc(cameras, func(n string) bool { return n == "front_camera" && s.cfg.Cameras[n] == "" })
	}
	return d, s.see(d, h, cameras, func(name string) place { return place{name: "observation/" + name + "/rgb", swapped: !s.cfg.RGB} })
}

// robotwinLater reads RoboTwin's later layout.
func (s *hdf5Set) robotwinLater(h *hdf5File) (*demonstration, error) {
	d := &demonstration{fps: 15}
	vectors := func(group string) ([][]float64, error) {
		var parts [][][]float64
		for _, name := range []string{"left_arm", "left_ee", "right_arm", "right_ee"} {
			rows, err := h.matrix(group + "/" + name + "_joint_states")
			if err != nil {
				return nil, err
			}
			parts = append(parts, rows)
		}
		out := make([][]float64, len(parts[0]))
		for k := range out {
			for _, p := range parts {
				if k >= len(p) {
					return nil, fmt.Errorf("/%s: its vectors differ in length", group)
				}
				out[k] = append(out[k], p[k]...)
			}
		}
		if width0(out) != len(s.robot.ActionNames()) {
			return nil, fmt.Errorf("/%s has %d numbers, the robot's are %d", group, width0(out), len(s.robot.ActionNames()))
		}
		return s.strokes(out), nil
	}
	var err error
	if d.state, err = vectors("state"); err != nil {
		return nil, err
	}
	if h.has("action") {
		if d.action, err = vectors("action"); err != nil {
			return nil, err
		}
	}
	if rate, err := h.matrix("additional_info/frequency"); err == nil && width0(rate) == 1 {
		d.fps = rate[0][0]
	}
	text, _ := h.text("instructions")
	d.task = firstInstruction(text)
	cameras, err := h.list("vision")
	if err != nil {
		return nil, err
	}
	return d, s.see(d, h, cameras, func(name string) place { return place{name: "vision/" + name + "/colors", swapped: !s.cfg.RGB} })
}

// firstInstruction of JSON: a text, a list, or an object of lists.
func firstInstruction(text string) string {
	var list []string
	if json.Unmarshal([]byte(text), &list) == nil && len(list) > 0 {
		return list[0]
	}
	var named map[string][]string
	if json.Unmarshal([]byte(text), &named) == nil {
		for _, key := range []string{"seen", "instructions", "train"} {
			if len(named[key]) > 0 {
				return named[key][0]
			}
		}
	}
	var one string
	if json.Unmarshal([]byte(text), &one) == nil {
		return one
	}
	return text
}

// strokes makes widths of grippers' parts, 0..1.
func (s *hdf5Set) strokes(rows [][]float64) [][]float64 {
	at := 0
	for _, a := range s.robot.Arms {
		at += len(a.Names())
		for _, r := range rows {
			r[at-1] *= a.Gripper.Stroke
		}
	}
	return rows
}

// place is where a camera's pictures are.
type place struct {
	name    string
	swapped bool      // a JPEG's channels are in reverse
	lengths []float64 // of padded JPEGs; nil to find their ends
}

// see chooses the cameras and says how their pictures are read.
func (s *hdf5Set) see(d *demonstration, h *hdf5File, names []string, where func(name string) place) error {
	cameras, theirs, err := s.cfg.views(s.robot, names)
	if err != nil {
		return err
	}
	d.cameras = cameras
	places := make([]place, len(theirs))
	for i, n := range theirs {
		places[i] = where(n)
	}
	path, frames := h.path, len(d.state)
	d.pictures = func(ctx context.Context) iter.Seq2[[]picture, error] {
		return func(yield func([]picture, error) bool) {
			if err := readPictures(ctx, path, places, frames, yield); err != nil {
				yield(nil, fmt.Errorf("%w: %s: %w", ErrSource, path, err))
			}
		}
	}
	return nil
}

func readPictures(ctx context.Context, path string, places []place, frames int, yield func([]picture, error) bool) error {
	f, err := hdf5.OpenFile(path, hdf5.F_ACC_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	h := &hdf5File{path, f}
	sets := make([]*imageSet, len(places))
	for i, p := range places {
		if sets[i], err = h.images(p); err != nil {
			return fmt.Errorf("/%s: %w", p.name, err)
		}
		defer sets[i].close()
		if n := int(sets[i].dims[0]); n != frames {
			return fmt.Errorf("/%s has %d pictures, the state %d frames", p.name, n, frames)
		}
	}
	for k := range frames {
		out := make([]picture, len(sets))
		for i, s := range sets {
			if out[i], err = s.read(k); err != nil {
				return fmt.Errorf("/%s, frame %d: %w", places[i].name, k, err)
			}
		}
		if ctx.Err() != nil || !yield(out, nil) {
			return ctx.Err()
		}
	}
	return nil
}

// imageSet is a camera's pictures in a file: pixels [n, height, width, 3], padded
// JPEGs [n, bytes], or a list of fixed-length strings that are JPEGs.
type imageSet struct {
	place
	set    *hdf5.Dataset
	dims   []uint
	each   int // bytes of a picture
	pixels bool
}

func (s *imageSet) close() { _ = s.set.Close() }

func (s *imageSet) read(k int) (picture, error) {
	data := make([]byte, s.each)
	if err := readRow(s.set, s.dims, k, &data); err != nil {
		return picture{}, err
	}
	if s.pixels {
		m := vision.Image{Size: vision.Size{Width: int(s.dims[2]), Height: int(s.dims[1])}, Pix: data}
		return picture{pixels: m}, nil
	}
	if s.lengths != nil {
		n := int(s.lengths[k])
		if n < 1 || n > len(data) {
			return picture{}, fmt.Errorf("a JPEG of %d bytes in %d", n, len(data))
		}
		data = data[:n]
	}
	if !s.swapped {
		return picture{file: []byte(strings.TrimRight(string(data), "\x00"))}, nil
	}
	var m vision.Image
	if err := vision.Decompress(&m, data); err != nil {
		return picture{}, err
	}
	for i := 0; i+2 < len(m.Pix); i += 3 {
		m.Pix[i], m.Pix[i+2] = m.Pix[i+2], m.Pix[i]
	}
	return picture{pixels: m}, nil
}
