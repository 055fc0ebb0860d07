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
			one, two := task.Scene(seed, Everything(EvalTextures)), task.Scene(seed, Everything(EvalTextures))
			if !reflect.DeepEqual(one, two) {
				t.Errorf("%s: seed %d gives two scenes", task.Name, seed)
			}
			other := task.Sample(seed+1, 1)
			if reflect.DeepEqual(one.Objects[0].Pose, other.Objects[0].Pose) {
				t.Errorf("%s: seeds %d and %d put the %s at the same place", task.Name, seed, seed+1, one.Objects[0].Name)
			}
		}
	}
}

// TestSamplersKeepTheirRanges draws many scenes of every task, with and without
// domain randomisation: valid, on the table, nothing in anything else.
func TestSamplersKeepTheirRanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		task := rapid.SampledFrom(Tasks()).Draw(t, "task")
		v := Variation{
			Clutter: rapid.IntRange(0, 4).Draw(t, "clutter"), Light: rapid.Bool().Draw(t, "light"),
			Texture:     rapid.SampledFrom([]Texture{Plain, TrainTextures, EvalTextures}).Draw(t, "texture"),
			TableHeight: rapid.Bool().Draw(t, "height"), Camera: rapid.Bool().Draw(t, "camera"),
		}
		seed := rapid.Uint64().Draw(t, "seed")
		plain, s := task.Sample(seed, 1), task.Scene(seed, v)
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		if s.Task != task.Name || s.Seed != seed {
			t.Errorf("the scene is of %q, seed %d; want %q, %d", s.Task, s.Seed, task.Name, seed)
		}
		table := s.Tables[0]
		if up := math.Abs(table.Height - tableHeight); up > TableSpread || up > 0 && !v.TableHeight {
			t.Errorf("the table is %g m high", table.Height)
		}
		for i, o := range s.Objects {
			p := o.Pose.Position
			size := o.Filled().Size
			near, across := size[0]/2, size[1]/2
			if o.Pose.Tilt() > 0.1 { // it lies, its length along the table: the underside is a disc on edge
				axis := o.Pose.Rotate([3]float64{0, 0, 1})
				near = size[0]/2*math.Sqrt(1-axis[0]*axis[0]) + max(0, -axis[0])*size[2]
				across = size[1]/2*math.Sqrt(1-axis[1]*axis[1]) + math.Abs(axis[1])*size[2]
			}
			if p[0]-near < table.X-table.Depth/2 || math.Abs(p[1]-table.Y)+across > table.Width/2 {
				t.Errorf("the %s at %v hangs over the table", o.Name, p)
			}
			if i < len(plain.Objects) { // domain randomisation leaves the task's own objects where they are
				q := plain.Objects[i].Pose.Position
				if p[0] != q[0] || p[1] != q[1] || math.Abs(p[2]-table.Height-(q[2]-tableHeight)) > 1e-12 {
					t.Errorf("the %s stands at %v, without variation at %v", o.Name, p, q)
				}
			}
		}
		if err := s.Apart(0.01); err != nil {
			t.Error(err)
		}
		for name, shift := range s.Cameras {
			for k := range 3 {
				if math.Abs(shift.XYZ[k]) > CameraShift || math.Abs(shift.RPY[k]) > CameraTurn {
					t.Errorf("camera %s is moved by %v", name, shift)
				}
			}
		}
	})
}

// TestSwitchesAreApart flips each switch alone: it changes what it is for, and nothing else.
func TestSwitchesAreApart(t *testing.T) {
	all := Everything(TrainTextures)
	full := clickBell().Scene(7, all)
	for _, c := range []struct {
		name string
		off  func(*Variation)
		undo func(s *Scene, plain Scene)
	}{
		{"light", func(v *Variation) { v.Light = false }, func(s *Scene, plain Scene) {
			sky, floor := s.Look.Sky, s.Look.Floor
			s.Look = plain.Look
			s.Look.Sky, s.Look.Floor = sky, floor
		}},
		{"texture", func(v *Variation) { v.Texture = Plain }, func(s *Scene, plain Scene) {
			s.Look.Sky, s.Look.Floor = plain.Look.Sky, plain.Look.Floor
			top := &s.Tables[0]
			top.Color, top.Second, top.Pattern = plain.Tables[0].Color, plain.Tables[0].Second, plain.Tables[0].Pattern
		}},
		{"camera", func(v *Variation) { v.Camera = false }, func(s *Scene, _ Scene) { s.Cameras = nil }},
		{"clutter", func(v *Variation) { v.Clutter = 0 }, func(s *Scene, _ Scene) { s.Objects = s.Objects[:1] }},
	} {
		v := all
		c.off(&v)
		without := clickBell().Scene(7, v)
		if reflect.DeepEqual(without, full) {
			t.Errorf("%s changes nothing", c.name)
		}
		want := clickBell().Scene(7, all)
		c.undo(&want, clickBell().Sample(7, 1))
		if !reflect.DeepEqual(without, want) {
			t.Errorf("without %s the scene is\n%+v\nwant\n%+v", c.name, without, want)
		}
	}
}

// TestTexturesOfTrainingAndEvaluationDiffer looks for a hue of one set in the other.
func TestTexturesOfTrainingAndEvaluationDiffer(t *testing.T) {
	hues := func(texture Texture) (found [12]bool) {
		for seed := range uint64(200) {
			s := clickBell().Scene(seed, Variation{Texture: texture})
			for _, c := range [][3]float64{s.Tables[0].Color, s.Look.Floor[0], s.Look.Sky[1]} {
				high, low := max(c[0], c[1], c[2]), min(c[0], c[1], c[2])
				if high-low < 0.02 {
					continue // grey has none
				}
				found[int(hueOf(c)/(math.Pi/6))%12] = true
			}
		}
		return found
	}
	train, eval := hues(TrainTextures), hues(EvalTextures)
	for k := range train {
		if train[k] && eval[k] {
			t.Errorf("hues around %d° are in both sets", 30*k+15)
		}
	}
	if train == ([12]bool{}) || eval == ([12]bool{}) {
		t.Error("a set has no hues")
	}
}

// hueOf a colour that is not grey [rad].
func hueOf(c [3]float64) float64 {
	var h float64
	high, low := max(c[0], c[1], c[2]), min(c[0], c[1], c[2])
	switch high {
	case c[0]:
		h = (c[1] - c[2]) / (high - low)
	case c[1]:
		h = 2 + (c[2]-c[0])/(high-low)
	default:
		h = 4 + (c[0]-c[1])/(high-low)
	}
	return math.Mod(h*math.Pi/3+2*math.Pi, 2*math.Pi)
}

// TestInstructions are drawn from the right list, and all of them come up.
func TestInstructions(t *testing.T) {
	for _, task := range Tasks() {
		for _, unseen := range []bool{false, true} {
			words := task.Instructions
			if unseen {
				words = task.Unseen
			}
			seen := map[string]bool{}
			for seed := range uint64(200) {
				text := task.Instruction(seed, Variation{Wording: unseen})
				if !contains(words, text) || text != task.Instruction(seed, Variation{Wording: unseen, Light: true}) {
					t.Errorf("%s, unseen %t: %q", task.Name, unseen, text)
				}
				seen[text] = true
			}
			if len(seen) != len(words) {
				t.Errorf("%s, unseen %t: %d of %d wordings come up", task.Name, unseen, len(seen), len(words))
			}
		}
	}
}

func TestValidateNamesTheFault(t *testing.T) {
	good := func() Scene { return fetchBottle().Scene(1, Variation{Clutter: 2}) }
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

// TestArm: the arm of a start is that on the side of the task's thing, both are asked for, and what both arms do is nobody's.
func TestArm(t *testing.T) {
	for _, task := range Tasks() {
		count := map[string]int{}
		for seed := range uint64(40) {
			s := task.Sample(seed, 1)
			arm := task.Arm(s)
			count[arm]++
			o, ok := s.Object(task.Handled)
			if ok == (arm == "") || ok && (o.Pose.Position[1] > 0) != (arm == "left") {
				t.Errorf("%s, seed %d: the %s arm, with the %q at %v", task.Name, seed, arm, task.Handled, o.Pose.Position)
			}
		}
		if task.Handled != "" && (count["left"] < 8 || count["right"] < 8) {
			t.Errorf("%s: %v of 40 starts", task.Name, count)
		}
	}
}
