//go:build dds

package dds

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		want string
	}{
		{"domain", Options{Domain: 233}, "dds: domain 233: use 0 to 232"},
		{"negative domain", Options{Domain: -1}, "dds: domain -1: use 0 to 232"},
		{"datagram", Options{Datagram: 65536}, "dds: datagrams of 65536 bytes: use 1400 to 65500"},
		{"fragment", Options{Datagram: 1500, Fragment: 1500}, "dds: fragments of 1500 bytes in datagrams of 1500: use 1025 to less than the datagram"},
		{"interface", Options{Localhost: true, Interface: "eth0"}, "dds: localhost only and interface eth0: choose one"},
		{"lease", Options{Lease: -1}, "dds: a lease, linger or receive buffer below zero"},
		{"no such interface", Options{Domain: testDomain, Interface: "nosuch0"}, "nosuch0: does not match an available interface"},
		{"bad extra", Options{Domain: testDomain, Localhost: true, Extra: "<CycloneDDS><Domain><Nonsense/></Domain></CycloneDDS>"}, "Nonsense"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr, err := New(c.o)
			if err == nil {
				t.Error("accepted", tr.Close())
			} else if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	last := options()
	last.Domain = maxDomain
	open(t, last)
	config, err := Options{Interface: "lo", Peers: []string{`10.0.0.2"<`}, Lease: 2 * time.Second, ReceiveBuffer: 1 << 20, Datagram: 1400}.config()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<NetworkInterface name="lo"/>`, `<Peer address="10.0.0.2&#34;&lt;"/>`, "<ParticipantIndex>auto</ParticipantIndex>",
		"<LeaseDuration>2000000000ns</LeaseDuration>", `<SocketReceiveBufferSize max="1048576B"/>`, "<MaxMessageSize>1400B</MaxMessageSize><FragmentSize>1300B</FragmentSize>",
	} {
		if !strings.Contains(config, want) {
			t.Errorf("no %s in %s", want, config)
		}
	}
}

// TestDomainIsShared: transports of a process share a domain, and must agree on its options.
func TestDomainIsShared(t *testing.T) {
	first := open(t, options())
	o := options()
	o.Datagram = 1400
	if tr, err := New(o); err == nil || !strings.Contains(err.Error(), "open in this process with other options") {
		t.Errorf("other options: %v, %v", tr, err)
	}
	second, err := New(options())
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	w, err := node(t, first, "n").Advertise("/t", "std_msgs/msg/String", rcl.Default)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Publish(&msgs.String{}); err != nil {
		t.Errorf("after the other left: %v", err)
	}
}

// cycloneThreads are Cyclone DDS's threads in this process: they have names of their own.
func cycloneThreads(t *testing.T) (names []string) {
	t.Helper()
	own, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := filepath.Glob("/proc/self/task/*/comm")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		if name, err := os.ReadFile(task); err == nil && !bytes.Equal(name, own) {
			names = append(names, strings.TrimSpace(string(name)))
		}
	}
	return names
}

// TestNothingIsLeftBehind: after Close no goroutine and no thread runs.
func TestNothingIsLeftBehind(t *testing.T) {
	defer goleak.VerifyNone(t)
	for range 5 {
		tr, err := New(options())
		if err != nil {
			t.Fatal(err)
		}
		e := node(t, tr, "n")
		if _, err := e.Subscribe("/t", "std_msgs/msg/String", rcl.Default, func(rcl.Sample) {}); err != nil {
			t.Fatal(err)
		}
		w, err := e.Advertise("/t", "std_msgs/msg/String", rcl.Default)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Client("/s", "std_srvs/srv/Trigger"); err != nil {
			t.Fatal(err)
		}
		if err := w.Publish(&msgs.String{}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "threads of Cyclone DDS", func() bool { return len(cycloneThreads(t)) > 0 })
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// A thread that has been waited for may be listed for another moment.
	eventually(t, "the end of Cyclone DDS's threads", func() bool { return len(cycloneThreads(t)) == 0 })
}

// lockedBuffer is a log that a test reads while it is written.
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

// TestSaysWhyNothingPasses: silence is hard to find.
func TestSaysWhyNothingPasses(t *testing.T) {
	var lines [2]lockedBuffer
	var e [2]rcl.Endpoint
	for i := range e {
		o := options()
		log := zerolog.New(&lines[i])
		o.Log = &log
		e[i] = node(t, open(t, o), string(rune('a'+i)))
	}
	if _, err := e[0].Advertise("/t", "std_msgs/msg/String", rcl.SensorData); err != nil {
		t.Fatal(err)
	}
	if _, err := e[1].Subscribe("/t", "std_msgs/msg/String", rcl.Default, func(rcl.Sample) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := e[0].Advertise("/u", "std_msgs/msg/String", rcl.Default); err != nil {
		t.Fatal(err)
	}
	if _, err := e[1].Subscribe("/u", "std_msgs/msg/Bool", rcl.Default, func(rcl.Sample) {}); err != nil {
		t.Fatal(err)
	}
	for i, want := range [2][]string{
		{"a subscription requests another reliability than this publisher offers", "rt/u: another program uses std_msgs/msg/Bool, this one std_msgs/msg/String"},
		{"a publisher offers another reliability than this subscription requests", "rt/u: another program uses std_msgs/msg/String, this one std_msgs/msg/Bool"},
	} {
		for _, text := range want {
			eventually(t, text, func() bool { return strings.Contains(lines[i].String(), text) })
		}
	}
}

// TestRefusesWithTheRemedy: what this process knows is refused with an error that names it.
func TestRefusesWithTheRemedy(t *testing.T) {
	e := node(t, open(t, options()), "n")
	if _, err := e.Advertise("/t", "std_msgs/msg/String", rcl.Default); err != nil {
		t.Fatal(err)
	}
	_, err := e.Subscribe("/t", "std_msgs/msg/Bool", rcl.Default, func(rcl.Sample) {})
	if want := "rt/t carries std_msgs/msg/String, not std_msgs/msg/Bool: remap one of them"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	nothing := func([]byte, func([]byte)) {}
	if _, err := e.Serve("/s", "std_srvs/srv/Trigger", nothing); err != nil {
		t.Fatal(err)
	}
	_, err = e.Serve("/s", "std_srvs/srv/Trigger", nothing)
	if want := "service /s is served by /n already"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	_, err = e.Client("/s", "std_srvs/srv/SetBool")
	if want := "rq/sRequest carries std_srvs/srv/Trigger_Request, not std_srvs/srv/SetBool_Request: remap one of them"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestTypesDifferWhoeverComesFirst: discovery may be faster than the program that it warns.
func TestTypesDifferWhoeverComesFirst(t *testing.T) {
	theirs := entity{participant: guid{2}, topic: "rt/u", typeName: "std_msgs/msg/String"}
	ours := entity{topic: "rt/u", typeName: "std_msgs/msg/Bool", reader: true}
	const want = "rt/u: another program uses std_msgs/msg/String, this one std_msgs/msg/Bool: nothing will pass between them, remap one of them"
	said := func(what string, err error) {
		t.Helper()
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
	quiet := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	g, n := newGraph(guid{1}), new(endpoint)
	quiet(g.made(n, guid{1, 1}, ours))
	said("ours first", g.found(guid{2, 1}, theirs))
	quiet(g.found(guid{2, 1}, theirs)) // once is enough

	g = newGraph(guid{1})
	quiet(g.found(guid{2, 1}, theirs))
	said("theirs first", g.made(n, guid{1, 1}, ours))
	other := ours
	other.topic = "rt/v"
	quiet(g.made(n, guid{1, 2}, other))
}
