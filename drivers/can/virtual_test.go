package can_test

import (
	"errors"
	"reflect"
	"testing"

	"cobot_vla/drivers/can"
	"cobot_vla/drivers/can/cantest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, o can.Opener, name string) can.Bus {
	t.Helper()
	bus, err := o.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
	})
	return bus
}

func TestVirtualConformance(t *testing.T) {
	cantest.Conformance(t, func() (a, b can.Bus, err error) {
		n := can.NewNetwork()
		if a, err = n.Open("can0"); err != nil {
			return nil, nil, err
		}
		b, err = n.Open("can0")
		return a, b, err
	})
}

func frame(id uint32) can.Frame { return can.Frame{ID: id, Len: 1, Data: [8]byte{byte(id)}} }

func ids(frames []can.Frame) []uint32 {
	var r []uint32
	for _, f := range frames {
		r = append(r, f.ID)
	}
	return r
}

func wantIDs(t *testing.T, what string, h *cantest.Heard, want ...uint32) {
	t.Helper()
	if got := ids(h.Frames()); !reflect.DeepEqual(got, want) {
		t.Errorf("%s heard %X, want %X", what, got, want)
	}
}

func TestVirtualDeliveryIsSynchronousAndInOneOrder(t *testing.T) {
	n := can.NewNetwork()
	a, b, c := open(t, n, "can0"), open(t, n, "can0"), open(t, n, "can0")
	ha, _ := cantest.Hear(a)
	hc, _ := cantest.Hear(c)
	hb, _ := cantest.Hear(b)
	b.Listen(func(f can.Frame) {
		if f.ID < 3 { // answers 1 with 101 and 201, before c has heard 1
			b.Send(frame(100 + f.ID))
			b.Send(frame(200 + f.ID))
		}
	})
	wire, _ := cantest.Watch(n.Bus("can0"))
	a.Send(frame(1))
	a.Send(frame(2))
	wantIDs(t, "a", ha, 101, 201, 102, 202)
	wantIDs(t, "b", hb, 1, 2)
	wantIDs(t, "c", hc, 1, 101, 201, 2, 102, 202)
	wantIDs(t, "the tap", wire, 1, 101, 201, 2, 102, 202)
}

func TestVirtualBusesAreApart(t *testing.T) {
	n := can.NewNetwork()
	left, right := open(t, n, "can_left"), open(t, n, "can_right")
	h, _ := cantest.Hear(right)
	left.Send(frame(1))
	wantIDs(t, "the other bus", h)
	if _, err := n.Open(""); err == nil {
		t.Error("a bus without a name was opened")
	}
}

func TestVirtualFaults(t *testing.T) {
	n := can.NewNetwork()
	wire := n.Bus("can0")
	a, b := open(t, n, "can0"), open(t, n, "can0")
	h, _ := cantest.Hear(b)
	send := func(id uint32, want error) {
		t.Helper()
		if err := a.Send(frame(id)); !errors.Is(err, want) {
			t.Errorf("send %X: %v, want %v", id, err, want)
		}
	}
	send(1, nil)
	wire.SetSilent(true)
	send(2, nil)
	wire.SetSilent(false)
	wire.SetState(can.BusOff)
	send(3, can.ErrBusOff)
	if a.State() != can.BusOff || b.State() != can.BusOff {
		t.Errorf("states are %v and %v, want bus-off", a.State(), b.State())
	}
	wire.SetState(can.Down)
	send(4, can.ErrDown)
	wire.SetState(can.Passive)
	send(5, nil)
	wire.SetState(can.Up)
	wire.SetSendError(can.ErrBufferFull)
	send(6, can.ErrBufferFull)
	wire.SetSendError(nil)
	wire.DropNext(2)
	send(7, nil)
	send(8, nil)
	send(9, nil)
	wire.SetFilter(func(f can.Frame) bool { return f.ID != 0x10 })
	send(0x10, nil)
	send(0x11, nil)
	wire.SetFilter(nil)
	send(0x10, nil)
	wantIDs(t, "b", h, 1, 5, 9, 0x11, 0x10)
	if got, want := wire.Counters(), (can.Counters{Sent: 9, Dropped: 4, Refused: 3}); got != want {
		t.Errorf("counters are %+v, want %+v", got, want)
	}
}

func TestVirtualEndlessAnswersFillTheQueue(t *testing.T) {
	n := can.NewNetwork()
	a, b := open(t, n, "can0"), open(t, n, "can0")
	var full error
	answer := func(bus can.Bus) func(can.Frame) {
		return func(f can.Frame) {
			for range 2 { // two for one: no bus keeps up with that
				if full == nil {
					full = bus.Send(f)
				}
			}
		}
	}
	a.Listen(answer(a))
	b.Listen(answer(b))
	if err := a.Send(frame(1)); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(full, can.ErrBufferFull) {
		t.Errorf("the answers ended with %v, want %v", full, can.ErrBufferFull)
	}
}

// A test that fails in a callback ends its goroutine there; the bus survives.
func TestVirtualSurvivesACallbackThatExits(t *testing.T) {
	n := can.NewNetwork()
	a, b := open(t, n, "can0"), open(t, n, "can0")
	h, _ := cantest.Hear(b)
	exits := b.Listen(func(f can.Frame) {
		if f.ID == 1 {
			panic("callback failed")
		}
	})
	func() {
		defer func() { recover() }()
		a.Send(frame(1))
	}()
	exits()
	a.Send(frame(2))
	wantIDs(t, "b", h, 1, 2)
}

func TestVirtualSendDoesNotAllocate(t *testing.T) {
	n := can.NewNetwork()
	a, b := open(t, n, "can0"), open(t, n, "can0")
	b.Listen(func(can.Frame) {})
	if got := testing.AllocsPerRun(100, func() { a.Send(frame(1)) }); got > 0 {
		t.Errorf("send allocates %v times", got)
	}
}

func TestFrameString(t *testing.T) {
	for _, c := range []struct {
		f    can.Frame
		want string
	}{
		{can.Frame{ID: 0x2A1, Len: 2, Data: [8]byte{1, 2}}, "2A1#0102"},
		{can.Frame{ID: 1}, "001#"},
		{can.Frame{ID: 1, Len: 200}, "001#0000000000000000"},
	} {
		if got := c.f.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestStateString(t *testing.T) {
	for s, want := range map[can.State]string{can.Up: "up", can.Warning: "error-warning",
		can.Passive: "error-passive", can.BusOff: "bus-off", can.Down: "down", 9: "state 9"} {
		if got := s.String(); got != want {
			t.Errorf("state %d is %q, want %q", s, got, want)
		}
	}
}
