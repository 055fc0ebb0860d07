package mujoco

import (
	"slices"

	"cobot_vla/drivers/mujoco/scene"
)

// Truth is where everything is: every named object, table and part that moves,
// base_link and the gripper tips, in the world's frame.
func (w *World) Truth() map[string]scene.Pose {
	w.mu.Lock()
	defer w.mu.Unlock()
	truth := make(map[string]scene.Pose, len(w.truth))
	if w.mem == nil {
		return truth
	}
	for _, name := range w.truth {
		truth[name] = w.pose(w.bodies[name])
	}
	return truth
}

// Pose of one of the things that Truth knows.
func (w *World) Pose(name string) (scene.Pose, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id, ok := w.bodies[name]
	if !ok || w.mem == nil {
		return scene.Pose{}, false
	}
	return w.pose(id), true
}

func (w *World) pose(body int) scene.Pose {
	p, q := w.mem.bodyPos[3*body:], w.mem.bodyQuat[4*body:]
	return scene.Pose{Position: [3]float64{p[0], p[1], p[2]}, Orientation: [4]float64{q[1], q[2], q[3], q[0]}}
}

// Joint is the value of an object's joint [m].
func (w *World) Joint(name string) (float64, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	q, ok := w.joints[name]
	if !ok || w.mem == nil {
		return 0, false
	}
	return w.mem.qpos[q], true
}

// Contacts are the names of all that touches the named thing now, sorted:
// objects, tables, "floor", and parts of the robot as scene.Link and scene.Finger name them.
func (w *World) Contacts(name string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mem == nil {
		return nil
	}
	w.pairs = w.engine.contacts(w.pairs[:0])
	var names []string
	for _, pair := range w.pairs {
		one, other := w.part(pair[0]), w.part(pair[1])
		switch name {
		case one:
			names = append(names, other)
		case other:
			names = append(names, one)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// part names a body as contacts do.
func (w *World) part(body int32) string {
	if body == 0 {
		return "floor"
	}
	return w.engine.bodyName(int(body))
}
