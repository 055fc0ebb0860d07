package intra_test

import (
	"testing"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
	"cobot_vla/nodes/rcl/rcltest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	rcltest.Conformance(t, func() rcl.Transport { return intra.New() })
}

func TestConformanceInBytes(t *testing.T) {
	rcltest.Conformance(t, func() rcl.Transport { return rcltest.Loopback(intra.New()) })
}

// TestHandsOver: every subscription gets the publisher's own image, and handing
// it over allocates nothing.
func TestHandsOver(t *testing.T) {
	tr := intra.New()
	e, err := tr.Node(rcl.FullName{Namespace: "/", Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	img := &msgs.Image{Data: make([]byte, 1280*720*3)}
	heard := 0
	for range 2 {
		if _, err := e.Subscribe("/image", img.TypeName(), rcl.Newest, func(s rcl.Sample) {
			if s.Message != msgs.Message(img) || s.CDR != nil {
				t.Error("not the publisher's image")
			}
			heard++
		}); err != nil {
			t.Fatal(err)
		}
	}
	w, err := e.Advertise("/image", img.TypeName(), rcl.Newest)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		if err := w.Publish(img); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a message", n)
	}
	if heard != 2*101 {
		t.Errorf("heard %d", heard)
	}
}

// TestRefusesWithTheRemedy: what one process can know is refused with an error that names it.
func TestRefusesWithTheRemedy(t *testing.T) {
	tr := intra.New()
	e, _ := tr.Node(rcl.FullName{Namespace: "/", Name: "n"})
	if _, err := e.Advertise("/t", "std_msgs/msg/String", rcl.Default); err != nil {
		t.Fatal(err)
	}
	_, err := e.Subscribe("/t", "std_msgs/msg/Bool", rcl.Default, func(rcl.Sample) {})
	if want := "topic /t carries std_msgs/msg/String, not std_msgs/msg/Bool: remap one of them"; err == nil || err.Error() != want {
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
	if want := "service /s is std_srvs/srv/Trigger, not std_srvs/srv/SetBool"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
