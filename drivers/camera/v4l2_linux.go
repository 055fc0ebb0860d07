//go:build linux && (amd64 || arm64)

package camera

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// V4L2 is a camera of this machine, streaming. Capture waits for the device's
// next frame; between two calls the kernel keeps a queue of Buffers.
type V4L2 struct {
	cfg     DeviceConfig
	info    Info
	enc     string
	step    int
	video   video
	buffers [][]byte
	clock   clock

	mu     sync.Mutex // held by Capture and Close
	stop   sync.Once
	closed chan struct{}

	statsMu sync.Mutex
	stats   DeviceStats
	last    uint32 // sequence number
	started bool
}

// clock reads the wall's time and the kernel's monotonic one, by which V4L2 stamps.
type clock struct {
	wall      func() time.Time
	monotonic func() time.Duration
}

func systemClock() clock {
	return clock{wall: time.Now, monotonic: func() time.Duration {
		var ts unix.Timespec
		if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
			return 0
		}
		return time.Duration(ts.Nano())
	}}
}

// OpenDevice finds the configured camera, sets its mode and starts it. An error
// of ErrMode lists what the device offers, one of ErrNoDevice what devices there are.
func OpenDevice(cfg DeviceConfig) (*V4L2, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	path := cfg.Device
	if path == "" {
		devices, err := Devices()
		if err != nil {
			return nil, err
		}
		d, err := cfg.pick(devices)
		if err != nil {
			return nil, err
		}
		path = d.Path
	}
	k, err := openNode(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNoDevice, cfg.Name, err)
	}
	v, err := openVideo(cfg, k, systemClock())
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", cfg.Name, path, err)
	}
	return v, nil
}

// openVideo starts a camera behind k, which it owns.
func openVideo(cfg DeviceConfig, k kernel, c clock) (v *V4L2, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, k.close())
		}
	}()
	dev := video{k}
	_, problem, err := dev.capability()
	if err != nil {
		return nil, err
	}
	if problem != "" {
		return nil, fmt.Errorf("%w: it %s", ErrNoDevice, problem)
	}
	modes, err := dev.modes()
	if err != nil {
		return nil, err
	}
	mode, rate, err := cfg.choose(modes)
	if err != nil {
		return nil, err
	}
	step, actual, err := dev.set(mode, cfg.Width, cfg.Height, rate)
	if err != nil {
		return nil, err
	}
	v = &V4L2{
		cfg: cfg, enc: mode.Encoding, video: dev, clock: c, closed: make(chan struct{}),
		info: Info{Name: cfg.Name, Width: cfg.Width, Height: cfg.Height, Rate: actual, Paced: true},
	}
	if l, raw := layouts[v.enc]; raw {
		v.step = max(step, cfg.Width*l.bytes)
	}
	if v.buffers, err = dev.start(cfg.Buffers); err != nil {
		return nil, err
	}
	return v, nil
}

// Info implements Source.
func (v *V4L2) Info() Info { return v.info }

// Stats counts frames and losses so far.
func (v *V4L2) Stats() DeviceStats {
	v.statsMu.Lock()
	defer v.statsMu.Unlock()
	return v.stats
}

// Capture implements Source. Its stamp is the kernel's capture time on the
// wall's clock. Corrupt frames are left out and counted.
func (v *V4L2) Capture(ctx context.Context) (Frame, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	defer context.AfterFunc(ctx, v.video.k.wake)()
	deadline := v.clock.monotonic() + v.cfg.Timeout
	for {
		select {
		case <-v.closed:
			return Frame{}, ErrClosed
		default:
		}
		if err := ctx.Err(); err != nil {
			return Frame{}, err
		}
		left := deadline - v.clock.monotonic()
		if left <= 0 {
			return Frame{}, fmt.Errorf("%w for %v: %s gave none, or only corrupt ones: is it plugged in well, and its bus not full?", ErrSilent, v.cfg.Timeout, v.cfg.Name)
		}
		b, ok, err := v.video.dequeue()
		if err != nil {
			return Frame{}, fmt.Errorf("%s: %w", v.cfg.Name, err)
		}
		if ok {
			f, good, err := v.take(b)
			if err != nil || good {
				return f, err
			}
			continue
		}
		if _, err := v.video.k.wait(left); err != nil {
			return Frame{}, fmt.Errorf("%s: wait for a frame: %w", v.cfg.Name, err)
		}
	}
}

// take copies a filled buffer and queues it again.
func (v *V4L2) take(b v4l2Buffer) (f Frame, good bool, err error) {
	if int(b.index) >= len(v.buffers) || int(b.bytesUsed) > len(v.buffers[b.index]) {
		return f, false, fmt.Errorf("%s: the driver gave buffer %d with %d bytes", v.cfg.Name, b.index, b.bytesUsed)
	}
	stamp, bad := v.stamp(b)
	f = Frame{Stamp: stamp, Width: v.info.Width, Height: v.info.Height, Step: v.step, Encoding: v.enc}
	f.Data, good = v.content(v.buffers[b.index][:b.bytesUsed])
	good = good && b.flags&flagError == 0
	v.count(b.sequence, good, bad)
	return f, good, v.video.enqueue(b.index)
}

// content copies a frame's bytes; ok is false where they are not a whole frame.
func (v *V4L2) content(data []byte) (frame []byte, ok bool) {
	if v.enc == "jpeg" {
		whole, err := completeJPEG(bytes.Clone(data))
		return whole, err == nil
	}
	n := v.step * v.info.Height
	if len(data) < n {
		return nil, false
	}
	return bytes.Clone(data[:n]), true
}

// oldest is how far back a capture time is believed.
const oldest = 2 * time.Second

// stamp turns the kernel's time of capture into the wall's.
func (v *V4L2) stamp(b v4l2Buffer) (stamp time.Time, bad bool) {
	now, mono := v.clock.wall(), v.clock.monotonic()
	if b.flags&flagTimestampMask != flagMonotonic {
		return now, false
	}
	age := mono - time.Duration(b.seconds)*time.Second - time.Duration(b.micros)*time.Microsecond
	if age < 0 || age > oldest {
		return now, true
	}
	return now.Add(-age), false
}

func (v *V4L2) count(sequence uint32, good, badStamp bool) {
	v.statsMu.Lock()
	defer v.statsMu.Unlock()
	if gap := sequence - v.last - 1; v.started && gap < 1<<31 {
		v.stats.Dropped += uint64(gap)
	}
	v.last, v.started = sequence, true
	if badStamp {
		v.stats.BadStamps++
	}
	if good {
		v.stats.Frames++
	} else {
		v.stats.Corrupt++
	}
}

// Close implements Source. A Capture that waits ends with ErrClosed.
func (v *V4L2) Close() error {
	var err error
	v.stop.Do(func() {
		close(v.closed)
		v.video.k.wake()
		v.mu.Lock()
		defer v.mu.Unlock()
		err = errors.Join(v.video.stop(v.buffers), v.video.k.close())
		v.buffers = nil
	})
	return err
}

// node is an open device file.
type node struct {
	fd, event int

	mu   sync.Mutex
	gone bool // closed: the numbers may be another file's by now
}

func openNode(path string) (*node, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.EACCES):
		return nil, fmt.Errorf("open %s: %w: add yourself to the group video", path, err)
	case err != nil:
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	event, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return &node{fd: fd, event: event}, nil
}

func (n *node) ioctl(request uintptr, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(n.fd), request, uintptr(arg))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return errno
		}
	}
}

func (n *node) mmap(offset int64, length int) ([]byte, error) {
	return unix.Mmap(n.fd, offset, length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

func (n *node) munmap(mem []byte) error { return unix.Munmap(mem) }

func (n *node) wait(timeout time.Duration) (bool, error) {
	fds := []unix.PollFd{{Fd: int32(n.fd), Events: unix.POLLIN}, {Fd: int32(n.event), Events: unix.POLLIN}}
	ms := int(timeout.Milliseconds()) + 1
	if _, err := unix.Poll(fds, ms); err != nil && !errors.Is(err, unix.EINTR) {
		return false, err
	}
	if fds[1].Revents != 0 {
		var count [8]byte
		_, _ = unix.Read(n.event, count[:]) // only empties it
	}
	return fds[0].Revents != 0, nil
}

func (n *node) wake() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gone {
		return
	}
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(n.event, one[:]) // full means that it is set already
}

func (n *node) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gone = true
	return errors.Join(unix.Close(n.fd), unix.Close(n.event))
}
