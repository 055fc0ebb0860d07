package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strings"
	"sync/atomic"

	"cobot_vla/calibration"
	"cobot_vla/nodes/recorder/episode"
	"cobot_vla/nodes/recorder/export"
)

// exportCmd makes a training set of recorded episodes.
type exportCmd struct {
	Episodes    []string `arg:"" help:"Episodes: files, or folders of episodes."`
	Format      string   `help:"Format of the set: ${formats}." required:"" short:"f"`
	Out         string   `help:"Folder of the set. What an earlier export into it finished is kept." required:"" short:"o"`
	FPS         int      `name:"fps" help:"Frames a second; 0: 30, and 10 for llava-vla."`
	Action      string   `help:"What a frame's action is: leader, command, next_state; auto takes the first that the episodes have." default:"auto" enum:"auto,leader,command,next_state"`
	ActionLead  int      `help:"By how many frames the action is ahead of its observation, for leader and command." default:"0"`
	Base        bool     `help:"Add the base's velocity to state and action."`
	Cameras     []string `help:"Cameras by their names in the calibration; default all."`
	Calibration string   `help:"The robot's calibration file; default: the one that each episode brings." type:"existingfile"`
	Namespace   string   `help:"Namespace of the recorded topics." default:"/"`
	MaxSkew     float64  `help:"Longest time from a frame to its picture [s]." default:"0.05"`
	TrimGaps    bool     `help:"Trim episodes with gaps to their longest part without; else they are refused."`
	Unjudged    bool     `help:"Take episodes that nobody judged, too."`
	Video       bool     `help:"LeRobot: pictures as MP4, through ffmpeg, instead of JPEG in the parquet files."`
	Layout      string   `help:"LLaVA-VLA: layout of the composite picture."`
	Normalised  bool     `help:"LLaVA-VLA: actions in [-1, 1] instead of SI units."`
	Compress    bool     `help:"HDF5: pictures as JPEG, as mobile-ALOHA has them, instead of pixels."`
}

// Run implements the command.
func (c *exportCmd) Run(a *app) error {
	episodes, err := listEpisodes(c.Episodes)
	if err != nil {
		return err
	}
	cfg := export.Config{
		Format: export.Format(c.Format), FPS: c.FPS, Action: c.Action, ActionLead: c.ActionLead, Base: c.Base, Cameras: c.Cameras,
		Namespace: c.Namespace, MaxSkew: c.MaxSkew, Unjudged: c.Unjudged, Video: c.Video, Layout: c.Layout,
		Normalised: c.Normalised, Compress: c.Compress,
	}
	if c.TrimGaps {
		cfg.Gaps = export.Trim
	}
	if c.Calibration != "" {
		robot, err := calibration.Load(c.Calibration)
		if err != nil {
			return err
		}
		cfg.Robot = &robot
	}
	var part share
	report, err := await(a, fmt.Sprintf("exporting %d episodes", len(episodes)), part.get, func() (export.Report, error) {
		return export.Export(a.ctx, episodes, c.Out, cfg, func(at export.Progress) {
			part.set(at.Episode, at.Episodes, at.Frame, at.Frames)
		})
	})
	for _, s := range report.Skipped {
		fmt.Fprintln(a.stdout, "left out:", s)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s: %d episodes, %d frames, %s", c.Out, report.Episodes, report.Frames, c.Format)
	if report.Kept > 0 {
		fmt.Fprintf(a.stdout, "; %d of them were there already", report.Kept)
	}
	fmt.Fprintf(a.stdout, "\naction: %s\n", report.Spec.Action)
	return nil
}

// formatNames are those of the export formats, for the help.
func formatNames() string {
	var names []string
	for _, f := range export.Formats() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// listEpisodes are the files of episodes that the arguments name, in order.
func listEpisodes(args []string) ([]string, error) {
	var all []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no file or folder %s: name an episode (episodes/episode_000001), or a folder of them", arg)
		}
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			all = append(all, arg)
			continue
		}
		paths, err := episode.List(arg)
		if err == nil && len(paths) == 0 { // an episode's own folder
			paths, err = episode.In(arg)
		}
		if err != nil {
			return nil, err
		}
		if len(paths) == 0 {
			return nil, fmt.Errorf("%s: no episode in it: an episode is episode_000001/episode_000001.mcap", arg)
		}
		all = append(all, paths...)
	}
	return all, nil
}

// share of a long job that is done, 0..1, told by one goroutine and read by another.
type share struct{ bits atomic.Uint64 }

func (s *share) set(episode, episodes, frame, frames int) {
	part := (float64(episode-1) + float64(frame)/float64(max(frames, 1))) / float64(max(episodes, 1))
	s.bits.Store(math.Float64bits(part))
}

func (s *share) get() float64 { return math.Float64frombits(s.bits.Load()) }
