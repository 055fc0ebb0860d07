package mujoco

import (
	"fmt"
	"sync"
	"time"

	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/drivers/plant"
)

// World is a simulated Cobot-Magic in a room. It is a plant.Plant and a
// scene.View. Its methods may be called from several goroutines; one at a time
// gets through, and only Step moves anything. Close it.
type World struct {
	cfg Config

	mu     sync.Mutex
	engine engine
	mem    *memory
	steps  int64
	broken error // sticky: ErrClosed, or what MuJoCo complained of
	arms   []*arm
	base   *base
	bodies map[string]int // what Pose and Truth know
	truth  []string       // their names, in the scene's order
	joints map[string]int // objects' joints: where in qpos
	pairs  [][2]int32     // scratch of Contacts

	view viewer
}

// New builds the world of a Config and lets nothing move yet.
func New(cfg Config) (*World, error) {
	cfg, err := cfg.filled()
	if err != nil {
		return nil, err
	}
	e, err := openEngine(modelXML(cfg))
	if err != nil {
		return nil, err
	}
	w := &World{cfg: cfg, engine: e, mem: e.memory(), bodies: map[string]int{}, joints: map[string]int{}}
	if err := w.bind(); err != nil {
		e.close()
		return nil, err
	}
	e.prepare()
	return w, nil
}

// Model is the MJCF text that New compiles, for MuJoCo's own viewer.
func Model(cfg Config) (string, error) {
	cfg, err := cfg.filled()
	if err != nil {
		return "", err
	}
	return modelXML(cfg), nil
}

// bind finds everything by name, and sets the joints' starts.
func (w *World) bind() error {
	know := func(name string) error {
		id := w.engine.index(bodyKind, name)
		if id < 0 {
			return fmt.Errorf("mujoco: the model has no body %s", name)
		}
		w.bodies[name] = id
		w.truth = append(w.truth, name)
		return nil
	}
	names := []string{scene.BaseLink}
	for _, calibrated := range w.cfg.Robot.Arms {
		a, err := newArm(w, calibrated)
		if err != nil {
			return err
		}
		w.arms = append(w.arms, a)
		names = append(names, scene.GripperTip(calibrated.Side))
	}
	for _, t := range w.cfg.Scene.Tables {
		names = append(names, t.Name)
	}
	for _, o := range w.cfg.Scene.Objects {
		names = append(names, o.Name)
		joint := ""
		switch o.Kind {
		case scene.Bell:
			joint = o.Name + "_button"
			names = append(names, joint)
		case scene.Cabinet:
			joint = o.Name + "_drawer"
			names = append(names, joint, o.Name+"_handle")
		}
		if joint == "" {
			continue
		}
		q, _ := w.engine.joint(joint)
		if q < 0 {
			return fmt.Errorf("mujoco: the model has no joint %s", joint)
		}
		w.joints[joint] = q
		w.mem.qpos[q] = o.Open
	}
	for _, name := range names {
		if err := know(name); err != nil {
			return err
		}
	}
	var err error
	w.base, err = newBase(w)
	return err
}

// Timestep of the physics.
func (w *World) Timestep() time.Duration { return w.cfg.Timestep }

// Arm returns the follower arm of a side, nil when the robot has none.
func (w *World) Arm(side string) plant.Arm {
	for _, a := range w.arms {
		if a.side == side {
			return a
		}
	}
	return nil
}

// Base returns the mobile base.
func (w *World) Base() plant.Base { return w.base }

// Step advances the world by dt, a multiple of Timestep. An error is final:
// the physics has blown up, or the world is closed.
func (w *World) Step(dt time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return w.broken
	}
	if dt <= 0 || dt%w.cfg.Timestep != 0 {
		return fmt.Errorf("mujoco: step of %v: must be a positive multiple of the timestep, %v", dt, w.cfg.Timestep)
	}
	h := w.cfg.Timestep.Seconds()
	for range dt / w.cfg.Timestep {
		for _, a := range w.arms {
			a.control(h)
		}
		w.base.control(h)
		w.engine.advance()
		w.steps++
		w.engine.prepare()
	}
	if count, what := w.engine.warnings(); count > 0 {
		w.broken = fmt.Errorf("mujoco: the physics failed before %v: %s", w.time(), what)
		return w.broken
	}
	return nil
}

// Time since the world began.
func (w *World) Time() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.time()
}

func (w *World) time() time.Duration { return time.Duration(w.steps) * w.cfg.Timestep }

// Now is Config.Epoch plus Time: what frames are stamped with.
func (w *World) Now() time.Time { return w.cfg.Epoch.Add(w.Time()) }

// Scene the world was built from.
func (w *World) Scene() scene.Scene { return w.cfg.Scene }

// Close frees the world and ends its renderer's thread. Everything after it returns ErrClosed or nothing.
func (w *World) Close() error {
	w.view.stop(func() { w.engine.closeView() })
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mem != nil {
		w.engine.close()
		w.mem = nil
	}
	w.broken = ErrClosed
	return nil
}
