package mujoco

import (
	"math"

	"cobot_vla/calibration"
	"cobot_vla/drivers/mujoco/scene"
)

// Colours of the robot.
var (
	dark   = [3]float64{0.16, 0.17, 0.19}
	grey   = [3]float64{0.45, 0.47, 0.50}
	silver = [3]float64{0.66, 0.68, 0.71}
	steel  = [3]float64{0.52, 0.54, 0.57}
	white  = [3]float64{0.90, 0.91, 0.93}
	accent = [3]float64{0.93, 0.42, 0.10}
	rubber = [3]float64{0.12, 0.12, 0.13}
)

// shape appends a geom that is only seen; a mesh has no size.
func (e *element) shape(kind string, size []float64, pos [3]float64, c [3]float64, material string, more ...attribute) {
	if size != nil {
		more = append(more, nums("size", size...))
	}
	e.add("geom", append([]attribute{
		text("type", kind), vec("pos", pos), color(c), text("material", material),
		number("contype", 0), number("conaffinity", 0), number("group", 1),
	}, more...)...)
}

// bar appends a seen capsule or cylinder between two points.
func (e *element) bar(kind string, a, z [3]float64, radius float64, c [3]float64, material string) {
	e.add("geom", text("type", kind), number("size", radius), nums("fromto", a[0], a[1], a[2], z[0], z[1], z[2]), color(c), text("material", material),
		number("contype", 0), number("conaffinity", 0), number("group", 1))
}

// hull appends a geom that is only felt.
func (e *element) hull(kind string, contype, conaffinity int, attributes ...attribute) {
	e.add("geom", append([]attribute{
		text("type", kind), number("contype", float64(contype)), number("conaffinity", float64(conaffinity)), number("group", 4),
	}, attributes...)...)
}

// inertial gives a body its mass.
func (e *element) inertial(mass float64, com, diagonal [3]float64) {
	e.add("inertial", number("mass", mass), vec("pos", com), vec("diaginertia", diagonal))
}

// boxInertia of a box of full edges.
func boxInertia(mass float64, edges [3]float64) [3]float64 {
	x, y, z := edges[0]*edges[0], edges[1]*edges[1], edges[2]*edges[2]
	return [3]float64{mass * (y + z) / 12, mass * (x + z) / 12, mass * (x + y) / 12}
}

// cylinderInertia of an upright cylinder.
func cylinderInertia(mass, radius, height float64) [3]float64 {
	side := mass * (3*radius*radius + height*height) / 12
	return [3]float64{side, side, mass * radius * radius / 2}
}

// robot is the base, the frame on it, and the arms on that.
func (b *builder) robot() {
	start := b.cfg.Scene.Robot
	base := b.world.body(scene.BaseLink, [3]float64{start.X, start.Y, 0}, quaternion([3]float64{0, 0, start.Yaw}))
	base.add("freejoint", text("name", scene.BaseLink))

	// One rigid body: chassis and frame. Its centre of mass lies low, where the batteries are (chosen).
	mass := chassisMass + frameMass
	inertia := boxInertia(mass, [3]float64{chassisLength, chassisWidth, 0.6})
	base.inertial(mass, [3]float64{0, 0, 0.28}, inertia)

	b.chassis(base)
	b.frame(base)
	for _, side := range []struct {
		name string
		y    float64
	}{{"left_wheel", b.cfg.Robot.Base.Track / 2}, {"right_wheel", -b.cfg.Robot.Base.Track / 2}} {
		b.wheel(base, side.name, side.y)
	}
	for _, cam := range b.cfg.Robot.Cameras {
		if cam.Parent == scene.BaseLink {
			b.camera(base, cam)
		}
	}
	for _, arm := range b.cfg.Robot.Arms {
		b.arm(base, arm)
	}
}

// chassis is the Tracer's body and its casters.
func (b *builder) chassis(base *element) {
	const top = chassisHeight
	body := (chassisHeight - chassisClearance) / 2
	base.hull("box", 0, roomBit, nums("size", chassisLength/2, chassisWidth/2, body), nums("pos", 0, 0, chassisClearance+body))
	base.shape("box", []float64{chassisLength/2 - 0.03, chassisWidth / 2, body}, [3]float64{0, 0, chassisClearance + body}, dark, "plastic")
	base.shape("box", []float64{0.03, chassisWidth/2 - 0.03, body - 0.01}, [3]float64{chassisLength/2 - 0.03, 0, chassisClearance + body}, grey, "plastic")
	base.shape("box", []float64{0.03, chassisWidth/2 - 0.03, body - 0.01}, [3]float64{-chassisLength/2 + 0.03, 0, chassisClearance + body}, grey, "plastic")
	base.shape("box", []float64{0.004, 0.16, 0.010}, [3]float64{chassisLength/2 + 0.001, 0, 0.12}, white, "plastic")
	base.shape("box", []float64{chassisLength/2 - 0.05, chassisWidth/2 - 0.04, 0.004}, [3]float64{0, 0, top + 0.004}, steel, "matte")
	// The casters carry and do not steer: balls without friction.
	const radius = 0.03
	for _, x := range []float64{casterFront, casterRear} {
		for _, y := range []float64{-casterSide, casterSide} {
			base.hull("sphere", 0, roomBit, number("size", radius), nums("pos", x, y, radius), number("condim", 1), number("priority", 1))
			base.shape("sphere", []float64{radius}, [3]float64{x, y, radius}, rubber, "matte")
		}
	}
}

// wheel is one driven wheel; it meets the floor as a ball, in one point, so that the track is exact.
func (b *builder) wheel(base *element, name string, y float64) {
	w := base.body(name, [3]float64{0, y, wheelRadius}, [4]float64{1, 0, 0, 0})
	w.inertial(1.5, [3]float64{}, [3]float64{0.0016, 0.0027, 0.0016})
	w.add("joint", text("name", name), text("type", "hinge"), nums("axis", 0, 1, 0), number("armature", wheelServo.armature), number("damping", wheelServo.kd))
	w.hull("sphere", 0, roomBit, number("size", wheelRadius), number("condim", 3), nums("friction", 1.0, 0.005, 0.0001), number("priority", 1),
		nums("solref", 0.008, 1), nums("solimp", 0.99, 0.995, 0.001)) // stiff: softer, it would creep under traction
	w.bar("cylinder", [3]float64{0, -0.025, 0}, [3]float64{0, 0.025, 0}, wheelRadius, rubber, "matte")
	w.bar("cylinder", [3]float64{0, -0.027, 0}, [3]float64{0, 0.027, 0}, wheelRadius*0.6, accent, "metal")
	b.motor(name, "joint")
}

// motor is an actuator whose control is its torque or force; the servos bound it.
func (b *builder) motor(name, on string) {
	b.actuator.add("motor", text("name", name), text(on, name))
}

// frame is the rack on the base: a cabinet, the deck that the arms stand on, and the mast of the front camera.
func (b *builder) frame(base *element) {
	deck, forward, half := 0.70, 0.25, 0.25
	for i, arm := range b.cfg.Robot.Arms {
		p := arm.Mount.XYZ
		if i == 0 {
			deck, forward, half = p[2], p[0], math.Abs(p[1])
		}
		half = math.Max(half, math.Abs(p[1]))
	}
	const top = chassisHeight
	arms := leftBit | rightBit
	// The cabinet: computer and batteries.
	mid := (top + deck - 0.03) / 2
	high := (deck - 0.03 - top) / 2
	base.hull("box", 0, roomBit, nums("size", 0.19, 0.19, high), nums("pos", -0.06, 0, mid))
	base.shape("box", []float64{0.18, 0.18, 0.11}, [3]float64{-0.06, 0, top + 0.12}, dark, "plastic")
	base.shape("box", []float64{0.005, 0.14, 0.08}, [3]float64{0.123, 0, top + 0.12}, grey, "plastic")
	for _, x := range []float64{-0.24, 0.12} {
		for _, y := range []float64{-0.18, 0.18} {
			base.shape("box", []float64{0.02, 0.02, high}, [3]float64{x, y, mid}, silver, "metal")
		}
	}
	for _, z := range []float64{top + 0.26, mid + 0.06} {
		base.shape("box", []float64{0.19, 0.19, 0.008}, [3]float64{-0.06, 0, z}, grey, "metal")
	}
	// The deck, from the cabinet to just before the arms.
	back, front := -0.26, forward+0.07
	base.hull("box", 0, roomBit|arms, nums("size", (front-back)/2, half+0.07, 0.015), nums("pos", (front+back)/2, 0, deck-0.015))
	base.shape("box", []float64{(front - back) / 2, half + 0.07, 0.015}, [3]float64{(front + back) / 2, 0, deck - 0.015}, steel, "matte")
	for _, y := range []float64{-half, half} {
		base.bar("capsule", [3]float64{0.12, 0.18 * y / half, deck - 0.20}, [3]float64{forward, y, deck - 0.03}, 0.014, silver, "metal")
	}
	// What the calibration says the arms must keep away from is there; thin capsules are the mast and its boom.
	for _, o := range b.cfg.Robot.Obstacles {
		base.hull("capsule", 0, arms, number("size", o.Radius), nums("fromto", o.A[0], o.A[1], o.A[2], o.B[0], o.B[1], o.B[2]))
		if o.Radius <= 0.04 {
			base.bar("capsule", o.A, o.B, 0.7*o.Radius, silver, "metal")
		}
	}
}

// camera looks where the calibration says: its body's x is MuJoCo's -z, its y is -x, its z is y.
func (b *builder) camera(parent *element, cam calibration.Camera) {
	shift := b.cfg.Scene.Cameras[cam.Name]
	for k := range 3 {
		cam.Mount.XYZ[k] += shift.XYZ[k]
		cam.Mount.RPY[k] += shift.RPY[k]
	}
	q := quaternion(cam.Mount.RPY)
	look := multiply(q, [4]float64{0.5, 0.5, -0.5, -0.5})
	parent.add("camera", text("name", cam.Name), vec("pos", cam.Mount.XYZ), quat("quat", look),
		number("fovy", degrees(2*math.Atan(float64(cam.Height)/2/cam.FY))))
	if cam.Parent != scene.BaseLink { // the bracket, from the flange
		parent.bar("capsule", [3]float64{0, 0, 0.004}, cam.Mount.XYZ, 0.006, grey, "matte")
	}
	// A RealSense's housing (90 x 25 x 25 mm), behind its own lens.
	housing := parent.body(cam.Name+"_camera", cam.Mount.XYZ, q)
	housing.shape("box", []float64{0.011, 0.045, 0.0125}, [3]float64{-0.016, 0, 0}, silver, "metal")
	housing.shape("box", []float64{0.001, 0.040, 0.009}, [3]float64{-0.0045, 0, 0}, rubber, "plastic")
}

func degrees(rad float64) float64 { return rad * 180 / math.Pi }

// arm is a PiPER with its gripper.
func (b *builder) arm(base *element, arm calibration.Arm) {
	own := leftBit
	if arm.Side == "right" {
		own = rightBit
	}
	felt := roomBit | (leftBit|rightBit)&^own // conaffinity of links that also meet the other arm
	at := base.body(scene.Link(arm.Side, 0), arm.Mount.XYZ, quaternion(arm.Mount.RPY))
	at.inertial(armLinks[0].mass, armLinks[0].com, armLinks[0].aboutCenter())
	at.hull("cylinder", 0, roomBit, nums("size", 0.055, 0.045), nums("pos", 0, 0, 0.045))
	at.shape("cylinder", []float64{0.062, 0.010}, [3]float64{0, 0, 0.010}, dark, "metal")
	at.shape("cylinder", []float64{0.050, 0.036}, [3]float64{0, 0, 0.046}, white, "plastic")
	for i := 1; i <= 6; i++ {
		l := armLinks[i]
		at = at.body(scene.Link(arm.Side, i), l.xyz, quaternion(l.rpy))
		at.inertial(l.mass, l.com, l.aboutCenter())
		j, servo := arm.Joints[i-1], jointServos[i-1]
		at.add("joint", text("name", jointName(arm.Side, i)), text("type", "hinge"), nums("axis", 0, 0, 1),
			text("limited", "true"), nums("range", j.Lower+j.Zero-limitSlack, j.Upper+j.Zero+limitSlack), nums("solreflimit", 0.008, 1),
			nums("solreffriction", 0.004, 1), nums("solimpfriction", 0.999, 0.999, 0.001), // dry friction that does not creep
			number("armature", servo.armature), number("damping", servo.kd))
		b.motor(jointName(arm.Side, i), "joint")
		b.linkShapes(at, i, own, felt)
	}
	b.gripper(at, arm, own, felt)
	for _, cam := range b.cfg.Robot.Cameras {
		if cam.Parent == scene.Link(arm.Side, 6) {
			b.camera(at, cam)
		}
	}
}

func jointName(side string, i int) string { return side + "_joint" + string(rune('0'+i)) }

// linkShapes are an arm's links as capsules and cylinders, sized by eye after the PiPER's drawings.
func (b *builder) linkShapes(at *element, i, own, felt int) {
	switch i {
	case 1:
		at.bar("cylinder", [3]float64{0, 0, -0.04}, [3]float64{0, 0, 0.005}, 0.046, dark, "plastic")
		at.bar("cylinder", [3]float64{0, -0.045, 0}, [3]float64{0, 0.045, 0}, 0.042, white, "plastic")
		at.bar("cylinder", [3]float64{0, -0.048, 0}, [3]float64{0, 0.048, 0}, 0.030, accent, "plastic")
	case 2:
		at.hull("capsule", 0, roomBit, number("size", 0.036), nums("fromto", 0.02, 0, 0, 0.285, 0, 0))
		at.bar("capsule", [3]float64{0.01, 0, 0}, [3]float64{0.27, 0, 0}, 0.034, white, "plastic")
		at.bar("cylinder", [3]float64{0.285, 0, -0.042}, [3]float64{0.285, 0, 0.042}, 0.038, dark, "plastic")
		at.bar("cylinder", [3]float64{0.285, 0, -0.044}, [3]float64{0.285, 0, 0.044}, 0.026, accent, "plastic")
	case 3:
		at.hull("capsule", own, felt, number("size", 0.034), nums("fromto", 0, 0, 0, -0.022, -0.22, 0))
		at.bar("capsule", [3]float64{-0.002, -0.02, 0}, [3]float64{-0.022, -0.205, 0}, 0.030, white, "plastic")
	case 4:
		at.hull("sphere", own, felt, number("size", 0.036))
		at.bar("cylinder", [3]float64{0, 0, -0.045}, [3]float64{0, 0, 0.012}, 0.033, dark, "plastic")
		at.bar("cylinder", [3]float64{0, -0.036, 0}, [3]float64{0, 0.036, 0}, 0.030, white, "plastic")
	case 5:
		at.hull("capsule", own, felt, number("size", 0.030), nums("fromto", 0, -0.02, 0, 0, -0.06, 0))
		at.bar("capsule", [3]float64{0, -0.005, 0}, [3]float64{0, -0.060, 0}, 0.028, white, "plastic")
	case 6:
		at.bar("cylinder", [3]float64{0, 0, -0.012}, [3]float64{0, 0, 0.006}, 0.028, dark, "metal")
	}
}

// gripper is the body of a parallel gripper and its two fingers, on link 6.
func (b *builder) gripper(at *element, arm calibration.Arm, own, felt int) {
	const (
		palm  = 0.066 // front of the gripper's body along z (chosen after the finger's length, 0.07 m)
		thick = 0.010 // of a pad
		wide  = 0.022 // of a pad, along x
	)
	tcp := arm.Gripper.TCP
	if tcp == 0 {
		tcp = GraspOffset
	}
	long := 2 * (FingerReach - tcp)
	at.hull("box", own, felt, nums("size", 0.030, 0.062, (palm-0.004)/2), nums("pos", 0, 0, (palm+0.004)/2))
	at.shape("box", []float64{0.028, 0.040, 0.022}, [3]float64{0, 0, 0.028}, dark, "plastic")
	at.shape("box", []float64{0.020, 0.062, 0.009}, [3]float64{0, 0, palm - 0.010}, silver, "metal")
	at.body(scene.GripperTip(arm.Side), [3]float64{0, 0, tcp}, [4]float64{1, 0, 0, 0})

	friction := nums("friction", b.vary(padFriction), padTorsion, 0.0001)
	for n := 1; n <= 2; n++ {
		out := float64(2*n - 3) // -1 for finger 1, +1 for finger 2
		name := scene.Finger(arm.Side, n)
		f := at.body(name, [3]float64{0, 0, FingerReach}, [4]float64{1, 0, 0, 0})
		com := fingerLink.com
		com[1] *= -out
		f.inertial(fingerLink.mass, com, fingerLink.aboutCenter())
		f.add("joint", text("name", name), text("type", "slide"), nums("axis", 0, out, 0), text("limited", "true"),
			nums("range", 0, arm.Gripper.Stroke/2), number("armature", gripServo.armature), number("damping", gripServo.kd))
		// The pad, and the finger behind it; only the pad is rubber.
		f.hull("box", own, felt, nums("size", wide/2, thick/2, long/2), nums("pos", 0, out*thick/2, -long/2),
			number("condim", 4), friction, nums("solref", 0.008, 1), nums("solimp", 0.95, 0.99, 0.001), number("priority", 1))
		f.hull("box", own, felt, nums("size", 0.010, 0.006, 0.034), nums("pos", 0, out*(thick+0.006), -0.036), number("condim", 3))
		f.shape("box", []float64{wide / 2, 0.003, long / 2}, [3]float64{0, out * 0.003, -long / 2}, rubber, "matte")
		f.shape("box", []float64{wide/2 - 0.001, 0.004, long/2 + 0.002}, [3]float64{0, out * 0.0095, -long / 2}, silver, "metal")
		f.shape("box", []float64{0.009, 0.006, 0.034}, [3]float64{0, out * (thick + 0.006), -0.038}, dark, "plastic")
	}
	// The rack and pinion: one motor opens both fingers, and a stiff spring keeps them symmetric.
	width := arm.Side + "_width"
	t := b.tendon.add("fixed", text("name", width))
	t.add("joint", text("joint", scene.Finger(arm.Side, 1)), number("coef", 1))
	t.add("joint", text("joint", scene.Finger(arm.Side, 2)), number("coef", 1))
	s := b.tendon.add("fixed", text("name", arm.Side+"_rack"), number("stiffness", rackStiffness), number("springlength", 0))
	s.add("joint", text("joint", scene.Finger(arm.Side, 1)), number("coef", 1))
	s.add("joint", text("joint", scene.Finger(arm.Side, 2)), number("coef", -1))
	b.motor(width, "tendon")
}

// lookAt returns the right and up axes of a camera that stands at eye and sees target in its middle, upright.
func lookAt(eye, target [3]float64) (right, up [3]float64) {
	f := [3]float64{target[0] - eye[0], target[1] - eye[1], target[2] - eye[2]}
	n := math.Sqrt(f[0]*f[0] + f[1]*f[1] + f[2]*f[2])
	for i := range f {
		f[i] /= n
	}
	h := math.Hypot(f[0], f[1])
	if h < 1e-6 { // straight up or down: the image's right is the world's -y
		return [3]float64{0, -1, 0}, [3]float64{-f[2], 0, 0}
	}
	right = [3]float64{f[1] / h, -f[0] / h, 0}
	up = [3]float64{right[1] * f[2], -right[0] * f[2], right[0]*f[1] - right[1]*f[0]}
	return right, up
}
