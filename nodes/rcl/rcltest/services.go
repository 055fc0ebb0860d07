package rcltest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// The service of the tests carries a text both ways, in messages of its real
// types: a transport may have to look into them.
const getParameters = "rcl_interfaces/srv/GetParameters"

// asks is a request that says text, says a response that does.
func asks(text string) []byte {
	return msgs.Marshal(&msgs.GetParameters_Request{Names: []string{text}})
}

func says(text string) []byte {
	return msgs.Marshal(&msgs.GetParameters_Response{Values: []msgs.ParameterValue{{Type: msgs.ParameterString, StringValue: text}}})
}

// asked is the text of a request, said of a response.
func asked(request []byte) string {
	m := new(msgs.GetParameters_Request)
	if err := msgs.ReadCDR(request, m); err != nil || len(m.Names) != 1 {
		return fmt.Sprintf("no request: %v, %.40q", err, request)
	}
	return m.Names[0]
}

func said(response []byte) string {
	m := new(msgs.GetParameters_Response)
	if err := msgs.ReadCDR(response, m); err != nil || len(m.Values) != 1 {
		return fmt.Sprintf("no response: %v, %.40q", err, response)
	}
	return m.Values[0].StringValue
}

type answer struct {
	data []byte
	err  error
}

func client(t *testing.T, e rcl.Endpoint, service string) rcl.Caller {
	t.Helper()
	c, err := e.Client(service, getParameters)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func call(t *testing.T, c rcl.Caller, request []byte) answer {
	t.Helper()
	ch := make(chan answer, 2)
	c.Call(request, func(b []byte, err error) { ch <- answer{b, err} })
	select {
	case a := <-ch:
		return a
	case <-time.After(patience):
		t.Fatal("no answer came")
	}
	return answer{}
}

func ready(t *testing.T, c rcl.Caller, want bool) {
	t.Helper()
	eventually(t, fmt.Sprintf("Ready() == %v", want), func() bool { return c.Ready() == want })
}

func services(t *testing.T, tr rcl.Transport) {
	a, b := node(t, tr, "a"), node(t, tr, "b")
	var later sync.WaitGroup
	var replies atomic.Int64
	s, err := a.Serve("/s", getParameters, func(request []byte, reply func([]byte)) {
		switch text := asked(request); text {
		case "now":
			reply(says("NOW"))
		case "later":
			later.Go(func() { reply(says("LATER")) })
		case "twice": // only the first counts
			reply(says("FIRST"))
			reply(says("SECOND"))
		default:
			reply(says(text))
		}
		replies.Add(1)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Serve("/s", getParameters, func([]byte, func([]byte)) {}); err == nil {
		t.Log("a second server of the same service is allowed here; ROS 2 does not say who answers")
	}
	c := client(t, b, "/s")
	ready(t, c, true)
	big := strings.Repeat("b", 1<<20)
	for _, x := range []struct{ request, want string }{
		{"now", "NOW"}, {"later", "LATER"}, {"twice", "FIRST"}, {big, big},
	} {
		if got := call(t, c, asks(x.request)); got.err != nil || said(got.data) != x.want {
			t.Errorf("request %.12q: answered %.40q, %v", x.request, said(got.data), got.err)
		}
	}
	var answers atomic.Int64
	c.Call(asks("twice"), func([]byte, error) { answers.Add(1) })
	eventually(t, "the reply", func() bool { return replies.Load() == 5 && answers.Load() > 0 })
	time.Sleep(settle)
	if n := answers.Load(); n != 1 {
		t.Errorf("a call was answered %d times", n)
	}
	later.Wait()
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	ready(t, c, false)
}

func manyCalls(t *testing.T, tr rcl.Transport) {
	a, b := node(t, tr, "a"), node(t, tr, "b")
	var later sync.WaitGroup
	if _, err := a.Serve("/echo", getParameters, func(request []byte, reply func([]byte)) {
		later.Go(func() { reply(says(asked(request))) })
	}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for k := range 4 {
		c := client(t, b, "/echo")
		ready(t, c, true)
		for i := range 25 {
			wg.Add(1)
			text := fmt.Sprintf("call %d of caller %d", i, k)
			c.Call(asks(text), func(got []byte, err error) {
				defer wg.Done()
				if err != nil || said(got) != text {
					t.Errorf("asked %q, answered %q, %v", text, got, err)
				}
			})
		}
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("not every call was answered")
	}
	later.Wait()
}

func noServer(t *testing.T, tr rcl.Transport) {
	a, b := node(t, tr, "a"), node(t, tr, "b")
	c := client(t, a, "/s")
	if c.Ready() {
		t.Error("ready, and nobody serves")
	}
	if got := call(t, c, asks("x")); !errors.Is(got.err, rcl.ErrNoService) {
		t.Errorf("a call of nobody: %v", got.err)
	}
	if _, err := b.Serve("/s", "std_srvs/srv/SetBool", func(_ []byte, reply func([]byte)) { reply(nil) }); err == nil {
		time.Sleep(settle)
		if c.Ready() {
			t.Error("a service of another type is ready")
		}
		if got := call(t, c, asks("x")); !errors.Is(got.err, rcl.ErrNoService) {
			t.Errorf("a call of another type: %q, %v", got.data, got.err)
		}
	}
}

func closedCaller(t *testing.T, tr rcl.Transport) {
	a, b := node(t, tr, "a"), node(t, tr, "b")
	came := make(chan func([]byte), 1)
	if _, err := a.Serve("/s", getParameters, func(_ []byte, reply func([]byte)) { came <- reply }); err != nil {
		t.Fatal(err)
	}
	c := client(t, b, "/s")
	ready(t, c, true)
	var closed atomic.Bool
	c.Call(asks("x"), func([]byte, error) {
		if closed.Load() {
			t.Error("answered after Close returned")
		}
	})
	reply := <-came
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	closed.Store(true)
	reply(says("y"))
	time.Sleep(settle)
	if got := call(t, c, asks("x")); !errors.Is(got.err, rcl.ErrClosed) {
		t.Errorf("a call on a closed caller: %v", got.err)
	}
}
