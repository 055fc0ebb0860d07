package pipersim

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cobot_vla/drivers/piper"
)

func TestRatesAndOrder(t *testing.T) {
	b := newBench(t)
	b.run(time.Second)
	count := map[uint32]int{}
	var low []string
	for _, f := range b.heard {
		count[f.ID]++
		if f.ID >= piper.IDLowSpeed1 && f.ID <= piper.IDLowSpeed6 {
			low = append(low, fmt.Sprintf("%d@%d", f.ID-piper.IDLowSpeed1+1, f.at.Milliseconds()))
		}
	}
	want := map[uint32]int{}
	for id := uint32(0x2A1); id <= 0x2A8; id++ {
		want[id] = 200
	}
	for j := range uint32(6) {
		want[0x251+j], want[0x261+j] = 100, 20
	}
	for id, n := range want {
		if count[id] != n {
			t.Errorf("%03X: %d frames in a second, want %d", id, count[id], n)
		}
	}
	if len(count) != len(want) {
		t.Errorf("identifiers %v", count)
	}
	if got, want := strings.Join(low[:7], " "), "4@0 3@10 2@20 1@30 6@30 5@40 4@50"; got != want {
		t.Errorf("low-speed order %s, want %s", got, want)
	}
	last := time.Duration(-1)
	for _, f := range b.heard {
		if f.ID == piper.IDStatus {
			if last >= 0 && f.at-last != 5*time.Millisecond {
				t.Fatalf("status after %v", f.at-last)
			}
			last = f.at
		}
	}
}

// A larger step can't raise the rate, and must not send twice at once.
func TestCoarseSteps(t *testing.T) {
	b := newBench(t)
	for range 50 {
		b.now = b.now.Add(20 * time.Millisecond)
		b.fw.Tick(b.now)
	}
	n := 0
	for _, f := range b.heard {
		if f.ID == piper.IDStatus {
			n++
		}
	}
	if n != 50 {
		t.Errorf("%d status frames in 50 ticks", n)
	}
}

func TestStandbyAtRest(t *testing.T) {
	b := newBench(t)
	b.run(100 * time.Millisecond)
	if s := b.status(); s != (piper.Status{AngleLimit: 0x06}) { // J2 -1.999°, J3 +1.971°
		t.Errorf("status %+v", s)
	}
	q, err := piper.DecodeAngles(b.last(piper.IDJoints12))
	if err != nil || math.Abs(q[1]+1.999*degree) > 1e-6 {
		t.Errorf("joint2 at %g rad: outside its range and reported so", q[1])
	}
	l, err := piper.DecodeLowSpeed(b.last(0x263))
	if err != nil || l != (piper.LowSpeed{Joint: 2, Voltage: 23, DriverTemperature: 32, MotorTemperature: 27}) {
		t.Errorf("low speed %+v", l)
	}
	if f := b.last(piper.IDGripper); f.Data != [8]byte{} {
		t.Errorf("a gripper that is off reports %v", f)
	}
	h, err := piper.DecodeHighSpeed(b.last(0x252))
	if err != nil || math.Abs(h.Position+0.035) > 1e-9 { // -34.889 mrad in whole milliradians
		t.Errorf("motor 2 at %g rad", h.Position)
	}
}

func TestFlangePose(t *testing.T) {
	p := flange([6]float64{})
	want := piper.Pose{XYZ: [3]float64{0.056128, 0, 0.213266}, RPY: [3]float64{0, 85 * degree, 0}}
	for i := range 3 {
		if math.Abs(p.XYZ[i]-want.XYZ[i]) > 1e-6 || math.Abs(p.RPY[i]-want.RPY[i]) > 1e-6 {
			t.Fatalf("zero pose %+v, want %+v", p, want)
		}
	}
	turned := flange([6]float64{math.Pi / 2})
	if math.Abs(turned.XYZ[1]-0.056128) > 1e-6 || math.Abs(turned.RPY[2]-math.Pi/2) > 1e-6 {
		t.Errorf("turned by 90° at joint 1: %+v", turned)
	}
}

func TestEnableTakesTimeAndTwoTriesAfterAReset(t *testing.T) {
	b := newBench(t)
	b.send(enableAll)
	b.run(45 * time.Millisecond)
	if b.run(50 * time.Millisecond); b.on() == 6 {
		t.Error("all motors on at once")
	}
	b.run(150 * time.Millisecond)
	if b.on() != 6 {
		t.Errorf("%d motors on", b.on())
	}
	b.send(piper.MotionCommand{Stop: piper.StopReset}.Frame())
	b.run(100 * time.Millisecond)
	if b.on() != 0 {
		t.Errorf("%d motors on after a reset", b.on())
	}
	b.send(enableAll)
	b.run(300 * time.Millisecond)
	if b.on() != 0 {
		t.Errorf("%d motors on after one enable", b.on())
	}
	b.send(enableAll)
	b.run(300 * time.Millisecond)
	if b.on() != 6 {
		t.Errorf("%d motors on after two enables", b.on())
	}
	b.send(piper.MotorPower{Motor: 3}.Frame())
	b.run(100 * time.Millisecond)
	if b.on() != 5 {
		t.Errorf("%d motors on after joint 3 went off", b.on())
	}
}

func TestMoveJReachesAndReports(t *testing.T) {
	b := newBench(t).up()
	b.target(pose)
	b.run(50 * time.Millisecond)
	if f := b.last(piper.IDStatus); [5]byte(f.Data[:5]) != [5]byte{1, 0, 1, 0, 1} {
		t.Errorf("moving: %v", f)
	}
	b.run(3 * time.Second)
	if f := b.last(piper.IDStatus); f.Data != [8]byte{1, 0, 1, 0, 0} {
		t.Errorf("reached: %v", f)
	}
	if d := apart(b.arm.State().Joints, pose); d > 1e-5 {
		t.Errorf("%g rad from the target", d)
	}
	// There is no command watchdog.
	b.run(10 * time.Second)
	if d := apart(b.arm.State().Joints, pose); d > 1e-5 || b.on() != 6 {
		t.Errorf("moved by %g rad without commands", d)
	}
}

func TestATripleIsNeeded(t *testing.T) {
	b := newBench(t).up()
	frames, err := piper.TargetFrames(pose)
	if err != nil {
		t.Fatal(err)
	}
	rest := b.arm.State().Joints
	b.send(frames[0], frames[1])
	b.run(time.Second)
	if d := apart(b.arm.State().Joints, rest); d > 1e-6 {
		t.Errorf("two of three frames moved the arm by %g rad", d)
	}
	b.send(frames[2])
	b.run(3 * time.Second)
	if d := apart(b.arm.State().Joints, pose); d > 1e-5 {
		t.Errorf("%g rad from the target", d)
	}
}

func TestSpeedPercent(t *testing.T) {
	for _, percent := range []uint8{10, 50, 100} {
		b := newBench(t).up()
		mode := moveJ
		mode.Speed = percent
		b.send(mode.Frame())
		b.target([6]float64{2.5, -1.999 * degree, 1.971 * degree})
		fastest := 0.0
		for range 300 {
			b.run(10 * time.Millisecond)
			fastest = max(fastest, b.arm.State().Velocities[0])
		}
		if want := 3 * float64(percent) / 100; fastest > want*1.001 || fastest < want*0.99 {
			t.Errorf("%d %%: %g rad/s, want %g", percent, fastest, want)
		}
	}
}

func TestHighFollowIsNotShaped(t *testing.T) {
	b := newBench(t).up()
	mode := moveJ
	mode.Follow = piper.FollowMIT
	b.send(mode.Frame())
	q := b.arm.State().Joints
	q[0] = 0.01
	b.target(q)
	b.run(10 * time.Millisecond)
	if got := b.arm.State().Joints[0]; math.Abs(got-0.01) > 1e-6 {
		t.Errorf("joint1 at %g rad after 10 ms, want 0.01", got)
	}
}

func TestTargetBeyondALimit(t *testing.T) {
	b := newBench(t).up()
	rest := b.arm.State().Joints
	bad := pose
	bad[3] = 1.8
	b.target(bad)
	b.run(time.Second)
	if s := b.status(); s.Arm != piper.ArmTargetLimit || apart(b.arm.State().Joints, rest) > 1e-6 {
		t.Errorf("status %v, moved by %g", s.Arm, apart(b.arm.State().Joints, rest))
	}
	b.target(rest) // outside the range, where it is: allowed
	b.run(100 * time.Millisecond)
	if s := b.status(); s.Arm != piper.ArmNormal {
		t.Errorf("status %v", s.Arm)
	}
	outward := rest
	outward[1] -= 0.05
	b.target(outward)
	b.run(100 * time.Millisecond)
	if s := b.status(); s.Arm != piper.ArmTargetLimit {
		t.Errorf("outward: status %v", s.Arm)
	}
}

func TestStopSemantics(t *testing.T) {
	sink := func(b *bench) float64 {
		b.run(500 * time.Millisecond)
		return apart(b.arm.State().Joints, pose)
	}
	tests := []struct {
		name     string
		do       func(*bench)
		min, max float64 // moved in half a second [rad]
		on       int
		status   piper.ArmStatus
	}{
		{"emergency stop sinks", func(b *bench) { b.send(piper.MotionCommand{Stop: piper.StopEmergency}.Frame()) }, 0.05, 0.2, 6, piper.ArmEmergencyStop},
		{"reset drops", func(b *bench) { b.send(piper.MotionCommand{Stop: piper.StopReset}.Frame()) }, 0.5, 2, 0, piper.ArmNormal},
		{"disable drops", func(b *bench) { b.send(disableAll) }, 0.5, 2, 0, piper.ArmNormal},
		{"standby holds", func(b *bench) { b.send(standby) }, 0, 2e-5, 6, piper.ArmNormal},
		{"standby from teach drops", func(b *bench) {
			must(b.fw.Inject(Fault{Kind: Teach}))
			b.run(10 * time.Millisecond)
			must(b.fw.Heal(Teach))
			b.send(standby)
		}, 0.5, 2, 0, piper.ArmNormal},
		{"leaving teach holds", func(b *bench) {
			must(b.fw.Inject(Fault{Kind: Teach}))
			b.run(10 * time.Millisecond)
			must(b.fw.Heal(Teach))
			b.send(piper.MotionCommand{}.Frame())
		}, 0, 2e-5, 6, piper.ArmNormal},
		{"an unplugged cable holds", func(b *bench) { must(b.fw.Inject(Fault{Kind: BusSilent})); b.send(disableAll) }, 0, 2e-5, 6, piper.ArmNormal},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t).up().to(pose)
			test.do(b)
			if d := sink(b); d < test.min || d > test.max {
				t.Errorf("moved by %g rad, want %g..%g", d, test.min, test.max)
			}
			if got := b.on(); got != test.on {
				t.Errorf("%d motors on, want %d", got, test.on)
			}
			if got := b.status().Arm; got != test.status {
				t.Errorf("status %v, want %v", got, test.status)
			}
		})
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func TestGripper(t *testing.T) {
	b := newBench(t)
	b.arm.Place(b.arm.State().Joints, 0.03)
	command := func(width, torque float64, code piper.GripperCode) {
		f, err := piper.GripperCommand{Width: width, Torque: torque, Code: code}.Frame()
		must(err)
		b.send(f)
	}
	feedback := func() piper.GripperFeedback {
		g, err := piper.DecodeGripper(b.last(piper.IDGripper))
		must(err)
		return g
	}
	command(0, 0, piper.GripperEnable) // without torque nothing moves
	b.run(time.Second)
	if g := feedback(); g.Bits != piper.GripperEnabled|piper.GripperHomed || math.Abs(g.Value-0.03) > 1e-6 {
		t.Errorf("enabled without torque: %+v", g)
	}
	command(0.09, 1, piper.GripperEnable)
	b.run(time.Second)
	if g := feedback(); math.Abs(g.Value-0.07) > 1e-6 {
		t.Errorf("beyond the stroke: %+v", g)
	}
	must(b.fw.Inject(Fault{Kind: NoStroke}))
	command(0.01, 1, piper.GripperEnable)
	b.run(time.Second)
	if g := feedback(); g.Value != 0 || math.Abs(b.arm.State().Width-0.07) > 1e-6 {
		t.Errorf("without a stroke: %+v, width %g", g, b.arm.State().Width)
	}
	must(b.fw.Heal(NoStroke))
	command(0, 1, piper.GripperDisable)
	b.run(100 * time.Millisecond)
	if f := b.last(piper.IDGripper); f.Data != [8]byte{} {
		t.Errorf("off: %v", f)
	}
}

func TestSettings(t *testing.T) {
	b := newBench(t)
	b.send(piper.LimitsQuery{Joint: 1}.Frame())
	b.run(step)
	if want := (piper.MotorLimits{Joint: 1, Max: math.Pi, Min: 0, Speed: 3000}).Frame(); b.last(piper.IDLimits) != want {
		t.Errorf("limits %v, want %v", b.last(piper.IDLimits), want)
	}
	set, err := piper.LimitsSetting{Joint: 1, Max: 1, Min: 0.1, KeepSpeed: true}.Frame()
	must(err)
	b.send(set, piper.LimitsQuery{Joint: 1}.Frame())
	b.run(step)
	if a := b.last(piper.IDAcknowledge); a.Data[0] != 0x74 {
		t.Errorf("acknowledge %v", a)
	}
	if l, err := piper.DecodeMotorLimits(b.last(piper.IDLimits)); err != nil || math.Abs(l.Max-1) > 0.001 || l.Speed != 3000 {
		t.Errorf("limits %+v", l)
	}
	b.send(piper.SettingsQuery{Restore: piper.RestoreJointLimits}.Frame(), piper.LimitsQuery{Joint: 1}.Frame())
	b.run(step)
	if l, err := piper.DecodeMotorLimits(b.last(piper.IDLimits)); err != nil || math.Abs(l.Max-math.Pi) > 0.001 {
		t.Errorf("restored limits %+v", l)
	}
	b.send(piper.CollisionLevels{5, 5, 5, 5, 5, 5}.Setting(), piper.SettingsQuery{Query: piper.QueryCollision}.Frame())
	b.run(step)
	if c, err := piper.DecodeCollisionLevels(b.last(piper.IDCollision)); err != nil || c[3] != 5 {
		t.Errorf("collision levels %v", c)
	}
	must(b.fw.Inject(Fault{Kind: CorruptLimits}))
	b.heard = nil
	b.send(piper.LimitsQuery{Joint: 4}.Frame())
	b.run(step)
	if l, err := piper.DecodeMotorLimits(b.last(piper.IDLimits)); err != nil || math.Abs(l.Max+0.1*degree) > 1e-9 || l.Min != l.Max {
		t.Errorf("corrupt limits %+v", l)
	}
	must(b.fw.Inject(Fault{Kind: LimitsRefused}))
	b.heard = nil
	b.send(piper.LimitsQuery{Joint: 4}.Frame())
	b.run(10 * step)
	if slices.ContainsFunc(b.heard, func(h heard) bool { return h.ID == piper.IDLimits }) {
		t.Error("answered, though refused")
	}
}

func TestFirmwareAnswersInElevenFrames(t *testing.T) {
	b := newBench(t)
	b.send(piper.FirmwareQuery())
	if len(b.heard) > 0 {
		t.Error("answered inside the callback")
	}
	b.run(step)
	var text []byte
	for _, h := range b.heard {
		if h.ID == piper.IDFirmware {
			text = append(text, h.Data[:]...)
		}
	}
	if w, err := piper.ParseFirmware(text); len(text) != 88 || err != nil || w != DefaultConfig().Text {
		t.Errorf("%d bytes: %+v, %v", len(text), w, err)
	}
}

func TestLeaderIsSilentUntilItIsMoved(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Role = piper.RoleLeader })
	b.run(time.Second)
	if len(b.heard) > 0 {
		t.Errorf("heard %v", b.heard[0])
	}
	b.arm.Place(pose, 0.05) // a hand moves it
	b.run(time.Second)
	count := map[uint32]int{}
	for _, h := range b.heard {
		count[h.ID]++
	}
	for _, id := range []uint32{0x151, 0x155, 0x156, 0x157, 0x159} {
		if count[id] < 199 || count[id] > 200 {
			t.Errorf("%03X: %d frames in a second", id, count[id])
		}
	}
	if len(count) != 5 {
		t.Errorf("identifiers %v", count)
	}
	if q, err := piper.DecodeAngles(b.last(0x156)); err != nil || math.Abs(q[0]-pose[2]) > 1e-5 {
		t.Errorf("joints 3, 4 %v", q)
	}
}

// The profile never exceeds its speed and acceleration, ends at the target and does not pass it.
func TestProfile(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const acceleration = 5.0
		dt := rapid.SampledFrom([]float64{0.001, 0.002, 0.005}).Draw(rt, "dt")
		speed := rapid.Float64Range(0.03, 3).Draw(rt, "speed")
		var p profile
		p.hold([6]float64{rapid.Float64Range(-3, 3).Draw(rt, "start")})
		for range rapid.IntRange(1, 5).Draw(rt, "targets") {
			p.target[0] = rapid.Float64Range(-3, 3).Draw(rt, "target")
			for range rapid.IntRange(0, 500).Draw(rt, "steps") {
				x, v := p.position[0], p.velocity[0]
				p.advance(0, dt, speed, acceleration)
				moved := (p.position[0] - x) / dt
				if math.Abs(moved) > speed+1e-9 {
					rt.Fatalf("speed %g rad/s", moved)
				}
				if math.Abs(p.velocity[0]-v) > 2*acceleration*dt+1e-9 {
					rt.Fatalf("acceleration %g rad/s²", (p.velocity[0]-v)/dt)
				}
			}
		}
		// From standstill it ends at the target without passing it.
		p.stop()
		p.target[0] = rapid.Float64Range(-3, 3).Draw(rt, "last")
		away := p.target[0] - p.position[0]
		for k := 0; !p.reached(); k++ {
			p.advance(0, dt, speed, acceleration)
			if left := p.target[0] - p.position[0]; left*away < 0 && math.Abs(left) > 1e-9 {
				rt.Fatalf("passed the target by %g rad", left)
			}
			if k > 400_000 {
				rt.Fatalf("not at the target %g: %g, %g rad/s", p.target[0], p.position[0], p.velocity[0])
			}
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	b := newBench(t)
	for name, spoil := range map[string]func(*Config){
		"role":   func(c *Config) { c.Role = 1 },
		"offset": func(c *Config) { c.Feedback = 5 },
		"speed":  func(c *Config) { c.MaxSpeed = math.NaN() },
		"stroke": func(c *Config) { c.Stroke = 0.2 },
	} {
		cfg := DefaultConfig()
		spoil(&cfg)
		if _, err := New(b.open(), b.arm, cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(nil, b.arm, DefaultConfig()); err == nil {
		t.Error("no bus accepted")
	}
}

func TestInboxIsBounded(t *testing.T) {
	b := newBench(t)
	for range inboxSize + 10 {
		b.send(standby)
	}
	if b.fw.Lost() != 10 {
		t.Errorf("lost %d", b.fw.Lost())
	}
	b.run(step)
	must(b.fw.Close())
	b.heard = nil
	b.send(piper.FirmwareQuery())
	b.run(step)
	if slices.ContainsFunc(b.heard, func(h heard) bool { return h.ID == piper.IDFirmware }) {
		t.Error("hears after Close")
	}
}
