//go:build dds

package dds

import (
	"testing"

	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/rcltest"
)

func TestConformance(t *testing.T) {
	rcltest.Conformance(t, func() rcl.Transport {
		tr, err := New(options())
		if err != nil {
			t.Fatal(err)
		}
		return tr
	})
}
