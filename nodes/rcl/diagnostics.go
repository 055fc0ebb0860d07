package rcl

import (
	"fmt"
	"time"

	"cobot_vla/msgs"
)

// Diagnostics publishes what a node says of its health on /diagnostics: once a
// second, and at once when a task's level changes.
type Diagnostics struct {
	n        *Node
	hardware string
	pub      *Publisher[msgs.DiagnosticArray]
	tasks    []diagTask
	last     map[string]uint8 // the levels published last
}

type diagTask struct {
	name string
	fn   func(*Status)
}

// Status is the answer of one diagnostic task. The worst level said wins, with its message.
type Status struct {
	Level   uint8 // msgs.DiagOK to DiagStale
	Message string
	Values  []msgs.KeyValue
}

// OK, Warn and Error state a level with a message that names the thing, the value and the remedy.
func (s *Status) OK(format string, args ...any)    { s.set(msgs.DiagOK, format, args) }
func (s *Status) Warn(format string, args ...any)  { s.set(msgs.DiagWarn, format, args) }
func (s *Status) Error(format string, args ...any) { s.set(msgs.DiagError, format, args) }

func (s *Status) set(level uint8, format string, args []any) {
	if s.Message == "" || level > s.Level {
		s.Level, s.Message = level, fmt.Sprintf(format, args...)
	}
}

// Add gives a value.
func (s *Status) Add(key string, value any) {
	s.Values = append(s.Values, msgs.KeyValue{Key: key, Value: fmt.Sprint(value)})
}

// NewDiagnostics starts publishing. hardware identifies the device, or "".
func NewDiagnostics(n *Node, hardware string) (*Diagnostics, error) {
	pub, err := Advertise[msgs.DiagnosticArray](n, "/diagnostics", Default)
	if err != nil {
		return nil, err
	}
	d := &Diagnostics{n: n, hardware: hardware, pub: pub, last: map[string]uint8{}}
	ticks := 0
	_, err = n.Timer(100*time.Millisecond, func(time.Time) {
		ticks++
		d.update(ticks%10 == 0)
	})
	return d, err
}

// Task adds a task: fn is asked ten times a second on the node's thread, and must be quick.
func (d *Diagnostics) Task(name string, fn func(*Status)) {
	d.tasks = append(d.tasks, diagTask{name, fn})
}

func (d *Diagnostics) update(all bool) {
	var out []msgs.DiagnosticStatus
	for _, t := range d.tasks {
		var s Status
		t.fn(&s)
		if s.Message == "" {
			s.Message = "ok"
		}
		last, known := d.last[t.name]
		changed := !known || last != s.Level
		switch {
		case changed && s.Level > msgs.DiagOK:
			d.n.log.Warn().Str("task", t.name).Msg(s.Message)
		case changed && known:
			d.n.log.Info().Str("task", t.name).Msg(s.Message)
		}
		if !all && !changed {
			continue
		}
		d.last[t.name] = s.Level
		out = append(out, msgs.DiagnosticStatus{
			Level: s.Level, Name: d.n.name.String() + ": " + t.name, Message: s.Message,
			HardwareID: d.hardware, Values: s.Values,
		})
	}
	if len(out) > 0 {
		_ = d.pub.Publish(&msgs.DiagnosticArray{Header: msgs.Header{Stamp: msgs.Stamp(d.n.Now())}, Status: out})
	}
}
