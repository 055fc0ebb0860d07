package sim

import "cobot_vla/drivers/mujoco/scene"

// Config is the node's parameters.
type Config struct {
	// Calibration is the robot's calibration file; "" is the factory default.
	Calibration string `param:"calibration" desc:"the robot's calibration file; empty for the factory default"`
	// Plant is the mechanics: mujoco (real contact physics) or kinematic (ideal).
	Plant string `param:"plant" choice:"mujoco,kinematic" desc:"mujoco: contact physics; kinematic: ideal motion, toy grasp"`
	// Task to set up and to judge, e.g. fetch_bottle; several, with commas between, are a chain in one scene, judged
	// one after the other when Next is called.
	Task string `param:"task" desc:"task to set up and to judge; several with commas between are a chain"`
	// Seed of the initial state.
	Seed int `param:"seed" min:"0" desc:"seed of the initial state"`
	// SocketDir serves the CAN buses as Unix sockets of this folder, for drivers in
	// other processes; "" takes OwnDir.
	SocketDir string `param:"socket_dir" desc:"folder for the CAN buses' sockets; empty: where drivers of this machine look for a simulator"`
	// OwnDir is used where SocketDir is empty: its sockets are named as a can.System
	// with that UnixDir looks for them. The program sets it for a simulator in a
	// process of its own; "" keeps the buses in this process.
	OwnDir string
	// Step of the simulation [ms]; CAN frames have its resolution.
	StepMS int `param:"step_ms" unit:"ms" min:"1" max:"4" desc:"step of the simulation"`
	// Spread scales the ranges the task's start is drawn from: 0 is their middle, 1 all of them.
	Spread float64 `param:"spread" min:"0" max:"1" desc:"part of the task's ranges that the start is drawn from"`
	// Clutter is the number of other objects on the table.
	Clutter int `param:"clutter" min:"0" max:"4" desc:"other objects on the table"`
	// Light, Textures, TableHeight and CameraJitter are domain randomisation: see scene.Variation.
	Light        bool   `param:"light" desc:"vary the light"`
	Textures     string `param:"textures" choice:"plain,train,eval" desc:"looks of table, floor and walls; those of train and eval have none in common"`
	TableHeight  bool   `param:"vary_table_height" desc:"vary the table's height by 2 cm"`
	CameraJitter bool   `param:"camera_jitter" desc:"vary the cameras' mounts"`
	// ImageWidth and ImageHeight of the cameras [px]: what the composite needs is enough.
	ImageWidth  int `param:"image_width" unit:"px" min:"32" max:"1280" desc:"width of the cameras' images"`
	ImageHeight int `param:"image_height" unit:"px" min:"32" max:"960" desc:"height of the cameras' images"`
	// FilmWidth and FilmHeight of the camera that watches the robot [px].
	FilmWidth  int `param:"film_width" unit:"px" min:"32" max:"1280" desc:"width of the watching camera"`
	FilmHeight int `param:"film_height" unit:"px" min:"32" max:"960" desc:"height of the watching camera"`
	// Cameras says whether camera nodes publish pictures; without, only the verdict counts.
	Cameras bool `param:"cameras" desc:"publish the cameras' pictures"`
	// CameraRate of the pictures [Hz].
	CameraRate float64 `param:"camera_rate_hz" unit:"Hz" min:"0.5" max:"60" desc:"rate of the pictures"`
	// ClockRate of /clock, TruthRate of /sim/ground_truth [Hz].
	ClockRate float64 `param:"clock_rate_hz" unit:"Hz" min:"10" max:"1000" desc:"rate of /clock"`
	TruthRate float64 `param:"truth_rate_hz" unit:"Hz" min:"5" max:"500" desc:"rate of /sim/ground_truth"`
}

// DefaultConfig is the demo's.
func DefaultConfig() Config {
	return Config{
		Plant: "mujoco", Task: "fetch_bottle", Seed: 1, StepMS: 2,
		Spread: 1, Clutter: 2, Textures: "plain",
		ImageWidth: 320, ImageHeight: 240, FilmWidth: 640, FilmHeight: 480,
		Cameras: true, CameraRate: 10, ClockRate: 100, TruthRate: 50,
	}
}

// Variation is the part of domain randomisation that the world shows.
func (c Config) Variation() (scene.Variation, error) {
	t, err := scene.ParseTexture(c.Textures)
	return scene.Variation{Clutter: c.Clutter, Light: c.Light, Texture: t, TableHeight: c.TableHeight, Camera: c.CameraJitter}, err
}
