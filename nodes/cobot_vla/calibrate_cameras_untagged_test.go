//go:build !apriltag || !cgo

package main

import "testing"

// Without libapriltag the command says how to get it.
func TestCalibrateCamerasNotBuilt(t *testing.T) {
	refused(t, "-tags apriltag", "calibrate", "cameras", t.TempDir(), "--camera", "left", "--size", "0.04")
}
