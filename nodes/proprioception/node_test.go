package proprioception

import (
	"context"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

// tens bins a value to its tenths.
type tens struct{}

func (tens) Names() []string { return []string{"right_joint1", "left_gripper_command", "base_linear"} }
func (tens) Version() string { return "v1" }
func (tens) Bins(v []float64) ([]uint16, error) {
	out := make([]uint16, len(v))
	for i, x := range v {
		out[i] = uint16(10 * x)
	}
	return out, nil
}

func TestValuesByNameAndNeverStale(t *testing.T) {
	c := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(time.Time{})})
	n, err := c.Node("proprioception", rcl.Args{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(n, DefaultConfig(), func(string, string, string) (Encoder, error) { return tens{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	robot, err := c.Node("robot", rcl.Args{})
	if err != nil {
		t.Fatal(err)
	}
	right, _ := rcl.Advertise[msgs.JointState](robot, "/puppet/joint_right", rcl.Default)
	command, _ := rcl.Advertise[msgs.JointState](robot, "/arms/command", rcl.Default)
	odom, _ := rcl.Advertise[msgs.Odometry](robot, "/odom", rcl.Default)
	alive := true
	start := robot.Now()
	if _, err := robot.Timer(5*time.Millisecond, func(now time.Time) {
		h := msgs.Header{Stamp: msgs.Stamp(now)}
		if alive {
			// The order of names differs from the manifest's on purpose.
			_ = right.Publish(&msgs.JointState{Header: h, Name: []string{"right_joint2", "right_joint1"}, Position: []float64{9, 0.5}})
		}
		if now.Sub(start) < 500*time.Millisecond {
			_ = command.Publish(&msgs.JointState{Header: h, Name: []string{"left_gripper"}, Position: []float64{0.3}})
		}
		o := &msgs.Odometry{Header: h}
		o.Twist.Twist.Linear.X = 0.2
		_ = odom.Publish(o)
	}); err != nil {
		t.Fatal(err)
	}
	var got []*msgs.ProprioTokens
	if _, err := rcl.Subscribe(robot, "/observation/proprioception", rcl.Default, func(m *msgs.ProprioTokens, _ rcl.Info) { got = append(got, m) }); err != nil {
		t.Fatal(err)
	}
	end := start.Add(time.Second)
	if err := c.RunUntil(context.Background(), func() bool { return c.Now().After(end) }); err != nil {
		t.Fatal(err)
	}
	if len(got) < 25 || len(got) > 31 { // 0.5 s of 50 Hz, and 0.1 s until the command is too old
		t.Fatalf("%d messages", len(got))
	}
	m := got[0]
	if m.Values[0] != 0.5 || m.Values[1] != 0.3 || m.Values[2] != 0.2 || m.Bins[0] != 5 || m.StatisticsVersion != "v1" {
		t.Errorf("first message %+v", m)
	}
	if s.waits == "" {
		t.Error("a stale command is not named")
	}
	if err := c.Shutdown(time.Second); err != nil {
		t.Fatal(err)
	}
}
