//go:build linux && (amd64 || arm64)

package camera

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernel is what an open device node takes; a test puts a camera behind it.
type kernel interface {
	// ioctl performs a request; arg points to its structure.
	ioctl(request uintptr, arg unsafe.Pointer) error
	mmap(offset int64, length int) ([]byte, error)
	munmap(mem []byte) error
	// wait returns true when a frame (or an error) is ready, false after the timeout or wake.
	wait(timeout time.Duration) (bool, error)
	// wake ends a wait that is under way, or the next one.
	wake()
	close() error
}

// maxEntries bounds what a device may list: of formats, of sizes each, of rates each.
const maxEntries = 64

// video asks an open device in Go's terms.
type video struct{ k kernel }

func (v video) capability() (card string, problem string, err error) {
	var c v4l2Capability
	if err := v.k.ioctl(vidQueryCap, unsafe.Pointer(&c)); err != nil {
		return "", "", fmt.Errorf("not a video device: %w", err)
	}
	caps := c.capabilities
	if caps&capDeviceCaps != 0 { // capabilities are those of all nodes of the camera
		caps = c.deviceCaps
	}
	switch {
	case caps&capVideoCapture == 0:
		problem = "gives no pictures (metadata or output)"
	case caps&capStreaming == 0:
		problem = "does not stream"
	}
	return cString(c.card[:]), problem, nil
}

// modes lists what the device offers.
func (v video) modes() ([]Mode, error) {
	var out []Mode
	for i := range uint32(maxEntries) {
		d := v4l2FmtDesc{index: i, bufType: bufCapture}
		if err := v.k.ioctl(vidEnumFmt, unsafe.Pointer(&d)); errors.Is(err, unix.EINVAL) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("list formats: %w", err)
		}
		sizes, err := v.sizes(d.pixelFormat)
		if err != nil {
			return nil, err
		}
		out = append(out, sizes...)
	}
	return out, nil
}

func (v video) sizes(format uint32) ([]Mode, error) {
	var out []Mode
	for i := range uint32(maxEntries) {
		s := v4l2FrmSize{index: i, pixelFormat: format}
		if err := v.k.ioctl(vidFrameSizes, unsafe.Pointer(&s)); errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTTY) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("list sizes: %w", err)
		}
		m := Mode{Encoding: encodingOf(format), fourcc: format}
		if s.kind == typeDiscrete {
			m.Width, m.Height = int(s.sizes[0]), int(s.sizes[1])
			m.MaxWidth, m.MaxHeight = m.Width, m.Height
		} else {
			m.Width, m.MaxWidth, m.StepWidth = int(s.sizes[0]), int(s.sizes[1]), int(max(s.sizes[2], 1))
			m.Height, m.MaxHeight, m.StepHeight = int(s.sizes[3]), int(s.sizes[4]), int(max(s.sizes[5], 1))
		}
		var err error
		if m.Rates, m.RateRange, err = v.rates(format, s); err != nil {
			return nil, err
		}
		out = append(out, m)
		if s.kind != typeDiscrete {
			break
		}
	}
	return out, nil
}

// rates lists the rates at a size, falling; of a range of sizes those of the largest.
func (v video) rates(format uint32, s v4l2FrmSize) ([]float64, bool, error) {
	width, height := s.sizes[0], s.sizes[1]
	if s.kind != typeDiscrete {
		width, height = s.sizes[1], s.sizes[4]
	}
	var out []float64
	for i := range uint32(maxEntries) {
		f := v4l2FrmIval{index: i, pixelFormat: format, width: width, height: height}
		if err := v.k.ioctl(vidFrameIvals, unsafe.Pointer(&f)); errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTTY) {
			break
		} else if err != nil {
			return nil, false, fmt.Errorf("list rates: %w", err)
		}
		if f.kind != typeDiscrete { // the shortest interval is the highest rate
			return []float64{f.intervals[0].rate(), f.intervals[1].rate()}, true, nil
		}
		if r := f.intervals[0].rate(); r > 0 {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b float64) int {
		switch {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	return out, false, nil
}

func (f v4l2Fract) rate() float64 {
	if f.numerator == 0 {
		return 0
	}
	return float64(f.denominator) / float64(f.numerator)
}

// set puts the device into a mode and returns the row length and rate it took.
func (v video) set(m Mode, width, height int, rate float64) (step int, actual float64, err error) {
	f := v4l2Format{bufType: bufCapture, pix: v4l2PixFormat{width: uint32(width), height: uint32(height), pixelFormat: m.fourcc}}
	if err := v.k.ioctl(vidSetFmt, unsafe.Pointer(&f)); errors.Is(err, unix.EBUSY) {
		return 0, 0, fmt.Errorf("%w: another program uses it", err)
	} else if err != nil {
		return 0, 0, fmt.Errorf("set %s %dx%d: %w", m.Encoding, width, height, err)
	}
	if f.pix.pixelFormat != m.fourcc || int(f.pix.width) != width || int(f.pix.height) != height {
		return 0, 0, fmt.Errorf("%w: asked for %s %dx%d the device gives %s %dx%d", ErrMode, m.Encoding, width, height, encodingOf(f.pix.pixelFormat), f.pix.width, f.pix.height)
	}
	if rate == 0 {
		return int(f.pix.bytesPerLine), 0, nil
	}
	p := v4l2StreamParm{bufType: bufCapture, timePerFrame: v4l2Fract{1000, uint32(math.Round(1000 * rate))}}
	if rate == math.Trunc(rate) {
		p.timePerFrame = v4l2Fract{1, uint32(rate)}
	}
	if err := v.k.ioctl(vidSetParm, unsafe.Pointer(&p)); errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) {
		return int(f.pix.bytesPerLine), 0, nil // the device has one rate and does not say which
	} else if err != nil {
		return 0, 0, fmt.Errorf("set %v Hz: %w", rate, err)
	}
	actual = p.timePerFrame.rate()
	if p.capability&capTimePerFrame != 0 && math.Abs(actual-rate) > 0.02*rate {
		return 0, 0, fmt.Errorf("%w: asked for %v Hz the device gives %v", ErrMode, rate, actual)
	}
	return int(f.pix.bytesPerLine), actual, nil
}

// start maps buffers, queues them and begins to stream.
func (v video) start(count int) (buffers [][]byte, err error) {
	r := v4l2RequestBuffers{count: uint32(count), bufType: bufCapture, memory: memoryMmap}
	if err := v.k.ioctl(vidReqBufs, unsafe.Pointer(&r)); err != nil {
		return nil, fmt.Errorf("request %d buffers: %w", count, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, v.release(buffers))
			buffers = nil
		}
	}()
	if r.count == 0 || r.count > maxEntries {
		return nil, fmt.Errorf("request %d buffers: the device gives %d", count, r.count)
	}
	for i := range r.count {
		b := v4l2Buffer{index: i, bufType: bufCapture, memory: memoryMmap}
		if err := v.k.ioctl(vidQueryBuf, unsafe.Pointer(&b)); err != nil {
			return buffers, fmt.Errorf("buffer %d: %w", i, err)
		}
		mem, err := v.k.mmap(int64(uint32(b.offset)), int(b.length))
		if err != nil {
			return buffers, fmt.Errorf("map buffer %d of %d bytes: %w", i, b.length, err)
		}
		buffers = append(buffers, mem)
		if err := v.enqueue(i); err != nil {
			return buffers, err
		}
	}
	kind := int32(bufCapture)
	if err := v.k.ioctl(vidStreamOn, unsafe.Pointer(&kind)); err != nil {
		return buffers, fmt.Errorf("start streaming: %w (a USB bus carries only so many raw streams: try encoding jpeg)", err)
	}
	return buffers, nil
}

func (v video) enqueue(index uint32) error {
	b := v4l2Buffer{index: index, bufType: bufCapture, memory: memoryMmap}
	if err := v.k.ioctl(vidQBuf, unsafe.Pointer(&b)); err != nil {
		return fmt.Errorf("queue buffer %d: %w", index, err)
	}
	return nil
}

// dequeue takes the oldest filled buffer; ok is false when there is none yet.
func (v video) dequeue() (b v4l2Buffer, ok bool, err error) {
	b = v4l2Buffer{bufType: bufCapture, memory: memoryMmap}
	switch err := v.k.ioctl(vidDQBuf, unsafe.Pointer(&b)); {
	case errors.Is(err, unix.EAGAIN):
		return b, false, nil
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return b, false, fmt.Errorf("%w: %w", ErrUnplugged, err)
	case err != nil:
		return b, false, fmt.Errorf("take a frame: %w", err)
	}
	return b, true, nil
}

// stop ends streaming and gives the buffers back.
func (v video) stop(buffers [][]byte) error {
	kind := int32(bufCapture)
	err := v.k.ioctl(vidStreamOff, unsafe.Pointer(&kind))
	if errors.Is(err, unix.ENODEV) { // unplugged: it has stopped
		err = nil
	}
	return errors.Join(err, v.release(buffers))
}

func (v video) release(buffers [][]byte) error {
	var errs []error
	for _, b := range buffers {
		errs = append(errs, v.k.munmap(b))
	}
	return errors.Join(errs...)
}
