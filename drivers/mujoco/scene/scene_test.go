package scene

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSameSeedSameScene(t *testing.T) {
	for _, task := range Tasks() {
		for seed := range uint64(5) {
			one, two := task.Sample(seed, DefaultRanges()), task.Sample(seed, DefaultRanges())
			if !reflect.DeepEqual(one, two) {
				t.Errorf("%s: seed %d gives two scenes", task.Name, seed)
			}
			other := task.Sample(seed+1, DefaultRanges())
			if reflect.DeepEqual(one.Objects[0].Pose, other.Objects[0].Pose) {
				t.Errorf("%s: seeds %d and %d put the %s at the same place", task.Name, seed, seed+1, one.Objects[0].Name)
			}
		}
	}
}

// TestSamplersKeepTheirRanges draws many scenes of every task: valid, within the ranges, nothing in anything else.
func TestSamplersKeepTheirRanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		task := rapid.SampledFrom(Tasks()).Draw(t, "task")
		r := Ranges{
			Base: rapid.Float64Range(0, 0.10).Draw(t, "base"), Yaw: rapid.Float64Range(0, 10*degree).Draw(t, "yaw"),
			Object: rapid.Float64Range(0, 0.05).Draw(t, "object"), Clutter: rapid.IntRange(0, 4).Draw(t, "clutter"),
		}
		seed := rapid.Uint64().Draw(t, "seed")
		s, nominal := task.Sample(seed, r), task.Sample(seed, Ranges{Clutter: r.Clutter})
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		if s.Task != task.Name || s.Seed != seed {
			t.Errorf("the scene is of %q, seed %d; want %q, %d", s.Task, s.Seed, task.Name, seed)
		}
		if math.Abs(s.Robot.X-nominal.Robot.X) > r.Base || math.Abs(s.Robot.Y-nominal.Robot.Y) > r.Base || math.Abs(s.Robot.Yaw-nominal.Robot.Yaw) > r.Yaw {
			t.Errorf("the robot starts at %+v, nominally %+v, ranges %+v", s.Robot, nominal.Robot, r)
		}
		table := s.Tables[0]
		for i, o := range s.Objects {
			p, q := o.Pose.Position, nominal.Objects[i].Pose.Position
			if math.Abs(p[0]-q[0]) > r.Object+1e-12 || math.Abs(p[1]-q[1]) > r.Object+1e-12 || p[2] != table.Height {
				t.Errorf("the %s stands at %v, nominally %v, range %g", o.Name, p, q, r.Object)
			}
			size := o.Filled().Size
			if p[0]-size[0]/2 < table.X-table.Depth/2 || math.Abs(p[1]-table.Y)+size[1]/2 > table.Width/2 {
				t.Errorf("the %s at %v hangs over the table", o.Name, p)
			}
			for _, other := range s.Objects[:i] {
				apart := math.Hypot(p[0]-other.Pose.Position[0], p[1]-other.Pose.Position[1])
				if apart < radius(o)+radius(other) {
					t.Errorf("the %s and the %s are %.3f m apart, their circles %.3f m", o.Name, other.Name, apart, radius(o)+radius(other))
				}
			}
		}
	})
}

// radius of the circle around an object's footprint, or nearly: boxes are turned little.
func radius(o Object) float64 {
	size := o.Filled().Size
	return math.Max(size[0], size[1]) / 2
}

func TestValidateNamesTheFault(t *testing.T) {
	good := func() Scene { return fetchBottle().Sample(1, DefaultRanges()) }
	for _, c := range []struct {
		name  string
		spoil func(*Scene)
		want  string
	}{
		{"no name", func(s *Scene) { s.Objects[0].Name = "" }, "no name"},
		{"twice", func(s *Scene) { s.Objects[1].Name = "bottle" }, "unique"},
		{"the robot's name", func(s *Scene) { s.Objects[1].Name = "base_link" }, "robot"},
		{"no kind", func(s *Scene) { s.Objects[0].Kind = 0 }, "Bottle to Cabinet"},
		{"negative size", func(s *Scene) { s.Objects[0].Size = [3]float64{0.1, 0.1, -1} }, "size[2]"},
		{"negative mass", func(s *Scene) { s.Objects[0].Mass = -1 }, "weighs"},
		{"no unit quaternion", func(s *Scene) { s.Objects[0].Pose.Orientation = [4]float64{} }, "unit quaternion"},
		{"flat table", func(s *Scene) { s.Tables[0].Height = 0 }, "table"},
	} {
		s := good()
		c.spoil(&s)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
	}
	s := good()
	if err := s.Validate(); err != nil {
		t.Errorf("a good scene: %v", err)
	}
}

func TestByName(t *testing.T) {
	for _, task := range Tasks() {
		got, err := ByName(task.Name)
		if err != nil || got.Name != task.Name {
			t.Errorf("%s: got %q, %v", task.Name, got.Name, err)
		}
		if len(task.Instructions) == 0 || len(task.Unseen) == 0 || task.Limit <= 0 || task.Steps <= 0 {
			t.Errorf("%s lacks instructions or limits: %+v", task.Name, task)
		}
		for _, unseen := range task.Unseen {
			if contains(task.Instructions, unseen) {
				t.Errorf("%s: %q is both seen and unseen", task.Name, unseen)
			}
		}
	}
	if _, err := ByName("fetch_botle"); err == nil || !strings.Contains(err.Error(), "fetch_bottle") {
		t.Errorf("an unknown task gave %v, want an error that lists the known", err)
	}
}

func TestPoses(t *testing.T) {
	p := Facing(1, 2, 3, 0.5)
	if math.Abs(p.Yaw()-0.5) > 1e-12 || p.Tilt() > 1e-12 {
		t.Errorf("yaw %g, tilt %g; want 0.5, 0", p.Yaw(), p.Tilt())
	}
	got := p.Apply([3]float64{1, 0, 0})
	want := [3]float64{1 + math.Cos(0.5), 2 + math.Sin(0.5), 3}
	for i := range got {
		if math.Abs(got[i]-want[i]) > 1e-12 {
			t.Errorf("applied: %v, want %v", got, want)
		}
	}
	back := p.Local(got)
	for i, x := range [3]float64{1, 0, 0} {
		if math.Abs(back[i]-x) > 1e-12 {
			t.Errorf("and back: %v", back)
		}
	}
	s, c := math.Sincos(0.3 / 2)
	lying := Pose{Orientation: [4]float64{s, 0, 0, c}} // 0.3 rad about x
	if math.Abs(lying.Tilt()-0.3) > 1e-12 {
		t.Errorf("tilt %g, want 0.3", lying.Tilt())
	}
}
