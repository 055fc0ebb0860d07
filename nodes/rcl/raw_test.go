package rcl_test

import (
	"strings"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
	"cobot_vla/nodes/rcl/rcltest"
)

// A type known by name alone meets the one that others name in Go, both ways:
// as the publisher's own message in process, as bytes between processes.
func TestRawMeetsTyped(t *testing.T) {
	for name, transport := range map[string]rcl.Transport{"pointers": intra.New(), "bytes": rcltest.Loopback(intra.New())} {
		t.Run(name, func(t *testing.T) {
			w := &world{rcl.New(rcl.Options{Transport: transport, Executor: rcl.NewLockstep(time.Time{})}), t}
			defer w.Shutdown(time.Second)
			n := w.node("n")
			const typeName = "std_msgs/msg/String"
			var raw []rcl.Sample
			if _, err := rcl.SubscribeRaw(n, "t", typeName, rcl.Default, func(s rcl.Sample, _ rcl.Info) { raw = append(raw, s) }); err != nil {
				t.Fatal(err)
			}
			var typed []string
			if _, err := rcl.Subscribe(n, "t", rcl.Default, func(m *msgs.String, _ rcl.Info) { typed = append(typed, m.Data) }); err != nil {
				t.Fatal(err)
			}
			p, err := rcl.AdvertiseRaw(n, "t", typeName, rcl.Default)
			if err != nil {
				t.Fatal(err)
			}
			if p.Topic() != "/t" || p.Matched() != 2 {
				t.Errorf("topic %s, %d subscriptions", p.Topic(), p.Matched())
			}
			if err := p.Publish(&msgs.String{Data: "one"}); err != nil {
				t.Fatal(err)
			}
			w.run(10 * time.Millisecond)
			if len(typed) != 1 || typed[0] != "one" || len(raw) != 1 {
				t.Fatalf("heard %q and %d raw", typed, len(raw))
			}
			m := &msgs.String{}
			switch s := raw[0]; {
			case s.Message != nil:
				m = s.Message.(*msgs.String)
			default:
				if err := msgs.ReadCDR(s.CDR, m); err != nil {
					t.Fatal(err)
				}
			}
			if m.Data != "one" {
				t.Errorf("raw says %q", m.Data)
			}
			if err := p.Publish(&msgs.Bool{}); err == nil || !strings.Contains(err.Error(), "carries std_msgs/msg/String, not std_msgs/msg/Bool") {
				t.Errorf("another type: %v", err)
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
