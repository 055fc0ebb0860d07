package arm

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/drivers/can"
	"cobot_vla/drivers/piper/pipersim"
	"cobot_vla/drivers/plant"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

// rig is an arm node with simulated arms, and a test that plays supervisor and policy.
type rig struct {
	t       *testing.T
	ctx     *rcl.Context
	node    *Node
	world   *plant.Kinematic
	arms    map[string]*pipersim.Firmware
	test    *rcl.Node
	chunks  *rcl.Publisher[msgs.ActionChunk]
	estop   *rcl.Publisher[msgs.Bool]
	grants  msgs.Authority
	silent  bool // no authority
	dead    bool // no heartbeat
	part    msgs.PartStatus
	command *msgs.JointState
	seq     uint64
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, arms: map[string]*pipersim.Firmware{}}
	r.ctx = rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(time.Time{})})
	t.Cleanup(func() {
		if err := r.ctx.Shutdown(time.Second); err != nil {
			t.Error(err)
		}
	})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	network := can.NewNetwork()
	var err error
	r.world, err = plant.New(plant.DefaultConfig())
	must(err)
	r.test, err = r.ctx.Node("test", rcl.Args{})
	must(err)
	for _, a := range calibration.Default().Arms {
		bus, err := network.Open(a.Bus)
		must(err)
		r.arms[a.Side], err = pipersim.New(bus, r.world.Arm(a.Side), pipersim.DefaultConfig())
		must(err)
	}
	_, err = r.test.Timer(2*time.Millisecond, func(now time.Time) {
		must(r.world.Step(2 * time.Millisecond))
		r.arms["left"].Tick(now)
		r.arms["right"].Tick(now)
	})
	must(err)
	authority, err := rcl.Advertise[msgs.Authority](r.test, "/supervisor/authority", rcl.Newest)
	must(err)
	beat, err := rcl.Advertise[msgs.Heartbeat](r.test, "/policy/heartbeat", rcl.Newest)
	must(err)
	_, err = r.test.Timer(50*time.Millisecond, func(time.Time) {
		if !r.silent {
			m := r.grants
			must(authority.Publish(&m))
		}
		if !r.dead {
			must(beat.Publish(&msgs.Heartbeat{Source: msgs.SourcePolicy}))
		}
	})
	must(err)
	r.chunks, err = rcl.Advertise[msgs.ActionChunk](r.test, "/policy/manipulation", rcl.Default)
	must(err)
	r.estop, err = rcl.Advertise[msgs.Bool](r.test, "/estop", rcl.Default)
	must(err)
	_, err = rcl.Subscribe(r.test, "/supervisor/parts", rcl.Default, func(m *msgs.PartStatus, _ rcl.Info) { r.part = *m })
	must(err)
	_, err = rcl.Subscribe(r.test, "/arms/command", rcl.Default, func(m *msgs.JointState, _ rcl.Info) { r.command = m })
	must(err)
	n, err := r.ctx.Node("arm", rcl.Args{})
	must(err)
	cfg := DefaultConfig()
	cfg.AutoEnable = true
	if change != nil {
		change(&cfg)
	}
	r.node, err = New(n, cfg, network)
	must(err)
	return r
}

// run goes on until cond, for at most limit of simulated time, and says whether cond came true.
func (r *rig) run(limit time.Duration, cond func() bool) bool {
	r.t.Helper()
	end, ok := r.ctx.Now().Add(limit), false
	if err := r.ctx.RunUntil(context.Background(), func() bool {
		ok = cond != nil && cond()
		return ok || r.ctx.Now().After(end)
	}); err != nil {
		r.t.Fatal(err)
	}
	return ok
}

func (r *rig) mode(want string) func() bool { return func() bool { return r.part.Mode == want } }

// ready enables the arms and gives them to the policy.
func (r *rig) ready() {
	r.t.Helper()
	if !r.run(10*time.Second, r.mode(modeHolding)) {
		r.t.Fatalf("never holding: %+v", r.part)
	}
	r.grants = msgs.Authority{Source: msgs.SourcePolicy, Parts: msgs.Arms}
	if !r.run(time.Second, r.mode(modeWaiting)) {
		r.t.Fatalf("never waiting for the policy: %+v", r.part)
	}
}

// send sends a chunk of five steps that moves every joint of the left arm by way.
func (r *rig) send(schedule uint8, way float64, change func(*msgs.ActionChunk)) {
	r.t.Helper()
	r.seq++
	m := &msgs.ActionChunk{
		Header: msgs.Header{Stamp: msgs.Stamp(r.ctx.Now())}, Sequence: r.seq, Source: msgs.SourcePolicy, Schedule: schedule,
		Names: calibration.Default().Arms[0].Names(), Period: msgs.Span(100 * time.Millisecond), MaxAge: msgs.Span(time.Second), StepsTotal: 5,
	}
	signs := []float64{1, 1, -1, 1, 1, 1}
	for k := range 5 {
		for j := range 6 {
			m.Values = append(m.Values, r.command.Position[j]+signs[j]*way*float64(k+1)/5)
		}
		m.Values = append(m.Values, 0.04)
	}
	if change != nil {
		change(m)
	}
	if err := r.chunks.Publish(m); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) left() [6]float64 { return r.world.Arm("left").State().Joints }

func TestAChunkIsPlayed(t *testing.T) {
	for _, schedule := range []uint8{msgs.Sync, msgs.Async} {
		r := newRig(t, nil)
		r.ready()
		start := r.left()
		r.send(schedule, 0.2, nil)
		if !r.run(time.Second, r.mode(modeFollowing)) {
			t.Fatalf("never following: %+v", r.part)
		}
		if !r.run(3*time.Second, r.mode(modeWaiting)) {
			t.Fatalf("never done: %+v", r.part)
		}
		r.run(500*time.Millisecond, nil)
		for j, q := range r.left() {
			if way := math.Abs(q - start[j]); math.Abs(way-0.2) > 0.01 {
				t.Errorf("schedule %d: joint%d went %.4f rad, want 0.2", schedule, j+1, way)
			}
		}
		if w := r.world.Arm("left").State().Width; math.Abs(w-0.04) > 0.002 {
			t.Errorf("gripper at %.4f m", w)
		}
		if r.part.Refused != 0 {
			t.Errorf("refused: %s", r.part.Reason)
		}
	}
}

func TestArmsHoldWhenTheyMust(t *testing.T) {
	cases := []struct {
		name  string
		cause func(*rig)
		mode  string
		says  string
		bound time.Duration // watchdog and braking
	}{
		{"authority silent", func(r *rig) { r.silent = true }, modeHolding, "authority", 700 * time.Millisecond},
		{"heartbeat gone", func(r *rig) { r.dead = true }, modeHolding, "heartbeat", 700 * time.Millisecond},
		{"authority taken", func(r *rig) { r.grants = msgs.Authority{Source: msgs.SourceNone} }, modeHolding, "nobody", 450 * time.Millisecond},
		{"e-stop", func(r *rig) { r.grants.Estop = true; _ = r.estop.Publish(&msgs.Bool{Data: true}) }, modeEstop, "e-stop", 400 * time.Millisecond},
		{"bus silent", func(r *rig) { _ = r.arms["right"].Inject(pipersim.Fault{Kind: pipersim.BusSilent}) }, modeFault, "right", 600 * time.Millisecond},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			r.ready()
			r.send(msgs.Sync, 0.5, nil)
			if !r.run(5*time.Second, func() bool { return r.part.Mode == modeFollowing && r.left()[0] > 0.1 }) {
				t.Fatalf("never moving: %+v", r.part)
			}
			c.cause(r)
			at := r.ctx.Now()
			if !r.run(3*time.Second, func() bool { return r.part.Mode == c.mode && r.part.Stopped }) {
				t.Fatalf("never holding: %+v", r.part)
			}
			if took := r.ctx.Now().Sub(at); took > c.bound {
				t.Errorf("took %v", took)
			}
			if !strings.Contains(r.part.Reason, c.says) {
				t.Errorf("says %q", r.part.Reason)
			}
			held := r.left()
			r.run(2*time.Second, nil)
			for j, q := range r.left() {
				if math.Abs(q-held[j]) > 0.001 {
					t.Errorf("joint%d drifted by %.4f rad while holding", j+1, q-held[j])
				}
			}
		})
	}
}

func TestBadChunksAreRefusedWhole(t *testing.T) {
	r := newRig(t, nil)
	r.ready()
	before := r.left()
	cases := []struct {
		says   string
		change func(*msgs.ActionChunk)
	}{
		{"NaN", func(m *msgs.ActionChunk) { m.Values[30] = math.NaN() }},
		{"not this robot's", func(m *msgs.ActionChunk) { m.Names = append([]string{"elbow"}, m.Names[1:]...) }},
		{"twice", func(m *msgs.ActionChunk) {
			m.Names = append([]string{m.Names[1]}, m.Names[1:]...)
		}},
		{"not a multiple", func(m *msgs.ActionChunk) { m.Values = m.Values[:34] }},
		{"holds the arms", func(m *msgs.ActionChunk) { m.Source = msgs.SourceTeleop }},
		{"s old", func(m *msgs.ActionChunk) { m.Header.Stamp = msgs.Stamp(r.ctx.Now().Add(-2 * time.Second)) }},
		{"in the future", func(m *msgs.ActionChunk) { m.Header.Stamp = msgs.Stamp(r.ctx.Now().Add(time.Second)) }},
		{"beginning was lost", func(m *msgs.ActionChunk) { m.FirstStep = 2; m.StepsTotal = 7 }},
		{"step period", func(m *msgs.ActionChunk) { m.Period = msgs.Duration{} }},
		{"delta and async", func(m *msgs.ActionChunk) { m.Mode, m.Schedule = msgs.Delta, msgs.Async }},
	}
	for i, c := range cases {
		r.send(msgs.Sync, 0.3, c.change)
		r.run(200*time.Millisecond, nil)
		if r.part.Refused != uint64(i+1) || !strings.Contains(r.part.Reason, c.says) {
			t.Errorf("want %q: refused %d, says %q", c.says, r.part.Refused, r.part.Reason)
		}
	}
	if r.left() != before {
		t.Error("a refused chunk moved the arm")
	}
}

// TestFirstCommandIsApproachedSlowly: a first step far away is reached at 0.2 rad/s, not at the policy's pace.
func TestFirstCommandIsApproachedSlowly(t *testing.T) {
	r := newRig(t, nil)
	r.ready()
	r.send(msgs.Sync, 1.0, nil) // the first step is 0.2 rad away
	fastest := 0.0
	if !r.run(3*time.Second, func() bool {
		if r.node.mode == modeAcquiring {
			for _, v := range r.command.Velocity[:6] {
				fastest = max(fastest, math.Abs(v))
			}
		}
		return r.node.mode == modeFollowing
	}) {
		t.Fatalf("never following: %+v", r.part)
	}
	if fastest > 0.2001 || fastest < 0.15 {
		t.Errorf("approached at %.3f rad/s", fastest)
	}
}

// TestRestingArmsMayLeaveInward: arms rest at J2 -2°, J3 +2°, outside their range.
func TestRestingArmsMayLeaveInward(t *testing.T) {
	r := newRig(t, nil)
	r.ready()
	if q := r.left(); q[1] > -0.03 || q[2] < 0.03 {
		t.Fatalf("the arm does not rest outside its range: %v", q)
	}
	lowest, highest := 0.0, 0.0
	watch := func() bool {
		q := r.left()
		lowest, highest = min(lowest, q[1]), max(highest, q[2])
		return false
	}
	r.send(msgs.Sync, -0.5, nil) // outward for both
	r.run(time.Second, watch)
	if q := r.left(); q[1] < lowest-1e-9 || lowest < -0.036 || highest > 0.036 {
		t.Errorf("moved outward: %v, lowest %v, highest %v", q, lowest, highest)
	}
	r.send(msgs.Sync, 0.3, nil)
	r.run(3*time.Second, watch)
	if q := r.left(); q[1] < 0.2 || q[2] > -0.2 {
		t.Errorf("could not leave: %v", q)
	}
}

func TestDryRunSendsNothing(t *testing.T) {
	r := newRig(t, func(c *Config) { c.DryRun = true })
	r.run(5*time.Second, nil)
	if q := r.left(); r.arms["left"].Lost() != 0 || q[1] > 0 {
		t.Errorf("the arm moved: %v", q)
	}
	for _, s := range r.node.sides {
		if s.st.Link.Sent != 0 {
			t.Errorf("arm %s was sent %d frames", s.name, s.st.Link.Sent)
		}
	}
}
