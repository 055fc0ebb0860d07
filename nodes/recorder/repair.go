package recorder

import (
	"context"
	"errors"
	"io/fs"

	"cobot_vla/nodes/recorder/episode"
)

// finishInterrupted finishes every interrupted episode below dir; each is reported, also
// those that were whole and those that could not be repaired. An episode that is
// being recorded is left alone.
func finishInterrupted(ctx context.Context, dir string, report func(path string, done episode.Repaired, err error)) error {
	paths, err := episode.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		done, err := episode.Repair(path, episode.RepairOptions{})
		if !errors.Is(err, episode.ErrInUse) {
			report(path, done, err)
		}
	}
	return nil
}
