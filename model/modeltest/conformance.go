// Package modeltest holds the tests that every model.Policy passes, so that a
// node can treat them alike. A policy's own tests call Conformance.
package modeltest

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"cobot_vla/calibration"
	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/token"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
)

// Subject is a policy under test.
type Subject struct {
	// Open makes a fresh policy; the suite closes it.
	Open func(t *testing.T) model.Policy
	// Statistics in the manifest's order; what the policy's actions are held to.
	Statistics calibration.Statistics
	// Robot the policy is for.
	Robot calibration.Robot
	// Observations of one episode in their order, at least two, which the policy answers without error.
	Observations []model.Observation
}

// Conformance runs every test of the suite.
func Conformance(t *testing.T, s Subject) {
	if len(s.Observations) < 2 {
		t.Fatal("the suite needs at least two observations")
	}
	for name, test := range map[string]func(*testing.T, Subject, model.Policy){
		"FitsItsRobot":           fitsItsRobot,
		"EmitsStepsInOrder":      emitsInOrder,
		"SaysOneThing":           saysOneThing,
		"TokensAreTheValues":     tokensAreTheValues,
		"StaysWithinStatistics":  staysWithinStatistics,
		"DrivesOnlyWhenAsked":    drivesOnlyWhenAsked,
		"ResetStartsAgain":       resetStartsAgain,
		"CancelStops":            cancelStops,
		"ObservationIsUntouched": observationIsUntouched,
		"EmittedStepsAreKept":    emittedStepsAreKept,
		"NeedsWhatItSaysItNeeds": needsWhatItSays,
	} {
		t.Run(name, func(t *testing.T) {
			leaks := goleak.IgnoreCurrent()
			p := s.Open(t)
			if err := p.Warm(context.Background()); err != nil {
				t.Fatal(err)
			}
			test(t, s, p)
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			goleak.VerifyNone(t, leaks)
		})
	}
}

// episode acts on all observations, from a reset.
func episode(t *testing.T, s Subject, p model.Policy, look func(obs model.Observation, a model.Action)) {
	t.Helper()
	p.Reset()
	for i, obs := range s.Observations {
		a, err := p.Act(context.Background(), clone(obs), nil)
		if err != nil {
			t.Fatalf("observation %d: %v", i, err)
		}
		look(obs, a)
	}
}

func fitsItsRobot(t *testing.T, s Subject, p model.Policy) {
	m := p.Manifest()
	if err := m.Validate(); err != nil {
		t.Error(err)
	}
	if err := checkpoint.CheckRobot(m, s.Robot); err != nil {
		t.Error(err)
	}
	if err := checkpoint.CheckStatistics(m, s.Statistics, s.Robot); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(m, p.Manifest()); diff != "" {
		t.Errorf("the manifest changes:\n%s", diff)
	}
}

func emitsInOrder(t *testing.T, s Subject, p model.Policy) {
	p.Reset()
	for i, obs := range s.Observations {
		var values [][]float64
		var ids [][]uint32
		a, err := p.Act(context.Background(), clone(obs), func(step int, v []float64, id []uint32) {
			if step != len(values) {
				t.Errorf("observation %d: step %d emitted after %d others", i, step, len(values))
			}
			values = append(values, slices.Clone(v))
			if id != nil {
				ids = append(ids, slices.Clone(id))
			}
		})
		if err != nil {
			t.Fatalf("observation %d: %v", i, err)
		}
		if diff := cmp.Diff(a.Steps, values, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("observation %d: emitted other steps than returned:\n%s", i, diff)
		}
		if diff := cmp.Diff(a.Tokens, ids, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("observation %d: emitted other tokens than returned:\n%s", i, diff)
		}
	}
}

func saysOneThing(t *testing.T, s Subject, p model.Policy) {
	m := p.Manifest()
	episode(t, s, p, func(_ model.Observation, a model.Action) {
		if a.Navigation != nil {
			if a.Steps != nil || a.Tokens != nil {
				t.Error("drives and manipulates at once")
			}
			return
		}
		if len(a.Steps) != m.Action.Chunk {
			t.Fatalf("%d steps, the manifest's chunk is %d", len(a.Steps), m.Action.Chunk)
		}
		for k, step := range a.Steps {
			if len(step) != len(m.Action.Names) {
				t.Errorf("step %d has %d values for %d names", k, len(step), len(m.Action.Names))
			}
			for i, v := range step {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Errorf("step %d: %s is %g", k, m.Action.Names[i], v)
				}
			}
		}
	})
}

func tokensAreTheValues(t *testing.T, s Subject, p model.Policy) {
	m := p.Manifest()
	if m.ActionTokenTop == 0 {
		episode(t, s, p, func(_ model.Observation, a model.Action) {
			if a.Tokens != nil {
				t.Error("a policy without tokens says some")
			}
		})
		return
	}
	g, err := token.NewGrammar(m, s.Statistics)
	if err != nil {
		t.Fatal(err)
	}
	episode(t, s, p, func(obs model.Observation, a model.Action) {
		ids, mobile := slices.Concat(a.Tokens...), false
		if n := a.Navigation; n != nil {
			ids, mobile = []uint32{n.DirectionToken, n.ValueToken}, true
		}
		said, err := g.Parse(ids, mobile)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(said.Steps, a.Steps); diff != "" {
			t.Errorf("the tokens say other steps:\n%s", diff)
		}
		if diff := cmp.Diff(said.Navigation, a.Navigation); diff != "" {
			t.Errorf("the tokens say another goal:\n%s", diff)
		}
	})
}

func staysWithinStatistics(t *testing.T, s Subject, p model.Policy) {
	m := p.Manifest()
	if m.ActionTokenTop == 0 {
		t.Skip("a policy without tokens is held by the robot's limits alone")
	}
	episode(t, s, p, func(_ model.Observation, a model.Action) {
		for k, step := range a.Steps {
			for i, v := range step {
				if v < s.Statistics.ActMin[i] || v > s.Statistics.ActMax[i] {
					t.Errorf("step %d: %s is %g, the statistics span %g..%g", k, m.Action.Names[i], v, s.Statistics.ActMin[i], s.Statistics.ActMax[i])
				}
			}
		}
		if n := a.Navigation; n != nil {
			limit := m.Navigation.MaxTurn
			if n.Direction == token.Forward {
				limit = m.Navigation.MaxForward
			}
			if n.Direction >= token.Stop || !(n.Value > 0 && n.Value <= limit) {
				t.Errorf("goal %s by %g, the manifest allows 0..%g", token.DirectionName(n.Direction), n.Value, limit)
			}
		}
	})
}

// On the spot a policy manipulates or says why it can't; it never drives.
func drivesOnlyWhenAsked(t *testing.T, s Subject, p model.Policy) {
	p.Reset()
	for i, obs := range s.Observations {
		obs = clone(obs)
		obs.Mobile = false
		a, err := p.Act(context.Background(), obs, nil)
		if err == nil && a.Navigation != nil {
			t.Errorf("observation %d: drives in a task on the spot", i)
		}
	}
}

func resetStartsAgain(t *testing.T, s Subject, p model.Policy) {
	var first []model.Action
	episode(t, s, p, func(_ model.Observation, a model.Action) { first = append(first, a) })
	i := 0
	episode(t, s, p, func(_ model.Observation, a model.Action) {
		if diff := cmp.Diff(first[i], a, cmpopts.IgnoreFields(model.Action{}, "Timings")); diff != "" {
			t.Errorf("observation %d after a reset:\n%s", i, diff)
		}
		i++
	})
	// Also from the middle of an episode.
	p.Reset()
	if _, err := p.Act(context.Background(), clone(s.Observations[0]), nil); err != nil {
		t.Fatal(err)
	}
	p.Reset()
	a, err := p.Act(context.Background(), clone(s.Observations[0]), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first[0], a, cmpopts.IgnoreFields(model.Action{}, "Timings")); diff != "" {
		t.Errorf("after a reset half way:\n%s", diff)
	}
}

func cancelStops(t *testing.T, s Subject, p model.Policy) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	emitted := 0
	_, err := p.Act(ctx, clone(s.Observations[0]), func(int, []float64, []uint32) { emitted++ })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled, and the error is %v", err)
	}
	if emitted > 0 {
		t.Errorf("%d steps emitted after the cancel", emitted)
	}
	if err := p.Warm(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled, and warming says %v", err)
	}
	// Cancelled between two steps: no further one comes, and the whole is not called done.
	p.Reset()
	for _, obs := range s.Observations {
		ctx, cancel := context.WithCancel(context.Background())
		steps := 0
		_, err := p.Act(ctx, clone(obs), func(int, []float64, []uint32) {
			steps++
			cancel()
		})
		cancel()
		if steps > 1 {
			t.Errorf("%d steps emitted, %d of them after the cancel", steps, steps-1)
		}
		if steps == 1 && p.Manifest().Action.Chunk > 1 {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled after the first step, and the error is %v", err)
			}
			break
		}
	}
	// It still works.
	episode(t, s, p, func(model.Observation, model.Action) {})
}

func observationIsUntouched(t *testing.T, s Subject, p model.Policy) {
	p.Reset()
	for i, obs := range s.Observations {
		given := clone(obs)
		if _, err := p.Act(context.Background(), given, nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(obs, given, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("observation %d was changed:\n%s", i, diff)
		}
	}
}

// A node publishes what was emitted without copying it.
func emittedStepsAreKept(t *testing.T, s Subject, p model.Policy) {
	type step struct {
		kept, copied []float64
		ids, idsCopy []uint32
	}
	var steps []step
	p.Reset()
	for _, obs := range s.Observations {
		if _, err := p.Act(context.Background(), clone(obs), func(_ int, v []float64, id []uint32) {
			steps = append(steps, step{v, slices.Clone(v), id, slices.Clone(id)})
		}); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range steps {
		if !slices.Equal(s.kept, s.copied) || !slices.Equal(s.ids, s.idsCopy) {
			t.Fatalf("step %d was changed after it was emitted", i)
		}
	}
}

func needsWhatItSays(t *testing.T, s Subject, p model.Policy) {
	obs := clone(s.Observations[0])
	obs.Truth = nil
	p.Reset()
	_, err := p.Act(context.Background(), obs, nil)
	if needs := p.Manifest().NeedsGroundTruth; needs == (err == nil) {
		t.Errorf("needs_ground_truth is %v, and without it the error is %v", needs, err)
	}
}

func clone(o model.Observation) model.Observation {
	o.Image, o.Views = slices.Clone(o.Image), slices.Clone(o.Views)
	o.State, o.Bins = slices.Clone(o.State), slices.Clone(o.Bins)
	if o.Truth != nil {
		truth := make(map[string]model.Pose, len(o.Truth))
		for k, v := range o.Truth {
			truth[k] = v
		}
		o.Truth = truth
	}
	return o
}
