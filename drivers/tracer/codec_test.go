package tracer

import (
	"errors"
	"math"
	"strings"
	"testing"

	"cobot_vla/drivers/can"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var close9 = cmpopts.EquateApprox(0, 1e-9)

func bytes8(id uint32, b ...byte) can.Frame {
	f := can.Frame{ID: id, Len: uint8(len(b))}
	copy(f.Data[:], b)
	return f
}

// codec is one layout: bytes worked out by hand from the manual, and what they mean.
type codec struct {
	name  string
	frame can.Frame
	want  any
	read  func(can.Frame) (any, error)
	write func(any) can.Frame
}

func layout[T any](name string, f can.Frame, want T, read func(can.Frame) (T, error), write func(T) can.Frame) codec {
	return codec{name, f, want,
		func(f can.Frame) (any, error) { return read(f) },
		func(v any) can.Frame { return write(v.(T)) }}
}

var codecs = []codec{
	layout("system state: CAN control, 25.3 V, no transmitter", bytes8(0x211, 0, 1, 0x00, 0xFD, 0x04, 0, 0, 7),
		System{VehicleOK, ModeCAN, 25.3, ManualRemoteLost, 7}, DecodeSystem, System.Frame),
	layout("system state: values nobody documents", bytes8(0x211, 0x5A, 0x3B, 0xFF, 0xFF, 0xF0, 0xF0, 0, 0),
		System{0x5A, 0x3B, 6553.5, 0xF0F0, 0}, DecodeSystem, System.Frame),
	layout("motion state: 0.15 m/s, -0.2 rad/s", bytes8(0x221, 0x00, 0x96, 0xFF, 0x38, 0, 0, 0, 0),
		Velocity{0.15, -0.2}, DecodeVelocity, Velocity.State),
	layout("motion command: -0.5 m/s, 0.8 rad/s", bytes8(0x111, 0xFE, 0x0C, 0x03, 0x20, 0, 0, 0, 0),
		Velocity{-0.5, 0.8}, DecodeVelocity, Velocity.Command),
	layout("odometer: -1 mm, 70000 mm", bytes8(0x311, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x01, 0x11, 0x70),
		Odometer{-1, 70000}, DecodeOdometer, Odometer.Frame),
	layout("left motor: 60 rpm, -1.5 A", bytes8(0x252, 0, 60, 0xFF, 0xF1, 0, 0, 1, 0),
		Motor{true, 2 * math.Pi, -1.5, 256}, DecodeMotor, Motor.Frame),
	layout("right motor: -120 rpm", bytes8(0x251, 0xFF, 0x88, 0, 0, 0, 0, 0, 0),
		Motor{Speed: -4 * math.Pi}, DecodeMotor, Motor.Frame),
	layout("right driver: absent sensors, CAN lost", bytes8(0x261, 0, 0, 0xFF, 0xD8, 0xD8, 0x10, 0, 0),
		MotorDriver{Temperature: -40, MotorTemperature: -40, Status: DriverLost}, DecodeMotorDriver, MotorDriver.Frame),
	layout("left driver: enabled", bytes8(0x262, 0x01, 0x04, 0, 31, 28, 0x40, 0, 0),
		MotorDriver{true, 26, 31, 28, DriverEnabled}, DecodeMotorDriver, MotorDriver.Frame),
	layout("transmitter: A up, B middle, C down, D up", bytes8(0x241, 0b10_11_01_10, 100, 0x9C, 1, 0xFF, 5, 0, 3),
		Remote{SwitchUp, SwitchMiddle, SwitchDown, SwitchUp, 100, -100, 1, -1, 5, 3}, DecodeRemote, Remote.Frame),
	layout("light state", bytes8(0x231, 1, 3, 80, 1, 0, 0, 0, 9),
		Light{true, LightCustom, LightOn, 0.8, 0, 9}, DecodeLight, Light.State),
	layout("light command", bytes8(0x121, 0, 2, 0, 0, 100, 0, 0, 1),
		Light{false, LightBreathe, LightOff, 0, 1, 1}, DecodeLight, Light.Command),
	layout("battery", bytes8(0x361, 80, 100, 0x01, 0x02, 0xFF, 0xF1, 0x00, 0xFA),
		Battery{0.8, 1, 25.8, -1.5, 25}, DecodeBattery, Battery.Frame),
	layout("battery alarm", bytes8(0x362, 1, 2, 3, 4, 0, 0, 0, 0),
		BatteryAlarm{[2]byte{1, 2}, [2]byte{3, 4}}, DecodeBatteryAlarm, BatteryAlarm.Frame),
	layout("CAN control, please", bytes8(0x421, 1, 0, 0, 0, 0, 0, 0, 0), ModeCAN, DecodeModeRequest, RequestMode),
	layout("clear all faults", bytes8(0x441, 0, 0, 0, 0, 0, 0, 0, 0), uint8(0), DecodeClearFault, ClearFault),
}

func TestCodec(t *testing.T) {
	for _, c := range codecs {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.read(c.frame)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got, close9); d != "" {
				t.Errorf("decoded (-want +got):\n%s", d)
			}
			if back := c.write(c.want); back != c.frame {
				t.Errorf("encoded %v, want %v", back, c.frame)
			}
			for n := range c.frame.Len {
				short := c.frame
				short.Len = n
				if _, err := c.read(short); err != nil && !errors.Is(err, ErrLength) {
					t.Errorf("%d bytes: %v, want %v", n, err, ErrLength)
				}
			}
			if _, err := c.read(can.Frame{ID: c.frame.ID}); !errors.Is(err, ErrLength) {
				t.Errorf("no bytes: %v, want %v", err, ErrLength)
			}
			if _, err := c.read(can.Frame{ID: 0x7F0, Len: 8}); !errors.Is(err, ErrIdentifier) {
				t.Errorf("another identifier: %v, want %v", err, ErrIdentifier)
			}
		})
	}
}

func TestShortModeRequestIsUnderstood(t *testing.T) {
	if m, err := DecodeModeRequest(bytes8(0x421, 1)); err != nil || m != ModeCAN {
		t.Errorf("the manual's one-byte frame gives %v, %v", m, err)
	}
}

func TestVersionText(t *testing.T) {
	const text = "TRACER-V2.1-4 H1.1 230609"
	frames := VersionFrames(IDVersion, text)
	if len(frames) != 10 {
		t.Errorf("%d frames, want 10", len(frames))
	}
	var got []byte
	for _, f := range frames {
		if IsVersionQuery(f) {
			t.Errorf("%v passes for a question", f)
		}
		got = append(got, f.Data[:]...)
	}
	if versionText(got) != text {
		t.Errorf("got %q, want %q", versionText(got), text)
	}
	if got := versionText([]byte("\x00V1\x00\x01\xFF\x00V2  \n")); got != "V1 V2" {
		t.Errorf("got %q", got)
	}
	for _, id := range []uint32{IDVersion, IDVersionOld} {
		if q := QueryVersion(id); !IsVersionQuery(q) {
			t.Errorf("%v is no question", q)
		}
	}
}

func TestFaultBits(t *testing.T) {
	for _, c := range []struct {
		bits    FaultBits
		text    string
		serious bool
		lost    bool
	}{
		{0, "none", false, false},
		{0x0400, "remote control lost", false, true},
		{0x0004, "remote control lost", false, true},
		{0x0100, "undervoltage (manual) or motor driver (SDK)", true, false},
		{0x0200, "battery low (manual) or host communication (SDK)", false, false},
		{0x0001, "undervoltage", true, false},
		{0x0010, "motor 2 communication", true, false},
		{0x8006, "battery low, remote control lost, unknown bits 0x8000", false, true},
	} {
		if got := c.bits.String(); got != c.text {
			t.Errorf("0x%04X is %q, want %q", uint16(c.bits), got, c.text)
		}
		if c.bits.Serious() != 0 != c.serious || c.bits.RemoteLost() != c.lost {
			t.Errorf("0x%04X: serious %v, lost %v", uint16(c.bits), c.bits.Serious(), c.bits.RemoteLost())
		}
	}
}

func TestNamesOfUnknownValues(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{VehicleFault.String(), "fault"}, {VehicleState(9).String(), "unknown vehicle state 9"},
		{ModeCAN.String(), "CAN"}, {ControlMode(200).String(), "unknown control mode 200"},
		{LightCustom.String(), "custom"}, {LightMode(7).String(), "unknown light mode 7"},
		{SwitchUp.String(), "up"}, {Switch(4).String(), "unknown switch position 4"},
		{DriverBits(0).String(), "none"}, {(DriverLost | DriverFault).String(), "CAN lost, fault"},
		{CauseStale.String(), "stale feedback"}, {Cause(99).String(), "unknown cause 99"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// Whatever velocity is encoded, the wire carries none that is faster.
func TestCommandNeverExceedsTheVelocity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := Velocity{rapid.Float64().Draw(t, "linear"), rapid.Float64().Draw(t, "angular")}
		got, err := DecodeVelocity(v.Command())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range [][2]float64{{got.Linear, v.Linear}, {got.Angular, v.Angular}} {
			sent, wanted := p[0], p[1]
			if math.Abs(sent) > math.Abs(wanted)+1e-9 || sent*wanted < 0 {
				t.Fatalf("%v is sent as %v", wanted, sent)
			}
			if math.Abs(wanted) < 32 && math.Abs(sent-wanted) > milli {
				t.Fatalf("%v is sent as %v: off by more than a step", wanted, sent)
			}
		}
	})
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		f := Velocity{v, v}.Command()
		if got, _ := DecodeVelocity(f); math.IsNaN(v) && got != (Velocity{}) || math.Abs(got.Linear) > 33 {
			t.Errorf("%v is sent as %v", v, got)
		}
	}
	for k := -1000; k <= 1000; k++ { // whole steps stay whole: 0.57 is not sent as 0.569
		v := float64(k) * milli
		if got, _ := DecodeVelocity((Velocity{v, v}).Command()); math.Abs(got.Linear-v) > 1e-9 {
			t.Fatalf("%v is sent as %v", v, got.Linear)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range codecs {
		f.Add(c.frame.ID, c.frame.Len, c.frame.Data[:])
	}
	f.Add(uint32(0x211), uint8(3), []byte{1, 2, 3})
	f.Add(uint32(0x231), uint8(8), []byte{0x30, 0x30, 0x78}) // brighter than bright
	f.Add(uint32(0x7FF), uint8(255), []byte{})
	f.Fuzz(func(t *testing.T, id uint32, n uint8, data []byte) {
		frame := can.Frame{ID: id, Len: n}
		copy(frame.Data[:], data)
		for _, c := range codecs {
			v, err := c.read(frame)
			if err != nil {
				if !strings.Contains(err.Error(), "tracer: frame") {
					t.Fatalf("%s: an error that does not name the frame: %v", c.name, err)
				}
				continue
			}
			if back, err := c.read(c.write(v)); c.write(v).ID == id && (err != nil || !cmp.Equal(v, back, close9)) {
				t.Fatalf("%s: %v came back as %v, %v", c.name, v, back, err)
			}
		}
	})
}
