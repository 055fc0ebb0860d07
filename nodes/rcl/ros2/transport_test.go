//go:build ros2

package ros2

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

func open(t *testing.T, o Options) *Transport {
	t.Helper()
	tr, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

func node(t *testing.T, tr *Transport, name string) rcl.Endpoint {
	t.Helper()
	e, err := tr.Node(rcl.FullName{Namespace: "/", Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
	}
}

const stringType = "std_msgs/msg/String"

// TestNothingIsLeftBehind: after Close no goroutine runs.
func TestNothingIsLeftBehind(t *testing.T) {
	defer goleak.VerifyNone(t)
	for range 3 {
		tr, err := New(options())
		if err != nil {
			t.Fatal(err)
		}
		e := node(t, tr, "n")
		if _, err := e.Subscribe("/t", stringType, rcl.Default, func(rcl.Sample) {}); err != nil {
			t.Fatal(err)
		}
		w, err := e.Advertise("/t", stringType, rcl.Latched)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Client("/s", "std_srvs/srv/Trigger"); err != nil {
			t.Fatal(err)
		}
		if err := w.Publish(&msgs.String{}); err != nil {
			t.Fatal(err)
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNodeEndsInOneRound: what a node made goes together, not with one waking of
// the waiter each.
func TestNodeEndsInOneRound(t *testing.T) {
	tr := open(t, options())
	e := node(t, tr, "n")
	for i := range 10 {
		topic := "/t" + strconv.Itoa(i)
		if _, err := e.Advertise(topic, stringType, rcl.Default); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Subscribe(topic, stringType, rcl.Default, func(rcl.Sample) {}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.Serve("/s", "std_srvs/srv/Trigger", func([]byte, func([]byte)) {}); err != nil {
		t.Fatal(err)
	}
	changes := func() uint64 {
		tr.waiter.mu.Lock()
		defer tr.waiter.mu.Unlock()
		return tr.waiter.changes
	}
	before := changes()
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if n := changes() - before; n != 1 {
		t.Errorf("closing the node took %d rounds of the waiter", n)
	}
}

// TestSpuriousTake: a publisher of another participant that leaves wakes the
// wait; nothing is delivered, nothing is logged, the subscription goes on.
func TestSpuriousTake(t *testing.T) {
	var lines lockedBuffer
	o := options()
	log := zerolog.New(&lines).Level(zerolog.InfoLevel)
	o.Log = &log
	var heard atomic.Int64
	if _, err := node(t, open(t, o), "listener").Subscribe("/t", stringType, rcl.Default, func(rcl.Sample) { heard.Add(1) }); err != nil {
		t.Fatal(err)
	}
	for round := range 5 {
		tr, err := New(options())
		if err != nil {
			t.Fatal(err)
		}
		w, err := node(t, tr, "talker").Advertise("/t", stringType, rcl.Default)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "a match", func() bool { return w.Matched() == 1 })
		if err := w.Publish(&msgs.String{Data: "x"}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the message", func() bool { return heard.Load() == int64(round)+1 })
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(50 * time.Millisecond)
	if n := heard.Load(); n != 5 {
		t.Errorf("%d messages were delivered, 5 were sent", n)
	}
	if text := lines.String(); text != "" {
		t.Errorf("logged: %s", text)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// resident is the memory of this process [bytes].
func resident(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// TestLeaksNothing: rclgo's typed path leaks 32 bytes a string field of each
// message (2.6 MB here), and as much of each call of a service.
func TestLeaksNothing(t *testing.T) {
	e := node(t, open(t, options()), "n")
	var heard, answered atomic.Int64
	if _, err := e.Subscribe("/t", "rcl_interfaces/msg/Log", rcl.Default, func(rcl.Sample) { heard.Add(1) }); err != nil {
		t.Fatal(err)
	}
	w, err := e.Advertise("/t", "rcl_interfaces/msg/Log", rcl.Default)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Serve("/s", "std_srvs/srv/Trigger", func(_ []byte, reply func([]byte)) {
		reply(msgs.Marshal(&msgs.Trigger_Response{Message: "an answer that is longer than nothing"}))
	}); err != nil {
		t.Fatal(err)
	}
	c, err := e.Client("/s", "std_srvs/srv/Trigger")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a match", func() bool { return w.Matched() == 1 && c.Ready() })
	work := func(n int) {
		m := &msgs.Log{Name: "name", Msg: "message", File: "file", Function: "function"}
		request := msgs.Marshal(&msgs.Trigger_Request{})
		for i := range n {
			if err := w.Publish(m); err != nil {
				t.Fatal(err)
			}
			if i%10 == 0 {
				before := answered.Load()
				c.Call(request, func([]byte, error) { answered.Add(1) })
				eventually(t, "the answer", func() bool { return answered.Load() > before })
			}
		}
	}
	work(2000)
	before := resident(t)
	work(20_000)
	if grown := resident(t) - before; grown > 2<<20 {
		t.Errorf("memory grew by %d bytes in 20000 messages and 2000 calls", grown)
	}
}

// TestSaysWhyNothingPasses: silence is hard to find.
func TestSaysWhyNothingPasses(t *testing.T) {
	var lines lockedBuffer
	o := options()
	log := zerolog.New(&lines)
	o.Log = &log
	tr := open(t, o)
	e := node(t, tr, "n")
	if _, err := e.Advertise("/t", stringType, rcl.SensorData); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Subscribe("/t", stringType, rcl.Default, func(rcl.Sample) {}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"a subscription requests another reliability than this publisher offers", "a publisher offers another reliability than this subscription requests"} {
		eventually(t, text, func() bool { return strings.Contains(lines.String(), text) })
	}
}

// TestRefusesWithTheRemedy: what can't be is refused with an error that names it.
func TestRefusesWithTheRemedy(t *testing.T) {
	e := node(t, open(t, options()), "n")
	if _, err := e.Advertise("/t", stringType, rcl.Default); err != nil {
		t.Fatal(err)
	}
	nothing := func([]byte, func([]byte)) {}
	if _, err := e.Serve("/s", "std_srvs/srv/Trigger", nothing); err != nil {
		t.Fatal(err)
	}
	for want, try := range map[string]func() error{
		"/t carries std_msgs/msg/String, not std_msgs/msg/Bool: remap one of them": func() error {
			_, err := e.Subscribe("/t", "std_msgs/msg/Bool", rcl.Default, func(rcl.Sample) {})
			return err
		},
		"service /s is served by /n already": func() error {
			_, err := e.Serve("/s", "std_srvs/srv/Trigger", nothing)
			return err
		},
		"ros2: no_such_msgs/msg/X is not in this ROS 2: source the workspace that has package no_such_msgs": func() error {
			_, err := e.Advertise("/x", "no_such_msgs/msg/X", rcl.Default)
			return err
		},
		"ros2: std_msgs/msg/NoSuch is not in this ROS 2": func() error {
			_, err := e.Advertise("/x", "std_msgs/msg/NoSuch", rcl.Default)
			return err
		},
		`ros2: "String" is no type: write package/msg/Name`: func() error {
			_, err := e.Advertise("/x", "String", rcl.Default)
			return err
		},
		"ros2: domain 233: use 0 to 232": func() error {
			_, err := New(Options{Domain: 233})
			return err
		},
	} {
		if err := try(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestBadRequest: what is no request of the type is refused here, not sent.
func TestBadRequest(t *testing.T) {
	e := node(t, open(t, options()), "n")
	if _, err := e.Serve("/s", "rcl_interfaces/srv/GetParameters", func(_ []byte, reply func([]byte)) { reply([]byte{0, 1, 0, 0, 9}) }); err != nil {
		t.Fatal(err)
	}
	c, err := e.Client("/s", "rcl_interfaces/srv/GetParameters")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the service", c.Ready)
	for _, bad := range [][]byte{nil, {0, 1}, {0, 1, 0, 0, 255, 255, 255, 255}} {
		var got error
		c.Call(bad, func(_ []byte, err error) { got = err })
		if got == nil || errors.Is(got, rcl.ErrNoService) {
			t.Errorf("%x: %v", bad, got)
		}
	}
}
