package arm

import (
	"math"
	"strings"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

// otherDriver is another program's driver of one arm: it goes where it is told at
// 2 rad/s and says where it is, as AgileX's nodes do.
type otherDriver struct {
	names    []string
	scale    float64 // its 1 in metres
	nameless bool    // its states carry no names
	pose     [armAxes]float64
	goal     *msgs.JointState
	silent   bool
	stuck    bool
	poison   bool // says NaN
}

func (d *otherDriver) run(r *rig, side string, names []string) {
	r.t.Helper()
	d.names = names
	if d.scale == 0 {
		d.scale = 1
	}
	pub, err := rcl.Advertise[msgs.JointState](r.test, "/driver/state_"+side, rcl.Default)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := rcl.Subscribe(r.test, "/driver/command_"+side, rcl.Default, func(m *msgs.JointState, _ rcl.Info) { d.goal = m }); err != nil {
		r.t.Fatal(err)
	}
	const period = 5 * time.Millisecond
	if _, err := r.test.Timer(period, func(now time.Time) {
		if d.goal != nil && !d.stuck {
			for i, q := range d.goal.Position {
				d.pose[i] += max(-2*period.Seconds(), min(2*period.Seconds(), q-d.pose[i]))
			}
		}
		if d.silent {
			return
		}
		m := &msgs.JointState{Header: msgs.Header{Stamp: msgs.Stamp(now)}, Name: d.names, Position: append([]float64(nil), d.pose[:]...)}
		if d.nameless {
			m.Name = nil
		}
		if d.poison {
			m.Position[2] = math.NaN()
		}
		_ = pub.Publish(m)
	}); err != nil {
		r.t.Fatal(err)
	}
}

// newTopicRig is a rig whose arms are two other drivers.
func newTopicRig(t *testing.T, change func(*Config), left *otherDriver) (r *rig, right *otherDriver) {
	t.Helper()
	var cfg Config
	r = newRig(t, func(c *Config) {
		c.Mode = "topics"
		if change != nil {
			change(c)
		}
		cfg = *c
	})
	rest := [armAxes]float64{0, 0.5, -0.5, 0, 0.2, 0, 0.02 / cfg.GripperScale}
	left.pose = rest
	right = &otherDriver{pose: rest}
	left.run(r, "left", cfg.Names)
	right.run(r, "right", cfg.Names)
	return r, right
}

func TestTopicsArePlayed(t *testing.T) {
	for _, c := range []struct {
		name   string
		driver otherDriver
		change func(*Config)
	}{
		{"AgileX", otherDriver{}, nil},
		{"without names", otherDriver{nameless: true}, nil},
		{"Interbotix", otherDriver{}, func(c *Config) {
			c.Names = []string{"waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "gripper"}
			c.Speed = 0
		}},
		{"half openings", otherDriver{}, func(c *Config) { c.GripperScale = 2 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := c.driver
			r, _ := newTopicRig(t, c.change, &d)
			var ours *msgs.JointState
			if _, err := rcl.Subscribe(r.test, "/puppet/joint_left", rcl.Default, func(m *msgs.JointState, _ rcl.Info) { ours = m }); err != nil {
				t.Fatal(err)
			}
			r.ready()
			start := d.pose
			r.send(msgs.Sync, 0.2, nil)
			if !r.run(3*time.Second, r.mode(modeFollowing)) || !r.run(5*time.Second, r.mode(modeWaiting)) {
				t.Fatalf("never played: %+v", r.part)
			}
			r.run(500*time.Millisecond, nil)
			for j := range 6 {
				if way := math.Abs(d.pose[j] - start[j]); math.Abs(way-0.2) > 0.01 {
					t.Errorf("joint%d went %.4f rad, want 0.2", j+1, way)
				}
			}
			scale := r.node.cfg.GripperScale
			if w := d.pose[6] * scale; math.Abs(w-0.04) > 0.002 {
				t.Errorf("gripper at %.4f m", w)
			}
			if ours == nil || ours.Name[0] != "left_joint1" && !strings.HasPrefix(ours.Name[0], "left") || math.Abs(ours.Position[6]-d.pose[6]*scale) > 1e-9 {
				t.Errorf("/puppet/joint_left says %+v", ours)
			}
			if m := d.goal; r.node.cfg.Speed > 0 && (len(m.Velocity) != armAxes || m.Velocity[6] != 100 || m.Effort[6] <= 0) || r.node.cfg.Speed == 0 && m.Velocity != nil {
				t.Errorf("the driver was told %+v", m)
			}
		})
	}
}

func TestTopicsHoldWhenTheyMust(t *testing.T) {
	for _, c := range []struct {
		name  string
		cause func(*otherDriver)
		says  string
	}{
		{"silent", func(d *otherDriver) { d.silent = true }, "arm right: its driver has said nothing for 0.2"},
		{"does not follow", func(d *otherDriver) { d.stuck = true }, "arm left: it is 0."},
		{"NaN", func(d *otherDriver) { d.poison = true }, "the driver gives no finite position of joint2"},
		{"other names", func(d *otherDriver) { d.names = []string{"a", "joint1", "c", "d", "e", "f", "g"} }, "set driver_names"},
	} {
		t.Run(c.name, func(t *testing.T) {
			left := &otherDriver{}
			r, right := newTopicRig(t, func(c *Config) { c.Lag = 0.1 }, left)
			r.ready()
			start := left.pose[0]
			r.send(msgs.Sync, 0.5, nil)
			if !r.run(5*time.Second, func() bool { return left.pose[0] > start+0.05 }) {
				t.Fatalf("never moving: %+v", r.part)
			}
			d := left
			if c.name == "silent" {
				d = right
			}
			c.cause(d)
			if !r.run(2*time.Second, func() bool { return r.part.Mode == modeFault }) {
				t.Fatalf("no fault: %+v", r.part)
			}
			r.run(time.Second, nil)
			if !strings.Contains(r.part.Reason, c.says) {
				t.Errorf("says %q, want %q", r.part.Reason, c.says)
			}
			held := left.goal.Position[0]
			if r.run(time.Second, func() bool { return left.goal.Position[0] != held }) {
				t.Error("the set point moves in a fault")
			}
		})
	}
}

// TestTopicsClearAndStop: a fault is forgotten when its cause is gone; what only
// the other driver can do is refused.
func TestTopicsClearAndStop(t *testing.T) {
	left := &otherDriver{}
	r, _ := newTopicRig(t, nil, left)
	r.ready()
	left.silent = true
	if !r.run(time.Second, r.mode(modeFault)) {
		t.Fatalf("no fault: %+v", r.part)
	}
	call := func(service string) *msgs.Trigger_Response {
		t.Helper()
		client, err := rcl.NewClient[msgs.Trigger_Request, msgs.Trigger_Response](r.test, "/arm/"+service)
		if err != nil {
			t.Fatal(err)
		}
		var answer *msgs.Trigger_Response
		client.Go(&msgs.Trigger_Request{}, func(m *msgs.Trigger_Response, err error) {
			if err != nil {
				t.Error(err)
			}
			answer = m
		})
		if !r.run(10*time.Second, func() bool { return answer != nil }) {
			t.Fatalf("%s: no answer", service)
		}
		return answer
	}
	if a := call("clear_fault"); a.Success || !strings.Contains(a.Message, "said nothing") {
		t.Errorf("cleared while the cause persists: %+v", a)
	}
	left.silent = false
	r.run(100*time.Millisecond, nil)
	if a := call("clear_fault"); !a.Success {
		t.Errorf("not cleared: %+v", a)
	}
	if a := call("emergency_stop"); a.Success || !strings.Contains(a.Message, "its own driver's") {
		t.Errorf("emergency stop: %+v", a)
	}
	if a := call("disable"); !a.Success || !strings.Contains(a.Message, "set points end") {
		t.Errorf("disable: %+v", a)
	}
	left.goal = nil
	if r.run(500*time.Millisecond, func() bool { return left.goal != nil }) {
		t.Error("set points after disable")
	}
}

func TestTopicsConfig(t *testing.T) {
	for want, change := range map[string]func(*Topics){
		"driver_state needs two topics":  func(c *Topics) { c.State = c.State[:1] },
		"driver_command needs two":       func(c *Topics) { c.Command = nil },
		"driver_names needs 7 names":     func(c *Topics) { c.Names = c.Names[:6] },
		"driver_names has joint0 twice":  func(c *Topics) { c.Names = append([]string{"joint0", "joint0"}, c.Names[2:]...) },
		"driver_names needs 7 names, si": func(c *Topics) { c.Names = append([]string{""}, c.Names[1:]...) },
	} {
		cfg := DefaultConfig()
		change(&cfg.Topics)
		ctx := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(time.Time{})})
		n, err := ctx.Node("arm", rcl.Args{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(n, cfg, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if err := ctx.Shutdown(0); err != nil {
			t.Error(err)
		}
	}
}
