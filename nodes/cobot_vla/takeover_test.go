package main

import (
	"context"
	"math"
	"reflect"
	"slices"
	"strings"
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

// TestTheExpertActsForOneArm: of a chunk the learner's joints and steps are done, decided by what the expert felt before.
func TestTheExpertActsForOneArm(t *testing.T) {
	manifest := func(chunk int, names ...string) checkpoint.Manifest {
		return checkpoint.Manifest{Kind: "moves", Proprioception: names, Action: checkpoint.ActionSpec{Names: names, Mode: "absolute", Chunk: chunk, Period: 0.1}}
	}
	teacher := &mover{manifest: manifest(3, "a", "b", "c"), steps: [][]float64{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}}
	learner := &mover{manifest: manifest(2, "c", "a"), steps: [][]float64{{0, 0}, {0, 0}}}
	var felt feelings
	p, err := guided(learner, teacher, takeover{Rate: 1}, &felt)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Unix(100, 0)
	act := func() [][]float64 {
		t.Helper()
		a, err := p.Act(t.Context(), model.Observation{Stamp: start, State: []float64{3, 1}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return a.Steps
	}
	felt.add(start, []float64{9, 9, 9})
	if got := act(); !reflect.DeepEqual(got, learner.steps) {
		t.Errorf("the expert had felt nothing before, and did %v", got)
	}
	felt = feelings{}
	felt.add(start.Add(-10*time.Millisecond), []float64{1, 2, 3})
	felt.add(start, []float64{9, 9, 9})
	if got := act(); !reflect.DeepEqual(got, [][]float64{{3, 1}, {6, 4}}) {
		t.Errorf("did %v", got)
	}
	if !slices.Equal(teacher.felt, []float64{1, 2, 3}) {
		t.Errorf("the expert felt %v", teacher.felt)
	}
	for range 2 * remembered {
		felt.add(start, nil)
	}
	if len(felt.last) != remembered {
		t.Errorf("%d states are remembered", len(felt.last))
	}

	for _, other := range []checkpoint.Manifest{manifest(2, "d"), manifest(4, "a")} {
		if _, err := guided(&mover{manifest: other}, teacher, takeover{Rate: 1}, &felt); err == nil || !strings.Contains(err.Error(), "can't act in its place") {
			t.Errorf("for a learner of %v in %d steps: %v", other.Action.Names, other.Action.Chunk, err)
		}
	}
}

// mover is a policy that always says the same steps.
type mover struct {
	says
	manifest checkpoint.Manifest
	steps    [][]float64
	felt     []float64
}

func (m *mover) Manifest() checkpoint.Manifest { return m.manifest }
func (m *mover) Act(_ context.Context, obs model.Observation, _ func(int, []float64, []uint32)) (model.Action, error) {
	m.felt = obs.State
	return model.Action{Steps: slices.Clone(m.steps)}, nil
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
