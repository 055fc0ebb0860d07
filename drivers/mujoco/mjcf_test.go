package mujoco

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"cobot_vla/calibration"
	"cobot_vla/drivers/mujoco/scene"
)

func testConfig(t testing.TB, task string) Config {
	t.Helper()
	found, err := scene.ByName(task)
	if err != nil {
		t.Fatal(err)
	}
	return DefaultConfig(calibration.Default(), found.Scene(1, scene.Variation{Clutter: 4}))
}

// TestNothingButContact: the scenes of all tasks are well-formed, and hold
// nothing together that friction and joints don't.
func TestNothingButContact(t *testing.T) {
	for _, task := range scene.Tasks() {
		model, err := Model(testConfig(t, task.Name))
		if err != nil {
			t.Fatal(err)
		}
		decoder := xml.NewDecoder(strings.NewReader(model))
		tags, depth := map[string]int{}, 0
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: the model is no XML: %v", task.Name, err)
			}
			switch e := token.(type) {
			case xml.StartElement:
				tags[e.Name.Local]++
				depth++
				for _, a := range e.Attr {
					if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
						t.Errorf("%s: <%s %s=%q>", task.Name, e.Name.Local, a.Name.Local, a.Value)
					}
					if a.Name.Local == "mocap" || a.Name.Local == "gravcomp" {
						t.Errorf("%s: <%s> has %s", task.Name, e.Name.Local, a.Name.Local)
					}
				}
			case xml.EndElement:
				depth--
			}
		}
		for _, tag := range []string{"equality", "weld", "connect", "adhesion", "keyframe"} {
			if tags[tag] > 0 {
				t.Errorf("%s: the model has %d <%s>", task.Name, tags[tag], tag)
			}
		}
		// 12 arm joints, 4 fingers, 2 wheels, and a motor for each arm joint, gripper and wheel.
		if tags["motor"] != 16 || tags["freejoint"] != 1 || tags["camera"] != 4 {
			t.Errorf("%s: %d motors, %d freejoints, %d cameras; want 16, 1, 4", task.Name, tags["motor"], tags["freejoint"], tags["camera"])
		}
	}
}

func TestVariationChangesNothingButItsNumbers(t *testing.T) {
	cfg := testConfig(t, "fetch_bottle")
	model := func(seed uint64, variation float64) string {
		cfg.Seed, cfg.Variation = seed, variation
		text, err := Model(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if model(1, 0) != model(2, 0) {
		t.Error("without variation the seed changes the model")
	}
	if once, again := model(1, 0.2), model(1, 0.2); once != again {
		t.Error("a seed gives two models")
	}
	if model(1, 0.2) == model(2, 0.2) || model(1, 0.2) == model(1, 0) {
		t.Error("variation changes nothing")
	}
}

func TestConfigRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*Config)
		want  string
	}{
		{"no robot", func(c *Config) { c.Robot = calibration.Robot{} }, "no arms"},
		{"five joints", func(c *Config) { c.Robot.Arms[0].Joints = c.Robot.Arms[0].Joints[:5] }, "5 joints"},
		{"limits crossed", func(c *Config) { c.Robot.Arms[0].Joints[2].Lower = 1 }, "left_joint3"},
		{"two left arms", func(c *Config) { c.Robot.Arms[1].Side = "left" }, "both arms are left"},
		{"an arm elsewhere", func(c *Config) { c.Robot.Arms[1].Side = "middle" }, "left or right"},
		{"no stroke", func(c *Config) { c.Robot.Arms[0].Gripper.Stroke = 0 }, "stroke"},
		{"tool beyond the fingers", func(c *Config) { c.Robot.Arms[0].Gripper.TCP = 0.2 }, "tcp"},
		{"no track", func(c *Config) { c.Robot.Base.Track = 0 }, "track"},
		{"camera without a lens", func(c *Config) { c.Robot.Cameras[0].FY = 0 }, "front"},
		{"timestep", func(c *Config) { c.Timestep = 10e6 }, "timestep"},
		{"variation", func(c *Config) { c.Variation = 2 }, "variation"},
		{"samples", func(c *Config) { c.Render.Samples = 3 }, "samples"},
		{"film camera", func(c *Config) { c.Scene.Film.FovY = 0 }, "film"},
		{"start of no arm", func(c *Config) { c.Start = map[string][6]float64{"middle": {}} }, "middle"},
		{"size of no camera", func(c *Config) { c.Render.Sizes = map[string]Size{"rear": {64, 48}} }, "rear"},
		{"size too large", func(c *Config) { c.Render.Sizes = map[string]Size{"front": {6400, 48}} }, "1280x960"},
		{"scene", func(c *Config) { c.Scene.Objects[0].Name = "" }, "no name"},
	} {
		cfg := testConfig(t, "fetch_bottle")
		c.spoil(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
	}
}

// TestLinksAreBodies: moved to the centre of mass, every inertia is one that a body can have.
func TestLinksAreBodies(t *testing.T) {
	for i, l := range append(armLinks[:], fingerLink) {
		d := l.aboutCenter()
		for k := range d {
			if d[k] <= 0 || d[k] > d[(k+1)%3]+d[(k+2)%3] {
				t.Errorf("link %d: inertia %v about its centre breaks the triangle inequality", i, d)
			}
		}
	}
}

func TestLookAt(t *testing.T) {
	for _, c := range [][2][3]float64{{{0, -3, 2}, {0, 0, 1}}, {{1, 2, 3}, {-1, 0, 0.5}}, {{0, 0, 2}, {0, 0, 0}}} {
		right, up := lookAt(c[0], c[1])
		dot, length := 0.0, [2]float64{}
		for i := range right {
			dot += right[i] * up[i]
			length[0] += right[i] * right[i]
			length[1] += up[i] * up[i]
		}
		if math.Abs(dot) > 1e-12 || math.Abs(length[0]-1) > 1e-12 || math.Abs(length[1]-1) > 1e-12 || up[2] < -1e-12 {
			t.Errorf("from %v to %v: right %v, up %v", c[0], c[1], right, up)
		}
	}
}

// TestFilmShowsRobotAndTable: the room's camera sees the whole robot and the whole table from their first places on.
func TestFilmShowsRobotAndTable(t *testing.T) {
	for _, task := range scene.Tasks() {
		if !task.Mobile {
			continue // those at the table have a closer film
		}
		s := task.Sample(1, 0)
		l := filmLens(s.Film.FovY)
		right, up := lookAt(s.Film.Eye, s.Film.Target)
		forward := [3]float64{up[1]*right[2] - up[2]*right[1], up[2]*right[0] - up[0]*right[2], up[0]*right[1] - up[1]*right[0]}
		dot := func(a, b [3]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }
		table := s.Tables[0]
		points := [][3]float64{{s.Robot.X - 0.35, -0.25, 0}, {s.Robot.X - 0.35, 0.25, 0}, {s.Robot.X - 0.1, 0, 1.4}, {s.Robot.X + 0.1, 0, 1.4}}
		for _, sx := range []float64{-0.5, 0.5} {
			for _, sy := range []float64{-0.5, 0.5} {
				points = append(points, [3]float64{table.X + sx*table.Depth, table.Y + sy*table.Width, table.Height}, [3]float64{table.X + sx*table.Depth, table.Y + sy*table.Width, 0})
			}
		}
		for _, p := range points {
			d := [3]float64{p[0] - s.Film.Eye[0], p[1] - s.Film.Eye[1], p[2] - s.Film.Eye[2]}
			u, v := l.cx+l.f*dot(d, right)/dot(d, forward), l.cy-l.f*dot(d, up)/dot(d, forward)
			if dot(d, forward) <= 0 || u < 0 || v < 0 || u > float64(l.width-1) || v > float64(l.height-1) {
				t.Errorf("%s: the point %.2f is at pixel (%.0f, %.0f) of %dx%d", task.Name, p, u, v, l.width, l.height)
			}
		}
	}
}
