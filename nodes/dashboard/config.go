package dashboard

import (
	"fmt"

	"cobot_vla/calibration"
)

// Config is the node's parameters.
type Config struct {
	// Listen is the page's address, host:port. 0.0.0.0:8080 shows it to other
	// machines too: whoever reaches it sees the cameras.
	Listen string `param:"listen" desc:"address of the page, host:port; 0.0.0.0:8080 shows it to other machines"`
	// Token allows control from other machines, at least 8 characters: open the page
	// with ?token=…. "" allows none there but the e-stop.
	Token string `param:"token" desc:"allows control from other machines; empty allows none but the e-stop"`
	// Foxglove is the address of the Foxglove WebSocket server; "" starts none.
	Foxglove string `param:"foxglove" desc:"address of the Foxglove WebSocket server; empty for none"`
	// FoxgloveOrigins are the web pages, besides this machine's, that may connect to it.
	FoxgloveOrigins []string `param:"foxglove_origins" desc:"hosts of web pages that may read over Foxglove's protocol"`
	// Calibration is the robot's calibration file; "" is the factory default.
	Calibration string `param:"calibration" desc:"the robot's calibration file; empty for the factory default"`
	// Episodes is the folder of recorded episodes, the recorder's directory; "" shows no list.
	Episodes string `param:"episodes" desc:"folder of recorded episodes; empty shows no list"`
	// ImageRate bounds each picture's rate at each viewer [Hz]. Encoding a VGA
	// picture costs about 8 ms of one core, shared by all viewers.
	ImageRate float64 `param:"image_rate_hz" unit:"Hz" min:"1" max:"30" desc:"highest rate of each picture"`
	// ImageWidth: wider pictures are halved until they are not [px].
	ImageWidth int `param:"image_width" unit:"px" min:"64" max:"4096" desc:"wider pictures are halved until they are not"`
	// Quality of the JPEG pictures.
	Quality int `param:"jpeg_quality" min:"10" max:"95" desc:"quality of the pictures"`
	// Viewers bounds the page's viewers, and the Foxglove clients, at a time.
	Viewers int `param:"viewers" min:"1" max:"100" desc:"most viewers at a time"`
	// ActionTokenTop is the manifest's number of the same name: a token's bin is it
	// minus the token.
	ActionTokenTop int `param:"action_token_top" min:"257" desc:"the manifest's action_token_top"`
	// LinearSpeed and AngularSpeed of the page's driving buttons [m/s], [rad/s].
	LinearSpeed  float64 `param:"linear_speed_m_s" unit:"m/s" min:"0" max:"2" desc:"speed of the page's driving buttons"`
	AngularSpeed float64 `param:"angular_speed_rad_s" unit:"rad/s" min:"0" max:"3" desc:"turn rate of the page's driving buttons"`
}

// DefaultConfig shows the page to the robot's own machine.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:8080", Foxglove: "127.0.0.1:8765", Episodes: "episodes",
		FoxgloveOrigins: []string{"app.foxglove.dev", "studio.foxglove.dev"},
		ImageRate:       10, ImageWidth: 640, Quality: 75, Viewers: 8, ActionTokenTop: 151643,
		LinearSpeed: 0.3, AngularSpeed: 0.5,
	}
}

// shortestToken is what cannot be guessed over a network in a day.
const shortestToken = 8

func (c Config) check() error {
	if n := len(c.Token); n > 0 && n < shortestToken {
		return fmt.Errorf("dashboard: token of %d characters: use at least %d, as it moves a robot", n, shortestToken)
	}
	return nil
}

func loadRobot(path string) (calibration.Robot, error) {
	if path == "" {
		return calibration.Default(), nil
	}
	return calibration.Load(path)
}
