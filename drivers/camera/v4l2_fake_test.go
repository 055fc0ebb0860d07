//go:build linux && (amd64 || arm64)

package camera

import (
	"context"
	"math"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fakeFormat is one pixel format of a fake camera, with sizes and their intervals.
type fakeFormat struct {
	fourcc string
	sizes  []v4l2FrmSize
	ivals  map[[2]uint32][]v4l2FrmIval
}

// fakeKernel is a UVC camera as the kernel shows it: it answers the requests,
// owns the buffers and gives the frames that a test pushes.
type fakeKernel struct {
	mu       sync.Mutex
	card     string
	caps     uint32 // of the node
	formats  []fakeFormat
	askFmt   func(p *v4l2PixFormat)           // changes what S_FMT grants
	errs     map[uintptr]error                // by request
	onWait   func(timeout time.Duration) bool // called with no lock held; false: default
	rate     v4l2Fract
	current  v4l2PixFormat
	bufs     [][]byte
	mapped   int
	queued   []uint32
	ready    []v4l2Buffer
	on       bool
	closed   bool
	sequence uint32
	signal   chan struct{}
	gone     bool
	mono     time.Duration
	requests []uintptr
}

func discrete(w, h uint32) v4l2FrmSize {
	return v4l2FrmSize{kind: typeDiscrete, sizes: [6]uint32{w, h}}
}

func intervals(rates ...uint32) []v4l2FrmIval {
	var out []v4l2FrmIval
	for _, r := range rates {
		out = append(out, v4l2FrmIval{kind: typeDiscrete, intervals: [3]v4l2Fract{{1, r}}})
	}
	return out
}

// newFakeKernel is a webcam with MJPEG and YUYV.
func newFakeKernel() *fakeKernel {
	return &fakeKernel{
		card: "Fake Webcam", caps: capVideoCapture | capStreaming, signal: make(chan struct{}, 1), errs: map[uintptr]error{}, mono: 1000 * time.Second,
		formats: []fakeFormat{
			{"YUYV", []v4l2FrmSize{discrete(640, 480), discrete(64, 32), discrete(1280, 720)}, map[[2]uint32][]v4l2FrmIval{{640, 480}: intervals(15, 30), {64, 32}: intervals(30), {1280, 720}: intervals(5)}},
			{"MJPG", []v4l2FrmSize{discrete(1280, 720), discrete(64, 32)}, map[[2]uint32][]v4l2FrmIval{{1280, 720}: intervals(30, 15), {64, 32}: {{kind: typeDiscrete, intervals: [3]v4l2Fract{{1001, 30000}}}}}},
			{"H264", []v4l2FrmSize{discrete(1920, 1080)}, nil},
		},
	}
}

func (k *fakeKernel) ioctl(request uintptr, arg unsafe.Pointer) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.requests = append(k.requests, request)
	if err := k.errs[request]; err != nil {
		return err
	}
	if k.gone {
		return unix.ENODEV
	}
	switch request {
	case vidQueryCap:
		c := (*v4l2Capability)(arg)
		copy(c.card[:], k.card)
		c.capabilities, c.deviceCaps = capVideoCapture|capStreaming|capDeviceCaps, k.caps
	case vidEnumFmt:
		d := (*v4l2FmtDesc)(arg)
		if int(d.index) >= len(k.formats) {
			return unix.EINVAL
		}
		d.pixelFormat = fourcc(k.formats[d.index].fourcc)
	case vidFrameSizes:
		s := (*v4l2FrmSize)(arg)
		f := k.format(s.pixelFormat)
		if f == nil || int(s.index) >= len(f.sizes) {
			return unix.EINVAL
		}
		found := f.sizes[s.index]
		found.index, found.pixelFormat = s.index, s.pixelFormat
		*s = found
	case vidFrameIvals:
		i := (*v4l2FrmIval)(arg)
		f := k.format(i.pixelFormat)
		if f == nil || int(i.index) >= len(f.ivals[[2]uint32{i.width, i.height}]) {
			return unix.EINVAL
		}
		*i = f.ivals[[2]uint32{i.width, i.height}][i.index]
	case vidSetFmt:
		p := &(*v4l2Format)(arg).pix
		if k.askFmt != nil {
			k.askFmt(p)
		}
		if l, raw := layouts[encodingOf(p.pixelFormat)]; raw {
			p.bytesPerLine = max(p.bytesPerLine, p.width*uint32(l.bytes))
		}
		p.sizeImage = p.width * p.height * 4
		k.current = *p
	case vidSetParm:
		s := (*v4l2StreamParm)(arg)
		if k.rate.denominator != 0 {
			s.timePerFrame = k.rate
		}
		s.capability = capTimePerFrame
	default:
		return k.buffers(request, arg)
	}
	return nil
}

func (k *fakeKernel) format(code uint32) *fakeFormat {
	for i := range k.formats {
		if fourcc(k.formats[i].fourcc) == code {
			return &k.formats[i]
		}
	}
	return nil
}

func (k *fakeKernel) buffers(request uintptr, arg unsafe.Pointer) error {
	switch request {
	case vidReqBufs:
		r := (*v4l2RequestBuffers)(arg)
		k.bufs = nil
		for range r.count {
			k.bufs = append(k.bufs, make([]byte, k.current.sizeImage))
		}
	case vidQueryBuf:
		b := (*v4l2Buffer)(arg)
		b.length, b.offset = uint32(len(k.bufs[b.index])), uint64(b.index)<<12
	case vidQBuf:
		b := (*v4l2Buffer)(arg)
		if int(b.index) >= len(k.bufs) {
			return unix.EINVAL
		}
		k.queued = append(k.queued, b.index)
	case vidDQBuf:
		if len(k.ready) == 0 {
			return unix.EAGAIN
		}
		*(*v4l2Buffer)(arg) = k.ready[0]
		k.ready = k.ready[1:]
	case vidStreamOn:
		k.on = true
	case vidStreamOff:
		k.on, k.queued, k.ready = false, nil, nil
	default:
		return unix.ENOTTY
	}
	return nil
}

// push is a frame that the camera exposed age ago. It is lost when no buffer is queued.
func (k *fakeKernel) push(data []byte, age time.Duration, flags uint32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	sequence := k.sequence
	k.sequence++
	if !k.on || len(k.queued) == 0 {
		return
	}
	index := k.queued[0]
	k.queued = k.queued[1:]
	at := k.mono - age
	k.ready = append(k.ready, v4l2Buffer{
		index: index, bytesUsed: uint32(copy(k.bufs[index], data)), sequence: sequence, flags: flagMonotonic | flags,
		seconds: int64(at / time.Second), micros: int64(at % time.Second / time.Microsecond),
	})
	k.wakeLocked()
}

func (k *fakeKernel) mmap(offset int64, length int) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mapped++
	return k.bufs[offset>>12][:length], nil
}

func (k *fakeKernel) munmap([]byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mapped--
	return nil
}

func (k *fakeKernel) wait(timeout time.Duration) (bool, error) {
	if k.onWait != nil && k.onWait(timeout) {
		return true, nil
	}
	<-k.signal
	return true, nil
}

func (k *fakeKernel) wakeLocked() {
	select {
	case k.signal <- struct{}{}:
	default:
	}
}

func (k *fakeKernel) wake() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.wakeLocked()
}

func (k *fakeKernel) close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	return nil
}

// epoch is the wall's time at the fake kernel's start.
var epoch = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func (k *fakeKernel) clock() clock {
	now := func() time.Duration {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.mono
	}
	return clock{wall: func() time.Time { return epoch.Add(now()) }, monotonic: now}
}

func (k *fakeKernel) advance(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mono += d
}

// filming pushes a test picture whenever the camera is waited for.
func (k *fakeKernel) filming(p *Pattern) {
	k.onWait = func(time.Duration) bool {
		f, err := p.Capture(context.Background())
		if err != nil {
			return false
		}
		k.advance(33 * time.Millisecond)
		k.push(f.Data, 10*time.Millisecond, 0)
		return true
	}
}

func webcamConfig(encoding string) DeviceConfig {
	c := DefaultDeviceConfig()
	c.Name, c.Width, c.Height, c.Encoding = "camera_f", 64, 32, encoding
	return c
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-6 }
