package mujoco

import (
	"math/rand/v2"

	"cobot_vla/drivers/mujoco/scene"
)

// Collision groups, as MuJoCo's contype and conaffinity bits: two geoms meet
// when one's type is in the other's affinity. A robot's own links don't meet,
// the two arms do; everything meets the room.
const (
	roomBit  = 1 // floor, tables, objects
	leftBit  = 4 // the left arm from link 3 on
	rightBit = 8
)

// builder writes the model's XML.
type builder struct {
	cfg   Config
	root  *element
	asset *element
	world *element
	// rest of the model
	contact, tendon, actuator *element

	rng    *rand.Rand
	meshes map[string]bool
}

// modelXML is the MJCF text of a robot in its scene.
func modelXML(cfg Config) string {
	b := &builder{cfg: cfg, root: &element{tag: "mujoco"}, meshes: map[string]bool{}}
	b.rng = rand.New(rand.NewPCG(cfg.Seed, 0xf1c710))
	b.root.attributes = []attribute{text("model", "cobot_magic")}
	b.root.add("compiler", text("angle", "radian"), text("convexhull", "false")) // meshes are only seen
	b.root.add("option",
		number("timestep", cfg.Timestep.Seconds()),
		text("integrator", "Euler"),                      // joint damping is implicit in it, which is what the servos stand on
		text("cone", "elliptic"), number("impratio", 10), // stiff friction: what is held does not creep
		text("solver", "Newton"), text("jacobian", "sparse"), number("iterations", 20), number("tolerance", 1e-8))
	b.root.add("size", number("njmax", 1000), number("nconmax", 250)) // ten times what a busy scene has; memory grows with its square
	b.visual()
	b.asset = b.root.add("asset")
	b.world = b.root.add("worldbody")
	b.contact = b.root.add("contact")
	b.tendon = b.root.add("tendon")
	b.actuator = b.root.add("actuator")

	b.room()
	b.robot()
	for _, t := range cfg.Scene.Tables {
		b.table(t)
	}
	for _, o := range cfg.Scene.Objects {
		b.object(o.Filled())
	}
	return b.root.String()
}

// vary multiplies a nominal value by 1 ± Variation.
func (b *builder) vary(nominal float64) float64 {
	return nominal * (1 + b.cfg.Variation*(2*b.rng.Float64()-1))
}

func (b *builder) visual() {
	v := b.root.add("visual")
	v.add("global", number("offwidth", float64(b.cfg.Render.MaxWidth)), number("offheight", float64(b.cfg.Render.MaxHeight)))
	v.add("quality", number("offsamples", float64(b.cfg.Render.Samples)), number("shadowsize", 2048))
	v.add("map", number("znear", 0.01), number("zfar", 30), number("shadowclip", 1.5), number("shadowscale", 0.8))
	dim := brightness(b.cfg.Scene.Look)
	v.add("headlight", nums("ambient", 0.34*dim, 0.34*dim, 0.36*dim), nums("diffuse", 0.28*dim, 0.28*dim, 0.28*dim), nums("specular", 0.05, 0.05, 0.05))
}

// room is the floor, the sky, the lamps and the film camera.
func (b *builder) room() {
	look := b.cfg.Scene.Look
	b.asset.add("texture", text("type", "skybox"), text("builtin", "gradient"), vec("rgb1", look.Sky[0]), vec("rgb2", look.Sky[1]),
		number("width", 64), number("height", 384))
	b.asset.add("texture", text("name", "floor"), text("type", "2d"), text("builtin", "checker"), vec("rgb1", look.Floor[0]), vec("rgb2", look.Floor[1]),
		text("mark", "edge"), nums("markrgb", 0.66, 0.68, 0.70), number("width", 256), number("height", 256))
	b.asset.add("material", text("name", "floor"), text("texture", "floor"), text("texuniform", "true"), nums("texrepeat", 2, 2),
		number("reflectance", 0), number("specular", 0.1), number("shininess", 0.1))
	b.material("plastic", 0.5, 0.6)
	b.material("metal", 0.8, 0.8)
	b.material("matte", 0.1, 0.1)

	b.world.add("geom", text("name", "floor"), text("type", "plane"), nums("size", 0, 0, 0.05), text("material", "floor"),
		number("contype", roomBit), number("conaffinity", roomBit), number("condim", 3), nums("friction", b.vary(1.0), 0.005, 0.0001))
	dim := brightness(look)
	lamp := shade(look.Light, dim)
	b.world.add("light", nums("pos", 0.6+look.LampX, -1.2+look.LampY, 3.2), nums("dir", 0.15-0.3*look.LampX, 0.4-0.3*look.LampY, -1), text("directional", "true"), text("castshadow", "true"),
		vec("diffuse", lamp), nums("specular", 0.25, 0.25, 0.25))
	b.world.add("light", nums("pos", -1.5, 2.5, 2.5), nums("dir", 0.5, -0.6, -0.6), text("directional", "true"), text("castshadow", "false"),
		nums("diffuse", 0.20, 0.21, 0.24), nums("specular", 0, 0, 0))

	film := b.cfg.Scene.Film
	right, up := lookAt(film.Eye, film.Target)
	b.world.add("camera", text("name", FilmCamera), vec("pos", film.Eye),
		nums("xyaxes", right[0], right[1], right[2], up[0], up[1], up[2]), number("fovy", degrees(film.FovY)))
}

// material is how a surface shines; colours come from the geoms.
func (b *builder) material(name string, specular, shininess float64) {
	b.asset.add("material", text("name", name), number("specular", specular), number("shininess", shininess), nums("rgba", 1, 1, 1, 1))
}

// table is a slab and four legs, fixed to the floor.
func (b *builder) table(t scene.Table) {
	const thickness, leg = 0.035, 0.025 // half of a leg's edge; chosen
	tex := "top_" + t.Name
	second := t.Second
	if second == ([3]float64{}) {
		second = shade(t.Color, 0.93)
	}
	top := []attribute{text("name", tex), text("type", "cube"), vec("rgb1", t.Color), number("width", 128), number("height", 128)}
	switch t.Pattern {
	case scene.Checked:
		top = append(top, text("builtin", "checker"), vec("rgb2", second))
	case scene.Graded:
		top = append(top, text("builtin", "gradient"), vec("rgb2", second))
	default:
		top = append(top, text("builtin", "flat"), vec("rgb2", t.Color), text("mark", "random"), number("random", 0.03), vec("markrgb", second))
	}
	b.asset.add("texture", top...)
	b.asset.add("material", text("name", tex), text("texture", tex), number("specular", 0.2), number("shininess", 0.3))
	body := b.world.body(t.Name, [3]float64{t.X, t.Y, t.Height}, quaternion([3]float64{0, 0, t.Yaw}))
	body.add("geom", text("type", "box"), nums("size", t.Depth/2, t.Width/2, thickness/2), nums("pos", 0, 0, -thickness/2),
		text("material", tex), number("contype", roomBit), number("conaffinity", roomBit),
		number("condim", 3), nums("friction", b.vary(0.7), 0.005, 0.0001))
	height := (t.Height - thickness) / 2
	for _, sx := range []float64{-1, 1} {
		for _, sy := range []float64{-1, 1} {
			body.add("geom", text("type", "box"), nums("size", leg, leg, height), text("material", "matte"), nums("rgba", 0.30, 0.30, 0.32, 1),
				nums("pos", sx*(t.Depth/2-leg-0.02), sy*(t.Width/2-leg-0.02), -thickness-height),
				number("contype", roomBit), number("conaffinity", roomBit))
		}
	}
}

// shade multiplies a colour.
func shade(c [3]float64, by float64) [3]float64 {
	for i := range c {
		c[i] = min(c[i]*by, 1)
	}
	return c
}

// brightness of a scene's light.
func brightness(look scene.Look) float64 {
	if look.Brightness == 0 {
		return 1
	}
	return look.Brightness
}
