package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/rs/zerolog"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// benchTransportCmd measures what carries the messages: a robot's topics from one
// process to another, or, with intra, between nodes of this process. The
// transports take turns, so that what else the machine does meets all of them.
type benchTransportCmd struct {
	Length     time.Duration `name:"seconds" help:"How long each transport is measured." default:"60s"`
	Rounds     int           `help:"Turns in which it is." default:"6"`
	Transports []string      `help:"Transports to measure: intra, dds, ros2. Default: all that this build has."`
	Readme     string        `help:"README whose table is made from the results."`
	Peer       bool          `hidden:"" help:"Be the process that publishes."`
}

// benchStream is one topic of the robot that is measured.
type benchStream struct {
	topic string
	kind  string
	rate  int // [Hz]
	qos   rcl.QoS
}

func benchStreams() []benchStream {
	// A second of an arm: what is measured is the transport, not who else had the processor.
	deep := rcl.QoS{Depth: 200}
	camera := func(topic string) benchStream { return benchStream{topic, "camera", 30, rcl.SensorData} }
	return []benchStream{
		camera("/bench/camera_f"), camera("/bench/camera_l"), camera("/bench/camera_r"),
		{"/bench/joint_left", "arm", 200, deep}, {"/bench/joint_right", "arm", 200, deep},
		{"/bench/odom", "odometry", 50, deep},
	}
}

// tally counts what one kind of stream did over one transport.
type tally struct {
	sent    int
	took    []time.Duration // stamp to callback, of each message that came
	dropped uint64          // of the missing ones, those that a queue let go
}

// transportResult is what one transport did.
type transportResult struct {
	kinds map[string]*tally
	busy  time.Duration // processor time of both processes, of all streams together
	took  time.Duration // by the wall
}

// load is the processor time for a second of the robot.
func (r *transportResult) load() time.Duration {
	return time.Duration(float64(r.busy) / max(r.took.Seconds(), 1e-9))
}

func (t *tally) missing() int { return t.sent - len(t.took) }

// Run implements the command.
func (c *benchTransportCmd) Run(a *app) error {
	a.log = a.log.Level(zerolog.WarnLevel)
	a.graph.Localhost = true
	turn := c.Length / time.Duration(max(c.Rounds, 1))
	if c.Peer {
		return benchPeer(a, turn)
	}
	names := c.Transports
	if len(names) == 0 {
		names = []string{"intra"}
		for _, t := range between() {
			if t.open != nil {
				names = append(names, t.name)
			}
		}
	}
	fmt.Fprintf(a.stderr, "measuring %s, %v each in turns of %v, on %d cores\n", strings.Join(names, ", "), c.Length, turn, runtime.NumCPU())
	results := map[string]*transportResult{}
	for range c.Rounds {
		for _, name := range names {
			if results[name] == nil {
				results[name] = &transportResult{kinds: map[string]*tally{}}
			}
			if err := benchTurn(a, name, turn, results[name]); err != nil {
				return fmt.Errorf("bench: %s: %w", name, err)
			}
		}
	}
	table := transportTable(names, results)
	if c.Readme != "" {
		if err := updateReadme(c.Readme, map[string]string{"transport": table}); err != nil {
			return err
		}
	}
	return printTransports(a.stdout, names, results)
}

// benchKinds are the kinds of streams in the order they are shown.
var benchKinds = []struct{ kind, label string }{
	{"camera", "3 cameras 640x480, 30 Hz, best effort"},
	{"arm", "2 arms, 200 Hz, reliable"},
	{"odometry", "odometry, 50 Hz, reliable"},
}

func printTransports(out io.Writer, names []string, results map[string]*transportResult) error {
	t := tabwriter.NewWriter(out, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "transport\tstreams\tsent\tmissing\tp50 ms\tp99 ms\tmax ms\t")
	for _, k := range benchKinds {
		for _, name := range names {
			r := results[name].kinds[k.kind]
			fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%.3f\t%.3f\t%.3f\t\n", name, k.label, r.sent, r.missing(),
				ms(percentile(r.took, 0.5)), ms(percentile(r.took, 0.99)), ms(percentile(r.took, 1)))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, name := range names {
		fmt.Fprintf(out, "%s: %.0f ms of processor time a second, both processes and all streams together\n", name, ms(results[name].load()))
	}
	return nil
}

// transportTable is the README's table, with each latency beside dds'.
func transportTable(names []string, results map[string]*transportResult) string {
	var b strings.Builder
	fmt.Fprintf(&b, "On %d cores (%s/%s), all in one run, in turns:\n\n| streams | transport | sent | missing | p50 | p99 | max | p50 to dds' |\n|---|---|---|---|---|---|---|---|\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	for _, k := range benchKinds {
		for _, name := range names {
			r := results[name].kinds[k.kind]
			p50, relative := percentile(r.took, 0.5), ""
			if dds := results["dds"]; dds != nil && len(dds.kinds[k.kind].took) > 0 {
				relative = fmt.Sprintf("%.2f", float64(p50)/float64(percentile(dds.kinds[k.kind].took, 0.5)))
			}
			fmt.Fprintf(&b, "| %s | %s | %d | %d | %.3f ms | %.2f ms | %.1f ms | %s |\n", k.label, name, r.sent, r.missing(),
				ms(p50), ms(percentile(r.took, 0.99)), ms(percentile(r.took, 1)), relative)
		}
	}
	fmt.Fprintf(&b, "\nProcessor time for a second of all streams, both processes together:")
	for i, name := range names {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, " %s %.0f ms", name, ms(results[name].load()))
	}
	b.WriteString(".\n")
	return b.String()
}

// benchTurn measures one transport for a turn and adds to its tallies.
func benchTurn(a *app, name string, turn time.Duration, into *transportResult) error {
	a.graph.Between = ""
	if name != "intra" {
		a.graph.Between = name
	}
	transport, err := a.graph.open(name, &a.log)
	if err != nil {
		return err
	}
	c := rcl.New(rcl.Options{Transport: transport, Executor: rcl.NewRealTime(), Log: &a.log})
	heard, err := benchListen(c)
	if err != nil {
		return errors.Join(err, c.Shutdown(time.Second))
	}
	ctx, stop := context.WithCancel(a.ctx)
	var runner sync.WaitGroup
	runner.Go(func() { _ = c.Run(ctx) })
	begin, busy := time.Now(), processorTime()
	if name == "intra" {
		err = benchPublish(ctx, c, turn)
	} else {
		var theirs time.Duration
		theirs, err = benchChild(ctx, a, turn, heard)
		into.busy += theirs
	}
	heard.settle(turn)
	into.busy += processorTime() - busy
	into.took += time.Since(begin)
	stop()
	runner.Wait()
	heard.count(turn, into.kinds)
	return errors.Join(err, c.Shutdown(time.Second))
}

// sentIn is how many messages a stream sends in a turn.
func sentIn(s benchStream, turn time.Duration) int { return int(turn.Seconds() * float64(s.rate)) }

// benchEars are the subscriptions of a turn.
type benchEars struct {
	mu   sync.Mutex
	took map[string][]time.Duration // by topic
	subs map[string]*rcl.Subscription
}

// benchListen makes the nodes that hear: one for the cameras, one for the rest,
// as camera_fusion and proprioception do.
func benchListen(c *rcl.Context) (*benchEars, error) {
	e := &benchEars{took: map[string][]time.Duration{}, subs: map[string]*rcl.Subscription{}}
	views, err := c.Node("bench_views", rcl.Args{})
	if err != nil {
		return nil, err
	}
	state, err := c.Node("bench_state", rcl.Args{})
	if err != nil {
		return nil, err
	}
	for _, s := range benchStreams() {
		hear := func(h msgs.Header) {
			took := time.Since(h.Stamp.Go())
			e.mu.Lock()
			defer e.mu.Unlock()
			e.took[s.topic] = append(e.took[s.topic], took)
		}
		switch s.kind {
		case "camera":
			e.subs[s.topic], err = rcl.Subscribe(views, s.topic, s.qos, func(m *msgs.Image, _ rcl.Info) { hear(m.Header) })
		case "arm":
			e.subs[s.topic], err = rcl.Subscribe(state, s.topic, s.qos, func(m *msgs.JointState, _ rcl.Info) { hear(m.Header) })
		default:
			e.subs[s.topic], err = rcl.Subscribe(state, s.topic, s.qos, func(m *msgs.Odometry, _ rcl.Info) { hear(m.Header) })
		}
		if err != nil {
			return nil, err
		}
	}
	return e, nil
}

// settle waits for what is still under way.
func (e *benchEars) settle(turn time.Duration) {
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if !slices.ContainsFunc(benchStreams(), func(s benchStream) bool {
			e.mu.Lock()
			defer e.mu.Unlock()
			return len(e.took[s.topic]) < sentIn(s, turn)
		}) {
			return
		}
	}
}

func (e *benchEars) count(turn time.Duration, into map[string]*tally) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range benchStreams() {
		t := into[s.kind]
		if t == nil {
			t = &tally{}
			into[s.kind] = t
		}
		t.sent += sentIn(s, turn)
		t.took = append(t.took, e.took[s.topic]...)
		t.dropped += e.subs[s.topic].Stats().Dropped
	}
}

// benchChild has another process publish for a turn, and gives its processor time.
func benchChild(ctx context.Context, a *app, turn time.Duration, heard *benchEars) (busy time.Duration, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	argv := append(a.graph.argv(), "bench", "transport", "--peer", "--rounds=1", "--seconds="+turn.String())
	ctx, cancel := context.WithTimeout(ctx, turn+30*time.Second)
	defer cancel()
	child := exec.CommandContext(ctx, self, argv...)
	child.Stderr = a.stderr
	in, err := child.StdinPipe()
	if err != nil {
		return 0, err
	}
	out, err := child.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := child.Start(); err != nil {
		return 0, err
	}
	_, err = bufio.NewReader(out).ReadString('\n') // all is sent
	heard.settle(turn)
	err = errors.Join(err, in.Close(), child.Wait())
	return child.ProcessState.UserTime() + child.ProcessState.SystemTime(), err
}

// benchPeer is the process that publishes; it stays until nobody needs it.
func benchPeer(a *app, turn time.Duration) error {
	transport, err := a.graph.open(a.graph.betweenProcesses(), &a.log)
	if err != nil {
		return err
	}
	c := rcl.New(rcl.Options{Transport: transport, Executor: rcl.NewRealTime(), Log: &a.log})
	ctx, stop := context.WithCancel(a.ctx)
	var runner sync.WaitGroup
	runner.Go(func() { _ = c.Run(ctx) })
	err = benchPublish(ctx, c, turn)
	fmt.Fprintln(a.stdout, "sent")
	_, _ = io.Copy(io.Discard, os.Stdin)
	stop()
	runner.Wait()
	return errors.Join(err, c.Shutdown(time.Second))
}

// benchPublish publishes every stream for a turn, each from a node of its own.
func benchPublish(ctx context.Context, c *rcl.Context, turn time.Duration) error {
	pixels := make([]byte, 640*480*3)
	names := []string{"joint0", "joint1", "joint2", "joint3", "joint4", "joint5", "joint6"}
	header := func() msgs.Header { return msgs.Header{Stamp: msgs.Stamp(time.Now()), FrameID: "bench"} }
	var done sync.WaitGroup
	for _, s := range benchStreams() {
		n, err := c.Node(strings.ReplaceAll(strings.TrimPrefix(s.topic, "/"), "/", "_"), rcl.Args{})
		if err != nil {
			return err
		}
		qos := rcl.QoS{Depth: s.qos.Depth} // reliable: the subscription asks for less where it wants
		var matched func() int
		var publish func() error
		switch s.kind {
		case "camera":
			pub, err := rcl.Advertise[msgs.Image](n, s.topic, qos)
			if err != nil {
				return err
			}
			matched = pub.Matched
			publish = func() error {
				return pub.Publish(&msgs.Image{Header: header(), Width: 640, Height: 480, Step: 1920, Encoding: "rgb8", Data: pixels})
			}
		case "arm":
			pub, err := rcl.Advertise[msgs.JointState](n, s.topic, qos)
			if err != nil {
				return err
			}
			matched = pub.Matched
			publish = func() error {
				return pub.Publish(&msgs.JointState{Header: header(), Name: names, Position: make([]float64, 7), Velocity: make([]float64, 7), Effort: make([]float64, 7)})
			}
		default:
			pub, err := rcl.Advertise[msgs.Odometry](n, s.topic, qos)
			if err != nil {
				return err
			}
			matched = pub.Matched
			publish = func() error { return pub.Publish(&msgs.Odometry{Header: header(), ChildFrameID: "base_link"}) }
		}
		left := sentIn(s, turn)
		done.Add(1)
		if _, err := n.Timer(time.Second/time.Duration(s.rate), func(time.Time) {
			if left == 0 || matched() == 0 {
				return
			}
			if err := publish(); err != nil {
				n.Log().Error().Err(err).Msg("publishing")
			}
			if left--; left == 0 {
				done.Done()
			}
		}); err != nil {
			return err
		}
	}
	ended := make(chan struct{})
	go func() { done.Wait(); close(ended) }()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-ended:
		return nil
	}
}
