package mujoco

// engine is MuJoCo behind the few calls that a World makes: one model, its
// state, one renderer. The memory it shows is MuJoCo's own, valid until close.
type engine interface {
	// memory is the state, as slices over MuJoCo's arrays.
	memory() *memory
	// prepare computes all that follows from position and velocity: frames,
	// contacts, gravity. advance then takes one timestep with the controls set.
	prepare()
	advance()
	// warnings counts what MuJoCo complained of since the start, and names the last.
	warnings() (count int, last string)
	// index of a named body, actuator or camera; -1 when there is none.
	index(kind kind, name string) int
	// joint returns where a named joint's position and velocity begin; -1 when there is none.
	joint(name string) (qpos, dof int)
	// contacts appends the pairs of bodies that touch, as they were at prepare.
	contacts(pairs [][2]int32) [][2]int32
	// bodyName of a body.
	bodyName(id int) string
	// inertia is the diagonal of the joint-space inertia at a dof, at prepare.
	inertia(dof int) float64
	// openView makes the renderer, capture notes what a camera sees, draw
	// makes it a picture. All three and closeView are called on one thread; capture reads the state.
	openView() error
	capture(camera int, lens lens, shadows bool)
	draw(width, height int, rgb []byte) error
	closeView()
	// drawAll draws what a camera can't see as well, for a test: the picture is the same.
	drawAll(all bool)
	// close frees everything but the view.
	close()
}

// kind of a named thing in the model.
type kind int

const (
	bodyKind kind = iota
	actuatorKind
	cameraKind
)

// memory is MuJoCo's state.
type memory struct {
	qpos, qvel []float64
	ctrl       []float64
	bias       []float64 // gravity and Coriolis forces, per dof
	damping    []float64 // per dof, of the model
	friction   []float64 // dry friction per dof, of the model
	bodyPos    []float64 // 3 per body, world
	bodyQuat   []float64 // 4 per body, w x y z, world
}

// lens is a pinhole with square pixels, at the size of the picture [px]. The
// middle of the first pixel is (0, 0), as in OpenCV and ROS.
type lens struct {
	width, height int
	f, cx, cy     float64
}
