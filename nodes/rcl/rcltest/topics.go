package rcltest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// inbox keeps what is delivered of a String topic.
type inbox struct {
	t      *testing.T
	closer io.Closer

	mu      sync.Mutex
	data    []string
	samples []rcl.Sample
}

func subscribe(t *testing.T, e rcl.Endpoint, topic string, qos rcl.QoS) *inbox {
	t.Helper()
	in := &inbox{t: t}
	var err error
	in.closer, err = e.Subscribe(topic, stringType, qos, func(s rcl.Sample) {
		m := read[msgs.String](t, s)
		in.mu.Lock()
		defer in.mu.Unlock()
		in.data = append(in.data, m.Data)
		in.samples = append(in.samples, s)
	})
	if err != nil {
		t.Fatalf("subscription on %s: %v", topic, err)
	}
	return in
}

func (in *inbox) all() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.data)
}

func (in *inbox) waitFor(want ...string) {
	in.t.Helper()
	eventually(in.t, fmt.Sprintf("delivery of %q", want), func() bool { return len(in.all()) >= len(want) })
	if got := in.all(); !slices.Equal(got, want) {
		in.t.Errorf("delivered %q, want %q", got, want)
	}
}

func numbers(from, to int) (all []string) {
	for i := from; i <= to; i++ {
		all = append(all, strconv.Itoa(i))
	}
	return all
}

func inOrder(t *testing.T, tr rcl.Transport) {
	a, b := node(t, tr, "a"), node(t, tr, "b")
	w := advertise(t, a, "/t", stringType, deep)
	first, second := subscribe(t, b, "/t", deep), subscribe(t, a, "/t", deep) // its own node hears it too
	matched(t, w, 2)
	want := numbers(1, 200)
	for _, s := range want {
		publish(t, w, &msgs.String{Data: s})
	}
	first.waitFor(want...)
	second.waitFor(want...)
	id := first.samples[0].Publisher
	if id == "" {
		t.Error("samples don't name their publisher")
	}
	for i, s := range first.samples {
		if s.Publisher != id {
			t.Fatalf("sample %d is of publisher %q, the first of %q", i, s.Publisher, id)
		}
		if s.Sequence != 0 && s.Sequence != first.samples[0].Sequence+uint64(i) {
			t.Fatalf("sample %d has sequence %d, the first %d", i, s.Sequence, first.samples[0].Sequence)
		}
	}
}

func manyPublishers(t *testing.T, tr rcl.Transport) {
	const writers, each = 8, 100
	e := node(t, tr, "listener")
	in := subscribe(t, e, "/t", deep)
	var wg sync.WaitGroup
	for k := range writers {
		w := advertise(t, node(t, tr, "talker"+strconv.Itoa(k)), "/t", stringType, deep)
		matched(t, w, 1)
		wg.Go(func() {
			for i := range each {
				if err := w.Publish(&msgs.String{Data: fmt.Sprintf("%d %d", k, i)}); err != nil {
					t.Errorf("publisher %d: %v", k, err)
				}
			}
		})
	}
	wg.Wait()
	eventually(t, "delivery of all", func() bool { return len(in.all()) >= writers*each })
	var next [writers]int
	publishers := map[string]int{}
	for i, s := range in.all() {
		var k, n int
		if _, err := fmt.Sscan(s, &k, &n); err != nil || k >= writers || n != next[k] {
			t.Fatalf("message %d is %q, publisher %d is at %d", i, s, k, next[k])
		}
		next[k]++
		publishers[in.samples[i].Publisher]++
	}
	if len(publishers) != writers {
		t.Errorf("%d publishers have %d identities", writers, len(publishers))
	}
}

func bigImage(t *testing.T, tr rcl.Transport) {
	img := &msgs.Image{
		Header: msgs.Header{Stamp: msgs.Time{Sec: 3, Nanosec: 7}, FrameID: "camera"},
		Width:  1280, Height: 720, Encoding: "rgb8", Step: 3840, Data: make([]byte, 1280*720*3),
	}
	for i := range img.Data {
		img.Data[i] = byte(i * 7 >> 3)
	}
	want := bytes.Clone(img.Data)
	e := node(t, tr, "n")
	got := make(chan rcl.Sample, 1)
	if _, err := e.Subscribe("/image", img.TypeName(), rcl.Newest, func(s rcl.Sample) { got <- s }); err != nil {
		t.Fatal(err)
	}
	w := advertise(t, e, "/image", img.TypeName(), rcl.Newest)
	matched(t, w, 1)
	publish(t, w, img)
	var s rcl.Sample
	select {
	case s = <-got:
	case <-time.After(patience):
		t.Fatal("no image came")
	}
	if s.Message != nil && s.Message != msgs.Message(img) {
		t.Error("a message of this process is a copy: hand over the pointer, or bytes")
	}
	m := read[msgs.Image](t, s)
	if m.Header != img.Header || m.Width != 1280 || m.Height != 720 || m.Encoding != "rgb8" || m.Step != 3840 || !bytes.Equal(m.Data, want) {
		t.Error("the image that came is not the one that was sent")
	}
}

// typesDiffer: a transport that knows refuses the second type; one that can't
// know (another process may use it) lets nothing pass.
func typesDiffer(t *testing.T, tr rcl.Transport) {
	a, b := node(t, tr, "a"), node(t, tr, "b")
	w := advertise(t, a, "/t", stringType, deep)
	var heard atomic.Bool
	if _, err := b.Subscribe("/t", boolType, deep, func(rcl.Sample) { heard.Store(true) }); err == nil {
		publish(t, w, &msgs.String{Data: "x"})
		time.Sleep(settle)
		if w.Matched() != 0 || heard.Load() {
			t.Error("a std_msgs/msg/String was delivered as a std_msgs/msg/Bool")
		}
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	w = advertise(t, a, "/u", stringType, deep)
	_ = w.Close()
	advertise(t, a, "/u", boolType, deep) // nobody uses the old type any more
}

func qualityOfService(t *testing.T, tr rcl.Transport) {
	a, b := node(t, tr, "a"), node(t, tr, "b")
	best := rcl.QoS{Reliability: rcl.BestEffort, Depth: 10}
	latched := rcl.QoS{Durability: rcl.TransientLocal, Depth: 10}
	every := func(d time.Duration) rcl.QoS { return rcl.QoS{Depth: 10, Deadline: d} }
	for i, c := range []struct {
		offered, requested rcl.QoS
		match              bool
	}{
		{rcl.Default, rcl.Default, true},
		{rcl.Default, best, true},
		{best, best, true},
		{best, rcl.Default, false},
		{latched, latched, true},
		{latched, rcl.Default, true},
		{rcl.Default, latched, false},
		{every(50 * time.Millisecond), every(100 * time.Millisecond), true},
		{every(100 * time.Millisecond), every(50 * time.Millisecond), false},
		{rcl.Default, every(time.Second), false},
		{every(time.Second), rcl.Default, true},
	} {
		topic := "/t" + strconv.Itoa(i)
		w := advertise(t, a, topic, stringType, c.offered)
		in := subscribe(t, b, topic, c.requested)
		control := subscribe(t, b, topic, c.offered) // always matches
		want := 1
		if c.match {
			want = 2
		}
		matched(t, w, want)
		publish(t, w, &msgs.String{Data: "x"})
		control.waitFor("x")
		if c.match {
			in.waitFor("x")
		} else if got := in.all(); len(got) > 0 {
			t.Errorf("offered %+v, requested %+v: a message passed", c.offered, c.requested)
		}
	}
}

func transientLocal(t *testing.T, tr rcl.Transport) {
	a, b := node(t, tr, "a"), node(t, tr, "b")
	qos := rcl.QoS{Durability: rcl.TransientLocal, Depth: 3}
	w := advertise(t, a, "/t", stringType, qos)
	for _, s := range numbers(1, 5) {
		publish(t, w, &msgs.String{Data: s})
	}
	late := subscribe(t, b, "/t", qos)
	late.waitFor("3", "4", "5")
	volatile := subscribe(t, b, "/t", rcl.Default)
	matched(t, w, 2)
	publish(t, w, &msgs.String{Data: "6"})
	late.waitFor("3", "4", "5", "6")
	volatile.waitFor("6")
}

func keptGoes(t *testing.T, tr rcl.Transport) {
	a, b := node(t, tr, "a"), node(t, tr, "b")
	w := advertise(t, a, "/t", stringType, rcl.Latched)
	publish(t, w, &msgs.String{Data: "old"})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	in := subscribe(t, b, "/t", rcl.Latched)
	w = advertise(t, a, "/t", stringType, rcl.Latched)
	publish(t, w, &msgs.String{Data: "new"})
	in.waitFor("new")
}

func nothingAfterClose(t *testing.T, tr rcl.Transport) {
	a, b := node(t, tr, "a"), node(t, tr, "b")
	w := advertise(t, a, "/t", stringType, deep)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = w.Publish(&msgs.String{Data: "x"})
			}
		}
	})
	for range 20 {
		var closed, heard atomic.Bool
		c, err := b.Subscribe("/t", stringType, deep, func(rcl.Sample) {
			heard.Store(true)
			if closed.Load() {
				t.Error("delivered after Close returned")
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "delivery", heard.Load)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		closed.Store(true)
		if err := c.Close(); err != nil {
			t.Errorf("closing twice: %v", err)
		}
	}
	close(stop)
	wg.Wait()
}

func closedPublisher(t *testing.T, tr rcl.Transport) {
	e := node(t, tr, "a")
	in := subscribe(t, e, "/t", deep)
	w := advertise(t, e, "/t", stringType, deep)
	matched(t, w, 1)
	publish(t, w, &msgs.String{Data: "before"})
	in.waitFor("before")
	for range 2 {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := w.Publish(&msgs.String{Data: "after"}); !errors.Is(err, rcl.ErrClosed) {
		t.Errorf("publishing on a closed publisher: %v", err)
	}
	if n := w.Matched(); n != 0 {
		t.Errorf("a closed publisher is matched %d times", n)
	}
	time.Sleep(settle)
	in.waitFor("before")
}
