package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/camerafusion"
	"cobot_vla/nodes/policy"
	"cobot_vla/nodes/proprioception"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
	"cobot_vla/nodes/recorder/episode"
	"cobot_vla/nodes/recorder/playback"
)

// choice is what a policy decided to one observation.
type choice struct {
	Stamp  int64     `json:"stamp_ns"` // of the observation
	Kind   string    `json:"kind"`     // navigation or manipulation
	Tokens []uint32  `json:"tokens"`
	Values []float64 `json:"values"` // SI
	taken  time.Time // when the policy took the observation
}

// sameTokens compares byte for byte.
func (d choice) sameTokens(o choice) bool {
	return d.Stamp == o.Stamp && d.Kind == o.Kind && slices.Equal(d.Tokens, o.Tokens)
}

// choices are a policy's, in order; chunks come in parts.
type choices []choice

func (d *choices) navigation(m *msgs.NavigationToken, at time.Time) {
	if m.Source != msgs.SourcePolicy {
		return
	}
	*d = append(*d, choice{
		Stamp: m.Header.Stamp.Go().UnixNano(), Kind: "navigation", taken: at.Add(-m.Inference.Go()),
		Tokens: []uint32{m.DirectionToken, m.ValueToken}, Values: []float64{float64(m.Direction), m.Value},
	})
}

func (d *choices) manipulation(m *msgs.ActionChunk, at time.Time) {
	if m.Source != msgs.SourcePolicy {
		return
	}
	if m.FirstStep == 0 || len(*d) == 0 {
		*d = append(*d, choice{Stamp: m.Header.Stamp.Go().UnixNano(), Kind: "manipulation", taken: at.Add(-m.Inference.Go())})
	}
	last := &(*d)[len(*d)-1]
	last.Tokens, last.Values = append(last.Tokens, m.Tokens...), append(last.Values, m.Values...)
}

// hash of all tokens and of what they answer.
func (d choices) hash() string {
	h := sha256.New()
	for _, x := range d {
		_ = binary.Write(h, binary.LittleEndian, x.Stamp)
		_, _ = io.WriteString(h, x.Kind)
		_ = binary.Write(h, binary.LittleEndian, x.Tokens)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// policyTopics are what a policy hears besides its observations.
var policyTopics = []string{"/instruction", "/sim/ground_truth"}

// sources of observations: as they were, or what they are made of.
var (
	observations = []string{"/observation/image", "/observation/views", "/observation/proprioception"}
	madeOf       = []string{"/arms/command", "/odom", "/puppet/joint_left", "/puppet/joint_right"}
)

// decide has a policy decide on an episode, and compares with what it had decided then.
func (c *replayCmd) decide(a *app, path string) error {
	got, then, err := c.choices(a, path)
	if err != nil {
		return err
	}
	if c.Out != "" {
		if err := writeFile(c.Out, func(f *os.File) error {
			for _, d := range got {
				text, err := json.Marshal(d)
				if err != nil {
					return err
				}
				if _, err := f.Write(append(text, '\n')); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.stdout, "%s: %d decisions, SHA-256 of their tokens %s\n", path, len(got), got.hash())
	if len(then) == 0 {
		return nil
	}
	equal := 0
	for _, d := range then {
		i := slices.IndexFunc(got, func(g choice) bool { return g.Stamp == d.Stamp })
		if i >= 0 && got[i].sameTokens(d) {
			equal++
		}
	}
	fmt.Fprintf(a.stdout, "%d of the %d decisions in the episode were the same, token for token\n", equal, len(then))
	return nil
}

// choices of the policy now, and those of the episode.
func (c *replayCmd) choices(a *app, path string) (got, then choices, err error) {
	topics, length, then, err := c.look(path)
	if err != nil {
		return nil, nil, err
	}
	if len(then) == 0 { // none to follow: one after the other
		for at := time.Duration(0); at < length; at += time.Duration(c.Every * float64(time.Second)) {
			then = append(then, choice{taken: time.Unix(0, 0).Add(at)})
		}
	}
	start, err := playback.StartTime(path)
	if err != nil {
		return nil, nil, err
	}
	const delay = time.Second // in which the nodes find each other
	for i := range then {
		if then[i].Stamp == 0 {
			then[i].taken = start.Add(then[i].taken.Sub(time.Unix(0, 0)))
		}
	}
	g := newGraph(a, intra.New(), rcl.NewLockstep(start.Add(-delay)), true)
	defer func() { err = errors.Join(err, g.close()) }()
	asRecorded := slices.Contains(topics, observations[0])
	if !asRecorded {
		if err := c.addObservers(g, topics); err != nil {
			return nil, nil, err
		}
	}
	cfg := policy.DefaultConfig()
	cfg.Policy, cfg.Checkpoint, cfg.Calibration, cfg.Instruction, cfg.Latency, cfg.Schedule = c.Policy, c.Checkpoint, c.Calibration, c.Instruction, 0, "async"
	if err := g.make("policy", rcl.Args{}, func(_ *graph, n *rcl.Node) error {
		_, err := policy.New(n, cfg, openPolicy)
		return err
	}); err != nil {
		return nil, nil, err
	}
	n, err := g.ctx.Node("idle_robot", rcl.Args{})
	if err != nil {
		return nil, nil, err
	}
	robot, err := newIdleRobot(n, then, !asRecorded)
	if err != nil {
		return nil, nil, err
	}
	var over func() bool
	var why func() error
	if asRecorded {
		r, err := episode.Open(path)
		if err != nil {
			return nil, nil, err
		}
		n.Keep(r)
		f, err := newFeeder(n, r, topics, then)
		if err != nil {
			return nil, nil, err
		}
		over, why = func() bool { return f.over }, func() error { return f.err }
	} else {
		p, err := addPlayback(g, func(cfg *playback.Config) {
			cfg.Path, cfg.Topics, cfg.Restamp, cfg.Delay = path, topics, false, delay.Seconds()
		})
		if err != nil {
			return nil, nil, err
		}
		over, why = p.Over, p.Err
	}
	err = g.ctx.RunUntil(a.ctx, over)
	if then[0].Stamp == 0 {
		then = nil
	}
	return robot.heard, then, errors.Join(err, why())
}

// look says which topics to play, and what the policy decided when the episode was recorded.
func (c *replayCmd) look(path string) (topics []string, length time.Duration, then choices, err error) {
	r, err := episode.Open(path)
	if err != nil {
		return nil, 0, nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	want := slices.Clone(policyTopics)
	if s, ok := r.Stream(observations[0]); ok && s.Messages > 0 && !c.Fuse {
		want = append(want, observations...)
	} else {
		want = append(want, madeOf...)
		for _, s := range r.Streams {
			if s.Type == "sensor_msgs/msg/Image" && s.Topic != observations[0] || s.Type == "sensor_msgs/msg/CompressedImage" {
				want = append(want, s.Topic)
			}
		}
	}
	told := false
	for _, t := range want {
		if t == "/instruction" && c.Instruction != "" {
			continue
		}
		if s, ok := r.Stream(t); ok && s.Messages > 0 {
			topics = append(topics, t)
			told = told || t == "/instruction"
		}
	}
	if !told && c.Instruction == "" {
		c.Instruction = r.Task
	}
	seen := map[int64]bool{} // stamps of observations in the episode
	for m, err := range r.Read("/policy/navigation", "/policy/manipulation", observations[0]) {
		if err != nil {
			return nil, 0, nil, err
		}
		if m.Topic == observations[0] {
			seen[m.Stamp.UnixNano()] = true
			continue
		}
		d, err := m.Decode()
		if err != nil {
			return nil, 0, nil, err
		}
		switch d := d.(type) {
		case *msgs.NavigationToken:
			then.navigation(d, m.Arrival)
		case *msgs.ActionChunk:
			then.manipulation(d, m.Arrival)
		}
	}
	if len(seen) > 0 { // the first ones were decided on what came before the episode
		then = slices.DeleteFunc(then, func(d choice) bool { return !seen[d.Stamp] })
	}
	slices.SortStableFunc(then, func(a, b choice) int { return cmp.Compare(a.taken.UnixNano(), b.taken.UnixNano()) })
	return topics, r.Duration(), then, nil
}

// addObservers makes the nodes that make observations.
func (c *replayCmd) addObservers(g *graph, topics []string) error {
	fusion := camerafusion.DefaultConfig()
	fusion.Policy, fusion.Checkpoint, fusion.Calibration = c.Policy, c.Checkpoint, c.Calibration
	if !slices.Contains(topics, "/camera_f/color/image_raw") {
		fusion.Transport = "compressed"
	}
	state := proprioception.DefaultConfig()
	state.Policy, state.Checkpoint, state.Calibration = c.Policy, c.Checkpoint, c.Calibration
	return errors.Join(
		g.make("camera_fusion", rcl.Args{}, func(_ *graph, n *rcl.Node) error {
			_, err := camerafusion.New(n, fusion, openViews)
			return err
		}),
		g.make("proprioception", rcl.Args{}, func(_ *graph, n *rcl.Node) error {
			_, err := proprioception.New(n, state, openEncoder)
			return err
		}),
	)
}

// idleRobot stands in for supervisor, arms and base: it grants everything and is
// done with everything at once. With a gate it lets the policy look only when it
// looked then.
type idleRobot struct {
	n     *rcl.Node
	then  choices // that are to come
	gate  bool
	open  bool
	held  uint8
	heard choices

	authority *rcl.Publisher[msgs.Authority]
	parts     *rcl.Publisher[msgs.PartStatus]
	goals     *rcl.Publisher[msgs.MotionStatus]
}

func newIdleRobot(n *rcl.Node, then choices, gate bool) (*idleRobot, error) {
	r := &idleRobot{n: n, then: then, gate: gate, open: !gate}
	var errs [7]error
	r.authority, errs[0] = rcl.Advertise[msgs.Authority](n, "supervisor/authority", rcl.Newest)
	r.parts, errs[1] = rcl.Advertise[msgs.PartStatus](n, "supervisor/parts", rcl.Default)
	r.goals, errs[2] = rcl.Advertise[msgs.MotionStatus](n, "base/status", rcl.Default)
	errs[3] = rcl.Serve(n, "supervisor/acquire", func(q *msgs.Acquire_Request, a *msgs.Acquire_Response) {
		r.held, a.Granted = q.Parts, true
		n.After(0, r.tell)
	})
	_, errs[4] = rcl.Subscribe(n, "policy/navigation", rcl.Default, func(m *msgs.NavigationToken, _ rcl.Info) {
		r.heard.navigation(m, n.Now())
		r.decided()
		after := msgs.Stamp(m.Header.Stamp.Go().Add(time.Nanosecond)) // the same observation is not decided on twice
		_ = r.goals.Publish(&msgs.MotionStatus{Header: msgs.Header{Stamp: after}, GoalID: m.GoalID, State: msgs.Done})
	})
	_, errs[5] = rcl.Subscribe(n, "policy/manipulation", rcl.QoS{Depth: 100}, func(m *msgs.ActionChunk, _ rcl.Info) {
		r.heard.manipulation(m, n.Now())
		r.decided()
	})
	_, errs[6] = n.Timer(25*time.Millisecond, func(time.Time) { r.tell() })
	if gate {
		r.await()
	}
	return r, errors.Join(errs[:]...)
}

// await opens the policy's eyes when it took the next observation then.
func (r *idleRobot) await() {
	if len(r.then) == 0 {
		return
	}
	r.n.After(max(0, r.then[0].taken.Sub(r.n.Now())), func() {
		r.open = true
		r.tell()
	})
}

// decided closes them again.
func (r *idleRobot) decided() {
	if !r.gate || !r.open {
		return // a later part of the same chunk
	}
	r.open = false
	r.tell()
	now := r.n.Now()
	for len(r.then) > 0 && !r.then[0].taken.After(now) {
		r.then = r.then[1:]
	}
	r.await()
}

func (r *idleRobot) tell() {
	h := msgs.Header{Stamp: msgs.Stamp(r.n.Now())}
	a := &msgs.Authority{Header: h, Source: msgs.SourceNone}
	if r.held != 0 {
		a.Source, a.Parts = msgs.SourcePolicy, r.held
	}
	_ = r.authority.Publish(a)
	p := &msgs.PartStatus{Header: h, Part: msgs.Arms, State: "active", Mode: "waiting_for_policy", Stopped: true}
	if !r.open {
		p.Fault, p.Reason = true, "the moment of the next decision"
	}
	_ = r.parts.Publish(p)
}
