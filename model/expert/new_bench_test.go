package expert

import (
	"testing"

	"cobot_vla/calibration"
)

// BenchmarkNew is what starting the expert costs; most is the check that the statistics cover the tasks.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := New(calibration.Default(), DefaultConfig()); err != nil {
			b.Fatal(err)
		}
	}
}
