//go:build dds

package dds

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// garbage is what no codec of this world would send.
func garbage() [][]byte {
	all := [][]byte{
		{0}, {0, 1}, {0, 1, 0},
		{0, 1, 0, 0},
		{0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff},
		{0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff},
		{0, 3, 0, 0, 1, 2, 3, 4}, // a parameter list
		append([]byte{0, 1, 0, 0}, bytes.Repeat([]byte{0xff}, 24+4+16)...),
		slices.Concat([]byte{0, 1, 0, 0}, make([]byte, 24), []byte{0xff, 0xff, 0xff, 0x7f}),
	}
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 64 {
		b := make([]byte, r.IntN(100)+n*n*20) // the largest travel in parts
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		copy(b, []byte{0, 1, 0, 0})
		all = append(all, b)
	}
	return all
}

// sendGarbage says garbage wherever others listen, then something sensible.
func sendGarbage(e rcl.Endpoint, done <-chan struct{}) error {
	tr := e.(*endpoint).t
	qos := ddsQoS(rcl.QoS{}, 1000)
	latched := ddsQoS(rcl.QoS{Durability: rcl.TransientLocal}, 1000)
	var writers []*writer
	for _, x := range []struct{ topic, typeName string }{
		{ddsTopic("/t"), "std_msgs/msg/String"},
		{requestTopic("/s"), "std_srvs/srv/Trigger_Request"},
		{replyTopic("/s"), "std_srvs/srv/Trigger_Response"},
		{infoTopic, infoType},
	} {
		q := qos
		if x.topic == infoTopic {
			q = latched
		}
		w, err := tr.newWriter(x.topic, x.typeName, q)
		if err != nil {
			return err
		}
		writers = append(writers, w)
	}
	say("ready")
	for _, w := range writers {
		for matched := 0; matched == 0; time.Sleep(time.Millisecond) {
			select {
			case <-done:
				return nil
			default:
			}
			w.mu.Lock()
			matched = w.matched()
			w.mu.Unlock()
		}
		for _, b := range garbage() {
			if err := w.raw(b); err != nil {
				return err
			}
		}
	}
	return writers[0].publish(&msgs.String{Data: "end"})
}

// raw sends bytes as they are.
func (w *writer) raw(b []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.send(len(b), func(to []byte) error { copy(to, b); return nil })
}

func TestGarbageHarmsNothing(t *testing.T) {
	tr := open(t, options())
	e := node(t, tr, "victim")
	var mu sync.Mutex
	heard, malformed, ended := 0, 0, false
	if _, err := e.Subscribe("/t", "std_msgs/msg/String", rcl.QoS{Depth: 1000}, func(s rcl.Sample) {
		m := new(msgs.String)
		err := msgs.ReadCDR(s.CDR, m)
		mu.Lock()
		defer mu.Unlock()
		heard++
		if err != nil {
			malformed++
		}
		ended = err == nil && m.Data == "end"
	}); err != nil {
		t.Fatal(err)
	}
	served := make(chan []byte, 1000)
	if _, err := e.Serve("/s", "std_srvs/srv/Trigger", func(request []byte, reply func([]byte)) {
		served <- request
		reply(request)
	}); err != nil {
		t.Fatal(err)
	}
	c, err := e.Client("/s", "std_srvs/srv/Trigger")
	if err != nil {
		t.Fatal(err)
	}
	start(t, "garbage", testDomain)
	eventually(t, "the end of the garbage", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return ended
	})
	mu.Lock()
	if want := len(garbage()) + 1; heard != want || malformed < want-10 {
		t.Errorf("%d of %d messages came, %d malformed", heard, want, malformed)
	}
	mu.Unlock()
	for len(served) > 0 {
		if b := <-served; len(b) < 4 {
			t.Errorf("a request of %d bytes was served", len(b))
		}
	}
	eventually(t, "service", c.Ready)
	if got, err := call(t, c, request(7)); err != nil || !bytes.Equal(got, request(7)) {
		t.Errorf("after the garbage: %x, %v", got, err)
	}
	want := rcl.FullName{Namespace: "/far", Name: "garbage"} // told on another topic than what was heard so far
	eventually(t, "the peer's node in the graph", func() bool { return slices.Contains(e.Graph().Nodes, want) })
}

func FuzzInfo(f *testing.F) {
	for _, b := range garbage() {
		f.Add(b)
	}
	f.Add(msgs.Marshal(&participantEntities{nodes: []nodeEntities{{namespace: "/", name: "n", readers: make([]gid, 2)}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := new(participantEntities)
		if msgs.ReadCDR(b, p) != nil {
			return
		}
		g := newGraph(guid{1})
		g.peer(p.participant.guid(), true)
		g.heard(p)
		if n := len(g.snapshot().Nodes); n != len(p.nodes) && p.participant.guid() != g.self {
			t.Errorf("%d nodes announced, %d in the graph", len(p.nodes), n)
		}
	})
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0})
	f.Add([]byte{0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	f.Add([]byte{0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17})
	f.Fuzz(func(t *testing.T, b []byte) {
		was := bytes.Clone(b)
		h, body, err := split(b)
		if err != nil {
			return
		}
		again := make([]byte, len(body)+headerSize)
		h.join(again, body)
		if !bytes.Equal(again, was) {
			t.Errorf("%x came back as %x", was, again)
		}
	})
}

// TestSpeaksForItself: nobody takes another participant's nodes out of the graph.
func TestSpeaksForItself(t *testing.T) {
	watcher := node(t, open(t, options()), "watcher")
	honest, liar := open(t, options()), open(t, options())
	node(t, honest, "honest")
	w, err := liar.newWriter(infoTopic, infoType, ddsQoS(rcl.Latched, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.publish(&participantEntities{participant: honest.graph.self.gid(), nodes: []nodeEntities{{namespace: "/", name: "lie"}}}); err != nil {
		t.Fatal(err)
	}
	node(t, liar, "liar") // said after the lie
	want := []rcl.FullName{{Namespace: "/", Name: "honest"}, {Namespace: "/", Name: "liar"}, {Namespace: "/", Name: "watcher"}}
	eventually(t, "the three in the graph", func() bool { return slices.Equal(watcher.Graph().Nodes, want) })
}
