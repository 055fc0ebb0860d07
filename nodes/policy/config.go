package policy

import "time"

// Config is the node's parameters.
type Config struct {
	// Policy is the kind: expert, replay, llavavla, …; it must be the manifest's.
	Policy string `param:"policy" desc:"kind of policy: expert, replay, llavavla, vitavla, seer"`
	// Checkpoint is the policy's folder or file; "" for a policy that ships with the program.
	Checkpoint string `param:"checkpoint" desc:"folder or file of the policy; empty for a built-in one"`
	// Calibration is the robot's calibration file; "" is the factory default.
	Calibration string `param:"calibration" desc:"the robot's calibration file; empty for the factory default"`
	Compute
	// Instruction to start with; /instruction replaces it. "" waits.
	Instruction string `param:"instruction" desc:"instruction to start with; empty waits for /instruction"`
	// Mobile asks for the unified action space: the policy may drive the base, if its manifest says it can.
	Mobile bool `param:"mobile" desc:"unified action space: the policy may drive"`
	// Schedule of chunks: auto, sync or async (see the arm node). auto is async
	// when inference and image age together (p99) take at most half a chunk, so
	// that half of every chunk is left to play; with less left, a policy acts on
	// what it saw before its last action and overshoots.
	Schedule string `param:"schedule" choice:"auto,sync,async" desc:"when steps are due"`
	// Latency of inference in simulated time [s]; negative: as long as it really
	// takes. Ignored on hardware.
	Latency float64 `param:"latency_s" unit:"s" min:"-1" max:"60" desc:"simulated inference time; negative: measured"`
	// MaxSkew between the image and the proprioception of one observation [s].
	MaxSkew float64 `param:"max_skew_s" unit:"s" min:"0.001" max:"1" desc:"largest time between image and proprioception"`
	// InferenceTimeout: an inference that takes longer is reported as a fault [s].
	InferenceTimeout float64 `param:"inference_timeout_s" unit:"s" min:"0.1" max:"600" desc:"an inference that takes longer is a fault"`
	// Retry is the pause after a refusal or an aborted goal [s].
	Retry float64 `param:"retry_s" unit:"s" min:"0.01" max:"60" desc:"pause after a refusal"`
}

// Compute is on what a network runs. Policies that need none ignore it.
type Compute struct {
	// Backend: auto takes the GPU where this program was built with CUDA and a GPU works, else the processor.
	Backend string `param:"backend" choice:"auto,cpu,cuda" desc:"what a network runs on; auto: the GPU where there is one"`
	// Precision of the network: f32, bf16, w8a16, or int8 on the processor. "" is w8a16.
	Precision string `param:"precision" desc:"f32, bf16, w8a16, or int8 on the processor; empty for w8a16"`
	// Threads of the processor that compute; 0 is all.
	Threads int `param:"threads" min:"0" max:"1024" desc:"threads that compute; 0 for all processors"`
	// GPU by its number, as nvidia-smi lists them.
	GPU int `param:"gpu" min:"0" max:"63" desc:"number of the GPU, as nvidia-smi lists them"`
	// GPUFailure is what to do without the GPU that backend cuda asks for, and when a GPU fails at work:
	// cpu goes on with the processor, slower; hold decides nothing more, and the robot holds.
	GPUFailure string `param:"gpu_failure" choice:"cpu,hold" desc:"without a GPU: go on with the processor, or hold"`
}

// DefaultCompute takes the GPU where there is one, and the processor when it fails.
func DefaultCompute() Compute { return Compute{Backend: "auto", GPUFailure: "cpu"} }

// DefaultConfig waits for an instruction.
func DefaultConfig() Config {
	return Config{
		Policy: "expert", Compute: DefaultCompute(), Schedule: "auto", Mobile: true, Latency: -1,
		MaxSkew: 0.05, InferenceTimeout: 10, Retry: 0.5,
	}
}

// heartbeatPeriod is the source's sign of life; the drivers' watchdog is 250 ms.
const heartbeatPeriod = 50 * time.Millisecond
