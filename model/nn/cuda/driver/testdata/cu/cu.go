// Package cu declares what package driver uses of gorgonia.org/cu, so that a
// machine without CUDA's headers can check that -tags cuda compiles. It does nothing.
package cu

import "unsafe"

type cuResult int

func (cuResult) Error() string { return "no CUDA" }

const (
	OutOfMemory cuResult = iota + 2
	NoDevice
	InvalidDevice
	InvalidPtx
	NoBinaryForGpu
	JitCompilerNotFound
	NotFound
	NotReady
)

type (
	Device          int32
	DeviceAttribute int
	DevicePtr       uintptr
	StreamFlags     byte
	EventFlags      byte
	CUContext       struct{ p unsafe.Pointer }
	Stream          struct{ p unsafe.Pointer }
	Event           struct{ p unsafe.Pointer }
	Module          struct{ p unsafe.Pointer }
	Function        struct{ p unsafe.Pointer }
)

type JITOption interface{ arguments() }

type JITErrorLogBuffer struct{ Buffer []byte }

func (*JITErrorLogBuffer) arguments() {}

const (
	ComputeCapabilityMajor DeviceAttribute = iota
	ComputeCapabilityMinor
	MultiprocessorCount
	NonBlocking  StreamFlags = 1
	DefaultEvent EventFlags  = 0
)

func Version() int                      { return 0 }
func NumDevices() (int, error)          { return 0, NoDevice }
func GetDevice(int) (Device, error)     { return 0, NoDevice }
func SetCurrentContext(CUContext) error { return NoDevice }
func MemInfo() (free, total int64, err error) {
	return 0, 0, NoDevice
}
func MemAlloc(int64) (DevicePtr, error)      { return 0, NoDevice }
func MemFree(DevicePtr) error                { return NoDevice }
func MemFreeHost(unsafe.Pointer) error       { return NoDevice }
func MakeStream(StreamFlags) (Stream, error) { return Stream{}, NoDevice }
func MakeEvent(EventFlags) (Event, error)    { return Event{}, NoDevice }
func DestroyEvent(*Event) error              { return NoDevice }
func LoadDataEx(string, ...JITOption) (Module, error) {
	return Module{}, NoDevice
}
func MemsetD8Async(DevicePtr, byte, int64, Stream) error { return NoDevice }
func MemcpyHtoDAsync(DevicePtr, unsafe.Pointer, int64, Stream) error {
	return NoDevice
}
func MemcpyDtoHAsync(unsafe.Pointer, DevicePtr, int64, Stream) error {
	return NoDevice
}

func (Device) Name() (string, error)                  { return "", NoDevice }
func (Device) TotalMem() (int64, error)               { return 0, NoDevice }
func (Device) Attribute(DeviceAttribute) (int, error) { return 0, NoDevice }
func (Device) RetainPrimaryCtx() (CUContext, error)   { return CUContext{}, NoDevice }
func (Device) ReleasePrimaryCtx() error               { return NoDevice }
func (Module) Function(string) (Function, error)      { return Function{}, NoDevice }
func (Stream) Synchronize() error                     { return NoDevice }
func (Stream) Query() error                           { return NoDevice }
func (*Stream) Destroy() error                        { return NoDevice }
func (Event) Record(Stream) error                     { return NoDevice }
func (Event) Synchronize() error                      { return NoDevice }
func (Event) Elapsed(Event) (float64, error)          { return 0, NoDevice }
func (Function) Launch(x, y, z, bx, by, bz, shared int, s Stream, params []unsafe.Pointer) error {
	return NoDevice
}
