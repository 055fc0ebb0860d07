package can_test

import (
	"testing"

	"cobot_vla/drivers/can"
	"cobot_vla/drivers/can/cantest"
)

// All of a SocketCAN bus but the dialling conforms; a pair of sockets stands for the wire.
func TestSocketBusConformance(t *testing.T) {
	cantest.Conformance(t, func() (a, b can.Bus, err error) { return can.SocketPair(t.TempDir()) })
}

func TestSystemOpensUnixSockets(t *testing.T) {
	n := can.NewNetwork()
	path, _ := serve(t, n)
	h, cancel := cantest.Watch(n.Bus("can0"))
	defer cancel()
	for name, c := range map[string]struct {
		system can.System
		spec   string
	}{
		"by path": {can.System{}, "unix:" + path},
		"by name": {can.System{UnixDir: path[:len(path)-len("/can0.sock")]}, "can0"},
	} {
		bus, err := c.system.Open(c.spec)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		before := len(h.Frames())
		if err := bus.Send(frame(1)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := h.Wait(before + 1); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		bus.Close()
	}
}

func TestSystemOpensPairs(t *testing.T) {
	cantest.Conformance(t, func() (a, b can.Bus, err error) {
		path, _ := serve(t, can.NewNetwork())
		return can.System{}.OpenPair("unix:" + path)
	})
	for _, name := range []string{"unix:/nowhere/at/all", "can_absent", "no bus"} {
		if a, b, err := (can.System{LockDir: t.TempDir()}).OpenPair(name); err == nil || a != nil || b != nil {
			t.Errorf("%s: %v, %v, %v", name, a, b, err)
		}
	}
}
