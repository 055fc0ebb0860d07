package main

import (
	"fmt"
	"slices"
	"strings"
)

// recipe is how a policy is made, as far as the paper asks about it.
type recipe struct {
	Image          string // merged or concatenated
	Proprioception string // tokens or mlp
	Navigation     string // direction or values
	Chunk, Bins    int
	// Stages of the training: one (all tasks), two (half of the budget on all, then half on the one), or alone (the
	// one task only).
	Stages string
}

// paperRecipe is LLaVA-VLA's, in one stage: what every variant differs from in one thing.
var paperRecipe = recipe{Image: "merged", Proprioception: "tokens", Navigation: "direction", Chunk: 5, Bins: 256, Stages: "one"}

// prepared names the files that it learns from.
func (r recipe) prepared() string {
	return fmt.Sprintf("%s_%s_%s_chunk%d_bins%d", r.Image, r.Proprioception, r.Navigation, r.Chunk, r.Bins)
}

func (r recipe) String() string { return r.prepared() + "_" + r.Stages }

// variant is an answer to a question, and what the paper measured of it.
type variant struct {
	Name   string
	Recipe recipe
	Paper  string
}

// question is one of the paper's.
type question struct {
	Name, Title string
	// Source is the table of the paper, and what its numbers are.
	Source   string
	Variants []variant
	// First ranks by the error of the first step: chunks of different lengths look ahead differently far.
	First bool
	// Mobile asks about mobile tasks only.
	Mobile bool
}

// questions that can be asked, in the paper's order.
func questions() []question {
	base := func(change func(*recipe)) recipe {
		r := paperRecipe
		change(&r)
		return r
	}
	chunk := func(n int) recipe { return base(func(r *recipe) { r.Chunk = n }) }
	const calvin = "Avg. Len. on CALVIN ABC-D, of 5"
	return []question{
		{Name: "image", Title: "Several views", Source: "Table II, " + calvin, Variants: []variant{
			{"one merged image", paperRecipe, "3.68"},
			{"tokens of every view, concatenated", base(func(r *recipe) { r.Image = "concatenated" }), "1.50"},
		}},
		{Name: "proprioception", Title: "Proprioception", Source: "Table III, " + calvin, Variants: []variant{
			{"tokens", paperRecipe, "3.68"},
			{"MLP", base(func(r *recipe) { r.Proprioception = "mlp" }), "3.09"},
		}},
		{Name: "chunk", Title: "Steps of a chunk", Source: "Table IV, " + calvin, First: true, Variants: []variant{
			{"1", chunk(1), "2.25"}, {"5", paperRecipe, "3.68"}, {"12", chunk(12), "3.35"}, {"20", chunk(20), "0.70"},
		}},
		{Name: "stages", Title: "Stages of training", Source: "Table V, open laptop and lift pot in RoboTwin; its rows are pre-training on other robots and post-training, both before fine-tuning", Variants: []variant{
			{"two: all tasks, then the one", base(func(r *recipe) { r.Stages = "two" }), "38 %, 39 % (pre-training instead: 20 %, 18 %)"},
			{"one: all tasks", paperRecipe, "-"},
			{"one: the task alone", base(func(r *recipe) { r.Stages = "alone" }), "-"},
		}},
		{Name: "bins", Title: "Action bins", Source: "Table IX, " + calvin, Variants: []variant{
			{"256", paperRecipe, "3.68"},
			{"1024", base(func(r *recipe) { r.Bins = 1024 }), "3.65"},
		}},
		{Name: "navigation", Title: "Unified action space", Source: "Table X, move and fetch bottles and move and open the drawer, of 10 each", Mobile: true, Variants: []variant{
			{"direction + value token", paperRecipe, "4, 4"},
			{"value tokens", base(func(r *recipe) { r.Navigation = "values" }), "2, 1"},
		}},
	}
}

// asked are the questions of these names; all without any.
func asked(names []string) ([]question, error) {
	all := questions()
	if len(names) == 0 {
		return all, nil
	}
	var out []question
	for _, name := range names {
		i := slices.IndexFunc(all, func(q question) bool { return q.Name == name })
		if i < 0 {
			var known []string
			for _, q := range all {
				known = append(known, q.Name)
			}
			return nil, fmt.Errorf("--question %q: it is one of %s", name, strings.Join(known, ", "))
		}
		out = append(out, all[i])
	}
	return out, nil
}

// recipesOf are all different recipes of questions.
func recipesOf(qs []question) (all []recipe) {
	for _, q := range qs {
		for _, v := range q.Variants {
			if !slices.Contains(all, v.Recipe) {
				all = append(all, v.Recipe)
			}
		}
	}
	return all
}
