package expert

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"
	"cobot_vla/model"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/spatial/r3"
)

func policy(t testing.TB) *Policy {
	t.Helper()
	p, err := New(calibration.Default(), DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fetched checks how a run ended.
func (w *toy) fetched(t *testing.T, done bool, err error) {
	t.Helper()
	if err != nil || !done || w.bottle.P.Z < 0.70+0.12 || len(w.wrong) > 0 || w.nearest.Distance < 0.02 {
		t.Errorf("done %v, error %v, bottle at %.2f m, %d goals, %d chunks, nearest %v, wrong %q",
			done, err, w.bottle.P.Z, w.goals, w.chunks, w.nearest, w.wrong)
	}
}

func TestFetchesFromAnywhere(t *testing.T) {
	p := policy(t)
	goals, chunks := 0, 0
	nearest := math.Inf(1)
	for seed := range uint64(200) {
		w := newToy(t, seed)
		done, err := w.run(p, 80)
		w.fetched(t, done, err)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		goals, chunks, nearest = max(goals, w.goals), max(chunks, w.chunks), min(nearest, w.nearest.Distance)
	}
	t.Logf("at most %d goals and %d chunks; arms, body and table stayed %.3f m apart", goals, chunks, nearest)
}

// Motors that let their joints hang shift the hand by a centimetre; the bottle is fetched all the same.
func TestFetchesWithSaggingArms(t *testing.T) {
	p := policy(t)
	for seed := range uint64(40) {
		w := newToy(t, seed)
		w.sag = []float64{0.006, -0.006}[seed%2]
		done, err := w.run(p, 80)
		w.fetched(t, done, err)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// With inference running beside the motion, a chunk is decided on an old
// observation and its first steps are overdue when it comes.
func TestFetchesWhenChunksComeLate(t *testing.T) {
	p := policy(t)
	for late := 1; late <= 3; late++ {
		for seed := range uint64(30) {
			w := newToy(t, seed)
			w.jump = 0.1 * float64(1+late) // a step that comes late leads as far
			var seen []model.Observation
			done := false
			for range 300 {
				seen = append(seen, w.observe())
				if len(seen) <= late {
					continue
				}
				a, err := p.Act(context.Background(), seen[len(seen)-1-late], nil)
				if err != nil {
					t.Fatal(err)
				}
				if a.Navigation != nil {
					w.drive(*a.Navigation)
					seen = nil
					continue
				}
				if done = a.Done; done {
					break
				}
				w.play(a.Steps[late])
			}
			w.fetched(t, done, nil)
			if t.Failed() {
				t.Fatalf("%d steps late, seed %d", late, seed)
			}
		}
	}
}

// A bottle that slips out of the fingers, or is moved, is fetched again.
func TestFetchesAgain(t *testing.T) {
	p := policy(t)
	for seed := range uint64(40) {
		w := newToy(t, seed)
		if done, err := w.run(p, 80); err != nil || !done {
			t.Fatal(done, err)
		}
		w.drop()
		w.width[0], w.width[1] = min(w.width[0], 0.03), min(w.width[1], 0.03) // the fingers closed on nothing
		switch seed % 3 {
		case 1: // and it was pushed aside a little
			w.bottle.P.X += 0.02
			w.bottle.P.Y -= 0.03
		case 2: // or carried away, so that the robot has to drive again
			w.bottle.P.X += 0.25
			w.bottle.P.Y -= 0.20
		}
		done, err := w.run(p, 120)
		w.fetched(t, done, err)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// A base that is pushed while the arm works sends nobody round in circles.
func TestFetchesThoughPushed(t *testing.T) {
	p := policy(t)
	for seed := range uint64(40) {
		w := newToy(t, seed)
		pushed := 0
		var done bool
		for range 100 {
			var err error
			if done, err = w.run(p, 1); err != nil {
				t.Fatal(err)
			}
			if done {
				break
			}
			clear := min(r3.Norm(r3.Sub(w.tip(0).P, w.bottle.P)), r3.Norm(r3.Sub(w.tip(1).P, w.bottle.P))) > 0.2
			if w.chunks >= 2 && pushed < 1 || clear && w.chunks >= 4 && pushed < 2 {
				pushed++
				w.base[0] -= 0.01
				w.base[1] += 0.01
				w.base[2] += 2 * math.Pi / 180
			}
		}
		w.fetched(t, done, nil)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// What it decides depends on the observation alone.
func TestNothingIsRemembered(t *testing.T) {
	a, b := policy(t), policy(t)
	w := newToy(t, 7)
	for range 30 {
		obs := w.observe()
		got, err := a.Act(context.Background(), obs, nil)
		if err != nil {
			t.Fatal(err)
		}
		b.Reset()
		for range 2 {
			want, err := b.Act(context.Background(), obs, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatal(diff)
			}
		}
		// b sees another world in between.
		if _, err := b.Act(context.Background(), newToy(t, 8).observe(), nil); err != nil {
			t.Fatal(err)
		}
		if got.Navigation != nil {
			w.drive(*got.Navigation)
			continue
		}
		for _, v := range got.Steps {
			w.play(v)
		}
	}
}

func TestActSaysWhyNot(t *testing.T) {
	p := policy(t)
	tests := []struct {
		name   string
		want   error
		text   string
		change func(*model.Observation)
	}{
		{"another task", ErrInstruction, "does not speak of the bottle", func(o *model.Observation) { o.Instruction = "open the drawer" }},
		{"no truth", ErrTruth, "lacks the frame task/NAME", func(o *model.Observation) { o.Truth = nil }},
		{"no bottle", ErrTruth, "lacks the pose of bottle", func(o *model.Observation) { delete(o.Truth, "bottle") }},
		{"truth is nonsense", ErrTruth, "the pose of table holds NaN", func(o *model.Observation) {
			o.Truth["table"] = model.Pose{Position: [3]float64{math.NaN()}}
		}},
		{"fallen", ErrFallen, "it leans 90°", func(o *model.Observation) {
			o.Truth["bottle"] = pose(kinematics.RPY(math.Pi/2, 0, 0))
		}},
		{"no driving", ErrPlace, "the task allows no driving", func(o *model.Observation) { o.Mobile = false }},
		{"under its nose", ErrPlace, "back the robot off", func(o *model.Observation) {
			b := kinematics.Identity()
			b.P = r3.Vec{X: 0.45, Y: 0.25, Z: 0.7}
			o.Truth["base_link"], o.Truth["bottle"] = pose(kinematics.Identity()), pose(b)
		}},
		{"short state", nil, "15 state values, the manifest lists 16", func(o *model.Observation) { o.State = o.State[:15] }},
		{"NaN state", nil, "state left_joint1 is NaN", func(o *model.Observation) { o.State[0] = math.NaN() }},
	}
	for _, tt := range tests {
		obs := newToy(t, 1).observe()
		tt.change(&obs)
		_, err := p.Act(context.Background(), obs, nil)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: error %v lacks %q", tt.name, err, tt.text)
		}
	}
}

// The robot's front may look anywhere at the start, and stand farther than one goal reaches.
func TestDrivesFromFarAway(t *testing.T) {
	p := policy(t)
	for i := range 24 {
		w := newToy(t, uint64(i))
		w.base = [3]float64{-2.5, 0.3, 2 * math.Pi * float64(i) / 24}
		done, err := w.run(p, 80)
		w.fetched(t, done, err)
		if t.Failed() {
			t.Fatalf("heading %.2f", w.base[2])
		}
	}
}

func TestStatisticsFileIsUpToDate(t *testing.T) {
	s, err := Statistics(calibration.Default(), DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	want, err := s.YAML(FileHeader)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("statistics.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("statistics.yaml is not what the code makes (go generate ./model/expert):\n%s", cmp.Diff(string(want), string(got)))
	}
}

func TestHalfBinError(t *testing.T) {
	mm, at, err := HalfBinError(calibration.Default(), DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("half a bin in every joint moves the grasp centre by at most %.2f mm (at %.3f)", mm, at)
	if mm > 5.5 {
		t.Errorf("%.2f mm; grasps forgive 1 cm, half of which is for tokens: narrow the tasks' workspace", mm)
	}
}

// An arm bolted on elsewhere needs other ranges, and says so instead of missing the bottle.
func TestNewRefusesAnotherRobot(t *testing.T) {
	robot := calibration.Default()
	robot.Arms[0].Mount.XYZ[2] = 0.62
	if _, err := New(robot, DefaultConfig()); err == nil || !strings.Contains(err.Error(), "make them for it") {
		t.Errorf("error %v", err)
	}
	robot = calibration.Default()
	robot.Name = "other"
	if _, err := New(robot, DefaultConfig()); err == nil || !strings.Contains(err.Error(), `"other"`) {
		t.Errorf("error %v", err)
	}
	cfg := DefaultConfig()
	cfg.MaxReach = 0.60
	if _, err := New(calibration.Default(), cfg); err == nil {
		t.Error("a wider workspace than the statistics' accepted")
	}
	cfg = DefaultConfig()
	cfg.Lift = math.NaN()
	if _, err := New(calibration.Default(), cfg); err == nil || !strings.Contains(err.Error(), "Lift is NaN") {
		t.Errorf("error %v", err)
	}
}
