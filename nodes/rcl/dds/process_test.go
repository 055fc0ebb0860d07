//go:build dds

package dds

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// TestImagesBetweenProcesses: a camera's frames arrive whole, in order, and none is lost.
func TestImagesBetweenProcesses(t *testing.T) {
	for _, c := range []struct {
		role          string
		width, height int
	}{{"small", 640, 480}, {"large", 1280, 720}} {
		t.Run(c.role, func(t *testing.T) {
			start(t, c.role, testDomain)
			samples := make(chan rcl.Sample, imageFrames)
			var latency []time.Duration // by deliver, read after the last
			if _, err := node(t, open(t, options()), "viewer").Subscribe("/image", "sensor_msgs/msg/Image", rcl.QoS{Depth: imageFrames}, func(s rcl.Sample) {
				latency = append(latency, time.Since(s.Sent))
				samples <- s
			}); err != nil {
				t.Fatal(err)
			}
			var first rcl.Sample
			for n := range imageFrames {
				var s rcl.Sample
				select {
				case s = <-samples:
				case <-time.After(patience):
					t.Fatalf("frame %d did not come", n)
				}
				if n == 0 {
					first = s
				}
				got := new(msgs.Image)
				if err := msgs.ReadCDR(s.CDR, got); err != nil {
					t.Fatalf("frame %d: %v", n, err)
				}
				want := image(n, c.width, c.height)
				if got.Header != want.Header || got.Width != want.Width || got.Step != want.Step || !bytes.Equal(got.Data, want.Data) {
					t.Fatalf("frame %d is not the one that was sent", n)
				}
				if s.Publisher != first.Publisher || len(s.Publisher) != 32 {
					t.Fatalf("frame %d is of publisher %q, the first of %q", n, s.Publisher, first.Publisher)
				}
				if s.Sequence != uint64(n)+1 {
					t.Fatalf("frame %d has sequence %d", n, s.Sequence)
				}
				if s.Sent.IsZero() || time.Since(s.Sent) < 0 {
					t.Fatalf("frame %d was sent %v", n, s.Sent)
				}
			}
			slices.Sort(latency)
			t.Logf("%d frames, publish to deliver: p50 %v, max %v", len(latency), latency[len(latency)/2], latency[len(latency)-1])
		})
	}
}

// call waits for an answer.
func call(t *testing.T, c rcl.Caller, request []byte) ([]byte, error) {
	t.Helper()
	type answer struct {
		data []byte
		err  error
	}
	ch := make(chan answer, 1)
	c.Call(request, func(b []byte, err error) { ch <- answer{b, err} })
	select {
	case a := <-ch:
		return a.data, a.err
	case <-time.After(patience):
		t.Fatal("no answer came")
		return nil, nil
	}
}

// request is four bytes of CDR.
func request(n int) []byte {
	return binary.LittleEndian.AppendUint32([]byte{0, 1, 0, 0}, uint32(n))
}

func newClient(t *testing.T, e rcl.Endpoint, service string) rcl.Caller {
	t.Helper()
	c, err := e.Client(service, "std_srvs/srv/Trigger")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, service+" is ready", c.Ready)
	return c
}

func TestServicesBetweenProcesses(t *testing.T) {
	start(t, "server", testDomain)
	e := node(t, open(t, options()), "caller")

	// A new client that calls as soon as it may: the server has perhaps not met it yet.
	for i := range 20 {
		c := newClient(t, e, "/echo")
		if got, err := call(t, c, request(i)); err != nil || !bytes.Equal(got, request(i)) {
			t.Fatalf("call %d: %x, %v", i, got, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}

	// On the wire a message is a multiple of four bytes.
	c := newClient(t, e, "/echo")
	if got, err := call(t, c, []byte{0, 1, 0, 0, 9}); err != nil || !bytes.Equal(got, []byte{0, 1, 0, 0, 9, 0, 0, 0}) {
		t.Errorf("one byte came back as %x, %v", got, err)
	}

	// A burst, larger than ROS 2's queues.
	echo := newClient(t, e, "/echo")
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Add(1)
		echo.Call(request(i), func(got []byte, err error) {
			defer wg.Done()
			if err != nil || !bytes.Equal(got, request(i)) {
				t.Errorf("call %d: %x, %v", i, got, err)
			}
		})
	}
	wg.Wait()

	// A late answer finds its call.
	late := newClient(t, e, "/late")
	var first atomic.Value
	late.Call(request(1), func(got []byte, err error) { first.Store(got) })
	late.Call(request(2), func([]byte, error) {})
	eventually(t, "the late answer", func() bool { return first.Load() != nil })
	if got := first.Load().([]byte); !bytes.Equal(got, request(1)) {
		t.Errorf("the late answer is %x", got)
	}
}

// TestKilledProcess: what others learn of kill -9, once the lease is over; the
// parts wait for it at the same time, each in a domain of its own.
func TestKilledProcess(t *testing.T) {
	t.Run("server", func(t *testing.T) {
		t.Parallel()
		o := options()
		o.Domain += 2
		peer := start(t, "server", o.Domain)
		e := node(t, open(t, o), "caller")
		echo, late := newClient(t, e, "/echo"), newClient(t, e, "/late")
		var told atomic.Value
		late.Call(request(1), func(_ []byte, err error) { told.Store(err) })
		peer.kill()
		eventually(t, "the end of the call", func() bool { return told.Load() != nil })
		if err := told.Load().(error); !errors.Is(err, rcl.ErrNoService) {
			t.Errorf("the server died: %v", err)
		}
		if late.Ready() {
			t.Error("ready, and the server is dead")
		}
		if _, err := call(t, echo, request(0)); !errors.Is(err, rcl.ErrNoService) {
			t.Errorf("calling a dead server: %v", err)
		}
	})
	t.Run("node", func(t *testing.T) {
		t.Parallel()
		o := options()
		o.Domain += 3
		seeNodeGo(t, o, (*process).kill)
	})
}

// TestGraphBetweenProcesses: another process's node shows with what it has, and
// goes when it ends.
func TestGraphBetweenProcesses(t *testing.T) { seeNodeGo(t, options(), (*process).end) }

// seeNodeGo meets another process's node and sees it go when end ends it.
func seeNodeGo(t *testing.T, o Options, end func(*process)) {
	far := rcl.FullName{Namespace: "/far", Name: "present"}
	e := node(t, open(t, o), "watcher")
	w, err := e.Advertise("/heard", "std_msgs/msg/String", rcl.QoS{Depth: 3, Deadline: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var kept atomic.Bool
	if _, err := e.Subscribe("/said", "std_msgs/msg/String", rcl.Latched, func(s rcl.Sample) {
		m := new(msgs.String)
		kept.Store(msgs.ReadCDR(s.CDR, m) == nil && m.Data == "kept")
	}); err != nil {
		t.Fatal(err)
	}
	peer := start(t, "present", o.Domain)
	eventually(t, "meeting", func() bool { return w.Matched() == 1 && kept.Load() })
	var g rcl.Graph
	eventually(t, "the far node in the graph", func() bool {
		g = e.Graph()
		return slices.Contains(g.Nodes, far) && len(topic(g, "/heard").Subscribers) == 1 && len(topic(g, "/said").Publishers) == 1 &&
			topic(g, "/said").Publishers[0].Node == far && slices.Contains(g.Services, rcl.ServiceInfo{Name: "/park", Type: "std_srvs/srv/Trigger", Node: far})
	})
	if s := topic(g, "/heard").Subscribers[0]; s.Node != far || s.QoS.Deadline != time.Minute || s.QoS.Reliability != rcl.Reliable || s.QoS.Durability != rcl.Volatile {
		t.Errorf("subscription %+v", s)
	}
	if p := topic(g, "/said").Publishers[0]; p.QoS != rcl.Latched {
		t.Errorf("publisher %+v", p)
	}
	end(peer)
	eventually(t, "the far node's going", func() bool {
		g := e.Graph()
		return w.Matched() == 0 && len(g.Nodes) == 1 && len(g.Services) == 0 && len(topic(g, "/said").Publishers) == 0
	})
}

func topic(g rcl.Graph, name string) rcl.TopicInfo {
	for _, t := range g.Topics {
		if t.Name == name {
			return t
		}
	}
	return rcl.TopicInfo{}
}

// TestManyProcesses: more of them find each other on one machine than Cyclone
// DDS's ten by default.
func TestManyProcesses(t *testing.T) {
	e := node(t, open(t, options()), "watcher")
	w, err := e.Advertise("/heard", "std_msgs/msg/String", rcl.QoS{Deadline: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	const many = 14
	for range many {
		start(t, "present", testDomain)
	}
	eventually(t, "meeting all", func() bool {
		return w.Matched() == many && len(e.Graph().Nodes) == many+1 && len(e.Graph().Services) == many
	})
}

// TestDeadSubscriberHoldsNobodyUp: a publisher whose reliable subscriber was
// killed goes on, and closes.
func TestDeadSubscriberHoldsNobodyUp(t *testing.T) {
	w, err := node(t, open(t, options()), "talker").Advertise("/heard", "std_msgs/msg/String", rcl.QoS{Depth: 10, Deadline: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	peer := start(t, "present", testDomain)
	eventually(t, "meeting", func() bool { return w.Matched() == 1 })
	peer.kill()
	m := &msgs.String{Data: string(make([]byte, 1<<20))}
	for range 30 { // far more than Cyclone DDS by itself holds for one that does not confirm, and before the peer's lease is over
		if err := w.Publish(m); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDomainsAreApart: who is in another domain is not there.
func TestDomainsAreApart(t *testing.T) {
	other := options()
	other.Domain++
	here, there := open(t, options()), open(t, other)
	w := map[*Transport]rcl.Writer{}
	for _, tr := range []*Transport{here, there} {
		var err error
		if w[tr], err = node(t, tr, "talker").Advertise("/heard", "std_msgs/msg/String", rcl.QoS{Deadline: time.Second}); err != nil {
			t.Fatal(err)
		}
	}
	start(t, "present", other.Domain)
	eventually(t, "meeting in the other domain", func() bool { return w[there].Matched() == 1 })
	again := node(t, open(t, options()), "again") // a second transport of this process in the same domain
	if _, err := again.Subscribe("/heard", "std_msgs/msg/String", rcl.Default, func(rcl.Sample) {}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "meeting in this domain", func() bool { return w[here].Matched() == 1 && len(again.Graph().Nodes) == 2 })
	if n := w[there].Matched(); n != 1 {
		t.Errorf("matched %d times in the other domain", n)
	}
}
