package token

import (
	"errors"
	"fmt"
	"math"

	"cobot_vla/calibration"
)

// ErrNotANumber is wrapped when a value to be tokenised is NaN or infinite.
var ErrNotANumber = errors.New("not a finite number")

// State bins proprioception: (x - mean)/(std + 1e-5)/3, three standard deviations to the range's end.
// values are SI in the statistics' order; the digits are 1..Bins.
func (t *Tokenizer) State(s calibration.Statistics, values []float64) ([]uint16, error) {
	if len(values) != len(s.Mean) {
		return nil, fmt.Errorf("token: %d state values, the statistics have %d", len(values), len(s.Mean))
	}
	digits := make([]uint16, len(values))
	for i, v := range values {
		x, err := normalState(s, i, v)
		if err != nil {
			return nil, err
		}
		digits[i] = t.Digit(x)
	}
	return digits, nil
}

// NormalState is the proprioception as it is before it is binned, appended to dst: within -1..1, as its bins are.
func NormalState(dst []float32, s calibration.Statistics, values []float64) ([]float32, error) {
	if len(values) != len(s.Mean) {
		return dst, fmt.Errorf("token: %d state values, the statistics have %d", len(values), len(s.Mean))
	}
	for i, v := range values {
		x, err := normalState(s, i, v)
		if err != nil {
			return dst, err
		}
		dst = append(dst, float32(min(max(x, -1), 1)))
	}
	return dst, nil
}

func normalState(s calibration.Statistics, i int, v float64) (float64, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("token: state %s is %g: %w; its sensor is faulty or silent", label(s.StateNames, i), v, ErrNotANumber)
	}
	return (v - s.Mean[i]) / (s.Std[i] + 1e-5) / 3, nil
}

// IDs are the tokens of digits.
func (t *Tokenizer) IDs(digits []uint16) []uint32 {
	ids := make([]uint32, len(digits))
	for i, d := range digits {
		ids[i] = t.ID(d)
	}
	return ids
}

// Step encodes one step of an action: SI values to ids, by minimum and maximum
// per dimension. Values outside take the ends.
func (t *Tokenizer) Step(s calibration.Statistics, values []float64) ([]uint32, error) {
	if len(values) != len(s.ActMin) {
		return nil, fmt.Errorf("token: %d action values, the statistics have %d", len(values), len(s.ActMin))
	}
	ids := make([]uint32, len(values))
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("token: action %s is %g: %w", label(s.ActionNames, i), v, ErrNotANumber)
		}
		ids[i] = t.Encode(Normalise(s, i, v))
	}
	return ids, nil
}

// Values decodes one step of an action: ids to SI values, bin centres.
func (t *Tokenizer) Values(s calibration.Statistics, ids []uint32) ([]float64, error) {
	if len(ids) != len(s.ActMin) {
		return nil, fmt.Errorf("token: %d action tokens, the statistics have %d", len(ids), len(s.ActMin))
	}
	values := make([]float64, len(ids))
	for i, id := range ids {
		values[i] = Denormalise(s, i, t.Decode(id))
	}
	return values, nil
}

// Normalise brings dimension i of an action from SI to -1..1.
func Normalise(s calibration.Statistics, i int, v float64) float64 {
	return (v-s.ActMin[i])/(s.ActMax[i]-s.ActMin[i])*2 - 1
}

// Denormalise brings dimension i of an action from -1..1 to SI.
func Denormalise(s calibration.Statistics, i int, x float64) float64 {
	return float64((x+1)/2*(s.ActMax[i]-s.ActMin[i])) + s.ActMin[i]
}

func label(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprint(i)
}
