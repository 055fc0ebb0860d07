package tracersim_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"cobot_vla/drivers/can"
	"cobot_vla/drivers/plant"
	"cobot_vla/drivers/tracer"
	"cobot_vla/drivers/tracer/tracersim"
)

const step = 2 * time.Millisecond

// bench is firmware with its wheels, and a host that speaks raw frames.
type bench struct {
	t     testing.TB
	now   time.Time
	plant *plant.Kinematic
	sim   *tracersim.Firmware
	host  can.Bus
	heard map[uint32]int
	last  map[uint32]can.Frame
}

func newBench(t testing.TB, change func(*tracersim.Config)) *bench {
	t.Helper()
	n := can.NewNetwork()
	device, err := n.Open("can_base")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, now: time.Unix(1_700_000_000, 0), heard: map[uint32]int{}, last: map[uint32]can.Frame{}}
	if b.host, err = n.Open("can_base"); err != nil {
		t.Fatal(err)
	}
	if b.plant, err = plant.New(plant.Config{}); err != nil {
		t.Fatal(err)
	}
	cfg := tracersim.DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	if b.sim, err = tracersim.New(device, b.plant.Base(), cfg); err != nil {
		t.Fatal(err)
	}
	b.host.Listen(func(f can.Frame) {
		b.heard[f.ID]++
		b.last[f.ID] = f
	})
	return b
}

func (b *bench) run(d, every time.Duration) {
	b.t.Helper()
	for ; d > 0; d -= every {
		b.now = b.now.Add(every)
		if err := b.plant.Step(every); err != nil {
			b.t.Fatal(err)
		}
		b.sim.Tick(b.now)
	}
}

func (b *bench) send(f can.Frame) {
	b.t.Helper()
	if err := b.host.Send(f); err != nil {
		b.t.Fatal(err)
	}
}

// drive commands v every 20 ms for d.
func (b *bench) drive(v tracer.Velocity, d time.Duration) {
	for ; d > 0; d -= 20 * time.Millisecond {
		b.send(v.Command())
		b.run(20*time.Millisecond, step)
	}
}

func (b *bench) speed() float64 { return b.plant.Base().State().Linear }

func (b *bench) system() tracer.System {
	b.t.Helper()
	s, err := tracer.DecodeSystem(b.last[tracer.IDSystem])
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func TestPeriods(t *testing.T) {
	for _, every := range []time.Duration{step, 10 * time.Millisecond, 14 * time.Millisecond} {
		b := newBench(t, nil)
		b.run(2100*time.Millisecond/every*every, every)
		want := map[uint32]int{
			tracer.IDSystem: 105, tracer.IDMotion: 105, tracer.IDLight: 105, tracer.IDMotorRight: 105, tracer.IDMotorLeft: 105,
			tracer.IDOdometer: 105, tracer.IDDriverRight: 21, tracer.IDDriverLeft: 21, tracer.IDBattery: 21, tracer.IDBatteryAlarm: 21,
		}
		for id, n := range want {
			if got := b.heard[id]; got != n {
				t.Errorf("ticks of %v: %d frames %03X in 2.1 s, want %d", every, got, id, n)
			}
			if b.last[id].Len != 8 {
				t.Errorf("frame %v has not eight bytes", b.last[id])
			}
		}
		if len(b.heard) != len(want) {
			t.Errorf("it also sends others: %v", b.heard)
		}
	}
	b := newBench(t, nil)
	b.run(time.Second, 500*time.Millisecond)
	if got := b.heard[tracer.IDSystem]; got != 2 {
		t.Errorf("two late ticks sent %d frames", got)
	}
}

func TestVelocityActsInCANControlOnly(t *testing.T) {
	b := newBench(t, nil)
	b.drive(tracer.Velocity{Linear: 0.5}, time.Second)
	if b.speed() != 0 || b.system().Mode != tracer.ModeStandby {
		t.Errorf("in %v it has %v m/s", b.system().Mode, b.speed())
	}
	b.send(can.Frame{ID: tracer.IDModeRequest, Len: 1, Data: [8]byte{1}}) // the manual's length
	b.run(20*time.Millisecond, step)
	if b.sim.Mode() != tracer.ModeCAN || b.speed() != 0 {
		t.Errorf("mode %v, %v m/s: a command from before the mode acts", b.sim.Mode(), b.speed())
	}
	b.drive(tracer.Velocity{Linear: 0.5}, 200*time.Millisecond)
	if v := b.speed(); v < 0.25 || v > 0.31 { // 1.5 m/s² for 0.2 s
		t.Errorf("after 200 ms it has %v m/s", v)
	}
	b.drive(tracer.Velocity{Linear: 30}, 3*time.Second)
	if b.speed() != 2.3 {
		t.Errorf("it reaches %v m/s, the motors can do 2.3", b.speed())
	}
	b.send(tracer.RequestMode(tracer.ModeStandby))
	b.run(3*time.Second, step)
	if b.speed() != 0 {
		t.Errorf("in standby it has %v m/s", b.speed())
	}
	b.send(tracer.RequestMode(9))
	b.run(step, step)
	if b.sim.Mode() != tracer.ModeStandby {
		t.Errorf("a mode that does not exist was taken: %v", b.sim.Mode())
	}
}

func TestCommandTimeout(t *testing.T) {
	b := newBench(t, nil)
	b.send(tracer.RequestMode(tracer.ModeCAN))
	b.run(step, step)
	b.drive(tracer.Velocity{Linear: 0.3}, time.Second)
	b.run(460*time.Millisecond, step)
	if b.speed() != 0.3 {
		t.Errorf("within the timeout it has %v m/s", b.speed())
	}
	b.run(40*time.Millisecond+200*time.Millisecond, step)
	if b.speed() != 0 {
		t.Errorf("after it %v m/s", b.speed())
	}
	if b.sim.Mode() != tracer.ModeCAN {
		t.Errorf("it left CAN control: %v", b.sim.Mode())
	}
}

func TestEmergencyStopBrakesHarder(t *testing.T) {
	b := newBench(t, nil)
	b.send(tracer.RequestMode(tracer.ModeCAN))
	b.run(step, step)
	b.drive(tracer.Velocity{Linear: 1}, 2*time.Second)
	if err := b.sim.Inject(tracersim.Fault{Kind: tracersim.EmergencyStop}); err != nil {
		t.Fatal(err)
	}
	b.drive(tracer.Velocity{Linear: 1}, 240*time.Millisecond)
	if b.speed() != 0 || b.system().Vehicle != tracer.VehicleEmergencyStop {
		t.Errorf("%v m/s, vehicle %v", b.speed(), b.system().Vehicle)
	}
}

func TestVersionAnswer(t *testing.T) {
	b := newBench(t, nil)
	b.send(tracer.QueryVersion(tracer.IDVersionOld))
	b.run(step, step)
	if n := b.heard[tracer.IDVersion] + b.heard[tracer.IDVersionOld]; n != 0 {
		t.Errorf("%d frames to a question at the wrong identifier", n)
	}
	b.send(can.Frame{ID: tracer.IDVersion, Len: 1, Data: [8]byte{1}})
	if b.heard[tracer.IDVersion] != 0 {
		t.Error("it answers from within the callback")
	}
	b.run(step, step)
	if n := b.heard[tracer.IDVersion]; n != 10 {
		t.Errorf("%d frames, want 10", n)
	}
}

func TestOdometerCounts(t *testing.T) {
	for _, c := range []struct {
		name        string
		change      func(*tracersim.Config)
		left, right int32
	}{
		{"from zero", nil, -500, -500},
		{"from anywhere", func(c *tracersim.Config) { c.OdometerStart = tracer.Odometer{Left: math.MinInt32 + 100, Right: 600} }, math.MaxInt32 - 399, 100},
		{"24 bits", func(c *tracersim.Config) { c.Odometer24 = true }, 0xFFFFFF - 499, 0xFFFFFF - 499},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.change)
			b.plant.Base().Drive(0, 0)
			b.send(tracer.RequestMode(tracer.ModeCAN))
			b.run(step, step)
			for b.plant.Base().State().Left > -0.5+0.0005 {
				b.drive(tracer.Velocity{Linear: max(-0.5, -0.52-b.plant.Base().State().Left)}, 20*time.Millisecond)
			}
			got, err := tracer.DecodeOdometer(b.last[tracer.IDOdometer])
			if err != nil {
				t.Fatal(err)
			}
			if off := got.Left - c.left; off < -15 || off > 15 {
				t.Errorf("left %d, want about %d", got.Left, c.left)
			}
			if off := got.Right - c.right; off < -15 || off > 15 {
				t.Errorf("right %d, want about %d", got.Right, c.right)
			}
		})
	}
}

func TestFaultNames(t *testing.T) {
	for _, k := range tracersim.Kinds() {
		if got, err := tracersim.ParseKind(k.String()); err != nil || got != k {
			t.Errorf("%v comes back as %v, %v", k, got, err)
		}
	}
	if _, err := tracersim.ParseKind("rain"); err == nil || !strings.Contains(err.Error(), "wheel_slip") {
		t.Errorf("an unknown name: %v", err)
	}
	b := newBench(t, nil)
	if b.sim.Inject(tracersim.Fault{Kind: 99}) == nil || b.sim.Heal(99) == nil {
		t.Error("an unknown fault was accepted")
	}
	if err := b.sim.Inject(tracersim.Fault{Kind: tracersim.BusOff}); err == nil || !strings.Contains(err.Error(), "SetBusState") {
		t.Errorf("bus_off without a bus: %v", err)
	}
}

func TestInboxIsBounded(t *testing.T) {
	b := newBench(t, nil)
	for range 300 {
		b.send(tracer.Velocity{}.Command())
	}
	if b.sim.Lost() != 300-256 {
		t.Errorf("%d frames lost, want %d", b.sim.Lost(), 300-256)
	}
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}
	b.send(tracer.Velocity{}.Command())
	if b.sim.Lost() != 300-256 {
		t.Error("it listens after Close")
	}
}

// Frames from anywhere, faults in any order: the firmware goes on, and the wheels
// never exceed what the motors can do.
func FuzzFirmware(f *testing.F) {
	f.Add([]byte{0x04, 0x21, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x11, 8, 0x7F, 0xFF, 0x80, 0, 0, 0, 0, 0})
	f.Add([]byte{0x04, 0x41, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x04, 0xA1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0xFF, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		b := newBench(t, nil)
		for len(in) >= 11 {
			if in[0] == 0xFF {
				kind := tracersim.Kind(in[1])
				if in[2] == 0 {
					_ = b.sim.Inject(tracersim.Fault{Kind: kind, Value: float64(int8(in[3]))})
				} else {
					_ = b.sim.Heal(kind)
				}
			} else {
				frame := can.Frame{ID: uint32(in[0])<<8 | uint32(in[1]), Len: in[2]}
				copy(frame.Data[:], in[3:11])
				_ = b.host.Send(frame) // what is no frame is refused
			}
			b.run(20*time.Millisecond, step)
			if s := b.plant.Base().State(); math.Abs(s.Linear) > 2.3 || math.Abs(s.Angular) > 6 {
				t.Fatalf("it drives at %+v", s)
			}
			in = in[11:]
		}
	})
}
