package rcl_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"

	"pgregory.net/rapid"
)

// Two nodes talk: a timer publishes, a slow subscriber answers in the background.
func lockstepRun(t *testing.T) []string {
	t.Helper()
	var lines []string
	c := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(time.Time{})})
	a, err := c.Node("talker", rcl.Args{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Node("listener", rcl.Args{})
	if err != nil {
		t.Fatal(err)
	}
	pub, err := rcl.Advertise[msgs.String](a, "chatter", rcl.Default)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if _, err := a.Timer(10*time.Millisecond, func(now time.Time) {
		n++
		if err := pub.Publish(&msgs.String{Data: fmt.Sprint(n)}); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := rcl.Subscribe(b, "chatter", rcl.Newest, func(m *msgs.String, _ rcl.Info) {
		data := m.Data
		b.Background(25*time.Millisecond, func(_ context.Context, post func(func())) {
			post(func() { lines = append(lines, fmt.Sprintf("%s@%d", data, b.Now().UnixMilli())) })
		})
	}); err != nil {
		t.Fatal(err)
	}
	if err := c.RunUntil(context.Background(), func() bool { return len(lines) == 5 }); err != nil {
		t.Fatal(err)
	}
	if err := c.Shutdown(time.Second); err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestLockstepIsExactAndRepeats(t *testing.T) {
	want := []string{"1@1035", "2@1045", "3@1055", "4@1065", "5@1075"}
	for range 2 {
		if got := lockstepRun(t); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

// chaos runs a random graph for two simulated seconds and returns all that its
// nodes saw: timers, messages, answers and background work; nodes die and come back.
func chaos(t *rapid.T, seed uint64) (trace []string) {
	rng := rand.New(rand.NewPCG(seed, 1))
	c := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(time.Time{})})
	check := func(err error) {
		if err != nil && !errors.Is(err, rcl.ErrClosed) {
			t.Fatal(err)
		}
	}
	var build func(name string)
	build = func(name string) {
		_, err := c.Add(name, rcl.Args{}, func(n *rcl.Node) error {
			say := func(format string, args ...any) {
				trace = append(trace, fmt.Sprintf("%d %s: ", c.Now().UnixNano(), name)+fmt.Sprintf(format, args...))
			}
			pub, err := rcl.Advertise[msgs.String](n, fmt.Sprint("/t", rng.IntN(3)), rcl.QoS{Depth: 3})
			check(err)
			_, err = rcl.Subscribe(n, fmt.Sprint("/t", rng.IntN(3)), rcl.QoS{Depth: 1 + rng.IntN(3)}, func(m *msgs.String, i rcl.Info) {
				say("heard %s of %s", m.Data, i.Publisher)
				if rng.IntN(4) == 0 {
					n.Background(time.Duration(rng.IntN(50))*time.Millisecond, func(_ context.Context, post func(func())) {
						post(func() { say("thought of %s", m.Data) })
					})
				}
			})
			check(err)
			_ = rcl.Serve(n, "/s", func(_ *msgs.Trigger_Request, r *msgs.Trigger_Response) { r.Message = name })
			client, err := rcl.NewClient[msgs.Trigger_Request, msgs.Trigger_Response](n, "/s")
			check(err)
			_, err = n.Timer(time.Duration(1+rng.IntN(40))*time.Millisecond, func(time.Time) {
				switch k := rng.IntN(40); {
				case k == 0 && len(c.Nodes()) > 1:
					say("dies")
					n.Kill()
					c.Nodes()[0].After(time.Duration(rng.IntN(20))*time.Millisecond, func() { build(name) })
				case k < 5:
					client.Go(&msgs.Trigger_Request{}, func(r *msgs.Trigger_Response, err error) { say("answered %v %v", r, err) })
				default:
					_ = pub.Publish(&msgs.String{Data: fmt.Sprint(k)})
				}
			})
			check(err)
			return nil
		})
		check(err)
	}
	for i := range 2 + rng.IntN(4) {
		build(fmt.Sprint("n", i))
	}
	end := c.Now().Add(2 * time.Second)
	check(c.RunUntil(context.Background(), func() bool { return c.Now().After(end) }))
	check(c.Shutdown(time.Second))
	return trace
}

func TestLockstepRepeatsChaos(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		first, second := chaos(t, seed), chaos(t, seed)
		if len(first) == 0 {
			t.Fatal("nothing happened")
		}
		if i := firstDifference(first, second); i >= 0 {
			t.Fatalf("runs part at line %d of %d", i, len(first))
		}
		times := slices.Clone(first)
		for i, s := range times {
			times[i] = s[:10]
		}
		if !slices.IsSorted(times) {
			t.Fatal("time went back")
		}
	})
}

func firstDifference(a, b []string) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return -1
}

func TestLockstepPace(t *testing.T) {
	exec := rcl.NewLockstep(time.Unix(5, 0))
	exec.Factor = 50
	c := rcl.New(rcl.Options{Transport: intra.New(), Executor: exec})
	n := must[*rcl.Node](t)(c.Node("n", rcl.Args{}))
	over := false
	n.After(time.Second, func() { over = true })
	start := time.Now()
	if err := c.RunUntil(context.Background(), func() bool { return over }); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 20*time.Millisecond {
		t.Errorf("a simulated second at 50 times the wall took %v", took)
	}
	if !c.Now().Equal(time.Unix(6, 0)) {
		t.Errorf("time is %v", c.Now())
	}
	// Nothing to do: a post from outside wakes it.
	woken := make(chan struct{})
	go func() {
		time.Sleep(time.Millisecond)
		n.Post(func() { close(woken) })
	}()
	if err := c.RunUntil(context.Background(), func() bool {
		select {
		case <-woken:
			return true
		default:
			return false
		}
	}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := c.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Run: %v", err)
	}
	if err := c.Shutdown(time.Second); err != nil {
		t.Error(err)
	}
}
