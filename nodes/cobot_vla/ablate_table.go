package main

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/model/eval"
	"cobot_vla/model/train/course"
)

// variantAnswer is what a variant came to.
type variantAnswer struct {
	Variant string       `json:"variant"`
	Recipe  string       `json:"recipe"`
	Paper   string       `json:"paper"`
	Tasks   []taskAnswer `json:"tasks"`
	// Success is the mean of the tasks' rates in the first setting, Error that of their held-out action errors [rad], First that of the
	// first step alone. The ranks are 1 for the best.
	Success     float64 `json:"success"`
	Error       float64 `json:"error_rad"`
	First       float64 `json:"first_step_error_rad"`
	SuccessRank int     `json:"success_rank"`
	ErrorRank   int     `json:"error_rank"`
}

// taskAnswer is that for a task, of all seeds together.
type taskAnswer struct {
	Task     string       `json:"task"`
	Settings []rateAnswer `json:"settings"`
	// Error, First, Mean, ShuffledImages and Directions are course.Diagnosis's, on average over the seeds.
	Error          float64      `json:"error_rad"`
	First          float64      `json:"first_step_error_rad"`
	Mean           float64      `json:"mean_action_error_rad"`
	ShuffledImages float64      `json:"shuffled_images_error_rad"`
	Directions     float64      `json:"directions_right"`
	Seeds          []seedAnswer `json:"seeds"`
}

// rateAnswer is how often a task was done in a setting, with its Wilson interval.
type rateAnswer struct {
	Setting   string  `json:"setting"`
	Successes int     `json:"successes"`
	Attempts  int     `json:"attempts"`
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
}

// seedAnswer is one training.
type seedAnswer struct {
	Seed      uint64            `json:"seed"`
	Steps     int               `json:"steps"`
	Seconds   float64           `json:"seconds"`
	Successes []int             `json:"successes"` // in the settings' order
	Held      *course.Diagnosis `json:"held"`
}

// answered is a question with its answers.
type answered struct {
	Question string          `json:"question"`
	Source   string          `json:"source"`
	Answers  []variantAnswer `json:"answers"`
}

// answers puts together what is there, leaving out variants that are not finished.
func (w *ablation) answers() (all []answered, err error) {
	for _, q := range w.questions {
		out := answered{Question: q.Name, Source: q.Source}
		tasks := w.tasks
		if q.Mobile {
			tasks = slices.DeleteFunc(slices.Clone(tasks), func(t scene.Task) bool { return !t.Mobile })
		}
		for _, v := range q.Variants {
			x, ok, err := w.answer(v, tasks)
			if err != nil {
				return nil, err
			}
			if ok {
				out.Answers = append(out.Answers, x)
			}
		}
		rank(out.Answers, func(a variantAnswer) float64 { return -a.Success }, func(a *variantAnswer, n int) { a.SuccessRank = n })
		rank(out.Answers, func(a variantAnswer) float64 {
			if q.First {
				return a.First
			}
			return a.Error
		}, func(a *variantAnswer, n int) { a.ErrorRank = n })
		all = append(all, out)
	}
	return all, nil
}

// answer of a variant; false while not all of it is done.
func (w *ablation) answer(v variant, tasks []scene.Task) (a variantAnswer, ok bool, err error) {
	a = variantAnswer{Variant: v.Name, Recipe: v.Recipe.String(), Paper: v.Paper}
	part := 1 / float64(len(tasks))
	for _, t := range tasks {
		x := taskAnswer{Task: t.Name}
		rates := make([]eval.Rate, len(w.Settings))
		for seed := range uint64(w.Seeds) {
			line, ok := w.done.get(ablatedKey(ablated{Recipe: a.Recipe, Seed: seed + 1, Task: t.Name}))
			if !ok {
				return a, false, nil
			}
			s := seedAnswer{Seed: seed + 1, Steps: line.Steps, Seconds: line.Seconds, Held: line.Held}
			for k, setting := range w.Settings {
				r, err := w.episodes(v.Recipe, seed+1, t.Name, setting)
				if err != nil || r.Attempts < w.Episodes {
					return a, false, err
				}
				s.Successes = append(s.Successes, r.Successes)
				rates[k].Successes, rates[k].Attempts = rates[k].Successes+r.Successes, rates[k].Attempts+r.Attempts
			}
			x.Seeds = append(x.Seeds, s)
			n := float64(w.Seeds)
			x.Error, x.First, x.Mean = x.Error+line.Held.Error/n, x.First+line.Held.First/n, x.Mean+line.Held.Mean/n
			x.ShuffledImages, x.Directions = x.ShuffledImages+line.Held.ShuffledImages/n, x.Directions+line.Held.Directions/n
		}
		for k, setting := range w.Settings {
			low, high := rates[k].Wilson()
			x.Settings = append(x.Settings, rateAnswer{setting, rates[k].Successes, rates[k].Attempts, low, high})
		}
		a.Tasks = append(a.Tasks, x)
		a.Success += part * rates[0].Value()
		a.Error += part * x.Error
		a.First += part * x.First
	}
	return a, true, nil
}

// rank numbers answers by what is least; equals share a number.
func rank(answers []variantAnswer, by func(variantAnswer) float64, set func(*variantAnswer, int)) {
	order := make([]int, len(answers))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(by(answers[i]), by(answers[j])) })
	for n, i := range order {
		place := n + 1
		for m := n; m > 0 && by(answers[order[m-1]]) == by(answers[i]); m-- {
			place = m
		}
		set(&answers[i], place)
	}
}

// report writes the tables, and shows them when all is done.
func (w *ablation) report(a *app, last bool) error {
	all, err := w.answers()
	if err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(w.Out, "results.json"), all); err != nil {
		return err
	}
	text := w.markdown(all)
	if err := os.WriteFile(filepath.Join(w.Out, "results.md"), text, 0o666); err != nil {
		return err
	}
	if !last {
		return nil
	}
	if w.Readme != "" {
		if err := updateReadme(w.Readme, map[string]string{"ablation": string(text)}); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(a.stdout, "%s\nwritten to %s and results.json\n", text, filepath.Join(w.Out, "results.md"))
	return err
}

// markdown is a table a question.
func (w *ablation) markdown(all []answered) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Every policy: %s, %s of training in steps of %d, patches of %d px; %d demonstrations a task at most; %d trainings of each, %d episodes of each task and training, 95 %% intervals (Wilson) over all of these together.\n",
		w.Preset, w.budget(), w.Batch, w.Patch, w.Collect, w.Seeds, w.Episodes)
	fmt.Fprintln(&b, "Error: of what the policy says freely to demonstrations it never saw, in radians and in parts of the mean action's; x: how many times as large with exchanged images.")
	for i, q := range all {
		if len(q.Answers) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n**%s.** Paper: %s.\n\n", w.questions[i].Title, q.Source)
		head := []string{"", "paper", "steps"}
		for _, t := range q.Answers[0].Tasks {
			for _, s := range t.Settings {
				head = append(head, t.Task+", "+s.Setting)
			}
			head = append(head, "error")
		}
		head = append(head, "rank by success", "rank by error")
		if w.questions[i].First {
			head[len(head)-1] += " of the first step"
		}
		tableRow(&b, head)
		tableRow(&b, slices.Repeat([]string{"---"}, len(head)))
		for _, a := range q.Answers {
			cells := []string{a.Variant, a.Paper, a.steps()}
			for _, t := range a.Tasks {
				for _, s := range t.Settings {
					cells = append(cells, eval.Rate{Successes: s.Successes, Attempts: s.Attempts}.String())
				}
				cell := fmt.Sprintf("%.4f rad, %.0f %%, x %.2f", t.Error, 100*t.Error/t.Mean, t.ShuffledImages/t.Error)
				if w.questions[i].First {
					cell += fmt.Sprintf("; first step %.4f rad", t.First)
				}
				if w.questions[i].Mobile {
					cell += fmt.Sprintf("; %.0f %% of the directions right", 100*t.Directions)
				}
				cells = append(cells, cell)
			}
			tableRow(&b, append(cells, fmt.Sprint(a.SuccessRank), fmt.Sprint(a.ErrorRank)))
		}
	}
	return b.Bytes()
}

// steps of a variant's trainings: with a budget of time, what costs more learns in fewer.
func (a variantAnswer) steps() string {
	low, high := math.MaxInt, 0
	for _, t := range a.Tasks {
		for _, s := range t.Seeds {
			low, high = min(low, s.Steps), max(high, s.Steps)
		}
	}
	if low == high {
		return fmt.Sprint(low)
	}
	return fmt.Sprintf("%d–%d", low, high)
}

func tableRow(b *bytes.Buffer, cells []string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}
