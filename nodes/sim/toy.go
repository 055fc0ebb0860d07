package sim

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"gonum.org/v1/gonum/spatial/r3"

	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"
	"cobot_vla/drivers/camera"
	"cobot_vla/drivers/mujoco"
	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/drivers/plant"
)

// toy is the world of ideal kinematics: nothing falls and nothing collides. One
// object at a time may be held: fingers that close around it stop at its
// diameter, and then it goes where they go.
type toy struct {
	*plant.Kinematic
	robot calibration.Robot
	scene scene.Scene
	arms  []*kinematics.Arm
	start kinematics.Transform

	mu    sync.Mutex // cameras look from their nodes' threads
	steps int64
	poses map[string]scene.Pose
	held  map[string]hold // by object
}

// hold is an object in a gripper.
type hold struct {
	side  string
	inTip kinematics.Transform // the object in the gripper's tip frame
}

func newToy(robot calibration.Robot, s scene.Scene) (*toy, error) {
	k, err := plant.New(plant.Config{Track: robot.Base.Track})
	if err != nil {
		return nil, err
	}
	t := &toy{
		Kinematic: k, robot: robot, scene: s,
		start: flat(s.Robot.X, s.Robot.Y, s.Robot.Yaw),
		poses: map[string]scene.Pose{}, held: map[string]hold{},
	}
	for _, a := range robot.Arms {
		arm, err := kinematics.NewArm(a)
		if err != nil {
			return nil, err
		}
		t.arms = append(t.arms, arm)
		if s.Ready {
			ready := calibration.Ready()
			k.KinematicArm(a.Side).Place(ready, a.Gripper.Stroke)
			k.Arm(a.Side).Drive(plant.ArmDrive{Power: plant.Holding, Joints: ready, GripperOn: true, Width: a.Gripper.Stroke})
		}
	}
	for _, tb := range s.Tables {
		t.poses[tb.Name] = scene.Facing(tb.X, tb.Y, tb.Height, tb.Yaw)
	}
	for _, o := range s.Objects {
		t.poses[o.Name] = o.Pose
	}
	t.place()
	return t, nil
}

func flat(x, y, yaw float64) kinematics.Transform {
	return kinematics.Translation(x, y, 0).Mul(kinematics.RPY(0, 0, yaw))
}

func toScene(t kinematics.Transform) scene.Pose {
	return scene.Pose{Position: [3]float64{t.P.X, t.P.Y, t.P.Z}, Orientation: t.Quaternion()}
}

func fromScene(p scene.Pose) kinematics.Transform {
	return kinematics.FromQuaternion(p.Position, p.Orientation)
}

// Step implements plant.Plant.
func (t *toy) Step(dt time.Duration) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.Kinematic.Step(dt); err != nil {
		return err
	}
	t.steps += int64(dt / t.Timestep())
	t.place()
	for _, o := range t.scene.Objects {
		if o.Kind == scene.Bottle || o.Kind == scene.Block {
			t.grasp(o.Filled())
		}
	}
	return nil
}

// place computes where the robot is.
func (t *toy) place() {
	x, y, yaw := t.Pose2D()
	base := t.start.Mul(flat(x, y, yaw))
	t.poses[scene.BaseLink] = toScene(base)
	for i, a := range t.robot.Arms {
		q := t.Arm(a.Side).State().Joints
		t.poses[scene.GripperTip(a.Side)] = toScene(base.Mul(t.arms[i].Mount()).Mul(t.arms[i].FK(q)))
	}
}

// Pose2D is the base's odometry since the start.
func (t *toy) Pose2D() (x, y, yaw float64) { return t.Kinematic.Pose() }

// grasp holds an object that fingers have closed around, and lets it go when they open.
func (t *toy) grasp(o scene.Object) {
	width := o.Size[0]
	for _, a := range t.robot.Arms {
		arm := t.KinematicArm(a.Side)
		state := arm.State()
		tip := fromScene(t.poses[scene.GripperTip(a.Side)])
		h, held := t.held[o.Name]
		switch {
		case held && h.side == a.Side && state.Width > width+0.002:
			delete(t.held, o.Name)
		case held && h.side == a.Side:
			arm.Place(state.Joints, math.Max(state.Width, width))
			t.poses[o.Name] = toScene(tip.Mul(h.inTip))
		case !held && state.Width <= width && t.between(tip, o):
			arm.Place(state.Joints, width)
			t.held[o.Name] = hold{a.Side, tip.Inverse().Mul(fromScene(t.poses[o.Name]))}
		}
	}
}

// between says whether an object's axis passes between the fingertips.
func (t *toy) between(tip kinematics.Transform, o scene.Object) bool {
	p := fromScene(t.poses[o.Name]).Inverse().Apply(tip.P)
	return math.Hypot(p.X, p.Y) < 0.02 && p.Z > 0 && p.Z < o.Size[2]
}

// Time implements scene.View.
func (t *toy) Time() time.Duration { return time.Duration(t.steps) * t.Timestep() }

// Pose implements scene.View.
func (t *toy) Pose(name string) (scene.Pose, bool) {
	p, ok := t.poses[name]
	return p, ok
}

// Joint implements scene.View: nothing in this world has a joint.
func (t *toy) Joint(string) (float64, bool) { return 0, false }

// Contacts implements scene.View: what is held touches both fingers, and the table until it is lifted.
func (t *toy) Contacts(name string) []string {
	i := slices.IndexFunc(t.scene.Objects, func(o scene.Object) bool { return o.Name == name })
	if i < 0 {
		return nil
	}
	var names []string
	h, held := t.held[name]
	if held {
		names = append(names, scene.Finger(h.side, 1), scene.Finger(h.side, 2))
	}
	if p := t.poses[name]; !held || p.Position[2] < t.scene.Objects[i].Pose.Position[2]+0.001 {
		for _, tb := range t.scene.Tables {
			names = append(names, tb.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Truth implements world.
func (t *toy) Truth() map[string]scene.Pose {
	truth := make(map[string]scene.Pose, len(t.poses))
	for name, p := range t.poses {
		truth[name] = p
	}
	return truth
}

// Close implements world.
func (t *toy) Close() error { return nil }

// Camera implements world: a plan of the scene from above, which changes as the
// robot moves; there is nothing to learn from it.
func (t *toy) Camera(name string) (camera.Source, error) {
	if _, ok := t.robot.Camera(name); !ok && name != mujoco.FilmCamera {
		return nil, fmt.Errorf("sim: no camera %q in the calibration", name)
	}
	return &planView{t: t, name: name}, nil
}

type planView struct {
	t    *toy
	name string
}

const planWidth, planHeight, planScale = 160, 120, 40.0 // [px], [px], [px/m]

// Info implements camera.Source.
func (p *planView) Info() camera.Info {
	return camera.Info{Name: p.name, Width: planWidth, Height: planHeight}
}

// Capture implements camera.Source.
func (p *planView) Capture(context.Context) (camera.Frame, error) {
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	data := make([]byte, 3*planWidth*planHeight)
	for i := range data {
		data[i] = 40
	}
	names := make([]string, 0, len(p.t.poses))
	for name := range p.t.poses {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		at := r3.Vec{X: p.t.poses[name].Position[0], Y: p.t.poses[name].Position[1]}
		u, v := int(planWidth/4+at.X*planScale), int(planHeight/2-at.Y*planScale)
		for y := v - 2; y <= v+2; y++ {
			for x := u - 2; x <= u+2; x++ {
				if x >= 0 && x < planWidth && y >= 0 && y < planHeight {
					copy(data[3*(y*planWidth+x):], []byte{byte(90 + 23*i), byte(200 - 17*i), 160})
				}
			}
		}
	}
	return camera.Frame{
		Width: planWidth, Height: planHeight, Step: 3 * planWidth, Encoding: "rgb8", Data: data,
	}, nil
}

// Close implements camera.Source.
func (p *planView) Close() error { return nil }
