package expert

import (
	"context"
	"path/filepath"
	"testing"

	"cobot_vla/calibration"
	"cobot_vla/model"
	"cobot_vla/model/modeltest"
	"cobot_vla/model/replay"
)

func TestConformance(t *testing.T) {
	p := policy(t)
	w := newToy(t, 3)
	var seen []model.Observation
	for range 14 {
		seen = append(seen, w.observe())
		if _, err := w.run(p, 1); err != nil {
			t.Fatal(err)
		}
	}
	modeltest.Conformance(t, modeltest.Subject{
		Open:         func(t *testing.T) model.Policy { return policy(t) },
		Statistics:   p.Statistics(),
		Robot:        calibration.Default(),
		Observations: seen,
	})
}

// An episode of the expert, saved and played again in the same world, fetches the bottle again.
func TestReplayOfTheExpert(t *testing.T) {
	p := policy(t)
	m := p.Manifest()
	e := replay.Episode{Names: m.Action.Names, Mode: m.Action.Mode, Chunk: m.Action.Chunk, Period: m.Action.Period}
	w := newToy(t, 5)
	for done := false; !done; {
		a, err := p.Act(context.Background(), w.observe(), nil)
		if err != nil {
			t.Fatal(err)
		}
		e.Decisions = append(e.Decisions, replay.Record(a))
		w.apply(a)
		done = a.Done
	}
	dir := filepath.Join(t.TempDir(), "episode")
	if err := replay.Save(dir, m, p.Statistics(), e); err != nil {
		t.Fatal(err)
	}
	again, err := replay.Open(dir, calibration.Default())
	if err != nil {
		t.Fatal(err)
	}
	w = newToy(t, 5)
	for done := false; !done; {
		a, err := again.Act(context.Background(), w.observe(), nil)
		if err != nil {
			t.Fatal(err)
		}
		w.apply(a)
		done = a.Done
	}
	w.fetched(t, true, nil)
}
