package piper

import (
	"errors"
	"math"
	"testing"
)

func TestMITIsRefusedWithoutAVersion(t *testing.T) {
	if _, err := NewMIT(Version{}); !errors.Is(err, ErrFirmwareUnknown) {
		t.Errorf("unknown version: %v", err)
	}
	if _, err := NewMIT(Version{1, 5, 1}); err == nil {
		t.Error("S-V1.5-1 has no MIT frames")
	}
	if _, err := (MIT{}).Frame(0, MITCommand{}); !errors.Is(err, ErrFirmwareUnknown) {
		t.Errorf("zero MIT: %v", err)
	}
}

// The bytes are worked out from u = trunc((x-min)·(2^bits-1)/(max-min)):
// p 1.0 -> trunc(13.5·65535/25) = 35388 = 8A3C; v 0 -> trunc(2047.5) = 7FF;
// kp 10 -> trunc(81.9) = 051; kd 0.8 -> trunc(2375.1) = 947.
func TestMITDialects(t *testing.T) {
	command := MITCommand{Position: 1, Kp: 10, Kd: 0.8, Torque: 2}
	for _, test := range []struct {
		version Version
		joint   int
		mode    MoveMode
		want    string
	}{
		// t 2/4 = 0.5 on the wire -> trunc(8.5·255/16) = 135 = 87; checksum of 8A 3C 7F F0 51 94 78 is 84 -> 4.
		{Version{1, 8, 2}, 1, MoveMITOld, "15B# 8A 3C 7F F0 51 94 78 74"},
		// t 2 -> trunc(10·255/16) = 159 = 9F; checksum of 8A 3C 7F F0 51 94 79 is 85 -> 5.
		{Version{1, 8, 7}, 1, MoveMITOld, "15B# 8A 3C 7F F0 51 94 79 F5"},
		// t 2 -> trunc(18·4095/32) = 2303 = 8FF, no checksum.
		{Version{1, 8, 8}, 1, MoveMIT, "15B# 8A 3C 7F F0 51 94 78 FF"},
		// Joint 2 is reversed before 1.7-3: p -1 -> trunc(11.5·65535/25) = 30146 = 75C2;
		// t -0.5 -> trunc(7.5·255/16) = 119 = 77; checksum of 75 C2 7F F0 51 94 77 is 8A -> A.
		{Version{1, 7, 2}, 1, MoveMITOld, "15B# 75 C2 7F F0 51 94 77 7A"},
		// Joint 3 is not; same bytes as 1.8-2 with another identifier.
		{Version{1, 7, 2}, 2, MoveMITOld, "15C# 8A 3C 7F F0 51 94 78 74"},
		// Joint 6: t 2/0.813252 = 2.459263 -> trunc(18.459263·4095/32) = 2362 = 93A.
		{Version{1, 8, 9}, 5, MoveMIT, "15F# 8A 3C 7F F0 51 94 79 3A"},
	} {
		mit, err := NewMIT(test.version)
		if err != nil {
			t.Fatal(err)
		}
		f, err := mit.Frame(test.joint, command)
		if err != nil {
			t.Fatal(err)
		}
		if want := wire(t, test.want); f != want {
			t.Errorf("%v joint%d: %v, want %v", test.version, test.joint+1, f, want)
		}
		if mit.MoveMode() != test.mode {
			t.Errorf("%v: move mode %d", test.version, mit.MoveMode())
		}
		joint, back, err := mit.Decode(f)
		if err != nil || joint != test.joint {
			t.Fatal(joint, err)
		}
		for name, diff := range map[string]float64{
			"position": (back.Position - 1) / (25.0 / 65535), "velocity": back.Velocity / (90.0 / 4095), "kp": (back.Kp - 10) / (500.0 / 4095),
			"kd": (back.Kd - 0.8) / (10.0 / 4095), "torque": (back.Torque - 2) / (16.0 / 255 * 4),
		} {
			if math.Abs(diff) > 1.001 {
				t.Errorf("%v: %s is %g steps off", test.version, name, diff)
			}
		}
	}
}

func TestMITRefusesWhatDoesNotFit(t *testing.T) {
	mit, err := NewMIT(Version{1, 8, 5})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []MITCommand{{Position: 13}, {Velocity: math.NaN()}, {Kp: -1}, {Kd: 6}, {Torque: 8.1}, {Torque: math.Inf(-1)}} {
		if f, err := mit.Frame(0, c); !errors.Is(err, ErrValue) {
			t.Errorf("%+v: %v, %v", c, f, err)
		}
	}
	f, err := mit.Frame(0, MITCommand{})
	if err != nil {
		t.Fatal(err)
	}
	f.Data[7] ^= 1
	if _, _, err := mit.Decode(f); err == nil {
		t.Error("a wrong checksum was accepted")
	}
}
