package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
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

	// Where the expert feels and moves more than the learner does: what it felt, and which of its numbers are the learner's.
	felt  *feelings
	moves []int
}

// guided is a learner that an expert relieves. felt is the expert's proprioception, for a learner of fewer joints.
func guided(learner, teacher model.Policy, by takeover, felt *feelings) (*guidedPolicy, error) {
	p := &guidedPolicy{Policy: learner, expert: teacher, by: by}
	own, whole := learner.Manifest(), teacher.Manifest()
	if own.Action.Period != whole.Action.Period || own.Action.Mode != whole.Action.Mode || own.Action.Chunk > whole.Action.Chunk {
		return nil, fmt.Errorf("--takeover %g: policy %s does %d %s steps of %g s, the expert %d %s ones of %g s: it can't act in its place; leave it out",
			by.Rate, own.Kind, own.Action.Chunk, own.Action.Mode, own.Action.Period, whole.Action.Chunk, whole.Action.Mode, whole.Action.Period)
	}
	if slices.Equal(own.Proprioception, whole.Proprioception) && slices.Equal(own.Action.Names, whole.Action.Names) {
		return p, nil
	}
	p.felt = felt
	for _, name := range own.Action.Names {
		i := slices.Index(whole.Action.Names, name)
		if i < 0 {
			return nil, fmt.Errorf("--takeover %g: policy %s moves %s, the expert does not: it can't act in its place; leave it out", by.Rate, own.Kind, name)
		}
		p.moves = append(p.moves, i)
	}
	return p, nil
}

// feelings are the newest states that somebody felt.
type feelings struct {
	mu   sync.Mutex
	last []feeling // the oldest first
}

type feeling struct {
	at    time.Time
	state []float64
}

// felt states that are remembered: the newest second of them at 100 Hz.
const remembered = 128

func (f *feelings) add(at time.Time, state []float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last = append(f.last, feeling{at, slices.Clone(state)}); len(f.last) > remembered {
		f.last = slices.Delete(f.last, 0, len(f.last)-remembered)
	}
}

// before is the newest state from before t: those of t itself may be on their way.
func (f *feelings) before(t time.Time) []float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range slices.Backward(f.last) {
		if x.at.Before(t) {
			return x.state
		}
	}
	return nil
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
	if p.felt != nil {
		if obs.State = p.felt.before(obs.Stamp); obs.State == nil {
			return p.Policy.Act(ctx, obs, emit)
		}
		obs.Bins = nil
	}
	a, err := p.expert.Act(ctx, obs, nil)
	a.Tokens = nil // they are not the learner's
	if p.moves != nil {
		a.Steps = a.Steps[:min(len(a.Steps), p.Policy.Manifest().Action.Chunk)]
	}
	for k, step := range a.Steps {
		if p.moves != nil {
			a.Steps[k] = pick(step, p.moves)
		}
		if emit != nil {
			emit(k, a.Steps[k], nil)
		}
	}
	return a, err
}

func (p *guidedPolicy) Close() error { return errors.Join(p.Policy.Close(), p.expert.Close()) }
