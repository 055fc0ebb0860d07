//go:build dds

package dds

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"reflect"
	"regexp"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// The names are those of rmw_cyclonedds_cpp's demangle.cpp and serdata.cpp.
func TestNames(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{ddsTopic("/camera_f/color/image_raw"), "rt/camera_f/color/image_raw"},
		{requestTopic("/arm/park"), "rq/arm/parkRequest"},
		{replyTopic("/arm/park"), "rr/arm/parkReply"},
		{ddsType("sensor_msgs/msg/Image"), "sensor_msgs::msg::dds_::Image_"},
		{ddsType("std_srvs/srv/Trigger_Request"), "std_srvs::srv::dds_::Trigger_Request_"},
		{rosType("sensor_msgs::msg::dds_::Image_"), "sensor_msgs/msg/Image"},
		{rosType("HelloWorld::Msg"), "HelloWorld::Msg"},
		{rosType("a::dds_::B"), "a::dds_::B"},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
	for topic, want := range map[string][2]string{
		"rt/a/b": {"/a/b", ""}, "rq/a/bRequest": {"", "/a/b"}, "rr/a/bReply": {}, "rt": {}, "rtx": {}, "rq/a": {}, "ros_discovery_info": {}, "DCPSTopic": {},
	} {
		name, isTopic := rosTopic(topic)
		service, isService := rosService(topic)
		if isTopic != (want[0] != "") || isService != (want[1] != "") || isTopic && name != want[0] || isService && service != want[1] {
			t.Errorf("%s is topic %q %v, service %q %v", topic, name, isTopic, service, isService)
		}
	}
	for text, want := range map[string]string{"clientid=1.2;": "1.2", "enclave=/;clientid=x": "x", "clientid": "", "": "", "xclientid=1;": ""} {
		if got, _ := keyValue(text, clientKey); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// infoGolden is what Cyclone DDS 0.10.2's own serialiser makes of a
// ParticipantEntitiesInfo in IDL (rosidl's mapping of rmw_dds_common's .msg files).
const infoGolden = "00010000" +
	"101112131415161718191a1b1c1d1e1f0000000000000000" + "02000000" +
	"0c0000002f726f626f742f6c65667400" + "0400000061726d00" +
	"02000000" + "202122232425262728292a2b2c2d2e2f0000000000000000" + "303132333435363738393a3b3c3d3e3f0000000000000000" +
	"01000000" + "e0e1e2e3e4e5e6e7e8e9eaebecedeeef0000000000000000" +
	"020000002f000000" + "0200000062000000" + "00000000" + "00000000"

func TestInfoEqualsCycloneDDS(t *testing.T) {
	id := func(first byte) (x gid) {
		for i := range 16 {
			x[i] = first + byte(i)
		}
		return x
	}
	p := &participantEntities{participant: id(0x10), nodes: []nodeEntities{
		{namespace: "/robot/left", name: "arm", readers: []gid{id(0x20), id(0x30)}, writers: []gid{id(0xe0)}},
		{namespace: "/", name: "b"},
	}}
	if got := hex.EncodeToString(msgs.Marshal(p)); got != infoGolden {
		t.Errorf("wrote\n%s, want\n%s", got, infoGolden)
	}
	golden, _ := hex.DecodeString(infoGolden)
	got := new(participantEntities)
	if err := msgs.ReadCDR(golden, got); err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("read %+v, %v", got, err)
	}
}

// tap hears the bytes of a DDS topic, and who says them.
func tap(t *testing.T, tr *Transport, topic, typeName string, qos rcl.QoS) (*reader, <-chan []byte) {
	t.Helper()
	r, err := tr.newReader(topic, typeName, ddsQoS(qos, 100))
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan []byte, 100)
	if err := r.start(func(s *sample) { heard <- bytesOf(s) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.close(); err != nil {
			t.Error(err)
		}
	})
	return r, heard
}

func next(t *testing.T, heard <-chan []byte) []byte {
	t.Helper()
	select {
	case b := <-heard:
		return b
	case <-time.After(patience):
		t.Fatal("nothing was heard")
		return nil
	}
}

// TestInfoOnTheWire: every node, publisher, subscription, service and client is
// announced when it is made, and taken back when it is closed.
func TestInfoOnTheWire(t *testing.T) {
	tr := open(t, options())
	_, heard := tap(t, open(t, options()), infoTopic, infoType, rcl.Latched)
	info := func() *participantEntities {
		t.Helper()
		p := new(participantEntities)
		if err := msgs.ReadCDR(next(t, heard), p); err != nil {
			t.Fatal(err)
		}
		if p.participant != tr.graph.self.gid() {
			t.Fatalf("participant %x, want %x", p.participant, tr.graph.self)
		}
		return p
	}
	e, err := tr.Node(rcl.FullName{Namespace: "/robot/left", Name: "arm"})
	if err != nil {
		t.Fatal(err)
	}
	type has struct{ readers, writers int }
	expect := func(want ...has) {
		t.Helper()
		p := info()
		var got []has
		for _, n := range p.nodes {
			if n.namespace != "/robot/left" || n.name != "arm" {
				t.Errorf("node %s in %s", n.name, n.namespace)
			}
			got = append(got, has{len(n.readers), len(n.writers)})
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("announced %v, want %v", got, want)
		}
	}
	expect(has{0, 0})
	w, err := e.Advertise("/t", "std_msgs/msg/String", rcl.Default)
	if err != nil {
		t.Fatal(err)
	}
	p := info()
	if len(p.nodes) != 1 || len(p.nodes[0].writers) != 1 || p.nodes[0].writers[0] != w.(*publisher).w.id.gid() {
		t.Fatalf("announced %+v", p)
	}
	s, err := e.Subscribe("/t", "std_msgs/msg/String", rcl.Default, func(rcl.Sample) {})
	if err != nil {
		t.Fatal(err)
	}
	expect(has{1, 1})
	if _, err := e.Serve("/s", "std_srvs/srv/Trigger", func([]byte, func([]byte)) {}); err != nil {
		t.Fatal(err)
	}
	expect(has{2, 2})
	if _, err := e.Client("/s", "std_srvs/srv/Trigger"); err != nil {
		t.Fatal(err)
	}
	expect(has{3, 3})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	expect(has{3, 2})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	expect(has{2, 2})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	expect()
}

// TestOneFarewell: a node ends with one announcement, not one for each of its parts.
func TestOneFarewell(t *testing.T) {
	tr := open(t, options())
	_, heard := tap(t, open(t, options()), infoTopic, infoType, rcl.Latched)
	c := rcl.New(rcl.Options{Transport: tr, Executor: rcl.NewRealTime()})
	n, err := c.Node("arm", rcl.Args{}) // with its parameter services
	if err != nil {
		t.Fatal(err)
	}
	writers := func() int {
		p := new(participantEntities)
		if err := msgs.ReadCDR(next(t, heard), p); err != nil {
			t.Fatal(err)
		}
		if len(p.nodes) == 0 {
			return 0
		}
		return len(p.nodes[0].writers)
	}
	whole := len(tr.graph.info().nodes[0].writers)
	for writers() < whole {
	}
	n.Kill()
	if left := writers(); left != 0 {
		t.Errorf("of %d writers %d are left after the first announcement", whole, left)
	}
	if err := c.Shutdown(time.Second); err != nil {
		t.Error(err)
	}
}

// TestServiceOnTheWire: after the CDR header come the client's identity and the
// number of the call, and the response repeats them (cdds_request_header in
// rmw_cyclonedds_cpp's serdata.hpp). Both ends of a client, and of a server,
// carry one text, as csid_to_string in rmw_node.cpp writes it.
func TestServiceOnTheWire(t *testing.T) {
	tr, other := open(t, options()), open(t, options())
	e := node(t, tr, "n")
	asked, requests := tap(t, other, requestTopic("/s"), "std_srvs/srv/Trigger_Request", rcl.Default)
	answered, responses := tap(t, other, replyTopic("/s"), "std_srvs/srv/Trigger_Response", rcl.Default)
	s, err := e.Serve("/s", "std_srvs/srv/Trigger", func(_ []byte, reply func([]byte)) { reply([]byte{0, 1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 'x', 0}) })
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, e, "/s")
	handle := c.(*client).handle
	for n := uint64(1); n <= 2; n++ {
		if _, err := call(t, c, []byte{0, 1, 0, 0, 9}); err != nil {
			t.Fatal(err)
		}
		header := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64([]byte{0, 1, 0, 0}, handle), n)
		if got, want := next(t, requests), append(bytes.Clone(header), 9); !bytes.Equal(got, want) {
			t.Errorf("request %x, want %x", got, want)
		}
		if got, want := next(t, responses), append(bytes.Clone(header), 1, 0, 0, 0, 2, 0, 0, 0, 'x', 0); !bytes.Equal(got, want) {
			t.Errorf("response %x, want %x", got, want)
		}
	}
	text := regexp.MustCompile(`^[ 0-9a-f][0-9a-f](\.[0-9a-f]{1,2}){15}$`)
	for _, x := range []struct {
		what   string
		reader *reader
		key    string
		want   string
	}{
		{"client", asked, clientKey, c.(*client).self},
		{"server", answered, serviceKey, s.(*server).self},
	} {
		writers := x.reader.publications()
		if len(writers) != 1 {
			t.Fatalf("%d writers of the %s", len(writers), x.what)
		}
		if got, _ := x.reader.publicationText(writers[0], x.key); got != x.want || !text.MatchString(got) {
			t.Errorf("the %s's text is %q, want %q", x.what, got, x.want)
		}
	}
}
