package scene

import (
	"fmt"
	"math"
)

// Variation is domain randomisation: what differs between attempts besides the
// places of a task's own objects. Each is a switch of its own; the zero value
// switches all off. The same seed and switches give the same scene, and one
// switch does not change what another draws.
type Variation struct {
	// Clutter is how many other objects stand on the table, 0 to 4. Each costs time in every physics step.
	Clutter int
	// Light varies the lamp's and the room's brightness and colour.
	Light bool
	// Texture varies what table, floor and walls look like.
	Texture Texture
	// TableHeight varies the table's height by ± TableSpread.
	TableHeight bool
	// Camera moves every camera's mount by ± CameraShift and ± CameraTurn.
	Camera bool
	// Wording asks in the words that training data don't have, instead of those it has.
	Wording bool
	// Latency and Dropped vary inference time and lose camera frames. They are
	// the graph's: whoever runs it gives them their effect, a scene knows nothing of them.
	Latency, Dropped bool
}

// Texture is a set of looks.
type Texture uint8

// Plain is the default room. TrainTextures and EvalTextures have no look in common.
const (
	Plain Texture = iota
	TrainTextures
	EvalTextures
)

func (t Texture) String() string {
	switch t {
	case Plain:
		return "plain"
	case TrainTextures:
		return "train"
	case EvalTextures:
		return "eval"
	}
	return fmt.Sprintf("texture %d", t)
}

// ParseTexture reads what String writes.
func ParseTexture(name string) (Texture, error) {
	for _, t := range []Texture{Plain, TrainTextures, EvalTextures} {
		if t.String() == name {
			return t, nil
		}
	}
	return 0, fmt.Errorf("texture %q is none of plain, train, eval", name)
}

// Everything switches all on, as a randomised evaluation does; training data take TrainTextures.
func Everything(t Texture) Variation {
	return Variation{
		Clutter: 3, Light: true, Texture: t, TableHeight: true, Camera: true,
		Wording: t == EvalTextures, Latency: true, Dropped: true,
	}
}

// How far things vary.
const (
	TableSpread = 0.02         // [m]
	CameraShift = 0.008        // [m], each axis
	CameraTurn  = 1.2 * degree // [rad], each axis
)

// Vary applies domain randomisation to a scene as its task sampled it.
func (v Variation) Vary(s Scene) Scene {
	s.Objects = append([]Object(nil), s.Objects...)
	s.Tables = append([]Table(nil), s.Tables...)
	if v.Clutter > 0 {
		v.clutter(&s)
	}
	if v.Light {
		d := newDraw(s.Seed, lightStream, 1)
		s.Look.Brightness = d.between(0.65, 1.25)
		warm := d.within(0.12)
		s.Look.Light = [3]float64{s.Look.Light[0] * (1 + warm), s.Look.Light[1], s.Look.Light[2] * (1 - warm)}
		s.Look.LampX, s.Look.LampY = d.within(1.2), d.within(1.2)
	}
	if v.Texture != Plain {
		v.texture(&s)
	}
	if v.TableHeight {
		d := newDraw(s.Seed, heightStream, 1)
		up := d.within(TableSpread)
		for i := range s.Tables {
			s.Tables[i].Height += up
		}
		for i := range s.Objects {
			s.Objects[i].Pose.Position[2] += up
		}
	}
	if v.Camera {
		d := newDraw(s.Seed, cameraStream, 1)
		s.Cameras = map[string]Shift{}
		for _, name := range []string{"front", "left", "right"} {
			var shift Shift
			for k := range 3 {
				shift.XYZ[k], shift.RPY[k] = d.within(CameraShift), d.within(CameraTurn)
			}
			s.Cameras[name] = shift
		}
	}
	return s
}

// texture draws colours and a pattern for table, floor and sky. The two sets
// share no hue: they alternate round the colour circle.
func (v Variation) texture(s *Scene) {
	d := newDraw(s.Seed, textureStream, 1)
	slice := math.Pi / 6 // of the colour circle
	first := 0.0
	if v.Texture == EvalTextures {
		first = slice
	}
	hue := func() float64 { return 2*slice*float64(d.rng.IntN(6)) + first + d.rng.Float64()*0.8*slice }
	for i := range s.Tables {
		c := colour(hue(), d.between(0.05, 0.45), d.between(0.35, 0.85))
		s.Tables[i].Color = c
		s.Tables[i].Pattern = Pattern(d.rng.IntN(3))
		s.Tables[i].Second = shaded(c, d.between(0.70, 0.90))
	}
	c := colour(hue(), d.between(0, 0.3), d.between(0.3, 0.8))
	s.Look.Floor = [2][3]float64{c, shaded(c, d.between(0.7, 0.95))}
	c = colour(hue(), d.between(0, 0.4), d.between(0.5, 1))
	s.Look.Sky = [2][3]float64{shaded(c, 0.7), c}
}

// colour of a hue [rad], saturation and brightness 0..1.
func colour(hue, saturation, value float64) [3]float64 {
	var c [3]float64
	for i := range c {
		away := math.Abs(math.Mod(hue/(math.Pi/3)+6-2*float64(i)+3, 6) - 3) // 0..3 from the primary
		c[i] = value * (1 - saturation*clamp(away-1, 0, 1))
	}
	return c
}

func shaded(c [3]float64, by float64) [3]float64 {
	return [3]float64{c[0] * by, c[1] * by, c[2] * by}
}

// clutter puts other things on the table, none within reach of what the task needs.
func (v Variation) clutter(s *Scene) {
	d := newDraw(s.Seed, clutterStream, 1)
	kinds := []Kind{Cup, Bowl, Block, Bottle}
	colors := [][3]float64{{0.90, 0.62, 0.12}, {0.55, 0.35, 0.70}, {0.35, 0.62, 0.30}, {0.85, 0.55, 0.60}, {0.55, 0.55, 0.55}}
	for n := range v.Clutter {
		kind := kinds[d.rng.IntN(len(kinds))]
		o := Object{Name: fmt.Sprintf("clutter%d", n+1), Kind: kind, Color: colors[d.rng.IntN(len(colors))]}
		for range attempts {
			// Behind and beside what the arms work on.
			x, y := d.between(0.07, tableDepth-0.08), d.between(-tableWidth/2+0.08, tableWidth/2-0.08)
			if x < 0.33 && math.Abs(y) < 0.46 {
				continue
			}
			o.Pose = Facing(tableEdge+x, y, s.Tables[0].Height, d.within(math.Pi))
			with := Scene{Objects: append(s.Objects[:len(s.Objects):len(s.Objects)], o)}
			if with.Apart(0.03) == nil {
				s.Objects = with.Objects
				break
			}
		}
	}
}
