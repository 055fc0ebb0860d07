package tracer_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/drivers/can"
	"cobot_vla/drivers/plant"
	"cobot_vla/drivers/tracer"
	"cobot_vla/drivers/tracer/tracersim"
)

var base = calibration.Base{
	Bus: "can_base", Track: 0.35, LinearScale: 1, AngularScale: 1, MaxLinear: 0.5, MaxAngular: 0.8,
	MaxLinearAccel: 0.5, MaxAngularAccel: 1, HardDeceleration: 1.5, HardAngularDeceleration: 3,
}

const (
	simStep    = 2 * time.Millisecond
	driverTick = 20 * time.Millisecond
)

// rig is a driver, a base's firmware and its wheels, in lockstep on one goroutine.
type rig struct {
	t      testing.TB
	now    time.Time
	bus    *can.VirtualBus
	far    can.Bus // an end for whatever else is on the bus
	plant  *plant.Kinematic
	sim    *tracersim.Firmware
	driver *tracer.Driver
	want   tracer.Velocity
	err    error       // of the last SetVelocity
	wire   []can.Frame // all frames since the last look
	peak   tracer.Velocity
}

func newRig(t testing.TB, change func(*tracer.Config, *tracersim.Config)) *rig {
	t.Helper()
	n := can.NewNetwork()
	r := &rig{t: t, now: time.Unix(1_700_000_000, 0), bus: n.Bus("can_base")}
	var ends [3]can.Bus
	for i := range ends {
		end, err := n.Open("can_base")
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = end
	}
	r.far = ends[2]
	cfg := tracer.DefaultConfig(base, func() time.Time { return r.now })
	sim := tracersim.DefaultConfig()
	sim.SetBusState = r.bus.SetState
	if change != nil {
		change(&cfg, &sim)
	}
	var err error
	if r.plant, err = plant.New(plant.Config{Track: base.Track}); err != nil {
		t.Fatal(err)
	}
	if r.sim, err = tracersim.New(ends[0], r.plant.Base(), sim); err != nil {
		t.Fatal(err)
	}
	if r.driver, err = tracer.New(ends[1], cfg); err != nil {
		t.Fatal(err)
	}
	r.bus.Tap(func(f can.Frame) {
		r.wire = append(r.wire, f)
		if f.ID == tracer.IDMotionCommand {
			v, err := tracer.DecodeVelocity(f)
			if err != nil {
				t.Errorf("sent %v: %v", f, err)
			}
			r.peak.Linear = math.Max(r.peak.Linear, math.Abs(v.Linear))
			r.peak.Angular = math.Max(r.peak.Angular, math.Abs(v.Angular))
		}
	})
	return r
}

// run lets time pass; the driver is given what r.want says, every tick.
func (r *rig) run(d time.Duration) {
	r.t.Helper()
	for end := r.now.Add(d); r.now.Before(end); {
		r.now = r.now.Add(simStep)
		if err := r.plant.Step(simStep); err != nil {
			r.t.Fatal(err)
		}
		r.sim.Tick(r.now)
		if r.now.UnixNano()%int64(driverTick) == 0 {
			r.err = r.driver.SetVelocity(r.want.Linear, r.want.Angular)
			r.driver.Tick(r.now)
		}
	}
}

func (r *rig) state() tracer.State { return r.driver.State(r.now) }

// ready runs until the base can be driven.
func (r *rig) ready() *rig {
	r.t.Helper()
	for range 100 {
		if r.state().Ready {
			return r
		}
		r.run(driverTick)
	}
	r.t.Fatalf("not ready after 2 s: %s", r.state().Reason)
	return nil
}

// sent counts frames with an identifier since the last look, and forgets them.
func (r *rig) sent(id uint32) (n int) {
	for _, f := range r.wire {
		if f.ID == id {
			n++
		}
	}
	r.wire = nil
	return n
}

// speed of the wheels' body.
func (r *rig) speed() tracer.Velocity {
	s := r.plant.Base().State()
	return tracer.Velocity{Linear: s.Linear, Angular: s.Angular}
}

func (r *rig) faulted(cause tracer.Cause, words ...string) {
	r.t.Helper()
	s := r.state()
	if len(s.Faults) == 0 || s.Faults[0].Cause != cause {
		r.t.Fatalf("faults are %+v, want %v first", s.Faults, cause)
	}
	r.contains("fault", s.Faults[0].Reason, words...)
	if s.Ready || s.Reason != s.Faults[0].Reason {
		r.t.Errorf("ready %v because %q", s.Ready, s.Reason)
	}
}

func (r *rig) contains(what, got string, words ...string) {
	r.t.Helper()
	for _, w := range words {
		if !strings.Contains(got, w) {
			r.t.Errorf("the %s %q does not say %q", what, got, w)
		}
	}
}

func (r *rig) inject(f tracersim.Fault) {
	r.t.Helper()
	if err := r.sim.Inject(f); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) heal(k tracersim.Kind) {
	r.t.Helper()
	if err := r.sim.Heal(k); err != nil {
		r.t.Fatal(err)
	}
}

func near(t testing.TB, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %v, want %v within %v", what, got, want, tolerance)
	}
}
