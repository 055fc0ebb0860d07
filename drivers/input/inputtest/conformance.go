// Package inputtest holds every implementation of input.Device to the seam's
// promises: what goes down comes up, an unplugged device says so, and nothing is
// heard after the end.
package inputtest

import (
	"sync"
	"testing"
	"time"

	"cobot_vla/drivers/input"
)

// Rig is a device and the hands that operate it.
type Rig struct {
	Device input.Device
	// Press presses or releases a key; Move puts an axis at -1, 0 or 1.
	Press func(c input.Code, down bool)
	Move  func(c input.Code, v float64)
	// Unplug takes the device away.
	Unplug func()
}

// Conformance runs the suite; open makes a fresh device that has the key KEY_W and the axis ABS_X.
func Conformance(t *testing.T, open func(t *testing.T) Rig) {
	t.Run("events come in order", func(t *testing.T) {
		r, heard := listening(t, open)
		r.Press(input.KeyW, true)
		r.Move(input.AbsX, 1)
		r.Move(input.AbsX, -1)
		r.Press(input.KeyW, false)
		r.Move(input.AbsX, 0)
		heard.want(t,
			input.Event{Kind: input.Key, Code: input.KeyW, Value: 1},
			input.Event{Kind: input.Axis, Code: input.AbsX, Value: 1},
			input.Event{Kind: input.Axis, Code: input.AbsX, Value: -1},
			input.Event{Kind: input.Key, Code: input.KeyW},
			input.Event{Kind: input.Axis, Code: input.AbsX},
		)
		if r.Device.Info().Name == "" {
			t.Error("it has no name")
		}
	})
	t.Run("what repeats is told once", func(t *testing.T) {
		r, heard := listening(t, open)
		r.Press(input.KeyW, true)
		r.Press(input.KeyW, true)
		r.Press(input.KeyW, false)
		r.Press(input.KeyW, false)
		heard.want(t, input.Event{Kind: input.Key, Code: input.KeyW, Value: 1}, input.Event{Kind: input.Key, Code: input.KeyW})
	})
	t.Run("an unplugged device says so last", func(t *testing.T) {
		r, heard := listening(t, open)
		r.Press(input.KeyW, true)
		r.Unplug()
		heard.want(t, input.Event{Kind: input.Key, Code: input.KeyW, Value: 1}, input.Event{Kind: input.Gone})
		if err := r.Device.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		heard.want(t, input.Event{Kind: input.Key, Code: input.KeyW, Value: 1}, input.Event{Kind: input.Gone})
	})
	t.Run("nothing is heard after cancel", func(t *testing.T) {
		r := opened(t, open)
		first, second := &log{}, &log{}
		cancel := r.Device.Listen(first.add)
		r.Device.Listen(second.add)
		cancel()
		r.Press(input.KeyW, true)
		second.want(t, input.Event{Kind: input.Key, Code: input.KeyW, Value: 1})
		first.want(t)
		cancel()
	})
	t.Run("nothing is heard after Close", func(t *testing.T) {
		r, heard := listening(t, open)
		if err := r.Device.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		r.Press(input.KeyW, true)
		if err := r.Device.Close(); err != nil {
			t.Errorf("a second Close: %v", err)
		}
		heard.want(t)
		r.Device.Listen(heard.add)()
		if err := r.Device.Grab(true); err == nil {
			t.Error("a closed device was grabbed")
		}
	})
	t.Run("grab and give back", func(t *testing.T) {
		r, heard := listening(t, open)
		for _, on := range []bool{true, false, false} {
			if err := r.Device.Grab(on); err != nil {
				t.Errorf("grab %v: %v", on, err)
			}
		}
		r.Press(input.KeyW, true)
		heard.want(t, input.Event{Kind: input.Key, Code: input.KeyW, Value: 1})
	})
}

func opened(t *testing.T, open func(*testing.T) Rig) Rig {
	t.Helper()
	r := open(t)
	t.Cleanup(func() { _ = r.Device.Close() })
	return r
}

func listening(t *testing.T, open func(*testing.T) Rig) (Rig, *log) {
	t.Helper()
	r := opened(t, open)
	l := &log{}
	r.Device.Listen(l.add)
	return r, l
}

// log keeps what was heard.
type log struct {
	mu    sync.Mutex
	heard []input.Event
}

func (l *log) add(e input.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, e)
}

// want waits for the events, in this order, and nothing else.
func (l *log) want(t *testing.T, events ...input.Event) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		n := len(l.heard)
		l.mu.Unlock()
		if n >= len(events) || time.Now().After(end) {
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	same := len(l.heard) == len(events)
	for i := range min(len(l.heard), len(events)) {
		same = same && l.heard[i] == events[i]
	}
	if !same {
		t.Errorf("heard %v, want %v", l.heard, events)
	}
}
