//go:build dds && linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/drivers/mujoco"
	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/dds"
)

// program is cobot_vla in a process of its own.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  lockedBuffer
	done chan error
}

// lockedBuffer is written by a process while the test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startProgram runs cobot_vla, behind the words of before, until the test ends.
func startProgram(t *testing.T, before []string, argv ...string) *program {
	t.Helper()
	argv = slices.Concat(before, []string{os.Args[0]}, argv)
	p := &program{t: t, cmd: exec.Command(argv[0], argv[1:]...), done: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), programVariable+"=1")
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	t.Cleanup(func() {
		p.end()
		if t.Failed() {
			text := p.out.String()
			t.Logf("%s:\n%s", strings.Join(argv[len(before)+1:], " "), text[max(0, len(text)-8000):])
		}
	})
	return p
}

// end interrupts it as Ctrl-C does and says how long it took to end in order.
func (p *program) end() time.Duration {
	p.t.Helper()
	if p.cmd.ProcessState != nil {
		return 0
	}
	begin := time.Now()
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	select {
	case err := <-p.done:
		if err != nil {
			p.t.Errorf("%s: %v", p.cmd.Args, err)
		}
	case <-time.After(30 * time.Second):
		p.t.Errorf("%s does not end", p.cmd.Args)
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	return time.Since(begin)
}

// meeting are the flags by which the processes of one test meet, and nobody else.
func meeting() graphFlags {
	return graphFlags{
		Between: "dds", Domain: 61,
		CycloneDDS: fmt.Sprintf("<CycloneDDS><Domain><Discovery><Tag>cobot_vla_test_%d</Tag></Discovery></Domain></CycloneDDS>", os.Getpid()),
	}
}

// onlooker is a node of the test that hears a robot of other processes.
type onlooker struct {
	t    *testing.T
	node *rcl.Node

	mu      sync.Mutex
	clock   time.Time // the robot's
	verdict msgs.TaskVerdict
	arms    msgs.PartStatus
	base    msgs.PartStatus
	command msgs.JointState
	odom    msgs.Odometry
	beats   uint64 // heartbeats of the policy
}

// lookOn joins the robot's graph by open, until the test ends.
func lookOn(t *testing.T, open func() (rcl.Transport, error)) *onlooker {
	t.Helper()
	transport, err := open()
	if err != nil {
		t.Fatal(err)
	}
	c := rcl.New(rcl.Options{Transport: transport, Executor: rcl.NewRealTime()})
	o := &onlooker{t: t}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := c.Shutdown(time.Second); err != nil {
			t.Error(err)
		}
	})
	if o.node, err = c.Node("onlooker", rcl.Args{}); err != nil {
		t.Fatal(err)
	}
	keep := func(_ *rcl.Subscription, err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	keep(rcl.Subscribe(o.node, "/clock", rcl.NewestSensor, func(m *msgs.Clock, _ rcl.Info) { o.set(func() { o.clock = m.Clock.Go() }) }))
	keep(rcl.Subscribe(o.node, "/sim/verdict", rcl.Latched, func(m *msgs.TaskVerdict, _ rcl.Info) { o.set(func() { o.verdict = *m }) }))
	keep(rcl.Subscribe(o.node, "/supervisor/parts", rcl.Default, func(m *msgs.PartStatus, _ rcl.Info) {
		switch m.Part {
		case msgs.Arms:
			o.set(func() { o.arms = *m })
		case msgs.Base:
			o.set(func() { o.base = *m })
		}
	}))
	keep(rcl.Subscribe(o.node, "/arms/command", rcl.NewestSensor, func(m *msgs.JointState, _ rcl.Info) { o.set(func() { o.command = *m }) }))
	keep(rcl.Subscribe(o.node, "/odom", rcl.NewestSensor, func(m *msgs.Odometry, _ rcl.Info) { o.set(func() { o.odom = *m }) }))
	keep(rcl.Subscribe(o.node, "/policy/heartbeat", rcl.Default, func(*msgs.Heartbeat, rcl.Info) { o.set(func() { o.beats++ }) }))
	running.Go(func() { _ = c.Run(ctx) })
	return o
}

func (o *onlooker) set(fn func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	fn()
}

// wait waits until cond, asked with what was heard last, says true. The limit is
// of the robot's time, which slows down with all the rest on a busy machine.
func (o *onlooker) wait(what string, limit time.Duration, cond func() bool) {
	o.t.Helper()
	const standstill = 2 * time.Minute // of the wall's time without any of the robot's
	var begin, last time.Time
	for heard := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		o.mu.Lock()
		ok, now := cond(), o.clock
		state := stateOf(o)
		o.mu.Unlock()
		if ok {
			return
		}
		if now != last {
			last, heard = now, time.Now()
		}
		if begin.IsZero() {
			begin = now
		}
		switch {
		case now.Sub(begin) > limit:
			o.t.Fatalf("still not after %v: %s (%s)", limit, what, state())
		case time.Since(heard) > standstill:
			o.t.Fatalf("waiting for %s: the robot's time stands still at %v (%s)", what, now, state())
		}
	}
}

// stateOf is what o knows now, for people.
func stateOf(o *onlooker) func() string {
	verdict, arms, base, odom := o.verdict, o.arms, o.base, o.odom.Twist.Twist.Linear.X
	return func() string {
		return fmt.Sprintf("verdict %+v; arms %s %q; base %s %q, %.3f m/s", verdict, arms.Mode, arms.Reason, base.Mode, base.Reason, odom)
	}
}

// plantHere is the best mechanics of this build.
func plantHere() string {
	task := scene.Tasks()[0]
	world, err := mujoco.New(mujoco.DefaultConfig(calibration.Default(), task.Sample(1, 1)))
	if err != nil {
		return "kinematic"
	}
	_ = world.Close()
	return "mujoco"
}

// TestProcessesFetchTheBottle is the demo's task with every node in a process of
// its own, over ROS 2's wire.
func TestProcessesFetchTheBottle(t *testing.T) {
	flags := meeting()
	flags.Localhost = true
	p := startProgram(t, nil, append(flags.argv(), "launch", "sim.launch.yaml", "plant:="+plantHere(), "seed:=1", "--processes")...)
	o := lookOn(t, func() (rcl.Transport, error) {
		return dds.New(dds.Options{Domain: flags.Domain, Localhost: true, Extra: flags.CycloneDDS})
	})
	for _, name := range []string{"sim", "supervisor", "arm", "base", "camera_fusion", "proprioception", "policy", "robot_description", "camera_f"} {
		full := rcl.FullName{Namespace: "/", Name: name}
		o.wait("node "+name, time.Minute, func() bool { return slices.Contains(o.node.Graph().Nodes, full) })
	}
	o.wait("the policy's first heartbeat", time.Minute, func() bool { return o.beats > 0 })
	begin := time.Now()
	o.wait("the task's success", 2*time.Minute, func() bool { return o.verdict.Success })
	t.Logf("done %v after the policy's first heartbeat: %s", time.Since(begin).Round(time.Second/10), o.verdict.Reason)
	t.Logf("all processes ended in order %v after the interrupt", p.end().Round(time.Millisecond))
}
