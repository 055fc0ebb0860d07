package main

import (
	"context"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

// TestSilentClockIsAFault stops a simulator's clock and hears of it.
func TestSilentClockIsAFault(t *testing.T) {
	clock := rcl.NewClockTopic()
	c := rcl.New(rcl.Options{Transport: intra.New(), Executor: clock})
	n, err := c.Node("arm", rcl.Args{})
	if err != nil {
		t.Fatal(err)
	}
	if err := clock.Follow(n); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := watchClock(ctx, n, clock); err != nil {
		t.Fatal(err)
	}
	said := make(chan uint8, 10)
	if _, err := rcl.Subscribe(n, "/diagnostics", rcl.Default, func(m *msgs.DiagnosticArray, _ rcl.Info) { said <- m.Status[0].Level }); err != nil {
		t.Fatal(err)
	}
	ticks, err := rcl.Advertise[msgs.Clock](n, "/clock", rcl.Default)
	if err != nil {
		t.Fatal(err)
	}
	running := make(chan error, 1)
	go func() { running <- c.Run(ctx) }()
	tick := func() { _ = ticks.Publish(&msgs.Clock{Clock: msgs.Stamp(time.Now())}) }
	tick()
	wait := func(want uint8) {
		t.Helper()
		for {
			select {
			case got := <-said:
				if got == want {
					return
				}
			case <-time.After(50 * time.Millisecond):
				if want == msgs.DiagOK {
					tick()
				}
			case <-ctx.Done():
				t.Fatalf("level %d was never said", want)
			}
		}
	}
	wait(msgs.DiagError)
	wait(msgs.DiagOK)
	cancel()
	<-running
	if err := c.Shutdown(time.Second); err != nil {
		t.Fatal(err)
	}
}
