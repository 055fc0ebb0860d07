package llavavla

import (
	"context"
	"errors"
	"fmt"
	"math"

	"cobot_vla/model"
	"cobot_vla/model/nn/cpu"
)

// Accuracy is how far a precision's actions are from those in f32.
type Accuracy struct {
	Precision cpu.Precision `json:"precision"`
	// Observations compared, and the tokens of their actions.
	Observations int `json:"observations"`
	Tokens       int `json:"tokens"`
	// Equal is the share of tokens that are the same. Each answer goes on from its
	// own tokens, so that one difference may bring others.
	Equal float64 `json:"equal"`
	// Bins is the root mean square difference of manipulation tokens.
	Bins float64 `json:"bins_rms"`
	// Worst difference of one value, by action name, in the robot's units.
	Worst map[string]float64 `json:"worst"`
	// RMS difference of values, by action name, in the robot's units.
	RMS map[string]float64 `json:"rms"`
	// Decisions that differ: to drive instead of to manipulate, or another direction.
	Decisions int `json:"decisions_differ"`
}

// CompareWithF32 lets a checkpoint act on the same observations in f32 and in
// each of the precisions.
func CompareWithF32(ctx context.Context, dir string, c Config, precisions []cpu.Precision, observations []model.Observation) ([]Accuracy, error) {
	act := func(precision cpu.Precision) (actions []model.Action, names []string, err error) {
		config := c
		config.CPU.Precision, config.CPU.Packed = precision, ""
		p, err := Open(dir, config)
		if err != nil {
			return nil, nil, err
		}
		defer func() { err = errors.Join(err, p.Close()) }()
		for i, obs := range observations {
			p.Reset()
			a, err := p.Act(ctx, obs, nil)
			if err != nil {
				return nil, nil, fmt.Errorf("observation %d in %s: %w", i, precision, err)
			}
			actions = append(actions, a)
		}
		return actions, p.manifest.Action.Names, nil
	}
	want, names, err := act(cpu.F32)
	if err != nil {
		return nil, err
	}
	var rows []Accuracy
	for _, precision := range precisions {
		got, _, err := act(precision)
		if err != nil {
			return nil, err
		}
		rows = append(rows, compare(precision, names, got, want))
	}
	return rows, nil
}

func compare(precision cpu.Precision, names []string, got, want []model.Action) Accuracy {
	a := Accuracy{Precision: precision, Observations: len(want), Worst: map[string]float64{}, RMS: map[string]float64{}}
	equal, values := 0, 0
	bins := 0.0
	same := func(x, y uint32) {
		a.Tokens++
		if x == y {
			equal++
		}
	}
	for i, w := range want {
		g := got[i]
		if (w.Navigation == nil) != (g.Navigation == nil) || w.Navigation != nil && w.Navigation.Direction != g.Navigation.Direction {
			a.Decisions++
		}
		if w.Navigation != nil && g.Navigation != nil {
			same(g.Navigation.DirectionToken, w.Navigation.DirectionToken)
			same(g.Navigation.ValueToken, w.Navigation.ValueToken)
		}
		for k := range min(len(w.Steps), len(g.Steps)) {
			for d, name := range names {
				same(g.Tokens[k][d], w.Tokens[k][d])
				difference := float64(g.Tokens[k][d]) - float64(w.Tokens[k][d])
				bins += difference * difference
				difference = math.Abs(g.Steps[k][d] - w.Steps[k][d])
				a.Worst[name] = max(a.Worst[name], difference)
				a.RMS[name] += difference * difference
			}
			values++
		}
	}
	a.Equal = float64(equal) / float64(max(a.Tokens, 1))
	a.Bins = math.Sqrt(bins / float64(max(values*len(names), 1)))
	for name, square := range a.RMS {
		a.RMS[name] = math.Sqrt(square / float64(values))
	}
	return a
}
