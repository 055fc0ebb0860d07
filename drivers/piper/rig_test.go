package piper_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/drivers/can"
	"cobot_vla/drivers/piper"
	"cobot_vla/drivers/piper/pipersim"
	"cobot_vla/drivers/plant"
)

const tick = 5 * time.Millisecond

// rig is one arm: plant, firmware and driver on a virtual bus, stepped together.
type rig struct {
	t     testing.TB
	now   time.Time
	world *plant.Kinematic
	hand  *plant.KinematicArm
	net   *can.Network
	bus   *can.VirtualBus
	fw    *pipersim.Firmware
	arm   *piper.Arm
	sent  []can.Frame // by the driver, since forget
	each  func()      // after every tick
}

type option struct {
	sim    func(*pipersim.Config)
	driver func(*piper.Config)
}

func sim(change func(*pipersim.Config)) option { return option{sim: change} }
func driver(change func(*piper.Config)) option { return option{driver: change} }

func newRig(t testing.TB, options ...option) *rig {
	t.Helper()
	world, err := plant.New(plant.Config{Timestep: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	network := can.NewNetwork()
	r := &rig{t: t, now: time.Unix(1000, 0), world: world, hand: world.KinematicArm("left"), net: network, bus: network.Bus("can_left")}
	config := pipersim.DefaultConfig()
	config.SetBusState = r.bus.SetState
	for _, o := range options {
		if o.sim != nil {
			o.sim(&config)
		}
	}
	if r.fw, err = pipersim.New(r.open(), world.Arm("left"), config); err != nil {
		t.Fatal(err)
	}
	return r.attach(options...)
}

// attach gives the arm a driver, a new one when it had one.
func (r *rig) attach(options ...option) *rig {
	r.t.Helper()
	if r.arm != nil {
		if err := r.arm.Close(); err != nil {
			r.t.Fatal(err)
		}
	}
	calibrated, _ := calibration.Default().Arm("left")
	config := piper.DefaultConfig(calibrated, func() time.Time { return r.now })
	for _, o := range options {
		if o.driver != nil {
			o.driver(&config)
		}
	}
	var err error
	if r.arm, err = piper.New(recording{r.open(), r}, config); err != nil {
		r.t.Fatal(err)
	}
	r.sent = nil
	return r
}

func (r *rig) open() can.Bus {
	r.t.Helper()
	bus, err := r.net.Open("can_left")
	if err != nil {
		r.t.Fatal(err)
	}
	return bus
}

// recording is the driver's end of the bus; it keeps what was sent.
type recording struct {
	can.Bus
	rig *rig
}

func (b recording) Send(f can.Frame) error {
	b.rig.sent = append(b.rig.sent, f)
	return b.Bus.Send(f)
}

func (r *rig) tick() {
	r.now = r.now.Add(tick)
	r.fw.Tick(r.now)
	r.arm.Tick(r.now)
	if err := r.world.Step(tick); err != nil {
		r.t.Fatal(err)
	}
	if r.each != nil {
		r.each()
	}
}

func (r *rig) run(d time.Duration) {
	for range d / tick {
		r.tick()
	}
}

// until runs until the phase is reached.
func (r *rig) until(p piper.Phase, limit time.Duration) {
	r.t.Helper()
	for range limit / tick {
		if r.state().Phase == p {
			return
		}
		r.tick()
	}
	r.t.Fatalf("not %v after %v: %v (%s), faults %v", p, limit, r.state().Phase, r.state().Detail, r.state().Faults)
}

func (r *rig) state() piper.State       { return r.arm.State(r.now) }
func (r *rig) feedback() piper.Feedback { return r.arm.Feedback(r.now) }

// ready enables the arm if it is not.
func (r *rig) ready() *rig {
	r.t.Helper()
	if r.state().Phase == piper.PhaseReady {
		return r
	}
	r.until(piper.PhaseIdle, 5*time.Second)
	if detail := r.state().Detail; detail != "" {
		r.t.Fatalf("idle, but: %s", detail)
	}
	if _, err := r.arm.Enable(); err != nil {
		r.t.Fatal(err)
	}
	r.until(piper.PhaseReady, 10*time.Second)
	return r
}

// goTo moves the arm by a ramp of set points and waits.
func (r *rig) goTo(q [6]float64, width float64) {
	r.t.Helper()
	from := r.state().Target
	for k := 1; k <= 200; k++ {
		var mid [6]float64
		for j := range mid {
			mid[j] = from[j] + (q[j]-from[j])*float64(k)/200
		}
		if err := r.arm.Command(mid, width, 1); err != nil {
			r.t.Fatal(err)
		}
		r.tick()
	}
	r.run(2 * time.Second)
	for j, x := range r.hand.State().Joints {
		if math.Abs(x-q[j]) > 0.002 {
			r.t.Fatalf("joint%d at %.4f rad, sent to %.4f", j+1, x, q[j])
		}
	}
}

func (r *rig) inject(f pipersim.Fault) {
	r.t.Helper()
	if err := r.fw.Inject(f); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) heal(k pipersim.Kind) {
	r.t.Helper()
	if err := r.fw.Heal(k); err != nil {
		r.t.Fatal(err)
	}
}

// fault waits for a fault of a cause and checks that its reason has all the words.
func (r *rig) fault(cause piper.Cause, limit time.Duration, words ...string) piper.Fault {
	r.t.Helper()
	for range limit / tick {
		r.tick()
		for _, f := range r.state().Faults {
			if f.Cause != cause {
				continue
			}
			if p := r.state().Phase; p != piper.PhaseFault {
				r.t.Errorf("%v with the fault %v", p, f)
			}
			for _, word := range append(words, "arm left: ") {
				if !strings.Contains(f.Reason, word) {
					r.t.Errorf("reason %q lacks %q", f.Reason, word)
				}
			}
			return f
		}
	}
	r.t.Fatalf("no fault %v within %v; %v, faults %v", cause, limit, r.state().Phase, r.state().Faults)
	return piper.Fault{}
}

// work is a pose well inside the range.
var work = [6]float64{0.3, 0.8, -0.9, 0.2, 0.4, -0.5}

// moved is the largest distance of two poses [rad].
func moved(a, b [6]float64) (worst float64) {
	for j := range a {
		worst = max(worst, math.Abs(a[j]-b[j]))
	}
	return worst
}
