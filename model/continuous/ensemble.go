package continuous

import "math"

// Prediction is one predicted step: six numbers of an arm in -1..1, one of a gripper in 0..1.
type Prediction = [7]float64

// EnsembleDecay of the released evaluations.
const EnsembleDecay = 0.01

// Ensemble averages what several decisions predicted for one time (temporal
// ensembling): the i-th oldest of them weighs exp(-decay i), so the oldest weighs most.
//
// It repeats a quirk of the original: a prediction in which any number is exactly
// zero counts as none, as zero marks an empty place there.
type Ensemble struct {
	decay float64
	past  [][]Prediction // oldest first; past[len-1-k] was made k steps ago
	room  int
}

// NewEnsemble starts an episode.
func NewEnsemble(decay float64) *Ensemble { return &Ensemble{decay: decay} }

// Reset forgets the episode.
func (e *Ensemble) Reset() { e.past, e.room = e.past[:0], 0 }

// Add takes the predictions of this time and those after it, and gives the mean
// of all that were made for this time and how many those are; zeros for none.
func (e *Ensemble) Add(steps []Prediction) (mean Prediction, count int) {
	e.room = max(e.room, len(steps))
	e.past = append(e.past, append([]Prediction(nil), steps...))
	if len(e.past) > e.room {
		e.past = append(e.past[:0], e.past[len(e.past)-e.room:]...)
	}
	total := 0.0
	for i, made := range e.past {
		ago := len(e.past) - 1 - i
		if ago >= len(made) || hasZero(made[ago]) {
			continue
		}
		w := math.Exp(-e.decay * float64(count))
		for k, v := range made[ago] {
			mean[k] += w * v
		}
		total += w
		count++
	}
	for k := range mean {
		if count > 0 {
			mean[k] /= total
		}
	}
	return mean, count
}

func hasZero(p Prediction) bool {
	for _, v := range p {
		if v == 0 {
			return true
		}
	}
	return false
}

// Widen predictions to double precision.
func Widen(steps [][7]float32) []Prediction {
	wide := make([]Prediction, len(steps))
	for i, s := range steps {
		for k, v := range s {
			wide[i][k] = float64(v)
		}
	}
	return wide
}
