package camerafusion

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cobot_vla/model/vision"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// Node is the camera_fusion node.
type Node struct {
	n     *rcl.Node
	cfg   Config
	spec  Spec
	image *rcl.Publisher[msgs.Image]
	views *rcl.Publisher[msgs.Views]

	began    time.Time
	sync     synchronizer
	shown    []view
	composer *vision.Composer
	sizes    []vision.Size  // that the composer was made for
	frames   []vision.Image // of the set being drawn; zero where a camera is missing
	cancel   func()         // the wait for the rest of a set; nil without one
	waits    string         // why there is no picture, in words

	sets     uint64
	sent     time.Time // stamp of the last picture
	late     uint64    // views of a set that were farther from its stamp than slop
	latency  latencies
	drawing  latencies
	troubles []string // cameras whose frame of the last set can't be shown
}

// New starts the node on n; open is called with what its parameters say.
func New(n *rcl.Node, cfg Config, open Open) (*Node, error) {
	s := &Node{n: n, cfg: cfg, began: n.Now()}
	if err := n.Bind(&s.cfg); err != nil {
		return nil, err
	}
	var err error
	if s.spec, err = open(s.cfg.Policy, s.cfg.Checkpoint, s.cfg.Calibration); err != nil {
		return nil, fmt.Errorf("camera_fusion for policy %s: %w", s.cfg.Policy, err)
	}
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("camera_fusion for policy %s: %w", s.cfg.Policy, err)
	}
	return s, s.connect()
}

// prepare checks the layout before any frame is there.
func (s *Node) prepare() error {
	s.sync = synchronizer{
		slop: seconds(s.cfg.Slop), wait: seconds(s.cfg.MaxWait), maxAge: seconds(s.cfg.MaxAge),
		tracks: make([]track, len(s.spec.Cameras)),
	}
	s.sizes = make([]vision.Size, len(s.spec.Cameras))
	s.frames = make([]vision.Image, len(s.spec.Cameras))
	for i, c := range s.spec.Cameras {
		if slices.ContainsFunc(s.spec.Cameras[:i], func(d Camera) bool { return d.Name == c.Name }) {
			return fmt.Errorf("camera %s is listed twice", c.Name)
		}
		s.shown = append(s.shown, view{Camera: c, known: vision.Size{Width: c.Width, Height: c.Height}})
		s.sizes[i] = vision.Size{Width: 1, Height: 1} // any, where views are resized
	}
	composer, err := s.compose(s.sizes)
	if err != nil {
		return err
	}
	if !s.native() {
		s.composer = composer
	}
	return nil
}

func (s *Node) compose(sizes []vision.Size) (*vision.Composer, error) {
	names := make([]string, len(s.shown))
	for i, v := range s.shown {
		names[i] = v.Name
	}
	return vision.NewComposerOn(vision.Size{Width: s.spec.Width, Height: s.spec.Height}, s.spec.Layout, names, sizes)
}

// native says that the layout depends on the frames' sizes.
func (s *Node) native() bool {
	return s.spec.Layout == vision.Tiles || s.spec.Layout == vision.Mosaic4 && s.spec.Width == 0 && s.spec.Height == 0
}

func (s *Node) connect() error {
	n := s.n
	var errs []error
	keep := func(err error) { errs = append(errs, err) }
	var err error
	s.views, err = rcl.Advertise[msgs.Views](n, "/observation/views", rcl.Default)
	keep(err)
	s.image, err = rcl.Advertise[msgs.Image](n, "/observation/image", rcl.Default)
	keep(err)
	for i, c := range s.spec.Cameras {
		if s.cfg.Transport == "compressed" {
			_, err = rcl.Subscribe(n, c.Topic+"/compressed", rcl.SensorData, func(m *msgs.CompressedImage, info rcl.Info) {
				s.frame(i, frame{stamp: stampOf(m.Header, info), received: info.Received, frameID: m.Header.FrameID, jpeg: m})
			})
		} else {
			_, err = rcl.Subscribe(n, c.Topic, rcl.SensorData, func(m *msgs.Image, info rcl.Info) {
				s.frame(i, frame{stamp: stampOf(m.Header, info), received: info.Received, frameID: m.Header.FrameID, raw: m})
			})
		}
		keep(err)
	}
	d, err := rcl.NewDiagnostics(n, "")
	keep(err)
	if err == nil {
		d.Task("cameras", s.diagnose)
	}
	return errors.Join(errs...)
}

// stampOf is the frame's own stamp, or when it came where the camera gives none.
func stampOf(h msgs.Header, info rcl.Info) time.Time {
	if h.Stamp.IsZero() {
		return info.Received
	}
	return h.Stamp.Go()
}

// frame takes a frame of camera i.
func (s *Node) frame(i int, f frame) {
	s.sync.add(s.n.Now(), i, f)
	s.look()
}

// look publishes the set that was begun when it is ready, or waits for the rest.
func (s *Node) look() {
	now := s.n.Now()
	switch {
	case s.sync.ready(now):
		if s.cancel != nil {
			s.cancel()
			s.cancel = nil
		}
		s.publish(now)
		s.sync.done()
	case s.sync.waits && s.cancel == nil:
		s.cancel = s.n.After(s.sync.deadline.Sub(now), func() {
			s.cancel = nil
			s.look()
		})
	}
}

// publish draws the set and sends it, with the stamp of the frame that drives.
func (s *Node) publish(now time.Time) {
	if s.image.Matched()+s.views.Matched() == 0 {
		return
	}
	if s.cfg.MaxRate > 0 && s.sync.stamp.Sub(s.sent).Abs().Seconds() < 0.95/s.cfg.MaxRate { // stamps jitter
		return
	}
	s.troubles = s.troubles[:0]
	views := &msgs.Views{Header: msgs.Header{Stamp: msgs.Stamp(s.sync.stamp)}, Layout: s.spec.Layout, Views: make([]msgs.View, len(s.shown))}
	var newest time.Time
	for i := range s.shown {
		v, out := &s.shown[i], &views.Views[i]
		f, fresh := s.sync.choose(i, now)
		if fresh {
			if err := v.show(f); err != nil {
				fresh = false
				s.troubles = append(s.troubles, fmt.Sprintf("%s: %v", v.Name, err))
			}
		} else {
			f, _ = s.sync.tracks[i].newest()
		}
		*out = msgs.View{Name: v.Name, Missing: !fresh}
		if f.stamp.IsZero() {
			continue
		}
		age := s.sync.stamp.Sub(f.stamp)
		out.Stamp, out.Age = msgs.Stamp(f.stamp), msgs.Span(age)
		if i == s.sync.driver {
			views.Header.FrameID = f.frameID
		}
		if fresh && f.stamp.After(newest) {
			newest = f.stamp
		}
		if fresh && age.Abs() > s.sync.slop {
			s.late++
		}
	}
	if newest.IsZero() { // no frame can be shown
		return
	}
	m, err := s.draw(views)
	if err != nil {
		s.waits = err.Error()
		return
	}
	s.waits = ""
	m.Header = views.Header
	_ = s.views.Publish(views) // first: with the picture all is there
	_ = s.image.Publish(m)
	s.sets++
	s.sent = s.sync.stamp
	end := s.n.Now()
	s.latency.add(end.Sub(newest))
	s.drawing.add(end.Sub(now))
}

// draw makes the picture of the views that are not missing, and fills in their rectangles.
func (s *Node) draw(views *msgs.Views) (*msgs.Image, error) {
	if s.native() {
		if err := s.layOut(); err != nil {
			return nil, err
		}
	}
	canvas := s.composer.Canvas()
	clear(s.frames)
	for i, r := range s.composer.Views() {
		v := &views.Views[i]
		v.X, v.Y, v.Width, v.Height = uint32(r.X), uint32(r.Y), uint32(r.Width), uint32(r.Height)
		if !v.Missing {
			s.frames[i] = s.shown[i].rgb
		}
	}
	if err := s.composer.DrawAll(canvas, s.frames); err != nil {
		return nil, err
	}
	return &msgs.Image{
		Height: uint32(canvas.Height), Width: uint32(canvas.Width),
		Encoding: "rgb8", Step: uint32(3 * canvas.Width), Data: canvas.Pix,
	}, nil
}

// layOut makes the layout again when a camera's frames have another size than before.
func (s *Node) layOut() error {
	same := s.composer != nil
	for i := range s.shown {
		v := &s.shown[i]
		if v.known == (vision.Size{}) {
			return fmt.Errorf("the size of camera %s is not known before its first frame", v.Name)
		}
		same = same && s.sizes[i] == v.known
		s.sizes[i] = v.known
	}
	if same {
		return nil
	}
	composer, err := s.compose(s.sizes)
	if err == nil {
		s.composer = composer
	}
	return err
}

// startUp is how long cameras may take to start before their silence is a fault.
const startUp = 2 * time.Second

// diagnose names the cameras that give nothing, and says how old the picture is.
func (s *Node) diagnose(d *rcl.Status) {
	now := s.n.Now()
	d.Add("layout", s.spec.Layout)
	d.Add("sets", s.sets)
	d.Add("late_views", s.late)
	d.Add("latency_p50_ms", s.latency.ms(0.5))
	d.Add("latency_p99_ms", s.latency.ms(0.99))
	d.Add("drawing_p99_ms", s.drawing.ms(0.99))
	var missing []string
	for i := range s.shown {
		v, t := &s.shown[i], &s.sync.tracks[i]
		if t.period > 0 {
			d.Add(v.Name+"_hz", fmt.Sprintf("%.1f", 1/t.period.Seconds()))
		}
		f, heard := t.newest()
		switch {
		case !heard:
			missing = append(missing, fmt.Sprintf("%s (never heard on %s)", v.Name, v.Topic))
		case !s.sync.alive(i, now):
			missing = append(missing, fmt.Sprintf("%s (no new frame for %.2f s)", v.Name, now.Sub(f.received).Seconds()))
		case s.apart(i) > s.sync.maxAge:
			missing = append(missing, fmt.Sprintf("%s (its stamps are %.2f s from %s's: synchronise their clocks, or raise max_age_s)", v.Name, s.apart(i).Seconds(), s.shown[s.sync.driver].Name))
		}
	}
	switch {
	case len(missing) > 0 && now.Sub(s.began) < startUp:
		d.Warn("waiting for %s", strings.Join(missing, ", "))
	case len(missing) > 0:
		d.Error("missing: %s", strings.Join(missing, ", "))
	case len(s.troubles) > 0:
		d.Error("can't be shown: %s", strings.Join(s.troubles, ", "))
	case s.waits != "":
		d.Warn("no picture: %s", s.waits)
	case s.image.Matched()+s.views.Matched() == 0:
		d.OK("nobody listens")
	default:
		d.OK("%d views", len(s.shown))
	}
}

// apart is how far camera i's frames are from those of the camera that drives.
func (s *Node) apart(i int) time.Duration {
	driving, ok := s.sync.tracks[s.sync.driver].newest()
	if !ok {
		return 0
	}
	_, off, _ := s.sync.tracks[i].nearest(driving.stamp)
	return off
}

// Latency is from the newest camera stamp of a set to its publication, over the
// last sets: the median and the 99th percentile.
func (s *Node) Latency() (p50, p99 time.Duration) {
	return s.latency.percentile(0.5), s.latency.percentile(0.99)
}

// latencies are the last durations of something that repeats.
type latencies struct {
	last [256]time.Duration
	n    int
}

func (l *latencies) add(d time.Duration) {
	l.last[l.n%len(l.last)] = d
	l.n++
}

func (l *latencies) percentile(p float64) time.Duration {
	k := min(l.n, len(l.last))
	if k == 0 {
		return 0
	}
	sorted := slices.Clone(l.last[:k])
	slices.Sort(sorted)
	return sorted[min(int(p*float64(k)), k-1)]
}

func (l *latencies) ms(p float64) string {
	return fmt.Sprintf("%.2f", float64(l.percentile(p).Microseconds())/1000)
}
