// Package cantest holds what every can.Bus has to do. The virtual bus and the
// Unix socket run it in their tests; `cobot_vla doctor --conformance can:…` runs
// Checks where there is hardware, on can.System's OpenPair or on two adapters on one
// wire. Its frames have identifiers that no arm or base of ours obeys; still, run it
// on a wire without a robot.
package cantest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cobot_vla/drivers/can"
)

// Pair opens two fresh ends of one bus that nobody else talks on.
type Pair func() (a, b can.Bus, err error)

// patience is how long a frame may take to arrive over a bus with a reader
// goroutine; a bus that delivers takes none of it.
const patience = 5 * time.Second

// Conformance runs every check as a subtest.
func Conformance(t *testing.T, pair Pair) {
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Run(pair); err != nil {
				t.Error(err)
			}
		})
	}
}

// Check is one requirement.
type Check struct {
	Name string
	run  func(a, b can.Bus) error
}

// Run opens a pair, checks it and closes it.
func (c Check) Run(pair Pair) error {
	a, b, err := pair()
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	return errors.Join(c.run(a, b), a.Close(), b.Close())
}

// Checks lists the requirements.
func Checks() []Check {
	return []Check{
		{"every frame shape arrives unchanged", shapes},
		{"frames arrive in order", order},
		{"a sender does not hear itself", noEcho},
		{"two listeners of one end both hear", twoListeners},
		{"nothing is heard after cancel", cancelled},
		{"cancel and close hold while frames arrive", underFire},
		{"nothing is heard after close", closed},
		{"a closed bus refuses to send", sendAfterClose},
		{"frames that are not classic are refused", refusals},
		{"many senders at once lose nothing", concurrent},
		{"a callback may send", sendInCallback},
		{"a healthy bus is up and has a name", healthy},
	}
}

// Heard collects the frames that a bus delivers.
type Heard struct {
	mu     sync.Mutex
	frames []can.Frame
	more   chan struct{}
}

// Hear listens on bus.
func Hear(bus can.Bus) (h *Heard, cancel func()) {
	h = &Heard{more: make(chan struct{}, 1)}
	return h, bus.Listen(h.add)
}

// Watch taps a virtual bus: it hears every frame, whoever sends it.
func Watch(bus *can.VirtualBus) (h *Heard, cancel func()) {
	h = &Heard{more: make(chan struct{}, 1)}
	return h, bus.Tap(h.add)
}

func (h *Heard) add(f can.Frame) {
	h.mu.Lock()
	h.frames = append(h.frames, f)
	h.mu.Unlock()
	select {
	case h.more <- struct{}{}:
	default:
	}
}

// Frames returns a copy of what was heard.
func (h *Heard) Frames() []can.Frame {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]can.Frame(nil), h.frames...)
}

// Wait returns as soon as n frames were heard.
func (h *Heard) Wait(n int) ([]can.Frame, error) {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		if f := h.Frames(); len(f) >= n {
			return f, nil
		}
		select {
		case <-h.more:
		case <-deadline.C:
			return nil, fmt.Errorf("heard %d frames in %v, want %d", len(h.Frames()), patience, n)
		}
	}
}

func numbered(i int) can.Frame {
	return can.Frame{ID: 0x601, Len: 4, Data: [8]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}}
}

func expect(h *Heard, want []can.Frame) error {
	got, err := h.Wait(len(want))
	if err != nil {
		return err
	}
	for i, f := range want {
		if got[i] != f {
			return fmt.Errorf("frame %d is %v, want %v", i, got[i], f)
		}
	}
	if len(got) > len(want) {
		return fmt.Errorf("heard %v after the last frame", got[len(want):])
	}
	return nil
}

func shapes(a, b can.Bus) error {
	h, cancel := Hear(b)
	defer cancel()
	var want []can.Frame
	for _, id := range []uint32{0, 1, 0x600, 0x7FF} {
		for n := range uint8(9) {
			f := can.Frame{ID: id, Len: n}
			for i := range n {
				f.Data[i] = 0xF0 + i
			}
			want = append(want, f)
		}
	}
	for _, f := range want {
		if err := a.Send(f); err != nil {
			return err
		}
	}
	return expect(h, want)
}

func order(a, b can.Bus) error {
	h, cancel := Hear(b)
	defer cancel()
	var want []can.Frame
	for i := range 200 {
		want = append(want, numbered(i))
		if err := a.Send(want[i]); err != nil {
			return err
		}
	}
	return expect(h, want)
}

func noEcho(a, b can.Bus) error {
	ha, cancelA := Hear(a)
	defer cancelA()
	hb, cancelB := Hear(b)
	defer cancelB()
	if err := a.Send(numbered(1)); err != nil {
		return err
	}
	if _, err := hb.Wait(1); err != nil {
		return err
	}
	if err := b.Send(numbered(2)); err != nil {
		return err
	}
	return expect(ha, []can.Frame{numbered(2)})
}

func twoListeners(a, b can.Bus) error {
	h1, cancel1 := Hear(b)
	defer cancel1()
	h2, cancel2 := Hear(b)
	defer cancel2()
	if err := a.Send(numbered(7)); err != nil {
		return err
	}
	return errors.Join(expect(h1, []can.Frame{numbered(7)}), expect(h2, []can.Frame{numbered(7)}))
}

func cancelled(a, b can.Bus) error {
	stays, cancelStays := Hear(b)
	defer cancelStays()
	goes, cancelGoes := Hear(b)
	if err := a.Send(numbered(1)); err != nil {
		return err
	}
	if _, err := goes.Wait(1); err != nil {
		return err
	}
	cancelGoes()
	cancelGoes() // twice does no harm
	if err := a.Send(numbered(2)); err != nil {
		return err
	}
	if _, err := stays.Wait(2); err != nil {
		return err
	}
	return expect(goes, []can.Frame{numbered(1)})
}

// underFire cancels and closes while another goroutine sends as fast as it can.
func underFire(a, b can.Bus) error {
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				_ = a.Send(numbered(i)) // a full buffer is no matter here
			}
		}
	}()
	defer func() { close(stop); <-ended }()
	var late atomic.Int32
	for range 20 {
		var heard, over atomic.Bool
		first := make(chan struct{})
		cancel := b.Listen(func(can.Frame) {
			if over.Load() {
				late.Add(1)
			}
			if heard.CompareAndSwap(false, true) {
				close(first)
			}
		})
		select {
		case <-first:
		case <-time.After(patience):
			return fmt.Errorf("nothing heard in %v", patience)
		}
		cancel()
		over.Store(true)
	}
	var over atomic.Bool
	b.Listen(func(can.Frame) {
		if over.Load() {
			late.Add(1)
		}
	})
	if err := b.Close(); err != nil {
		return err
	}
	over.Store(true)
	if n := late.Load(); n > 0 {
		return fmt.Errorf("%d frames heard after cancel or close returned", n)
	}
	return nil
}

func closed(a, b can.Bus) error {
	h, cancel := Hear(b)
	defer cancel()
	if err := a.Send(numbered(1)); err != nil {
		return err
	}
	if _, err := h.Wait(1); err != nil {
		return err
	}
	if err := b.Close(); err != nil {
		return err
	}
	_ = a.Send(numbered(2)) // over a wire with two ends, the other may be told or not
	if s := b.State(); s != can.Down {
		return fmt.Errorf("a closed bus is %v, want %v", s, can.Down)
	}
	b.Listen(func(can.Frame) {})()
	return expect(h, []can.Frame{numbered(1)})
}

func sendAfterClose(a, _ can.Bus) error {
	if err := a.Close(); err != nil {
		return err
	}
	if err := a.Send(numbered(1)); !errors.Is(err, can.ErrClosed) {
		return fmt.Errorf("send on a closed bus: %v, want %v", err, can.ErrClosed)
	}
	return nil
}

func refusals(a, b can.Bus) error {
	h, cancel := Hear(b)
	defer cancel()
	for _, f := range []can.Frame{{ID: 0x800}, {ID: 0x80000001}, {ID: 1, Len: 9}, {ID: 1, Len: 255}} {
		if err := a.Send(f); !errors.Is(err, can.ErrFrame) {
			return fmt.Errorf("id 0x%X with %d bytes: %v, want %v", f.ID, f.Len, err, can.ErrFrame)
		}
	}
	if err := a.Send(numbered(1)); err != nil {
		return err
	}
	return expect(h, []can.Frame{numbered(1)})
}

func concurrent(a, b can.Bus) error {
	const senders, each, first = 4, 50, 0x610
	h, cancel := Hear(b)
	defer cancel()
	errs := make([]error, senders)
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				errs[s] = errors.Join(errs[s], a.Send(can.Frame{ID: first + uint32(s), Len: 1, Data: [8]byte{byte(i)}}))
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	got, err := h.Wait(senders * each)
	if err != nil {
		return err
	}
	var next [senders]byte
	for _, f := range got {
		s := f.ID - first
		if s >= senders {
			return fmt.Errorf("somebody else sent %v", f)
		}
		if f.Data[0] != next[s] {
			return fmt.Errorf("sender %d: frame %d came when %d was due", s, f.Data[0], next[s])
		}
		next[s]++
	}
	return nil
}

func sendInCallback(a, b can.Bus) error {
	h, cancel := Hear(a)
	defer cancel()
	var once sync.Once
	sent := make(chan error, 1)
	defer b.Listen(func(can.Frame) { once.Do(func() { sent <- b.Send(numbered(2)) }) })()
	if err := a.Send(numbered(1)); err != nil {
		return err
	}
	if err := expect(h, []can.Frame{numbered(2)}); err != nil {
		return err
	}
	return <-sent
}

func healthy(a, _ can.Bus) error {
	if a.State() != can.Up {
		return fmt.Errorf("the bus is %v, want %v", a.State(), can.Up)
	}
	if a.Name() == "" {
		return errors.New("the bus has no name")
	}
	return nil
}
