package main

import (
	"errors"
	"fmt"

	"cobot_vla/nodes/recorder"
	"cobot_vla/nodes/recorder/episode"
)

// recordCmd works on recorded episodes.
type recordCmd struct {
	Repair recordRepairCmd `cmd:"" help:"Finish episodes whose recording was cut off: everything flushed is kept."`
}

// recordRepairCmd finishes interrupted episodes.
type recordRepairCmd struct {
	Folder string `arg:"" help:"Folder of the episodes." type:"existingdir"`
}

// Run implements the command.
func (c *recordRepairCmd) Run(a *app) error {
	var failed error
	err := recorder.RepairAll(a.ctx, c.Folder, func(path string, done episode.Repaired, err error) {
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", path, err))
			return
		}
		fmt.Fprintf(a.stdout, "%s: %+v\n", path, done)
	})
	return errors.Join(err, failed)
}
