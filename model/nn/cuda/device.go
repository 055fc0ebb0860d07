package cuda

import (
	"time"

	"cobot_vla/model/nn"
)

// Device is all that the backend knows of a GPU and its driver. What implements
// it moves bytes and launches kernels, and knows nothing of models: package
// driver is NVIDIA's, package emulator a GPU in software that runs the same PTX.
//
// Calls are made by one goroutine at a time and enqueue in order, on one stream;
// Download, Wait and Elapsed wait. An error of something enqueued may come out
// of any later call.
type Device interface {
	// Info of the device.
	Info() Info
	// Load takes a module of kernels in PTX. The texts of a device are loaded once.
	Load(ptx string) error
	// Function of a loaded module that may be launched with up to shared bytes of dynamic shared memory.
	Function(name string, shared int) (Function, error)

	// Alloc memory of the device; its contents are undefined.
	Alloc(bytes int64) (Pointer, error)
	// Free what Alloc gave.
	Free(p Pointer) error
	// Pinned memory of the host, zeroed, that the device reads and writes in place. It lives until Close.
	Pinned(bytes int) (Pinned, error)

	// Zero memory.
	Zero(p Pointer, bytes int64) error
	// Upload copies to the device. from may be reused when it returns.
	Upload(to Pointer, from []byte) error
	// Download waits for what was enqueued and copies from the device.
	Download(to []byte, from Pointer) error
	// Launch a kernel.
	Launch(l Launch) error

	// Capture begins to record launches, which then do not happen, until Captured.
	Capture() error
	// Captured ends recording.
	Captured() (Graph, error)
	// Replay enqueues what was recorded.
	Replay(g Graph) error

	// Mark a place among what is enqueued.
	Mark() (Mark, error)
	// Elapsed time between two marks; waits for the second.
	Elapsed(from, to Mark) (time.Duration, error)

	// Idle says, without waiting, whether all that was enqueued is done.
	Idle() (bool, error)
	// Wait for what was enqueued.
	Wait() error
	// Close gives everything back.
	Close() error
}

// Pointer is an address in the device's memory.
type Pointer uint64

// Function is a kernel, by the number its device gave it.
type Function int

// Mark is a place among what was enqueued, by the number its device gave it.
type Mark int

// Graph is a recorded sequence of launches.
type Graph interface {
	// Nodes is how many launches it has.
	Nodes() int
	// Close frees it.
	Close() error
}

// Pinned is memory of the host with an address on the device.
type Pinned struct {
	Host   []byte
	Device Pointer
}

// Launch of a kernel. Every argument has 8 bytes: a number, an address, or the bits of a float32.
type Launch struct {
	Function Function
	// Grid of blocks, and threads of a block.
	Grid    [3]int
	Threads int
	// Shared is the bytes of dynamic shared memory of a block.
	Shared int
	Args   []uint64
}

// Info is what a device says of itself.
type Info struct {
	Name string
	// Major and Minor compute capability.
	Major, Minor int
	// Driver is the CUDA version that the driver has, 12040 for 12.4.
	Driver int
	// Processors are its streaming multiprocessors.
	Processors int
	// Memory of the device [bytes].
	Memory int64
	// Shared memory that a block may have when it asks for it [bytes].
	Shared int
	// Emulated devices compute slowly what a real one would: their times mean nothing.
	Emulated bool
}

// deviceError is an nn.ErrDevice that says what is wrong.
type deviceError string

func (e deviceError) Error() string { return string(e) }

// Is says that another device could do the work.
func (e deviceError) Is(target error) bool { return target == nn.ErrDevice || target == e }

// What can be wrong with a device, or come to be.
var (
	// ErrNotBuilt: this program was built without -tags cuda.
	ErrNotBuilt error = deviceError("this program was built without CUDA: `make cuda` builds cobot_vla_cuda, which runs policies on an NVIDIA GPU")
	// ErrNoDevice: there is no such GPU.
	ErrNoDevice error = deviceError("no CUDA device")
	// ErrUnsupported: the GPU, or its driver, is too old for the kernels.
	ErrUnsupported error = deviceError("the GPU or its driver is too old")
	// ErrMemory: the device has not enough memory left.
	ErrMemory error = deviceError("the GPU is out of memory")
	// ErrLost: the device failed, and nothing can be had from it again.
	ErrLost error = deviceError("the GPU is lost")
)

// Least of what the kernels need: PTX 7.0 for sm_80, and graphs as drivers of CUDA 11.4 (JetPack 5) instantiate them.
const (
	leastMajor  = 8
	leastDriver = 11040
)
