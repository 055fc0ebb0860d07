package rcl_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

// TestUrgentNodesDoTheSame runs timers, messages and an end on a thread of its own.
func TestUrgentNodesDoTheSame(t *testing.T) {
	c := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewRealTime()})
	var ticks, heard atomic.Int64
	n, err := c.Add("urgent", rcl.Args{}, func(n *rcl.Node) error {
		if err := n.Urgent(); err != nil {
			t.Log(err)
		}
		if _, err := rcl.Subscribe(n, "in", rcl.Default, func(*msgs.Bool, rcl.Info) { heard.Add(1) }); err != nil {
			return err
		}
		_, err := n.Timer(time.Millisecond, func(time.Time) { ticks.Add(1) })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	other, err := c.Node("other", rcl.Args{})
	if err != nil {
		t.Fatal(err)
	}
	pub, err := rcl.Advertise[msgs.Bool](other, "in", rcl.Default)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	sent := int64(0)
	if err := c.RunUntil(ctx, func() bool {
		if sent < 5 && heard.Load() == sent {
			sent++
			if err := pub.Publish(&msgs.Bool{}); err != nil {
				t.Error(err)
			}
		}
		return ticks.Load() >= 20 && heard.Load() == 5
	}); err != nil {
		t.Fatalf("%v after %d ticks, %d messages", err, ticks.Load(), heard.Load())
	}
	n.Kill()
	if err := c.Shutdown(time.Second); err != nil {
		t.Fatal(err)
	}
}
