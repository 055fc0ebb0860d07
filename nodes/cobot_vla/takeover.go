package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
)

// takeover lets the expert act for a learner now and then: a learner that is left alone may stand still where
// it got stuck, and then its episode is one observation many times over.
type takeover struct {
	// Rate is the part of the time that the expert acts.
	Rate float64
	// Hold is how long it acts at a time.
	Hold time.Duration
	// Seed of this episode's draws: who acts is a function of it and of the time alone.
	Seed uint64
}

// expertActs says who acts, so long after the first observation.
func (t takeover) expertActs(since time.Duration) bool {
	slot := uint64(since / max(t.Hold, time.Millisecond))
	return rand.New(rand.NewPCG(t.Seed, 0x7a4e<<32|slot)).Float64() < t.Rate
}

// guidedPolicy is a learner that an expert relieves.
type guidedPolicy struct {
	model.Policy
	expert model.Policy
	by     takeover
	began  time.Time // stamp of the first observation
}

// Manifest is the learner's; the expert needs the ground truth.
func (p *guidedPolicy) Manifest() checkpoint.Manifest {
	m := p.Policy.Manifest()
	m.NeedsGroundTruth = true
	return m
}

func (p *guidedPolicy) Warm(ctx context.Context) error {
	return errors.Join(p.Policy.Warm(ctx), p.expert.Warm(ctx))
}

func (p *guidedPolicy) Reset() {
	p.Policy.Reset()
	p.expert.Reset()
}

func (p *guidedPolicy) Act(ctx context.Context, obs model.Observation, emit func(int, []float64, []uint32)) (model.Action, error) {
	if p.began.IsZero() {
		p.began = obs.Stamp
	}
	if !p.by.expertActs(obs.Stamp.Sub(p.began)) {
		return p.Policy.Act(ctx, obs, emit)
	}
	a, err := p.expert.Act(ctx, obs, func(k int, values []float64, _ []uint32) {
		if emit != nil {
			emit(k, values, nil)
		}
	})
	a.Tokens = nil // they are not the learner's
	return a, err
}

func (p *guidedPolicy) Close() error { return errors.Join(p.Policy.Close(), p.expert.Close()) }
