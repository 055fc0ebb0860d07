package main

import (
	"context"
	"time"

	"cobot_vla/model"
	"cobot_vla/model/expert"
)

// perturbedPolicy pushes the robot off the way that its policy decides on.
type perturbedPolicy struct {
	model.Policy
	push  expert.Perturbation
	began time.Time // stamp of the first observation: steps count from it
}

// Act tells the arms something else than the policy says; the steps have no tokens then.
func (p *perturbedPolicy) Act(ctx context.Context, obs model.Observation, emit func(int, []float64, []uint32)) (model.Action, error) {
	a, err := p.Policy.Act(ctx, obs, nil)
	if err != nil {
		return a, err
	}
	if p.began.IsZero() {
		p.began = obs.Stamp
	}
	spec := p.Manifest().Action
	period := time.Duration(spec.Period * float64(time.Second))
	if spec.Mode == "absolute" && len(a.Steps) > 0 {
		a.Steps = p.push.Apply(int((obs.Stamp.Sub(p.began)+period/2)/period), spec.Names, a.Steps)
		a.Tokens = nil
	}
	if emit != nil {
		for k, values := range a.Steps {
			var tokens []uint32
			if a.Tokens != nil {
				tokens = a.Tokens[k]
			}
			emit(k, values, tokens)
		}
	}
	return a, nil
}
