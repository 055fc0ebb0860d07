package scene

import (
	"math"
	"math/rand/v2"
)

const degree = math.Pi / 180

// The room (all chosen). The table's top is as high as the arms' mounts, so
// that a bottle is grasped from the side with the elbow up; its near edge is
// 1.35 m before base_link, 1.00 m before the base's front.
const (
	tableHeight = 0.70
	tableEdge   = 1.35 // x of the near edge
	tableDepth  = 0.70
	tableWidth  = 1.40
	// workX is base_link's x in tasks without driving: what lies 15 cm behind the edge is then 0.45 m before the arms' mounts, where a gripper reaches the top pointing down.
	workX = tableEdge - 0.55
)

// room is the empty room with its table, the robot 1 m before it.
func room(task string, seed uint64) Scene {
	return Scene{
		Task: task,
		Seed: seed,
		Tables: []Table{{
			Name: "table", X: tableEdge + tableDepth/2, Y: 0, Depth: tableDepth, Width: tableWidth,
			Height: tableHeight, Color: [3]float64{0.72, 0.54, 0.36},
		}},
		Look: DefaultLook(),
		Film: Film{Eye: [3]float64{0.72, -3.10, 1.70}, Target: [3]float64{0.84, 0, 0.63}, FovY: 41 * degree},
	}
}

// clutter are up to four other things at the back of the table, out of the way of the task's object.
func clutter(n int, except ...string) []Object {
	var objects []Object
	for _, o := range []Object{
		{Name: "cup", Kind: Cup, Color: [3]float64{0.90, 0.62, 0.12}, Pose: At(tableEdge+0.42, -0.22, tableHeight)},
		{Name: "bowl", Kind: Bowl, Color: [3]float64{0.30, 0.45, 0.78}, Pose: At(tableEdge+0.38, 0.50, tableHeight)},
		{Name: "block", Kind: Block, Color: [3]float64{0.80, 0.16, 0.14}, Pose: Facing(tableEdge+0.22, -0.30, tableHeight, 0.5)},
		{Name: "basket", Kind: Basket, Color: [3]float64{0.80, 0.70, 0.50}, Pose: At(tableEdge+0.48, -0.50, tableHeight)},
	} {
		if len(objects) >= n {
			break
		}
		if !contains(except, o.Name) {
			objects = append(objects, o)
		}
	}
	return objects
}

// draw is the seeded source of a sampler.
type draw struct{ rng *rand.Rand }

func newDraw(seed uint64) draw { return draw{rand.New(rand.NewPCG(seed, 0x5ce7e))} }

// within is uniform over ±r.
func (d draw) within(r float64) float64 { return (2*d.rng.Float64() - 1) * r }

// start varies a robot's start.
func (d draw) start(s Start, r Ranges) Start {
	return Start{X: s.X + d.within(r.Base), Y: s.Y + d.within(r.Base), Yaw: s.Yaw + d.within(r.Yaw)}
}
