package camera

import (
	"fmt"
	"math"
	"strings"

	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"
	"cobot_vla/drivers/camera"
	"cobot_vla/msgs"
)

// lens is what the calibration says of the camera; Width 0 when it says nothing.
type lens struct{ calibration.Camera }

// lensOf finds the camera in the calibration, and its frame.
func lensOf(cfg Config, namespace string) (l lens, frameID string, err error) {
	robot := calibration.Default()
	if cfg.Calibration != "" {
		if robot, err = calibration.Load(cfg.Calibration); err != nil {
			return l, "", err
		}
	}
	found := false
	for _, c := range robot.Cameras {
		if c.Name == cfg.Camera || cfg.Camera == "" && strings.HasSuffix(namespace, c.Namespace) {
			l, found = lens{c}, true
			break
		}
	}
	if cfg.Camera != "" && !found {
		return l, "", fmt.Errorf("camera: the calibration of %s has no camera %q", robot.Name, cfg.Camera)
	}
	c := l.Camera
	c.Namespace = namespace
	frameID = kinematics.OpticalFrame(c)
	if cfg.FrameID != "" {
		frameID = cfg.FrameID
	}
	return l, frameID, nil
}

// info is the frame's camera_info: the source's own intrinsics, or the
// calibration's scaled to the frame. Without either, or when the frame shows
// another part of the view than the calibrated one, K is zero, which ROS reads
// as uncalibrated.
func (l lens) info(h msgs.Header, src camera.Info, width, height int) *msgs.CameraInfo {
	m := &msgs.CameraInfo{
		Header: h, Width: uint32(width), Height: uint32(height), DistortionModel: "plumb_bob",
		D: make([]float64, 5), R: [9]float64{0: 1, 4: 1, 8: 1},
	}
	c := l.Camera
	if src.FX != 0 {
		c = calibration.Camera{
			Width: src.Width, Height: src.Height, FX: src.FX, FY: src.FY, CX: src.CX, CY: src.CY, Distortion: src.Distortion,
		}
	}
	sx, sy := float64(width)/float64(c.Width), float64(height)/float64(c.Height)
	if c.Width == 0 || c.Height == 0 || math.Abs(sx/sy-1) > 0.01 {
		return m
	}
	// Pixel centres are at integers: the image's left edge, at -0.5, stays.
	fx, fy, cx, cy := c.FX*sx, c.FY*sy, (c.CX+0.5)*sx-0.5, (c.CY+0.5)*sy-0.5
	copy(m.D, c.Distortion[:])
	m.K = [9]float64{fx, 0, cx, 0, fy, cy, 0, 0, 1}
	m.P = [12]float64{fx, 0, cx, 0, 0, fy, cy, 0, 0, 0, 1, 0}
	return m
}
