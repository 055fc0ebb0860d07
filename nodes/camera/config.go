// Package camera is the node that publishes a camera: any drivers/camera.Source
// as <namespace>/color/image_raw, …/image_raw/compressed and …/camera_info, as
// realsense2_camera and the UVC drivers of ROS do. A camera that is pulled out
// is opened again when it is back; until then the diagnostics say what is wrong.
package camera

import (
	"time"

	"cobot_vla/drivers/camera"
)

// Config is the node's parameters.
type Config struct {
	// Namespace of the topics. "~" is the node's own name: a node camera_f
	// publishes /camera_f/color/image_raw.
	Namespace string `param:"namespace" desc:"prefix of the topics; ~ is the node's name"`
	// Calibration file that knows the camera's intrinsics and frame, where the
	// source does not; "" is the factory default.
	Calibration string `param:"calibration" desc:"the robot's calibration file; empty for the factory default"`
	// Camera is its name there; "" is the one of the same namespace.
	Camera string `param:"camera" desc:"the camera's name in the calibration; empty for the one of these topics"`
	// FrameID of the images; "" is <namespace>_color_optical_frame.
	FrameID string `param:"frame_id" desc:"frame of the images; empty for <namespace>_color_optical_frame"`
	// Rate of the frames [Hz]: what a device is asked for, and how often pictures
	// of a simulator or of files are taken.
	Rate float64 `param:"rate_hz" unit:"Hz" min:"0.1" max:"240" desc:"rate of the frames"`
	// Quality of the JPEG that is made where the camera gives none, 1 to 100. More
	// costs bandwidth: 95, image_transport's, is three times the bytes of 80.
	Quality int `param:"jpeg_quality" min:"1" max:"100" dynamic:"true" desc:"quality of image_raw/compressed"`
	// RetryMin and RetryMax bound the pause after an error [s]: it doubles with each in a row.
	RetryMin float64 `param:"retry_min_s" unit:"s" min:"0.001" max:"60" desc:"first pause after an error"`
	RetryMax float64 `param:"retry_max_s" unit:"s" min:"0.001" max:"600" desc:"longest pause after errors in a row"`
	Device
}

// Device is where NewDevice takes the frames from.
type Device struct {
	// Source is v4l2 (a UVC camera), files (pictures in a folder) or pattern (a test picture).
	Source string `param:"source" choice:"v4l2,files,pattern" desc:"v4l2, files or pattern"`
	// Path, Serial and Port name a V4L2 device; at most one of them. Serial
	// numbers and ports stay the same when the machine starts again.
	Path   string `param:"device" desc:"path of the device, e.g. /dev/video0"`
	Serial string `param:"serial" desc:"USB serial number of the device"`
	Port   string `param:"port" desc:"USB port of the device, e.g. 3-1.4"`
	// Width and Height of the frames [px].
	Width  int `param:"width" unit:"px" min:"16" max:"16384" desc:"width of the frames"`
	Height int `param:"height" unit:"px" min:"16" max:"16384" desc:"height of the frames"`
	// Encoding that a device is asked for; "" takes the first it has of jpeg, yuyv, uyvy, rgb8, bgr8, mono8.
	Encoding string `param:"encoding" desc:"jpeg, yuyv, uyvy, rgb8, bgr8 or mono8; empty takes what the device has"`
	// Files is a folder or a glob of pictures; they are played again from the start when Loop.
	Files string `param:"files" desc:"folder or glob of pictures"`
	Loop  bool   `param:"loop" desc:"play the pictures again from the start"`
}

// DefaultConfig is a UVC camera of VGA at 30 Hz.
func DefaultConfig() Config {
	return Config{
		Namespace: "~", Rate: 30, Quality: 90, RetryMin: 0.25, RetryMax: 5,
		Device: Device{Source: "v4l2", Width: 640, Height: 480, Loop: true},
	}
}

// opener gives the frames' source: at the start, and again after an error.
type opener func() (camera.Source, error)

// device says how the source that the parameters name is opened.
func (c Config) device(name string) opener {
	switch c.Source {
	case "files":
		return func() (camera.Source, error) {
			return camera.OpenFiles(camera.FilesConfig{Name: name, Pattern: c.Files, Rate: c.Rate, Loop: c.Loop})
		}
	case "pattern":
		return func() (camera.Source, error) {
			p := camera.DefaultPatternConfig()
			p.Name, p.Width, p.Height, p.Rate = name, c.Width, c.Height, c.Rate
			if c.Encoding != "" {
				p.Encoding = c.Encoding
			}
			return camera.NewPattern(p)
		}
	}
	return func() (camera.Source, error) {
		d := camera.DefaultDeviceConfig()
		d.Name, d.Device, d.Serial, d.Port = name, c.Path, c.Serial, c.Port
		d.Width, d.Height, d.Rate, d.Encoding = c.Width, c.Height, c.Rate, c.Encoding
		return camera.OpenDevice(d)
	}
}

func (c Config) pause() pause { return pause{min: seconds(c.RetryMin), max: seconds(c.RetryMax)} }

func seconds(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }
