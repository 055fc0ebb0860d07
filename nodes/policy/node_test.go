package policy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

// scripted answers observations by its script, the last line for ever.
type scripted struct {
	lines  []model.Action
	seen   []model.Observation
	resets int
	err    error
}

func (s *scripted) Manifest() checkpoint.Manifest {
	return checkpoint.Manifest{
		Version: 1, Kind: "scripted", Name: "scripted", Robot: "cobot_magic", Layout: "stack",
		Action:         checkpoint.ActionSpec{Names: []string{"left_joint1", "left_gripper"}, Mode: "absolute", Chunk: 2, Period: 0.1},
		Proprioception: []string{"left_joint1"}, Cameras: []string{"front"}, MaxObservationAge: 0.5,
		Navigation: &checkpoint.NavigationSpec{MaxForward: 2, MaxTurn: 3},
	}
}
func (s *scripted) Warm(context.Context) error { return nil }
func (s *scripted) Reset()                     { s.resets++ }
func (s *scripted) Close() error               { return nil }
func (s *scripted) Act(_ context.Context, obs model.Observation, emit func(int, []float64, []uint32)) (model.Action, error) {
	s.seen = append(s.seen, obs)
	if s.err != nil {
		return model.Action{}, s.err
	}
	a := s.lines[0]
	if len(s.lines) > 1 {
		s.lines = s.lines[1:]
	}
	for k, v := range a.Steps {
		emit(k, v, a.Tokens[k])
	}
	return a, nil
}

func chunk(q float64) model.Action {
	return model.Action{Steps: [][]float64{{q, 0.01}, {q, 0.02}}, Tokens: [][]uint32{{1, 2}, {3, 4}}}
}

func drive(d uint8, v float64) model.Action {
	return model.Action{Navigation: &model.Navigation{Direction: d, Value: v, DirectionToken: 10, ValueToken: 20}}
}

// stage is the policy node with a test that plays cameras, supervisor and drivers.
type stage struct {
	t       *testing.T
	ctx     *rcl.Context
	p       *scripted
	node    *Node
	test    *rcl.Node
	chunks  []*msgs.ActionChunk
	goals   []*msgs.NavigationToken
	grants  []uint8 // parts asked for
	refuse  string
	missing bool
	version string
	beats   int

	authority *rcl.Publisher[msgs.Authority]
	status    *rcl.Publisher[msgs.MotionStatus]
	parts     *rcl.Publisher[msgs.PartStatus]
	tell      *rcl.Publisher[msgs.String]
}

func newStage(t *testing.T, p *scripted, change func(*Config)) *stage {
	t.Helper()
	s := newStageWith(t, change, func(_, _, _ string, _ Compute) (model.Policy, string, error) { return p, "v1", nil })
	s.p = p
	return s
}

func newStageWith(t *testing.T, change func(*Config), open Open) *stage {
	t.Helper()
	s := &stage{t: t, version: "v1"}
	s.ctx = rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(time.Time{})})
	t.Cleanup(func() { _ = s.ctx.Shutdown(time.Second) })
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	s.test, err = s.ctx.Node("test", rcl.Args{})
	must(err)
	image, err := rcl.Advertise[msgs.Image](s.test, "/observation/image", rcl.Default)
	must(err)
	views, err := rcl.Advertise[msgs.Views](s.test, "/observation/views", rcl.Default)
	must(err)
	proprio, err := rcl.Advertise[msgs.ProprioTokens](s.test, "/observation/proprioception", rcl.Default)
	must(err)
	s.authority, err = rcl.Advertise[msgs.Authority](s.test, "/supervisor/authority", rcl.Newest)
	must(err)
	s.status, err = rcl.Advertise[msgs.MotionStatus](s.test, "/base/status", rcl.Default)
	must(err)
	s.parts, err = rcl.Advertise[msgs.PartStatus](s.test, "/supervisor/parts", rcl.Default)
	must(err)
	s.tell, err = rcl.Advertise[msgs.String](s.test, "/instruction", rcl.Latched)
	must(err)
	_, err = s.test.Timer(100*time.Millisecond, func(now time.Time) {
		h := msgs.Header{Stamp: msgs.Stamp(now)}
		_ = image.Publish(&msgs.Image{Header: h, Width: 2, Height: 2, Step: 6, Encoding: "rgb8", Data: make([]byte, 12)})
		_ = views.Publish(&msgs.Views{Header: h, Layout: "stack", Views: []msgs.View{{Name: "front", Missing: s.missing}}})
	})
	must(err)
	_, err = s.test.Timer(20*time.Millisecond, func(now time.Time) {
		_ = proprio.Publish(&msgs.ProprioTokens{Header: msgs.Header{Stamp: msgs.Stamp(now)}, Names: []string{"left_joint1"}, Values: []float64{0.5}, Bins: []uint16{7}, StatisticsVersion: s.version})
	})
	must(err)
	_, err = rcl.Subscribe(s.test, "/policy/manipulation", rcl.QoS{Depth: 100}, func(m *msgs.ActionChunk, _ rcl.Info) { s.chunks = append(s.chunks, m) })
	must(err)
	_, err = rcl.Subscribe(s.test, "/policy/navigation", rcl.Default, func(m *msgs.NavigationToken, _ rcl.Info) { s.goals = append(s.goals, m) })
	must(err)
	_, err = rcl.Subscribe(s.test, "/policy/heartbeat", rcl.Newest, func(*msgs.Heartbeat, rcl.Info) { s.beats++ })
	must(err)
	must(rcl.Serve(s.test, "/supervisor/acquire", func(q *msgs.Acquire_Request, r *msgs.Acquire_Response) {
		s.grants = append(s.grants, q.Parts)
		r.Granted, r.Reason = s.refuse == "", s.refuse
		if r.Granted {
			_ = s.authority.Publish(&msgs.Authority{Source: q.Source, Parts: q.Parts})
		}
	}))
	n, err := s.ctx.Node("policy", rcl.Args{})
	must(err)
	cfg := DefaultConfig()
	cfg.Instruction, cfg.Latency = "wave", 0.1
	if change != nil {
		change(&cfg)
	}
	s.node, err = New(n, cfg, open)
	must(err)
	return s
}

func (s *stage) run(d time.Duration) {
	s.t.Helper()
	end := s.ctx.Now().Add(d)
	if err := s.ctx.RunUntil(context.Background(), func() bool { return s.ctx.Now().After(end) }); err != nil {
		s.t.Fatal(err)
	}
}

// played says that the arms have played what they got.
func (s *stage) played() {
	_ = s.parts.Publish(&msgs.PartStatus{Header: msgs.Header{Stamp: msgs.Stamp(s.ctx.Now())}, Part: msgs.Arms, State: "active", Mode: "waiting_for_policy", Stopped: true})
}

func TestDrivesThenManipulates(t *testing.T) {
	p := &scripted{lines: []model.Action{drive(msgs.Forward, 0.5), chunk(0.1)}}
	s := newStage(t, p, nil)
	s.run(400 * time.Millisecond)
	if len(s.goals) != 1 || s.goals[0].Value != 0.5 || s.goals[0].DirectionToken != 10 || len(p.seen) != 1 {
		t.Fatalf("goals %v after %d observations", s.goals, len(p.seen))
	}
	if s.goals[0].Inference.Go() != 100*time.Millisecond || s.goals[0].Header.Stamp != msgs.Stamp(p.seen[0].Stamp) {
		t.Errorf("inference %v, stamp %v of observation %v", s.goals[0].Inference.Go(), s.goals[0].Header.Stamp, p.seen[0].Stamp)
	}
	for range 5 { // while it drives, it takes no observation
		_ = s.status.Publish(&msgs.MotionStatus{GoalID: s.goals[0].GoalID, State: msgs.Running})
		s.run(200 * time.Millisecond)
	}
	if len(p.seen) != 1 {
		t.Fatalf("%d observations while driving", len(p.seen))
	}
	arrived := s.ctx.Now()
	_ = s.status.Publish(&msgs.MotionStatus{Header: msgs.Header{Stamp: msgs.Stamp(arrived)}, GoalID: s.goals[0].GoalID, State: msgs.Done})
	s.run(400 * time.Millisecond)
	if len(p.seen) != 2 || p.seen[1].Stamp.Before(arrived) {
		t.Fatalf("%d observations, the last of %v, arrived at %v", len(p.seen), p.seen[len(p.seen)-1].Stamp, arrived)
	}
	if !slices.Equal(s.grants, []uint8{msgs.Base, msgs.Arms}) {
		t.Errorf("asked for %v", s.grants)
	}
	if len(s.chunks) != 2 || s.chunks[0].Sequence != s.chunks[1].Sequence || s.chunks[1].FirstStep != 1 || s.chunks[0].Schedule != msgs.Sync {
		t.Fatalf("chunks %+v", s.chunks)
	}
	if o := p.seen[0]; o.Instruction != "wave" || o.State[0] != 0.5 || o.Bins[0] != 7 || !o.Mobile {
		t.Errorf("observation %+v", o)
	}
}

func TestASyncChunkIsPlayedBeforeTheNextObservation(t *testing.T) {
	p := &scripted{lines: []model.Action{chunk(0.1)}}
	s := newStage(t, p, func(c *Config) { c.Schedule = "sync" })
	s.run(900 * time.Millisecond)
	if len(p.seen) != 1 {
		t.Fatalf("%d observations before the chunk was played", len(p.seen))
	}
	s.played()
	at := s.ctx.Now()
	s.run(300 * time.Millisecond)
	if len(p.seen) != 2 || p.seen[1].Stamp.Before(at) {
		t.Fatalf("%d observations", len(p.seen))
	}
}

func TestAutoBecomesAsyncWhenInferenceIsFast(t *testing.T) {
	for _, c := range []struct {
		latency float64
		want    uint8
	}{{0.01, msgs.Async}, {0.3, msgs.Sync}} {
		p := &scripted{lines: []model.Action{chunk(0.1)}}
		s := newStage(t, p, func(cfg *Config) { cfg.Latency = c.latency })
		for range 12 {
			s.run(250 * time.Millisecond)
			s.played()
		}
		if got := s.chunks[len(s.chunks)-1].Schedule; got != c.want {
			t.Errorf("inference of %v s: schedule %d", c.latency, got)
		}
	}
}

func TestANewInstructionIsNeverMixed(t *testing.T) {
	p := &scripted{lines: []model.Action{chunk(0.1)}}
	s := newStage(t, p, func(c *Config) { c.Latency = 0.5 })
	s.run(300 * time.Millisecond) // inferring
	_ = s.tell.Publish(&msgs.String{Data: "stop waving"})
	s.run(500 * time.Millisecond)
	if len(s.chunks) != 0 {
		t.Fatalf("the old instruction's action was sent: %+v", s.chunks[0])
	}
	s.run(700 * time.Millisecond)
	if len(p.seen) < 2 || p.seen[1].Instruction != "stop waving" || p.resets != 1 || len(s.chunks) == 0 {
		t.Errorf("%d observations, %d resets, %d chunks", len(p.seen), p.resets, len(s.chunks))
	}
	_ = s.tell.Publish(&msgs.String{})
	s.run(200 * time.Millisecond)
	n := len(p.seen)
	s.run(time.Second)
	if len(p.seen) != n || s.grants[len(s.grants)-1] != 0 {
		t.Errorf("an empty instruction does not stop it: %d more observations, asked for %v", len(p.seen)-n, s.grants)
	}
}

func TestNothingIsDecidedOnBadObservations(t *testing.T) {
	cases := []struct {
		name, says string
		set        func(*stage)
	}{
		{"a camera is missing", "camera front", func(s *stage) { s.missing = true }},
		{"other statistics", "statistics", func(s *stage) { s.version = "v0" }},
	}
	for _, c := range cases {
		p := &scripted{lines: []model.Action{chunk(0.1)}}
		s := newStage(t, p, nil)
		c.set(s)
		s.run(2 * time.Second)
		if len(p.seen) != 0 || !strings.Contains(s.node.waits, c.says) {
			t.Errorf("%s: %d observations, waits for %q", c.name, len(p.seen), s.node.waits)
		}
	}
}

func TestRefusalsAndErrorsAreRetried(t *testing.T) {
	p := &scripted{lines: []model.Action{chunk(0.1)}}
	s := newStage(t, p, nil)
	s.refuse = "teleop holds the arms"
	s.run(3 * time.Second)
	if len(s.chunks) != 0 || len(p.seen) < 3 || len(p.seen) > 8 {
		t.Fatalf("%d chunks, %d observations", len(s.chunks), len(p.seen))
	}
	if !strings.Contains(s.node.failure, "teleop holds") {
		t.Error(s.node.failure)
	}
	s.refuse = ""
	s.run(time.Second)
	if len(s.chunks) == 0 {
		t.Error("nothing was sent once it was granted")
	}
	p.err = errors.New("out of memory")
	s.played()
	s.run(3 * time.Second)
	if !strings.Contains(s.node.failure, "out of memory") {
		t.Error(s.node.failure)
	}
	if s.beats < 100 {
		t.Errorf("%d heartbeats: they must go on whatever the policy does", s.beats)
	}
}

func TestATakeoverForgetsTheChunk(t *testing.T) {
	p := &scripted{lines: []model.Action{chunk(0.1)}}
	s := newStage(t, p, func(c *Config) { c.Schedule = "sync" })
	s.run(600 * time.Millisecond)
	_ = s.authority.Publish(&msgs.Authority{Source: msgs.SourceTeleop, Parts: msgs.Arms, Reason: "teleop holds the arms"})
	s.refuse = "held by teleop"
	sent := len(s.chunks)
	s.run(2 * time.Second)
	if len(s.chunks) != sent || p.resets == 0 || !strings.Contains(s.node.failure, "teleop") {
		t.Errorf("%d more chunks, %d resets, %q", len(s.chunks)-sent, p.resets, s.node.failure)
	}
}

func TestASilentDriverIsNotWaitedForForever(t *testing.T) {
	p := &scripted{lines: []model.Action{drive(msgs.TurnLeft, 1)}}
	s := newStage(t, p, nil)
	s.run(3 * time.Second)
	if len(s.goals) < 2 || !strings.Contains(s.node.failure, "said nothing") {
		t.Errorf("%d goals, %q", len(s.goals), s.node.failure)
	}
}
