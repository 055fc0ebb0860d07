//go:build ros2

package ros2

import (
	"os"
	"testing"

	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/rcltest"
)

// options keep a test on this machine, in a domain that nobody else is likely to use.
func options() Options {
	return Options{Domain: 30 + os.Getpid()%60, Localhost: true}
}

func TestConformance(t *testing.T) {
	t.Logf("middleware %s", Middleware())
	rcltest.Conformance(t, func() rcl.Transport {
		tr, err := New(options())
		if err != nil {
			t.Fatal(err)
		}
		return tr
	})
}
