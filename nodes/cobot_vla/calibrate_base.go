package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/calibration/measure"
	"cobot_vla/msgs"
	"cobot_vla/nodes/recorder/episode"
)

// calibrateBaseCmd finds the scales of the base's odometry.
type calibrateBaseCmd struct {
	Episode string  `arg:"" help:"Episode in which the base drove from mark to mark, standing still at each."`
	Places  string  `help:"Where the marks are, in the order of the stops, the first one too: x,y in metres, e.g. '0,0 1,0 1,1 0,1 0,0'."`
	Truth   bool    `help:"Take the places from the simulator's ground truth in the episode."`
	Still   float64 `help:"Shortest standstill that counts as a stop [s]." default:"0.7"`
	intoFile
}

// Run implements the command.
func (c *calibrateBaseCmd) Run(a *app) error {
	r, robot, err := openOne(c.Episode)
	if err != nil {
		return err
	}
	defer r.Close()
	samples, times, err := odometry(r)
	if err != nil {
		return err
	}
	still := measure.Standstills(samples, c.Still)
	stops, err := c.stops(r, still, times)
	if err != nil {
		return err
	}
	got, err := measure.Base(samples, stops)
	if err != nil {
		return err
	}
	robot.Base.LinearScale *= got.LinearScale
	robot.Base.AngularScale *= got.AngularScale
	fmt.Fprintf(a.stdout, "linear_scale  %.5f ± %.5f\nangular_scale %.5f ± %.5f\n", robot.Base.LinearScale, got.LinearError, robot.Base.AngularScale, got.AngularError)
	fmt.Fprintf(a.stdout, "stops from their places: %.1f mm rms as it was, %.1f mm now\n", 1000*got.Before, 1000*got.After)
	for _, s := range got.Residuals {
		fmt.Fprintf(a.stdout, "  %s  %+.1f %+.1f mm\n", s.What, 1000*s.X, 1000*s.Y)
	}
	return c.write(a, robot, calibration.Measurement{
		What: "base", From: []string{r.Path}, Residual: fmt.Sprintf("%.1f mm rms over %d stops", 1000*got.After, len(stops)),
	}, got.Residuals, "m")
}

// odometry is the base's motion between its messages, and their times.
func odometry(r *episode.Reader) (samples []measure.OdometrySample, times []time.Time, err error) {
	var x, y, yaw float64
	var start time.Time
	err = each(r, func(at time.Time, m msgs.Message) {
		o, ok := m.(*msgs.Odometry)
		if !ok {
			return
		}
		p, q := o.Pose.Pose.Position, o.Pose.Pose.Orientation
		now := math.Atan2(2*(q.W*q.Z+q.X*q.Y), 1-2*(q.Y*q.Y+q.Z*q.Z))
		s := measure.OdometrySample{}
		if len(samples) == 0 {
			start = at
		} else {
			s.Turn = math.Remainder(now-yaw, 2*math.Pi)
			mid := yaw + s.Turn/2
			s.Forward = (p.X-x)*math.Cos(mid) + (p.Y-y)*math.Sin(mid)
		}
		s.Time = at.Sub(start).Seconds()
		samples, times = append(samples, s), append(times, at)
		x, y, yaw = p.X, p.Y, now
	}, "/odom")
	if err == nil && len(samples) == 0 {
		err = fmt.Errorf("%s has no /odom", r.Path)
	}
	return samples, times, err
}

// stops are the standstills with their true places.
func (c *calibrateBaseCmd) stops(r *episode.Reader, still []int, times []time.Time) ([]measure.Stop, error) {
	var stops []measure.Stop
	switch {
	case c.Truth == (c.Places != ""):
		return nil, errors.New("say where the marks are with --places, or take them from the simulator with --truth: one of the two")
	case c.Truth:
		type pose struct {
			at  time.Time
			set measure.Stop
		}
		var truth []pose
		if err := each(r, func(at time.Time, m msgs.Message) {
			tf, ok := m.(*msgs.TFMessage)
			if !ok {
				return
			}
			for _, t := range tf.Transforms {
				if t.ChildFrameID == "base_link" {
					p, q := t.Transform.Translation, t.Transform.Rotation
					truth = append(truth, pose{at, measure.Stop{X: p.X, Y: p.Y, Yaw: math.Atan2(2*(q.W*q.Z+q.X*q.Y), 1-2*(q.Y*q.Y+q.Z*q.Z)), HasYaw: true}})
				}
			}
		}, "/sim/ground_truth"); err != nil {
			return nil, err
		}
		if len(truth) == 0 {
			return nil, fmt.Errorf("%s has no /sim/ground_truth", r.Path)
		}
		for _, i := range still {
			best := truth[0]
			for _, p := range truth {
				if p.at.Sub(times[i]).Abs() < best.at.Sub(times[i]).Abs() {
					best = p
				}
			}
			best.set.Sample = i
			stops = append(stops, best.set)
		}
		return stops, nil
	}
	places := strings.Fields(c.Places)
	if len(places) != len(still) {
		var at []string
		for _, i := range still {
			at = append(at, fmt.Sprintf("%.1f s", times[i].Sub(times[0]).Seconds()))
		}
		return nil, fmt.Errorf("the base stood still %d times (at %s), but %d places are given: give one for each, the start too, or change --still", len(still), strings.Join(at, ", "), len(places))
	}
	for k, p := range places {
		xs, ys, _ := strings.Cut(p, ",")
		x, err1 := strconv.ParseFloat(xs, 64)
		y, err2 := strconv.ParseFloat(ys, 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("place %q: write x,y in metres: %w", p, err)
		}
		stops = append(stops, measure.Stop{Sample: still[k], X: x, Y: y})
	}
	return stops, nil
}
