package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// watcher is a node that looks on: it sees what people would see on the topics.
type watcher struct {
	n *rcl.Node

	verdict     msgs.TaskVerdict
	authority   msgs.Authority
	parts       map[uint8]msgs.PartStatus
	image       *msgs.Image
	command     *msgs.JointState
	instruction string
	heartbeat   string

	goals    []goalLog
	chunks   uint64
	tokens   []uint32
	schedule uint8
	infer    []time.Duration // of every decision
	react    []time.Duration // newest camera stamp to message, without inference
	faults   map[string]uint8
	order    []string
	refusals []string                    // last_refusal values of the drivers
	tell     *rcl.Publisher[msgs.String] // /instruction
	onEvent  func(now time.Time, format string, args ...any)
}

// goalLog is one navigation goal, for the report.
type goalLog struct {
	Time      float64   `json:"time_s"`
	Direction string    `json:"direction"`
	Value     float64   `json:"value"`
	Tokens    [2]uint32 `json:"tokens"`
	State     string    `json:"state"`
	Reason    string    `json:"reason,omitempty"`
	id        uint64
}

// watch adds a watcher to a graph.
func watch(g *graph, onEvent func(time.Time, string, ...any)) (*watcher, error) {
	n, err := g.ctx.Node("watcher", rcl.Args{})
	if err != nil {
		return nil, err
	}
	w := &watcher{n: n, parts: map[uint8]msgs.PartStatus{}, faults: map[string]uint8{}, onEvent: onEvent}
	var errs []error
	sub := func(_ *rcl.Subscription, err error) { errs = append(errs, err) }
	sub(rcl.Subscribe(n, "/sim/verdict", rcl.Latched, func(m *msgs.TaskVerdict, _ rcl.Info) { w.verdict = *m }))
	sub(rcl.Subscribe(n, "/supervisor/authority", rcl.Newest, func(m *msgs.Authority, _ rcl.Info) { w.follow(m) }))
	sub(rcl.Subscribe(n, "/supervisor/parts", rcl.Default, func(m *msgs.PartStatus, _ rcl.Info) { w.parts[m.Part] = *m }))
	sub(rcl.Subscribe(n, "/observation/image", rcl.NewestSensor, func(m *msgs.Image, _ rcl.Info) { w.image = m }))
	sub(rcl.Subscribe(n, "/arms/command", rcl.NewestSensor, func(m *msgs.JointState, _ rcl.Info) { w.command = m }))
	sub(rcl.Subscribe(n, "/instruction", rcl.Latched, func(m *msgs.String, _ rcl.Info) { w.instruction = m.Data }))
	sub(rcl.Subscribe(n, "/policy/heartbeat", rcl.Newest, func(m *msgs.Heartbeat, _ rcl.Info) { w.heartbeat = m.State }))
	sub(rcl.Subscribe(n, "/policy/navigation", rcl.Default, func(m *msgs.NavigationToken, _ rcl.Info) { w.navigation(m) }))
	sub(rcl.Subscribe(n, "/policy/manipulation", rcl.QoS{Depth: 100}, func(m *msgs.ActionChunk, _ rcl.Info) { w.manipulation(m) }))
	sub(rcl.Subscribe(n, "/base/status", rcl.QoS{Depth: 100}, func(m *msgs.MotionStatus, _ rcl.Info) { w.motion(m) }))
	sub(rcl.Subscribe(n, "/diagnostics", rcl.QoS{Depth: 100}, func(m *msgs.DiagnosticArray, _ rcl.Info) { w.diagnostics(m) }))
	w.tell, err = rcl.Advertise[msgs.String](n, "/instruction", rcl.Latched)
	return w, errors.Join(append(errs, err)...)
}

func (w *watcher) event(format string, args ...any) {
	if w.onEvent != nil {
		w.onEvent(w.n.Now(), format, args...)
	}
}

func (w *watcher) follow(m *msgs.Authority) {
	if m.Source != w.authority.Source || m.Parts != w.authority.Parts || m.Estop != w.authority.Estop {
		w.event("supervisor: %s", m.Reason)
	}
	w.authority = *m
}

// decided notes a decision's timing.
func (w *watcher) decided(stamp msgs.Time, inference msgs.Duration) {
	w.infer = append(w.infer, inference.Go())
	w.react = append(w.react, w.n.Now().Sub(stamp.Go())-inference.Go())
}

func (w *watcher) navigation(m *msgs.NavigationToken) {
	w.decided(m.Header.Stamp, m.Inference)
	w.goals = append(w.goals, goalLog{
		Time: sinceStart(w.n.Now()), Direction: directionWord(m.Direction), Value: m.Value,
		Tokens: [2]uint32{m.DirectionToken, m.ValueToken}, State: "sent", id: m.GoalID,
	})
	w.event("policy: %s %.3f %s  (tokens %d %d)", directionWord(m.Direction), m.Value, unitOf(m.Direction), m.DirectionToken, m.ValueToken)
}

func (w *watcher) manipulation(m *msgs.ActionChunk) {
	if m.FirstStep == 0 {
		w.decided(m.Header.Stamp, m.Inference)
		w.chunks++
		w.tokens = w.tokens[:0]
	}
	w.schedule = m.Schedule
	w.tokens = append(w.tokens, m.Tokens...)
}

func (w *watcher) motion(m *msgs.MotionStatus) {
	for i := range w.goals {
		if g := &w.goals[i]; g.id == m.GoalID {
			g.State, g.Reason = motionWord(m.State), m.Reason
		}
	}
	if m.State == msgs.Aborted || m.State == msgs.Refused {
		w.event("base: goal %d %s: %s", m.GoalID, motionWord(m.State), m.Reason)
	}
}

func motionWord(s uint8) string {
	words := []string{"accepted", "running", "done", "aborted", "refused"}
	if int(s) < len(words) {
		return words[s]
	}
	return fmt.Sprint(s)
}

// diagnostics notes every warning and error once.
func (w *watcher) diagnostics(m *msgs.DiagnosticArray) {
	for _, s := range m.Status {
		for _, v := range s.Values {
			if (v.Key == "last_refusal" || v.Key == "warning") && !slices.Contains(w.refusals, v.Value) {
				w.refusals = append(w.refusals, v.Value)
			}
		}
		text := s.Name + ": " + s.Message
		if s.Level == msgs.DiagOK || w.faults[text] >= s.Level {
			continue
		}
		if _, known := w.faults[text]; !known {
			w.order = append(w.order, text)
		}
		w.faults[text] = s.Level
		if s.Level >= msgs.DiagError {
			w.event("%s", text)
		}
	}
}

// said is the set of warnings and errors so far.
func (w *watcher) said() map[string]bool {
	said := map[string]bool{}
	for text := range w.faults {
		said[text] = true
	}
	return said
}

// errorsSeen lists the diagnostics of at least that level, in the order they came.
func (w *watcher) errorsSeen(level uint8) []string {
	var out []string
	for _, t := range w.order {
		if w.faults[t] >= level {
			out = append(out, t)
		}
	}
	return out
}

// summary is the live view in one line.
func (w *watcher) summary() string {
	arms, base := w.parts[msgs.Arms], w.parts[msgs.Base]
	return fmt.Sprintf("%s; arms %s, base %s; %d chunks; %.0f %%: %s", w.heartbeat, arms.Mode, base.Mode, w.chunks, 100*w.verdict.Progress, w.verdict.Reason)
}

// lines is the live view.
func (w *watcher) lines() []string {
	now := w.n.Now()
	last := "–"
	if len(w.goals) > 0 {
		g := w.goals[len(w.goals)-1]
		last = fmt.Sprintf("%s %.3f (%d %d) %s", g.Direction, g.Value, g.Tokens[0], g.Tokens[1], g.State)
	}
	out := []string{
		fmt.Sprintf("── %.1f s ── %s", sinceStart(now), w.instruction),
		fmt.Sprintf("policy      %-24s chunks %d   inference p50 %v", w.heartbeat, w.chunks, median(w.infer)),
		fmt.Sprintf("navigation  %s", last),
		fmt.Sprintf("tokens      %v", w.tokens[:min(len(w.tokens), 14)]),
	}
	if c := w.command; c != nil && len(c.Position) >= 14 {
		out = append(out, fmt.Sprintf("left arm    %6.2f  grip %4.1f cm", c.Position[:6], 100*c.Position[6]),
			fmt.Sprintf("right arm   %6.2f  grip %4.1f cm", c.Position[7:13], 100*c.Position[13]))
	}
	return append(out, fmt.Sprintf("task        %s %s", bar(w.verdict.Progress, 20), w.verdict.Reason))
}

func median(d []time.Duration) time.Duration { return percentile(d, 0.5) }

func percentile(d []time.Duration, p float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	s := slices.Clone(d)
	slices.Sort(s)
	return s[min(int(p*float64(len(s))), len(s)-1)].Round(time.Microsecond)
}
