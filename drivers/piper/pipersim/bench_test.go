package pipersim

import (
	"math"
	"testing"
	"time"

	"cobot_vla/drivers/can"
	"cobot_vla/drivers/piper"
	"cobot_vla/drivers/plant"
)

const step = time.Millisecond

// bench is firmware on a virtual bus with a host that only sends and records.
type bench struct {
	t     testing.TB
	now   time.Time
	world *plant.Kinematic
	arm   *plant.KinematicArm
	net   *can.Network
	host  can.Bus
	fw    *Firmware
	heard []heard
}

type heard struct {
	can.Frame
	at time.Duration
}

func newBench(t testing.TB, change ...func(*Config)) *bench {
	t.Helper()
	world, err := plant.New(plant.Config{Timestep: step})
	if err != nil {
		t.Fatal(err)
	}
	net := can.NewNetwork()
	b := &bench{t: t, now: time.Unix(50, 0), world: world, arm: world.KinematicArm("left"), net: net}
	cfg := DefaultConfig()
	cfg.SetBusState = net.Bus("can_left").SetState
	for _, c := range change {
		c(&cfg)
	}
	if b.fw, err = New(b.open(), b.arm, cfg); err != nil {
		t.Fatal(err)
	}
	b.host = b.open()
	start := b.now
	b.host.Listen(func(f can.Frame) { b.heard = append(b.heard, heard{f, b.now.Sub(start)}) })
	return b
}

func (b *bench) open() can.Bus {
	b.t.Helper()
	bus, err := b.net.Open("can_left")
	if err != nil {
		b.t.Fatal(err)
	}
	return bus
}

func (b *bench) run(d time.Duration) {
	b.t.Helper()
	for range d / step {
		b.fw.Tick(b.now)
		if err := b.world.Step(step); err != nil {
			b.t.Fatal(err)
		}
		b.now = b.now.Add(step)
	}
}

func (b *bench) send(frames ...can.Frame) {
	b.t.Helper()
	for _, f := range frames {
		if err := b.host.Send(f); err != nil {
			b.t.Fatal(err)
		}
	}
}

// last frame of an identifier.
func (b *bench) last(id uint32) can.Frame {
	b.t.Helper()
	for i := len(b.heard) - 1; i >= 0; i-- {
		if b.heard[i].ID == id {
			return b.heard[i].Frame
		}
	}
	b.t.Fatalf("no frame %03X", id)
	return can.Frame{}
}

func (b *bench) status() piper.Status {
	b.t.Helper()
	s, err := piper.DecodeStatus(b.last(piper.IDStatus))
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func (b *bench) on() (n int) {
	for j := range uint32(6) {
		l, err := piper.DecodeLowSpeed(b.last(piper.IDLowSpeed1 + j))
		if err != nil {
			b.t.Fatal(err)
		}
		if l.Bits&piper.DriverEnabled != 0 {
			n++
		}
	}
	return n
}

var (
	enableAll  = piper.MotorPower{Motor: piper.MotorsAll, On: true}.Frame()
	disableAll = piper.MotorPower{Motor: piper.MotorsSeven}.Frame()
	moveJ      = piper.ModeCommand{Ctrl: piper.CtrlCAN, Move: piper.MoveJ, Speed: 100}
	standby    = piper.ModeCommand{}.Frame()
)

func (b *bench) target(q [6]float64) {
	b.t.Helper()
	frames, err := piper.TargetFrames(q)
	if err != nil {
		b.t.Fatal(err)
	}
	b.send(frames[:]...)
}

// up enables the arm in CAN control, where it is.
func (b *bench) up() *bench {
	b.t.Helper()
	b.send(enableAll)
	b.run(200 * time.Millisecond)
	b.send(moveJ.Frame())
	b.run(20 * time.Millisecond)
	if s := b.status(); s.Ctrl != piper.CtrlCAN || b.on() != 6 {
		b.t.Fatalf("not up: %+v, %d motors", s, b.on())
	}
	return b
}

var pose = [6]float64{0.5, 1, -1, 0.4, 0.3, -0.6}

// to brings the arm to a pose.
func (b *bench) to(q [6]float64) *bench {
	b.t.Helper()
	b.target(q)
	b.run(4 * time.Second)
	if d := apart(b.arm.State().Joints, q); d > 1e-4 {
		b.t.Fatalf("%g rad from the target", d)
	}
	return b
}

func apart(a, c [6]float64) (worst float64) {
	for j := range a {
		worst = max(worst, math.Abs(a[j]-c[j]))
	}
	return worst
}
