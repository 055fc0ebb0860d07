package distill

import (
	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
)

// Sequence is a stretch of one demonstration.
type Sequence struct {
	// Observations of its steps; the instruction is that of the first.
	Observations []model.Observation
	// Felt are the states that the network is given in place of the observations', from which actions count: these may be
	// disturbed. nil for the observations' own.
	Felt [][]float64
	// Actions are what was right to do from every step on, as many as are predicted, in the
	// order of the manifest and its units.
	Actions [][][]float64
	// Words say of every step what there is to see: the instruction, the phase, the objects'
	// places. Only the recipe vita-base reads them.
	Words []string
}

// Data is what a recipe learns from.
type Data interface {
	// Sample fills into with sequences of so many steps, and as many actions from each on.
	// They depend on seed, step and the numbers alone.
	Sample(seed, step uint64, steps, actions int, into []Sequence) error
	// Held are sequences that Sample never gives, for the diagnostics; none where there are not enough.
	Held(steps, actions int) ([]Sequence, error)
	// Instructions of all sequences.
	Instructions() []string
	// Vocabulary is text that a tokenizer is learned from: instructions and words.
	Vocabulary() []string
	// Manifest and statistics.yaml that bind what is learned to the robot. Kind, history and
	// selection are the recipe's.
	Binding() (m checkpoint.Manifest, statistics []byte)
}
