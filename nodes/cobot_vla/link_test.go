//go:build dds && linux

package main

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/dds"
)

// link is a cable between two machines, which are network namespaces here.
type link struct {
	t               *testing.T
	robot, desk     string // namespaces
	robotIf, deskIf string // the cable's ends
}

// newLink lays a cable, or skips the test where that is not permitted.
func newLink(t *testing.T) *link {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("network namespaces need ip, of Debian's iproute2")
	}
	id := os.Getpid() % 1_000_000
	l := &link{
		t: t, robot: fmt.Sprintf("cobot_robot_%d", id), desk: fmt.Sprintf("cobot_desk_%d", id),
		robotIf: fmt.Sprintf("cvr%d", id), deskIf: fmt.Sprintf("cvd%d", id),
	}
	if out, err := exec.Command("ip", "netns", "add", l.robot).CombinedOutput(); err != nil {
		t.Skipf("network namespaces are not permitted here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		for _, ns := range []string{l.robot, l.desk} {
			_ = exec.Command("ip", "netns", "del", ns).Run()
		}
	})
	if out, err := exec.Command("ip", "link", "add", l.robotIf, "netns", l.robot, "type", "veth", "peer", "name", l.deskIf).CombinedOutput(); err != nil {
		t.Skipf("virtual cables are not permitted here: %v: %s", err, out)
	}
	l.ip("netns", "add", l.desk)
	l.ip("link", "set", l.deskIf, "netns", l.desk)
	for i, end := range []struct{ ns, dev string }{{l.robot, l.robotIf}, {l.desk, l.deskIf}} {
		l.ip("-n", end.ns, "link", "set", "lo", "up")
		l.ip("-n", end.ns, "addr", "add", fmt.Sprintf("10.77.0.%d/24", i+1), "dev", end.dev)
		l.ip("-n", end.ns, "link", "set", end.dev, "up")
	}
	return l
}

func (l *link) ip(args ...string) {
	l.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		l.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// cut pulls the plug at the desk: the robot's end keeps its address and loses its carrier.
func (l *link) cut()  { l.ip("-n", l.desk, "link", "set", l.deskIf, "down") }
func (l *link) mend() { l.ip("-n", l.desk, "link", "set", l.deskIf, "up") }

// run starts cobot_vla on one of the machines.
func (l *link) run(ns, dev string, argv ...string) *program {
	l.t.Helper()
	flags := meeting()
	flags.Interface = dev
	return startProgram(l.t, []string{"ip", "netns", "exec", ns}, append(flags.argv(), argv...)...)
}

// joinRobot makes a transport on the robot's machine. What a thread makes stays
// in the network namespace that the thread was in.
func (l *link) joinRobot() (rcl.Transport, error) {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	ns, err := os.Open("/run/netns/" + l.robot)
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("entering %s: %w", l.robot, err)
	}
	flags := meeting()
	return dds.New(dds.Options{Domain: flags.Domain, Interface: l.robotIf, Extra: flags.CycloneDDS})
}

// TestLinkCut runs drivers and simulator on one machine, the policy on another,
// with compressed images between them, and pulls the cable while the base drives
// and while the arms move: the robot holds by itself, and goes on when the cable
// is back.
func TestLinkCut(t *testing.T) {
	l := newLink(t)
	l.run(l.robot, l.robotIf, "launch", "sim.launch.yaml", "plant:=kinematic", "inference:=elsewhere", "--processes")
	l.run(l.desk, l.deskIf, "launch", "policy_only.launch.yaml", "policy:=expert", "use_sim_time:=true", "respawn:=false",
		"instruction:=move to the table and fetch the bottle", "--processes")
	o := lookOn(t, func() (rcl.Transport, error) {
		type result struct {
			t   rcl.Transport
			err error
		}
		joined := make(chan result)
		go func() { // whose thread goes with it
			tr, err := l.joinRobot()
			joined <- result{tr, err}
		}()
		r := <-joined
		return r.t, r.err
	})

	speed := func() float64 {
		return math.Max(math.Abs(o.odom.Twist.Twist.Linear.X), math.Abs(o.odom.Twist.Twist.Angular.Z))
	}
	rate := func() float64 {
		fastest := 0.0
		for _, v := range o.command.Velocity {
			fastest = math.Max(fastest, math.Abs(v))
		}
		return fastest
	}
	now := func() time.Time { return o.odom.Header.Stamp.Go() } // the robot's
	var at time.Time                                            // since when a time is taken
	// left says that a part knows, since at, that the policy is gone. Whether it
	// missed the heartbeat first or heard the supervisor's word is a matter of microseconds.
	left := func(p msgs.PartStatus) bool {
		return !p.Header.Stamp.Go().Before(at) && p.Mode == "holding" &&
			(strings.HasPrefix(p.Reason, "no heartbeat of policy") || strings.HasPrefix(p.Reason, "nobody holds the"))
	}

	o.wait("the base drives by what the policy says across the network", 90*time.Second, func() bool { return speed() > 0.1 })
	for _, topic := range o.node.Graph().Topics {
		hears := func(node string) bool {
			return slices.ContainsFunc(topic.Subscribers, func(e rcl.EndpointInfo) bool { return e.Node.Name == node })
		}
		if strings.HasSuffix(topic.Name, "/color/image_raw") && hears("camera_fusion") {
			t.Errorf("raw images cross the network on %s", topic.Name)
		}
	}

	// While driving: the goal is aborted and the base stands.
	l.cut()
	o.set(func() { at = now() })
	o.wait("the base stands", 20*time.Second, func() bool { return left(o.base) && o.base.Stopped && speed() < 0.01 })
	o.set(func() {
		took := now().Sub(at)
		t.Logf("driving: the base stood %.2f s after the cut: %s", took.Seconds(), o.base.Reason)
		if took > 1500*time.Millisecond {
			t.Errorf("the base stood only after %v", took)
		}
		at = now()
	})
	o.wait("a second without the link", 20*time.Second, func() bool {
		if speed() > 0.01 {
			t.Errorf("the base moves at %.3f without a policy", speed())
		}
		return now().Sub(at) > time.Second
	})
	l.mend()

	// While the arms move: they brake along their path and hold.
	o.wait("the arms move after the link is back", 90*time.Second, func() bool { return o.arms.Mode == "following" && rate() > 0.2 })
	l.cut()
	o.set(func() { at = now() })
	o.wait("the arms hold", 20*time.Second, func() bool { return left(o.arms) && rate() == 0 })
	var held []float64
	o.set(func() {
		took := now().Sub(at)
		t.Logf("manipulating: the arms held %.2f s after the cut: %s", took.Seconds(), o.arms.Reason)
		if took > time.Second {
			t.Errorf("the arms held only after %v", took)
		}
		at, held = now(), slices.Clone(o.command.Position)
	})
	o.wait("a second without the link", 20*time.Second, func() bool {
		for i, q := range o.command.Position {
			if math.Abs(q-held[i]) > 1e-3 {
				t.Errorf("%s moves from %.4f to %.4f without a policy", o.command.Name[i], held[i], q)
			}
		}
		return now().Sub(at) > time.Second
	})
	l.mend()
	o.wait("the task's success", 2*time.Minute, func() bool { return o.verdict.Success })
}
