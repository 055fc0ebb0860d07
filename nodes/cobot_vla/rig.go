package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/drivers/mujoco"
	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/drivers/plant"
	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/expert"
	"cobot_vla/model/token"
	"cobot_vla/model/vision"
	"cobot_vla/nodes/arm"
)

// rig is a policy and the simulated world without the graph between them: no CAN,
// no topics, no latency. Each step it looks, asks, and does the first step of the
// chunk. It shows within a second or two whether a task can be done from a seed.
type rig struct {
	robot    calibration.Robot
	world    *mujoco.World
	task     scene.Task
	scene    scene.Scene
	judge    scene.Judge
	verdict  scene.Verdict
	manifest checkpoint.Manifest
	limiter  *arm.Limiter
	late     bool
	torque   []float64 // of the grippers
	composer *vision.Composer
	canvas   vision.Image

	words   string
	steps   int
	held    map[string]time.Duration // by the pair of bodies whose distance stopped the arms
	moved   [2]float64               // farthest the limiter was behind a step, joints and grippers
	physics time.Duration
	render  time.Duration
}

// compositeSide is the side of the composite that the small checkpoint sees [px].
const compositeSide = 168

// rigConfig says what a rig simulates.
type rigConfig struct {
	Task     scene.Task
	Seed     uint64
	Vary     scene.Variation
	Pictures bool // render the composite at every step, as a neural policy needs
	Size     int  // side of the composite [px]
	Late     bool // as on the graph with 100 ms of inference: what is decided is done one step later, and done ends it
}

func newRig(cfg rigConfig, m checkpoint.Manifest) (*rig, error) {
	robot := calibration.Default()
	s := cfg.Task.Scene(cfg.Seed, cfg.Vary)
	r := &rig{robot: robot, task: cfg.Task, scene: s, judge: cfg.Task.Judge(s), manifest: m, late: cfg.Late, words: cfg.Task.Instruction(cfg.Seed, cfg.Vary), held: map[string]time.Duration{}}
	c := mujoco.DefaultConfig(robot, s)
	side := cfg.Size
	if side == 0 {
		side = compositeSide
	}
	c.Render.Sizes = map[string]mujoco.Size{}
	c.Render.Shadows = mujoco.FilmShadows
	var sizes []vision.Size
	for _, cam := range robot.Cameras {
		size := cameraSize(cam.Name, side)
		c.Render.Sizes[cam.Name] = size
		sizes = append(sizes, vision.Size{Width: size.Width, Height: size.Height})
	}
	var err error
	if r.world, err = mujoco.New(c); err != nil {
		return nil, err
	}
	if cfg.Pictures {
		canvas := vision.Size{Width: side, Height: side}
		if r.composer, err = vision.NewComposerOn(canvas, m.Layout, m.Cameras, sizes); err != nil {
			return nil, errors.Join(err, r.world.Close())
		}
		r.canvas = r.composer.Canvas()
	}
	// Limits and distances are the arm node's, so that an expert that passes here passes on the graph.
	limits := arm.DefaultConfig()
	limits.TableHeight = s.Tables[0].Height
	if r.limiter, err = arm.LimiterOf(robot, limits); err != nil {
		return nil, errors.Join(err, r.world.Close())
	}
	var pose []float64
	for _, a := range robot.Arms {
		state := r.world.Arm(a.Side).State()
		pose = append(append(pose, state.Joints[:]...), state.Width)
		r.torque = append(r.torque, a.Gripper.Torque)
	}
	r.limiter.Set(0, pose)
	return r, nil
}

// cameraSize is what a camera needs to fill its part of a composite of that side:
// the front view is the upper half, the wrists' are a quarter each. They keep the
// cameras' 4:3, and the composite squashes them as it does a real camera's.
func cameraSize(name string, side int) mujoco.Size {
	if name == "front" {
		return mujoco.Size{Width: side, Height: side * 3 / 4}
	}
	return mujoco.Size{Width: side * 2 / 3, Height: side / 2}
}

func (r *rig) close() error { return r.world.Close() }

// observe is what a policy is given now.
func (r *rig) observe() (model.Observation, error) {
	obs := model.Observation{Stamp: r.world.Now(), Instruction: r.words, Mobile: r.task.Mobile, Truth: map[string]model.Pose{}}
	for name, pose := range r.world.Truth() {
		obs.Truth[name] = model.Pose{Position: pose.Position, Orientation: pose.Orientation}
	}
	obs.Truth[scene.TaskFrame(r.task.Name)] = model.Pose{Orientation: [4]float64{0, 0, 0, 1}}
	command := r.limiter.Pose()
	for _, a := range r.robot.Arms {
		state := r.world.Arm(a.Side).State()
		obs.State = append(append(obs.State, state.Joints[:]...), state.Width)
	}
	obs.State = append(obs.State, command[6], command[13])
	if r.composer != nil {
		began := time.Now()
		if err := r.look(); err != nil {
			return obs, err
		}
		obs.Image, obs.Width, obs.Height = r.canvas.Pix, r.canvas.Width, r.canvas.Height
		r.render += time.Since(began)
	}
	return obs, nil
}

// look draws the composite.
func (r *rig) look() error {
	for i, name := range r.manifest.Cameras {
		src, err := r.world.Camera(name)
		if err != nil {
			return err
		}
		f, err := src.Capture(context.Background())
		if err != nil {
			return err
		}
		if err := r.composer.Draw(r.canvas, i, vision.Image{Size: vision.Size{Width: f.Width, Height: f.Height}, Pix: f.Data}); err != nil {
			return err
		}
	}
	return nil
}

const rigTick = 4 * time.Millisecond

// tick lets the world go on for one tick with the arms at the limiter's pose.
func (r *rig) tick(linear, angular float64) error {
	q := r.limiter.Pose()
	for i, a := range r.robot.Arms {
		d := plant.ArmDrive{Power: plant.Holding, GripperOn: true, Width: q[7*i+6], Torque: r.torque[i]}
		copy(d.Joints[:], q[7*i:])
		r.world.Arm(a.Side).Drive(d)
	}
	r.world.Base().Drive(linear, angular)
	began := time.Now()
	err := r.world.Step(rigTick)
	r.physics += time.Since(began)
	r.verdict = r.judge.Update(r.world)
	return err
}

// play does one step of a chunk, on a straight line as the arm node does.
func (r *rig) play(values []float64) error {
	n := int(time.Duration(r.manifest.Action.Period*float64(time.Second)) / rigTick)
	from := append([]float64(nil), r.limiter.Pose()...)
	want, velocity := make([]float64, len(from)), make([]float64, len(from))
	for k := 1; k <= n; k++ {
		for i := range want {
			want[i] = from[i] + (values[i]-from[i])*float64(k)/float64(n)
			velocity[i] = (values[i] - from[i]) / (float64(n) * rigTick.Seconds())
		}
		if pair := r.limiter.Step(rigTick.Seconds(), want, velocity, 1e9); pair != "" {
			r.held[pair] += rigTick
		}
		if err := r.tick(0, 0); err != nil {
			return err
		}
	}
	r.steps++
	for i, v := range values {
		behind := math.Abs(v - r.limiter.Pose()[i])
		if i%7 == 6 {
			r.moved[1] = max(r.moved[1], behind)
		} else {
			r.moved[0] = max(r.moved[0], behind)
		}
	}
	return nil
}

// stopped says for how long each pair of bodies that came too near to each other stopped the arms; "" for never.
func (r *rig) stopped() (text string) {
	for _, pair := range slices.Sorted(maps.Keys(r.held)) {
		text += fmt.Sprintf("; %s: stopped at the keep-out distance for %.1f s", pair, r.held[pair].Seconds())
	}
	return text
}

// drive does a navigation goal on the wheels' odometry.
func (r *rig) drive(nav model.Navigation) error {
	base := r.robot.Base
	start := r.world.Base().State()
	limit, accel := base.MaxLinear, base.MaxLinearAccel
	if nav.Direction != token.Forward {
		limit, accel = base.MaxAngular, base.MaxAngularAccel
	}
	speed := 0.0
	dt := rigTick.Seconds()
	for range int(30 / dt) {
		s := r.world.Base().State()
		done := ((s.Left - start.Left) + (s.Right - start.Right)) / 2
		if nav.Direction != token.Forward {
			done = math.Abs((s.Right-start.Right)-(s.Left-start.Left)) / base.Track
		}
		left := nav.Value - done
		if left < 0.002 && speed < 0.02 {
			break
		}
		speed = min(limit, speed+accel*dt, math.Sqrt(2*0.7*accel*max(left, 0)))
		linear, angular := speed, 0.0
		switch nav.Direction {
		case token.TurnLeft:
			linear, angular = 0, speed
		case token.TurnRight:
			linear, angular = 0, -speed
		}
		if err := r.tick(linear, angular); err != nil {
			return err
		}
	}
	for range 50 {
		if err := r.tick(0, 0); err != nil {
			return err
		}
	}
	r.steps++
	return nil
}

// restSteps is how long a judge may take after a policy said that it is done: all want less than 2 s of rest.
const restSteps = 20

// run asks a policy until the judge has decided, or the task's steps are over. With rig.late, as on
// the graph, the arms hold where they are once the policy says that it is done; else it is asked on.
// each, which may be nil, sees every observation and what was decided.
func (r *rig) run(ctx context.Context, p model.Policy, push expert.Perturbation, each func(model.Observation, model.Action)) error {
	var before model.Action // what was decided a step before, with rig.late
	for r.steps < r.task.Steps && !r.verdict.Over {
		obs, err := r.observe()
		if err != nil {
			return err
		}
		action, err := p.Act(ctx, obs, nil)
		if err != nil {
			return fmt.Errorf("%s, step %d: %w", r.task.Name, r.steps, err)
		}
		if each != nil {
			each(obs, action)
		}
		steps := action.Steps
		if r.late && action.Navigation == nil {
			before, action = action, before
			steps = action.Steps[min(1, len(action.Steps)):] // the first would be over by now
		}
		switch {
		case r.late && action.Done:
			return r.rest()
		case action.Navigation != nil:
			before = model.Action{}
			err = r.drive(*action.Navigation)
		case len(steps) == 0: // nothing is decided yet
			err = r.play(slices.Clone(r.limiter.Pose()))
		default:
			err = r.play(push.Apply(r.steps, r.manifest.Action.Names, steps[:1])[0])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rest holds the arms until the judge has decided, or restSteps.
func (r *rig) rest() error {
	hold := slices.Clone(r.limiter.Pose())
	for n := 0; n < restSteps && !r.verdict.Over; n++ {
		if err := r.play(hold); err != nil {
			return err
		}
	}
	return nil
}
