package continuous

import (
	"fmt"

	"cobot_vla/model/checkpoint"
)

// Selector decides which of the predicted steps are done.
type Selector struct {
	selection string
	ensemble  *Ensemble
}

// NewSelector is for a manifest's selection, of a network that predicts so many steps.
func NewSelector(m checkpoint.Manifest, predictions int) (*Selector, error) {
	s := &Selector{selection: m.Continuous.Selection, ensemble: NewEnsemble(m.Continuous.EnsembleDecay)}
	need := map[string]int{"second": 2, "all": m.Action.Chunk}[s.selection]
	if predictions < max(need, 1) {
		return nil, fmt.Errorf("continuous.selection is %s with an action.chunk of %d; the network predicts %d steps", s.selection, m.Action.Chunk, predictions)
	}
	return s, nil
}

// Reset forgets the episode.
func (s *Selector) Reset() { s.ensemble.Reset() }

// Choose gives the steps that are done, as many as the manifest's chunk, of those predicted
// for now and after.
func (s *Selector) Choose(steps []Prediction, chunk int) []Prediction {
	switch s.selection {
	case "second":
		return steps[1:2]
	case "all":
		return steps[:chunk]
	case "ensemble":
		mean, count := s.ensemble.Add(steps)
		if count == 0 { // every one had an exact zero in it: the newest is better than the middle of every range
			mean = steps[0]
		}
		return []Prediction{mean}
	}
	return steps[:1]
}
