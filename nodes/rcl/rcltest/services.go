package rcltest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cobot_vla/nodes/rcl"
)

const trigger = "std_srvs/srv/Trigger"

type answer struct {
	data []byte
	err  error
}

func client(t *testing.T, e rcl.Endpoint, service string) rcl.Caller {
	t.Helper()
	c, err := e.Client(service, trigger)
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

// payload is a request or response in CDR: the header, and a string of n bytes.
func payload(n int, fill byte) []byte {
	b := append([]byte{0, 1, 0, 0, byte(n + 1), byte((n + 1) >> 8), byte((n + 1) >> 16), 0}, bytes.Repeat([]byte{fill}, n)...)
	return append(b, 0)
}

func services(t *testing.T, tr rcl.Transport) {
	a, b := node(t, tr, "a"), node(t, tr, "b")
	var later sync.WaitGroup
	var replies atomic.Int64
	s, err := a.Serve("/s", trigger, func(request []byte, reply func([]byte)) {
		switch request[8] {
		case 'n':
			reply(payload(3, 'N'))
		case 'l':
			later.Go(func() { reply(payload(5, 'L')) })
		case 't': // twice: only the first counts
			reply(payload(1, 'T'))
			reply(payload(1, 'U'))
		case 'b':
			reply(bytes.Clone(request))
		}
		replies.Add(1)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Serve("/s", trigger, func([]byte, func([]byte)) {}); err == nil {
		t.Log("a second server of the same service is allowed here; ROS 2 does not say who answers")
	}
	c := client(t, b, "/s")
	ready(t, c, true)
	big := payload(1<<20, 'b')
	for _, x := range []struct{ request, want []byte }{
		{payload(1, 'n'), payload(3, 'N')},
		{payload(1, 'l'), payload(5, 'L')},
		{payload(1, 't'), payload(1, 'T')},
		{big, big},
	} {
		if got := call(t, c, x.request); got.err != nil || !bytes.Equal(got.data, x.want) {
			t.Errorf("request %.12q: answered %.12q, %v", x.request, got.data, got.err)
		}
	}
	var answers atomic.Int64
	c.Call(payload(1, 't'), func([]byte, error) { answers.Add(1) })
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
	if _, err := a.Serve("/echo", trigger, func(request []byte, reply func([]byte)) {
		later.Go(func() { reply(bytes.Clone(request)) })
	}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for k := range 4 {
		c := client(t, b, "/echo")
		ready(t, c, true)
		for i := range 25 {
			wg.Add(1)
			request := payload(4+k, byte('a'+i))
			c.Call(request, func(got []byte, err error) {
				defer wg.Done()
				if err != nil || !bytes.Equal(got, request) {
					t.Errorf("asked %q, answered %q, %v", request, got, err)
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
	if got := call(t, c, payload(1, 'x')); !errors.Is(got.err, rcl.ErrNoService) {
		t.Errorf("a call of nobody: %v", got.err)
	}
	if _, err := b.Serve("/s", "std_srvs/srv/SetBool", func(_ []byte, reply func([]byte)) { reply(payload(1, 'y')) }); err == nil {
		time.Sleep(settle)
		if c.Ready() {
			t.Error("a service of another type is ready")
		}
		if got := call(t, c, payload(1, 'x')); !errors.Is(got.err, rcl.ErrNoService) {
			t.Errorf("a call of another type: %q, %v", got.data, got.err)
		}
	}
}

func closedCaller(t *testing.T, tr rcl.Transport) {
	a, b := node(t, tr, "a"), node(t, tr, "b")
	asked := make(chan func([]byte), 1)
	if _, err := a.Serve("/s", trigger, func(_ []byte, reply func([]byte)) { asked <- reply }); err != nil {
		t.Fatal(err)
	}
	c := client(t, b, "/s")
	ready(t, c, true)
	var closed atomic.Bool
	c.Call(payload(1, 'x'), func([]byte, error) {
		if closed.Load() {
			t.Error("answered after Close returned")
		}
	})
	reply := <-asked
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	closed.Store(true)
	reply(payload(1, 'y'))
	time.Sleep(settle)
	if got := call(t, c, payload(1, 'x')); !errors.Is(got.err, rcl.ErrClosed) {
		t.Errorf("a call on a closed caller: %v", got.err)
	}
}
