//go:build mujoco && cgo

package mujoco

import (
	"math"
	"testing"
	"time"

	"cobot_vla/drivers/can"
	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/drivers/piper"
	"cobot_vla/drivers/piper/pipersim"
	"cobot_vla/drivers/tracer"
	"cobot_vla/drivers/tracer/tracersim"
)

// robot is a World moved as the real one is: drivers, CAN frames, firmware.
type robot struct {
	t     *testing.T
	h     *hand
	now   time.Time
	ticks []func(time.Time) // firmware first, drivers after
	arm   *piper.Arm        // the left one
	base  *tracer.Driver
}

func newRobot(t *testing.T) *robot {
	t.Helper()
	// Firmware and drivers tick every 5 ms: two timesteps of 2.5 ms.
	h := newHand(t, bottleScene(t, 0), func(c *Config) { c.Timestep = 2500 * time.Microsecond })
	r := &robot{t: t, h: h, now: time.Unix(1000, 0)}
	network := can.NewNetwork()
	open := func(name string) can.Bus {
		bus, err := network.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		return bus
	}
	clock := func() time.Time { return r.now }

	firmware, err := pipersim.New(open("can_left"), h.w.Arm("left"), pipersim.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	wheels, err := tracersim.New(open("can_base"), h.w.Base(), tracersim.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	calibrated, _ := h.robot.Arm("left")
	if r.arm, err = piper.New(open("can_left"), piper.DefaultConfig(calibrated, clock)); err != nil {
		t.Fatal(err)
	}
	if r.base, err = tracer.New(open("can_base"), tracer.DefaultConfig(h.robot.Base, clock)); err != nil {
		t.Fatal(err)
	}
	r.ticks = []func(time.Time){firmware.Tick, wheels.Tick, r.arm.Tick, r.base.Tick}
	return r
}

func (r *robot) tick() {
	r.now = r.now.Add(5 * time.Millisecond)
	for _, tick := range r.ticks {
		tick(r.now)
	}
	if err := r.h.w.Step(5 * time.Millisecond); err != nil {
		r.t.Fatal(err)
	}
}

func (r *robot) run(d time.Duration) {
	for range d / (5 * time.Millisecond) {
		r.tick()
	}
}

// goTo sends a smooth ramp of set points.
func (r *robot) goTo(q [6]float64, width float64, d time.Duration) {
	r.t.Helper()
	from, n := r.arm.State(r.now).Target, int(d/(5*time.Millisecond))
	for k := 1; k <= n; k++ {
		part := (1 - math.Cos(math.Pi*float64(k)/float64(n))) / 2
		var mid [6]float64
		for i := range q {
			mid[i] = from[i] + part*(q[i]-from[i])
		}
		if err := r.arm.Command(mid, width, 1); err != nil {
			r.t.Fatal(err)
		}
		r.tick()
	}
}

// TestDriversMoveTheWorld: the real drivers enable the arm from its rest, hold
// a bottle with it and see that in the feedback, and drive the base by odometry.
func TestDriversMoveTheWorld(t *testing.T) {
	r := newRobot(t)
	for r.arm.State(r.now).Phase != piper.PhaseIdle && r.h.w.Time() < 5*time.Second {
		r.tick()
	}
	if _, err := r.arm.Enable(); err != nil {
		t.Fatal(err)
	}
	for r.arm.State(r.now).Phase != piper.PhaseReady && r.h.w.Time() < 15*time.Second {
		r.tick()
	}
	if s := r.arm.State(r.now); s.Phase != piper.PhaseReady {
		t.Fatalf("the arm is %v (%s), faults %v", s.Phase, s.Detail, s.Faults)
	}

	const down = 0.25
	b := r.h.local("bottle")
	z := b[2] + 0.09
	reach := func(x, z float64) [6]float64 { return r.h.reach("left", x, b[1], z, 0, down) }
	r.goTo(reach(b[0]-0.12, z+0.05), 0.07, 2500*time.Millisecond)
	r.goTo(reach(b[0], z), 0.07, 2*time.Second)
	r.goTo(reach(b[0], z), 0, 1500*time.Millisecond)
	r.goTo(reach(b[0], z+0.15), 0, 2*time.Second)
	r.run(time.Second)
	if contacts := r.h.w.Contacts("bottle"); len(contacts) != 2 {
		t.Errorf("the bottle touches %v, want the two fingers", contacts)
	}
	feedback := r.arm.Feedback(r.now)
	want := reach(b[0], z+0.15)
	for i, q := range feedback.Joints {
		if math.Abs(q-want[i]) > 0.1*degree {
			t.Errorf("joint %d is reported at %.3f°, sent to %.3f°", i+1, q/degree, want[i]/degree)
		}
	}
	if g := feedback.Gripper; math.Abs(g.Width-0.056) > 0.002 || math.Abs(g.Torque-1) > 0.1 {
		t.Errorf("the gripper reports %.1f mm and %.2f N·m, want 56 and 1", 1000*g.Width, g.Torque)
	}

	from, _ := r.h.w.Pose(scene.BaseLink)
	for r.base.State(r.now).Pose.X > -0.4 && r.h.w.Time() < 40*time.Second {
		if err := r.base.SetVelocity(-0.3, 0); err != nil {
			t.Fatal(err)
		}
		r.tick()
	}
	for range 200 {
		if err := r.base.SetVelocity(0, 0); err != nil {
			t.Fatal(err)
		}
		r.tick()
	}
	to, _ := r.h.w.Pose(scene.BaseLink)
	odometry := r.base.State(r.now).Pose.X
	if way := to.Position[0] - from.Position[0]; math.Abs(way-odometry) > 0.01*math.Abs(way)+0.002 || way > -0.4 {
		t.Errorf("the base went %.4f m, its odometry says %.4f", way, odometry)
	}
	if pose, _ := r.h.w.Pose("bottle"); pose.Position[2] < 0.8 {
		t.Error("the bottle was lost while driving")
	}
	if s := r.arm.State(r.now); len(s.Faults) > 0 {
		t.Errorf("the arm has faults: %v", s.Faults)
	}
}
