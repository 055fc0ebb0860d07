package sim

// Config is the node's parameters.
type Config struct {
	// Calibration is the robot's calibration file; "" is the factory default.
	Calibration string `param:"calibration" desc:"the robot's calibration file; empty for the factory default"`
	// Plant is the mechanics: mujoco (real contact physics) or kinematic (ideal).
	Plant string `param:"plant" choice:"mujoco,kinematic" desc:"mujoco: contact physics; kinematic: ideal motion, toy grasp"`
	// Task to set up and to judge, e.g. fetch_bottle.
	Task string `param:"task" desc:"task to set up and to judge"`
	// Seed of the initial state.
	Seed int `param:"seed" min:"0" desc:"seed of the initial state"`
	// SocketDir serves the CAN buses as Unix sockets of this folder, for drivers in
	// other processes; "" keeps them in this one.
	SocketDir string `param:"socket_dir" desc:"folder for the CAN buses' sockets; empty: buses of this process alone"`
	// Step of the simulation [ms]; CAN frames have its resolution.
	StepMS int `param:"step_ms" unit:"ms" min:"1" max:"4" desc:"step of the simulation"`
	// BaseRange, YawRange, ObjectRange spread the initial state: ± [m], [rad], [m].
	BaseRange   float64 `param:"base_range_m" unit:"m" min:"0" max:"0.3" desc:"spread of the base's start"`
	YawRange    float64 `param:"yaw_range_rad" unit:"rad" min:"0" max:"1" desc:"spread of the base's heading"`
	ObjectRange float64 `param:"object_range_m" unit:"m" min:"0" max:"0.15" desc:"spread of the object's place"`
	// Clutter is the number of other objects on the table.
	Clutter int `param:"clutter" min:"0" max:"4" desc:"other objects on the table"`
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
		BaseRange: 0.10, YawRange: 0.1745, ObjectRange: 0.05, Clutter: 2,
		ImageWidth: 320, ImageHeight: 240, FilmWidth: 640, FilmHeight: 480,
		Cameras: true, CameraRate: 10, ClockRate: 100, TruthRate: 50,
	}
}
