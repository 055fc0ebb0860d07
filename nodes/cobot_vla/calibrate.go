package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/calibration/measure"
	"cobot_vla/msgs"
	"cobot_vla/nodes/recorder/episode"
	"cobot_vla/nodes/recorder/export"
)

// calibrateCmd measures what is true of one robot, from recorded episodes.
type calibrateCmd struct {
	Statistics calibrateStatisticsCmd `cmd:"" help:"Normalisation statistics of a set of episodes."`
	Joints     calibrateJointsCmd     `cmd:"" help:"Zeros of an arm's joints: record it while it stands at its marks."`
	Gripper    calibrateGripperCmd    `cmd:"" help:"Stroke of a gripper: record it while it opens and closes fully."`
	Cameras    calibrateCamerasCmd    `cmd:"" help:"Lens and mount of a camera: record an arm that shows it AprilTags from a dozen sides (needs -tags apriltag)."`
	Base       calibrateBaseCmd       `cmd:"" help:"Scales of the base's odometry: record a square, driven from mark to mark."`
}

// calibrateStatisticsCmd writes statistics.yaml.
type calibrateStatisticsCmd struct {
	Episodes []string `arg:"" help:"Episodes: files, or folders of episodes."`
	Out      string   `help:"File to write." default:"statistics.yaml" short:"o"`
	FPS      int      `name:"fps" help:"Frames a second of the training." default:"10"`
	Action   string   `help:"What a frame's action is." default:"auto" enum:"auto,leader,command,next_state"`
	Base     bool     `help:"With the base's velocity."`
	Unjudged bool     `help:"Take episodes that nobody judged, too."`
	Trim     bool     `help:"Trim episodes with gaps to their longest part without."`
}

// Run implements the command.
func (c *calibrateStatisticsCmd) Run(a *app) error {
	episodes, err := listEpisodes(c.Episodes)
	if err != nil {
		return err
	}
	cfg := export.Config{FPS: c.FPS, Action: c.Action, Base: c.Base, Unjudged: c.Unjudged}
	if c.Trim {
		cfg.Gaps = export.Trim
	}
	s, frames, err := export.Statistics(a.ctx, episodes, cfg)
	if err != nil {
		return err
	}
	text, err := s.YAML(fmt.Sprintf("Statistics of %d episodes, %d frames at %d Hz.", len(episodes), frames, c.FPS))
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s: version %s, %d frames\n", c.Out, s.Version(), frames)
	return writeWhole(c.Out, text)
}

// intoFile is where a calibration goes.
type intoFile struct {
	Out string `help:"Calibration file to write; default: calibration/ROBOT_TIME.yaml." short:"o"`
}

// write writes the robot's calibration with what was measured, and the picture of its residuals beside it.
func (f intoFile) write(a *app, robot calibration.Robot, m calibration.Measurement, residuals []measure.Residual, unit string) error {
	now := time.Now().UTC()
	m.When = now.Format(time.RFC3339)
	robot.Measured = append(robot.Measured, m)
	if err := robot.Validate(); err != nil {
		return err
	}
	out := f.Out
	if out == "" {
		out = filepath.Join("calibration", fmt.Sprintf("%s_%s.yaml", robot.Name, now.Format("20060102T150405Z")))
	}
	text, err := calibration.Encode(fmt.Sprintf("Calibration of %s. SI units; what the fields mean stands in the factory's cobot_magic.yaml.\nLast measured: %s, %s.", robot.Name, m.What, m.Residual), robot)
	if err != nil {
		return err
	}
	if _, err := calibration.Parse(out, text); err != nil {
		return err
	}
	if err := writeWhole(out, text); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, "wrote", out)
	if len(residuals) == 0 {
		return nil
	}
	picture := strings.TrimSuffix(out, filepath.Ext(out)) + "_" + strings.ReplaceAll(m.What, " ", "_") + ".svg"
	fmt.Fprintln(a.stdout, "wrote", picture)
	return writeWhole(picture, []byte(measure.SVG(m.What, unit, residuals)))
}

// writeWhole replaces a file whole or not at all.
func writeWhole(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return writeFile(path, func(f *os.File) error {
		_, err := f.Write(text)
		return err
	})
}

// openOne opens the one episode that a measurement is made of, and its calibration.
func openOne(arg string) (*episode.Reader, calibration.Robot, error) {
	paths, err := listEpisodes([]string{arg})
	if err != nil {
		return nil, calibration.Robot{}, err
	}
	if len(paths) != 1 {
		return nil, calibration.Robot{}, fmt.Errorf("%s has %d episodes: say which", arg, len(paths))
	}
	r, err := episode.Open(paths[0])
	if err != nil {
		return nil, calibration.Robot{}, err
	}
	robot, err := calibration.Parse(paths[0]+": calibration.yaml", r.Calibration)
	return r, robot, err
}

// each calls f with every message of topics.
func each(r *episode.Reader, f func(at time.Time, m msgs.Message), topics ...string) error {
	for m, err := range r.Read(topics...) {
		if err != nil {
			return err
		}
		d, err := m.Decode()
		if err != nil {
			return err
		}
		f(m.Stamp, d)
	}
	return nil
}
