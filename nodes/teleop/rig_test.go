package teleop

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cobot_vla/calibration"
	"cobot_vla/drivers/input"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a teleop node in lockstep with a test that plays everybody else: the
// supervisor, the arm and base nodes, the leaders, a policy, the recorder.
type rig struct {
	t     *testing.T
	ctx   *rcl.Context
	world *rcl.Node
	tele  *Node
	input *input.Fakes

	// supervisor
	authority msgs.Authority
	refuse    string // why it refuses
	mute      bool
	asked     []msgs.Acquire_Request
	pub       *rcl.Publisher[msgs.Authority]
	estops    int

	// arms: they go where the newest chunk's step wants them, at once
	names    []string
	pose     []float64
	mode     string
	lastSeq  uint64
	chunks   []msgs.ActionChunk
	problems []string
	blocked  bool    // they do not move
	fastest  float64 // of any joint, by chunks [rad/s]
	moved    time.Time

	// base
	twists []msgs.Twist

	leaders  map[string]*leaderArm
	policy   string // its heartbeat's state
	beats    []msgs.Heartbeat
	correct  []bool
	recorded []string
	client   map[string]*rcl.Client[msgs.Trigger_Request, msgs.Trigger_Response]
	cmd      *rcl.Publisher[msgs.Twist]
	estop    *rcl.Publisher[msgs.Bool]
}

// leaderArm is one that the test moves.
type leaderArm struct {
	pose   pose
	silent bool
	frozen bool // it repeats its last message
	names  []string
	skew   time.Duration
	last   *msgs.JointState
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	r := &rig{
		t: t, input: input.NewFakes(), mode: "holding", leaders: map[string]*leaderArm{},
		client: map[string]*rcl.Client[msgs.Trigger_Request, msgs.Trigger_Response]{},
		names:  calibration.Default().ActionNames(), pose: make([]float64, 14),
		authority: msgs.Authority{Source: msgs.SourceNone},
	}
	r.ctx = rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(time.Time{})})
	t.Cleanup(func() { must(t, r.ctx.Shutdown(time.Second)) })
	var err error
	r.world, err = r.ctx.Node("world", rcl.Args{})
	must(t, err)
	r.supervise()
	r.arm()
	r.people()
	cfg := DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	n, err := r.ctx.Node("teleop", rcl.Args{})
	must(t, err)
	r.tele, err = New(n, cfg, r.input)
	must(t, err)
	for _, name := range []string{"take_over", "give_back"} {
		r.client[name], err = rcl.NewClient[msgs.Trigger_Request, msgs.Trigger_Response](r.world, "teleop/"+name)
		must(t, err)
	}
	return r
}

// supervise grants at once what is asked for, when nothing speaks against it.
func (r *rig) supervise() {
	n := r.world
	var err error
	r.pub, err = rcl.Advertise[msgs.Authority](n, "supervisor/authority", rcl.Newest)
	must(r.t, err)
	must(r.t, rcl.Serve(n, "supervisor/acquire", func(q *msgs.Acquire_Request, a *msgs.Acquire_Response) {
		r.asked = append(r.asked, *q)
		switch {
		case q.Parts == 0:
			if r.authority.Source == q.Source {
				r.grant(msgs.SourceNone, 0)
			}
			a.Granted = true
		case r.refuse != "" || r.authority.Estop:
			a.Reason = r.refuse
		default:
			a.Granted = true
			r.grant(q.Source, q.Parts)
		}
	}))
	_, err = n.Timer(50*time.Millisecond, func(time.Time) { r.tell() })
	must(r.t, err)
	_, err = rcl.Subscribe(n, "estop", rcl.Default, func(m *msgs.Bool, _ rcl.Info) {
		if m.Data {
			r.estops++
			r.authority.Estop = true
			r.grant(msgs.SourceNone, 0)
		}
	})
	must(r.t, err)
	r.estop, err = rcl.Advertise[msgs.Bool](n, "estop", rcl.Default)
	must(r.t, err)
}

func (r *rig) grant(source string, parts uint8) {
	r.authority.Source, r.authority.Parts = source, parts
	r.mode = "holding"
	if parts&msgs.Arms != 0 {
		r.mode = "waiting_for_policy"
	}
	r.tell()
}

func (r *rig) tell() {
	if r.mute {
		return
	}
	r.authority.Sequence++
	m := r.authority
	must(r.t, r.pub.Publish(&m))
}

// arm holds, and takes the chunks that a real arm node would take.
func (r *rig) arm() {
	n := r.world
	command, err := rcl.Advertise[msgs.JointState](n, "arms/command", rcl.Default)
	must(r.t, err)
	_, err = n.Timer(5*time.Millisecond, func(now time.Time) {
		must(r.t, command.Publish(&msgs.JointState{Header: msgs.Header{Stamp: msgs.Stamp(now)}, Name: r.names, Position: slices.Clone(r.pose)}))
	})
	must(r.t, err)
	parts, err := rcl.Advertise[msgs.PartStatus](n, "supervisor/parts", rcl.Default)
	must(r.t, err)
	_, err = n.Timer(50*time.Millisecond, func(time.Time) {
		must(r.t, parts.Publish(&msgs.PartStatus{Part: msgs.Arms, State: "active", Mode: r.mode, Stopped: true}))
	})
	must(r.t, err)
	_, err = rcl.Subscribe(n, "policy/manipulation", rcl.Default, func(m *msgs.ActionChunk, _ rcl.Info) { r.chunk(m) })
	must(r.t, err)
	_, err = rcl.Subscribe(n, "cmd_vel", rcl.Default, func(m *msgs.Twist, _ rcl.Info) { r.twists = append(r.twists, *m) })
	must(r.t, err)
}

func (r *rig) problem(what string) { r.problems = append(r.problems, what) }

func (r *rig) chunk(m *msgs.ActionChunk) {
	now := r.ctx.Now()
	age := now.Sub(m.Header.Stamp.Go())
	width := len(m.Names)
	switch {
	case m.Source != msgs.SourceTeleop || r.authority.Source != msgs.SourceTeleop || r.authority.Parts&msgs.Arms == 0:
		r.problem("a chunk without authority")
	case m.Sequence <= r.lastSeq:
		r.problem("sequence does not grow")
	case age > m.MaxAge.Go() || age < 0:
		r.problem("stamp " + age.String() + " old")
	case m.MaxAge.Go() > 200*time.Millisecond || m.Mode != msgs.Absolute || m.Schedule != msgs.Async:
		r.problem("not an absolute, async chunk of a short age")
	case width == 0 || len(m.Values) != int(m.StepsTotal)*width || m.FirstStep != 0:
		r.problem("not a whole chunk")
	}
	r.lastSeq = m.Sequence
	r.chunks = append(r.chunks, *m)
	for i, name := range m.Names {
		j := slices.Index(r.names, name)
		if j < 0 {
			r.problem("joint " + name)
			continue
		}
		if v := m.Values[i]; !r.blocked {
			if dt := now.Sub(r.moved).Seconds(); dt > 0 && dt < 0.1 && i%axes != axes-1 {
				r.fastest = max(r.fastest, math.Abs(v-r.pose[j])/dt)
			}
			r.pose[j] = v
		}
	}
	r.moved = now
}

// people are leaders, a policy and a recorder.
func (r *rig) people() {
	n := r.world
	for _, a := range calibration.Default().Arms {
		l := &leaderArm{names: a.Names()}
		r.leaders[a.Side] = l
		pub, err := rcl.Advertise[msgs.JointState](n, "master/joint_"+a.Side, rcl.Default)
		must(r.t, err)
		_, err = n.Timer(5*time.Millisecond, func(now time.Time) {
			switch {
			case l.silent:
			case l.frozen && l.last != nil:
				must(r.t, pub.Publish(l.last))
			default:
				l.last = &msgs.JointState{
					Header: msgs.Header{Stamp: msgs.Stamp(now.Add(-2*time.Millisecond + l.skew))}, Name: l.names,
					Position: slices.Clone(l.pose[:]),
				}
				must(r.t, pub.Publish(l.last))
			}
		})
		must(r.t, err)
	}
	beat, err := rcl.Advertise[msgs.Heartbeat](n, "policy/heartbeat", rcl.Newest)
	must(r.t, err)
	_, err = n.Timer(50*time.Millisecond, func(time.Time) {
		if r.policy != "" {
			must(r.t, beat.Publish(&msgs.Heartbeat{Source: msgs.SourcePolicy, State: r.policy}))
		}
	})
	must(r.t, err)
	_, err = rcl.Subscribe(n, "policy/heartbeat", rcl.Default, func(m *msgs.Heartbeat, _ rcl.Info) {
		if m.Source == msgs.SourceTeleop {
			r.beats = append(r.beats, *m)
		}
	})
	must(r.t, err)
	_, err = rcl.Subscribe(n, "teleop/correction", rcl.Latched, func(m *msgs.Bool, _ rcl.Info) { r.correct = append(r.correct, m.Data) })
	must(r.t, err)
	r.cmd, err = rcl.Advertise[msgs.Twist](n, "teleop/cmd_vel", rcl.Newest)
	must(r.t, err)
	status, err := rcl.Advertise[msgs.RecorderStatus](n, "recorder/status", rcl.Newest)
	must(r.t, err)
	for _, name := range []string{"start", "stop", "discard", "mark"} {
		must(r.t, rcl.Serve(n, "recorder/"+name, func(_ *msgs.Trigger_Request, a *msgs.Trigger_Response) {
			r.recorded = append(r.recorded, name)
			a.Success = true
			state := map[string]string{"start": "recording", "mark": "recording"}[name]
			if state == "" {
				state = "idle"
			}
			must(r.t, status.Publish(&msgs.RecorderStatus{State: state}))
		}))
	}
}

// run lets d pass; each, which may be nil, is asked between callbacks.
func (r *rig) run(d time.Duration, each func()) {
	r.t.Helper()
	end := r.ctx.Now().Add(d)
	must(r.t, r.ctx.RunUntil(context.Background(), func() bool {
		if each != nil {
			each()
		}
		return !r.ctx.Now().Before(end)
	}))
}

// until lets time pass until cond, at most limit.
func (r *rig) until(what string, limit time.Duration, cond func() bool) {
	r.t.Helper()
	end, ok := r.ctx.Now().Add(limit), false
	must(r.t, r.ctx.RunUntil(context.Background(), func() bool {
		ok = cond()
		return ok || r.ctx.Now().After(end)
	}))
	if !ok {
		r.t.Fatalf("%s: not in %v; state %s, %s; %s; %s", what, limit, r.state(), r.tele.session.reason, r.tele.sides[0].says(r.ctx.Now()), r.tele.sides[1].says(r.ctx.Now()))
	}
}

func (r *rig) state() string { return r.tele.state(r.ctx.Now()) }

func (r *rig) is(state string) func() bool { return func() bool { return r.state() == state } }

// call calls one of the node's services.
func (r *rig) call(name string) (ok bool, text string) {
	r.t.Helper()
	answered := false
	r.client[name].Go(&msgs.Trigger_Request{}, func(a *msgs.Trigger_Response, err error) {
		must(r.t, err)
		ok, text, answered = a.Success, a.Message, true
	})
	r.until(name+" is answered", 10*time.Second, func() bool { return answered })
	return ok, text
}

// lead takes over and waits until both arms copy their leaders.
func (r *rig) lead() {
	r.t.Helper()
	r.run(100*time.Millisecond, nil)
	if ok, text := r.call("take_over"); !ok {
		r.t.Fatal(text)
	}
	r.until("following", 20*time.Second, r.is(stateFollowing))
	r.run(100*time.Millisecond, nil)
}

// clean fails the test when the arms saw a chunk that they would refuse.
func (r *rig) clean() {
	r.t.Helper()
	if len(r.problems) > 0 {
		r.t.Errorf("%d chunks would be refused: %v", len(r.problems), r.problems[:min(3, len(r.problems))])
	}
}
