package rcltest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// running runs a context in real time until the test ends it.
func running(t *testing.T, tr rcl.Transport) (*rcl.Context, func()) {
	t.Helper()
	c := rcl.New(rcl.Options{Transport: tr, Executor: rcl.NewRealTime()})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	return c, func() {
		t.Helper()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
		if err := c.Shutdown(time.Second); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	}
}

func member(t *testing.T, c *rcl.Context, name string, build func(*rcl.Node) error) *rcl.Node {
	t.Helper()
	n, err := c.Add(name, rcl.Args{}, build)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// keepLast holds a node's thread while more messages come than its queue takes.
func keepLast(t *testing.T, tr rcl.Transport) {
	c, end := running(t, tr)
	defer end()
	const sent, depth = 50, 4
	got := make(chan string, sent)
	held := make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	defer release()
	var sub *rcl.Subscription
	member(t, c, "listener", func(n *rcl.Node) (err error) {
		n.Post(func() { <-held })
		sub, err = rcl.Subscribe(n, "/t", rcl.QoS{Depth: depth}, func(m *msgs.String, _ rcl.Info) { got <- m.Data })
		return err
	})
	var pub *rcl.Publisher[msgs.String]
	member(t, c, "talker", func(n *rcl.Node) (err error) {
		pub, err = rcl.Advertise[msgs.String](n, "/t", deep)
		return err
	})
	eventually(t, "a match", func() bool { return pub.Matched() == 1 })
	all := numbers(1, sent)
	for _, s := range all {
		if err := pub.Publish(&msgs.String{Data: s}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "arrival of all", func() bool { return sub.Stats().Received == sent })
	release()
	for _, want := range all[sent-depth:] {
		select {
		case s := <-got:
			if s != want {
				t.Fatalf("heard %s, want the newest %d: %q", s, depth, all[sent-depth:])
			}
		case <-time.After(patience):
			t.Fatalf("%s was not heard", want)
		}
	}
	want := rcl.Stats{Received: sent, Dropped: sent - depth}
	if s := sub.Stats(); s != want {
		t.Errorf("counted %+v, want %+v", s, want)
	}
}

func closedNode(t *testing.T, tr rcl.Transport) {
	a, b := node(t, tr, "a"), node(t, tr, "b")
	in := subscribe(t, a, "/t", deep)
	w := advertise(t, a, "/t", stringType, deep)
	if _, err := a.Serve("/s", "std_srvs/srv/Trigger", func([]byte, func([]byte)) {}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "the node's going", func() bool {
		g := b.Graph()
		return !slices.Contains(g.Nodes, name("a")) && slices.Contains(g.Nodes, name("b")) && len(topic(g, "/t").Publishers) == 0 && len(topic(g, "/t").Subscribers) == 0
	})
	if err := w.Publish(&msgs.String{}); !errors.Is(err, rcl.ErrClosed) {
		t.Errorf("publishing: %v", err)
	}
	if _, err := a.Advertise("/t", stringType, deep); !errors.Is(err, rcl.ErrClosed) {
		t.Errorf("Advertise: %v", err)
	}
	if _, err := a.Subscribe("/t", stringType, deep, func(rcl.Sample) {}); !errors.Is(err, rcl.ErrClosed) {
		t.Errorf("Subscribe: %v", err)
	}
	if _, err := a.Serve("/s", "std_srvs/srv/Trigger", func([]byte, func([]byte)) {}); !errors.Is(err, rcl.ErrClosed) {
		t.Errorf("Serve: %v", err)
	}
	if _, err := a.Client("/s", "std_srvs/srv/Trigger"); !errors.Is(err, rcl.ErrClosed) {
		t.Errorf("Client: %v", err)
	}
	publish(t, advertise(t, b, "/t", stringType, deep), &msgs.String{Data: "x"})
	time.Sleep(settle)
	if got := in.all(); len(got) != 0 {
		t.Errorf("a closed node heard %q", got)
	}
}

func killedNode(t *testing.T, tr rcl.Transport) {
	c, end := running(t, tr)
	defer end()
	var heard, dead atomic.Int64
	listen := func(count *atomic.Int64) func(*rcl.Node) error {
		return func(n *rcl.Node) error {
			_, err := rcl.Subscribe(n, "/t", deep, func(*msgs.String, rcl.Info) { count.Add(1) })
			return err
		}
	}
	var pub *rcl.Publisher[msgs.String]
	member(t, c, "talker", func(n *rcl.Node) (err error) {
		pub, err = rcl.Advertise[msgs.String](n, "/t", deep)
		return err
	})
	victim := member(t, c, "victim", listen(&dead))
	if _, err := c.Node("victim", rcl.Args{}); err == nil {
		t.Error("a second node of the same name was made")
	}
	member(t, c, "witness", listen(&heard))
	say := func(listeners int) {
		t.Helper()
		eventually(t, "a match", func() bool { return pub.Matched() == listeners })
		before := heard.Load()
		if err := pub.Publish(&msgs.String{}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the witness's hearing", func() bool { return heard.Load() == before+1 })
	}
	say(2)
	eventually(t, "the victim's hearing", func() bool { return dead.Load() == 1 })
	victim.Kill()
	victim.Kill()
	<-victim.Done()
	say(1)
	if n := dead.Load(); n != 1 {
		t.Errorf("a killed node heard %d messages", n-1)
	}
	member(t, c, "victim", listen(&dead))
	say(2)
}

func closedTransport(t *testing.T, tr rcl.Transport) {
	e := node(t, tr, "a")
	w := advertise(t, e, "/t", stringType, deep)
	for range 2 {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := tr.Node(name("b")); !errors.Is(err, rcl.ErrClosed) {
		t.Errorf("Node: %v", err)
	}
	if err := w.Publish(&msgs.String{}); !errors.Is(err, rcl.ErrClosed) {
		t.Errorf("Publish: %v", err)
	}
	if _, err := e.Advertise("/t", stringType, deep); !errors.Is(err, rcl.ErrClosed) {
		t.Errorf("Advertise: %v", err)
	}
}

func topic(g rcl.Graph, name string) rcl.TopicInfo {
	for _, t := range g.Topics {
		if t.Name == name {
			return t
		}
	}
	return rcl.TopicInfo{}
}

func graph(t *testing.T, tr rcl.Transport) {
	arm := rcl.FullName{Namespace: "/robot/left", Name: "arm"}
	a, err := tr.Node(arm)
	if err != nil {
		t.Fatal(err)
	}
	b := node(t, tr, "b")
	qos := rcl.QoS{Reliability: rcl.BestEffort, Durability: rcl.Volatile, Depth: 7}
	w := advertise(t, a, "/t", stringType, rcl.Latched)
	in := subscribe(t, b, "/t", qos)
	s, err := a.Serve("/robot/left/park", "std_srvs/srv/Trigger", func([]byte, func([]byte)) {})
	if err != nil {
		t.Fatal(err)
	}
	service := func(g rcl.Graph) bool {
		return slices.Contains(g.Services, rcl.ServiceInfo{Name: "/robot/left/park", Type: "std_srvs/srv/Trigger", Node: arm})
	}
	eventually(t, "the graph", func() bool {
		g := b.Graph()
		tp := topic(g, "/t")
		return slices.Contains(g.Nodes, arm) && slices.Contains(g.Nodes, name("b")) && service(g) &&
			tp.Type == stringType && len(tp.Publishers) == 1 && len(tp.Subscribers) == 1
	})
	tp := topic(a.Graph(), "/t")
	if p := tp.Publishers[0]; p.Node != arm || p.QoS.Durability != rcl.TransientLocal || p.QoS.Reliability != rcl.Reliable {
		t.Errorf("publisher %+v", p)
	}
	if p := tp.Subscribers[0]; p.Node != name("b") || p.QoS.Durability != rcl.Volatile || p.QoS.Reliability != rcl.BestEffort {
		t.Errorf("subscription %+v", p)
	}
	_, _, _ = w.Close(), in.closer.Close(), s.Close()
	eventually(t, "their going", func() bool {
		g := b.Graph()
		return topic(g, "/t").Name == "" && !service(g) && slices.Contains(g.Nodes, arm)
	})
}
