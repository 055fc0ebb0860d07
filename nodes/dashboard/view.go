package dashboard

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"cobot_vla/msgs"
)

// The messages to the page, in JSON; `op` tells them apart.

// hello is sent once: what does not change.
type hello struct {
	Op       string     `json:"op"` // hello
	Robot    string     `json:"robot"`
	Axes     []axisView `json:"axes"`
	Pictures []string   `json:"pictures"` // the binary messages name them by their place
	Control  bool       `json:"control"`
	Why      string     `json:"why"` // there is no control
	Linear   float64    `json:"linear"`
	Angular  float64    `json:"angular"`
}

type axisView struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Lower float64 `json:"lower"`
	Upper float64 `json:"upper"`
}

// stateView is sent at every picture's time: what the robot does.
type stateView struct {
	Op          string                `json:"op"` // state
	Time        float64               `json:"t"`
	Instruction string                `json:"instruction"`
	Estop       bool                  `json:"estop"`
	Source      string                `json:"source"`
	Holds       []string              `json:"holds"`
	Reason      string                `json:"reason"`
	Stale       bool                  `json:"stale"` // the supervisor is silent
	Parts       map[string]partView   `json:"parts"`
	Sources     map[string]sourceView `json:"sources"`
	Correction  bool                  `json:"correction"`
	Measured    []number              `json:"measured"`
	Target      []number              `json:"target"`
	Leader      []number              `json:"leader"`
	Base        *baseView             `json:"base"`
	Goal        *goalView             `json:"goal"`
	Chunk       *chunkView            `json:"chunk"`
	Recorder    *recorderView         `json:"recorder"`
	Verdict     *verdictView          `json:"verdict"`
}

type partView struct {
	Mode    string  `json:"mode"`
	State   string  `json:"state"`
	Stopped bool    `json:"stopped"`
	Fault   bool    `json:"fault"`
	Clamps  uint64  `json:"clamps"`
	Refused uint64  `json:"refused"`
	Reason  string  `json:"reason"`
	Age     float64 `json:"age"`
}

type sourceView struct {
	State string  `json:"state"`
	Age   float64 `json:"age"`
}

type baseView struct {
	X       float64 `json:"x"`
	Y       float64 `json:"y"`
	Yaw     float64 `json:"yaw"`
	Linear  float64 `json:"linear"`
	Angular float64 `json:"angular"`
}

type goalView struct {
	ID        uint64  `json:"id"`
	State     string  `json:"state"`
	Remaining float64 `json:"remaining"`
	Reason    string  `json:"reason"`
}

type recorderView struct {
	State   string       `json:"state"`
	Episode string       `json:"episode"`
	Task    string       `json:"task"`
	Elapsed float64      `json:"elapsed"`
	Bytes   uint64       `json:"bytes"`
	Reason  string       `json:"reason"`
	Streams []streamView `json:"streams"`
}

type streamView struct {
	Topic    string  `json:"topic"`
	Messages uint64  `json:"messages"`
	Lost     uint64  `json:"lost"`
	Rate     float64 `json:"rate"`
	Dead     bool    `json:"dead"`
}

type verdictView struct {
	Task     string  `json:"task"`
	Success  bool    `json:"success"`
	Progress float64 `json:"progress"`
	Reason   string  `json:"reason"`
}

// eventsView is sent when there are new ones.
type eventsView struct {
	Op     string  `json:"op"` // events
	Events []event `json:"events"`
}

// slowView is sent once a second.
type slowView struct {
	Op          string       `json:"op"` // slow
	Path        [][2]float64 `json:"path"`
	Diagnostics []diagView   `json:"diagnostics"`
	Topics      []topicView  `json:"topics"`
	Latency     []spanView   `json:"latency"`
}

type diagView struct {
	Name    string      `json:"name"`
	Level   uint8       `json:"level"`
	Message string      `json:"message"`
	Values  [][2]string `json:"values"`
	Age     float64     `json:"age"`
}

type topicView struct {
	Topic   string  `json:"topic"`
	Rate    float64 `json:"rate"`
	Dropped uint64  `json:"dropped"` // pushed out of our own queue
	Lost    uint64  `json:"lost"`    // never arrived
}

type spanView struct {
	Name string  `json:"name"`
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
}

// number is a float64 that JSON can carry: what is no number becomes null.
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	if !finite(float64(n)) {
		return []byte("null"), nil
	}
	return json.Marshal(rounded(float64(n), 1e4))
}

// rounded is x to 1/per; a number too large for that stays as it is.
func rounded(x, per float64) float64 {
	if math.Abs(x) > 1e9 {
		return x
	}
	return math.Round(x*per) / per
}

func finite(x float64) bool { return x-x == 0 }

// safe is x, or 0 where JSON could not carry it.
func safe(x float64) float64 {
	if !finite(x) {
		return 0
	}
	return x
}

func (b *board) hello(pictures []*picture) hello {
	h := hello{Op: "hello", Robot: b.robot.Name, Linear: b.cfg.LinearSpeed, Angular: b.cfg.AngularSpeed}
	lower, upper := b.robot.ActionLimits()
	for i, n := range b.names {
		a := axisView{Name: n, Unit: "rad", Lower: lower[i], Upper: upper[i]}
		if strings.HasSuffix(n, "gripper") {
			a.Unit = "m"
		}
		h.Axes = append(h.Axes, a)
	}
	for _, p := range pictures {
		h.Pictures = append(h.Pictures, p.name)
	}
	return h
}

// old is when something that is published 20 times a second or more counts as silent.
const old = time.Second

func (b *board) state() stateView {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	s := stateView{
		Op: "state", Time: stampSeconds(now), Instruction: b.instruction, Correction: b.correction, Stale: true,
		Holds: []string{}, Parts: map[string]partView{}, Sources: map[string]sourceView{}, Chunk: b.chunk,
		Measured: b.both(b.measured, now), Leader: b.both(b.leader, now),
	}
	if s.Instruction == "" {
		s.Instruction = b.toldAtStart()
	}
	if a := b.authority; a != nil {
		s.Estop, s.Source, s.Reason = a.Estop, a.Source, a.Reason
		s.Stale = now.Sub(b.authorityAt) > old
		for bit, name := range partNames {
			if a.Parts&bit != 0 {
				s.Holds = append(s.Holds, name)
			}
		}
		slices.Sort(s.Holds)
	}
	for bit, p := range b.parts {
		if name, ok := partNames[bit]; ok {
			s.Parts[name] = partView{p.it.Mode, p.it.State, p.it.Stopped, p.it.Fault, p.it.Clamps, p.it.Refused, p.it.Reason, now.Sub(p.when).Seconds()}
		}
	}
	for name, h := range b.sources {
		s.Sources[name] = sourceView{h.it.State, now.Sub(h.when).Seconds()}
	}
	if now.Sub(b.command.when) <= old {
		for _, v := range b.command.it {
			s.Target = append(s.Target, number(v))
		}
	}
	if now.Sub(b.odom.when) <= old {
		p, t := b.odom.it.Pose.Pose, b.odom.it.Twist.Twist
		s.Base = &baseView{
			safe(p.Position.X), safe(p.Position.Y), safe(2 * math.Atan2(p.Orientation.Z, p.Orientation.W)), safe(t.Linear.X), safe(t.Angular.Z),
		}
	}
	if g := b.goal; !g.when.IsZero() && now.Sub(g.when) < 10*time.Second {
		s.Goal = &goalView{g.it.GoalID, goalStates[g.it.State], safe(g.it.Remaining), g.it.Reason}
	}
	if r := b.recorder; !r.when.IsZero() && now.Sub(r.when) < 3*time.Second {
		v := recorderView{
			State: r.it.State, Episode: r.it.Episode, Task: r.it.Task, Elapsed: r.it.Elapsed.Go().Seconds(), Bytes: r.it.Bytes, Reason: r.it.Reason,
		}
		for _, x := range r.it.Streams {
			v.Streams = append(v.Streams, streamView{x.Topic, x.Messages, x.Lost + x.Dropped, safe(x.Rate), x.Dead})
		}
		s.Recorder = &v
	}
	if v := b.verdict; !v.when.IsZero() {
		s.Verdict = &verdictView{v.it.Task, v.it.Success, safe(v.it.Progress), v.it.Reason}
	}
	return s
}

// toldAtStart is an instruction that the policy node has from its parameters, by its diagnostics.
func (b *board) toldAtStart() string {
	for name, d := range b.diag {
		if !strings.HasSuffix(name, ": policy") {
			continue
		}
		for _, kv := range d.it.Values {
			if kv.Key == "instruction" {
				return kv.Value
			}
		}
	}
	return ""
}

var (
	partNames  = map[uint8]string{msgs.Arms: "arms", msgs.Base: "base"}
	goalStates = map[uint8]string{msgs.Accepted: "accepted", msgs.Running: "running", msgs.Done: "done", msgs.Aborted: "aborted", msgs.Refused: "refused"}
)

// both joins two arms; nil where an arm is silent for both.
func (b *board) both(sides [2]at[[]float64], now time.Time) []number {
	out := make([]number, 0, len(b.names))
	heard := false
	for _, s := range sides {
		fresh := now.Sub(s.when) <= old && len(s.it) == len(b.names)/2
		heard = heard || fresh
		for i := range len(b.names) / 2 {
			v := math.NaN()
			if fresh {
				v = s.it[i]
			}
			out = append(out, number(v))
		}
	}
	if !heard {
		return nil
	}
	return out
}

// eventsSince gives the events after seq.
func (b *board) eventsSince(seq uint64) (out []event, last uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if e.Seq > seq {
			e.Value = safe(e.Value)
			out = append(out, e)
		}
	}
	return out, b.eventSeq
}

func (b *board) slow(topics []topicView) slowView {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	v := slowView{Op: "slow", Topics: topics, Path: make([][2]float64, 0, len(b.path))}
	for _, p := range b.path {
		v.Path = append(v.Path, [2]float64{rounded(safe(p.X), 1e3), rounded(safe(p.Y), 1e3)})
	}
	for _, name := range slices.Sorted(maps.Keys(b.diag)) {
		d := b.diag[name]
		x := diagView{Name: name, Level: d.it.Level, Message: d.it.Message, Age: now.Sub(d.when).Seconds()}
		for _, kv := range d.it.Values {
			x.Values = append(x.Values, [2]string{kv.Key, kv.Value})
		}
		v.Diagnostics = append(v.Diagnostics, x)
	}
	for name, s := range map[string]*spans{"inference": &b.inference, "image age": &b.age} {
		if len(s.last) > 0 {
			v.Latency = append(v.Latency, spanView{name, ms(s.percentile(0.5)), ms(s.percentile(0.99))})
		}
	}
	slices.SortFunc(v.Latency, func(x, y spanView) int { return strings.Compare(x.Name, y.Name) })
	return v
}
