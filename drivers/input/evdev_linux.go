//go:build linux && (amd64 || arm64)

package input

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// System opens this machine's devices.
type System struct {
	// Folder of the device files; "" is /dev/input.
	Folder string
}

// Open implements Opener.
func (s System) Open(class Class, want string) (Device, error) {
	found, hidden := s.scan()
	i, err := pick(found, class, want)
	if err != nil {
		if len(hidden) > 0 {
			err = fmt.Errorf("%w; not readable: %s: add yourself to the group input", err, strings.Join(hidden, ", "))
		}
		return nil, err
	}
	f, err := openFile(i.Path)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNoDevice, i.Path, err)
	}
	return newEvdev(f, i.Path)
}

// Devices lists the devices that can be read.
func (s System) Devices() []Info {
	found, _ := s.scan()
	return found
}

func (s System) scan() (found []Info, hidden []string) {
	folder := s.Folder
	if folder == "" {
		folder = "/dev/input"
	}
	paths, _ := filepath.Glob(filepath.Join(folder, "event*")) // its only error is a bad pattern
	slices.SortFunc(paths, func(a, b string) int { return compareNumbered(a, b) })
	for _, path := range paths {
		f, err := openFile(path)
		if err != nil {
			hidden = append(hidden, path)
			continue
		}
		if i, err := describe(f, path); err == nil {
			found = append(found, i)
		}
		_ = f.Close()
	}
	return found, hidden
}

// compareNumbered puts event2 before event10.
func compareNumbered(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// kernel is an open device file: what the tests put something else in place of.
type kernel interface {
	io.ReadCloser
	ioctl(request uintptr, arg unsafe.Pointer) error
}

type deviceFile struct{ *os.File }

func openFile(path string) (deviceFile, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	return deviceFile{f}, err
}

func (f deviceFile) ioctl(request uintptr, arg unsafe.Pointer) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var errno unix.Errno
	if err := raw.Control(func(fd uintptr) {
		for {
			_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(arg))
			if errno != unix.EINTR {
				return
			}
		}
	}); err != nil {
		return err
	}
	if errno != 0 {
		return errno
	}
	return nil
}

// absInfo is struct input_absinfo.
type absInfo struct{ value, min, max, fuzz, flat, resolution int32 }

const (
	maxKey = 0x2ff
	maxAbs = 0x3f
)

// bits is a set of numbers as the kernel gives it.
type bits [maxKey/8 + 1]byte

func (b *bits) has(n uint16) bool { return int(n/8) < len(b) && b[n/8]&(1<<(n%8)) != 0 }

// Requests of include/uapi/linux/input.h: direction, size, 'E', number.
func ior(nr, size uintptr) uintptr { return 2<<30 | size<<16 | 'E'<<8 | nr }
func iow(nr, size uintptr) uintptr { return 1<<30 | size<<16 | 'E'<<8 | nr }

func reqName(size uintptr) uintptr  { return ior(0x06, size) }                  // EVIOCGNAME
func reqKeys() uintptr              { return ior(0x18, unsafe.Sizeof(bits{})) } // EVIOCGKEY
func reqBits(evType uint16) uintptr { return ior(0x20+uintptr(evType), unsafe.Sizeof(bits{})) }
func reqAbs(axis uint16) uintptr    { return ior(0x40+uintptr(axis), unsafe.Sizeof(absInfo{})) }
func reqGrab() uintptr              { return iow(0x90, 4) } // EVIOCGRAB

// describe asks a device what it is.
func describe(k kernel, path string) (Info, error) {
	var name [256]byte
	if err := k.ioctl(reqName(unsafe.Sizeof(name)), unsafe.Pointer(&name)); err != nil {
		return Info{}, fmt.Errorf("input: %s: its name: %w", path, err)
	}
	i := Info{Name: path, Path: path}
	if n := slices.Index(name[:], 0); n > 0 {
		i.Name = string(name[:n])
	}
	var types, keys, axes bits
	if err := k.ioctl(reqBits(0), unsafe.Pointer(&types)); err != nil {
		return Info{}, fmt.Errorf("input: %s: its kinds of events: %w", path, err)
	}
	if types.has(evKey) {
		if err := k.ioctl(reqBits(evKey), unsafe.Pointer(&keys)); err != nil {
			return Info{}, fmt.Errorf("input: %s: its keys: %w", path, err)
		}
	}
	if types.has(evAbs) {
		if err := k.ioctl(reqBits(evAbs), unsafe.Pointer(&axes)); err != nil {
			return Info{}, fmt.Errorf("input: %s: its axes: %w", path, err)
		}
	}
	if keys.has(KeyEnter.number()) && keys.has(KeyA.number()) && keys.has(KeyZ.number()) {
		i.Class |= Keyboard
	}
	if axes.has(AbsX.number()) && axes.has(AbsY.number()) && (keys.has(BtnTrigger.number()) || keys.has(BtnSouth.number())) {
		i.Class |= Joystick
	}
	return i, nil
}

// evdev is a device of this machine. One goroutine reads it, from newEvdev to Close.
type evdev struct {
	k    kernel
	info Info
	hear listeners
	done chan struct{}

	mu     sync.Mutex
	closed bool
}

// newEvdev reads the device behind k, which it owns.
func newEvdev(k kernel, path string) (*evdev, error) {
	i, err := describe(k, path)
	if err != nil {
		return nil, errors.Join(err, k.Close())
	}
	d := &evdev{k: k, info: i, done: make(chan struct{})}
	var axes bits
	ranges := map[Code]Range{}
	if d.k.ioctl(reqBits(evAbs), unsafe.Pointer(&axes)) == nil {
		for n := range uint16(maxAbs + 1) {
			var a absInfo
			if axes.has(n) && d.k.ioctl(reqAbs(n), unsafe.Pointer(&a)) == nil {
				ranges[AxisCode(n)] = Range{Min: a.min, Max: a.max, Flat: a.flat}
			}
		}
	}
	go d.read(newState(ranges))
	return d, nil
}

// read tells what the device says until it is closed or gone.
func (d *evdev) read(s *state) {
	defer close(d.done)
	buf := make([]byte, 64*RawSize)
	have := 0
	for {
		n, err := d.k.Read(buf[have:])
		events, rest := ParseRaw(buf[:have+n])
		for _, r := range events {
			e, tell, resync := s.apply(r)
			if tell {
				d.hear.tell(e)
			}
			if resync {
				for _, e := range s.catchUp(d.now(s)) {
					d.hear.tell(e)
				}
			}
		}
		have = copy(buf, rest)
		if err != nil {
			d.hear.tell(Event{Kind: Gone}) // nobody listens any more after Close
			return
		}
	}
}

// now asks the kernel for the device's state. What it does not answer for counts as released.
func (d *evdev) now(s *state) snapshot {
	out := snapshot{down: map[Code]bool{}, axes: map[Code]int32{}}
	var keys bits
	if d.k.ioctl(reqKeys(), unsafe.Pointer(&keys)) == nil {
		for n := range uint16(maxKey + 1) {
			if keys.has(n) {
				out.down[KeyCode(n)] = true
			}
		}
	}
	for c := range s.ranges {
		var a absInfo
		if d.k.ioctl(reqAbs(c.number()), unsafe.Pointer(&a)) == nil {
			out.axes[c] = a.value
		}
	}
	return out
}

// Info implements Device.
func (d *evdev) Info() Info { return d.info }

// Listen implements Device.
func (d *evdev) Listen(fn func(Event)) (cancel func()) { return d.hear.add(fn) }

// Grab implements Device.
func (d *evdev) Grab(on bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	var yes uintptr // EVIOCGRAB takes a number where others take a pointer
	if on {
		yes = 1
	}
	switch err := d.k.ioctl(reqGrab(), *(*unsafe.Pointer)(unsafe.Pointer(&yes))); {
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("%w: %s", ErrGrabbed, d.info.Path)
	case err != nil && on:
		return fmt.Errorf("input: grab %s: %w", d.info.Path, err)
	}
	return nil
}

// Close implements Device.
func (d *evdev) Close() error {
	d.mu.Lock()
	was := d.closed
	d.closed = true
	d.mu.Unlock()
	d.hear.close()
	if was {
		<-d.done
		return nil
	}
	err := d.k.Close()
	<-d.done
	return err
}
