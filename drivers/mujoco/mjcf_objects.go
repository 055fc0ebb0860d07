package mujoco

import (
	"math"

	"cobot_vla/drivers/mujoco/scene"
)

// feetHeight lifts every object on small balls: a ball on a table's top is one
// exact contact, where a cylinder or a box on a box is a search for one. They
// make standing things stand still and cost little.
const feetHeight = 0.003

// objectFriction is sliding friction of objects on tops and on each other (chosen: wood and plastic).
const objectFriction = 0.6

// object builds one thing.
func (b *builder) object(o scene.Object) {
	o.Mass = b.vary(o.Mass)
	switch o.Kind {
	case scene.Bottle:
		b.bottle(o)
	case scene.Cup:
		b.vessel(o, 0.62, 0.003, []float64{0, 1}, []float64{0.62, 1}) // so conical that another goes in
	case scene.Bowl:
		b.vessel(o, 0.75, 0.008, []float64{0, 1}, []float64{0.75, 1}) // its wall is thick enough to be felt between fingers
	case scene.Block:
		b.block(o)
	case scene.Basket:
		b.basket(o)
	case scene.Bell:
		b.bell(o)
	case scene.Pot:
		b.pot(o)
	case scene.Cabinet:
		b.cabinet(o)
	}
}

// free begins a body that moves freely. A little damping stops what rolls, as felt and air do (chosen).
func (b *builder) free(o scene.Object, com, inertia [3]float64) *element {
	body := b.world.body(o.Name, o.Pose.Position, wxyz(o.Pose.Orientation))
	body.add("joint", text("name", o.Name), text("type", "free"), number("damping", 2e-4))
	body.inertial(o.Mass, com, inertia)
	return body
}

// wxyz turns ROS's order of a quaternion into MuJoCo's.
func wxyz(q [4]float64) [4]float64 { return [4]float64{q[3], q[0], q[1], q[2]} }

// felt appends a geom of an object's hull.
func (b *builder) felt(body *element, kind string, attributes ...attribute) {
	body.hull(kind, roomBit, roomBit, append(attributes, number("condim", 3), nums("friction", b.vary(objectFriction), 0.005, 0.0001))...)
}

// feet puts n small balls on a circle under a body.
func (b *builder) feet(body *element, n int, radius float64) {
	for i := range n {
		s, c := math.Sincos(2 * math.Pi * (float64(i) + 0.5) / float64(n))
		b.felt(body, "sphere", number("size", feetHeight), nums("pos", radius*c, radius*s, feetHeight))
	}
}

// bottle stands on a ring; its body and neck are capsules, which a flat pad meets along a line.
func (b *builder) bottle(o scene.Object) {
	r, h := o.Size[0]/2, o.Size[2]
	body := b.free(o, [3]float64{0, 0, 0.40 * h}, cylinderInertia(o.Mass, r, 0.8*h))
	b.feet(body, 6, 0.85*r)
	b.felt(body, "capsule", number("size", r), nums("fromto", 0, 0, r+0.0015, 0, 0, 0.76*h-0.8*r))
	b.felt(body, "capsule", number("size", 0.42*r), nums("fromto", 0, 0, 0.6*h, 0, 0, h-0.42*r))

	mesh := b.lathe(o.Name, [][2]float64{
		{0, 0}, {0.90 * r, 0}, {r, 0.03 * h}, {r, 0.56 * h}, {0.96 * r, 0.62 * h}, {0.80 * r, 0.70 * h},
		{0.52 * r, 0.77 * h}, {0.42 * r, 0.81 * h}, {0.40 * r, 0.90 * h}, {0, 0.90 * h},
	})
	body.shape("mesh", nil, [3]float64{}, o.Color, "plastic", text("mesh", mesh))
	body.shape("cylinder", []float64{1.01 * r, 0.13 * h}, [3]float64{0, 0, 0.33 * h}, white, "matte")
	body.shape("cylinder", []float64{1.015 * r, 0.015 * h}, [3]float64{0, 0, 0.41 * h}, shade(o.Color, 1.25), "matte")
	body.shape("cylinder", []float64{0.46 * r, 0.05 * h}, [3]float64{0, 0, 0.95 * h}, [3]float64{0.92, 0.92, 0.90}, "plastic")
}

// vessel is a cup or a bowl: a turned wall, felt as eight staves and a bottom.
// base is the radius of the bottom as a part of the rim's, heights and radii
// are the outer profile as parts of the height and of the rim's radius.
func (b *builder) vessel(o scene.Object, base, wall float64, heights, radii []float64) {
	r, h := o.Size[0]/2, o.Size[2]
	body := b.free(o, [3]float64{0, 0, 0.42 * h}, cylinderInertia(o.Mass, 0.85*r, h))
	b.feet(body, 6, 0.85*base*r)
	b.felt(body, "cylinder", nums("size", base*r, 0.002), nums("pos", 0, 0, feetHeight+0.001))
	b.staves(body, 8, base*r, r, feetHeight, h, wall)

	var profile [][2]float64
	profile = append(profile, [2]float64{0, 0})
	for i := range heights {
		profile = append(profile, [2]float64{radii[i] * r, heights[i] * h})
	}
	for i := len(heights) - 1; i >= 0; i-- {
		z := math.Max(heights[i]*h, 0.004)
		profile = append(profile, [2]float64{radii[i]*r - wall, z})
	}
	profile = append(profile, [2]float64{0, 0.004})
	body.shape("mesh", nil, [3]float64{}, o.Color, "plastic", text("mesh", b.lathe(o.Name, profile)))
}

// staves are n boards around an axis: a wall from radius low at z0 to radius high at z1.
func (b *builder) staves(body *element, n int, low, high, z0, z1, wall float64) {
	lean := math.Atan2(high-low, z1-z0)
	length := math.Hypot(high-low, z1-z0)
	mid := (low + high) / 2
	for i := range n {
		a := 2 * math.Pi * float64(i) / float64(n)
		s, c := math.Sincos(a)
		b.felt(body, "box", nums("size", wall/2, (mid+0.002)*math.Tan(math.Pi/float64(n)), length/2),
			nums("pos", (mid-wall/2)*c, (mid-wall/2)*s, (z0+z1)/2), quat("quat", quaternion([3]float64{0, lean, a})))
	}
}

// block is a box on four small balls at its corners, which stand out by a
// millimetre: MuJoCo's contacts of a box lying on a box can throw it into the air.
func (b *builder) block(o scene.Object) {
	const gap = 0.001
	half := [3]float64{o.Size[0] / 2, o.Size[1] / 2, o.Size[2] / 2}
	body := b.free(o, [3]float64{0, 0, half[2]}, boxInertia(o.Mass, o.Size))
	for _, sx := range []float64{-1, 1} {
		for _, sy := range []float64{-1, 1} {
			b.felt(body, "sphere", number("size", feetHeight), nums("pos", sx*(half[0]-feetHeight), sy*(half[1]-feetHeight), feetHeight))
		}
	}
	b.felt(body, "box", nums("size", half[0], half[1], half[2]-gap/2), nums("pos", 0, 0, half[2]+gap/2))
	body.shape("box", half[:], [3]float64{0, 0, half[2]}, o.Color, "matte")
	body.shape("box", []float64{half[0] * 0.7, half[1] * 0.7, half[2] + 0.0004}, [3]float64{0, 0, half[2]}, shade(o.Color, 1.2), "matte")
}

// basket is an open box of thin walls.
func (b *builder) basket(o scene.Object) {
	const wall = 0.004
	x, y, h := o.Size[0]/2, o.Size[1]/2, o.Size[2]
	body := b.free(o, [3]float64{0, 0, 0.35 * h}, boxInertia(o.Mass, o.Size))
	for _, sx := range []float64{-1, 1} {
		for _, sy := range []float64{-1, 1} {
			b.felt(body, "sphere", number("size", feetHeight), nums("pos", sx*(x-0.01), sy*(y-0.01), feetHeight))
		}
	}
	b.board(body, [3]float64{x, y, wall / 2}, [3]float64{0, 0, feetHeight + wall/2}, o.Color)
	for _, s := range []float64{-1, 1} {
		b.board(body, [3]float64{wall / 2, y, h / 2}, [3]float64{s * (x - wall/2), 0, h/2 + feetHeight}, o.Color)
		b.board(body, [3]float64{x, wall / 2, h / 2}, [3]float64{0, s * (y - wall/2), h/2 + feetHeight}, o.Color)
		// Woven bands, seen only.
		for i := range 3 {
			z := feetHeight + h*(0.25+0.25*float64(i))
			body.shape("box", []float64{0.0008, y, h * 0.05}, [3]float64{s * (x + 0.0004), 0, z}, shade(o.Color, 0.78), "matte")
			body.shape("box", []float64{x, 0.0008, h * 0.05}, [3]float64{0, s * (y + 0.0004), z}, shade(o.Color, 0.78), "matte")
		}
	}
}

// board is a box that is felt and seen.
func (b *builder) board(body *element, half, pos, c [3]float64) {
	b.felt(body, "box", vec("size", half), vec("pos", pos))
	body.shape("box", half[:], pos, c, "matte")
}

// bell is a heavy foot, a dome, and a button on a spring.
func (b *builder) bell(o scene.Object) {
	r, h := o.Size[0]/2, o.Size[2]
	body := b.free(o, [3]float64{0, 0, 0.2 * h}, cylinderInertia(o.Mass, 0.8*r, 0.5*h))
	b.feet(body, 6, 0.85*r)
	b.felt(body, "cylinder", nums("size", r, 0.005), nums("pos", 0, 0, feetHeight+0.005))
	b.felt(body, "cylinder", nums("size", 0.85*r, 0.3*h), nums("pos", 0, 0, 0.42*h))
	body.shape("cylinder", []float64{r, 0.006}, [3]float64{0, 0, 0.006}, dark, "metal")
	dome := b.lathe(o.Name, [][2]float64{
		{0, 0.15 * h}, {0.90 * r, 0.15 * h}, {0.90 * r, 0.22 * h}, {0.84 * r, 0.42 * h}, {0.66 * r, 0.60 * h}, {0.40 * r, 0.72 * h}, {0, 0.77 * h},
	})
	body.shape("mesh", nil, [3]float64{}, o.Color, "metal", text("mesh", dome))

	button := body.body(o.Name+"_button", [3]float64{0, 0, h}, [4]float64{1, 0, 0, 0})
	button.inertial(0.01, [3]float64{0, 0, -0.005}, [3]float64{1e-6, 1e-6, 1e-6})
	// 1 N to begin, 2.5 N at the bottom (chosen: a desk bell's).
	button.add("joint", text("name", o.Name+"_button"), text("type", "slide"), nums("axis", 0, 0, -1), text("limited", "true"),
		nums("range", 0, scene.BellTravel), number("stiffness", 250), number("springref", -0.004), number("damping", 1), number("armature", 0.02), nums("solreflimit", 0.005, 1))
	knob := 0.4 * r // a wide one, as for a game show
	b.felt(button, "cylinder", nums("size", knob, 0.004), nums("pos", 0, 0, -0.004))
	button.shape("cylinder", []float64{knob, 0.004}, [3]float64{0, 0, -0.004}, silver, "metal")
	button.shape("cylinder", []float64{0.004, 0.010}, [3]float64{0, 0, -0.016}, silver, "metal")
	b.contact.add("exclude", text("body1", o.Name), text("body2", o.Name+"_button"))
}

// pot is a vessel with an upright knob on each side, which stands on an arm from the wall.
func (b *builder) pot(o scene.Object) {
	const knob = scene.KnobWidth / 2
	r, h := o.Size[0]/2, o.Size[2]
	b.vessel(o, 0.96, 0.004, []float64{0, 0.05, 1}, []float64{0.93, 0.97, 1})
	body := b.world.children[len(b.world.children)-1]
	for _, s := range []float64{-1, 1} {
		y := s * (r + scene.PotKnob)
		foot, top := [3]float64{0, y, 0.55 * h}, [3]float64{0, y, h + scene.KnobRise - knob}
		b.felt(body, "capsule", number("size", knob), nums("fromto", foot[0], foot[1], foot[2], top[0], top[1], top[2]))
		body.bar("capsule", foot, top, knob, dark, "plastic")
		b.board(body, [3]float64{0.012, (scene.PotKnob - 0.5*knob) / 2, 0.005}, [3]float64{0, s * (r + (scene.PotKnob-0.5*knob)/2), 0.6 * h}, dark)
	}
}

// cabinet is a fixed case and a drawer that slides out of its front.
func (b *builder) cabinet(o scene.Object) {
	const wall, gap = 0.010, 0.003
	x, y, h := o.Size[0]/2, o.Size[1]/2, o.Size[2]
	body := b.world.body(o.Name, o.Pose.Position, wxyz(o.Pose.Orientation))
	b.board(body, [3]float64{x, y, wall / 2}, [3]float64{0, 0, wall / 2}, o.Color)
	b.board(body, [3]float64{x, y, wall / 2}, [3]float64{0, 0, h - wall/2}, o.Color)
	b.board(body, [3]float64{wall / 2, y, h / 2}, [3]float64{x - wall/2, 0, h / 2}, o.Color)
	for _, s := range []float64{-1, 1} {
		b.board(body, [3]float64{x, wall / 2, h / 2}, [3]float64{0, s * (y - wall/2), h / 2}, o.Color)
	}

	// The drawer's frame is the middle of its front, the handle's the middle of its bar.
	name := o.Name + "_drawer"
	drawer := body.body(name, [3]float64{-x, 0, h / 2}, [4]float64{1, 0, 0, 0})
	high, side := h/2-wall-gap, y-wall-gap
	drawer.inertial(0.8, [3]float64{x, 0, -0.3 * high}, boxInertia(0.8, [3]float64{2 * x, 2 * side, high}))
	// Slides with 0.8 N of dry friction and stops softly (chosen). Its start is the joint's value, not the body's place.
	drawer.add("joint", text("name", name), text("type", "slide"), nums("axis", -1, 0, 0), text("limited", "true"),
		nums("range", 0, 2*x*scene.DrawerTravel), number("damping", 4), number("frictionloss", 0.8))
	light := shade(o.Color, 1.3)
	b.board(drawer, [3]float64{wall / 2, side, high}, [3]float64{wall / 2, 0, 0}, light)
	b.board(drawer, [3]float64{wall / 2, side, high * 0.8}, [3]float64{2*x - 2*wall, 0, -0.2 * high}, light)
	b.board(drawer, [3]float64{x - wall, side, wall / 2}, [3]float64{x - wall/2, 0, -high + wall/2}, light)
	for _, s := range []float64{-1, 1} {
		b.board(drawer, [3]float64{x - wall, wall / 2, high * 0.8}, [3]float64{x - wall/2, s * (side - wall/2), -0.2 * high}, light)
	}
	b.contact.add("exclude", text("body1", o.Name), text("body2", name))

	// A bar to close a gripper on, its fingers above and below: 6.5 cm before the front, 12 mm thick (chosen).
	const out = 0.065
	b.felt(drawer, "capsule", number("size", 0.006), nums("fromto", -out, -0.05, 0, -out, 0.05, 0))
	drawer.bar("capsule", [3]float64{-out, -0.05, 0}, [3]float64{-out, 0.05, 0}, 0.006, silver, "metal")
	for _, s := range []float64{-0.05, 0.05} {
		drawer.bar("capsule", [3]float64{0, s, 0}, [3]float64{-out, s, 0}, 0.005, silver, "metal")
	}
	drawer.body(o.Name+"_handle", [3]float64{-out, 0, 0}, [4]float64{1, 0, 0, 0})
}

// lathe turns a profile of (radius, height), from the axis below to the axis
// above, outer side first, into a mesh and returns its name.
func (b *builder) lathe(name string, profile [][2]float64) string {
	const steps = 32
	var vertices, faces []float64
	ring := make([]int, len(profile)) // first vertex of each point of the profile
	for i, p := range profile {
		ring[i] = len(vertices) / 3
		if p[0] == 0 {
			vertices = append(vertices, 0, 0, p[1])
			continue
		}
		for k := range steps {
			s, c := math.Sincos(2 * math.Pi * float64(k) / steps)
			vertices = append(vertices, p[0]*c, p[0]*s, p[1])
		}
	}
	at := func(i, k int) float64 {
		if profile[i][0] == 0 {
			return float64(ring[i])
		}
		return float64(ring[i] + k%steps)
	}
	for i := 0; i+1 < len(profile); i++ {
		for k := range steps {
			if profile[i][0] != 0 {
				faces = append(faces, at(i, k), at(i, k+1), at(i+1, k))
			}
			if profile[i+1][0] != 0 {
				faces = append(faces, at(i, k+1), at(i+1, k+1), at(i+1, k))
			}
		}
	}
	mesh := "turned_" + name
	b.asset.add("mesh", text("name", mesh), nums("vertex", vertices...), nums("face", faces...))
	return mesh
}
