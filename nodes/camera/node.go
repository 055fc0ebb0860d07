package camera

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"cobot_vla/drivers/camera"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// Node publishes one camera.
type Node struct {
	n   *rcl.Node
	cfg Config

	raw        *rcl.Publisher[msgs.Image]
	compressed *rcl.Publisher[msgs.CompressedImage]
	info       *rcl.Publisher[msgs.CameraInfo]
	frameID    string
	lens       lens

	box box // from the reader's goroutine to the node's thread

	// Of the node's thread.
	source    camera.Info // of what is open now
	encoding  string      // of the last frame
	rate      meter
	frames    uint64
	failures  uint64
	trouble   error // why there is no frame; nil when there is
	retry     pause
	notBefore time.Time // a source without a pace of its own is not asked before
	ended     bool
	stats     func() camera.DeviceStats // nil where the source keeps none
}

// New starts the node on n for a source, which stays the caller's. One without a
// pace of its own is asked at rate_hz on the node's thread, while somebody listens.
func New(n *rcl.Node, cfg Config, src camera.Source) (*Node, error) {
	s, err := connect(n, cfg)
	if err != nil {
		return nil, err
	}
	if src.Info().Paced {
		n.Go(func(ctx context.Context) {
			s.read(ctx, func() (camera.Source, error) { return src, nil }, func(camera.Source) {})
		})
		return s, nil
	}
	return s, s.poll(src)
}

// NewDevice starts the node on n for the source its parameters name. A device
// that is not there is waited for; files that are not there are an error.
func NewDevice(n *rcl.Node, cfg Config) (*Node, error) {
	s, err := connect(n, cfg)
	if err != nil {
		return nil, err
	}
	open := s.cfg.device(n.FullName().Name)
	if s.cfg.Source == "v4l2" {
		n.Go(func(ctx context.Context) { s.read(ctx, open, func(src camera.Source) { _ = src.Close() }) })
		return s, nil
	}
	src, err := open()
	if err != nil {
		return nil, err
	}
	n.Keep(src)
	return s, s.poll(src)
}

func connect(n *rcl.Node, cfg Config) (*Node, error) {
	s := &Node{n: n, cfg: cfg}
	if err := n.Bind(&s.cfg); err != nil {
		return nil, err
	}
	if s.cfg.RetryMax < s.cfg.RetryMin {
		return nil, fmt.Errorf("camera: retry_max_s %v is below retry_min_s %v", s.cfg.RetryMax, s.cfg.RetryMin)
	}
	s.retry = s.cfg.pause()
	base := s.cfg.Namespace + "/color/"
	var errs []error
	keep := func(err error) { errs = append(errs, err) }
	var err error
	s.raw, err = rcl.Advertise[msgs.Image](n, base+"image_raw", rcl.Default)
	keep(err)
	s.compressed, err = rcl.Advertise[msgs.CompressedImage](n, base+"image_raw/compressed", rcl.Default)
	keep(err)
	s.info, err = rcl.Advertise[msgs.CameraInfo](n, base+"camera_info", rcl.Default)
	keep(err)
	d, err := rcl.NewDiagnostics(n, "")
	keep(err)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	d.Task("camera", s.diagnose)
	namespace := strings.TrimSuffix(s.raw.Topic(), "/color/image_raw")
	s.lens, s.frameID, err = lensOf(s.cfg, namespace)
	return s, err
}

// poll asks a source at the rate of the parameters.
func (s *Node) poll(src camera.Source) error {
	s.opened(src)
	_, err := s.n.Timer(seconds(1/s.cfg.Rate), func(now time.Time) {
		if s.ended || now.Before(s.notBefore) || !s.wanted() {
			return
		}
		f, err := src.Capture(s.n.Context())
		if err != nil {
			s.failed(err)
			s.notBefore = now.Add(s.retry.next())
			return
		}
		s.retry.over()
		s.publish(f)
	})
	return err
}

// wanted says whether anybody listens.
func (s *Node) wanted() bool {
	return s.raw.Matched()+s.compressed.Matched()+s.info.Matched() > 0
}

// read takes frames at the source's own pace until ctx ends, and opens it again
// after errors. It runs on a goroutine of its own.
func (s *Node) read(ctx context.Context, open opener, release func(camera.Source)) {
	retry := s.cfg.pause()
	for {
		src, err := open()
		if err == nil {
			s.n.Post(func() { s.opened(src) })
			for {
				var f camera.Frame
				if f, err = src.Capture(ctx); err != nil {
					break
				}
				retry.over()
				if s.box.put(f) {
					s.n.Post(func() { s.publish(s.box.take()) })
				}
			}
			release(src)
		}
		if ctx.Err() != nil {
			return
		}
		s.n.Post(func() { s.failed(err) })
		if errors.Is(err, camera.ErrEnd) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(retry.next()):
		}
	}
}

func (s *Node) opened(src camera.Source) {
	s.source = src.Info()
	s.stats = nil
	if d, ok := src.(interface{ Stats() camera.DeviceStats }); ok {
		s.stats = d.Stats
	}
}

func (s *Node) failed(err error) {
	s.ended = errors.Is(err, camera.ErrEnd)
	if !s.ended {
		s.failures++
	}
	s.trouble = err
}

// diagnose tells the rate, or why there are no frames.
func (s *Node) diagnose(d *rcl.Status) {
	now := s.n.Now()
	rate := s.rate.at(now)
	d.Add("source", s.source.Name)
	d.Add("size", fmt.Sprintf("%dx%d", s.source.Width, s.source.Height))
	d.Add("encoding", s.encoding)
	d.Add("rate_hz", fmt.Sprintf("%.1f", rate))
	d.Add("frames", s.frames)
	d.Add("failures", s.failures)
	d.Add("dropped", s.dropped())
	if s.stats != nil {
		d.Add("corrupt", s.stats().Corrupt)
	}
	expected := s.cfg.Rate
	if s.source.Paced && s.source.Rate > 0 {
		expected = s.source.Rate
	}
	switch {
	case s.ended:
		d.Warn("%v", s.trouble)
	case s.trouble != nil:
		d.Error("no frames: %v; trying again", s.trouble)
	case !s.source.Paced && !s.wanted():
		d.OK("nobody listens")
	case s.frames == 0:
		d.Warn("no frame yet")
	case s.rate.full() && rate < expected/2:
		d.Warn("%.1f Hz, expected %.1f Hz", rate, expected)
	default:
		d.OK("%.1f Hz", rate)
	}
}

// dropped counts frames that were captured and not published, here and in the device.
func (s *Node) dropped() uint64 {
	n := s.box.lost()
	if s.stats != nil {
		n += s.stats().Dropped
	}
	return n
}

// box holds the newest frame for the node's thread: one that is slow to
// compress loses frames, and its pictures are never old.
type box struct {
	mu    sync.Mutex
	frame camera.Frame
	full  bool
	count uint64 // frames that nobody took
}

// put says whether the box was empty: then take must follow.
func (b *box) put(f camera.Frame) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.full
	if was {
		b.count++
	}
	b.frame, b.full = f, true
	return !was
}

func (b *box) take() camera.Frame {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.frame
	b.frame, b.full = camera.Frame{}, false
	return f
}

func (b *box) lost() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}

// pause doubles with each error in a row.
type pause struct{ min, max, now time.Duration }

func (p *pause) next() time.Duration {
	p.now = min(max(2*p.now, p.min), p.max)
	return p.now
}

func (p *pause) over() { p.now = 0 }

// meter measures the rate of the last frames.
type meter struct {
	times [32]time.Time
	n     uint64
}

func (m *meter) add(now time.Time) {
	m.times[m.n%uint64(len(m.times))] = now
	m.n++
}

// full says that enough frames came to judge the rate.
func (m *meter) full() bool { return m.n >= uint64(len(m.times)) }

// at is the rate now [Hz]; it falls while no frame comes.
func (m *meter) at(now time.Time) float64 {
	k := min(m.n, uint64(len(m.times)))
	if k < 2 {
		return 0
	}
	first, last := m.times[(m.n-k)%uint64(len(m.times))], m.times[(m.n-1)%uint64(len(m.times))]
	span := last.Sub(first)
	if silence := now.Sub(last); silence > 2*span/time.Duration(k-1) {
		span += silence
	}
	if span <= 0 {
		return 0
	}
	return float64(k-1) / span.Seconds()
}
