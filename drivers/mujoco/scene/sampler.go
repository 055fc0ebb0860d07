package scene

import (
	"fmt"
	"math"
	"math/rand/v2"
)

const degree = math.Pi / 180

// The room (all chosen). The table's top is as high as the arms' mounts; its
// near edge is 1.35 m ahead of the world's origin.
const (
	tableHeight = 0.70
	tableEdge   = 1.35 // x of the near edge
	tableDepth  = 0.70
	tableWidth  = 1.40
	// workX is base_link's x in tasks without driving: the base's front is 13 cm
	// short of the edge, and the edge 23 cm before the arms' mounts.
	workX = tableEdge - 0.48
	// mountX and mountY are where the factory robot's arms stand in base_link.
	mountX, mountY = 0.25, 0.25
)

// room is the empty room with its table, the robot at the table with its arms
// raised, or, for a mobile task, on its way there with its arms folded.
func room(task string, seed uint64) Scene {
	return Scene{
		Task:  task,
		Seed:  seed,
		Robot: Start{X: workX},
		Ready: true,
		Tables: []Table{{
			Name: "table", X: tableEdge + tableDepth/2, Y: 0, Depth: tableDepth, Width: tableWidth,
			Height: tableHeight, Color: [3]float64{0.72, 0.54, 0.36},
		}},
		Look: DefaultLook(),
		Film: Film{Eye: [3]float64{0.72, -3.10, 1.70}, Target: [3]float64{0.84, 0, 0.63}, FovY: 41 * degree},
	}
}

// closeUp is the film camera of tasks at the table.
func closeUp(s Scene) Scene {
	s.Film = Film{Eye: [3]float64{tableEdge + 1.05, -0.95, 1.50}, Target: [3]float64{tableEdge - 0.10, 0, 0.78}, FovY: 41 * degree}
	return s
}

// ahead is a place on the table, x before the arms' mounts and y to the left of the robot's middle.
func ahead(x, y float64) (float64, float64) { return workX + mountX + x, y }

// draw is the seeded source of a sampler.
type draw struct {
	rng  *rand.Rand
	part float64 // of every range
}

// streams of random numbers, so that one thing's variation does not shift another's.
const (
	placeStream   = 0x5ce7e
	clutterStream = 0xc1077
	lightStream   = 0x11947
	textureStream = 0x7e370
	heightStream  = 0x4e194
	cameraStream  = 0xca3e2
	wordsStream   = 0x30d5
)

func newDraw(seed, stream uint64, part float64) draw {
	return draw{rand.New(rand.NewPCG(seed, stream)), part}
}

// within is uniform over ±r.
func (d draw) within(r float64) float64 { return (2*d.rng.Float64() - 1) * r * d.part }

// between is uniform over low..high.
func (d draw) between(low, high float64) float64 {
	return (low+high)/2 + d.within((high-low)/2)
}

// side is +1 or -1: left or right of the robot; left in the middle of all ranges.
func (d draw) side() float64 {
	if d.part == 0 || d.rng.Uint64()&1 == 0 {
		return 1
	}
	return -1
}

// start varies a mobile task's start.
func (d draw) start(s Start) Start {
	return Start{X: s.X + d.within(0.10), Y: s.Y + d.within(0.10), Yaw: s.Yaw + d.within(10*degree)}
}

// attempts bounds how often a sampler draws again before it takes the middle of every range.
const attempts = 200

// sample draws until place gives objects that keep clear of each other. place
// must succeed in the middle of its ranges.
func sample(seed uint64, part float64, place func(d draw) Scene) Scene {
	d := newDraw(seed, placeStream, part)
	for range attempts {
		if s := place(d); s.Apart(0.01) == nil {
			return s
		}
	}
	return place(newDraw(seed, placeStream, 0))
}

// Footprint is the radius of the circle around an object's outline from above [m].
func (o Object) Footprint() float64 {
	size := o.Filled().Size
	switch o.Kind {
	case Block, Basket, Cabinet:
		return math.Hypot(size[0], size[1]) / 2
	case Pot:
		return size[0]/2 + PotKnob + 0.02
	}
	if o.Pose.Tilt() > 45*degree { // lies
		return math.Hypot(size[0], size[2]) / 2
	}
	return size[0] / 2
}

// Apart says which two objects are nearer than clearance [m], if any are.
func (s Scene) Apart(clearance float64) error {
	for i, a := range s.Objects {
		for _, b := range s.Objects[:i] {
			p, q := a.Pose.Position, b.Pose.Position
			gap := math.Hypot(p[0]-q[0], p[1]-q[1]) - a.Footprint() - b.Footprint()
			if gap < clearance && !flatApart(a, b, clearance) {
				return fmt.Errorf("scene: the %s and the %s are %.3f m apart: nearer than %.3f m", b.Name, a.Name, gap, clearance)
			}
		}
	}
	return nil
}

// flatApart says whether two upright boxes that are turned little keep clear, where their circles do not.
func flatApart(a, b Object, clearance float64) bool {
	half := func(o Object) (x, y float64) {
		size := o.Filled().Size
		s, c := math.Sincos(o.Pose.Yaw())
		s, c = math.Abs(s), math.Abs(c)
		if o.Kind != Block && o.Kind != Basket && o.Kind != Cabinet {
			r := o.Footprint()
			return r, r
		}
		x, y = (size[0]*c+size[1]*s)/2, (size[0]*s+size[1]*c)/2
		if o.Kind == Cabinet {
			x += o.Open + 0.05 // an open drawer and its handle, counted on both sides
		}
		return x, y
	}
	ax, ay := half(a)
	bx, by := half(b)
	p, q := a.Pose.Position, b.Pose.Position
	return math.Abs(p[0]-q[0]) > ax+bx+clearance || math.Abs(p[1]-q[1]) > ay+by+clearance
}
