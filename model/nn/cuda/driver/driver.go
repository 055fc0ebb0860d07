//go:build cuda

package driver

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"gorgonia.org/cu"

	"cobot_vla/model/nn/cuda"
)

// Built says whether this program has NVIDIA's driver in it.
const Built = true

// sharedOptIn is CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, which cu has no name for.
const sharedOptIn cu.DeviceAttribute = 97

// Devices that the driver knows.
func Devices() ([]cuda.Info, error) {
	n, err := cu.NumDevices()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", cuda.ErrNoDevice, err)
	}
	out := make([]cuda.Info, n)
	for i := range out {
		if _, out[i], err = describe(i); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func describe(ordinal int) (cu.Device, cuda.Info, error) {
	info := cuda.Info{Driver: cu.Version()}
	d, err := cu.GetDevice(ordinal)
	if err != nil {
		n, _ := cu.NumDevices()
		return d, info, fmt.Errorf("%w: GPU %d of %d: %w: look at nvidia-smi and CUDA_VISIBLE_DEVICES", cuda.ErrNoDevice, ordinal, n, err)
	}
	if info.Name, err = d.Name(); err != nil {
		return d, info, named(fmt.Sprintf("GPU %d", ordinal), err)
	}
	info.Name = strings.TrimRight(info.Name, "\x00")
	if info.Memory, err = d.TotalMem(); err != nil {
		return d, info, named(info.Name, err)
	}
	for attribute, to := range map[cu.DeviceAttribute]*int{
		cu.ComputeCapabilityMajor: &info.Major, cu.ComputeCapabilityMinor: &info.Minor,
		cu.MultiprocessorCount: &info.Processors, sharedOptIn: &info.Shared,
	} {
		if *to, err = d.Attribute(attribute); err != nil {
			return d, info, named(info.Name, err)
		}
	}
	return d, info, nil
}

// named says what was done when the driver failed, and which of the package cuda's errors it is.
func named(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, cu.OutOfMemory):
		return fmt.Errorf("%s: %w", what, cuda.ErrMemory)
	case errors.Is(err, cu.InvalidPtx), errors.Is(err, cu.NoBinaryForGpu), errors.Is(err, cu.JitCompilerNotFound):
		return fmt.Errorf("%s: %w: %w", what, cuda.ErrUnsupported, err)
	case errors.Is(err, cu.NoDevice), errors.Is(err, cu.InvalidDevice):
		return fmt.Errorf("%s: %w: %w", what, cuda.ErrNoDevice, err)
	}
	return fmt.Errorf("%s: %w: %w", what, cuda.ErrLost, err)
}

// device implements cuda.Device on one stream of a device's primary context.
type device struct {
	d       cu.Device
	info    cuda.Info
	ctx     cu.CUContext
	stream  cu.Stream
	modules []cu.Module
	funcs   []cu.Function
	events  []cu.Event
	used    int // events since the last Elapsed
	pinned  []unsafe.Pointer
	params  []unsafe.Pointer
}

// Open a device by its number, as nvidia-smi lists them.
func Open(ordinal int) (cuda.Device, error) {
	d, info, err := describe(ordinal)
	if err != nil {
		return nil, err
	}
	if err := info.Check(); err != nil {
		return nil, err
	}
	v := &device{d: d, info: info}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if v.ctx, err = d.RetainPrimaryCtx(); err != nil {
		return nil, named(info.Name, err)
	}
	if err = cu.SetCurrentContext(v.ctx); err == nil {
		v.stream, err = cu.MakeStream(cu.NonBlocking)
	}
	if err != nil {
		return nil, errors.Join(named(info.Name, err), d.ReleasePrimaryCtx())
	}
	return v, nil
}

// on runs f where the context is current: it belongs to a thread, and goroutines do not.
func (v *device) on(what string, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cu.SetCurrentContext(v.ctx); err != nil {
		return named(what, err)
	}
	err := f()
	for _, known := range []error{cuda.ErrMemory, cuda.ErrLost, cuda.ErrUnsupported} {
		if errors.Is(err, known) {
			return err
		}
	}
	return named(what, err)
}

func (v *device) Info() cuda.Info { return v.info }

func (v *device) Load(ptx string) error {
	log := make([]byte, 8<<10)
	return v.on("kernels", func() error {
		m, err := cu.LoadDataEx(ptx, &cu.JITErrorLogBuffer{Buffer: log})
		if err != nil {
			if text := strings.TrimSpace(strings.TrimRight(string(log), "\x00")); text != "" {
				return fmt.Errorf("%w: %s", named("translating the PTX", err), text)
			}
			return err
		}
		v.modules = append(v.modules, m)
		return nil
	})
}

// largeShared is how much a block may have without asking.
const largeShared = 48 << 10

func (v *device) Function(name string, shared int) (cuda.Function, error) {
	err := v.on("kernel "+name, func() error {
		err := error(cu.NotFound)
		var f cu.Function
		for _, m := range v.modules {
			if f, err = m.Function(name); err == nil {
				break
			}
		}
		if err != nil {
			return err
		}
		v.funcs = append(v.funcs, f)
		if shared > largeShared {
			return allowShared(f, shared)
		}
		return nil
	})
	return cuda.Function(len(v.funcs) - 1), err
}

func (v *device) Alloc(bytes int64) (cuda.Pointer, error) {
	var p cu.DevicePtr
	err := v.on(fmt.Sprintf("%.1f MB more", float64(bytes)/1e6), func() (err error) {
		p, err = cu.MemAlloc(bytes)
		return err
	})
	if errors.Is(err, cuda.ErrMemory) {
		if free, total, e := cu.MemInfo(); e == nil {
			err = fmt.Errorf("%w (%d of %d MB are free): close other programs on the GPU (nvidia-smi lists them), or set precision to w8a16", err, free/1e6, total/1e6)
		}
	}
	return cuda.Pointer(p), err
}

func (v *device) Free(p cuda.Pointer) error {
	return v.on("free", func() error { return cu.MemFree(cu.DevicePtr(p)) })
}

func (v *device) Pinned(bytes int) (cuda.Pinned, error) {
	var p cuda.Pinned
	err := v.on("pinned memory", func() error {
		host, at, err := pinned(bytes)
		if err != nil {
			return err
		}
		v.pinned = append(v.pinned, host)
		p = cuda.Pinned{Host: unsafe.Slice((*byte)(host), bytes), Device: at}
		clear(p.Host)
		return nil
	})
	return p, err
}

func (v *device) Zero(p cuda.Pointer, bytes int64) error {
	return v.on("zero", func() error { return cu.MemsetD8Async(cu.DevicePtr(p), 0, bytes, v.stream) })
}

func (v *device) Upload(to cuda.Pointer, from []byte) error {
	if len(from) == 0 {
		return nil
	}
	return v.on("upload", func() error {
		// Of pageable memory the driver has taken its copy when this returns.
		return cu.MemcpyHtoDAsync(cu.DevicePtr(to), unsafe.Pointer(&from[0]), int64(len(from)), v.stream)
	})
}

func (v *device) Download(to []byte, from cuda.Pointer) error {
	if len(to) == 0 {
		return v.Wait()
	}
	return v.on("download", func() error {
		if err := cu.MemcpyDtoHAsync(unsafe.Pointer(&to[0]), cu.DevicePtr(from), int64(len(to)), v.stream); err != nil {
			return err
		}
		return v.stream.Synchronize()
	})
}

func (v *device) Launch(l cuda.Launch) error {
	v.params = v.params[:0]
	for i := range l.Args {
		v.params = append(v.params, unsafe.Pointer(&l.Args[i]))
	}
	return v.on("launch", func() error {
		return v.funcs[l.Function].Launch(l.Grid[0], l.Grid[1], l.Grid[2], l.Threads, 1, 1, l.Shared, v.stream, v.params)
	})
}

func (v *device) Capture() error {
	return v.on("capture", func() error { return beginCapture(v.stream) })
}

func (v *device) Captured() (g cuda.Graph, err error) {
	err = v.on("capture", func() (err error) {
		g, err = endCapture(v.stream)
		return err
	})
	return g, err
}

func (v *device) Replay(g cuda.Graph) error {
	own, ok := g.(*graph)
	if !ok {
		return fmt.Errorf("replay: the graph was captured on another device")
	}
	return v.on("replay", func() error { return replay(own, v.stream) })
}

func (v *device) Mark() (cuda.Mark, error) {
	err := v.on("mark", func() error {
		if v.used == len(v.events) {
			e, err := cu.MakeEvent(cu.DefaultEvent)
			if err != nil {
				return err
			}
			v.events = append(v.events, e)
		}
		v.used++
		return v.events[v.used-1].Record(v.stream)
	})
	return cuda.Mark(v.used - 1), err
}

func (v *device) Elapsed(from, to cuda.Mark) (took time.Duration, err error) {
	err = v.on("elapsed", func() error {
		if err := v.events[to].Synchronize(); err != nil {
			return err
		}
		ms, err := v.events[from].Elapsed(v.events[to])
		took = time.Duration(ms * float64(time.Millisecond))
		return err
	})
	if int(to) == v.used-1 { // the last of them: the next Mark begins anew
		v.used = 0
	}
	return took, err
}

func (v *device) Idle() (idle bool, err error) {
	err = v.on("query", func() error {
		err := v.stream.Query()
		idle = err == nil
		if errors.Is(err, cu.NotReady) {
			return nil
		}
		return err
	})
	return idle, err
}

func (v *device) Wait() error { return v.on("wait", v.stream.Synchronize) }

func (v *device) Close() error {
	err := v.on("close", func() error {
		var errs []error
		for _, p := range v.pinned {
			errs = append(errs, cu.MemFreeHost(p))
		}
		for i := range v.events {
			errs = append(errs, cu.DestroyEvent(&v.events[i]))
		}
		return errors.Join(append(errs, v.stream.Destroy())...)
	})
	return errors.Join(err, v.d.ReleasePrimaryCtx())
}
