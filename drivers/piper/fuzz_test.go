package piper_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"cobot_vla/drivers/can"
	"cobot_vla/drivers/piper"
)

// framesOf cuts fuzz data into frames: two bytes of identifier, one of length, eight of data.
func framesOf(data []byte) (list []can.Frame) {
	for len(data) >= 11 {
		f := can.Frame{ID: uint32(data[0])<<8&0x700 | uint32(data[1]), Len: data[2] % 9}
		copy(f.Data[:f.Len], data[3:11])
		list = append(list, f)
		data = data[11:]
	}
	return list
}

func bytesOf(list ...can.Frame) (data []byte) {
	for _, f := range list {
		data = append(data, byte(f.ID>>8), byte(f.ID), f.Len)
		data = append(data, f.Data[:]...)
	}
	return data
}

func seeds(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytesOf(piper.Status{Ctrl: 0x2A, Arm: 0x5A, Move: 0xFF}.Frame(), can.Frame{ID: piper.IDStatus, Len: 3}))
	var all []can.Frame
	joints := piper.JointFrames([6]float64{-3, 3, math.NaN(), 100, -0.1, 2})
	all = append(all, joints[:]...)
	all = append(all, piper.LowSpeed{Joint: 3, Voltage: 1e9, Bits: 0xFF}.Frame(), piper.GripperFeedback{Kind: 9, Value: -1}.Frame(),
		piper.MotorLimits{Joint: 2, Max: -1, Min: 1}.Frame(), piper.FirmwareQuery(), piper.Status{CommError: 0xFF, AngleLimit: 0xFF}.Frame())
	text := piper.Firmware{Software: "S-V9.9-9"}.Frames()
	all = append(all, text[:]...)
	all = append(all, piper.MotionCommand{Stop: piper.StopReset}.Frame(), piper.ModeCommand{Ctrl: piper.CtrlCAN, Move: piper.MoveJ, Speed: 255}.Frame(),
		piper.MotorPower{Motor: 7, On: true}.Frame(), piper.MotorPower{Motor: piper.MotorsAll}.Frame())
	f.Add(bytesOf(all...))
	f.Add(bytesOf(can.Frame{ID: 0x155, Len: 8}, can.Frame{ID: 0x156, Len: 8}, can.Frame{ID: 0x157, Len: 8}, can.Frame{ID: 0x3A5, Len: 8}))
}

// Whatever arrives, the driver survives it, and what it sends stays within reason.
func FuzzDriver(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newRig(t).ready()
		noise := r.open()
		r.sent = nil
		for _, frame := range framesOf(data) {
			if err := noise.Send(frame); err != nil {
				t.Fatal(err)
			}
			_ = r.arm.Command(work, 0.03, 1) // may be refused
			r.tick()
			_, _ = r.arm.Enable()
			_ = r.arm.ClearFault(r.now)
			r.arm.Leader(r.now)
			r.feedback()
		}
		r.run(100 * time.Millisecond)
		limits := r.state().Limits
		for _, frame := range r.sent {
			switch {
			case frame.ID == piper.IDMotion && frame.Data[0] != 0:
				t.Fatalf("sent %v, which nobody asked for", frame)
			case frame.ID >= piper.IDTarget12 && frame.ID <= piper.IDTarget56:
				q, err := piper.DecodeAngles(frame)
				if err != nil {
					t.Fatal(err)
				}
				for i, x := range q {
					// A joint may be reported anywhere within a turn and then stay there.
					j := 2*int(frame.ID-piper.IDTarget12) + i
					if math.Abs(x) > 2*math.Pi+1e-6 && (x < limits[j].Lower || x > limits[j].Upper) {
						t.Fatalf("sent %v", frame)
					}
				}
			}
		}
	})
}

// Whatever arrives, the firmware survives it and keeps its plant finite.
func FuzzFirmware(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newRig(t)
		host := r.open()
		for i, frame := range framesOf(data) {
			if err := host.Send(frame); err != nil {
				t.Fatal(err)
			}
			if i%3 == 0 {
				r.tick()
			}
		}
		r.run(100 * time.Millisecond)
		for j, q := range r.hand.State().Joints {
			if math.IsNaN(q) || math.Abs(q) > 2*math.Pi {
				t.Fatalf("joint%d at %g rad", j+1, q)
			}
		}
	})
}

// Whatever decodes, encodes to a frame that decodes to the same.
func FuzzCodec(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, frame := range framesOf(data) {
			for _, codec := range codecs {
				value, err := codec.decode(frame)
				if err != nil {
					continue
				}
				again, err := codec.encode(value)
				if err != nil {
					continue // decodes, and is not a thing to send
				}
				back, err := codec.decode(again)
				if err != nil || !same(value, back) {
					t.Errorf("%s: %v reads as %+v, and %v as %+v (%v)", codec.name, frame, value, again, back, err)
				}
			}
			_, _ = piper.ParseFirmware(data)
		}
	})
}

// same compares values whose floats went through wire units, where NaN means unchanged.
func same(a, b any) bool {
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	if va.Kind() != reflect.Struct {
		return a == b
	}
	for i := range va.NumField() {
		fa, fb := va.Field(i), vb.Field(i)
		if fa.Kind() == reflect.Float64 {
			if x, y := fa.Float(), fb.Float(); math.Abs(x-y) > 1e-9*max(1, math.Abs(x)) || math.IsNaN(x) != math.IsNaN(y) {
				return false
			}
			continue
		}
		if !fa.Equal(fb) {
			return false
		}
	}
	return true
}

type codec struct {
	name   string
	decode func(can.Frame) (any, error)
	encode func(any) (can.Frame, error)
}

func plain[T any](name string, decode func(can.Frame) (T, error), encode func(T) can.Frame) codec {
	return fallible(name, decode, func(v T) (can.Frame, error) { return encode(v), nil })
}

func fallible[T any](name string, decode func(can.Frame) (T, error), encode func(T) (can.Frame, error)) codec {
	return codec{name,
		func(f can.Frame) (any, error) { return decode(f) },
		func(v any) (can.Frame, error) { return encode(v.(T)) },
	}
}

var codecs = []codec{
	plain("status", piper.DecodeStatus, piper.Status.Frame),
	plain("gripper", piper.DecodeGripper, piper.GripperFeedback.Frame),
	plain("high speed", piper.DecodeHighSpeed, piper.HighSpeed.Frame),
	plain("low speed", piper.DecodeLowSpeed, piper.LowSpeed.Frame),
	plain("link motion", piper.DecodeLinkMotion, piper.LinkMotion.Frame),
	plain("motion", piper.DecodeMotionCommand, piper.MotionCommand.Frame),
	plain("mode", piper.DecodeModeCommand, piper.ModeCommand.Frame),
	plain("arc", piper.DecodeArc, piper.ArcPoint.Frame),
	fallible("gripper command", piper.DecodeGripperCommand, piper.GripperCommand.Frame),
	plain("motor power", piper.DecodeMotorPower, piper.MotorPower.Frame),
	plain("homing", piper.DecodeLeaderHoming, piper.LeaderHoming.Frame),
	fallible("CPV", piper.DecodeCPV, piper.CPV.Frame),
	plain("linkage", piper.DecodeLinkage, piper.Linkage.Frame),
	plain("limits query", piper.DecodeLimitsQuery, piper.LimitsQuery.Frame),
	plain("limits", piper.DecodeMotorLimits, piper.MotorLimits.Frame),
	fallible("limits setting", piper.DecodeLimitsSetting, piper.LimitsSetting.Frame),
	fallible("joint setting", piper.DecodeJointSetting, piper.JointSetting.Frame),
	plain("acknowledge", piper.DecodeAcknowledge, piper.Acknowledge.Frame),
	plain("settings query", piper.DecodeSettingsQuery, piper.SettingsQuery.Frame),
	plain("end limits", piper.DecodeEndLimits, piper.EndLimits.Answer),
	plain("acceleration", piper.DecodeJointAcceleration, piper.JointAcceleration.Frame),
	plain("collision", piper.DecodeCollisionLevels, piper.CollisionLevels.Answer),
	plain("gripper and teach", piper.DecodeGripperTeach, piper.GripperTeach.Answer),
	plain("assistance", piper.DecodeAssistLevels, piper.AssistLevels.Answer),
}

// A long run of random frames on the identifiers that mean something, from a fixed seed.
func TestRandomTraffic(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 11))
	var ids []uint32
	for _, span := range [][2]uint32{{0x150, 0x15F}, {0x251, 0x256}, {0x261, 0x266}, {0x2A1, 0x2AC}, {0x3A1, 0x3A8}, {0x470, 0x488}, {0x4AF, 0x4AF}} {
		for id := span[0]; id <= span[1]; id++ {
			ids = append(ids, id)
		}
	}
	r := newRig(t)
	noise := r.open()
	r.until(piper.PhaseIdle, 5*time.Second)
	ready := 0
	for n := range 30000 {
		f := can.Frame{ID: ids[rng.IntN(len(ids))], Len: 8}
		if rng.IntN(20) == 0 {
			f.Len = uint8(rng.IntN(9))
		}
		for i := range f.Data[:f.Len] {
			f.Data[i] = byte(rng.IntN(256)) * byte(rng.IntN(2))
		}
		if rng.IntN(50) == 0 { // bursts, then time to recover
			if err := noise.Send(f); err != nil {
				t.Fatal(err)
			}
		}
		r.tick()
		_ = r.arm.Command(work, 0.03, 1)
		if n%500 == 0 {
			_ = r.arm.ClearFault(r.now)
			if _, err := r.arm.Enable(); err != nil {
				_, _ = r.arm.Reset()
			}
		}
		if r.state().Phase == piper.PhaseReady {
			ready++
		}
	}
	for j, q := range r.hand.State().Joints {
		if math.IsNaN(q) {
			t.Errorf("joint%d is NaN", j+1)
		}
	}
	if ready == 0 {
		t.Error("never became ready: this tests little")
	}
}
