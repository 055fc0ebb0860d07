package importer

import (
	"fmt"
	"io/fs"
	"os"
	"slices"

	"cobot_vla/calibration"
)

// Format of a data set.
type Format string

// Formats.
const (
	// Auto looks what the files are.
	Auto Format = "auto"
	// LeRobot v2.0, v2.1 and v3.0: a folder with meta/info.json.
	LeRobot Format = "lerobot"
	// ALOHA is the HDF5 of ACT, mobile-ALOHA and cobot_magic's collector.
	ALOHA Format = "aloha-hdf5"
	// RoboTwin is the HDF5 of RoboTwin 2.0, and of its later layout.
	RoboTwin Format = "robotwin-hdf5"
)

// Formats lists all, those of other builds too.
func Formats() []Format { return []Format{Auto, LeRobot, ALOHA, RoboTwin} }

// Config says how a data set is to be understood.
type Config struct {
	// Format; default auto.
	Format Format
	// Calibration is the robot's calibration file; "" is the factory's.
	Calibration string
	// Cameras maps a camera's name in the data set to one of the calibration; what is
	// not in it is taken by the usual names (cam_high is front), and left out where
	// there is no camera of that name.
	Cameras map[string]string
	// Task of data sets that have no text of their own, and instead of theirs when it is set.
	Task string
	// FPS of data sets that do not say theirs; default 30 for ALOHA, 15 for RoboTwin.
	FPS float64
	// RGB says that JPEG pictures in HDF5 have their channels in order. The collectors
	// hand RGB to an encoder that takes it for BGR, so by default they are swapped back.
	RGB bool
	// FFmpeg is the program that reads videos; default ffmpeg.
	FFmpeg string
	// First and Count choose episodes of the set; Count 0 is all.
	First, Count int
}

func (c Config) withDefaults() Config {
	if c.Format == "" {
		c.Format = Auto
	}
	if c.FFmpeg == "" {
		c.FFmpeg = "ffmpeg"
	}
	return c
}

func (c Config) check() error {
	switch {
	case !slices.Contains(Formats(), c.Format):
		return fmt.Errorf("%w: format %q is none of %v", ErrConfig, c.Format, Formats())
	case c.FPS < 0 || c.FPS > 1000:
		return fmt.Errorf("%w: %g frames a second; 0..1000", ErrConfig, c.FPS)
	case c.First < 0 || c.Count < 0:
		return fmt.Errorf("%w: episodes from %d, %d of them: neither is negative", ErrConfig, c.First, c.Count)
	}
	return nil
}

// robot reads the calibration, and its text for the episodes.
func (c Config) robot() (calibration.Robot, []byte, error) {
	name, text, err := c.Calibration, []byte(nil), error(nil)
	if name == "" {
		name = "cobot_magic.yaml"
		text, err = fs.ReadFile(calibration.Files(), name)
	} else {
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return calibration.Robot{}, nil, fmt.Errorf("import: calibration: %w", err)
	}
	robot, err := calibration.Parse(name, text)
	if err != nil {
		return robot, nil, err
	}
	for _, to := range c.Cameras {
		if _, ok := robot.Camera(to); !ok {
			return robot, nil, fmt.Errorf("%w: the robot has no camera %q", ErrConfig, to)
		}
	}
	return robot, text, nil
}

// usual are cameras' names in data sets, without cam_ before and _camera behind.
var usual = map[string]string{
	"front": "front", "high": "front", "head": "front", "top": "front",
	"left": "left", "left_wrist": "left", "wrist_left": "left",
	"right": "right", "right_wrist": "right", "wrist_right": "right",
}
