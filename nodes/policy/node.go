package policy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cobot_vla/model"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// States of the node, as its heartbeat says them.
const (
	warming        = "warming_up"
	noInstruction  = "waiting_for_instruction"
	noObservation  = "waiting_for_observation"
	inferring      = "inferring"
	acquiring      = "acquiring"
	navigating     = "navigating"
	acting         = "acting"
	done           = "done"
	pausing        = "retrying"
	lostPolicy     = "failed"
	takenOver      = "taken_over"
	sourceIdentity = msgs.SourcePolicy
)

// Node is the policy node.
type Node struct {
	n   *rcl.Node
	cfg Config
	p   model.Policy
	obs observer

	clock robotClock

	nav     *rcl.Publisher[msgs.NavigationToken]
	manip   *rcl.Publisher[msgs.ActionChunk]
	beat    *rcl.Publisher[msgs.Heartbeat]
	acquire *rcl.Client[msgs.Acquire_Request, msgs.Acquire_Response]

	state       string
	waits       string // what it waits for, in words
	instruction string
	notBefore   time.Time // no observation older than this, in robot time
	run         uint64    // grows when what is under way must be forgotten
	busy        bool      // the policy works; it does one thing at a time
	reset       bool      // it must forget the episode before the next observation
	cancel      context.CancelFunc
	started     time.Time // of the inference

	held     uint8 // parts the authority says we hold
	estop    bool
	queued   []func() // messages that wait for a part
	wanted   uint8    // the part they wait for
	pause    func()
	beats    uint64
	goal     uint64
	sequence uint64
	sent     time.Time // last message of the present chunk, in robot time
	schedule uint8
	steps    int // of the present chunk that were sent
	whole    bool

	faults    map[uint8]string // parts with a fault, and what it is
	spoke     time.Time        // when what is under way was last heard of: the goal, or the arms
	inference latencies        // observation taken to first message
	ages      latencies        // camera to observation taken
	timings   []model.Timing
	actions   uint64
	failure   string

	open    Open
	gpuLost string // why the processor does what the GPU should
}

// Open makes the policy that the parameters name, and gives the version of its statistics.
type Open func(kind, checkpoint, calibration string, on Compute) (p model.Policy, statistics string, err error)

// New starts the policy node on n; open is called with what its parameters say.
func New(n *rcl.Node, cfg Config, open Open) (*Node, error) {
	if err := n.Bind(&cfg); err != nil {
		return nil, err
	}
	p, version, lost, err := openAny(n, cfg, open)
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", cfg.Policy, err)
	}
	n.Keep(p)
	m := p.Manifest()
	s := &Node{
		n: n, cfg: cfg, p: p, open: open, gpuLost: lost, state: warming, instruction: cfg.Instruction,
		faults: map[uint8]string{},
		obs:    observer{manifest: m, version: version, maxSkew: seconds(cfg.MaxSkew)},
	}
	if err := s.connect(m.NeedsGroundTruth); err != nil {
		return nil, err
	}
	s.warm()
	return s, nil
}

func (s *Node) connect(truth bool) error {
	n := s.n
	var errs []error
	keep := func(err error) { errs = append(errs, err) }
	var err error
	s.nav, err = rcl.Advertise[msgs.NavigationToken](n, "policy/navigation", rcl.Default)
	keep(err)
	s.manip, err = rcl.Advertise[msgs.ActionChunk](n, "policy/manipulation", rcl.Default)
	keep(err)
	s.beat, err = rcl.Advertise[msgs.Heartbeat](n, "policy/heartbeat", rcl.Newest)
	keep(err)
	s.acquire, err = rcl.NewClient[msgs.Acquire_Request, msgs.Acquire_Response](n, "supervisor/acquire")
	keep(err)
	_, err = rcl.Subscribe(n, "instruction", rcl.Latched, func(m *msgs.String, _ rcl.Info) { s.instruct(m.Data) })
	keep(err)
	_, err = rcl.Subscribe(n, "observation/image", rcl.NewestSensor, func(m *msgs.Image, _ rcl.Info) { s.obs.image = m; s.look() })
	keep(err)
	_, err = rcl.Subscribe(n, "observation/views", rcl.NewestSensor, func(m *msgs.Views, _ rcl.Info) { s.obs.views = m; s.look() })
	keep(err)
	_, err = rcl.Subscribe(n, "observation/proprioception", rcl.SensorData, func(m *msgs.ProprioTokens, _ rcl.Info) { s.obs.addProprio(m); s.look() })
	keep(err)
	_, err = rcl.Subscribe(n, "base/status", rcl.Default, func(m *msgs.MotionStatus, _ rcl.Info) { s.motion(m) })
	keep(err)
	_, err = rcl.Subscribe(n, "supervisor/authority", rcl.Newest, func(m *msgs.Authority, _ rcl.Info) { s.authority(m) })
	keep(err)
	_, err = rcl.Subscribe(n, "supervisor/parts", rcl.Default, func(m *msgs.PartStatus, _ rcl.Info) { s.part(m) })
	keep(err)
	if truth {
		_, err = rcl.Subscribe(n, "sim/ground_truth", rcl.NewestSensor, func(m *msgs.TFMessage, _ rcl.Info) { s.obs.addTruth(m) })
		keep(err)
	}
	_, err = n.Timer(heartbeatPeriod, s.tick)
	keep(err)
	d, err := rcl.NewDiagnostics(n, "")
	keep(err)
	if err == nil {
		d.Task("policy", s.diagnose)
		d.Task("clock", s.diagnoseClock)
	}
	keep(s.measureClock())
	return errors.Join(errs...)
}

// warm prepares the policy, off the node's thread.
func (s *Node) warm() {
	p := s.p
	s.n.Background(0, func(ctx context.Context, post func(func())) {
		err := p.Warm(ctx)
		post(func() { s.warmed(err) })
	})
}

func (s *Node) warmed(err error) {
	if s.withoutGPU(err) {
		return
	}
	if err != nil {
		s.fail(fmt.Sprintf("warm-up: %v", err))
		return
	}
	s.n.Log().Info().Str("policy", s.p.Manifest().Name).Msg("ready")
	s.ready(s.robotNow())
}

// ready waits for an observation not older than notBefore, or for an instruction.
func (s *Node) ready(notBefore time.Time) {
	s.notBefore = notBefore
	s.state = noObservation
	if s.instruction == "" {
		s.state = noInstruction
	}
	s.look()
}

// forget drops what is under way: its results will not be used.
func (s *Node) forget() {
	s.run++
	s.queued, s.wanted = nil, 0
	if s.cancel != nil {
		s.cancel()
		s.cancel = nil
	}
	if s.pause != nil {
		s.pause()
		s.pause = nil
	}
}

// instruct takes a new instruction: it holds from the next observation on.
func (s *Node) instruct(text string) {
	if text == s.instruction {
		return
	}
	s.n.Log().Info().Str("instruction", text).Msg("instructed")
	s.instruction = text
	if s.state == warming || s.state == lostPolicy {
		return
	}
	s.forget()
	s.reset = true
	if text == "" {
		s.giveBack()
	}
	s.ready(s.robotNow())
}

func (s *Node) giveBack() {
	s.acquire.Go(&msgs.Acquire_Request{Source: sourceIdentity}, func(*msgs.Acquire_Response, error) {})
}

// look starts an inference when it is time for one and an observation is there.
func (s *Node) look() {
	if s.state != noObservation || s.busy {
		return
	}
	obs, waits := s.obs.take(s.robotNow(), s.notBefore)
	for _, why := range s.faults { // deciding would help nobody
		waits = why
	}
	s.waits = waits
	if waits != "" {
		return
	}
	obs.Instruction, obs.Mobile = s.instruction, s.cfg.Mobile && s.p.Manifest().Navigation != nil
	s.infer(obs)
}

func (s *Node) infer(obs model.Observation) {
	s.run++
	run := s.run
	s.state, s.started = inferring, s.n.Now()
	s.sequence++
	s.steps, s.whole = 0, false
	s.ages.add(s.robotNow().Sub(obs.Stamp))
	s.schedule = s.chooseSchedule()
	reset := s.reset
	s.busy, s.reset = true, false
	ctx, cancel := context.WithCancel(s.n.Context())
	s.cancel = cancel
	s.n.Background(seconds(s.cfg.Latency), func(_ context.Context, post func(func())) {
		if reset {
			s.p.Reset()
		}
		action, err := s.p.Act(ctx, obs, func(step int, values []float64, tokens []uint32) {
			post(func() {
				if s.run == run {
					s.sendStep(obs, step, values, tokens)
				}
			})
		})
		post(func() {
			cancel()
			s.busy = false
			if s.run == run {
				s.acted(obs, action, err)
			}
		})
	})
}

// chooseSchedule says when steps are due: see Config.Schedule.
func (s *Node) chooseSchedule() uint8 {
	m := s.p.Manifest()
	chunk := seconds(m.Action.Period * float64(m.Action.Chunk))
	switch {
	case s.cfg.Schedule == "sync" || m.Action.Mode == "delta":
		return msgs.Sync
	case s.cfg.Schedule == "async":
		return msgs.Async
	case len(s.inference.last) > 0 && 2*(s.inference.percentile(0.99)+s.ages.percentile(0.99)) <= chunk && s.held&msgs.Arms != 0:
		return msgs.Async
	}
	return msgs.Sync
}

// sendStep sends one step of a chunk, as soon as it is decided.
func (s *Node) sendStep(obs model.Observation, step int, values []float64, tokens []uint32) {
	if s.steps == 0 {
		s.inference.add(s.n.Now().Sub(s.started))
	}
	s.steps++
	m := s.p.Manifest()
	c := &msgs.ActionChunk{
		Header: msgs.Header{Stamp: msgs.Stamp(obs.Stamp)}, Sequence: s.sequence, Source: sourceIdentity,
		Names: m.Action.Names, Schedule: s.schedule,
		Period: msgs.Span(seconds(m.Action.Period)), MaxAge: msgs.Span(seconds(m.MaxObservationAge)),
		FirstStep: uint32(step), StepsTotal: uint32(m.Action.Chunk),
		Values: values, Tokens: tokens,
	}
	if m.Action.Mode == "delta" {
		c.Mode = msgs.Delta
	}
	s.send(msgs.Arms, func() {
		s.sent = s.robotNow()
		c.Inference = msgs.Span(s.n.Now().Sub(s.started))
		_ = s.manip.Publish(c)
	})
}

// acted takes the whole decision.
func (s *Node) acted(obs model.Observation, a model.Action, err error) {
	s.cancel = nil
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return
		}
		if s.withoutGPU(err) {
			return
		}
		s.refused(fmt.Sprintf("policy %s: %v", s.p.Manifest().Kind, err))
		return
	}
	s.failure = ""
	s.actions++
	s.timings = a.Timings
	switch {
	case a.Done:
		s.state = done
		s.giveBack()
	case a.Navigation != nil:
		s.inference.add(s.n.Now().Sub(s.started))
		s.navigate(obs, *a.Navigation)
	default:
		s.whole = true
		if s.state == inferring {
			s.state = acting
		}
		if s.schedule == msgs.Async && s.state == acting {
			s.ready(obs.Stamp.Add(time.Nanosecond)) // the next image may already be there
		}
	}
}

func (s *Node) navigate(obs model.Observation, nav model.Navigation) {
	s.goal++
	goal := &msgs.NavigationToken{
		Header: msgs.Header{Stamp: msgs.Stamp(obs.Stamp)}, GoalID: s.goal, Source: sourceIdentity,
		Direction: nav.Direction, Value: nav.Value,
		DirectionToken: nav.DirectionToken, ValueToken: nav.ValueToken,
	}
	s.send(msgs.Base, func() {
		s.state = navigating
		s.spoke = s.n.Now()
		goal.Inference = msgs.Span(s.spoke.Sub(s.started))
		_ = s.nav.Publish(goal)
	})
}

// send sends now when the authority is ours, or asks for it and sends then.
func (s *Node) send(part uint8, fn func()) {
	if s.held&part != 0 {
		fn()
		return
	}
	s.queued = append(s.queued, fn)
	if s.wanted == part {
		return
	}
	s.wanted = part
	s.state = acquiring
	run := s.run
	s.acquire.Go(&msgs.Acquire_Request{Source: sourceIdentity, Parts: part}, func(r *msgs.Acquire_Response, err error) {
		switch {
		case s.run != run:
		case err != nil:
			s.refused(fmt.Sprintf("supervisor: %v", err))
		case !r.Granted:
			s.refused("supervisor: " + r.Reason)
		}
	})
}

// authority follows what the supervisor grants.
func (s *Node) authority(m *msgs.Authority) {
	had := s.held
	s.estop, s.held = m.Estop, 0
	if m.Source == sourceIdentity {
		s.held = m.Parts
	}
	if s.wanted != 0 && s.held&s.wanted != 0 {
		queued := s.queued
		s.queued, s.wanted = nil, 0
		s.state = acting
		for _, fn := range queued {
			fn()
		}
		return
	}
	lost := had&^s.held != 0 && s.wanted == 0
	if lost && (s.state == acting || s.state == navigating || s.state == inferring || s.state == noObservation) {
		s.reset = true
		s.refused("the authority went to " + m.Source + ": " + m.Reason)
	}
}

// motion follows a navigation goal.
func (s *Node) motion(m *msgs.MotionStatus) {
	if s.state != navigating || m.GoalID != s.goal {
		return
	}
	s.spoke = s.n.Now()
	switch m.State {
	case msgs.Done:
		s.ready(m.Header.Stamp.Go())
	case msgs.Aborted:
		s.refused(fmt.Sprintf("goal %d was aborted: %s", m.GoalID, m.Reason))
	case msgs.Refused:
		s.refused(fmt.Sprintf("goal %d was refused: %s", m.GoalID, m.Reason))
	}
}

// part learns from the arms that a synchronous chunk was played.
func (s *Node) part(m *msgs.PartStatus) {
	if m.Part == msgs.Arms && s.state != navigating {
		s.spoke = s.n.Now()
	}
	delete(s.faults, m.Part)
	if m.Fault {
		s.faults[m.Part] = m.Reason
	}
	if m.Part != msgs.Arms || s.state != acting || !s.whole || s.wanted != 0 {
		return
	}
	stamp := m.Header.Stamp.Go()
	if m.Mode == "waiting_for_policy" && stamp.After(s.sent.Add(5*time.Millisecond)) {
		s.ready(stamp)
	}
	switch m.Mode {
	case "waiting_for_policy", "following", "acquiring":
	default:
		if stamp.After(s.sent.Add(time.Second)) {
			s.refused("the arms are " + m.Mode + ": " + m.Reason)
		}
	}
}

// refused pauses, then tries with a new observation.
func (s *Node) refused(why string) {
	s.forget()
	s.failure = why
	s.state = pausing
	s.n.Log().Warn().Msg(why)
	s.pause = s.n.After(seconds(s.cfg.Retry), func() {
		s.pause = nil
		if s.state == pausing {
			s.ready(s.robotNow())
		}
	})
}

func (s *Node) fail(why string) {
	s.forget()
	s.failure, s.state = why, lostPolicy
	s.n.Log().Error().Msg(why)
}

func (s *Node) tick(now time.Time) {
	s.beats++
	_ = s.beat.Publish(&msgs.Heartbeat{
		Header: msgs.Header{Stamp: msgs.Stamp(now)}, Source: sourceIdentity, Sequence: s.beats, State: s.state,
	})
	if s.state == noObservation {
		s.look()
	}
	const silence = time.Second // drivers report twenty times as often
	if (s.state == navigating || s.state == acting) && !s.spoke.IsZero() && now.Sub(s.spoke) > silence {
		s.refused(fmt.Sprintf("%s, but its driver has said nothing of it for %.1f s", s.state, now.Sub(s.spoke).Seconds()))
	}
}

func (s *Node) diagnose(d *rcl.Status) {
	d.Add("state", s.state)
	d.Add("instruction", s.instruction)
	d.Add("actions", s.actions)
	d.Add("schedule", map[uint8]string{msgs.Sync: "sync", msgs.Async: "async"}[s.schedule])
	d.Add("inference_p50_ms", s.inference.percentile(0.5).Milliseconds())
	d.Add("inference_p99_ms", s.inference.percentile(0.99).Milliseconds())
	d.Add("image_age_p99_ms", s.ages.percentile(0.99).Milliseconds())
	for _, t := range s.timings {
		d.Add(t.Stage+"_ms", float64(t.Took.Microseconds())/1000)
	}
	now := s.n.Now()
	switch {
	case s.state == lostPolicy:
		d.Error("%s", s.failure)
	case s.state == inferring && now.Sub(s.started) > seconds(s.cfg.InferenceTimeout):
		d.Error("inference has taken %.1f s, more than %.1f s", now.Sub(s.started).Seconds(), s.cfg.InferenceTimeout)
	case s.state == pausing:
		d.Warn("%s", s.failure)
	case s.state == noObservation && s.waits != "" && s.robotNow().Sub(s.notBefore) > time.Second:
		d.Warn("waiting for %s", s.waits)
	case s.gpuLost != "":
		d.Warn("on the processor: %s", s.gpuLost)
	default:
		d.OK("%s", s.state)
	}
}

func seconds(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }
