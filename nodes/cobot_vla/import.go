package main

import (
	"fmt"

	"cobot_vla/nodes/recorder/importer"
)

// importCmd makes episodes of other people's data sets.
type importCmd struct {
	Set         string            `arg:"" help:"Data set: a folder of LeRobot's (v2.x, v3.0), a folder of HDF5 files, or one file." type:"existingpath"`
	Out         string            `help:"Folder of the episodes. What an earlier import into it finished is kept." default:"episodes" short:"o"`
	Format      string            `help:"What the set is: auto, lerobot, aloha-hdf5, robotwin-hdf5." default:"auto" enum:"auto,lerobot,aloha-hdf5,robotwin-hdf5" short:"f"`
	Task        string            `help:"The task in words, for sets that do not say it, and instead of theirs."`
	FPS         float64           `name:"fps" help:"Frames a second, for sets that do not say it; 0: 30 for ALOHA, 15 for RoboTwin."`
	Camera      map[string]string `help:"A camera's name in the set and in the calibration, e.g. cam_low=front; known names need none."`
	Calibration string            `help:"The robot's calibration file; default: the factory's." type:"existingfile"`
	RGB         bool              `name:"rgb" help:"HDF5: the JPEG pictures' channels are in order; the known collectors reverse them."`
	First       int               `help:"First episode of the set to take."`
	Count       int               `help:"How many to take; 0: all."`
}

// Run implements the command.
func (c *importCmd) Run(a *app) error {
	cfg := importer.Config{
		Format: importer.Format(c.Format), Calibration: c.Calibration, Cameras: c.Camera, Task: c.Task, FPS: c.FPS,
		RGB: c.RGB, First: c.First, Count: c.Count,
	}
	var part share
	r, err := await(a, "importing "+c.Set, part.get, func() (importer.Report, error) {
		return importer.Import(a.ctx, c.Set, c.Out, cfg, func(at importer.Progress) {
			part.set(at.Episode, at.Episodes, at.Frame, at.Frames)
		})
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s: %d episodes, %d frames", c.Out, len(r.Paths), r.Frames)
	if r.Kept > 0 {
		fmt.Fprintf(a.stdout, "; %d more were there already", r.Kept)
	}
	fmt.Fprintln(a.stdout)
	return nil
}
