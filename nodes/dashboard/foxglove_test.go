package dashboard

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

type foxSubscription struct {
	ID        uint32 `json:"id"`
	ChannelID uint32 `json:"channelId"`
}

type foxSubscribe struct {
	Op            string            `json:"op"`
	Subscriptions []foxSubscription `json:"subscriptions,omitempty"`
	IDs           []uint32          `json:"subscriptionIds,omitempty"`
}

// channel waits until a topic is advertised.
func (c *connection) channel(topic string) foxChannel {
	c.t.Helper()
	var found foxChannel
	next(c, "advertise", func(a foxAdvertise) bool {
		i := slices.IndexFunc(a.Channels, func(ch foxChannel) bool { return ch.Topic == topic })
		if i >= 0 {
			found = a.Channels[i]
		}
		return i >= 0
	})
	return found
}

func TestFoxgloveShowsTheGraph(t *testing.T) {
	for _, protocol := range foxgloveSubprotocols {
		t.Run(protocol, func(t *testing.T) {
			r := newRig(t, nil)
			joints := advertise[msgs.JointState](r, "puppet/joint_left", rcl.Default)
			c := dial(t, r.fox, "/", "foxglove.unknown", protocol)
			if c.conn.Subprotocol() != protocol {
				t.Fatalf("subprotocol %q", c.conn.Subprotocol())
			}
			info := next[foxServerInfo](c, "serverInfo", nil)
			if info.Name != "cobot_magic" || info.Session == "" || len(info.Capabilities) != 0 {
				t.Errorf("serverInfo %+v", info)
			}
			ch := c.channel("/puppet/joint_left")
			if ch.Encoding != "cdr" || ch.SchemaEncoding != "ros2msg" || ch.SchemaName != "sensor_msgs/msg/JointState" || !strings.Contains(ch.Schema, "MSG: std_msgs/Header") {
				t.Errorf("channel %+v", ch)
			}
			c.say(foxSubscribe{Op: "subscribe", Subscriptions: []foxSubscription{{ID: 42, ChannelID: ch.ID}}})
			r.until("it is subscribed", func() bool { return joints.Matched() == 2 }) // and the page's own
			sent := &msgs.JointState{Header: msgs.Header{FrameID: "left_base"}, Name: []string{"a", "b"}, Position: []float64{1, 2}}
			before := time.Now()
			must(t, joints.Publish(sent))
			id, when, cdr := c.binary()
			got := &msgs.JointState{}
			must(t, msgs.ReadCDR(cdr, got))
			if id != 42 || when < uint64(before.UnixNano()) || got.Header.FrameID != "left_base" || !slices.Equal(got.Position, sent.Position) {
				t.Errorf("subscription %d at %d: %+v", id, when, got)
			}
			c.say(foxSubscribe{Op: "unsubscribe", IDs: []uint32{42}})
			r.until("it is unsubscribed", func() bool { return joints.Matched() == 1 })

			odom := advertise[msgs.Odometry](r, "odom", rcl.Default)
			r.d.n.Post(r.d.fox.refresh)
			gone := c.channel("/odom")
			must(t, odom.Close())
			r.d.n.Post(r.d.fox.refresh)
			next(c, "unadvertise", func(u foxUnadvertise) bool { return slices.Contains(u.Channels, gone.ID) })
			advertise[msgs.Odometry](r, "odom", rcl.Default)
			r.d.n.Post(r.d.fox.refresh)
			if again := c.channel("/odom"); again.ID != gone.ID {
				t.Errorf("channel %d came back as %d", gone.ID, again.ID)
			}
		})
	}
}

// TestLateClientsGetWhatIsLatched: each what was said before it came.
func TestLateClientsGetWhatIsLatched(t *testing.T) {
	r := newRig(t, nil)
	must(t, advertise[msgs.String](r, "robot_description", rcl.Latched).Publish(&msgs.String{Data: "<robot/>"}))
	for range 2 {
		c := dial(t, r.fox, "/", "foxglove.websocket.v1")
		c.say(foxSubscribe{Op: "subscribe", Subscriptions: []foxSubscription{{ID: 1, ChannelID: c.channel("/robot_description").ID}}})
		_, _, cdr := c.binary()
		m := &msgs.String{}
		must(t, msgs.ReadCDR(cdr, m))
		if m.Data != "<robot/>" {
			t.Errorf("heard %q", m.Data)
		}
	}
}

func TestFoxgloveSaysWhatItDoesNot(t *testing.T) {
	r := newRig(t, nil)
	c := dial(t, r.fox, "/", "foxglove.sdk.v1")
	ch := c.channel("/diagnostics") // the dashboard's own
	status := func(says string) {
		t.Helper()
		s := next[foxStatus](c, "status", nil)
		if s.Level != foxError || !strings.Contains(s.Message, says) {
			t.Errorf("status %+v, want %q", s, says)
		}
	}
	c.say(foxSubscribe{Op: "subscribe", Subscriptions: []foxSubscription{{ID: 1, ChannelID: 9999}}})
	status("no channel 9999")
	c.say(foxSubscribe{Op: "subscribe", Subscriptions: []foxSubscription{{ID: 1, ChannelID: ch.ID}, {ID: 2, ChannelID: ch.ID}}})
	status("subscribed to already")
	c.say(foxSubscribe{Op: "unsubscribe", IDs: []uint32{3}})
	status("no subscription 3")
	c.say(foxSubscribe{Op: "setParameters"})
	status("only shows")
	must(t, c.conn.Write(context.Background(), websocket.MessageText, []byte("[")))
	status("no JSON object")
	must(t, c.conn.Write(context.Background(), websocket.MessageBinary, []byte{1}))
	status("no binary")

	bare := dial(t, r.fox, "/")
	if _, _, err := bare.conn.Read(context.Background()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("without a subprotocol: %v", err)
	}
}

func TestWhichPagesMayReadOverFoxglove(t *testing.T) {
	for origin, may := range map[string]bool{
		"": true, "file://": true, "http://localhost:8080": true, "https://app.foxglove.dev": true,
		"https://elsewhere.example": false, "https://app.foxglove.dev.elsewhere.example": false, "null": true, "http://%zz": false,
	} {
		q := &http.Request{Header: http.Header{}}
		if origin != "" {
			q.Header.Set("Origin", origin)
		}
		if DefaultConfig().mayRead(q) != may {
			t.Errorf("%q may: %v", origin, !may)
		}
	}
}

// TestQueuesAreBounded: of a stream only the newest wait; streams take turns; what is left out is counted.
func TestQueuesAreBounded(t *testing.T) {
	c := newFoxClient(nil, nil)
	small, big := &channel{foxChannel: foxChannel{ID: 1}}, &channel{foxChannel: foxChannel{ID: 2}}
	for i := range 100 {
		c.put(small, 7, &foxSample{s: rcl.Sample{Message: &msgs.String{Data: string(rune(i))}}})
		c.put(big, 8, &foxSample{s: rcl.Sample{Message: &msgs.Image{Width: uint32(i), Data: make([]byte, largeMessage+1)}}})
	}
	if want := uint64(100 - queueLength + 99); c.dropped != want {
		t.Errorf("%d left out, want %d", c.dropped, want)
	}
	var order []uint32
	for {
		_, _, s, id := c.take()
		if s == nil {
			break
		}
		order = append(order, id)
		switch m := s.s.Message.(type) {
		case *msgs.Image:
			if m.Width != 99 {
				t.Errorf("image %d waited", m.Width)
			}
		case *msgs.String:
			if len(order) == 1 && m.Data != string(rune(100-queueLength)) {
				t.Errorf("the first is %q", m.Data)
			}
		}
	}
	if len(order) != queueLength+1 || order[1] != 8 {
		t.Errorf("order %v", order)
	}
	c.put(small, 7, &foxSample{})
	c.forget([]uint32{1})
	if _, _, s, _ := c.take(); s != nil {
		t.Error("an unsubscribed message was sent")
	}
	for range 2 * keepTexts {
		c.tell(foxStatus{})
	}
	if len(c.texts) != keepTexts {
		t.Errorf("%d texts wait", len(c.texts))
	}
}

func FuzzFoxgloveRequest(f *testing.F) {
	f.Add([]byte(`{"op":"subscribe","subscriptions":[{"id":0,"channelId":3}]}`), true)
	f.Add([]byte(`{"op":"unsubscribe","subscriptionIds":[0,1]}`), true)
	f.Add([]byte{opMessageData, 0, 0, 0, 0}, false)
	f.Fuzz(func(t *testing.T, data []byte, text bool) {
		fox := &foxglove{channels: map[channelKey]*channel{}, clients: map[*foxClient]struct{}{}}
		c := newFoxClient(fox, nil)
		kind := websocket.MessageBinary
		if text {
			kind = websocket.MessageText
		}
		for _, err := range c.request(kind, data) {
			if err == nil || err.Error() == "" {
				t.Fatal("an error without words")
			}
		}
	})
}
