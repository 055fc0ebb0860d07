package eval

import (
	"fmt"
	"slices"
	"strings"
)

// Markdown is the single tasks among episodes as a table for documents: a row a task, the settings side by side.
func Markdown(episodes []Episode) string {
	results := Tasks(episodes)
	var tasks, settings []string
	for _, r := range results {
		if !slices.Contains(tasks, r.Task) {
			tasks = append(tasks, r.Task)
		}
	}
	var s strings.Builder
	s.WriteString("| task |")
	rule := "|---|"
	for _, setting := range []string{Seen, Randomised} {
		if slices.ContainsFunc(results, func(r TaskResult) bool { return r.Setting == setting }) {
			settings = append(settings, setting)
			fmt.Fprintf(&s, " %s | 95 %% interval | steps |", setting)
			rule += "---|---|---|"
		}
	}
	s.WriteString("\n" + rule + "\n")
	for _, task := range tasks {
		fmt.Fprintf(&s, "| %s |", task)
		for _, setting := range settings {
			i := slices.IndexFunc(results, func(r TaskResult) bool { return r.Task == task && r.Setting == setting })
			if i < 0 {
				s.WriteString(" – | | |")
				continue
			}
			r := results[i]
			low, high := r.Rate.Wilson()
			fmt.Fprintf(&s, " %d of %d | %.0f–%.0f %% | %.0f |", r.Rate.Successes, r.Rate.Attempts, 100*low, 100*high, r.Steps)
		}
		s.WriteString("\n")
	}
	s.WriteString("| mean |")
	for _, setting := range settings {
		if mean, ok := Suite(results, setting, tasks); ok {
			fmt.Fprintf(&s, " %.1f %% | | |", 100*mean)
		} else {
			s.WriteString(" – | | |")
		}
	}
	return s.String() + "\n"
}
