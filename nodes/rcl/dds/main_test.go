//go:build dds

package dds

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// The test program is also the other process: peerRole names what it does there.
const (
	peerRole   = "DDS_TEST_PEER"
	peerTag    = "DDS_TEST_TAG"
	peerDomain = "DDS_TEST_DOMAIN"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(peerRole); role != "" {
		if err := runPeer(role); err != nil {
			fmt.Fprintln(os.Stderr, role+":", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// tag keeps this run apart from others on this machine.
func tag() string {
	if t := os.Getenv(peerTag); t != "" {
		return t
	}
	return "test-" + strconv.Itoa(os.Getpid())
}

const testDomain = 50

// options keep a test on loopback. The lease is the default, so that a peer which
// this machine holds up is not taken for a dead one.
func options() Options {
	return Options{
		Domain: testDomain, Localhost: true, Linger: 100 * time.Millisecond,
		Extra: "<CycloneDDS><Domain><Discovery><Tag>" + tag() + "</Tag></Discovery></Domain></CycloneDDS>",
	}
}

func open(t *testing.T, o Options) *Transport {
	t.Helper()
	tr, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

func node(t *testing.T, tr *Transport, name string) rcl.Endpoint {
	t.Helper()
	e, err := tr.Node(rcl.FullName{Namespace: "/", Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// patience is how long what must happen may take.
const patience = 20 * time.Second

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not after %v: %s", patience, what)
		}
	}
}

// process is a peer that runs.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.Closer
	out  *bufio.Reader
	errs bytes.Buffer
}

// start runs a peer until the test ends it, or itself ends.
func start(t *testing.T, role string, domain int) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(os.Args[0], "-test.run=^$")}
	p.cmd.Env = append(os.Environ(), peerRole+"="+role, peerTag+"="+tag(), peerDomain+"="+strconv.Itoa(domain))
	p.cmd.Stderr = &p.errs
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in, p.out = in, bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.end)
	p.expect("ready")
	return p
}

// expect waits for a line of the peer.
func (p *process) expect(want string) {
	p.t.Helper()
	line, err := p.out.ReadString('\n')
	if got := strings.TrimSuffix(line, "\n"); got != want {
		p.in.Close()
		_ = p.cmd.Wait()
		p.t.Fatalf("the peer said %q (%v), want %q\n%s", got, err, want, p.errs.String())
	}
}

// end has the peer close in order.
func (p *process) end() {
	if p.cmd.ProcessState != nil {
		return
	}
	p.in.Close()
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("peer: %v\n%s", err, p.errs.String())
	}
}

// kill ends the peer as a crash would.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Error(err)
	}
	_ = p.cmd.Wait()
}

// runPeer is the other process: it ends when its standard input does.
func runPeer(role string) error {
	o := options()
	var err error
	if o.Domain, err = strconv.Atoi(os.Getenv(peerDomain)); err != nil {
		return err
	}
	tr, err := New(o)
	if err != nil {
		return err
	}
	e, err := tr.Node(rcl.FullName{Namespace: "/far", Name: role})
	if err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(done)
	}()
	if err := peers[role](e, done); err != nil {
		return err
	}
	<-done
	return tr.Close()
}

func say(line string) { fmt.Println(line) }

var peers = map[string]func(e rcl.Endpoint, done <-chan struct{}) error{
	"small":   func(e rcl.Endpoint, done <-chan struct{}) error { return sendImages(e, done, 640, 480) },
	"large":   func(e rcl.Endpoint, done <-chan struct{}) error { return sendImages(e, done, 1280, 720) },
	"server":  serve,
	"present": bePresent,
	"garbage": sendGarbage,
}

const (
	imageFrames = 45
	imageRate   = 30 // Hz
)

// image is frame n of a film, every byte of it told by n.
func image(n, width, height int) *msgs.Image {
	m := &msgs.Image{
		Header: msgs.Header{Stamp: msgs.Time{Sec: int32(n)}, FrameID: "camera"},
		Width:  uint32(width), Height: uint32(height), Encoding: "rgb8", Step: uint32(3 * width), Data: make([]byte, 3*width*height),
	}
	for i := range m.Data {
		m.Data[i] = byte(i>>4 + n*31)
	}
	return m
}

func sendImages(e rcl.Endpoint, done <-chan struct{}, width, height int) error {
	w, err := e.Advertise("/image", "sensor_msgs/msg/Image", rcl.QoS{Depth: imageFrames})
	if err != nil {
		return err
	}
	say("ready")
	for w.Matched() == 0 {
		select {
		case <-done:
			return nil
		case <-time.After(time.Millisecond):
		}
	}
	tick := time.NewTicker(time.Second / imageRate)
	defer tick.Stop()
	for n := range imageFrames {
		m := image(n, width, height)
		select {
		case <-done:
			return nil
		case <-tick.C:
		}
		if err := w.Publish(m); err != nil {
			return err
		}
	}
	return nil
}

// serve answers /echo at once, and each call of /late when the next one comes.
func serve(e rcl.Endpoint, _ <-chan struct{}) error {
	if _, err := e.Serve("/echo", "std_srvs/srv/Trigger", func(request []byte, reply func([]byte)) { reply(request) }); err != nil {
		return err
	}
	var last func()
	_, err := e.Serve("/late", "std_srvs/srv/Trigger", func(request []byte, reply func([]byte)) {
		if last != nil {
			last()
		}
		last = func() { reply(request) }
	})
	say("ready")
	return err
}

// bePresent has something of everything.
func bePresent(e rcl.Endpoint, _ <-chan struct{}) error {
	if _, err := e.Subscribe("/heard", "std_msgs/msg/String", rcl.QoS{Depth: 3, Deadline: time.Minute}, func(rcl.Sample) {}); err != nil {
		return err
	}
	w, err := e.Advertise("/said", "std_msgs/msg/String", rcl.Latched)
	if err != nil {
		return err
	}
	if _, err := e.Serve("/park", "std_srvs/srv/Trigger", func([]byte, func([]byte)) {}); err != nil {
		return err
	}
	if err := w.Publish(&msgs.String{Data: "kept"}); err != nil {
		return err
	}
	say("ready")
	return nil
}
