package main

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"cobot_vla/nodes/recorder"
	"cobot_vla/nodes/recorder/episode"
)

// recordCmd works on recorded episodes.
type recordCmd struct {
	List   recordListCmd   `cmd:"" help:"List episodes, and what is wrong with them."`
	Judge  recordJudgeCmd  `cmd:"" help:"Change the verdict of an episode."`
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

// recordListCmd lists episodes.
type recordListCmd struct {
	Episodes []string `arg:"" optional:"" help:"Episodes: files, or folders of episodes." default:"episodes"`
}

// Run implements the command.
func (c *recordListCmd) Run(a *app) error {
	paths, err := listEpisodes(c.Episodes)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "episode\tverdict\tseconds\tmessages\tlost\tgaps\ttask")
	for _, path := range paths {
		r, err := episode.Open(path)
		if err != nil {
			fmt.Fprintf(w, "%s\t\t\t\t\t\t%v\n", path, err)
			continue
		}
		var lost, gaps uint64
		for _, s := range r.Streams {
			lost, gaps = lost+s.Dropped+s.Lost, gaps+s.Gaps
		}
		fmt.Fprintf(w, "%s\t%s\t%.1f\t%d\t%d\t%d\t%s\n", r.Name, r.Verdict, r.Duration().Seconds(), r.Messages, lost, gaps, r.Task)
		if err := r.Close(); err != nil {
			return err
		}
	}
	return w.Flush()
}

// recordJudgeCmd changes verdicts.
type recordJudgeCmd struct {
	Verdict  string   `arg:"" help:"keep or discard." enum:"keep,discard"`
	Episodes []string `arg:"" help:"Episodes: files, or folders of episodes." type:"existingpath"`
	Remark   string   `help:"Why."`
}

// Run implements the command.
func (c *recordJudgeCmd) Run(a *app) error {
	paths, err := listEpisodes(c.Episodes)
	if err != nil {
		return err
	}
	for _, path := range paths {
		e, err := episode.Judge(path, episode.Verdict(c.Verdict), c.Remark)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "%s: %s\n", e.Name, e.Verdict)
	}
	return nil
}
