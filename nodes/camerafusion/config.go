// Package camerafusion is the node that makes one picture of several cameras:
// the layout that the policy's manifest names, from frames taken at about the
// same time. A camera that is silent or too late leaves its rectangle black and
// is named, in the message and in the diagnostics: a policy never sees an old
// picture as if it were new.
package camerafusion

import "time"

// Config is the node's parameters.
type Config struct {
	// Policy, Checkpoint and Calibration name the policy whose manifest lists the
	// cameras and their layout; the same as the policy node's.
	Policy      string `param:"policy" desc:"kind of policy whose manifest lists the cameras"`
	Checkpoint  string `param:"checkpoint" desc:"folder or file of the policy; empty for a built-in one"`
	Calibration string `param:"calibration" desc:"the robot's calibration file; empty for the factory default"`
	// Transport is raw for image_raw, compressed for image_raw/compressed: a third
	// of the network's load and more of the processor's.
	Transport string `param:"transport" choice:"raw,compressed" desc:"raw or compressed images of the cameras"`
	// Slop is how far apart the stamps of one set may be without waiting for nearer
	// ones [s]. Half the cameras' period finds the nearest of free-running cameras.
	Slop float64 `param:"slop_s" unit:"s" min:"0" max:"1" desc:"stamps of a set may differ by so much"`
	// MaxWait for a camera whose frame is on its way [s]; it is added to the latency
	// when one is lost.
	MaxWait float64 `param:"max_wait_s" unit:"s" min:"0" max:"1" desc:"longest wait for a frame on its way"`
	// MaxAge of a view [s]: with no newer frame its rectangle is black. At least two
	// periods of the slowest camera.
	MaxAge float64 `param:"max_age_s" unit:"s" min:"0.02" max:"10" desc:"a view older than this is black"`
	// MaxRate of the picture [Hz]; 0 is the first camera's rate.
	MaxRate float64 `param:"max_rate_hz" unit:"Hz" min:"0" max:"240" desc:"highest rate of the picture; 0 for the first camera's"`
}

// DefaultConfig suits cameras of 10 to 60 Hz.
func DefaultConfig() Config {
	return Config{Policy: "expert", Transport: "raw", Slop: 0.015, MaxWait: 0.03, MaxAge: 0.25}
}

// Spec is what the manifest asks for.
type Spec struct {
	// Layout is stack, stack3, mosaic4 or tiles.
	Layout string
	// Width and Height of the picture [px]; 0 for the layout's own size.
	Width, Height int
	// Cameras in the layout's order. The first one drives: its stamp is the picture's.
	Cameras []Camera
}

// Camera is one view.
type Camera struct {
	// Name in the calibration, e.g. front.
	Name string
	// Topic of its images, e.g. /camera_f/color/image_raw.
	Topic string
	// Width and Height that its frames have [px], where the layout shows them at
	// native size: a camera that is silent from the start then has its place. 0
	// waits for its first frame.
	Width, Height int
}

// Open reads the manifest of the policy that the parameters name.
type Open func(kind, checkpoint, calibration string) (Spec, error)

func seconds(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }
