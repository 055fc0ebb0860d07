package pipersim

import (
	"math"
	"slices"
	"testing"
	"time"

	"cobot_vla/drivers/piper"
)

func TestCommBlip(t *testing.T) {
	b := newBench(t)
	must(b.fw.Inject(Fault{Kind: CommBlip}))
	b.up()
	start := b.now
	var from, to time.Duration
	for range 1000 {
		b.run(step)
		if b.status().CommError == 0x3F {
			if from == 0 {
				from = b.now.Sub(start)
			}
			to = b.now.Sub(start)
		}
	}
	// CAN control was entered 20 ms before start.
	if from < 470*time.Millisecond || from > 490*time.Millisecond || to-from < 115*time.Millisecond || to-from > 130*time.Millisecond {
		t.Errorf("transient from %v to %v", from, to)
	}
	if b.on() != 0 || b.status().Ctrl != piper.CtrlStandby || b.status().Arm != piper.ArmNormal {
		t.Errorf("afterwards %d motors on, %+v", b.on(), b.status())
	}
}

func TestFaultNames(t *testing.T) {
	for _, k := range Kinds() {
		back, err := ParseKind(k.String())
		if err != nil || back != k || k.String() == "" {
			t.Errorf("%v: %v, %v", k, back, err)
		}
	}
	if _, err := ParseKind("tired"); err == nil {
		t.Error("unknown name accepted")
	}
	b := newBench(t, func(c *Config) { c.SetBusState = nil })
	for _, bad := range []Fault{{Kind: kinds}, {Kind: Stall, Joint: 6}, {Kind: BusOff}} {
		if err := b.fw.Inject(bad); err == nil {
			t.Errorf("%+v accepted", bad)
		}
	}
}

func TestFrozenAndStopped(t *testing.T) {
	b := newBench(t).up()
	must(b.fw.Inject(Fault{Kind: Frozen, IDs: []uint32{piper.IDJoints12}}))
	must(b.fw.Inject(Fault{Kind: Stopped, IDs: []uint32{piper.IDJoints56}}))
	b.run(10 * time.Millisecond)
	before := b.last(piper.IDJoints12)
	b.heard = nil
	b.to(pose)
	if b.last(piper.IDJoints12) != before {
		t.Error("frozen joints changed")
	}
	if q, err := piper.DecodeAngles(b.last(piper.IDJoints34)); err != nil || math.Abs(q[0]-pose[2]) > 1e-4 {
		t.Errorf("joints 3, 4 %v", q)
	}
	if slices.ContainsFunc(b.heard, func(h heard) bool { return h.ID == piper.IDJoints56 }) {
		t.Error("joints 5, 6 still arrive")
	}
}

func TestEncoderOffsetMovesTheArmSilently(t *testing.T) {
	b := newBench(t).up().to(pose)
	must(b.fw.Inject(Fault{Kind: EncoderOffset, Joint: 4, Value: 0.3}))
	b.run(20 * time.Millisecond)
	if d := apart(b.arm.State().Joints, pose); d > 2e-5 {
		t.Errorf("jumped by %g rad", d)
	}
	b.target(pose)
	b.run(2 * time.Second)
	q, err := piper.DecodeAngles(b.last(piper.IDJoints56))
	must(err)
	h, err := piper.DecodeHighSpeed(b.last(0x255))
	must(err)
	if math.Abs(q[0]-pose[4]) > 1e-4 || math.Abs(h.Position-pose[4]+0.3) > 2e-3 || math.Abs(b.arm.State().Joints[4]-pose[4]+0.3) > 1e-4 {
		t.Errorf("reported %g, motor %g, true %g", q[0], h.Position, b.arm.State().Joints[4])
	}
}
