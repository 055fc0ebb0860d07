// Package scene says what stands where in the simulated world, what the robot
// is asked to do there, and when it has done it. It is pure Go and knows
// nothing of the physics engine: drivers/mujoco builds a Scene, and a Judge
// looks back at the result through View. The simulator's node and the
// evaluation call it.
//
// The world frame lies on the floor, z up. The robot's front looks along x at
// yaw 0. Lengths are metres, angles radians, quaternions x, y, z, w.
package scene

import "fmt"

// Scene is a world at its start.
type Scene struct {
	// Task is the name of the task the scene was sampled for; empty for a scene of one's own.
	Task string
	// Seed the scene was sampled with.
	Seed uint64
	// Robot is where base_link starts.
	Robot Start
	// Ready arms start raised before the robot, motors on, at calibration.Ready; else they rest without power.
	Ready bool
	// Tables stand fixed on the floor.
	Tables []Table
	// Objects, each with a unique name.
	Objects []Object
	// Look is what the world looks like; it changes nothing of the mechanics.
	Look Look
	// Film is the free camera that sees the whole robot and the table.
	Film Film
	// Cameras are moved from where the calibration says, by name.
	Cameras map[string]Shift
}

// Shift moves a camera's mount: added to its xyz [m] and to its roll, pitch and yaw [rad].
type Shift struct{ XYZ, RPY [3]float64 }

// Start is a pose on the floor.
type Start struct{ X, Y, Yaw float64 }

// Table is a slab on four legs, open underneath, fixed to the floor.
type Table struct {
	// Name in contacts and in the ground truth; its frame is the centre of the top.
	Name string
	// X, Y is the centre of the top, Yaw turns it.
	X, Y, Yaw float64
	// Depth along x and Width along y of the top, at Yaw 0.
	Depth, Width float64
	// Height of the top's surface above the floor.
	Height float64
	// Color of the top, red green blue 0..1; Second is the other colour of its pattern, a shade of it when zero.
	Color, Second [3]float64
	// Pattern of the top.
	Pattern Pattern
}

// Pattern is how a top's two colours lie.
type Pattern uint8

// Speckled with points of the second colour, Checked, or Graded from one to the other.
const (
	Speckled Pattern = iota
	Checked
	Graded
)

// Kind of an object: it decides the shape, and what Size means.
type Kind uint8

// The kinds. The frame of each is the centre of its underside, z up, at rest;
// where it has a front, the front looks along -x, towards a robot at yaw 0.
const (
	// Bottle with shoulder, neck and cap. Size: diameter, unused, height.
	Bottle Kind = iota + 1
	// Cup without a handle, open at the top. Size: diameter at the rim, unused, height.
	Cup
	// Bowl, open at the top. Size: diameter at the rim, unused, height.
	Bowl
	// Block, a box. Size: its edges.
	Block
	// Basket, an open box with thin walls. Size: outer edges.
	Basket
	// Bell, a desk bell whose button sinks by up to BellTravel; its joint is <name>_button. Size: diameter, unused, height.
	Bell
	// Pot with two upright knobs at y, PotKnob outside its wall, as handles. Size: diameter, unused, height.
	Pot
	// Cabinet, a fixed box with one drawer that slides to -x by up to DrawerTravel of
	// its depth; its joint and its body are <name>_drawer, the handle's frame <name>_handle. Size: outer edges.
	Cabinet
)

// BellTravel is how far a bell's button sinks [m] (chosen: a desk bell's).
const BellTravel = 0.006

// PotKnob is how far outside the pot's wall the middle of a knob is, KnobWidth its
// diameter and KnobRise how far it stands above the rim [m] (chosen: a hand closes on it from above).
const (
	PotKnob   = 0.035
	KnobWidth = 0.030
	KnobRise  = 0.055
)

// DrawerTravel is the part of a cabinet's depth by which its drawer opens (chosen: two thirds, as drawers do without a second rail).
const DrawerTravel = 0.67

func (k Kind) String() string {
	names := [...]string{"unknown", "bottle", "cup", "bowl", "block", "basket", "bell", "pot", "cabinet"}
	if int(k) >= len(names) {
		return names[0]
	}
	return names[k]
}

// Object is one thing on a table or on the floor.
type Object struct {
	// Name in contacts and in the ground truth.
	Name string
	// Kind decides the shape.
	Kind Kind
	// Pose of its frame, the centre of its underside.
	Pose Pose
	// Size by kind; zero for the kind's default.
	Size [3]float64
	// Mass [kg]; zero for the kind's default.
	Mass float64
	// Color, red green blue 0..1.
	Color [3]float64
	// Open is the start of its joint [m]: how far a drawer is open.
	Open float64
}

// Defaults returns the size [m] and the mass [kg] of an ordinary object of this kind (all chosen).
func (k Kind) Defaults() (size [3]float64, mass float64) {
	switch k {
	case Bottle:
		return [3]float64{0.056, 0.056, 0.18}, 0.20
	case Cup:
		return [3]float64{0.060, 0.060, 0.080}, 0.10
	case Bowl:
		return [3]float64{0.13, 0.13, 0.055}, 0.15
	case Block:
		return [3]float64{0.05, 0.05, 0.05}, 0.08
	case Basket:
		return [3]float64{0.20, 0.22, 0.07}, 0.35
	case Bell:
		return [3]float64{0.11, 0.11, 0.06}, 0.40
	case Pot:
		return [3]float64{0.18, 0.18, 0.08}, 0.50
	case Cabinet:
		return [3]float64{0.22, 0.24, 0.12}, 0
	}
	return [3]float64{}, 0
}

// Filled returns the object with its kind's defaults where it says nothing itself.
func (o Object) Filled() Object {
	size, mass := o.Kind.Defaults()
	if o.Size == ([3]float64{}) {
		o.Size = size
	}
	if o.Mass == 0 {
		o.Mass = mass
	}
	return o
}

// Look is what the world looks like.
type Look struct {
	// Floor are the two colours of its checkers.
	Floor [2][3]float64
	// Sky at the zenith and at the horizon.
	Sky [2][3]float64
	// Light is the colour of the lamp above the table, which stands LampX, LampY [m] from its usual place.
	Light        [3]float64
	LampX, LampY float64
	// Brightness multiplies all light; 0 means 1.
	Brightness float64
}

// DefaultLook is a bright room.
func DefaultLook() Look {
	return Look{
		Floor: [2][3]float64{{0.58, 0.61, 0.65}, {0.50, 0.53, 0.58}},
		Sky:   [2][3]float64{{0.42, 0.60, 0.82}, {0.92, 0.95, 0.98}},
		Light: [3]float64{0.85, 0.83, 0.80},
	}
}

// Film is a camera that stands in the world.
type Film struct {
	// Eye and Target: where it stands and what it looks at.
	Eye, Target [3]float64
	// FovY is the vertical field of view [rad].
	FovY float64
}

// Object returns the object of that name.
func (s Scene) Object(name string) (Object, bool) {
	for _, o := range s.Objects {
		if o.Name == name {
			return o.Filled(), true
		}
	}
	return Object{}, false
}

// Validate says what is wrong with a scene, if anything is.
func (s Scene) Validate() error {
	seen := map[string]string{"floor": "floor", "base_link": "robot"}
	claim := func(name, what string) error {
		if name == "" {
			return fmt.Errorf("scene: a %s has no name: give it one", what)
		}
		if other, taken := seen[name]; taken {
			return fmt.Errorf("scene: %s %q has the name of a %s: names are unique", what, name, other)
		}
		seen[name] = what
		return nil
	}
	for _, t := range s.Tables {
		if err := claim(t.Name, "table"); err != nil {
			return err
		}
		if t.Depth <= 0 || t.Width <= 0 || t.Height <= 0.05 {
			return fmt.Errorf("scene: table %q of %g x %g x %g m: depth and width must be above 0, height above 0.05", t.Name, t.Depth, t.Width, t.Height)
		}
	}
	for _, o := range s.Objects {
		if err := claim(o.Name, o.Kind.String()); err != nil {
			return err
		}
		if o.Kind < Bottle || o.Kind > Cabinet {
			return fmt.Errorf("scene: object %q has kind %d: use Bottle to Cabinet", o.Name, o.Kind)
		}
		filled := o.Filled()
		for i, edge := range filled.Size {
			if edge <= 0 {
				return fmt.Errorf("scene: object %q: size[%d] is %g m: give all three above 0, or none", o.Name, i, edge)
			}
		}
		if filled.Mass <= 0 && o.Kind != Cabinet {
			return fmt.Errorf("scene: object %q weighs %g kg: must be above 0", o.Name, filled.Mass)
		}
		if n := o.Pose.norm(); n < 0.999 || n > 1.001 {
			return fmt.Errorf("scene: object %q: orientation has length %g: must be a unit quaternion x, y, z, w", o.Name, n)
		}
	}
	return nil
}
