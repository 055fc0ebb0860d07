package main

import (
	"context"
	"math"
	"testing"
	"time"

	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
)

// says is a policy that always says one number.
type says struct {
	number float64
	resets int
	closed bool
}

func (s *says) Manifest() checkpoint.Manifest { return checkpoint.Manifest{Kind: "says"} }
func (s *says) Warm(context.Context) error    { return nil }
func (s *says) Reset()                        { s.resets++ }
func (s *says) Close() error                  { s.closed = true; return nil }
func (s *says) Act(_ context.Context, _ model.Observation, emit func(int, []float64, []uint32)) (model.Action, error) {
	step, tokens := []float64{s.number}, []uint32{7}
	if emit != nil {
		emit(0, step, tokens)
	}
	return model.Action{Steps: [][]float64{step}, Tokens: [][]uint32{tokens}}, nil
}

func TestTheExpertActsForALearner(t *testing.T) {
	learner, teacher := &says{number: 1}, &says{number: 2}
	p := &guidedPolicy{Policy: learner, expert: teacher, by: takeover{Rate: 0.3, Hold: time.Second, Seed: 5}}
	if m := p.Manifest(); m.Kind != "says" || !m.NeedsGroundTruth {
		t.Errorf("manifest %+v", m)
	}
	start := time.Unix(100, 0)
	expert, switches, last := 0, 0, 1.0
	const decisions = 4000
	for i := range decisions {
		var emitted []uint32
		a, err := p.Act(context.Background(), model.Observation{Stamp: start.Add(time.Duration(i) * 250 * time.Millisecond)}, func(_ int, _ []float64, tokens []uint32) { emitted = tokens })
		if err != nil {
			t.Fatal(err)
		}
		who := a.Steps[0][0]
		if who == 2 {
			expert++
		}
		if (who == 1) != (a.Tokens != nil) || (who == 1) != (emitted != nil) {
			t.Fatalf("decision %d of %v: tokens %v, emitted %v: only the learner's are its own", i, who, a.Tokens, emitted)
		}
		if who != last && i%4 != 0 {
			t.Fatalf("decision %d: they change places within a second", i)
		}
		if who != last {
			switches++
		}
		last = who
	}
	if part := float64(expert) / decisions; math.Abs(part-0.3) > 0.04 || switches < 300 {
		t.Errorf("the expert made %.2f of the decisions in %d stretches, wanted 0.3", part, switches/2)
	}
	p.Reset()
	if err := p.Close(); err != nil || !learner.closed || !teacher.closed || learner.resets != 1 || teacher.resets != 1 {
		t.Error(err, learner, teacher)
	}
}
