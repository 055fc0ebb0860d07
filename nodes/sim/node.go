package sim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/drivers/camera"
	"cobot_vla/drivers/can"
	"cobot_vla/drivers/mujoco"
	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/drivers/piper/pipersim"
	"cobot_vla/drivers/tracer/tracersim"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// Node is the simulator.
type Node struct {
	n     *rcl.Node
	cfg   Config
	robot calibration.Robot
	tasks []scene.Task
	at    int // in tasks
	task  scene.Task
	scene scene.Scene
	world world
	step  time.Duration
	judge scene.Judge

	arms    map[string]*pipersim.Firmware // by side
	base    *tracersim.Firmware
	verdict scene.Verdict
	broken  error // the physics failed; time stands still

	clock    *rcl.Publisher[msgs.Clock]
	truth    *rcl.Publisher[msgs.TFMessage]
	verdicts *rcl.Publisher[msgs.TaskVerdict]
}

// New builds the world and puts its arms and base on the buses of network.
func New(n *rcl.Node, cfg Config, network *can.Network) (*Node, error) {
	if err := n.Bind(&cfg); err != nil {
		return nil, err
	}
	robot := calibration.Default()
	if cfg.Calibration != "" {
		var err error
		if robot, err = calibration.Load(cfg.Calibration); err != nil {
			return nil, err
		}
	}
	s := &Node{
		n: n, cfg: cfg, robot: robot, step: time.Duration(cfg.StepMS) * time.Millisecond,
		arms: map[string]*pipersim.Firmware{},
	}
	if err := s.setUp(); err != nil {
		return nil, err
	}
	var err error
	if s.world, err = open(cfg, robot, s.scene, n.Now()); err != nil {
		return nil, err
	}
	n.Keep(s.world)
	if err := s.connect(network); err != nil {
		return nil, err
	}
	if err := s.serve(network); err != nil {
		return nil, err
	}
	return s, s.advertise()
}

// setUp draws the scene of the task, or of a chain's.
func (s *Node) setUp() error {
	vary, err := s.cfg.Variation()
	if err != nil {
		return err
	}
	for _, name := range strings.Split(s.cfg.Task, ",") {
		task, err := scene.ByName(strings.TrimSpace(name))
		if err != nil {
			return err
		}
		s.tasks = append(s.tasks, task)
	}
	drawn := s.tasks[0].Sample(uint64(s.cfg.Seed), s.cfg.Spread)
	if len(s.tasks) > 1 {
		var alone []scene.Task // one that comes again brings its things once
		for _, task := range s.tasks {
			if !slices.ContainsFunc(alone, func(t scene.Task) bool { return t.Name == task.Name }) {
				alone = append(alone, task)
			}
		}
		if drawn, err = scene.Chain(alone, uint64(s.cfg.Seed)); err != nil {
			return err
		}
	}
	s.scene = vary.Vary(drawn)
	s.begin(0)
	return nil
}

// begin judges task k from now on.
func (s *Node) begin(k int) {
	s.at, s.task = k, s.tasks[k]
	s.judge, s.verdict = s.task.Judge(s.scene), scene.Verdict{}
}

// Next goes on to a chain's next task, in the world as the one before has left it; false after the last.
func (s *Node) Next() bool {
	if s.at+1 == len(s.tasks) {
		return false
	}
	s.begin(s.at + 1)
	return true
}

// connect puts firmware on the buses.
func (s *Node) connect(network *can.Network) error {
	for _, a := range s.robot.Arms {
		bus, err := network.Open(a.Bus)
		if err != nil {
			return err
		}
		cfg := pipersim.DefaultConfig()
		cfg.SetBusState = network.Bus(a.Bus).SetState
		cfg.Holding = s.scene.Ready
		fw, err := pipersim.New(bus, s.world.Arm(a.Side), cfg)
		if err != nil {
			return fmt.Errorf("sim: arm %s: %w", a.Side, err)
		}
		s.arms[a.Side] = fw
		s.n.Keep(fw)
		s.n.Keep(bus)
	}
	bus, err := network.Open(s.robot.Base.Bus)
	if err != nil {
		return err
	}
	s.n.Keep(bus)
	cfg := tracersim.DefaultConfig()
	cfg.SetBusState = network.Bus(s.robot.Base.Bus).SetState
	if s.base, err = tracersim.New(bus, s.world.Base(), cfg); err != nil {
		return fmt.Errorf("sim: base: %w", err)
	}
	s.n.Keep(s.base)
	return nil
}

// serve offers the buses to drivers in other processes.
func (s *Node) serve(network *can.Network) error {
	path := func(bus string) string { return filepath.Join(s.cfg.SocketDir, bus) }
	if s.cfg.SocketDir == "" {
		if s.cfg.OwnDir == "" {
			return nil
		}
		if err := os.MkdirAll(s.cfg.OwnDir, 0o700); err != nil {
			return fmt.Errorf("sim: folder of the CAN buses: %w", err)
		}
		path = func(bus string) string { return can.SocketPath(s.cfg.OwnDir, bus) }
	}
	buses := []string{s.robot.Base.Bus}
	for _, a := range s.robot.Arms {
		buses = append(buses, a.Bus)
	}
	for _, bus := range buses {
		server, err := can.ListenUnix(path(bus), network, bus)
		if err != nil {
			return fmt.Errorf("sim: %w", err)
		}
		s.n.Go(func(ctx context.Context) {
			if err := server.Serve(ctx); err != nil {
				s.n.Log().Error().Err(err).Str("bus", bus).Msg("drivers in other processes lose this bus")
			}
		})
	}
	return nil
}

func (s *Node) advertise() error {
	n := s.n
	var errs []error
	keep := func(err error) { errs = append(errs, err) }
	var err error
	s.clock, err = rcl.Advertise[msgs.Clock](n, "/clock", rcl.SensorData)
	keep(err)
	s.truth, err = rcl.Advertise[msgs.TFMessage](n, "sim/ground_truth", rcl.Default)
	keep(err)
	s.verdicts, err = rcl.Advertise[msgs.TaskVerdict](n, "sim/verdict", rcl.Latched)
	keep(err)
	_, err = n.Timer(s.step, s.advance)
	keep(err)
	_, err = n.Timer(period(s.cfg.ClockRate), func(now time.Time) {
		_ = s.clock.Publish(&msgs.Clock{Clock: msgs.Stamp(now)})
	})
	keep(err)
	_, err = n.Timer(period(s.cfg.TruthRate), s.tell)
	keep(err)
	_, err = n.Timer(100*time.Millisecond, s.announce)
	keep(err)
	d, err := rcl.NewDiagnostics(n, "simulator")
	keep(err)
	if err == nil {
		d.Task("world", s.diagnose)
	}
	return errors.Join(errs...)
}

func period(hz float64) time.Duration { return time.Duration(float64(time.Second) / hz) }

// advance moves the world by one step, then lets the firmware see it and answer.
func (s *Node) advance(now time.Time) {
	if s.broken != nil {
		return
	}
	if err := s.world.Step(s.step); err != nil {
		s.broken = err
		s.n.Log().Error().Err(err).Msg("the world stands still")
		return
	}
	for _, a := range s.robot.Arms {
		s.arms[a.Side].Tick(now)
	}
	s.base.Tick(now)
}

// tell publishes the ground truth and asks the judge.
func (s *Node) tell(now time.Time) {
	before := s.verdict.Over
	s.verdict = s.judge.Update(s.world)
	if s.verdict.Over && !before {
		s.n.Log().Info().Str("task", s.task.Name).Bool("success", s.verdict.Success).Msg(s.verdict.Reason)
	}
	if s.truth.Matched() == 0 {
		return
	}
	truth := s.world.Truth()
	truth[scene.TaskFrame(s.task.Name)] = scene.At(0, 0, 0)
	names := make([]string, 0, len(truth))
	for name := range truth {
		names = append(names, name)
	}
	slices.Sort(names)
	m := &msgs.TFMessage{}
	h := msgs.Header{Stamp: msgs.Stamp(now), FrameID: "world"}
	for _, name := range names {
		p, q := truth[name].Position, truth[name].Orientation
		m.Transforms = append(m.Transforms, msgs.TransformStamped{
			Header: h, ChildFrameID: name,
			Transform: msgs.Transform{
				Translation: msgs.Vector3{X: p[0], Y: p[1], Z: p[2]},
				Rotation:    msgs.Quaternion{X: q[0], Y: q[1], Z: q[2], W: q[3]},
			},
		})
	}
	_ = s.truth.Publish(m)
}

func (s *Node) announce(now time.Time) {
	_ = s.verdicts.Publish(&msgs.TaskVerdict{
		Header: msgs.Header{Stamp: msgs.Stamp(now), FrameID: "world"},
		Task:   s.task.Name, Seed: uint64(s.cfg.Seed),
		Success: s.verdict.Success, Progress: s.verdict.Progress, Reason: s.verdict.Reason,
	})
}

func (s *Node) diagnose(d *rcl.Status) {
	d.Add("plant", s.cfg.Plant)
	d.Add("task", s.task.Name)
	d.Add("seed", s.cfg.Seed)
	if s.broken != nil {
		d.Error("%v", s.broken)
		return
	}
	d.OK("%s", s.verdict.Reason)
}

// Task that is judged.
func (s *Node) Task() scene.Task { return s.task }

// Scene that was set up.
func (s *Node) Scene() scene.Scene { return s.scene }

// Verdict so far.
func (s *Node) Verdict() scene.Verdict { return s.verdict }

// Config with the parameters applied.
func (s *Node) Config() Config { return s.cfg }

// Robot is the calibration the world was built from.
func (s *Node) Robot() calibration.Robot { return s.robot }

// Camera gives a camera's pictures by its name in the calibration.
func (s *Node) Camera(name string) (camera.Source, error) { return s.world.Camera(name) }

// Film gives the pictures of the camera that watches the robot.
func (s *Node) Film() (camera.Source, error) { return s.world.Camera(mujoco.FilmCamera) }

// Arm is the firmware of a side, for injecting faults.
func (s *Node) Arm(side string) *pipersim.Firmware { return s.arms[side] }

// Base is the base's firmware, for injecting faults.
func (s *Node) Base() *tracersim.Firmware { return s.base }

// Speed is the plant's own: the fastest arm joint [rad/s], and the faster of the
// base's linear [m/s] and angular [rad/s] speed. No node knows it; tests do.
func (s *Node) Speed() (arms, base float64) {
	for _, a := range s.robot.Arms {
		for _, v := range s.world.Arm(a.Side).State().Velocities {
			arms = max(arms, math.Abs(v))
		}
	}
	b := s.world.Base().State()
	return arms, max(math.Abs(b.Linear), math.Abs(b.Angular))
}

// Joints are the true angles of an arm [rad].
func (s *Node) Joints(side string) [6]float64 { return s.world.Arm(side).State().Joints }
