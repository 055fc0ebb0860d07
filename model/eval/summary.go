package eval

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// TaskResult is what a task came to in a setting.
type TaskResult struct {
	Task, Setting string
	Rate          Rate
	// Steps is the mean over the successes.
	Steps float64
	// Acting is the median of the medians of what decisions really took [ms].
	Acting float64
}

// Tasks sums up the single tasks among episodes, in the order they first come.
func Tasks(episodes []Episode) []TaskResult {
	type key struct{ task, setting string }
	var order []key
	all := map[key][]Episode{}
	for _, e := range episodes {
		if len(e.Tasks) > 0 {
			continue
		}
		k := key{e.Task, e.Setting}
		if all[k] == nil {
			order = append(order, k)
		}
		all[k] = append(all[k], e)
	}
	var out []TaskResult
	for _, k := range order {
		r := TaskResult{Task: k.task, Setting: k.setting}
		var acting []float64
		steps := 0
		for _, e := range all[k] {
			r.Rate.Add(e.Success)
			if e.Success {
				steps += e.Steps
			}
			acting = append(acting, e.Wall.Acting.P50)
		}
		if r.Rate.Successes > 0 {
			r.Steps = float64(steps) / float64(r.Rate.Successes)
		}
		slices.Sort(acting)
		r.Acting = acting[len(acting)/2]
		out = append(out, r)
	}
	return out
}

// Chains is CALVIN's result.
type Chains struct {
	Chains int
	// AtLeast[k] is the part of the chains with at least k+1 tasks done.
	AtLeast []Rate
	// Length is Avg. Len.: the mean number of tasks done.
	Length float64
}

// ChainsOf sums up the chains among episodes of a setting; their tasks may be of different number.
func ChainsOf(episodes []Episode, setting string) Chains {
	var c Chains
	for _, e := range episodes {
		if len(e.Tasks) == 0 || e.Setting != setting {
			continue
		}
		for len(c.AtLeast) < len(e.Tasks) {
			c.AtLeast = append(c.AtLeast, Rate{})
		}
	}
	done := 0
	for _, e := range episodes {
		if len(e.Tasks) == 0 || e.Setting != setting {
			continue
		}
		c.Chains++
		done += e.Done
		for k := range c.AtLeast {
			c.AtLeast[k].Add(e.Done > k)
		}
	}
	if c.Chains > 0 {
		c.Length = float64(done) / float64(c.Chains)
	}
	return c
}

// Suite is LIBERO's rule: the mean of the tasks' rates, whatever the number of attempts of each. It is false when a task
// was not attempted.
func Suite(results []TaskResult, setting string, tasks []string) (mean float64, ok bool) {
	for _, task := range tasks {
		i := slices.IndexFunc(results, func(r TaskResult) bool { return r.Task == task && r.Setting == setting })
		if i < 0 || results[i].Rate.Attempts == 0 {
			return 0, false
		}
		mean += results[i].Rate.Value() / float64(len(tasks))
	}
	return mean, len(tasks) > 0
}

// WriteTable prints what episodes came to.
func WriteTable(out io.Writer, episodes []Episode) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	tasks := Tasks(episodes)
	if len(tasks) > 0 {
		fmt.Fprintln(w, "task\tsetting\tsuccess\trate\t95 % interval\tsteps\tdecision [ms]")
	}
	settings := map[string]*struct {
		sum float64
		n   int
	}{}
	for _, r := range tasks {
		low, high := r.Rate.Wilson()
		fmt.Fprintf(w, "%s\t%s\t%d/%d\t%.1f %%\t%.0f-%.0f %%\t%.0f\t%.1f\n", r.Task, r.Setting, r.Rate.Successes, r.Rate.Attempts, 100*r.Rate.Value(), 100*low, 100*high, r.Steps, r.Acting)
		if settings[r.Setting] == nil {
			settings[r.Setting] = &struct {
				sum float64
				n   int
			}{}
		}
		settings[r.Setting].sum += r.Rate.Value()
		settings[r.Setting].n++
	}
	for _, name := range []string{Seen, Randomised} {
		if s := settings[name]; s != nil && s.n > 1 {
			fmt.Fprintf(w, "mean of %d tasks\t%s\t\t%.1f %%\n", s.n, name, 100*s.sum/float64(s.n))
		}
	}
	for _, setting := range []string{Seen, Randomised} {
		c := ChainsOf(episodes, setting)
		if c.Chains == 0 {
			continue
		}
		for k, r := range c.AtLeast {
			fmt.Fprintf(w, "chains, %d and more\t%s\t%d/%d\t%.1f %%\t", k+1, setting, r.Successes, r.Attempts, 100*r.Value())
			low, high := r.Wilson()
			fmt.Fprintf(w, "%.0f-%.0f %%\n", 100*low, 100*high)
		}
		fmt.Fprintf(w, "Avg. Len.\t%s\t\t%.2f of %d\n", setting, c.Length, len(c.AtLeast))
	}
	return w.Flush()
}

// Sort puts episodes in the order of task, setting and seed; tasks keep the order of names.
func Sort(episodes []Episode, names []string) {
	slices.SortStableFunc(episodes, func(a, b Episode) int {
		return cmp.Or(cmp.Compare(slices.Index(names, a.Task), slices.Index(names, b.Task)), -cmp.Compare(a.Setting, b.Setting), cmp.Compare(a.Seed, b.Seed))
	})
}
