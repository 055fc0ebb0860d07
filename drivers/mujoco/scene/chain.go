package scene

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// ErrCrowded: the things of a chain's tasks don't fit on the table together.
var ErrCrowded = errors.New("scene: the things of these tasks do not fit on one table")

const chainStream = 0xc4a1

// Chain is the scene in which tasks are done one after the other, as in CALVIN: the things of all of them stand
// there from the start, each where its task puts it. Tasks must stand at the table, and have no names of things in common.
func Chain(tasks []Task, seed uint64) (Scene, error) {
	var names []string
	rng := rand.New(rand.NewPCG(seed, chainStream))
	for _, t := range tasks {
		names = append(names, t.Name)
		if t.Mobile {
			return Scene{}, fmt.Errorf("scene: %s drives: a chain's tasks are done at the table", t.Name)
		}
	}
	if len(tasks) == 0 {
		return Scene{}, errors.New("scene: a chain of no task")
	}
	for range attempts {
		var s Scene
		for i, t := range tasks {
			one := t.Sample(rng.Uint64()>>1, 1)
			if i == 0 {
				s = one
				continue
			}
			s.Objects = append(s.Objects, one.Objects...)
		}
		s.Task, s.Seed = strings.Join(names, "+"), seed
		if s.Validate() == nil && s.Apart(0.01) == nil {
			return s, nil
		}
	}
	return Scene{}, fmt.Errorf("%w: %s", ErrCrowded, strings.Join(names, ", "))
}

// repeatable are the tasks that can be done again at once: what they want holds for a moment only.
var repeatable = []string{"click_bell"}

// DrawChain chooses n tasks of those, in an order that the seed draws: one more after the other as long as
// their things fit on the table. Where they don't make n, one that can be done again comes again, not right after itself.
func DrawChain(tasks []Task, n int, seed uint64) (chain []Task, room Scene, err error) {
	rng := rand.New(rand.NewPCG(seed, chainStream+1))
	for _, k := range rng.Perm(len(tasks)) {
		if len(chain) == n || tasks[k].Mobile {
			continue
		}
		more := append(chain[:len(chain):len(chain)], tasks[k])
		if s, err := Chain(more, seed); err == nil {
			chain, room = more, s
		}
	}
	for len(chain) < n {
		if !again(&chain, rng) {
			return nil, Scene{}, fmt.Errorf("%w: %d of %d tasks do, %d were asked for", ErrCrowded, len(chain), len(tasks), n)
		}
	}
	return chain, room, nil
}

// again puts a repeatable task of a chain in once more.
func again(chain *[]Task, rng *rand.Rand) bool {
	for _, t := range *chain {
		if !slices.Contains(repeatable, t.Name) {
			continue
		}
		var places []int
		for at := range len(*chain) + 1 {
			before, after := at > 0 && (*chain)[at-1].Name == t.Name, at < len(*chain) && (*chain)[at].Name == t.Name
			if !before && !after {
				places = append(places, at)
			}
		}
		if len(places) > 0 {
			*chain = slices.Insert(*chain, places[rng.IntN(len(places))], t)
			return true
		}
	}
	return false
}
