package main

import (
	"fmt"
	"path/filepath"

	"cobot_vla/calibration"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/continuous"
)

// continuousFlags are what a manifest says of a policy that predicts numbers, vitavla or seer.
type continuousFlags struct {
	Arm        string  `help:"Of vitavla and seer: the arm that is moved, with the front camera and its own." enum:"left,right" default:"left"`
	History    int     `help:"Of vitavla and seer: steps it looks back over, the present one included." default:"7"`
	Fill       bool    `help:"Of vitavla: repeat the newest step until the history is full."`
	Slide      int     `help:"Of vitavla: how many of the oldest steps leave a full history at once." default:"1"`
	Selection  string  `help:"Of vitavla and seer: which of the predicted steps is done: first, second, ensemble or all." enum:"first,second,ensemble,all" default:"second"`
	Gripper    string  `help:"Of vitavla and seer: binary or width." enum:"binary,width" default:"width"`
	GripperOne string  `help:"Of vitavla and seer: what 1 of a binary gripper means, open or closed." enum:"open,closed" default:"open"`
	State      string  `help:"Of vitavla and seer: the state raw, or standard by the statistics." enum:"raw,standard" default:"standard"`
	Decay      float64 `help:"Of vitavla and seer: the i-th oldest prediction of an ensemble weighs exp(-decay i)." default:"0.01"`
}

// predictions of vitavla and seer: what selection all plays.
const predictions = 3

// continuous writes the manifest of a checkpoint of vitavla or seer.
func (c *modelManifestCmd) continuous(a *app, kind string, robot calibration.Robot) error {
	m, err := continuous.ForArm(robot, c.Arm)
	if err != nil {
		return err
	}
	m.Kind, m.Name = kind, c.Name
	if m.Name == "" {
		whole, err := filepath.Abs(c.Dir)
		if err != nil {
			return err
		}
		m.Name = filepath.Base(whole)
	}
	m.Action.Mode, m.Action.Period, m.MaxObservationAge = c.Mode, c.Period.Seconds(), c.MaxAge.Seconds()
	if c.Selection == "all" {
		m.Action.Chunk = predictions
	}
	m.Continuous = &checkpoint.ContinuousSpec{
		History: c.History, Fill: c.Fill, Slide: c.Slide, Selection: c.Selection, EnsembleDecay: c.Decay,
		Gripper: c.Gripper, GripperOne: c.GripperOne, State: c.State,
	}
	statistics, data, err := c.statistics(c.Dir, robot)
	if err != nil {
		return err
	}
	chosen, err := statistics.Select(m.Proprioception, m.Action.Names)
	if err != nil {
		return err
	}
	if err := (binding{manifest: m, stats: chosen, robot: robot}).check(); err != nil {
		return err
	}
	text, err := m.YAML("Binds this checkpoint to a robot. Written by: cobot_vla model manifest")
	if err != nil {
		return err
	}
	if err := writeOnce(filepath.Join(c.Dir, statisticsFile), data, c.Force); err != nil {
		return err
	}
	path := filepath.Join(c.Dir, manifestFile)
	if err := writeOnce(path, text, c.Force); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s: %s for the %s arm of %s: %d steps of history, %s of %d predictions, gripper by %s\n", path, kind, c.Arm, m.Robot, c.History, c.Selection, predictions, c.Gripper)
	return err
}
