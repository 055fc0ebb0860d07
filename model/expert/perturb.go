package expert

import (
	"math/rand/v2"
	"slices"
)

// Perturbation pushes the robot off its way while demonstrations are recorded, so
// that they show how to come back: what the arms are told is the expert's step
// plus a push, the label is the expert's step without it. The zero value pushes nothing.
//
// Pushes are a function of Seed and the step alone: whoever asks again, or asks
// for chunks that overlap, gets the same.
type Perturbation struct {
	// Seed of this episode's pushes.
	Seed uint64
	// Rate is the part of the steps that are pushed, 0..0.9; start: 0.2 in every other episode.
	Rate float64
	// Size bounds a push of each joint of both arms, uniform over ± Size [rad]; start: 0.03. Grippers are not pushed.
	Size float64
	// Hold is how many steps a push lasts; start: 3, that is 0.3 s.
	Hold int
}

// DefaultPerturbation is what the recorded demonstrations have: every second seed is pushed.
func DefaultPerturbation(seed uint64) Perturbation {
	if seed%2 == 0 {
		return Perturbation{}
	}
	return Perturbation{Seed: seed, Rate: 0.2, Size: 0.03, Hold: 3}
}

// Push is what is added to step k's targets, one value for each of names; all zero between pushes.
func (p Perturbation) Push(k int, names []string) []float64 {
	push := make([]float64, len(names))
	if p.Rate <= 0 || k < 0 {
		return push
	}
	// Time is cut into slots of Hold steps, each pushed or not.
	hold := max(p.Hold, 1)
	rng := rand.New(rand.NewPCG(p.Seed, 0x9e57<<32|uint64(k/hold)))
	if rng.Float64() >= p.Rate {
		return push
	}
	for i, name := range names {
		by := (2*rng.Float64() - 1) * p.Size
		if !slices.Contains(grippers, name) {
			push[i] = by
		}
	}
	return push
}

var grippers = []string{"left_gripper", "right_gripper"}

// Apply is the steps of a chunk as the arms are told them; the chunk's first step is the episode's step first.
func (p Perturbation) Apply(first int, names []string, steps [][]float64) [][]float64 {
	out := make([][]float64, len(steps))
	for k, values := range steps {
		out[k] = p.Push(first+k, names)
		for i, v := range values {
			out[k][i] += v
		}
	}
	return out
}
