package input_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"cobot_vla/drivers/input"
	"cobot_vla/drivers/input/inputtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFakeConforms(t *testing.T) {
	inputtest.Conformance(t, func(*testing.T) inputtest.Rig {
		d := input.NewFakes().Plug(input.Keyboard, "fake keyboard")
		return inputtest.Rig{Device: d, Press: d.Press, Move: d.Move, Unplug: d.Unplug}
	})
}

func TestTheDeviceThatIsMeantIsOpened(t *testing.T) {
	fakes := input.NewFakes()
	fakes.Plug(input.Keyboard, "AT Keyboard")
	fakes.Plug(input.Keyboard, "Numeric Keypad")
	fakes.Plug(input.Joystick, "Xbox Controller")
	for _, c := range []struct {
		class      input.Class
		want, name string // or what the error says
	}{
		{input.Keyboard, input.Auto, "AT Keyboard"},
		{input.Joystick, input.Auto, "Xbox Controller"},
		{input.Keyboard, "numeric", "Numeric Keypad"},
		{input.Joystick, "fake/event1", "Numeric Keypad"}, // a path is meant as it is said
		{input.Keyboard, "k", "! 2 devices are called"},
		{input.Joystick, "sony", "! there are fake/event0 (AT Keyboard, keyboard)"},
	} {
		d, err := fakes.Open(c.class, c.want)
		says, fails := strings.CutPrefix(c.name, "! ")
		switch {
		case fails && (!errors.Is(err, input.ErrNoDevice) || !strings.Contains(err.Error(), says)):
			t.Errorf("%q: %v", c.want, err)
		case !fails && (err != nil || d.Info().Name != c.name):
			t.Errorf("%q opened %v, %v", c.want, d, err)
		}
	}
	if _, err := input.NewFakes().Open(input.Keyboard, input.Auto); err == nil || !strings.Contains(err.Error(), "group input") {
		t.Errorf("without devices: %v", err)
	}
}

func TestCodesHaveTheKernelsNames(t *testing.T) {
	for name, number := range map[string]input.Code{ // linux/input-event-codes.h
		"KEY_W": 17, "KEY_1": 2, "KEY_0": 11, "KEY_A": 30, "KEY_M": 50, "KEY_F9": 67, "KEY_F10": 68, "KEY_PAUSE": 119,
		"BTN_TL": 310, "BTN_START": 315, "KEY_KP7": 71, "ABS_RX": input.AxisCode(3), "key_0xb7": 183, " ABS_0x20": input.AxisCode(32),
	} {
		if c, err := input.ParseCode(name); err != nil || c != number {
			t.Errorf("%s is %d, %v; want %d", name, c, err, number)
		}
	}
	for _, name := range []string{"", "W", "KEY_", "KEY_WW", "ABS_0x8000", "BTN_-1"} {
		if c, err := input.ParseCode(name); err == nil {
			t.Errorf("%q is %v", name, c)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		c := input.Code(rapid.Uint16().Draw(t, "code"))
		if back, err := input.ParseCode(c.String()); err != nil || back != c {
			t.Errorf("%d is %s, which is %d, %v", c, c, back, err)
		}
	})
}

func TestAxesAreScaled(t *testing.T) {
	pad := input.Range{Min: -32768, Max: 32767, Flat: 128}
	byteRange := input.Range{Min: 0, Max: 255}
	for _, c := range []struct {
		r    input.Range
		raw  int32
		want float64
	}{
		{pad, -32768, -1}, {pad, 32767, 1}, {pad, 0, 0}, {pad, 100, 0},
		{byteRange, 0, -1}, {byteRange, 255, 1}, {byteRange, 300, 1}, {input.Range{Min: -1, Max: 1}, 1, 1},
		{input.Range{}, 7, 0}, {input.Range{Min: 5, Max: -5}, 0, 0}, {input.Range{Min: math.MinInt32, Max: math.MaxInt32}, math.MaxInt32, 1},
	} {
		if got := c.r.Scale(c.raw); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%+v at %d is %v, want %v", c.r, c.raw, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		r := input.Range{Min: rapid.Int32().Draw(t, "min"), Max: rapid.Int32().Draw(t, "max"), Flat: rapid.Int32().Draw(t, "flat")}
		if v := r.Scale(rapid.Int32().Draw(t, "raw")); !(v >= -1 && v <= 1) {
			t.Errorf("%+v gives %v", r, v)
		}
	})
}

func FuzzParseRaw(f *testing.F) {
	f.Add([]byte{})
	f.Add(input.AppendRaw(nil, input.Raw{Type: 1, Code: 17, Value: 1}))
	f.Add(append(input.AppendRaw(input.AppendRaw(nil, input.Raw{Type: 3, Code: 0, Value: -32768}), input.Raw{}), 1, 2, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		events, rest := input.ParseRaw(b)
		if len(events)*input.RawSize+len(rest) != len(b) || len(rest) >= input.RawSize {
			t.Fatalf("%d bytes became %d events and %d bytes", len(b), len(events), len(rest))
		}
		for i, e := range events {
			again := input.AppendRaw(nil, e)
			if string(again[16:]) != string(b[i*input.RawSize+16:(i+1)*input.RawSize]) {
				t.Fatalf("event %d %+v is not what was read", i, e)
			}
		}
	})
}
