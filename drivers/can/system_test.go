package can

import (
	"errors"
	"strings"
	"testing"
)

func TestUsable(t *testing.T) {
	all := []Interface{
		{Name: "can0", Kind: "can", Up: true, Bitrate: 500_000},
		{Name: "can_left", Kind: "can", State: Down},
		{Name: "slcan0", Up: true},
		{Name: "vcan0", Kind: "vcan", Up: true},
		{Name: "vcan1", Kind: "vcan", State: Down},
	}
	for _, c := range []struct {
		name    string
		bitrate uint32
		all     []Interface
		err     string // a part of the message; empty: usable
	}{
		{"can0", 500_000, all, ""},
		{"can0", 0, all, ""},
		{"slcan0", 1_000_000, all, ""},
		{"vcan0", 1_000_000, all, ""},
		{"can0", 1_000_000, all, "can0 runs at 500000 bit/s, its devices need 1000000: ip link set can0 down && ip link set can0 up type can bitrate 1000000"},
		{"can_left", 1_000_000, all, "interface down: can_left: ip link set can_left up type can bitrate 1000000"},
		{"can_left", 0, all, "ip link set can_left up"},
		{"vcan1", 1_000_000, all, "vcan1: ip link set vcan1 up"},
		{"can_right", 0, all, "no interface can_right, there is can0, can_left, slcan0, vcan0, vcan1"},
		{"can_right", 0, nil, "plug the adapter in"},
	} {
		got, err := usable(c.all, c.name, c.bitrate)
		switch {
		case c.err == "" && (err != nil || got.Name != c.name):
			t.Errorf("%s: got %v, %v", c.name, got, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s at %d: %v, want %q", c.name, c.bitrate, err, c.err)
		}
	}
	if _, err := usable(all, "can_left", 0); !errors.Is(err, ErrDown) {
		t.Errorf("an interface that is down: %v", err)
	}
}

func TestSystemRefusesOddNames(t *testing.T) {
	for _, name := range []string{"", ".", "..", "can/0", "a name", "sixteen_letters_", "../../etc/passwd", "can0:1"} {
		if bus, err := (System{LockDir: t.TempDir()}).Open(name); err == nil || !strings.Contains(err.Error(), "is no bus") {
			t.Errorf("%q: %v, %v", name, bus, err)
		}
	}
}
