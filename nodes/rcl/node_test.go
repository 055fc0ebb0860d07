package rcl_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

func TestNodeNamesAreUnique(t *testing.T) {
	w := lockstep(t)
	w.node("arm")
	_, err := w.Node("arm", rcl.Args{})
	if err == nil || !strings.Contains(err.Error(), "node /arm exists already") {
		t.Error(err)
	}
	if _, err := w.Node("arm", rcl.Args{Remaps: []rcl.Remap{{From: "__ns", To: "/left"}}}); err != nil {
		t.Error(err)
	}
	_, err = w.Node("an arm", rcl.Args{})
	wantError(t, err, rcl.ErrInvalidName, "an arm")
}

func TestAddKillsWhatCouldNotBeBuilt(t *testing.T) {
	w := lockstep(t)
	broken := errors.New("no camera")
	var half *rcl.Node
	_, err := w.Add("camera", rcl.Args{}, func(n *rcl.Node) error {
		half = n
		return broken
	})
	if !errors.Is(err, broken) || !half.Closed() || len(w.Nodes()) != 0 {
		t.Errorf("%v, closed %v, %d nodes", err, half.Closed(), len(w.Nodes()))
	}
	w.node("camera") // the name is free
}

// failing has no services: the parameters of a node can't be served.
type failing struct{ rcl.Transport }

func (f failing) Node(name rcl.FullName) (rcl.Endpoint, error) {
	e, err := f.Transport.Node(name)
	return failingEndpoint{e}, err
}

type failingEndpoint struct{ rcl.Endpoint }

func (failingEndpoint) Serve(string, string, func([]byte, func([]byte))) (io.Closer, error) {
	return nil, errors.New("no services here")
}

func TestNodeWithoutItsParameters(t *testing.T) {
	c := rcl.New(rcl.Options{Transport: failing{intra.New()}, Executor: rcl.NewLockstep(time.Time{})})
	if _, err := c.Node("arm", rcl.Args{}); err == nil || !strings.Contains(err.Error(), "no services here") {
		t.Error(err)
	}
	if n := len(c.Nodes()); n != 0 {
		t.Errorf("%d nodes are left", n)
	}
}

func TestTimer(t *testing.T) {
	w := lockstep(t)
	n := w.node("n")
	for _, p := range []time.Duration{0, -time.Second} {
		if _, err := n.Timer(p, nil); err == nil {
			t.Errorf("a period of %v was taken", p)
		}
	}
	var at []time.Duration
	var timer *rcl.Timer
	timer = must[*rcl.Timer](t)(n.Timer(10*time.Millisecond, func(now time.Time) {
		if !now.Equal(n.Now()) {
			t.Errorf("called with %v at %v", now, n.Now())
		}
		at = append(at, w.since())
		if len(at) == 3 {
			_ = timer.Close()
		}
	}))
	w.run(100 * time.Millisecond)
	if want := []time.Duration{10e6, 20e6, 30e6}; !reflect.DeepEqual(at, want) || timer.Missed() != 0 {
		t.Errorf("called at %v, missed %d, want %v", at, timer.Missed(), want)
	}
}

func TestAfter(t *testing.T) {
	w := lockstep(t)
	n := w.node("n")
	var did []string
	note := func(s string) func() { return func() { did = append(did, fmt.Sprint(s, w.since())) } }
	n.After(20*time.Millisecond, note("b"))
	n.After(10*time.Millisecond, note("a"))
	cancel := n.After(15*time.Millisecond, note("never"))
	n.After(12*time.Millisecond, cancel)
	n.After(30*time.Millisecond, cancel) // long after
	n.After(-time.Second, note("now"))
	n.After(20*time.Millisecond, note("c")) // same time: in the order of asking
	w.run(50 * time.Millisecond)
	if want := []string{"now0s", "a10ms", "b20ms", "c20ms"}; !reflect.DeepEqual(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}
}

func TestBackgroundTakesSimulatedTime(t *testing.T) {
	w := lockstep(t)
	n := w.node("n")
	var did []string
	note := func(s string) func() { return func() { did = append(did, fmt.Sprint(s, " ", w.since())) } }
	n.After(10*time.Millisecond, func() {
		n.Background(30*time.Millisecond, func(ctx context.Context, post func(func())) {
			if ctx.Err() != nil {
				t.Error("the node's context has ended")
			}
			post(note("first"))
			post(note("second"))
		})
		note("asked")()
	})
	n.After(20*time.Millisecond, note("meanwhile"))
	w.run(100 * time.Millisecond)
	if want := []string{"asked 10ms", "meanwhile 20ms", "first 40ms", "second 40ms"}; !reflect.DeepEqual(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}

	// Measured: as long as the work really took, in simulated time.
	start := w.since()
	var took time.Duration
	n.Background(-1, func(_ context.Context, post func(func())) {
		time.Sleep(3 * time.Millisecond)
		post(func() { took = w.since() - start })
	})
	if err := w.RunUntil(context.Background(), func() bool { return took != 0 }); err != nil {
		t.Fatal(err)
	}
	if took < 3*time.Millisecond {
		t.Errorf("work of 3 ms took %v", took)
	}
}

func TestKillInTheMiddle(t *testing.T) {
	w := lockstep(t)
	victim, other := w.node("victim"), w.node("other")
	heard := 0
	must[*rcl.Subscription](t)(rcl.Subscribe(victim, "/t", rcl.Default, func(*msgs.String, rcl.Info) { heard++ }))
	pub := must[*rcl.Publisher[msgs.String]](t)(rcl.Advertise[msgs.String](other, "/t", rcl.Default))
	ticks := 0
	must[*rcl.Timer](t)(victim.Timer(time.Millisecond, func(time.Time) {
		if ticks++; ticks == 3 {
			for range 2 {
				_ = pub.Publish(&msgs.String{}) // waits in the victim's queue
			}
			victim.Kill()
			if victim.Context().Err() == nil {
				t.Error("the context of a killed node goes on")
			}
		}
	}))
	victim.Background(5*time.Millisecond, func(_ context.Context, post func(func())) { post(func() { t.Error("posted to a killed node") }) })
	end := false
	other.After(20*time.Millisecond, func() { end = true })
	if err := w.RunUntil(context.Background(), func() bool { return end }); err != nil {
		t.Fatal(err)
	}
	if ticks != 3 || heard != 0 || pub.Matched() != 0 {
		t.Errorf("%d ticks, %d messages, matched %d", ticks, heard, pub.Matched())
	}
	select {
	case <-victim.Done():
	default:
		t.Error("Done is open")
	}
	if _, err := rcl.Advertise[msgs.String](victim, "/u", rcl.Default); !errors.Is(err, rcl.ErrClosed) {
		t.Errorf("a killed node advertises: %v", err)
	}
	if _, err := victim.Timer(time.Second, func(time.Time) {}); !errors.Is(err, rcl.ErrClosed) {
		t.Errorf("a killed node has a timer: %v", err)
	}
	victim.Post(func() { t.Error("posted to a killed node") })
	victim.Go(func(context.Context) { t.Error("a killed node works") })
	late := closing{t: t}
	victim.Keep(&late)
	if late.n != 1 {
		t.Error("what a killed node is given is not closed")
	}
}

type closing struct {
	t     *testing.T
	order *[]string
	name  string
	n     int
}

func (c *closing) Close() error {
	c.n++
	if c.order != nil {
		*c.order = append(*c.order, c.name)
	}
	return nil
}

func TestKeepClosesLatestFirst(t *testing.T) {
	w := lockstep(t)
	n := w.node("n")
	var order []string
	for _, name := range []string{"bus", "driver"} {
		n.Keep(&closing{t: t, order: &order, name: name})
	}
	n.Kill()
	if want := []string{"driver", "bus"}; !reflect.DeepEqual(order, want) {
		t.Errorf("closed %q, want %q", order, want)
	}
}

func TestShutdownComesToRest(t *testing.T) {
	c := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(time.Time{})})
	w := &world{c, t}
	base, other := w.node("base"), w.node("other")
	speed, braking := 5, false
	var stopped time.Duration
	must[*rcl.Timer](t)(base.Timer(10*time.Millisecond, func(time.Time) {
		if braking && speed > 0 {
			if speed--; speed == 0 {
				stopped = w.since()
			}
		}
	}))
	base.OnShutdown(func() { braking = true }, func() bool { return speed == 0 })
	order := []string{}
	base.Keep(&closing{t: t, order: &order, name: "base"})
	other.Keep(&closing{t: t, order: &order, name: "other"})
	w.run(35 * time.Millisecond)
	if err := c.Shutdown(time.Second); err != nil {
		t.Fatal(err)
	}
	if speed != 0 || stopped != 80*time.Millisecond || w.since() > 100*time.Millisecond {
		t.Errorf("speed %d at %v, shut down at %v", speed, stopped, w.since())
	}
	if want := []string{"other", "base"}; !reflect.DeepEqual(order, want) {
		t.Errorf("closed %q, want %q", order, want)
	}
	if _, err := c.Node("late", rcl.Args{}); !errors.Is(err, rcl.ErrClosed) {
		t.Errorf("a node of a closed context: %v", err)
	}
}

func TestShutdownHasALimit(t *testing.T) {
	c := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(time.Time{})})
	w := &world{c, t}
	n := w.node("base")
	n.OnShutdown(func() {}, func() bool { return false })
	w.run(time.Millisecond)
	before := w.since()
	if err := c.Shutdown(200 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if took := w.since() - before; took < 200*time.Millisecond || took > 210*time.Millisecond || !n.Closed() {
		t.Errorf("took %v, closed %v", took, n.Closed())
	}
}

// TestShutdownWithoutTime: the simulator was ended together with this process, by
// one Ctrl-C, while the robot moved.
func TestShutdownWithoutTime(t *testing.T) {
	c := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewClockTopic()})
	n := must[*rcl.Node](t)(c.Node("base", rcl.Args{}))
	told := make(chan struct{})
	n.OnShutdown(func() { close(told) }, func() bool { return false })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = c.Run(ctx)
	begin := time.Now()
	if err := c.Shutdown(time.Minute); err != nil {
		t.Error(err)
	}
	<-told
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("waited %v for a time that stands still", took)
	}
}

// farewell is a transport that notes in which order a node's parts are ended.
type farewell struct {
	rcl.Transport
	order *[]string
}

func (f farewell) Node(name rcl.FullName) (rcl.Endpoint, error) {
	e, err := f.Transport.Node(name)
	return farewellEndpoint{e, f.order}, err
}

type farewellEndpoint struct {
	rcl.Endpoint
	order *[]string
}

func (e farewellEndpoint) Close() error {
	*e.order = append(*e.order, "node")
	return e.Endpoint.Close()
}

func (e farewellEndpoint) Advertise(topic, typeName string, qos rcl.QoS) (rcl.Writer, error) {
	w, err := e.Endpoint.Advertise(topic, typeName, qos)
	return farewellWriter{w, e.order}, err
}

type farewellWriter struct {
	rcl.Writer
	order *[]string
}

func (w farewellWriter) Close() error {
	*w.order = append(*w.order, "publisher")
	return w.Writer.Close()
}

// TestNodeEndsAsAWhole: a transport hears of the node's end first, and says it once.
func TestNodeEndsAsAWhole(t *testing.T) {
	var order []string
	c := rcl.New(rcl.Options{Transport: farewell{intra.New(), &order}, Executor: rcl.NewLockstep(time.Time{})})
	n := must[*rcl.Node](t)(c.Node("n", rcl.Args{}))
	must[*rcl.Publisher[msgs.String]](t)(rcl.Advertise[msgs.String](n, "/t", rcl.Default))
	if err := c.Shutdown(time.Second); err != nil {
		t.Error(err)
	}
	if len(order) < 2 || order[0] != "node" || order[len(order)-1] != "publisher" {
		t.Errorf("ended in the order %q", order)
	}
}

// A context that never ran starts nothing when it is shut down: no bus is opened, no arm enabled.
func TestShutdownBeforeRun(t *testing.T) {
	for _, exec := range []rcl.Executor{rcl.NewLockstep(time.Time{}), rcl.NewRealTime()} {
		c := rcl.New(rcl.Options{Transport: intra.New(), Executor: exec})
		n := must[*rcl.Node](t)(c.Node("arm", rcl.Args{}))
		n.Post(func() { t.Error("a callback ran") })
		n.OnShutdown(func() { t.Error("a hook ran") }, func() bool { return false })
		kept := closing{t: t}
		n.Keep(&kept)
		if err := c.Shutdown(time.Second); err != nil {
			t.Error(err)
		}
		if kept.n != 1 {
			t.Errorf("closed %d times", kept.n)
		}
	}
}

// TestPartsAreForgotten: what closes by itself does not pile up in the node.
func TestPartsAreForgotten(t *testing.T) {
	w := lockstep(t)
	n := w.node("n")
	for range 3 {
		timer := must[*rcl.Timer](t)(n.Timer(time.Second, func(time.Time) {}))
		sub := must[*rcl.Subscription](t)(rcl.Subscribe(n, "/t", rcl.QoS{Deadline: time.Second}, func(*msgs.String, rcl.Info) {}))
		pub := must[*rcl.Publisher[msgs.String]](t)(rcl.Advertise[msgs.String](n, "/t", rcl.QoS{Deadline: time.Second}))
		if pub.Matched() != 1 || sub.Publishers() != 1 {
			t.Errorf("matched %d, publishers %d", pub.Matched(), sub.Publishers())
		}
		_, _, _ = timer.Close(), sub.Close(), pub.Close()
	}
	if got := rcl.Parts(n); got != rcl.Parts(w.node("fresh")) {
		t.Errorf("%d parts are left", got)
	}
}
