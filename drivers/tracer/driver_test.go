package tracer_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"cobot_vla/drivers/can"
	"cobot_vla/drivers/tracer"
	"cobot_vla/drivers/tracer/tracersim"

	"pgregory.net/rapid"
)

func TestDriverListensThenTakesControlThenStreams(t *testing.T) {
	r := newRig(t, nil)
	r.run(180 * time.Millisecond)
	for _, f := range r.wire {
		if f.ID == tracer.IDMotionCommand || f.ID == tracer.IDModeRequest || f.ID == tracer.IDVersion {
			t.Fatalf("sent %v before it knew who is on the bus", f)
		}
	}
	if s := r.state(); s.Ready || s.Reason == "" {
		t.Errorf("ready %v: %q", s.Ready, s.Reason)
	}
	r.ready()
	if r.sim.Mode() != tracer.ModeCAN {
		t.Errorf("the base is in %v", r.sim.Mode())
	}
	r.wire = nil
	r.run(time.Second)
	wire := r.wire
	if n := r.sent(tracer.IDMotionCommand); n != 50 {
		t.Errorf("%d motion commands in a second, want 50, all zero", n)
	}
	for _, f := range wire {
		if f.ID == tracer.IDModeRequest {
			t.Error("CAN control is requested though it is given")
		}
		if f.ID == tracer.IDMotionCommand && f.Data != [8]byte{} {
			t.Errorf("sent %v, want zero", f)
		}
	}
	s := r.state()
	if s.Version != "TRACER-V2.1-4 H1.1 230609" {
		t.Errorf("version %q", s.Version)
	}
	if !s.System.Faults.RemoteLost() || len(s.Warnings) != 0 { // the transmitter is off; that is no trouble
		t.Errorf("warnings %q", s.Warnings)
	}
	near(t, "battery", s.System.Battery, 26, 1e-9)
	for _, f := range s.Frames {
		if f.Fresh != (f.ID != tracer.IDRemote) {
			t.Errorf("%s: fresh %v, %d frames, age %v", f.Name, f.Fresh, f.Count, f.Age)
		}
	}
}

func TestDriverVersionAtTheOtherIdentifier(t *testing.T) {
	r := newRig(t, func(_ *tracer.Config, sim *tracersim.Config) { sim.VersionID = tracer.IDVersionOld }).ready()
	r.run(2 * time.Second)
	if v := r.state().Version; v == "" {
		t.Error("no version")
	}
}

func TestDriverDrives(t *testing.T) {
	r := newRig(t, nil).ready()
	r.want = tracer.Velocity{Linear: 0.3, Angular: 0.2}
	r.run(3 * time.Second)
	near(t, "linear", r.speed().Linear, 0.3, 1e-3)
	near(t, "angular", r.speed().Angular, 0.2, 1e-3)
	s := r.state()
	near(t, "reported", s.Motion.Linear, 0.3, 1e-3)
	near(t, "sent", s.Command.Angular, 0.2, 1e-9)
	near(t, "left motor", s.Motors[0].Speed, (0.3-0.2*0.175)/0.08, 0.06)
	near(t, "right motor", s.Motors[1].Speed, (0.3+0.2*0.175)/0.08, 0.06)
	r.want = tracer.Velocity{}
	r.run(time.Second)
	x, y, yaw := r.plant.Pose()
	p := r.state().Pose
	near(t, "x", p.X, x, 0.005)
	near(t, "y", p.Y, y, 0.005)
	near(t, "yaw", p.Yaw, yaw, 0.006)
	if p.Disagree || r.speed() != (tracer.Velocity{}) {
		t.Errorf("disagree %v, speed %v", p.Disagree, r.speed())
	}
	r.driver.ResetOdometry()
	if p := r.state().Pose; p.X != 0 || p.Yaw != 0 {
		t.Errorf("after reset the pose is %+v", p)
	}
}

func TestDriverHoldsToItsLimit(t *testing.T) {
	r := newRig(t, nil).ready()
	r.want = tracer.Velocity{Linear: -2, Angular: 5}
	r.run(2 * time.Second)
	near(t, "linear", r.speed().Linear, -0.5, 1e-9)
	near(t, "angular", r.speed().Angular, 0.8, 1e-9)
	if s := r.state(); s.Clamps < 90 {
		t.Errorf("%d clamps counted", s.Clamps)
	}
}

func TestDriverRefusesWhatIsNotFinite(t *testing.T) {
	for _, bad := range []tracer.Velocity{{Linear: math.NaN()}, {Angular: math.NaN()}, {Linear: math.Inf(1)}, {Angular: math.Inf(-1)}} {
		r := newRig(t, nil).ready()
		r.want = tracer.Velocity{Linear: 0.3}
		r.run(time.Second)
		r.want = bad
		r.run(time.Second)
		if !errors.Is(r.err, tracer.ErrNotFinite) || r.speed() != (tracer.Velocity{}) {
			t.Errorf("%v: %v, speed %v", bad, r.err, r.speed())
		}
		r.want = tracer.Velocity{Linear: 0.3}
		r.run(time.Second)
		near(t, "speed afterwards", r.speed().Linear, 0.3, 1e-3)
	}
}

func TestDriverStopsWhenNobodyRenews(t *testing.T) {
	r := newRig(t, nil).ready()
	r.want = tracer.Velocity{Linear: 0.3}
	r.run(time.Second)
	r.wire = nil
	for range 15 { // ticks without SetVelocity
		r.now = r.now.Add(driverTick)
		r.driver.Tick(r.now)
		r.sim.Tick(r.now)
	}
	if s := r.state(); s.Command != (tracer.Velocity{}) || s.Timeouts != 1 || !s.Held {
		t.Errorf("after 300 ms it sends %v, %d timeouts, held %v", s.Command, s.Timeouts, s.Held)
	}
	if n := r.sent(tracer.IDMotionCommand); n != 15 {
		t.Errorf("%d commands, want 15: zero is sent on", n)
	}
	r.run(driverTick)
	if !errors.Is(r.err, tracer.ErrNotReady) {
		t.Errorf("resumed without a zero: %v", r.err)
	}
	r.want = tracer.Velocity{}
	r.run(driverTick)
	r.want = tracer.Velocity{Linear: 0.3}
	r.run(driverTick)
	if r.err != nil {
		t.Errorf("after a zero: %v", r.err)
	}
}

// Whoever holds a joystick through an interruption is not obeyed when it ends.
func TestDriverWantsAZeroAfterAnInterruption(t *testing.T) {
	r := newRig(t, nil).ready()
	r.want = tracer.Velocity{Linear: 0.3}
	r.run(time.Second)
	r.inject(tracersim.Fault{Kind: tracersim.RemoteControl})
	r.run(time.Second)
	r.contains("error", r.err.Error(), "not ready", "transmitter")
	r.heal(tracersim.RemoteControl)
	r.run(time.Second)
	if s := r.state(); !s.Ready || !s.Held || r.speed() != (tracer.Velocity{}) {
		t.Errorf("ready %v, held %v, speed %v", s.Ready, s.Held, r.speed())
	}
	r.contains("error", r.err.Error(), "zero before another")
	r.want = tracer.Velocity{}
	r.run(100 * time.Millisecond)
	r.want = tracer.Velocity{Linear: 0.3}
	r.run(time.Second)
	near(t, "speed", r.speed().Linear, 0.3, 1e-3)
}

// What stops the base, what the driver says, and what it takes to drive again.
func TestDriverFaults(t *testing.T) {
	for _, c := range []struct {
		fault  tracersim.Fault
		cause  tracer.Cause  // CauseNone: no latch
		words  []string      // of the reason
		within time.Duration // until the command is zero
		moves  bool          // the wheels do not stop by themselves
	}{
		{tracersim.Fault{Kind: tracersim.BusSilent}, tracer.CauseStale, []string{"no frame", "can_base", "cable"}, 140 * time.Millisecond, false},
		{tracersim.Fault{Kind: tracersim.BusOff}, tracer.CauseBus, []string{"is off", "ip link set can_base down"}, 40 * time.Millisecond, false},
		{tracersim.Fault{Kind: tracersim.Stopped, IDs: []uint32{tracer.IDOdometer}}, tracer.CauseStale, []string{"311"}, 140 * time.Millisecond, false},
		{tracersim.Fault{Kind: tracersim.Stopped, IDs: []uint32{tracer.IDSystem}}, tracer.CauseStale, []string{"211"}, 140 * time.Millisecond, false},
		{tracersim.Fault{Kind: tracersim.EmergencyStop}, tracer.CauseEmergencyStop, []string{"release the button"}, 60 * time.Millisecond, false},
		{tracersim.Fault{Kind: tracersim.Undervoltage}, tracer.CauseVehicle, []string{"undervoltage", "21.6 V"}, 60 * time.Millisecond, false},
		{tracersim.Fault{Kind: tracersim.MotorDriver}, tracer.CauseVehicle, []string{"fault"}, 60 * time.Millisecond, false},
		{tracersim.Fault{Kind: tracersim.RemoteControl, Value: 0.2}, tracer.CauseNone, []string{"RC transmitter"}, 60 * time.Millisecond, true},
		{tracersim.Fault{Kind: tracersim.RemoteStandby, Value: 0.2}, tracer.CauseNone, []string{"RC transmitter"}, 60 * time.Millisecond, true},
		{tracersim.Fault{Kind: tracersim.WrongEnum}, tracer.CauseNone, []string{"unknown vehicle state 90"}, 60 * time.Millisecond, true},
	} {
		t.Run(c.fault.Kind.String(), func(t *testing.T) {
			r := newRig(t, nil).ready()
			r.want = tracer.Velocity{Linear: 0.3, Angular: 0.1}
			r.run(time.Second)
			r.inject(c.fault)
			r.run(c.within)
			if s := r.state(); s.Command != (tracer.Velocity{}) || s.Ready {
				t.Fatalf("after %v it sends %v, ready %v (%s)", c.within, s.Command, s.Ready, s.Reason)
			}
			if c.cause != tracer.CauseNone {
				r.faulted(c.cause, c.words...)
			} else {
				r.contains("reason", r.state().Reason, c.words...)
			}
			r.want = tracer.Velocity{}
			r.run(2 * time.Second)
			if moves := r.speed() != (tracer.Velocity{}); moves && !c.moves {
				t.Errorf("two seconds later it has %v", r.speed())
			}
			if c.cause != tracer.CauseNone {
				if err := r.driver.ClearFault(); err != nil {
					t.Error(err)
				}
				r.run(time.Second)
				r.faulted(c.cause) // it persists, so it is latched again
			}
			r.heal(c.fault.Kind)
			r.run(time.Second)
			if c.cause != tracer.CauseNone {
				r.faulted(c.cause) // and stays until somebody clears it
				if err := r.driver.ClearFault(); err != nil {
					t.Error(err)
				}
			}
			r.run(time.Second)
			r.ready()
			r.want = tracer.Velocity{Linear: 0.3}
			r.run(time.Second)
			near(t, "speed after it", r.speed().Linear, 0.3, 1e-3)
		})
	}
}

func TestDriverWarnings(t *testing.T) {
	for _, c := range []struct {
		fault tracersim.Fault
		words string
	}{
		{tracersim.Fault{Kind: tracersim.BatteryLow}, "22.3 V"},
		{tracersim.Fault{Kind: tracersim.WheelSlip, Value: 0.1}, "wheel counters and reported velocity differ"},
		{tracersim.Fault{Kind: tracersim.Frozen, IDs: []uint32{tracer.IDOdometer}}, "wheel counters and reported velocity differ"},
		{tracersim.Fault{Kind: tracersim.Stopped, IDs: []uint32{tracer.IDMotorLeft}}, "left motor (252) is silent"},
		{tracersim.Fault{Kind: tracersim.CounterRestart}, "jumped 1 times"},
	} {
		t.Run(c.fault.Kind.String(), func(t *testing.T) {
			r := newRig(t, nil).ready()
			r.want = tracer.Velocity{Linear: 0.4}
			r.run(2 * time.Second)
			r.inject(c.fault)
			r.run(time.Second)
			s := r.state()
			found := false
			for _, w := range s.Warnings {
				found = found || strings.Contains(w, c.words)
			}
			if !found || !s.Ready {
				t.Errorf("ready %v, warnings %q, want one that says %q", s.Ready, s.Warnings, c.words)
			}
		})
	}
}

func TestDriverModeRefused(t *testing.T) {
	r := newRig(t, nil)
	r.inject(tracersim.Fault{Kind: tracersim.ModeRefused})
	r.run(3 * time.Second)
	r.contains("reason", r.state().Reason, "standby", "being requested")
	if n := r.sent(tracer.IDModeRequest); n < 25 || n > 31 {
		t.Errorf("%d requests in 2.8 s, want ten a second", n)
	}
}

// pretend sends arm or base frames as another device on the bus would.
func (r *rig) pretend(ids []uint32, times int, data ...byte) {
	f := can.Frame{Len: 8}
	copy(f.Data[:], data)
	for range times {
		for _, id := range ids {
			f.ID = id
			if err := r.far.Send(f); err != nil {
				r.t.Fatal(err)
			}
		}
	}
}

func TestDriverOnAnArmsBusSendsNothing(t *testing.T) {
	follower := []uint32{0x2A1, 0x2A2, 0x2A3, 0x2A4, 0x2A5, 0x2A6, 0x2A7, 0x2A8}
	for name, ids := range map[string][]uint32{
		"a follower": follower, "a leader": {0x155, 0x156, 0x157}, "a moved follower": {0x2B1, 0x2B5, 0x2B6, 0x2B7},
	} {
		t.Run(name+" from the start", func(t *testing.T) {
			r := newRig(t, nil) // the base is there too: it makes no difference
			for range 200 {
				r.pretend(ids, 1)
				r.run(2 * simStep)
			}
			r.faulted(tracer.CauseArm, "PiPER", "can_base", "500000")
			for _, f := range r.wire {
				if f.ID == tracer.IDMotionCommand || f.ID == tracer.IDModeRequest || f.ID == tracer.IDVersion {
					t.Fatalf("it sent %v", f)
				}
			}
			if err := r.driver.ClearFault(); !errors.Is(err, tracer.ErrPermanent) {
				t.Errorf("clear: %v, want %v", err, tracer.ErrPermanent)
			}
			r.run(time.Second)
			r.faulted(tracer.CauseArm)
			if err := r.driver.Close(); err != nil {
				t.Error(err)
			}
			if n := r.sent(tracer.IDMotionCommand); n != 0 {
				t.Errorf("%d commands", n)
			}
		})
	}
	t.Run("plugged in later", func(t *testing.T) {
		r := newRig(t, nil).ready()
		r.pretend(follower, 2)
		r.run(driverTick)
		r.faulted(tracer.CauseArm)
		r.wire = nil
		r.run(time.Second)
		if n := r.sent(tracer.IDMotionCommand); n != 0 {
			t.Errorf("%d commands", n)
		}
	})
	t.Run("a stray frame is no arm", func(t *testing.T) {
		r := newRig(t, nil).ready()
		for range 20 {
			r.pretend([]uint32{0x2A1}, 1)
			r.run(200 * time.Millisecond)
		}
		if s := r.state(); !s.Ready || s.Link.Unknown != 20 {
			t.Errorf("ready %v (%s), %d unknown", s.Ready, s.Reason, s.Link.Unknown)
		}
	})
}

func TestDriverOldProtocol(t *testing.T) {
	r := newRig(t, nil)
	r.inject(tracersim.Fault{Kind: tracersim.BusSilent})
	for range 20 {
		r.pretend([]uint32{0x151, 0x131}, 1)
		r.run(driverTick)
	}
	r.faulted(tracer.CauseProtocol, "V1", "firmware")
}

func TestDriverForeignCommander(t *testing.T) {
	r := newRig(t, nil).ready()
	r.want = tracer.Velocity{Linear: 0.3}
	for range 5 {
		r.pretend([]uint32{tracer.IDMotionCommand}, 1)
		r.run(driverTick)
	}
	r.faulted(tracer.CauseForeign, "another program", "can_base")
	r.want = tracer.Velocity{}
	r.run(2 * time.Second)
	if err := r.driver.ClearFault(); err != nil {
		t.Error(err)
	}
	r.ready()
}

func TestDriverBusRefusesFrames(t *testing.T) {
	r := newRig(t, nil).ready()
	r.bus.SetSendError(can.ErrBufferFull)
	r.run(60 * time.Millisecond)
	if s := r.state(); len(s.Faults) != 0 || s.Link.SendErrors != 3 {
		t.Errorf("after 60 ms: %+v, %d errors", s.Faults, s.Link.SendErrors)
	}
	r.run(200 * time.Millisecond)
	s := r.state() // the firmware's frames are refused too, so silence is noticed with it
	causes := map[tracer.Cause]bool{}
	for _, f := range s.Faults {
		causes[f.Cause] = true
	}
	if !causes[tracer.CauseBus] || !causes[tracer.CauseStale] {
		t.Errorf("faults %+v", s.Faults)
	}
	r.contains("reason", s.Link.LastError, "send buffer full")
	r.bus.SetSendError(nil)
	r.run(100 * time.Millisecond)
	if err := r.driver.ClearFault(); err != nil {
		t.Error(err)
	}
	r.run(100 * time.Millisecond)
	r.ready()
}

func TestDriverDryRun(t *testing.T) {
	r := newRig(t, func(cfg *tracer.Config, _ *tracersim.Config) { cfg.DryRun = true }).ready()
	r.want = tracer.Velocity{Linear: 0.3}
	r.run(time.Second)
	s := r.state()
	if s.Command.Linear != 0.3 || s.Link.Sent != 0 || s.Link.Suppressed < 50 || r.err != nil {
		t.Errorf("command %v, %d sent, %d suppressed, %v", s.Command, s.Link.Sent, s.Link.Suppressed, r.err)
	}
	if n := r.sent(tracer.IDMotionCommand); n != 0 || r.speed() != (tracer.Velocity{}) {
		t.Errorf("%d commands on the wire", n)
	}
	if err := r.driver.Close(); err != nil || r.sent(tracer.IDMotionCommand) != 0 {
		t.Errorf("close: %v", err)
	}
}

func TestDriverLight(t *testing.T) {
	r := newRig(t, nil).ready()
	r.driver.SetLight(tracer.Light{Enabled: true, Front: tracer.LightCustom, FrontBrightness: 0.5, RearBrightness: 3})
	r.run(100 * time.Millisecond)
	got := r.state().Light
	if !got.Enabled || got.Front != tracer.LightCustom || got.FrontBrightness != 0.5 || got.RearBrightness != 1 || r.sim.Light().Count != 1 {
		t.Errorf("the light is %+v", got)
	}
}

func TestDriverCloseSendsZero(t *testing.T) {
	r := newRig(t, nil).ready()
	r.want = tracer.Velocity{Linear: 0.3}
	r.run(time.Second)
	r.wire = nil
	if err := r.driver.Close(); err != nil {
		t.Fatal(err)
	}
	if len(r.wire) != 1 || r.wire[0] != (tracer.Velocity{}).Command() {
		t.Errorf("close sent %v", r.wire)
	}
}

// Without its driver the base stops by its own watchdog.
func TestBaseStopsWithoutItsDriver(t *testing.T) {
	r := newRig(t, nil).ready()
	r.want = tracer.Velocity{Linear: 0.3}
	r.run(time.Second)
	stopped := r.now
	for range 1000 {
		r.now = r.now.Add(simStep)
		if err := r.plant.Step(simStep); err != nil {
			t.Fatal(err)
		}
		r.sim.Tick(r.now)
		if r.speed() != (tracer.Velocity{}) {
			stopped = r.now
		}
	}
	after := stopped.Sub(r.now.Add(-1000 * simStep))
	if after < 500*time.Millisecond || after > 750*time.Millisecond {
		t.Errorf("it stood after %v, want 500 ms and the time to brake", after)
	}
}

func TestDriverUnderSDKFaultLayout(t *testing.T) {
	r := newRig(t, func(_ *tracer.Config, sim *tracersim.Config) { sim.SDKFaultLayout = true }).ready()
	if s := r.state(); !s.System.Faults.RemoteLost() {
		t.Errorf("faults are %v", s.System.Faults)
	}
	r.inject(tracersim.Fault{Kind: tracersim.Undervoltage})
	r.run(100 * time.Millisecond)
	r.faulted(tracer.CauseVehicle, "undervoltage")
}

func TestDriverConfig(t *testing.T) {
	n := can.NewNetwork()
	bus, err := n.Open("can_base")
	if err != nil {
		t.Fatal(err)
	}
	good := tracer.DefaultConfig(base, time.Now)
	for name, change := range map[string]func(*tracer.Config){
		"no clock":      func(c *tracer.Config) { c.Now = nil },
		"too fast":      func(c *tracer.Config) { c.MaxLinear = 3 },
		"no speed":      func(c *tracer.Config) { c.MaxAngular = 0 },
		"NaN":           func(c *tracer.Config) { c.MaxLinear = math.NaN() },
		"late timeout":  func(c *tracer.Config) { c.CommandTimeout = time.Second },
		"never stale":   func(c *tracer.Config) { c.StaleAfter = time.Hour },
		"no odometry":   func(c *tracer.Config) { c.Odometry = tracer.OdometryConfig{} },
		"no listening":  func(c *tracer.Config) { c.ListenTime = 0 },
		"NaN batteries": func(c *tracer.Config) { c.BatteryWarn = math.NaN() },
	} {
		c := good
		change(&c)
		if _, err := tracer.New(bus, c); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := tracersim.New(bus, nil, tracersim.Config{}); err == nil {
		t.Error("an empty simulator configuration was accepted")
	}
}

// Whatever is asked, whatever happens to the base: what goes out is within the limits,
// and while the driver says it is not ready, zero.
func TestDriverNeverExceedsItsLimits(t *testing.T) {
	kinds := []tracersim.Kind{tracersim.RemoteControl, tracersim.EmergencyStop, tracersim.WrongEnum, tracersim.BusSilent, tracersim.Undervoltage, tracersim.ModeRefused}
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t, nil)
		r.run(400 * time.Millisecond)
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			r.want = tracer.Velocity{Linear: rapid.Float64().Draw(rt, "linear"), Angular: rapid.Float64().Draw(rt, "angular")}
			if rapid.Bool().Draw(rt, "zero") {
				r.want = tracer.Velocity{}
			}
			switch kind := rapid.SampledFrom(kinds).Draw(rt, "fault"); rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0:
				r.inject(tracersim.Fault{Kind: kind})
			case 1:
				r.heal(kind)
			case 2:
				r.driver.ClearFault()
			}
			r.run(time.Duration(rapid.IntRange(1, 10).Draw(rt, "ticks")) * driverTick)
			if s := r.state(); !s.Ready && s.Command != (tracer.Velocity{}) {
				rt.Fatalf("not ready (%s), yet it sends %v", s.Reason, s.Command)
			}
		}
		if r.peak.Linear > 0.5+1e-9 || r.peak.Angular > 0.8+1e-9 {
			rt.Fatalf("it sent %v", r.peak)
		}
	})
}

// Frames from anywhere: no panic, nothing beyond the limits, never the identifier
// that silences an arm, and nothing at all once an arm is certain.
func FuzzDriver(f *testing.F) {
	f.Add([]byte{0x02, 0x11, 8, 0, 1, 0, 0xFD, 4, 0, 0, 1, 0x02, 0x21, 8, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0x02, 0xA1, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0xA5, 8, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0x02, 0x11, 2, 9, 9, 9, 9, 9, 9, 9, 9, 0x03, 0x11, 8, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, b []byte) {
		n := can.NewNetwork()
		near, _ := n.Open("can_base")
		far, _ := n.Open("can_base")
		now := time.Unix(1_700_000_000, 0)
		d, err := tracer.New(near, tracer.DefaultConfig(base, func() time.Time { return now }))
		if err != nil {
			t.Fatal(err)
		}
		silent := false
		far.Listen(func(f can.Frame) {
			if silent || f.ID == 0x422 {
				t.Fatalf("sent %v", f)
			}
			if v, err := tracer.DecodeVelocity(f); err == nil && (math.Abs(v.Linear) > 0.5 || math.Abs(v.Angular) > 0.8) {
				t.Fatalf("sent %v", v)
			}
		})
		// A base is there first, so that the rest meets a driver that drives.
		for range 20 {
			now = now.Add(driverTick)
			far.Send(tracer.System{Mode: tracer.ModeCAN, Battery: 26}.Frame())
			far.Send(tracer.Velocity{}.State())
			far.Send(tracer.Odometer{}.Frame())
			d.Tick(now)
		}
		for len(b) >= 11 {
			frame := can.Frame{ID: uint32(b[0])<<8 | uint32(b[1]), Len: b[2]}
			copy(frame.Data[:], b[3:11])
			b = b[11:]
			far.Send(frame)
			now = now.Add(5 * time.Millisecond)
			d.SetVelocity(float64(int8(frame.Data[0]))/10, float64(int8(frame.Data[1]))/10)
			d.Tick(now)
			s := d.State(now)
			for _, fault := range s.Faults {
				silent = silent || fault.Cause == tracer.CauseArm
			}
			if math.IsNaN(s.Pose.X) {
				t.Fatalf("the pose is %+v", s.Pose)
			}
		}
	})
}
