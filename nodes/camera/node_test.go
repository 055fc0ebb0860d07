package camera

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cobot_vla/drivers/camera"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// viewer hears what a camera node publishes.
type viewer struct {
	t     *testing.T
	c     *rcl.Context
	n     *rcl.Node
	raw   []*msgs.Image
	jpeg  []*msgs.CompressedImage
	info  []*msgs.CameraInfo
	diags []msgs.DiagnosticStatus
}

func watch(t *testing.T, exec rcl.Executor) *viewer {
	t.Helper()
	v := &viewer{t: t, c: rcl.New(rcl.Options{Transport: intra.New(), Executor: exec})}
	v.n = v.node("viewer", func(n *rcl.Node) error {
		_, err := rcl.Subscribe(n, "/diagnostics", rcl.Default, func(m *msgs.DiagnosticArray, _ rcl.Info) { v.diags = append(v.diags, m.Status...) })
		return err
	})
	return v
}

func (v *viewer) node(name string, build func(*rcl.Node) error, params ...rcl.ParamOverride) *rcl.Node {
	v.t.Helper()
	n, err := v.c.Add(name, rcl.Args{Params: params}, build)
	if err != nil {
		v.t.Fatal(err)
	}
	return n
}

func (v *viewer) hearRaw(ns string) *rcl.Subscription {
	return hear(v, ns+"/color/image_raw", func(m *msgs.Image, _ rcl.Info) { v.raw = append(v.raw, m) })
}

func (v *viewer) hearJPEG(ns string) {
	hear(v, ns+"/color/image_raw/compressed", func(m *msgs.CompressedImage, _ rcl.Info) { v.jpeg = append(v.jpeg, m) })
}

func (v *viewer) hearInfo(ns string) {
	hear(v, ns+"/color/camera_info", func(m *msgs.CameraInfo, _ rcl.Info) { v.info = append(v.info, m) })
}

func hear[T any, P msgs.Ptr[T]](v *viewer, topic string, cb func(*T, rcl.Info)) *rcl.Subscription {
	v.t.Helper()
	s, err := rcl.Subscribe[T, P](v.n, topic, rcl.SensorData, cb)
	if err != nil {
		v.t.Fatal(err)
	}
	return s
}

// run lets simulated time pass.
func (v *viewer) run(d time.Duration) {
	v.t.Helper()
	over := false
	v.n.After(d, func() { over = true })
	if err := v.c.RunUntil(context.Background(), func() bool { return over }); err != nil {
		v.t.Fatal(err)
	}
}

func (v *viewer) close() {
	v.t.Helper()
	if err := v.c.Shutdown(time.Second); err != nil {
		v.t.Error(err)
	}
}

// health is the last word of the camera's diagnostics.
func (v *viewer) health() (level uint8, message string, values map[string]string) {
	v.t.Helper()
	if len(v.diags) == 0 {
		v.t.Fatal("no diagnostics")
	}
	s := v.diags[len(v.diags)-1]
	values = map[string]string{}
	for _, kv := range s.Values {
		values[kv.Key] = kv.Value
	}
	return s.Level, s.Message, values
}

func pattern(t *testing.T, encoding string, w, h int) camera.Source {
	t.Helper()
	cfg := camera.DefaultPatternConfig()
	cfg.Encoding, cfg.Width, cfg.Height = encoding, w, h
	p, err := camera.NewPattern(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPublishesOnlyToWhoListens(t *testing.T) {
	run := func() []string {
		v := watch(t, rcl.NewLockstep(time.Time{}))
		defer v.close()
		cfg := DefaultConfig()
		cfg.Rate = 10
		src := &counting{Source: pattern(t, "rgb8", 64, 32)}
		v.node("camera_f", func(n *rcl.Node) error { _, err := New(n, cfg, src); return err })
		v.run(500 * time.Millisecond)
		if src.n != 0 {
			t.Errorf("%d frames were taken for nobody", src.n)
		}
		if level, text, _ := v.health(); level != msgs.DiagOK || text != "nobody listens" {
			t.Errorf("diagnostics %d %s", level, text)
		}
		sub := v.hearRaw("/camera_f")
		v.run(time.Second)
		_ = sub.Close()
		v.run(500 * time.Millisecond)
		if src.n != len(v.raw) || len(v.raw) < 9 || len(v.raw) > 11 {
			t.Errorf("%d frames taken, %d heard in 1 s of 10 Hz", src.n, len(v.raw))
		}
		var log []string
		for _, m := range v.raw {
			number, err := camera.PatternNumber(camera.Frame{Width: int(m.Width), Height: int(m.Height), Step: int(m.Step), Encoding: m.Encoding, Data: m.Data})
			if err != nil {
				t.Fatal(err)
			}
			log = append(log, fmt.Sprintf("%d %v %s %s", number, m.Header.Stamp.Go().UnixMilli(), m.Header.FrameID, m.Encoding))
		}
		return log
	}
	first := run()
	if want := "0 1500 camera_f_color_optical_frame rgb8"; first[0] != want {
		t.Errorf("first frame %q, want %q", first[0], want)
	}
	if second := run(); !reflect.DeepEqual(first, second) {
		t.Errorf("two runs differ:\n%v\n%v", first, second)
	}
}

// counting counts captures, and fails while broken is set.
type counting struct {
	camera.Source
	n      int
	broken error
	at     []time.Duration
	now    func() time.Duration
}

func (c *counting) Capture(ctx context.Context) (camera.Frame, error) {
	c.n++
	if c.now != nil {
		c.at = append(c.at, c.now())
	}
	if c.broken != nil {
		return camera.Frame{}, c.broken
	}
	return c.Source.Capture(ctx)
}

func TestEncodings(t *testing.T) {
	for _, c := range []struct {
		encoding, raw, format string
		asItIs                bool // the raw image is the frame's own bytes
	}{
		{"rgb8", "rgb8", "rgb8; jpeg compressed bgr8", true},
		{"mono8", "mono8", "mono8; jpeg compressed mono8", true},
		{"yuyv", "yuv422_yuy2", "rgb8; jpeg compressed bgr8", true},
		{"jpeg", "rgb8", "rgb8; jpeg compressed bgr8", false},
	} {
		t.Run(c.encoding, func(t *testing.T) {
			v := watch(t, rcl.NewLockstep(time.Time{}))
			defer v.close()
			src := &last{Source: pattern(t, c.encoding, 64, 32)}
			v.node("camera_f", func(n *rcl.Node) error { _, err := New(n, DefaultConfig(), src); return err })
			v.hearJPEG("/camera_f")
			v.run(50 * time.Millisecond)
			v.hearRaw("/camera_f")
			v.run(50 * time.Millisecond)
			m, z := v.raw[len(v.raw)-1], v.jpeg[len(v.jpeg)-1]
			if m.Encoding != c.raw || m.Width != 64 || m.Height != 32 || len(m.Data) != int(m.Step*m.Height) {
				t.Errorf("raw %s %dx%d, step %d, %d bytes", m.Encoding, m.Width, m.Height, m.Step, len(m.Data))
			}
			if same := &m.Data[0] == &src.frame.Data[0]; same != c.asItIs {
				t.Errorf("the frame's own bytes: %v, want %v", same, c.asItIs)
			}
			if z.Format != c.format || z.Header != m.Header {
				t.Errorf("compressed as %q with %+v, raw with %+v", z.Format, z.Header, m.Header)
			}
			if c.encoding == "jpeg" && &z.Data[0] != &src.frame.Data[0] {
				t.Error("a JPEG was compressed again")
			}
			number, err := camera.PatternNumber(camera.Frame{Encoding: "jpeg", Data: z.Data})
			if err != nil || number != uint32(v.n.Now().Sub(time.Unix(1, 0))/(time.Second/30))-1 {
				t.Errorf("compressed frame %d, %v", number, err)
			}
		})
	}
}

// last remembers the frame it gave.
type last struct {
	camera.Source
	frame camera.Frame
}

func (l *last) Capture(ctx context.Context) (camera.Frame, error) {
	f, err := l.Source.Capture(ctx)
	l.frame = f
	return f, err
}

func TestStampsAndFrame(t *testing.T) {
	v := watch(t, rcl.NewLockstep(time.Time{}))
	defer v.close()
	src := &stamped{Source: pattern(t, "rgb8", 64, 32), stamp: time.Unix(7, 500)}
	cfg := DefaultConfig()
	cfg.Namespace, cfg.FrameID = "/camera_l", "left_eye"
	v.node("anything", func(n *rcl.Node) error { _, err := New(n, cfg, src); return err })
	v.hearRaw("/camera_l")
	v.run(40 * time.Millisecond)
	if h := v.raw[0].Header; h.Stamp.Go() != time.Unix(7, 500) || h.FrameID != "left_eye" {
		t.Errorf("header %+v", h)
	}
}

type stamped struct {
	camera.Source
	stamp time.Time
}

func (s *stamped) Capture(ctx context.Context) (camera.Frame, error) {
	f, err := s.Source.Capture(ctx)
	f.Stamp = s.stamp
	return f, err
}

// informed says its own intrinsics.
type informed struct {
	camera.Source
	info camera.Info
}

func (i informed) Info() camera.Info { return i.info }

func TestCameraInfo(t *testing.T) {
	own := camera.Info{Width: 64, Height: 32, FX: 50, FY: 51, CX: 31, CY: 15, Distortion: [5]float64{0.1, -0.2, 0.3, 0.4, 0.5}}
	for _, c := range []struct {
		name string
		src  camera.Source
		cfg  func(*Config)
		k    [4]float64 // fx, fy, cx, cy
		d    []float64
		ns   string
	}{
		{"the source knows", informed{pattern(t, "rgb8", 64, 32), own}, nil, [4]float64{50, 51, 31, 15}, own.Distortion[:], "/camera_f"},
		{"the calibration knows", pattern(t, "rgb8", 640, 480), nil, [4]float64{615, 615, 320, 240}, make([]float64, 5), "/camera_f"},
		{"half the calibrated size", pattern(t, "rgb8", 320, 240), nil, [4]float64{307.5, 307.5, 159.75, 119.75}, make([]float64, 5), "/camera_f"},
		{"another shape", pattern(t, "rgb8", 640, 360), nil, [4]float64{}, make([]float64, 5), "/camera_f"},
		{"by name", pattern(t, "rgb8", 640, 480), func(c *Config) { c.Camera, c.Namespace = "left", "/wrist" }, [4]float64{449, 449, 320, 240}, make([]float64, 5), "/wrist"},
		{"nobody knows", pattern(t, "rgb8", 640, 480), func(c *Config) { c.Namespace = "/wrist" }, [4]float64{}, make([]float64, 5), "/wrist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := watch(t, rcl.NewLockstep(time.Time{}))
			defer v.close()
			cfg := DefaultConfig()
			if c.cfg != nil {
				c.cfg(&cfg)
			}
			v.node("camera_f", func(n *rcl.Node) error { _, err := New(n, cfg, c.src); return err })
			v.hearInfo(c.ns)
			v.hearRaw(c.ns)
			v.run(40 * time.Millisecond)
			m := v.info[0]
			if got := [4]float64{m.K[0], m.K[4], m.K[2], m.K[5]}; !near(got, c.k) || !reflect.DeepEqual(m.D, c.d) {
				t.Errorf("K %v, D %v, want %v, %v", got, m.D, c.k, c.d)
			}
			if m.Header != v.raw[0].Header || m.Width != v.raw[0].Width || m.Height != v.raw[0].Height || m.DistortionModel != "plumb_bob" || m.R != [9]float64{0: 1, 4: 1, 8: 1} {
				t.Errorf("camera_info %+v", m)
			}
			if c.k[0] != 0 && (m.K[8] != 1 || m.P[10] != 1 || m.P[0] != m.K[0] || m.P[2] != m.K[2] || m.P[5] != m.K[4] || m.P[6] != m.K[5]) {
				t.Errorf("K %v, P %v", m.K, m.P)
			}
		})
	}
}

func near(a, b [4]float64) bool {
	for i := range a {
		if math.Abs(a[i]-b[i]) > 1e-9 {
			return false
		}
	}
	return true
}

func TestErrorsPauseAndAreSaid(t *testing.T) {
	v := watch(t, rcl.NewLockstep(time.Time{}))
	defer v.close()
	cfg := DefaultConfig()
	cfg.Rate, cfg.RetryMin, cfg.RetryMax = 100, 0.1, 0.35
	src := &counting{Source: pattern(t, "rgb8", 64, 32), broken: errors.New("lens cap on"), now: func() time.Duration { return v.c.Now().Sub(time.Unix(1, 0)).Round(time.Millisecond) }}
	v.node("camera_f", func(n *rcl.Node) error { _, err := New(n, cfg, src); return err })
	v.hearRaw("/camera_f")
	v.run(2100 * time.Millisecond)
	// The pauses: 0.1, 0.2, then 0.35 s.
	if want := []time.Duration{10e6, 110e6, 310e6, 660e6, 1010e6, 1360e6, 1710e6, 2060e6}; !reflect.DeepEqual(src.at, want) {
		t.Errorf("asked at %v, want %v", src.at, want)
	}
	level, text, values := v.health()
	if level != msgs.DiagError || text != "no frames: lens cap on; trying again" || values["failures"] != "7" {
		t.Errorf("diagnostics %d %s %v", level, text, values)
	}
	src.broken = nil
	src.at = nil
	v.run(2 * time.Second)
	level, text, values = v.health()
	if level != msgs.DiagOK || text != "100.0 Hz" || values["encoding"] != "rgb8" || values["size"] != "64x32" || values["rate_hz"] != "100.0" {
		t.Errorf("diagnostics %d %s %v", level, text, values)
	}
	src.broken = errors.New("again")
	src.at = nil
	v.run(150 * time.Millisecond)
	if len(src.at) != 2 || src.at[1]-src.at[0] != 100*time.Millisecond {
		t.Errorf("after a success asked at %v", src.at)
	}
}

func TestFilesEnd(t *testing.T) {
	dir := t.TempDir()
	writePictures(t, dir, 3)
	v := watch(t, rcl.NewLockstep(time.Time{}))
	defer v.close()
	cfg := DefaultConfig()
	cfg.Source, cfg.Files, cfg.Loop, cfg.Rate = "files", dir, false, 10
	v.node("camera_f", func(n *rcl.Node) error { _, err := NewDevice(n, cfg); return err })
	v.hearRaw("/camera_f")
	v.hearJPEG("/camera_f")
	v.run(2 * time.Second)
	if len(v.raw) != 3 || v.raw[0].Encoding != "rgb8" || v.jpeg[0].Format != "rgb8; png compressed bgr8" {
		t.Errorf("%d pictures were published", len(v.raw))
	}
	if level, text, _ := v.health(); level != msgs.DiagWarn || !strings.Contains(text, "all 3 pictures were played") {
		t.Errorf("diagnostics %d %s", level, text)
	}
}

func TestDeviceSources(t *testing.T) {
	v := watch(t, rcl.NewLockstep(time.Time{}))
	defer v.close()
	set := func(name string, value rcl.Value) rcl.ParamOverride {
		return rcl.ParamOverride{Name: name, Value: value}
	}
	build := func(n *rcl.Node) error { _, err := NewDevice(n, DefaultConfig()); return err }
	v.node("camera_r", build, set("source", rcl.StringValue("pattern")), set("width", rcl.IntValue(128)), set("height", rcl.IntValue(64)), set("encoding", rcl.StringValue("yuyv")), set("rate_hz", rcl.FloatValue(50)))
	v.hearRaw("/camera_r")
	v.run(200 * time.Millisecond)
	if len(v.raw) < 9 || v.raw[0].Width != 128 || v.raw[0].Encoding != "yuv422_yuy2" {
		t.Errorf("%d pictures, first %+v", len(v.raw), v.raw[0].Width)
	}
	for want, params := range map[string][]rcl.ParamOverride{
		"no *.jpg":                     {set("source", rcl.StringValue("files")), set("files", rcl.StringValue(t.TempDir()))},
		`"film" is none of`:            {set("source", rcl.StringValue("film"))},
		"expected at least 64x32":      {set("source", rcl.StringValue("pattern")), set("width", rcl.IntValue(16))},
		"retry_max_s 0.1 is below":     {set("retry_max_s", rcl.FloatValue(0.1))},
		`has no camera "back"`:         {set("camera", rcl.StringValue("back"))},
		"nowhere.yaml: no such file":   {set("calibration", rcl.StringValue("/nowhere.yaml"))},
		"invalid name: \"a b/color":    {set("namespace", rcl.StringValue("a b"))},
		"jpeg_quality\": 0 is outside": {set("jpeg_quality", rcl.IntValue(0))},
	} {
		if _, err := v.c.Add("other", rcl.Args{Params: params}, build); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want …%s…", params, err, want)
		}
	}
}

// device is a paced source that a test pushes frames through.
type device struct {
	frames chan camera.Frame
	fail   chan error
	closed *atomic.Int64
}

func (d device) Info() camera.Info {
	return camera.Info{Name: "usb", Width: 64, Height: 32, Rate: 30, Paced: true}
}

func (d device) Capture(ctx context.Context) (camera.Frame, error) {
	select {
	case <-ctx.Done():
		return camera.Frame{}, ctx.Err()
	case f := <-d.frames:
		return f, nil
	case err := <-d.fail:
		return camera.Frame{}, err
	}
}

func (d device) Close() error {
	d.closed.Add(1)
	return nil
}

func (device) Stats() camera.DeviceStats { return camera.DeviceStats{Dropped: 5, Corrupt: 2} }

const patience = 20 * time.Second

func within[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("waited %v for %s", patience, what)
	}
	panic("not reached")
}

// TestPacedDevice: frames come by themselves, an unplugged device is opened
// again, a slow node drops frames and keeps the newest, and the end is clean.
func TestPacedDevice(t *testing.T) {
	v := watch(t, rcl.NewRealTime())
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan struct{})
	go func() { _ = v.c.Run(ctx); close(ran) }()

	var closed atomic.Int64
	d := device{make(chan camera.Frame), make(chan error), &closed}
	opens := make(chan error)
	cfg := DefaultConfig()
	cfg.RetryMin, cfg.RetryMax = 0.001, 0.001
	var node *Node
	n := v.node("camera_f", func(n *rcl.Node) (err error) {
		node, err = connect(n, cfg)
		n.Go(func(ctx context.Context) {
			node.read(ctx, func() (camera.Source, error) {
				select {
				case err := <-opens:
					return d, err
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			}, func(src camera.Source) { _ = src.Close() })
		})
		return err
	})
	got := make(chan *msgs.Image, 10)
	hear(v, "/camera_f/color/image_raw", func(m *msgs.Image, _ rcl.Info) { got <- m })
	ask := func() (failures uint64, trouble error) {
		done := make(chan struct{})
		n.Post(func() { failures, trouble = node.failures, node.trouble; close(done) })
		within(t, "the node's thread", done)
		return failures, trouble
	}
	frame := func(i int) camera.Frame {
		return camera.Frame{Stamp: time.Unix(int64(100+i), 0), Width: 64, Height: 32, Step: 192, Encoding: "rgb8", Data: make([]byte, 64*32*3)}
	}

	opens <- camera.ErrNoDevice // not plugged in yet
	opens <- nil
	d.frames <- frame(1)
	if m := within(t, "a frame", got); m.Header.Stamp.Sec != 101 {
		t.Errorf("stamp %v", m.Header.Stamp)
	}
	if k, err := ask(); k != 1 || err != nil {
		t.Errorf("%d failures, %v", k, err)
	}
	d.fail <- camera.ErrUnplugged
	opens <- nil // its pause is over
	if closed.Load() != 1 {
		t.Errorf("the lost device was closed %d times", closed.Load())
	}
	if k, err := ask(); k != 2 || !errors.Is(err, camera.ErrUnplugged) {
		t.Errorf("%d failures, %v", k, err)
	}
	hold, held := make(chan struct{}), make(chan struct{})
	n.Post(func() { close(held); <-hold })
	within(t, "the held thread", held)
	for i := 2; i <= 6; i++ {
		d.frames <- frame(i)
	}
	d.fail <- camera.ErrSilent // the last frame is in the box by now
	close(hold)
	if m := within(t, "the newest frame", got); m.Header.Stamp.Sec != 106 {
		t.Errorf("after a pause came %v, not the newest", m.Header.Stamp)
	}
	done := make(chan uint64)
	n.Post(func() { done <- node.dropped() })
	if k := within(t, "the count", done); k != 4+5 { // ours and the device's
		t.Errorf("%d dropped", k)
	}
	opens <- nil
	n.Kill()
	within(t, "the end", n.Done())
	if closed.Load() != 3 {
		t.Errorf("closed %d times", closed.Load())
	}
	cancel()
	<-ran
	v.close()
}

func TestPacedSourceOfTheCaller(t *testing.T) {
	v := watch(t, rcl.NewRealTime())
	var closed atomic.Int64
	d := device{make(chan camera.Frame), make(chan error), &closed}
	n := v.node("camera_f", func(n *rcl.Node) error { _, err := New(n, DefaultConfig(), d); return err })
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan struct{})
	go func() { _ = v.c.Run(ctx); close(ran) }()
	d.frames <- camera.Frame{}
	d.fail <- fmt.Errorf("%w: all was played", camera.ErrEnd)
	n.Kill()
	within(t, "the end", n.Done())
	if closed.Load() != 0 {
		t.Error("the caller's source was closed")
	}
	cancel()
	<-ran
	v.close()
}

func TestMeter(t *testing.T) {
	var m meter
	now := time.Unix(100, 0)
	if m.at(now) != 0 || m.full() {
		t.Error("an empty meter measures")
	}
	for i := range 100 {
		m.add(now.Add(time.Duration(i) * 50 * time.Millisecond))
	}
	end := now.Add(99 * 50 * time.Millisecond)
	for _, c := range []struct {
		after time.Duration
		want  float64
	}{{0, 20}, {90 * time.Millisecond, 20}, {time.Second, 31 / 2.55}, {time.Minute, 31 / 61.55}} {
		if got := m.at(end.Add(c.after)); math.Abs(got-c.want) > 0.01 || !m.full() {
			t.Errorf("after %v of silence %.3f Hz, want %.3f", c.after, got, c.want)
		}
	}
}
