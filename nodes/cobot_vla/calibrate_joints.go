package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/calibration/measure"
	"cobot_vla/msgs"
	"cobot_vla/nodes/recorder/episode"
	"cobot_vla/nodes/recorder/track"
)

// armFlags say which arm was recorded.
type armFlags struct {
	Episode string `arg:"" help:"Episode in which the arm was recorded."`
	Side    string `help:"Which arm." enum:"left,right" required:""`
	intoFile
}

// load reads an arm's readings and what its firmware says of itself.
func (f armFlags) load() (r *episode.Reader, robot calibration.Robot, index int, readings [][]float64, own ownWords, err error) {
	if r, robot, err = openOne(f.Episode); err != nil {
		return r, robot, 0, nil, own, err
	}
	for index = range robot.Arms {
		if robot.Arms[index].Side == f.Side {
			break
		}
	}
	var s track.Signal
	name := "arm " + f.Side
	err = each(r, func(at time.Time, m msgs.Message) {
		switch m := m.(type) {
		case *msgs.JointState:
			s.Take(robot.Arms[index], m.Name, m.Position, at.UnixNano())
		case *msgs.DiagnosticArray:
			for _, d := range m.Status {
				if strings.HasSuffix(d.Name, ": "+name) {
					own.read(d.Values)
				}
			}
		}
	}, "/puppet/joint_"+f.Side, "/diagnostics")
	if err == nil && len(s.Values) == 0 {
		err = fmt.Errorf("%s has nothing on /puppet/joint_%s", r.Path, f.Side)
	}
	s.Settle()
	return r, robot, index, s.Values, own, err
}

// ownWords are limits and stroke in the arm's flash, as its diagnostics say them.
type ownWords struct {
	limits [6]measure.Limits
	stroke float64
}

func (o *ownWords) read(values []msgs.KeyValue) {
	for _, v := range values {
		var j int
		if n, _ := fmt.Sscanf(v.Key, "own_limits_joint%d_rad", &j); n == 1 && j >= 1 && j <= 6 {
			l := &o.limits[j-1]
			lower, upper, _ := strings.Cut(v.Value, "..")
			_, _ = fmt.Sscan(lower, &l.Lower) // what is no number stays 0: not said
			_, _ = fmt.Sscan(upper, &l.Upper)
		}
		if v.Key == "own_stroke_m" {
			_, _ = fmt.Sscan(v.Value, &o.stroke)
		}
	}
}

// calibrateJointsCmd finds joint zeros.
type calibrateJointsCmd struct {
	armFlags
	Marks []float64 `help:"The joints' true angles at the marks [rad]." default:"0,0,0,0,0,0"`
}

// Run implements the command.
func (c *calibrateJointsCmd) Run(a *app) error {
	if len(c.Marks) != 6 {
		return fmt.Errorf("--marks has %d angles: an arm has 6 joints", len(c.Marks))
	}
	r, robot, i, readings, own, err := c.load()
	if r != nil {
		defer r.Close()
	}
	if err != nil {
		return err
	}
	arm := &robot.Arms[i]
	got, err := measure.Zeros(*arm, atRest(readings), [6]float64(c.Marks), own.limits)
	if err != nil {
		return err
	}
	worst := 0.0
	var residuals []measure.Residual
	for j := range arm.Joints {
		fmt.Fprintf(a.stdout, "%s: zero %+.4f rad (was %+.4f), readings ± %.5f\n", arm.Joints[j].Name, got.Zero[j], arm.Joints[j].Zero, got.Spread[j])
		arm.Joints[j].Zero = got.Zero[j]
		worst = math.Max(worst, got.Spread[j])
		residuals = append(residuals, measure.Residual{What: arm.Joints[j].Name, X: got.Spread[j]})
	}
	for _, w := range got.Warnings {
		fmt.Fprintln(a.stdout, "warning:", w)
	}
	return c.write(a, robot, calibration.Measurement{
		What: "joints " + c.Side, From: []string{r.Path}, Residual: fmt.Sprintf("readings ± %.5f rad", worst),
	}, residuals, "rad")
}

// atRest is the longest part of the readings in which no joint moved.
func atRest(readings [][]float64) [][]float64 {
	const still = 0.01 // [rad] from the first reading of the part
	var best [][]float64
	from := 0
	for k := range readings {
		for j := range 6 {
			if math.Abs(readings[k][j]-readings[from][j]) > still {
				from = k
				break
			}
		}
		if k+1-from > len(best) {
			best = readings[from : k+1]
		}
	}
	return best
}

// calibrateGripperCmd finds a gripper's stroke.
type calibrateGripperCmd struct {
	armFlags
	Opened float64 `help:"Its widest opening by calipers [m]; 0: take its own reading."`
}

// Run implements the command.
func (c *calibrateGripperCmd) Run(a *app) error {
	r, robot, i, readings, own, err := c.load()
	if r != nil {
		defer r.Close()
	}
	if err != nil {
		return err
	}
	g := &robot.Arms[i].Gripper
	widths := make([]float64, len(readings))
	for k, v := range readings {
		widths[k] = v[6]
	}
	got, err := measure.Stroke(*g, widths, c.Opened, own.stroke)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s: stroke %.4f m (was %.4f), closed it reads %.4f m\n", g.Name, got.Stroke, g.Stroke, got.Closed)
	for _, w := range got.Warnings {
		fmt.Fprintln(a.stdout, "warning:", w)
	}
	g.Stroke = got.Stroke
	return c.write(a, robot, calibration.Measurement{
		What: "gripper " + c.Side, From: []string{r.Path}, Residual: fmt.Sprintf("closed it reads %.1f mm", 1000*got.Closed),
	}, nil, "")
}
