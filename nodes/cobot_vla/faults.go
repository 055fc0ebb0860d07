package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"cobot_vla/drivers/piper/pipersim"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// phase of the task in which a fault strikes.
type phase string

const (
	starting     phase = "starting"
	driving      phase = "driving"
	manipulating phase = "manipulating"
)

// faultCase is one fault struck into a running demo, and what must come of it.
type faultCase struct {
	name string
	when phase
	// inject strikes; heal takes the cause away again, nil where there is nothing to heal.
	inject, heal func(*graph) error
	// part that must stop, 0 where the robot goes on; within is its watchdog and braking time.
	part   uint8
	within time.Duration
	// cause is a word that the diagnostics or a refusal must say; "" where nothing need be said.
	cause string
	// recovers: after heal and clear_fault the task is done all the same.
	recovers bool
	// revive names a node to start again, as respawn does.
	revive string
	// restore asks the arms to write factory settings before they are enabled.
	restore bool
	// hardware says what no software can stop.
	hardware string
}

// faultResult is a row of the README's table.
type faultResult struct {
	Fault     string  `json:"fault"`
	When      string  `json:"when"`
	StoppedMS float64 `json:"stopped_after_ms"` // negative: it did not have to
	BoundMS   float64 `json:"bound_ms"`
	Cause     string  `json:"cause"`
	Outward   int     `json:"outward_commands"`
	Recovered bool    `json:"recovered"`
	Hardware  string  `json:"only_hardware,omitempty"`
	Pass      bool    `json:"pass"`
	Problem   string  `json:"problem,omitempty"`
}

// Bounds: a watchdog, and braking from full speed after it.
const (
	armStop  = 250*time.Millisecond + 350*time.Millisecond // heartbeat, and 1.5 rad/s at 5 rad/s²
	baseStop = 300*time.Millisecond + 1200*time.Millisecond
	baseHard = 100*time.Millisecond + 500*time.Millisecond // feedback, and 0.5 m/s at 1.5 m/s²
)

func armFault(f pipersim.Fault, cause string, recovers bool, hardware string) faultCase {
	strike := func(g *graph) error { return g.sim.Arm(leadSide(g)).Inject(f) }
	heal := func(g *graph) error { return g.sim.Arm(leadSide(g)).Heal(f.Kind) }
	return faultCase{
		name: "arm: " + f.Kind.String(), when: manipulating, inject: strike, heal: heal,
		part: msgs.Arms, within: armStop, cause: cause, recovers: recovers, hardware: hardware,
	}
}

// startFault is an arm that is not well when the robot is switched on: it must not be enabled.
func startFault(f pipersim.Fault, cause string, restore bool) faultCase {
	c := armFault(f, cause, true, "")
	c.when, c.restore = starting, restore
	c.inject = func(g *graph) error { return g.sim.Arm("left").Inject(f) }
	c.heal = func(g *graph) error { return g.sim.Arm("left").Heal(f.Kind) }
	if restore { // what is in flash stays there until it is written anew
		c.heal = nil
	}
	return c
}

// only is the case with what no software can stop.
func (f faultCase) only(hardware string) faultCase {
	f.hardware = hardware
	return f
}

// bound is the case with another time to stop in.
func (f faultCase) bound(d time.Duration) faultCase {
	f.within = d
	return f
}

// leadSide is the arm that works: the one that moved farther from where it rested.
func leadSide(g *graph) string {
	best, side := -1.0, "left"
	for _, s := range []string{"left", "right"} {
		way := 0.0
		for _, q := range g.sim.Joints(s) {
			way += math.Abs(q)
		}
		if way > best {
			best, side = way, s
		}
	}
	return side
}

func killing(name string) func(*graph) error { return func(g *graph) error { return g.kill(name) } }

// say publishes one message from a node of its own, as a stranger would.
func say[T any, P msgs.Ptr[T]](topic string, make func(g *graph) *T) func(*graph) error {
	return func(g *graph) error {
		n, err := g.ctx.Node("stranger", rcl.Args{})
		if err != nil {
			return err
		}
		pub, err := rcl.Advertise[T, P](n, topic, rcl.Default)
		if err != nil {
			return err
		}
		err = pub.Publish(make(g))
		n.After(10*time.Millisecond, n.Kill)
		return err
	}
}

// hostileChunk is a chunk whose every value is v.
func hostileChunk(source string, v float64) func(*graph) *msgs.ActionChunk {
	return func(g *graph) *msgs.ActionChunk {
		names := g.sim.Robot().ActionNames()
		values := make([]float64, 5*len(names))
		for i := range values {
			values[i] = v
		}
		return &msgs.ActionChunk{
			Header: msgs.Header{Stamp: msgs.Stamp(g.ctx.Now())}, Source: source, Sequence: 1 << 40, Names: names,
			Period: msgs.Span(100 * time.Millisecond), MaxAge: msgs.Span(time.Second), StepsTotal: 5, Values: values, Schedule: msgs.Sync,
		}
	}
}

// external takes the arms over, as another program would, sends a hostile chunk
// of that value, and gives the arms back after a second.
func external(v float64) func(*graph) error {
	return func(g *graph) error {
		n, err := g.ctx.Node("external", rcl.Args{})
		if err != nil {
			return err
		}
		chunks, err := rcl.Advertise[msgs.ActionChunk](n, "/policy/manipulation", rcl.Default)
		if err != nil {
			return err
		}
		beat, err := rcl.Advertise[msgs.Heartbeat](n, "/policy/heartbeat", rcl.Newest)
		if err != nil {
			return err
		}
		if _, err := n.Timer(50*time.Millisecond, func(time.Time) {
			_ = beat.Publish(&msgs.Heartbeat{Source: msgs.SourceExternal})
		}); err != nil {
			return err
		}
		acquire, err := rcl.NewClient[msgs.Acquire_Request, msgs.Acquire_Response](n, "/supervisor/acquire")
		if err != nil {
			return err
		}
		acquire.Go(&msgs.Acquire_Request{Source: msgs.SourceExternal, Parts: msgs.Arms}, func(*msgs.Acquire_Response, error) {
			n.After(100*time.Millisecond, func() { _ = chunks.Publish(hostileChunk(msgs.SourceExternal, v)(g)) })
			n.After(time.Second, func() {
				acquire.Go(&msgs.Acquire_Request{Source: msgs.SourceExternal}, func(*msgs.Acquire_Response, error) { n.Kill() })
			})
		})
		return nil
	}
}

// run strikes the fault and watches what comes of it.
func (f faultCase) run(a *app, demo demoCmd) (faultResult, error) {
	r := faultResult{Fault: f.name, When: string(f.when), BoundMS: ms(f.within), StoppedMS: -1, Hardware: f.hardware}
	demo.NoFilm = true
	x := &ordeal{f: f, r: &r}
	report, err := demo.run(a, newStatus(discard{}, true), x.attach)
	if err != nil {
		return r, err
	}
	r.Recovered = report.Success
	r.Outward = x.guard.outward
	x.judge(report)
	r.Pass = r.Problem == ""
	return r, nil
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// ordeal follows one fault through a run.
type ordeal struct {
	f     faultCase
	r     *faultResult
	g     *graph
	w     *watcher
	guard *guard

	ready    time.Time // since when the phase has lasted
	struck   time.Time
	before   map[string]bool // what the diagnostics had said before
	stopped  time.Time
	healed   bool
	cleared  *rcl.Client[msgs.Trigger_Request, msgs.Trigger_Response]
	baseSays *rcl.Client[msgs.Trigger_Request, msgs.Trigger_Response]
	enable   *rcl.Client[msgs.Trigger_Request, msgs.Trigger_Response]
	restore  *rcl.Client[msgs.Trigger_Request, msgs.Trigger_Response]
	release  *rcl.Client[msgs.Trigger_Request, msgs.Trigger_Response]
	err      error
}

func (x *ordeal) attach(g *graph, w *watcher) error {
	x.g, x.w = g, w
	x.guard = watchCommands(g)
	client := func(name string) *rcl.Client[msgs.Trigger_Request, msgs.Trigger_Response] {
		c, err := rcl.NewClient[msgs.Trigger_Request, msgs.Trigger_Response](w.n, name)
		x.err = errors.Join(x.err, err)
		return c
	}
	x.cleared, x.baseSays = client("/arm/clear_fault"), client("/base/clear_fault")
	x.restore = client("/arm/restore_settings")
	x.enable, x.release = client("/arm/enable"), client("/supervisor/release_estop")
	if x.f.when == starting {
		x.struck = g.ctx.Now()
		x.err = errors.Join(x.err, x.f.inject(g))
	}
	_, err := w.n.Timer(10*time.Millisecond, x.tick)
	return errors.Join(x.err, err)
}

// Times of an ordeal: how long the phase has lasted when the fault strikes, and
// how long the robot is left with it.
const (
	settle = 600 * time.Millisecond
	suffer = 2500 * time.Millisecond
)

func (x *ordeal) tick(now time.Time) {
	switch {
	case x.struck.IsZero():
		if !x.inPhase() {
			x.ready = time.Time{}
			return
		}
		if x.ready.IsZero() {
			x.ready = now
		}
		if now.Sub(x.ready) >= settle {
			x.struck = now
			x.before = maps.Clone(x.w.said())
			x.err = errors.Join(x.err, x.f.inject(x.g))
		}
	case now.Sub(x.struck) < suffer:
		if x.f.part != 0 && x.moving() {
			x.stopped = time.Time{}
		} else if x.stopped.IsZero() {
			x.stopped = now
		}
	case !x.healed:
		x.healed = true
		x.recover(now)
	}
}

func (x *ordeal) inPhase() bool {
	arms, base := x.g.sim.Speed()
	if x.f.when == driving {
		return base > 0.15
	}
	return arms > 0.02 && x.w.authority.Parts == msgs.Arms && x.w.chunks > 4
}

func (x *ordeal) moving() bool {
	const still = 0.03 // [rad/s], [m/s]: below what a sagging or settling arm shows
	arms, base := x.g.sim.Speed()
	if x.f.part == msgs.Base {
		return base > still
	}
	return arms > still
}

// recover takes the cause away and does what an operator would.
func (x *ordeal) recover(now time.Time) {
	if x.f.heal != nil {
		x.err = errors.Join(x.err, x.f.heal(x.g))
	}
	if x.f.revive != "" {
		x.err = errors.Join(x.err, x.g.revive(x.f.revive))
	}
	call := func(after time.Duration, c *rcl.Client[msgs.Trigger_Request, msgs.Trigger_Response]) {
		x.w.n.After(after, func() {
			c.Go(&msgs.Trigger_Request{}, func(r *msgs.Trigger_Response, err error) {
				if err == nil && !r.Success {
					x.w.event("%s", r.Message)
				}
			})
		})
	}
	if x.f.restore {
		call(200*time.Millisecond, x.restore)
	}
	if x.f.recovers {
		call(1200*time.Millisecond, x.cleared)
		call(1200*time.Millisecond, x.baseSays)
		call(2000*time.Millisecond, x.enable)
		call(4000*time.Millisecond, x.enable)
		call(2000*time.Millisecond, x.release)
	}
}

// judge compares what happened with what must.
func (x *ordeal) judge(report *report) {
	r, f := x.r, x.f
	problem := func(format string, args ...any) {
		if r.Problem == "" {
			r.Problem = fmt.Sprintf(format, args...)
		}
	}
	if x.err != nil {
		problem("%v", x.err)
	}
	if x.struck.IsZero() {
		problem("the robot was never %s", f.when)
		return
	}
	if f.part != 0 {
		if x.stopped.IsZero() {
			if f.hardware == "" {
				problem("still moving %v after the fault", suffer)
			}
		} else {
			took := x.stopped.Sub(x.struck)
			r.StoppedMS = ms(took)
			if took > f.within && f.hardware == "" {
				problem("stopped after %v, bound %v", took, f.within)
			}
		}
	}
	if r.Outward > 0 {
		problem("%d commands led outward beyond the limits: %s", r.Outward, x.guard.first)
	}
	texts := append(append([]string(nil), report.Errors...), report.Warnings...)
	texts = slices.DeleteFunc(texts, func(t string) bool { return x.before[t] })
	for _, p := range x.w.parts {
		texts = append(texts, p.Reason)
	}
	texts = append(texts, x.w.refusals...)
	for _, t := range texts {
		if f.cause != "" && strings.Contains(strings.ToLower(t), f.cause) {
			r.Cause = t
			break
		}
	}
	if f.cause != "" && r.Cause == "" {
		problem("nothing names the cause (%q) among %.300q", f.cause, texts)
	}
	if f.recovers && !r.Recovered {
		problem("the task was not done after recovery: %s", report.Reason)
	}
}
