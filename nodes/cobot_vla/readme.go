package main

import (
	"fmt"
	"os"
	"strings"
)

// tables are the parts of the README that the long proof writes, by the marker
// <!-- name --> … <!-- /name --> between which they stand. What was not tried stays as it is.
func (v verification) tables() map[string]string {
	var seeds, faults strings.Builder
	fmt.Fprintf(&seeds, "| inference | seeds | successes | simulated | wall |\n|---|---|---|---|---|\n")
	for _, l := range v.Latencies {
		fmt.Fprintf(&seeds, "| %.0f ms | 1 | %d | %.1f s | %.1f s |\n", l.LatencyMS, count(l.Success), l.SimSeconds, l.WallSeconds)
	}
	var sim, wall float64
	for _, s := range v.Seeds {
		sim, wall = sim+s.SimSeconds/float64(len(v.Seeds)), wall+s.WallSeconds/float64(len(v.Seeds))
	}
	if len(v.Seeds) > 0 {
		fmt.Fprintf(&seeds, "| %.0f ms | %d | %d | %.1f s (mean) | %.1f s (mean) |\n", v.Seeds[0].LatencyMS, len(v.Seeds), v.Successes, sim, wall)
	}
	fmt.Fprintf(&faults, "| fault | while | standstill after | bound | what the robot says | then | only hardware |\n|---|---|---|---|---|---|---|\n")
	for _, f := range v.Faults {
		stopped, bound := "goes on", ""
		if f.BoundMS > 0 {
			stopped, bound = "–", fmt.Sprintf("%.0f ms", f.BoundMS)
			if f.StoppedMS >= 0 {
				stopped = fmt.Sprintf("%.0f ms", f.StoppedMS)
			}
		}
		then := "stays safe"
		if f.Recovered {
			then = "task done"
		}
		fmt.Fprintf(&faults, "| %s | %s | %s | %s | %s | %s | %s |\n", f.Fault, f.When, stopped, bound, shorten(f.Cause, 90), then, f.Hardware)
	}
	tables := map[string]string{}
	if len(v.Seeds) > 0 {
		tables["seeds"] = seeds.String()
	}
	if len(v.Faults) > 0 {
		tables["faults"] = faults.String()
	}
	if len(v.Experts) > 0 {
		tables["experts"] = expertTable(v.Experts)
	}
	if v.Demonstrations != nil {
		tables["demonstrations"] = demonstrationsTable(*v.Demonstrations)
	}
	return tables
}

func count(ok bool) int {
	if ok {
		return 1
	}
	return 0
}

// shorten cuts a text for a table's cell.
func shorten(s string, most int) string {
	s = strings.ReplaceAll(s, "|", "/")
	if r := []rune(s); len(r) > most {
		return strings.TrimSpace(string(r[:most])) + "…"
	}
	return s
}

// updateReadme puts the tables between their markers; a missing marker is an error.
func updateReadme(path string, tables map[string]string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text := string(data)
	for name, table := range tables {
		from, to := "<!-- "+name+" -->", "<!-- /"+name+" -->"
		head, rest, ok := strings.Cut(text, from)
		if !ok {
			return fmt.Errorf("%s: no marker %s", path, from)
		}
		_, tail, ok := strings.Cut(rest, to)
		if !ok {
			return fmt.Errorf("%s: no marker %s", path, to)
		}
		text = head + from + "\n" + table + to + tail
	}
	return writeFile(path, func(f *os.File) error {
		_, err := f.WriteString(text)
		return err
	})
}
