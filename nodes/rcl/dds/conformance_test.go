//go:build dds

package dds_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/dds"
	"cobot_vla/nodes/rcl/rcltest"
)

// options keep a test on loopback, and apart from whatever else runs here.
func options() dds.Options {
	return dds.Options{
		Domain: 50, Localhost: true, Lease: time.Second, Linger: 100 * time.Millisecond,
		Extra: tagged(fmt.Sprintf("test-%d", os.Getpid())),
	}
}

// tagged is configuration by which only participants with the same tag meet.
func tagged(tag string) string {
	return "<CycloneDDS><Domain><Discovery><Tag>" + tag + "</Tag></Discovery></Domain></CycloneDDS>"
}

func open(t *testing.T, o dds.Options) *dds.Transport {
	t.Helper()
	tr, err := dds.New(o)
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

func TestConformance(t *testing.T) {
	rcltest.Conformance(t, func() rcl.Transport {
		tr, err := dds.New(options())
		if err != nil {
			t.Fatal(err)
		}
		return tr
	})
}
