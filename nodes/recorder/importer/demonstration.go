package importer

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"cobot_vla/calibration"
	"cobot_vla/model/vision"
)

// source is a data set.
type source interface {
	// count of its episodes.
	count() int
	// name of one, which stays the same from run to run.
	name(i int) string
	// open reads one, but for its pictures.
	open(i int) (*demonstration, error)
}

// demonstration is one episode of a data set.
type demonstration struct {
	task    string
	fps     float64
	state   [][]float64 // by frame, as the calibration orders joints and grippers
	vel     [][]float64 // like state; nil where there is none
	effort  [][]float64 // like state; nil where there is none
	action  [][]float64 // like state; nil where it is the next state
	base    [][]float64 // forward [m/s] and turn [rad/s]; nil where there is none
	cameras []string    // in the calibration
	// pictures yields every frame's, in the order of cameras.
	pictures func(ctx context.Context) iter.Seq2[[]picture, error]
}

// picture is a file, JPEG or PNG, or pixels.
type picture struct {
	file   []byte
	pixels vision.Image
}

func (d *demonstration) check(where string) error {
	n := len(d.state)
	if n < 2 {
		return fmt.Errorf("%w: %s: %d frames", ErrSource, where, n)
	}
	for what, rows := range map[string][][]float64{"velocity": d.vel, "effort": d.effort, "action": d.action, "base": d.base} {
		if rows != nil && len(rows) != n {
			return fmt.Errorf("%w: %s: %d frames of %s, %d of state", ErrSource, where, len(rows), what, n)
		}
	}
	if !(d.fps > 0) {
		return fmt.Errorf("%w: %s does not say how many frames a second it has: say it", ErrConfig, where)
	}
	if strings.TrimSpace(d.task) == "" {
		return fmt.Errorf("%w: %s does not say the task: say it", ErrConfig, where)
	}
	return nil
}

// columns are where the robot's joints and the base are in a data set's vectors.
type columns struct {
	joints []int // of the calibration's ActionNames
	base   []int // linear, angular; nil for none
}

// findColumns looks for the robot in a vector. Names are the data set's, or fewer
// than dims when it has none: then 14 numbers are the two arms, left first, and two
// more the base.
func findColumns(robot calibration.Robot, names []string, dims int) (columns, error) {
	want := robot.ActionNames()
	var c columns
	if len(names) == dims && !slices.ContainsFunc(want, func(n string) bool { return !slices.Contains(names, n) }) {
		for _, n := range want {
			c.joints = append(c.joints, slices.Index(names, n))
		}
		v, w := slices.Index(names, calibration.BaseLinear), slices.Index(names, calibration.BaseAngular)
		if v >= 0 && w >= 0 {
			c.base = []int{v, w}
		}
		return c, nil
	}
	if dims != len(want) && dims != len(want)+2 {
		return c, fmt.Errorf("%w: vectors of %d numbers (%s): the robot's are %d, %s, and two more with the base", ErrSource, dims, strings.Join(names, ", "), len(want), strings.Join(want, ", "))
	}
	for i := range want {
		c.joints = append(c.joints, i)
	}
	if dims > len(want) {
		c.base = []int{len(want), len(want) + 1}
	}
	return c, nil
}

func pick(rows [][]float64, index []int) [][]float64 {
	if rows == nil || index == nil {
		return nil
	}
	out := make([][]float64, len(rows))
	for k, r := range rows {
		out[k] = make([]float64, len(index))
		for i, j := range index {
			out[k][i] = r[j]
		}
	}
	return out
}

// camera of the robot that a data set's name means; "" for none.
func (c Config) camera(robot calibration.Robot, name string) string {
	if to, ok := c.Cameras[name]; ok {
		return to
	}
	short := strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(name), "cam_"), "_camera")
	for _, n := range []string{name, usual[short]} {
		if _, ok := robot.Camera(n); ok && n != "" {
			return n
		}
	}
	return ""
}

// views are the cameras of a data set that the robot has, in the calibration's
// order, and the data set's names of them.
func (c Config) views(robot calibration.Robot, names []string) (cameras, theirs []string, err error) {
	slices.Sort(names)
	taken := map[string]string{}
	for _, n := range names {
		to := c.camera(robot, n)
		if to == "" {
			continue
		}
		if other := taken[to]; other != "" {
			return nil, nil, fmt.Errorf("%w: %s and %s would both be camera %s: say which is", ErrConfig, other, n, to)
		}
		taken[to] = n
	}
	for _, cam := range robot.Cameras {
		if n := taken[cam.Name]; n != "" {
			cameras, theirs = append(cameras, cam.Name), append(theirs, n)
		}
	}
	for n := range c.Cameras {
		if !slices.Contains(theirs, n) {
			return nil, nil, fmt.Errorf("%w: the data set has no camera %q; it has %s", ErrConfig, n, strings.Join(names, ", "))
		}
	}
	if len(cameras) == 0 {
		return nil, nil, fmt.Errorf("%w: none of its cameras %s is one of the robot's: say which is which", ErrSource, strings.Join(names, ", "))
	}
	return cameras, theirs, nil
}
