package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/launch"
	"cobot_vla/model"
	"cobot_vla/model/expert"
	"cobot_vla/msgs"
	"cobot_vla/nodes/policy"
	"cobot_vla/nodes/proprioception"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
	"cobot_vla/nodes/recorder"
	"cobot_vla/nodes/recorder/episode"
)

// rollout is one episode through the whole node graph in lockstep time: what
// collecting and evaluation have in common. The same rollout gives the same bytes on any machine.
type rollout struct {
	// Task of the simulator and the seed of its initial state. A chain's tasks have commas between them.
	Task string
	Seed uint64
	// Instruction that the robot is given; from it on, steps count. Then are those of a chain's other tasks.
	Instruction string
	Then        []string
	// Policy and Checkpoint as the launch files name them.
	Policy, Checkpoint string
	// Plant is the mechanics: mujoco or kinematic.
	Plant string
	// Mobile tasks give the policy its unified action space.
	Mobile bool
	// Latency of an inference in simulated time; negative is as long as it really takes, which gives
	// other bytes every time.
	Latency time.Duration
	// Loss is the probability of every frame of every camera to be lost.
	Loss float64
	// Steps and Limit end the attempt: steps of the policy, and simulated time; 0 takes the task's.
	Steps int
	Limit time.Duration
	// Still ends an attempt when nothing was told to move for so long; 0 does not.
	Still time.Duration
	// Params of the nodes, by executable, that win over the launch files.
	Params map[string][]rcl.ParamOverride
	// Push disturbs the robot; the zero value does not.
	Push expert.Perturbation
	// Guide lets the expert act now and then; the zero value does not.
	Guide takeover
	// Open makes the policy; nil makes the one of Policy and Checkpoint.
	Open policy.Open
	// Demonstrator labels every observation, as that kind of policy; "" for none.
	Demonstrator string
	// Record is the folder that the episode is recorded into, under the name of its seed; "" for none.
	Record string
	// Film keeps frames of the camera that watches the robot.
	Film bool

	vary scene.Variation
}

// outcome of a rollout.
type outcome struct {
	Success bool
	Reason  string
	// Done counts the tasks that were done.
	Done int
	// Steps of the policy's period from the instruction on.
	Steps int
	// Lasted is the simulated time from the instruction on.
	Lasted time.Duration
	// Inference of every decision in simulated time; Acted what it really took.
	Inference, Acted []time.Duration
	// Labels are the observations that were labelled, Refusals those the demonstrator had no answer to.
	Labels, Refusals uint64
	// Recorded is the folder of the episode.
	Recorded string
	Film     *film
}

// stage is a rollout that runs.
type stage struct {
	r     rollout
	a     *app
	g     *graph
	w     *watcher
	timer *timedPolicy
	label *policy.Demonstrator
	felt  feelings // by the demonstrator, where it feels more than what moves the robot
	film  *film

	start *rcl.Client[msgs.StartEpisode_Request, msgs.StartEpisode_Response]
	end   *rcl.Client[msgs.EndEpisode_Request, msgs.EndEpisode_Response]
}

// run plays the episode until the task is judged or its time is up.
func (r rollout) run(a *app) (o *outcome, err error) {
	s, err := r.open(a)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.g.close()) }()
	o = &outcome{Film: s.film}
	if err := s.prepare(o); err != nil {
		return nil, err
	}
	if err := s.play(o); err != nil {
		return nil, err
	}
	return o, s.finish(o)
}

// open makes the graph.
func (r rollout) open(a *app) (s *stage, err error) {
	plan, err := planLaunch("sim.launch.yaml", map[string]string{
		"task": r.Task, "seed": fmt.Sprint(r.Seed), "policy": r.Policy, "checkpoint": r.Checkpoint,
		"instruction": "", "plant": r.Plant, "latency_s": fmt.Sprint(min(r.Latency.Seconds(), 60)),
		"mobile": fmt.Sprint(r.Mobile),
	})
	if err != nil {
		return nil, err
	}
	s = &stage{r: r, a: a, g: newGraph(a, intra.New(), rcl.NewLockstep(time.Time{}), true)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.g.close())
		}
	}()
	s.g.loss = newLosses(r.Loss, r.Seed)
	s.g.open = func(kind, dir, robot string, on policy.Compute) (model.Policy, string, error) {
		open := r.Open
		if open == nil {
			open = openPolicy
		}
		p, version, err := open(kind, dir, robot, on)
		if err != nil {
			return nil, "", err
		}
		if r.Guide.Rate > 0 {
			teacher, _, err := openPolicy("expert", "", robot, on)
			if err != nil {
				return nil, "", errors.Join(err, p.Close())
			}
			g, err := guided(p, teacher, r.Guide, &s.felt)
			if err != nil {
				return nil, "", errors.Join(err, p.Close(), teacher.Close())
			}
			p = g
		}
		if r.Push.Rate > 0 {
			p = &perturbedPolicy{Policy: p, push: r.Push}
		}
		s.timer = &timedPolicy{Policy: p}
		return s.timer, version, nil
	}
	for _, x := range plan.Actions {
		if n, ok := x.(*launch.Node); ok {
			if err := s.g.addNode(n, r.Params[n.Executable]...); err != nil {
				return nil, err
			}
		}
	}
	if s.g.sim == nil {
		return nil, fmt.Errorf("sim.launch.yaml starts no simulator")
	}
	if s.w, err = watch(s.g, nil); err != nil {
		return nil, err
	}
	return s, errors.Join(s.addDemonstrator(), s.addRecorder(), s.addFilm())
}

func (s *stage) addDemonstrator() error {
	if s.r.Demonstrator == "" {
		return nil
	}
	args, err := s.ownFeeling()
	if err != nil {
		return err
	}
	return s.g.make("demonstrator", args, func(_ *graph, n *rcl.Node) (err error) {
		cfg := policy.DefaultConfig()
		cfg.Policy = s.r.Demonstrator
		s.label, err = policy.NewDemonstrator(n, cfg, openPolicy)
		return err
	})
}

// ownFeeling gives the demonstrator proprioception of its own where the policy that moves the robot feels less of it, as
// one of one arm does.
func (s *stage) ownFeeling() (args rcl.Args, err error) {
	mover, err := bind(s.r.Policy, s.r.Checkpoint, "")
	if err != nil {
		return args, err
	}
	label, err := bind(s.r.Demonstrator, "", "")
	if err != nil || slices.Equal(mover.manifest.Proprioception, label.manifest.Proprioception) {
		return args, err
	}
	const topic = "/demonstration/observation/proprioception"
	args.Remaps = []rcl.Remap{{From: "observation/proprioception", To: topic}}
	_, err = rcl.Subscribe(s.w.n, topic, rcl.SensorData, func(m *msgs.ProprioTokens, _ rcl.Info) {
		s.felt.add(m.Header.Stamp.Go(), m.Values)
	})
	if err != nil {
		return args, err
	}
	return args, s.g.make("demonstrator_proprioception", args, func(_ *graph, n *rcl.Node) error {
		cfg := proprioception.DefaultConfig()
		cfg.Policy = s.r.Demonstrator
		_, err := proprioception.New(n, cfg, openEncoder)
		return err
	})
}

func (s *stage) addRecorder() (err error) {
	if s.r.Record == "" {
		return nil
	}
	if err := s.g.make("recorder", rcl.Args{}, func(_ *graph, n *rcl.Node) error {
		_, err := recorder.New(n, s.r.recorder())
		return err
	}); err != nil {
		return err
	}
	if s.start, err = rcl.NewClient[msgs.StartEpisode_Request, msgs.StartEpisode_Response](s.w.n, "/recorder/start_episode"); err != nil {
		return err
	}
	s.end, err = rcl.NewClient[msgs.EndEpisode_Request, msgs.EndEpisode_Response](s.w.n, "/recorder/end_episode")
	return err
}

func (s *stage) addFilm() error {
	if !s.r.Film {
		return nil
	}
	src, err := s.g.sim.Film()
	if err != nil {
		return err
	}
	s.film = &film{src: src}
	_, err = s.w.n.Timer(time.Second/filmRate, func(time.Time) {
		if err := s.film.shoot(s.w.n.Context()); err != nil {
			s.w.n.Log().Warn().Err(err).Msg("no frame")
		}
	})
	return err
}

// ready is how long the robot may take until it sees, holds its arms, and is recorded.
const ready = 10 * time.Second

// prepare waits until the robot may be told what to do.
func (s *stage) prepare(o *outcome) error {
	began := s.g.ctx.Now()
	awake := func() bool {
		return s.w.image != nil && s.w.parts[msgs.Arms].State == "active" && s.w.parts[msgs.Base].State == "active"
	}
	if err := s.until(awake, ready); err != nil {
		return err
	}
	if !awake() {
		return fmt.Errorf("after %v the robot is not ready: arms %s, base %s, picture %t", s.g.ctx.Now().Sub(began), s.w.parts[msgs.Arms].Mode, s.w.parts[msgs.Base].Mode, s.w.image != nil)
	}
	if s.start == nil {
		return nil
	}
	var answer *msgs.StartEpisode_Response
	var failed error
	note := fmt.Sprintf("task %s, seed %d", s.r.Task, s.r.Seed)
	s.start.Go(&msgs.StartEpisode_Request{Task: s.r.Instruction, OperatorName: s.r.Demonstrator, Note: note}, func(r *msgs.StartEpisode_Response, err error) {
		answer, failed = r, err
	})
	if err := s.until(func() bool { return answer != nil || failed != nil }, ready); err != nil || failed != nil {
		return errors.Join(err, failed)
	}
	switch {
	case answer == nil:
		return fmt.Errorf("the recorder says nothing for %v", ready)
	case !answer.Success:
		return fmt.Errorf("the recorder does not start: %s", answer.Message)
	}
	o.Recorded = answer.Path
	return nil
}

// recorder keeps what training and a second look need: pictures as the policy sees them,
// labels, what was said and done, the verdict.
func (r rollout) recorder() recorder.Config {
	c := recorder.DefaultConfig()
	c.Directory, c.Episode = r.Record, episode.Name(int(r.Seed))
	c.Cameras = []string{}
	c.Required = []string{"/observation/image sensor_msgs/msg/Image"}
	c.Optional = []string{
		"/observation/views cobot_vla/msg/Views",
		policy.DemonstratedState + " cobot_vla/msg/ProprioTokens event",
		policy.DemonstratedNavigation + " cobot_vla/msg/NavigationToken event",
		policy.DemonstratedManipulation + " cobot_vla/msg/ActionChunk event",
		"/policy/navigation cobot_vla/msg/NavigationToken event",
		"/policy/manipulation cobot_vla/msg/ActionChunk event",
		"/base/status cobot_vla/msg/MotionStatus event",
		"/instruction std_msgs/msg/String latched",
		"/sim/verdict cobot_vla/msg/TaskVerdict latched",
	}
	c.FlushInterval, c.MinFree, c.Repair = 1, 256, false
	return c
}

// until runs the graph until cond holds, for at most d.
func (s *stage) until(cond func() bool, d time.Duration) error {
	end := s.g.ctx.Now().Add(d)
	return s.g.ctx.RunUntil(s.a.ctx, func() bool { return cond() || s.g.ctx.Now().After(end) })
}

// play lets the robot do its task, or a chain's tasks until one fails.
func (s *stage) play(o *outcome) error {
	began := s.g.ctx.Now()
	for k, instruction := range append([]string{s.r.Instruction}, s.r.Then...) {
		if k > 0 && !s.g.sim.Next() {
			return fmt.Errorf("%d instructions for a chain of %d tasks", 1+len(s.r.Then), k)
		}
		v, err := s.attempt(instruction)
		if err != nil {
			return err
		}
		o.Success, o.Reason = v.Success, v.Reason
		if !v.Success {
			break
		}
		o.Done++
	}
	o.Lasted = s.g.ctx.Now().Sub(began)
	period := s.timer.period()
	o.Steps = int((o.Lasted + period - 1) / period)
	o.Inference, o.Acted = s.w.infer, s.timer.acted
	return nil
}

// attempt tells the robot what to do and lets it, until the task is judged or its time is up.
func (s *stage) attempt(instruction string) (v scene.Verdict, err error) {
	task := s.g.sim.Task()
	steps, limit := task.Steps, task.Limit
	if s.r.Steps > 0 {
		steps = s.r.Steps
	}
	if s.r.Limit > 0 {
		limit = s.r.Limit
	}
	limit = min(limit, time.Duration(steps)*s.timer.period())
	end := s.g.ctx.Now().Add(limit)
	if err := s.w.tell.Publish(&msgs.String{Data: instruction}); err != nil {
		return v, err
	}
	var still stillness
	stands := false
	err = s.g.ctx.RunUntil(s.a.ctx, func() bool {
		v = s.g.sim.Verdict()
		stands = s.r.Still > 0 && s.w.still(&still) >= s.r.Still
		return v.Success || v.Over || stands || !s.g.ctx.Now().Before(end)
	})
	switch {
	case v.Success || v.Over:
	case stands:
		v.Reason = fmt.Sprintf("stood still for %v: %s", s.r.Still, v.Reason)
	default:
		v.Reason = fmt.Sprintf("not done within %v: %s", limit, v.Reason)
	}
	return v, err
}

// finish ends the recording.
func (s *stage) finish(o *outcome) error {
	if s.label != nil {
		if o.Labels, o.Refusals = s.label.Labels(), s.label.Refusals(); o.Labels == 0 && o.Steps > 0 {
			return fmt.Errorf("not one observation was labelled in %d steps: %s", o.Steps, s.label.Trouble())
		}
	}
	if s.end == nil {
		return nil
	}
	verdict := "keep"
	if !o.Success {
		verdict = "discard"
	}
	var answer *msgs.EndEpisode_Response
	var failed error
	s.end.Go(&msgs.EndEpisode_Request{Verdict: verdict, Note: o.Reason}, func(r *msgs.EndEpisode_Response, err error) { answer, failed = r, err })
	if err := s.until(func() bool { return answer != nil || failed != nil }, ready); err != nil || failed != nil {
		return errors.Join(err, failed)
	}
	switch {
	case answer == nil:
		return fmt.Errorf("the recorder does not end the episode within %v", ready)
	case !answer.Success:
		return fmt.Errorf("the recorder: %s", answer.Message)
	}
	return nil
}

// timedPolicy notes how long decisions really take.
type timedPolicy struct {
	model.Policy
	acted []time.Duration
}

func (p *timedPolicy) Act(ctx context.Context, obs model.Observation, emit func(int, []float64, []uint32)) (model.Action, error) {
	began := time.Now()
	a, err := p.Policy.Act(ctx, obs, emit)
	p.acted = append(p.acted, time.Since(began))
	return a, err
}

func (p *timedPolicy) period() time.Duration {
	return time.Duration(p.Manifest().Action.Period * float64(time.Second))
}
