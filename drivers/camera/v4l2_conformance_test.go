//go:build linux && (amd64 || arm64)

package camera_test

import (
	"testing"

	"cobot_vla/drivers/camera"
	"cobot_vla/drivers/camera/cameratest"
)

func TestDeviceConformance(t *testing.T) {
	for _, encoding := range []string{"jpeg", "yuyv"} {
		t.Run(encoding, func(t *testing.T) {
			cameratest.Conformance(t, func() (camera.Source, error) { return camera.OpenFake(encoding) })
		})
	}
}
