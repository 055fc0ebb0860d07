package export

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cobot_vla/calibration"
)

// Format of a training set.
type Format string

// Formats.
const (
	LeRobot21 Format = "lerobot-v2.1"
	LeRobot30 Format = "lerobot-v3.0"
	LLaVAVLA  Format = "llava-vla"
	ALOHA     Format = "aloha-hdf5" // needs -tags hdf5
)

// Formats lists all, those of other builds too.
func Formats() []Format { return []Format{LeRobot21, LeRobot30, LLaVAVLA, ALOHA} }

// Built says whether this build can write a format.
func Built(f Format) bool {
	_, err := newFormat(f)
	return err == nil
}

// Where a frame's action comes from.
const (
	// Auto takes the first of the others that the first episode has.
	Auto = "auto"
	// Leader is what the leader arms said, as ACT and mobile-ALOHA take it.
	Leader = "leader"
	// Command is what the arm node commanded: leader or policy, within all limits.
	Command = "command"
	// NextState is where the followers were a frame later, as RoboTwin takes it.
	NextState = "next_state"
)

// What to do with gaps.
const (
	// Refuse an episode with a gap.
	Refuse = "refuse"
	// Trim it to its longest part without one.
	Trim = "trim"
)

// Config is what a training set is to be.
type Config struct {
	// Format; no default.
	Format Format
	// FPS is frames a second, a whole number; default 30, and 10 for LLaVA-VLA,
	// whose action steps are 0.1 s apart.
	FPS int
	// Namespace before the topics' names; default "/".
	Namespace string
	// Robot gives names and order of joints and cameras; default: each episode's own
	// calibration, which must agree.
	Robot *calibration.Robot
	// Cameras by their names in the calibration; default all.
	Cameras []string
	// Action is auto, leader, command or next_state; default auto.
	Action string
	// ActionLead is by how many frames the action is ahead of its observation, for
	// leader and command; default 0.
	ActionLead int
	// Base adds the base's velocity to state and action: for sets in which it moves.
	Base bool
	// MaxSkew from a frame to its picture [s], and half of the distance between the
	// samples around it; default 0.05.
	MaxSkew float64
	// Gaps is refuse or trim; default refuse.
	Gaps string
	// Unjudged takes episodes that nobody judged too; discarded ones are never taken.
	Unjudged bool
	// Quality of pictures that are made here, JPEG 1..100; default 95. Pictures that
	// were recorded compressed are not touched.
	Quality int
	// Video writes MP4 through ffmpeg instead of pictures inside the parquet files,
	// for LeRobot: smaller, slower to make, not exact.
	Video bool
	// FFmpeg is the program; default ffmpeg.
	FFmpeg string
	// ShardMB is where a data file of LeRobot v3.0 ends; default 100.
	ShardMB int
	// VideoMB is where a film of LeRobot v3.0 ends, and the data file with it; default
	// 200. It is also what an export that was interrupted does again.
	VideoMB int
	// Layout of LLaVA-VLA's composite: stack, stack3, mosaic4 or tiles; default stack3
	// for three cameras, stack for two.
	Layout string
	// Chunk of actions in LLaVA-VLA's answers; default 5.
	Chunk int
	// Normalised writes LLaVA-VLA's actions in [-1, 1] by the set's statistics instead
	// of in SI units: for trainers that read no statistics file.
	Normalised bool
	// Compress writes HDF5 pictures as JPEG; false as pixels, which every reader of ACT's takes.
	Compress bool
}

// withDefaults fills in what is not said.
func (c Config) withDefaults() Config {
	c.FPS = cmp.Or(c.FPS, map[Format]int{LLaVAVLA: 10}[c.Format], 30)
	c.Action = cmp.Or(c.Action, Auto)
	c.MaxSkew = cmp.Or(c.MaxSkew, 0.05)
	c.Gaps = cmp.Or(c.Gaps, Refuse)
	c.Quality = cmp.Or(c.Quality, 95)
	c.FFmpeg = cmp.Or(c.FFmpeg, "ffmpeg")
	c.ShardMB = cmp.Or(c.ShardMB, 100)
	c.VideoMB = cmp.Or(c.VideoMB, 200)
	c.Chunk = cmp.Or(c.Chunk, 5)
	c.Namespace = "/" + strings.Trim(c.Namespace, "/")
	return c
}

func (c Config) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrConfig, fmt.Sprintf(format, args...))
	}
	switch {
	case !slices.Contains(Formats(), c.Format):
		return bad("format %q is none of %v", c.Format, Formats())
	case c.FPS < 1 || c.FPS > 1000:
		return bad("%d frames a second; 1..1000", c.FPS)
	case !slices.Contains([]string{Auto, Leader, Command, NextState}, c.Action):
		return bad("action %q is none of auto, leader, command, next_state", c.Action)
	case c.ActionLead < 0 || c.ActionLead > 100:
		return bad("action lead of %d frames; 0..100", c.ActionLead)
	case c.Gaps != Refuse && c.Gaps != Trim:
		return bad("gaps %q is neither refuse nor trim", c.Gaps)
	case !(c.MaxSkew > 0):
		return bad("skew %g s must be positive", c.MaxSkew)
	case c.Quality < 1 || c.Quality > 100:
		return bad("JPEG quality %d; 1..100", c.Quality)
	case c.Chunk < 1 || c.Chunk > 1000:
		return bad("chunk of %d steps; 1..1000", c.Chunk)
	case c.ShardMB < 1 || c.VideoMB < 1:
		return bad("data files of %d MB, films of %d MB; at least 1", c.ShardMB, c.VideoMB)
	case c.Video && c.Format != LeRobot21 && c.Format != LeRobot30:
		return bad("video is for LeRobot, not for %s", c.Format)
	}
	return nil
}

// topic is a topic of the robot.
func (c Config) topic(name string) string {
	return strings.TrimSuffix(c.Namespace, "/") + "/" + strings.TrimPrefix(name, "/")
}
