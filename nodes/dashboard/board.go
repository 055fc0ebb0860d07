package dashboard

import (
	"math"
	"slices"
	"sync"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/msgs"
)

// board is what the node heard last, in fixed places. The node's thread writes, viewers read.
type board struct {
	cfg   Config
	robot calibration.Robot
	now   func() time.Time

	mu          sync.Mutex
	instruction string
	authority   *msgs.Authority
	authorityAt time.Time
	parts       map[uint8]at[msgs.PartStatus]
	sources     map[string]at[msgs.Heartbeat]
	correction  bool
	command     at[[]float64] // of all axes, in the order of names
	measured    [2]at[[]float64]
	leader      [2]at[[]float64]
	odom        at[msgs.Odometry]
	path        []point
	pathSeq     uint64
	goal        at[msgs.MotionStatus]
	chunk       *chunkView
	events      []event
	eventSeq    uint64
	diag        map[string]at[msgs.DiagnosticStatus]
	recorder    at[msgs.RecorderStatus]
	verdict     at[msgs.TaskVerdict]
	inference   spans // observation to action
	age         spans // stamp to arrival of /observation/image
	names       []string
	place       map[string]int // of names
}

// at is something and when it came.
type at[T any] struct {
	it   T
	when time.Time
}

type point struct{ X, Y float64 }

// event is one thing that the policy said in tokens.
type event struct {
	Seq       uint64   `json:"seq"`
	Time      float64  `json:"t"`
	Kind      string   `json:"kind"` // navigation or steps
	Source    string   `json:"source"`
	Direction string   `json:"direction,omitempty"`
	Value     float64  `json:"value,omitempty"`
	Tokens    []uint32 `json:"tokens,omitempty"`
	Inference float64  `json:"inference_ms"`
	First     uint32   `json:"first,omitempty"`
	Total     uint32   `json:"total,omitempty"`
}

// chunkView is the newest chunk, as far as its steps have come.
type chunkView struct {
	Source   string     `json:"source"`
	Sequence uint64     `json:"sequence"`
	Schedule string     `json:"schedule"`
	Period   float64    `json:"period_s"`
	Names    []string   `json:"names"`
	Total    int        `json:"total"`
	Values   [][]number `json:"values"`
	Bins     [][]int    `json:"bins,omitempty"` // 1..256; 0 where a token is no action token
}

const (
	keepEvents = 64
	keepPath   = 1500
	pathStep   = 0.02 // [m] between two points
)

func newBoard(cfg Config, robot calibration.Robot, now func() time.Time) *board {
	b := &board{
		cfg: cfg, robot: robot, now: now, names: robot.ActionNames(), place: map[string]int{},
		parts: map[uint8]at[msgs.PartStatus]{}, sources: map[string]at[msgs.Heartbeat]{}, diag: map[string]at[msgs.DiagnosticStatus]{},
	}
	for i, n := range b.names {
		b.place[n] = i
	}
	return b
}

// write changes the board.
func (b *board) write(fn func(now time.Time)) {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	fn(now)
}

// joints puts positions in the order of names; nil where they are other joints'.
func (b *board) joints(m *msgs.JointState) []float64 {
	out := make([]float64, len(b.names))
	for i := range out {
		out[i] = math.NaN()
	}
	found := false
	for i, n := range m.Name {
		if p, ok := b.place[n]; ok && i < len(m.Position) {
			out[p], found = m.Position[i], true
		}
	}
	if !found {
		return nil
	}
	return out
}

// side puts one arm's positions in order; those without names of ours count in their own.
func (b *board) side(i int, m *msgs.JointState) []float64 {
	n := len(b.names) / 2
	if p := b.joints(m); p != nil {
		return p[i*n : (i+1)*n]
	}
	if len(m.Position) == n {
		return slices.Clone(m.Position)
	}
	return nil
}

func (b *board) addOdometry(m *msgs.Odometry, now time.Time) {
	b.odom = at[msgs.Odometry]{*m, now}
	p := point{m.Pose.Pose.Position.X, m.Pose.Pose.Position.Y}
	if n := len(b.path); n > 0 && math.Hypot(p.X-b.path[n-1].X, p.Y-b.path[n-1].Y) < pathStep {
		return
	}
	if len(b.path) == keepPath { // thin it out: the whole way stays in sight
		for i := range keepPath / 2 {
			b.path[i] = b.path[2*i]
		}
		b.path = b.path[:keepPath/2]
	}
	b.path = append(b.path, p)
	b.pathSeq++
}

func (b *board) addEvent(e event, now time.Time) {
	b.eventSeq++
	e.Seq, e.Time = b.eventSeq, stampSeconds(now)
	if len(b.events) == keepEvents {
		b.events = slices.Delete(b.events, 0, 1)
	}
	b.events = append(b.events, e)
}

var directions = map[uint8]string{msgs.Forward: "forward", msgs.TurnLeft: "left", msgs.TurnRight: "right", msgs.Stop: "stop"}

func (b *board) addNavigation(m *msgs.NavigationToken, now time.Time) {
	b.inference.add(m.Inference.Go())
	b.addEvent(event{
		Kind: "navigation", Source: m.Source, Direction: directions[m.Direction], Value: m.Value,
		Tokens: []uint32{m.DirectionToken, m.ValueToken}, Inference: ms(m.Inference.Go()),
	}, now)
}

func (b *board) addChunk(m *msgs.ActionChunk, now time.Time) {
	width := len(m.Names)
	if width == 0 || len(m.Values)%width != 0 {
		return
	}
	if m.Source != msgs.SourceTeleop { // a person's chunks come a hundred times a second
		if m.FirstStep == 0 {
			b.inference.add(m.Inference.Go())
		}
		b.addEvent(event{
			Kind: "steps", Source: m.Source, Tokens: m.Tokens, Inference: ms(m.Inference.Go()),
			First: m.FirstStep, Total: m.StepsTotal,
		}, now)
	}
	c := b.chunk
	if c == nil || c.Sequence != m.Sequence || c.Source != m.Source || int(m.FirstStep) != len(c.Values) {
		c = &chunkView{
			Source: m.Source, Sequence: m.Sequence, Names: m.Names, Total: int(m.StepsTotal), Period: m.Period.Go().Seconds(),
			Schedule: map[uint8]string{msgs.Async: "async", msgs.Sync: "sync"}[m.Schedule],
		}
	} else {
		copied := *c // viewers may hold the old one
		c = &copied
	}
	for k := range len(m.Values) / width {
		row := make([]number, width)
		for i, v := range m.Values[k*width : (k+1)*width] {
			row[i] = number(v)
		}
		c.Values = append(slices.Clip(c.Values), row)
		if len(m.Tokens) == len(m.Values) {
			c.Bins = append(slices.Clip(c.Bins), b.bins(m.Tokens[k*width:(k+1)*width]))
		}
	}
	b.chunk = c
}

func (b *board) bins(tokens []uint32) []int {
	out := make([]int, len(tokens))
	for i, t := range tokens {
		if d := b.cfg.ActionTokenTop - int(t); d >= 1 && d <= 256 {
			out[i] = d
		}
	}
	return out
}

// addDiagnostics keeps the newest status of every task; a stranger may send many names.
func (b *board) addDiagnostics(m *msgs.DiagnosticArray, now time.Time) {
	const most = 200
	for _, s := range m.Status {
		if _, known := b.diag[s.Name]; known || len(b.diag) < most {
			b.diag[s.Name] = at[msgs.DiagnosticStatus]{s, now}
		}
	}
}

// spans keeps the last durations of something.
type spans struct {
	last []time.Duration
	next int
}

const keepSpans = 100

func (s *spans) add(d time.Duration) {
	if len(s.last) < keepSpans {
		s.last = append(s.last, d)
		return
	}
	s.last[s.next] = d
	s.next = (s.next + 1) % keepSpans
}

func (s *spans) percentile(p float64) time.Duration {
	if len(s.last) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s.last))
	return sorted[min(int(p*float64(len(sorted))), len(sorted)-1)]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// stampSeconds is a time as a page takes it.
func stampSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
