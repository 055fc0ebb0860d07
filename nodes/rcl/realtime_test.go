package rcl_test

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

// patience is far more than any machine needs.
const patience = 20 * time.Second

func wait[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("waited %v for %s", patience, what)
	}
	panic("not reached")
}

// running runs a context until the test ends; its nodes are made with Add.
func running(t *testing.T, exec rcl.Executor) *rcl.Context {
	t.Helper()
	c := rcl.New(rcl.Options{Transport: intra.New(), Executor: exec})
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan struct{})
	go func() {
		_ = c.Run(ctx)
		close(ran)
	}()
	t.Cleanup(func() {
		cancel()
		<-ran
		if err := c.Shutdown(time.Second); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	return c
}

func add(t *testing.T, c *rcl.Context, name string, build func(*rcl.Node)) *rcl.Node {
	t.Helper()
	return must[*rcl.Node](t)(c.Add(name, rcl.Args{}, func(n *rcl.Node) error {
		build(n)
		return nil
	}))
}

// on runs fn on the node's thread and waits for it.
func on(t *testing.T, n *rcl.Node, fn func()) {
	t.Helper()
	done := make(chan struct{})
	n.Post(func() { fn(); close(done) })
	wait(t, "the node's thread", done)
}

func TestNothingRunsBeforeRun(t *testing.T) {
	c := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewRealTime()})
	whole := false // read and written without a lock: the race detector watches
	ran := make(chan bool, 3)
	n := must[*rcl.Node](t)(c.Node("n", rcl.Args{}))
	note := func() { ran <- whole }
	n.Post(note)
	n.After(0, note)
	n.Background(0, func(_ context.Context, post func(func())) { post(note) })
	time.Sleep(5 * time.Millisecond)
	whole = true
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := c.RunUntil(ctx, func() bool { return len(ran) == 3 }); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if !<-ran {
			t.Error("a callback ran before Run")
		}
	}
	if err := c.Shutdown(time.Second); err != nil {
		t.Error(err)
	}
}

func TestAddWhileRunning(t *testing.T) {
	c := running(t, rcl.NewRealTime())
	add(t, c, "first", func(*rcl.Node) {})
	done := make(chan bool)
	whole := false
	add(t, c, "second", func(n *rcl.Node) {
		n.Post(func() { done <- whole })
		time.Sleep(5 * time.Millisecond)
		whole = true
	})
	if !wait(t, "the callback", done) {
		t.Error("a callback ran before the node was whole")
	}
}

func TestOneThreadANode(t *testing.T) {
	c := running(t, rcl.NewRealTime())
	const each = 200
	var order []int // no lock
	var busy atomic.Bool
	done := make(chan struct{})
	n := add(t, c, "n", func(n *rcl.Node) {
		must[*rcl.Timer](t)(n.Timer(100*time.Microsecond, func(time.Time) {
			if busy.Swap(true) {
				t.Error("two callbacks at once")
			}
			busy.Store(false)
		}))
	})
	for i := range each {
		n.Post(func() {
			if busy.Swap(true) {
				t.Error("two callbacks at once")
			}
			order = append(order, i)
			busy.Store(false)
			if len(order) == each {
				close(done)
			}
		})
	}
	wait(t, "all posts", done)
	if !slices.IsSorted(order) {
		t.Errorf("ran in the order %v", order)
	}
}

func TestRealTimers(t *testing.T) {
	c := running(t, rcl.NewRealTime())
	const period = 2 * time.Millisecond
	start := time.Now()
	calls := make(chan time.Time, 100)
	var timer *rcl.Timer
	n := add(t, c, "n", func(n *rcl.Node) {
		timer = must[*rcl.Timer](t)(n.Timer(period, func(now time.Time) { calls <- now }))
	})
	for i := range 5 {
		if now := wait(t, "the timer", calls); now.Sub(start) < time.Duration(i+1)*period {
			t.Errorf("call %d came after %v", i, now.Sub(start))
		}
	}
	before := timer.Missed()
	on(t, n, func() { time.Sleep(10 * period) })
	on(t, n, func() {}) // the late call and then this
	if missed := timer.Missed() - before; missed < 8 {
		t.Errorf("%d of 10 periods were missed while the thread slept", missed)
	}
	cancelled := make(chan struct{})
	on(t, n, func() {
		cancel := n.After(time.Millisecond, func() { t.Error("a cancelled callback ran") })
		time.Sleep(3 * time.Millisecond) // due by now
		cancel()
		n.After(2*time.Millisecond, func() { close(cancelled) })
	})
	wait(t, "what came after", cancelled)
}

// TestLateTimerLeavesRoom: a timer that is always late can't keep messages from being heard.
func TestLateTimerLeavesRoom(t *testing.T) {
	c := running(t, rcl.NewRealTime())
	heard := make(chan struct{})
	n := add(t, c, "n", func(n *rcl.Node) {
		must[*rcl.Timer](t)(n.Timer(time.Microsecond, func(time.Time) { time.Sleep(200 * time.Microsecond) }))
	})
	n.Post(func() { n.Post(func() { n.Post(func() { close(heard) }) }) })
	wait(t, "a message beside a busy timer", heard)
}

// TestEndOfANode: what it kept is closed when its last callback, its background
// work and its goroutines have ended, and not before.
func TestEndOfANode(t *testing.T) {
	c := running(t, rcl.NewRealTime())
	var working sync.WaitGroup
	working.Add(3)
	var under atomic.Int64
	under.Store(3)
	release := make(chan struct{})
	n := add(t, c, "n", func(n *rcl.Node) {
		n.Keep(closeFunc(func() error {
			if k := under.Load(); k != 0 {
				t.Errorf("closed while %d work", k)
			}
			return nil
		}))
		n.Go(func(ctx context.Context) {
			working.Done()
			<-ctx.Done()
			under.Add(-1)
		})
		n.Background(0, func(ctx context.Context, post func(func())) {
			working.Done()
			<-ctx.Done()
			post(func() { t.Error("posted to a killed node") })
			under.Add(-1)
		})
		n.Post(func() {
			working.Done()
			<-release
			under.Add(-1)
		})
	})
	working.Wait()
	n.Kill()
	select {
	case <-n.Done():
		t.Error("done while a callback runs")
	default:
	}
	if !n.Closed() || len(c.Nodes()) != 0 {
		t.Error("a killed node is still there")
	}
	close(release)
	wait(t, "the node's end", n.Done())
}

type closeFunc func() error

func (f closeFunc) Close() error { return f() }

func TestShutdownInRealTime(t *testing.T) {
	c := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewRealTime()})
	braking, speed := false, 3 // of the node's thread
	add(t, c, "base", func(n *rcl.Node) {
		must[*rcl.Timer](t)(n.Timer(time.Millisecond, func(time.Time) {
			if braking && speed > 0 {
				speed--
			}
		}))
		n.OnShutdown(func() { braking = true }, func() bool { return speed == 0 })
	})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	_ = c.Run(ctx)
	if err := c.Shutdown(patience); err != nil {
		t.Fatal(err)
	}
	if speed != 0 { // its thread has ended
		t.Errorf("closed at speed %d", speed)
	}
}

func TestClosingTheExecutorFirst(t *testing.T) {
	exec := rcl.NewRealTime()
	c := rcl.New(rcl.Options{Transport: intra.New(), Executor: exec})
	n := must[*rcl.Node](t)(c.Node("n", rcl.Args{}))
	if err := exec.Close(); err != nil {
		t.Fatal(err)
	}
	closed := 0
	n.Keep(closeFunc(func() error { closed++; return nil }))
	late := must[*rcl.Node](t)(c.Node("late", rcl.Args{}))
	late.Keep(closeFunc(func() error { closed++; return nil }))
	if err := c.Shutdown(time.Second); err != nil || closed != 2 {
		t.Errorf("%v, %d closed", err, closed)
	}
}

// clocked is a context by /clock, and a node of it.
func clocked(t *testing.T) (*rcl.RealTime, *rcl.Node) {
	exec := rcl.NewClockTopic()
	c := running(t, exec)
	return exec, add(t, c, "n", func(*rcl.Node) {})
}

func TestClockTopic(t *testing.T) {
	exec, n := clocked(t)
	at := func(ms int64) time.Time { return time.Unix(100, ms*int64(time.Millisecond)) }
	if !n.Simulated() || !n.Now().Equal(time.Unix(0, 0)) || exec.ClockAge() < time.Hour {
		t.Errorf("before /clock: %v, age %v", n.Now(), exec.ClockAge())
	}
	var did []int64
	now := func() int64 { return n.Now().Sub(at(0)).Milliseconds() }
	timer := must[*rcl.Timer](t)(n.Timer(10*time.Millisecond, func(time.Time) { did = append(did, now()) }))
	tick := func(ms int64) {
		t.Helper()
		exec.SetClock(at(ms))
		on(t, n, func() {})
	}
	tick(0) // time begins: the timer counts from here
	for ms := int64(5); ms <= 35; ms += 5 {
		tick(ms)
	}
	tick(72) // missed 50 and 60
	tick(80)
	if want := []int64{0, 10, 20, 30, 72, 80}; !reflect.DeepEqual(did, want) || timer.Missed() != 3 {
		t.Errorf("called at %v, missed %d, want %v", did, timer.Missed(), want)
	}
	did = nil
	tick(20) // the simulator restarted
	tick(25)
	tick(30)
	if want := []int64{20, 30}; !reflect.DeepEqual(did, want) {
		t.Errorf("after a step back called at %v, want %v", did, want)
	}
	if age := exec.ClockAge(); age <= 0 || age > patience {
		t.Errorf("age %v", age)
	}
}

func TestClockTopicCancelIsFinal(t *testing.T) {
	exec, n := clocked(t)
	on(t, n, func() {
		cancel := n.After(time.Millisecond, func() { t.Error("a cancelled callback ran") })
		late := n.After(0, func() { t.Error("a cancelled callback ran") }) // waits for its turn
		exec.SetClock(time.Unix(50, 0))
		cancel()
		late()
	})
	on(t, n, func() {})
}

func TestClockTopicBackground(t *testing.T) {
	exec, n := clocked(t)
	exec.SetClock(time.Unix(10, 0))
	worked := make(chan struct{})
	ran := make(chan time.Time, 2)
	n.Background(100*time.Millisecond, func(_ context.Context, post func(func())) {
		post(func() { ran <- n.Now() })
		close(worked)
	})
	wait(t, "the work", worked)
	exec.SetClock(time.Unix(10, 50e6))
	on(t, n, func() {})
	if len(ran) != 0 {
		t.Error("posted before its latency had passed")
	}
	exec.SetClock(time.Unix(10, 100e6))
	if got := wait(t, "the post", ran); !got.Equal(time.Unix(10, 100e6)) {
		t.Errorf("posted at %v", got)
	}
	// Work that takes longer than its latency posts at once; measured work, too.
	slow := make(chan struct{})
	n.Background(time.Millisecond, func(_ context.Context, post func(func())) {
		<-slow
		post(func() { ran <- n.Now() })
	})
	exec.SetClock(time.Unix(20, 0))
	close(slow)
	wait(t, "the late post", ran)
	n.Background(-1, func(_ context.Context, post func(func())) { post(func() { ran <- n.Now() }) })
	wait(t, "the measured post", ran)
}

func TestFollowClock(t *testing.T) {
	exec := rcl.NewClockTopic()
	c := running(t, exec)
	var pub *rcl.Publisher[msgs.Clock]
	n := add(t, c, "n", func(n *rcl.Node) {
		if err := exec.Follow(n); err != nil {
			t.Fatal(err)
		}
		pub = must[*rcl.Publisher[msgs.Clock]](t)(rcl.Advertise[msgs.Clock](n, "/clock", rcl.SensorData))
	})
	fired := make(chan time.Time, 1)
	n.After(3*time.Second, func() { fired <- n.Now() })
	for s := int32(1); s <= 4; s++ {
		if err := pub.Publish(&msgs.Clock{Clock: msgs.Time{Sec: s}}); err != nil {
			t.Fatal(err)
		}
		on(t, n, func() {})
	}
	if got := wait(t, "the callback", fired); got.Unix() < 3 {
		t.Errorf("fired at %v", got)
	}
	if rcl.NewRealTime().ClockAge() != 0 {
		t.Error("a robot's clock has an age")
	}
}
