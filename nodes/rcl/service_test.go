package rcl_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

type triggerClient = rcl.Client[msgs.Trigger_Request, msgs.Trigger_Response]

func newClient(t *testing.T, n *rcl.Node, service string) *triggerClient {
	t.Helper()
	return must[*triggerClient](t)(rcl.NewClient[msgs.Trigger_Request, msgs.Trigger_Response](n, service))
}

func TestServices(t *testing.T) {
	w := lockstep(t)
	server, client := w.node("server"), w.node("client")
	if err := rcl.Serve(server, "~/now", func(_ *msgs.Trigger_Request, r *msgs.Trigger_Response) { r.Success, r.Message = true, "done" }); err != nil {
		t.Fatal(err)
	}
	if err := rcl.ServeLater(server, "later", func(_ *msgs.Trigger_Request, reply func(*msgs.Trigger_Response)) {
		server.After(50*time.Millisecond, func() { reply(&msgs.Trigger_Response{Message: "at last"}) })
	}); err != nil {
		t.Fatal(err)
	}
	if err := rcl.ServeLater(server, "never", func(*msgs.Trigger_Request, func(*msgs.Trigger_Response)) {}); err != nil {
		t.Fatal(err)
	}
	if err := rcl.Serve(server, "now", func(*msgs.SetBool_Request, *msgs.SetBool_Response) {}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, service := range []string{"server/now", "later", "never", "nobody"} {
		c := newClient(t, client, service)
		c.Timeout = 2 * time.Second
		if c.Ready() != (service != "nobody") {
			t.Errorf("%s: ready %v", service, c.Ready())
		}
		c.Go(&msgs.Trigger_Request{}, func(r *msgs.Trigger_Response, err error) {
			switch {
			case errors.Is(err, rcl.ErrTimeout):
				got = append(got, fmt.Sprint(w.since(), " timeout"))
			case errors.Is(err, rcl.ErrNoService):
				got = append(got, fmt.Sprint(w.since(), " no service"))
			case err != nil:
				t.Error(err)
			default:
				got = append(got, fmt.Sprintf("%v %v %s", w.since(), r.Success, r.Message))
			}
		})
	}
	w.run(3 * time.Second)
	want := []string{"0s no service", "0s true done", "50ms false at last", "2s timeout"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("answers %q, want %q", got, want)
	}
	if _, err := rcl.NewClient[msgs.Trigger_Request, msgs.Trigger_Response](client, "now"); err == nil {
		t.Error("a client of another type was made")
	}
	if err := rcl.Serve(client, "later", func(*msgs.Trigger_Request, *msgs.Trigger_Response) {}); err == nil {
		t.Error("two nodes serve one service")
	}
}

// A server that dies answers nothing: the caller's timeout says so. A caller that dies is not told.
func TestServiceOfTheDead(t *testing.T) {
	w := lockstep(t)
	server, client, dead := w.node("server"), w.node("client"), w.node("dead")
	if err := rcl.Serve(server, "s", func(_ *msgs.Trigger_Request, r *msgs.Trigger_Response) { t.Error("the dead answer") }); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, client, "s")
	if c.Timeout != 30*time.Second {
		t.Errorf("timeout %v", c.Timeout)
	}
	var err error
	c.Go(&msgs.Trigger_Request{}, func(_ *msgs.Trigger_Response, e error) { err = e })
	newClient(t, dead, "s").Go(&msgs.Trigger_Request{}, func(*msgs.Trigger_Response, error) { t.Error("the dead are told") })
	server.Kill()
	dead.Kill()
	over := false
	client.After(31*time.Second, func() { over = true })
	if e := w.RunUntil(context.Background(), func() bool { return over }); e != nil {
		t.Fatal(e)
	}
	wantError(t, err, rcl.ErrTimeout, "calling /s: rcl: no answer in time (30s)")
}

func TestCallWaits(t *testing.T) {
	c := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewRealTime()})
	server := must[*rcl.Node](t)(c.Node("server", rcl.Args{}))
	client := must[*rcl.Node](t)(c.Node("client", rcl.Args{}))
	if err := rcl.Serve(server, "s", func(_ *msgs.Trigger_Request, r *msgs.Trigger_Response) { r.Message = "hello" }); err != nil {
		t.Fatal(err)
	}
	if err := rcl.ServeLater(server, "never", func(*msgs.Trigger_Request, func(*msgs.Trigger_Response)) {}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error)
	go func() { ran <- c.Run(ctx) }()
	r, err := newClient(t, client, "s").Call(ctx, &msgs.Trigger_Request{})
	if err != nil || r.Message != "hello" {
		t.Errorf("%+v, %v", r, err)
	}
	_, err = newClient(t, client, "nobody").Call(ctx, &msgs.Trigger_Request{})
	wantError(t, err, rcl.ErrNoService, "calling /nobody")
	short, stop := context.WithTimeout(ctx, time.Millisecond)
	defer stop()
	_, err = newClient(t, client, "never").Call(short, &msgs.Trigger_Request{})
	wantError(t, err, context.DeadlineExceeded, "calling /never")
	cancel()
	<-ran
	if err := c.Shutdown(time.Second); err != nil {
		t.Error(err)
	}
}
