package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

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
	Episodes []string `arg:"" optional:"" help:"Episodes: files, or folders of episodes." default:"episodes"`
	Force    bool     `help:"Finish a file that is damaged amid its data, too: everything behind the damage is lost. Copy it first."`
}

// Run implements the command.
func (c *recordRepairCmd) Run(a *app) error {
	paths, err := listEpisodes(c.Episodes)
	if err != nil {
		return err
	}
	var failed error
	for _, path := range paths {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		done, err := episode.Repair(path, episode.RepairOptions{Force: c.Force})
		switch {
		case errors.Is(err, episode.ErrInUse):
			fmt.Fprintf(a.stdout, "%s: is being recorded: left alone\n", path)
		case err != nil:
			failed = errors.Join(failed, err)
		case done.Whole:
			fmt.Fprintf(a.stdout, "%s: whole, %s\n", path, done.Verdict)
		default:
			fmt.Fprintf(a.stdout, "%s: finished: %d messages, %.1f s, %s; %d bytes at its end had not been flushed\n", path, done.Messages, done.Duration().Seconds(), done.Verdict, done.Cut)
		}
	}
	return failed
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
	var all, kept time.Duration
	keep := 0
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "episode\tverdict\tseconds\tmessages\tlost\tgaps\ttask")
	for _, path := range paths {
		r, err := episode.Open(path)
		if err != nil {
			verdict, why := unreadable(path, err)
			fmt.Fprintf(w, "%s\t%s\t\t\t\t\t%s\n", fileName(path), verdict, why)
			continue
		}
		var lost, gaps uint64
		for _, s := range r.Streams {
			lost, gaps = lost+s.Dropped+s.Lost, gaps+s.Gaps
		}
		all += r.Duration()
		if r.Verdict == episode.Keep {
			keep++
			kept += r.Duration()
		}
		fmt.Fprintf(w, "%s\t%s\t%.1f\t%d\t%d\t%d\t%s\n", fileName(path), r.Verdict, r.Duration().Seconds(), r.Messages, lost, gaps, r.Task)
		if err := r.Close(); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%d episodes of %.0f s; kept: %d of %.0f s\n", len(paths), all.Seconds(), keep, kept.Seconds())
	return nil
}

// fileName is what an episode is called on the disk: a copy keeps its old name inside.
func fileName(path string) string { return strings.TrimSuffix(filepath.Base(path), ".mcap") }

// unreadable says in a word, and in a line, why an episode can't be opened.
func unreadable(path string, err error) (verdict, why string) {
	switch {
	case errors.Is(err, episode.ErrUnfinished):
		return "unfinished", "being recorded, or interrupted: `cobot_vla record repair` finishes it"
	case errors.Is(err, episode.ErrNotEpisode):
		verdict = "no episode"
	default:
		verdict = "damaged"
	}
	_, why, found := strings.Cut(err.Error(), path+": ")
	if !found {
		why = err.Error()
	}
	return verdict, why
}

// recordJudgeCmd changes verdicts.
type recordJudgeCmd struct {
	Verdict  string   `arg:"" help:"keep or discard." enum:"keep,discard"`
	Episodes []string `arg:"" help:"Episodes: files, or folders of episodes."`
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
		fmt.Fprintf(a.stdout, "%s: %s\n", fileName(path), e.Verdict)
	}
	return nil
}
