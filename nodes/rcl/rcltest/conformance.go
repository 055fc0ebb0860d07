package rcltest

import (
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// Conformance runs what any transport must pass. Each test makes one transport
// and closes it.
func Conformance(t *testing.T, make func() rcl.Transport) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, rcl.Transport)
	}{
		{"every message arrives once and in order", inOrder},
		{"many publishers at once", manyPublishers},
		{"a big image arrives whole", bigImage},
		{"types that differ don't meet", typesDiffer},
		{"quality of service is matched as requested against offered", qualityOfService},
		{"who comes late hears what was kept", transientLocal},
		{"what was kept goes with its publisher", keptGoes},
		{"a slow subscription drops the oldest and counts", keepLast},
		{"nothing is delivered after Close", nothingAfterClose},
		{"a closed publisher refuses", closedPublisher},
		{"a closed node is gone", closedNode},
		{"a killed node hears nothing and its name is free", killedNode},
		{"a closed transport refuses", closedTransport},
		{"services answer, now and later", services},
		{"every call gets its own answer", manyCalls},
		{"nobody serves", noServer},
		{"a closed caller is not answered", closedCaller},
		{"the graph says who is there", graph},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr := make()
			test.run(t, tr)
			if err := tr.Close(); err != nil {
				t.Errorf("closing the transport: %v", err)
			}
		})
	}
}

const (
	stringType = "std_msgs/msg/String"
	boolType   = "std_msgs/msg/Bool"
)

// deep is for tests that must not lose a message in a transport's own queues.
var deep = rcl.QoS{Depth: 4096}

func name(s string) rcl.FullName { return rcl.FullName{Namespace: "/", Name: s} }

func node(t *testing.T, tr rcl.Transport, n string) rcl.Endpoint {
	t.Helper()
	e, err := tr.Node(name(n))
	if err != nil {
		t.Fatalf("node %s: %v", n, err)
	}
	return e
}

func advertise(t *testing.T, e rcl.Endpoint, topic, typeName string, qos rcl.QoS) rcl.Writer {
	t.Helper()
	w, err := e.Advertise(topic, typeName, qos)
	if err != nil {
		t.Fatalf("publisher on %s: %v", topic, err)
	}
	return w
}

func publish(t *testing.T, w rcl.Writer, m msgs.Message) {
	t.Helper()
	if err := w.Publish(m); err != nil {
		t.Fatalf("publish: %v", err)
	}
}

// patience is how long a transport may take for what it must do. settle is how
// long a test waits for what must not happen: a transport that does it later
// passes wrongly, one that is slow never fails wrongly.
const (
	patience = 10 * time.Second
	settle   = 20 * time.Millisecond
)

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not after %v: %s", patience, what)
		}
	}
}

func matched(t *testing.T, w rcl.Writer, n int) {
	t.Helper()
	eventually(t, "the publisher sees its subscriptions", func() bool { return w.Matched() == n })
}

// read gives a sample's message, and fails when it is neither a message nor its bytes.
func read[T any, P msgs.Ptr[T]](t *testing.T, s rcl.Sample) *T {
	t.Helper()
	if s.Message != nil {
		m, ok := s.Message.(P)
		if !ok {
			t.Errorf("a %T was delivered", s.Message)
			return new(T)
		}
		return (*T)(m)
	}
	m := new(T)
	if err := msgs.ReadCDR(s.CDR, P(m)); err != nil {
		t.Errorf("delivered bytes: %v", err)
	}
	return m
}
