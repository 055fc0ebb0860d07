package rcl_test

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"

	"github.com/rs/zerolog"
)

func TestRemappedTopics(t *testing.T) {
	w := lockstep(t)
	n := must[*rcl.Node](t)(w.Node("arm", rcl.Args{Remaps: []rcl.Remap{{From: "__ns", To: "/left"}, {From: "state", To: "/puppet/joint_left"}, {From: "~/x", To: "~/y"}}}))
	if got := n.FullName().String(); got != "/left/arm" {
		t.Errorf("name %s", got)
	}
	for name, want := range map[string]string{"state": "/puppet/joint_left", "~/x": "/left/arm/y", "other": "/left/other", "/abs": "/abs"} {
		p := must[*rcl.Publisher[msgs.String]](t)(rcl.Advertise[msgs.String](n, name, rcl.Default))
		s := must[*rcl.Subscription](t)(rcl.Subscribe(n, name, rcl.Default, func(*msgs.String, rcl.Info) {}))
		if p.Topic() != want || s.Topic() != want {
			t.Errorf("%s is published on %s and heard on %s, want %s", name, p.Topic(), s.Topic(), want)
		}
	}
	_, err := rcl.Advertise[msgs.String](n, "bad name", rcl.Default)
	wantError(t, err, rcl.ErrInvalidName, "node /left/arm")
	_, err = rcl.Subscribe(n, "/abs", rcl.QoS{Deadline: time.Second}, func(*msgs.Bool, rcl.Info) {})
	if err == nil || !strings.Contains(err.Error(), "subscription on /abs: topic /abs carries std_msgs/msg/String, not std_msgs/msg/Bool") {
		t.Error(err)
	}
	before := rcl.Parts(n)
	_, _ = rcl.Subscribe(n, "/abs", rcl.QoS{Deadline: time.Second}, func(*msgs.Bool, rcl.Info) {})
	if rcl.Parts(n) != before {
		t.Error("a refused subscription left its timer")
	}
}

func TestDeadlines(t *testing.T) {
	w := lockstep(t)
	n := w.node("n")
	qos := rcl.QoS{Depth: 1, Deadline: 100 * time.Millisecond}
	sub := must[*rcl.Subscription](t)(rcl.Subscribe(n, "/t", qos, func(*msgs.String, rcl.Info) {}))
	pub := must[*rcl.Publisher[msgs.String]](t)(rcl.Advertise[msgs.String](n, "/t", qos))
	for _, ms := range []time.Duration{10, 50, 120, 250, 420} { // nothing between 300 and 400
		n.After(ms*time.Millisecond, func() { _ = pub.Publish(&msgs.String{}) })
	}
	w.run(510 * time.Millisecond)
	if got := sub.Stats(); got != (rcl.Stats{Received: 5, Deadlines: 1}) {
		t.Errorf("%+v", got)
	}
	w.run(300 * time.Millisecond)
	if got := sub.Stats().Deadlines; got != 4 {
		t.Errorf("%d deadlines after silence", got)
	}
	_ = sub.Close()
	w.run(300 * time.Millisecond)
	if got := sub.Stats().Deadlines; got != 4 {
		t.Errorf("a closed subscription counts: %d", got)
	}
}

// handmade is a transport whose deliveries the test makes.
type handmade struct {
	rcl.Transport
	deliver func(rcl.Sample)
}

func (h *handmade) Node(name rcl.FullName) (rcl.Endpoint, error) {
	e, err := h.Transport.Node(name)
	return handmadeEndpoint{e, h}, err
}

type handmadeEndpoint struct {
	rcl.Endpoint
	h *handmade
}

func (e handmadeEndpoint) Subscribe(topic, typeName string, qos rcl.QoS, deliver func(rcl.Sample)) (io.Closer, error) {
	e.h.deliver = deliver
	return e.Endpoint.Subscribe(topic, typeName, qos, deliver)
}

func TestSubscriptionCounts(t *testing.T) {
	var log bytes.Buffer
	logger := zerolog.New(&log)
	h := &handmade{Transport: intra.New()}
	w := &world{rcl.New(rcl.Options{Transport: h, Executor: rcl.NewLockstep(time.Time{}), Log: &logger}), t}
	n := w.node("n")
	var got []string
	sub := must[*rcl.Subscription](t)(rcl.Subscribe(n, "/t", rcl.QoS{Depth: 2}, func(m *msgs.String, i rcl.Info) {
		got = append(got, fmt.Sprintf("%s %s %d %v %v", m.Data, i.Publisher, i.Sequence, i.Received.Equal(n.Now()), i.Sent.Unix()))
	}))
	give := func(publisher string, sequence uint64, data string) {
		h.deliver(rcl.Sample{CDR: msgs.Marshal(&msgs.String{Data: data}), Publisher: publisher, Sequence: sequence, Sent: time.Unix(9, 0)})
	}
	give("a", 5, "one") // joined late: 1 to 4 are not lost
	give("b", 1, "two")
	w.run(0)
	give("a", 9, "three")  // 6, 7, 8 were lost
	give("", 0, "four")    // unknown
	give("b", 2, "five")   // pushes three out
	give("b", 1, "old")    // a sequence back is no loss; pushes four out
	give("b", 3, "queued") // pushes five out
	w.run(0)
	h.deliver(rcl.Sample{CDR: []byte{0, 1, 0, 0, 200, 0, 0, 0}})
	w.run(0)
	want := []string{"one a 5 true 9", "two b 1 true 9", "old b 1 true 9", "queued b 3 true 9"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("heard %q, want %q", got, want)
	}
	if s, want := sub.Stats(), (rcl.Stats{Received: 8, Dropped: 3, Lost: 4, Malformed: 1}); s != want {
		t.Errorf("counted %+v, want %+v", s, want)
	}
	for range 99 {
		h.deliver(rcl.Sample{CDR: []byte("hello, hello")})
		w.run(0)
	}
	if lines := strings.Count(log.String(), "message dropped"); sub.Stats().Malformed != 100 || lines != 7 { // 1, 2, 4 … 64
		t.Errorf("%d malformed, %d lines logged", sub.Stats().Malformed, lines)
	}
	give("a", 10, "x")
	_ = sub.Close()
	h.deliver(rcl.Sample{})
	w.run(0)
	if len(got) != len(want) {
		t.Errorf("a closed subscription heard %q", got[len(want):])
	}
}

func TestMismatchIsSaid(t *testing.T) {
	var log bytes.Buffer
	logger := zerolog.New(&log)
	w := &world{rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(time.Time{}), Log: &logger}), t}
	n := w.node("arm")
	pub := must[*rcl.Publisher[msgs.String]](t)(rcl.Advertise[msgs.String](n, "/t", rcl.SensorData))
	must[*rcl.Subscription](t)(rcl.Subscribe(n, "/t", rcl.Default, func(*msgs.String, rcl.Info) {}))
	must[*rcl.Subscription](t)(rcl.Subscribe(n, "/u", rcl.Latched, func(*msgs.String, rcl.Info) {}))
	must[*rcl.Publisher[msgs.String]](t)(rcl.Advertise[msgs.String](n, "/u", rcl.Default))
	must[*rcl.Publisher[msgs.String]](t)(rcl.Advertise[msgs.String](n, "/u", rcl.Latched))
	if got := pub.Matched(); got != 0 {
		t.Errorf("matched %d", got)
	}
	text := log.String()
	if strings.Count(text, "incompatible quality of service") != 2 || !strings.Contains(text, "another reliability") || !strings.Contains(text, "another durability") {
		t.Errorf("logged %s", text)
	}
}

func TestLogLevels(t *testing.T) {
	var log bytes.Buffer
	logger := zerolog.New(&log)
	c := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(time.Time{}), Log: &logger})
	args := rcl.Args{Levels: []rcl.Level{{Node: "quiet", Level: zerolog.ErrorLevel}}}
	must[*rcl.Node](t)(c.Node("quiet", args)).Log().Warn().Msg("hushed")
	must[*rcl.Node](t)(c.Node("loud", args)).Log().Warn().Msg("heard")
	if got := log.String(); strings.Contains(got, "hushed") || !strings.Contains(got, "heard") {
		t.Errorf("logged %s", got)
	}
}
