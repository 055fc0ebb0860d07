package camerafusion

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"cobot_vla/model/vision"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

// rig is a camera_fusion node, cameras that a test publishes by, and a policy that looks.
type rig struct {
	t      *testing.T
	c      *rcl.Context
	n      *rcl.Node
	fusion *Node
	raw    map[string]*rcl.Publisher[msgs.Image]
	packed map[string]*rcl.Publisher[msgs.CompressedImage]
	images []*msgs.Image
	views  []*msgs.Views
	order  []string
	diag   msgs.DiagnosticStatus
}

func spec(layout string, names ...string) Spec {
	s := Spec{Layout: layout}
	for _, name := range names {
		s.Cameras = append(s.Cameras, Camera{Name: name, Topic: "/" + name + "/color/image_raw"})
	}
	return s
}

func newRig(t *testing.T, cfg Config, spec Spec) *rig {
	t.Helper()
	r := &rig{
		t: t, c: rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(time.Time{})}),
		raw: map[string]*rcl.Publisher[msgs.Image]{}, packed: map[string]*rcl.Publisher[msgs.CompressedImage]{},
	}
	var err error
	if r.n, err = r.c.Node("robot", rcl.Args{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.c.Add("camera_fusion", rcl.Args{}, func(n *rcl.Node) error {
		var err error
		r.fusion, err = New(n, cfg, func(kind, checkpoint, calibration string) (Spec, error) { return spec, nil })
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range spec.Cameras {
		if r.raw[c.Name], err = rcl.Advertise[msgs.Image](r.n, c.Topic, rcl.Default); err != nil {
			t.Fatal(err)
		}
		if r.packed[c.Name], err = rcl.Advertise[msgs.CompressedImage](r.n, c.Topic+"/compressed", rcl.Default); err != nil {
			t.Fatal(err)
		}
	}
	hear(r, "/observation/image", func(m *msgs.Image) { r.images = append(r.images, m); r.order = append(r.order, "image") })
	hear(r, "/observation/views", func(m *msgs.Views) { r.views = append(r.views, m); r.order = append(r.order, "views") })
	hear(r, "/diagnostics", func(m *msgs.DiagnosticArray) { r.diag = m.Status[0] })
	t.Cleanup(func() {
		if err := r.c.Shutdown(time.Second); err != nil {
			t.Error(err)
		}
	})
	return r
}

func hear[T any, P msgs.Ptr[T]](r *rig, topic string, cb func(*T)) {
	r.t.Helper()
	if _, err := rcl.Subscribe[T, P](r.n, topic, rcl.Default, func(m *T, _ rcl.Info) { cb(m) }); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) run(d time.Duration) {
	r.t.Helper()
	over := false
	r.n.After(d, func() { over = true })
	if err := r.c.RunUntil(context.Background(), func() bool { return over }); err != nil {
		r.t.Fatal(err)
	}
}

// film publishes a camera's frame, taken now.
func (r *rig) film(name string, m *msgs.Image) {
	r.t.Helper()
	m.Header = msgs.Header{Stamp: msgs.Stamp(r.c.Now()), FrameID: name + "_color_optical_frame"}
	if err := r.raw[name].Publish(m); err != nil {
		r.t.Fatal(err)
	}
}

// newest is the last picture with its views; they must belong together.
func (r *rig) newest() (vision.Image, *msgs.Views) {
	r.t.Helper()
	if len(r.images) == 0 || len(r.images) != len(r.views) {
		r.t.Fatalf("%d images, %d views", len(r.images), len(r.views))
	}
	m, v := r.images[len(r.images)-1], r.views[len(r.views)-1]
	if m.Header != v.Header || m.Encoding != "rgb8" || m.Step != 3*m.Width {
		r.t.Errorf("image %+v of %s, step %d; views %+v", m.Header, m.Encoding, m.Step, v.Header)
	}
	return vision.Image{Size: vision.Size{Width: int(m.Width), Height: int(m.Height)}, Pix: m.Data}, v
}

// picture is some frame of a size, as packed RGB.
func picture(w, h, seed int) *msgs.Image {
	m := &msgs.Image{Width: uint32(w), Height: uint32(h), Encoding: "rgb8", Step: uint32(3 * w), Data: make([]byte, 3*w*h)}
	for i := range m.Data {
		m.Data[i] = byte((i*7+i/w)*seed + 40)
	}
	return m
}

func rgb(m *msgs.Image) vision.Image {
	return vision.Image{Size: vision.Size{Width: int(m.Width), Height: int(m.Height)}, Pix: m.Data}
}

// drawn is what the layout makes of frames; nil ones are missing.
func drawn(t *testing.T, s Spec, frames ...*msgs.Image) vision.Image {
	t.Helper()
	var names []string
	var sizes []vision.Size
	for i, c := range s.Cameras {
		names = append(names, c.Name)
		size := vision.Size{Width: max(c.Width, 1), Height: max(c.Height, 1)}
		if frames[i] != nil {
			size = rgb(frames[i]).Size
		}
		sizes = append(sizes, size)
	}
	c, err := vision.NewComposerOn(vision.Size{Width: s.Width, Height: s.Height}, s.Layout, names, sizes)
	if err != nil {
		t.Fatal(err)
	}
	canvas := c.Canvas()
	for i, f := range frames {
		if f != nil {
			if err := c.Draw(canvas, i, rgb(f)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return canvas
}

func TestLayouts(t *testing.T) {
	for _, c := range []struct {
		spec  Spec
		sizes []vision.Size
		want  vision.Size
		rects string
	}{
		{spec("stack", "front", "left"), []vision.Size{{Width: 64, Height: 48}, {Width: 32, Height: 32}}, vision.Size{Width: 334, Height: 334}, "front 0,0 334x167 left 0,167 334x167"},
		{Spec{Layout: "stack", Width: 40, Height: 20, Cameras: spec("", "front", "left").Cameras}, []vision.Size{{Width: 64, Height: 48}, {Width: 64, Height: 48}}, vision.Size{Width: 40, Height: 20}, "front 0,0 40x10 left 0,10 40x10"},
		{spec("stack3", "front", "left", "right"), []vision.Size{{Width: 64, Height: 48}, {Width: 64, Height: 48}, {Width: 64, Height: 48}}, vision.Size{Width: 334, Height: 334}, "front 0,0 334x167 left 0,167 167x167 right 167,167 167x167"},
		{spec("mosaic4", "a", "b", "c", "d"), []vision.Size{{Width: 20, Height: 10}, {Width: 16, Height: 12}, {Width: 20, Height: 10}, {Width: 8, Height: 8}}, vision.Size{Width: 36, Height: 22}, "a 0,0 20x10 b 20,0 16x12 c 0,12 20x10 d 20,12 8x8"},
		{spec("tiles", "front", "left"), []vision.Size{{Width: 20, Height: 10}, {Width: 16, Height: 12}}, vision.Size{Width: 36, Height: 12}, "front 0,0 20x10 left 20,0 16x12"},
	} {
		t.Run(fmt.Sprint(c.spec.Layout, c.want), func(t *testing.T) {
			r := newRig(t, DefaultConfig(), c.spec)
			var frames []*msgs.Image
			for range 2 { // the cameras are known after the first
				r.run(100 * time.Millisecond)
				frames = nil
				for i, cam := range c.spec.Cameras {
					frames = append(frames, picture(c.sizes[i].Width, c.sizes[i].Height, i+1))
					r.film(cam.Name, frames[i])
				}
				r.run(40 * time.Millisecond)
			}
			got, views := r.newest()
			if want := drawn(t, c.spec, frames...); got.Size != c.want || !bytes.Equal(got.Pix, want.Pix) {
				t.Errorf("the picture of %s is not the layout's of %s", got.Size, want.Size)
			}
			var rects []string
			for _, v := range views.Views {
				rects = append(rects, fmt.Sprintf("%s %d,%d %dx%d", v.Name, v.X, v.Y, v.Width, v.Height))
				if v.Missing || v.Stamp != views.Header.Stamp || v.Age != (msgs.Duration{}) {
					t.Errorf("view %+v", v)
				}
			}
			if got := strings.Join(rects, " "); got != c.rects || views.Layout != c.spec.Layout {
				t.Errorf("views of %s: %s, want %s", views.Layout, got, c.rects)
			}
			if want := c.spec.Cameras[0].Name + "_color_optical_frame"; views.Header.FrameID != want {
				t.Errorf("frame %s, want %s", views.Header.FrameID, want)
			}
			if r.order[0] != "views" {
				t.Error("the picture comes before its views")
			}
			if r.diag.Level != msgs.DiagOK {
				r.run(time.Second)
			}
		})
	}
}

// TestEncodings: whatever a camera sends is the same picture, or as near as its encoding allows.
func TestEncodings(t *testing.T) {
	const w, h = 32, 16
	grey := image.NewGray(image.Rect(0, 0, w, h))
	colour := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			grey.SetGray(x, y, color.Gray{Y: uint8(5*x + 3*y)})
			colour.SetRGBA(x, y, color.RGBA{uint8(8 * x), uint8(16 * y), uint8(4*x + 4*y), 255})
		}
	}
	pack := func(m image.Image, order string, padding int) []byte {
		var out []byte
		for y := range h {
			for x := range w {
				r, g, b, _ := m.At(x, y).RGBA()
				for _, c := range order {
					out = append(out, map[rune]byte{'r': byte(r >> 8), 'g': byte(g >> 8), 'b': byte(b >> 8), 'a': 255}[c])
				}
			}
			out = append(out, make([]byte, padding)...)
		}
		return out
	}
	for _, c := range []struct {
		encoding, order string
		of              image.Image
		step            uint32
	}{
		{"rgb8", "rgb", colour, 3 * w},
		{"rgb8", "rgb", colour, 3*w + 8}, // padded rows
		{"bgr8", "bgr", colour, 3 * w},
		{"rgba8", "rgba", colour, 4 * w},
		{"bgra8", "bgra", colour, 4 * w},
		{"mono8", "r", grey, w},
	} {
		s := spec("tiles", "front")
		r := newRig(t, DefaultConfig(), s)
		bytesPerRow := uint32(len(c.order) * w)
		r.film("front", &msgs.Image{Width: w, Height: h, Encoding: c.encoding, Step: c.step, Data: pack(c.of, c.order, int(c.step-bytesPerRow))})
		r.run(time.Millisecond)
		if got, _ := r.newest(); !bytes.Equal(got.Pix, pack(c.of, "rgb", 0)) {
			t.Errorf("%s with rows of %d bytes is another picture", c.encoding, c.step)
		}
	}
	for _, encoding := range []string{"yuyv", "yuv422_yuy2", "uyvy", "yuv422"} {
		r := newRig(t, DefaultConfig(), spec("tiles", "front"))
		data := bytes.Repeat([]byte{81, 90, 81, 240}, w*h/2) // BT.601's red: Y 81, U 90, V 240
		if encoding == "uyvy" || encoding == "yuv422" {
			data = bytes.Repeat([]byte{90, 81, 240, 81}, w*h/2)
		}
		r.film("front", &msgs.Image{Width: w, Height: h, Encoding: encoding, Step: 2 * w, Data: data})
		r.run(time.Millisecond)
		if got, _ := r.newest(); got.Pix[0] < 250 || got.Pix[1] > 5 || got.Pix[2] > 5 {
			t.Errorf("%s red is %v", encoding, got.Pix[:3])
		}
	}
	var jpg, pngs bytes.Buffer
	if err := errors.Join(jpeg.Encode(&jpg, grey, &jpeg.Options{Quality: 100}), png.Encode(&pngs, colour)); err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Transport = "compressed"
	for _, c := range []struct {
		format string
		data   []byte
		want   []byte
		off    int
	}{
		{"mono8; jpeg compressed mono8", jpg.Bytes(), pack(grey, "rgb", 0), 2},
		{"rgb8; png compressed bgr8", pngs.Bytes(), pack(colour, "rgb", 0), 0},
	} {
		r := newRig(t, cfg, spec("tiles", "front"))
		if err := r.packed["front"].Publish(&msgs.CompressedImage{Header: msgs.Header{Stamp: msgs.Stamp(r.c.Now())}, Format: c.format, Data: c.data}); err != nil {
			t.Fatal(err)
		}
		r.run(time.Millisecond)
		got, _ := r.newest()
		for i := range got.Pix {
			if d := int(got.Pix[i]) - int(c.want[i]); d > c.off || d < -c.off {
				t.Fatalf("%s: byte %d is %d, want %d", c.format, i, got.Pix[i], c.want[i])
			}
		}
	}
}

// TestMissing walks through the ways a camera can fail.
func TestMissing(t *testing.T) {
	s := spec("stack", "front", "left")
	r := newRig(t, DefaultConfig(), s)
	front, left := picture(64, 48, 1), picture(64, 48, 2)
	both := func() {
		f, l := *front, *left
		r.film("front", &f)
		r.film("left", &l)
		r.run(100 * time.Millisecond)
	}
	for range 3 {
		both()
	}
	r.run(time.Second)
	if r.run(time.Second); r.diag.Level != msgs.DiagError || !strings.Contains(r.diag.Message, "front (no new frame for") {
		t.Errorf("all silent: %d %s", r.diag.Level, r.diag.Message)
	}
	count := len(r.images)
	r.run(time.Second)
	if len(r.images) != count {
		t.Error("pictures of silent cameras were published")
	}
	both()
	both()
	if got, _ := r.newest(); !bytes.Equal(got.Pix, drawn(t, s, front, left).Pix) {
		t.Error("the cameras are back and their picture is not")
	}
	for range 12 { // the left one is pulled out
		f := *front
		r.film("front", &f)
		r.run(100 * time.Millisecond)
	}
	got, views := r.newest()
	if !bytes.Equal(got.Pix, drawn(t, s, front, nil).Pix) {
		t.Error("the rectangle of a missing camera is not black")
	}
	v := views.Views[1]
	if views.Views[0].Missing || !v.Missing || v.Age.Go() < time.Second || v.Stamp.IsZero() || v.Height != 167 {
		t.Errorf("views %+v", views.Views)
	}
	if r.diag.Level != msgs.DiagError || !strings.HasPrefix(r.diag.Message, "missing: left (no new frame for ") {
		t.Errorf("diagnostics %d %s", r.diag.Level, r.diag.Message)
	}
	for range 12 { // and the front one instead
		l := *left
		r.film("left", &l)
		r.run(100 * time.Millisecond)
	}
	got, views = r.newest()
	if !bytes.Equal(got.Pix, drawn(t, s, nil, left).Pix) || !views.Views[0].Missing || views.Views[1].Missing || views.Header.Stamp != views.Views[1].Stamp {
		t.Errorf("without the first camera: %+v", views)
	}
	for range 3 { // what comes is no picture
		f := *front
		f.Encoding = "16UC1"
		l := *left
		r.film("front", &f)
		r.film("left", &l)
		r.run(100 * time.Millisecond)
	}
	got, views = r.newest()
	if !bytes.Equal(got.Pix, drawn(t, s, nil, left).Pix) || !views.Views[0].Missing {
		t.Error("a frame that can't be read is not missing")
	}
	r.run(100 * time.Millisecond)
	if r.diag.Level != msgs.DiagError || !strings.Contains(r.diag.Message, `can't be shown: front: image is not usable: encoding "16UC1"`) {
		t.Errorf("diagnostics %d %s", r.diag.Level, r.diag.Message)
	}
	count = len(r.images)
	for range 2 { // both are broken
		f, l := *front, *left
		f.Data, l.Data = f.Data[:5], l.Data[:5]
		r.film("front", &f)
		r.film("left", &l)
		r.run(100 * time.Millisecond)
	}
	if len(r.images) != count {
		t.Error("a picture of nothing was published")
	}
	both()
	both()
	r.run(time.Millisecond)
	if got, _ := r.newest(); !bytes.Equal(got.Pix, drawn(t, s, front, left).Pix) {
		t.Error("what was broken is not shown again")
	}
}

func TestNeverHeard(t *testing.T) {
	r := newRig(t, DefaultConfig(), spec("stack", "front", "left"))
	r.run(1100 * time.Millisecond)
	if want := "waiting for front"; r.diag.Level != msgs.DiagWarn || !strings.HasPrefix(r.diag.Message, want) {
		t.Errorf("while cameras may still start: %d %s", r.diag.Level, r.diag.Message)
	}
	r.run(time.Second)
	if want := "missing: front (never heard on /front/color/image_raw), left (never heard on /left/color/image_raw)"; r.diag.Message != want {
		t.Errorf("%s, want %s", r.diag.Message, want)
	}
	// At native size a camera that was never heard has no place, unless its size is known.
	for _, known := range []bool{false, true} {
		s := spec("tiles", "front", "left")
		if known {
			s.Cameras[1].Width, s.Cameras[1].Height = 8, 4
		}
		r := newRig(t, DefaultConfig(), s)
		f := picture(16, 8, 1)
		r.film("front", f)
		r.run(time.Millisecond)
		if !known {
			if len(r.images) != 0 || r.fusion.waits != "the size of camera left is not known before its first frame" {
				t.Errorf("%d pictures, waits for %s", len(r.images), r.fusion.waits)
			}
			continue
		}
		if got, _ := r.newest(); !bytes.Equal(got.Pix, drawn(t, s, f, nil).Pix) {
			t.Error("another picture")
		}
	}
}

// TestNewSize: a camera that is exchanged for one of another size is laid out anew.
func TestNewSize(t *testing.T) {
	s := spec("tiles", "front")
	r := newRig(t, DefaultConfig(), s)
	for _, size := range []vision.Size{{Width: 16, Height: 8}, {Width: 32, Height: 8}, {Width: 16, Height: 8}} {
		f := picture(size.Width, size.Height, 3)
		r.film("front", f)
		r.run(50 * time.Millisecond)
		if got, _ := r.newest(); got.Size != size || !bytes.Equal(got.Pix, f.Data) {
			t.Errorf("picture of %s, want %s", got.Size, size)
		}
	}
}

func TestRateAndListeners(t *testing.T) {
	cfg := DefaultConfig()
	cfg.MaxRate = 10
	r := newRig(t, cfg, spec("tiles", "front"))
	for range 60 {
		r.film("front", picture(16, 8, 1))
		r.run(time.Second / 30)
	}
	if n := len(r.images); n < 19 || n > 21 {
		t.Errorf("%d pictures in 2 s at 10 Hz at most", n)
	}
	if p50, p99 := r.fusion.Latency(); p50 != 0 || p99 != 0 { // nothing takes time here
		t.Errorf("latency %v, %v", p50, p99)
	}

	quiet := newRig(t, DefaultConfig(), spec("tiles", "front"))
	quiet.fusion.image, _ = rcl.Advertise[msgs.Image](quiet.n, "/elsewhere", rcl.Default)
	quiet.fusion.views, _ = rcl.Advertise[msgs.Views](quiet.n, "/elsewhere_too", rcl.Default)
	quiet.film("front", picture(16, 8, 1))
	quiet.run(150 * time.Millisecond)
	if quiet.fusion.sets != 0 || quiet.diag.Message != "nobody listens" {
		t.Errorf("%d pictures for nobody: %s", quiet.fusion.sets, quiet.diag.Message)
	}
}

func TestStampless(t *testing.T) {
	r := newRig(t, DefaultConfig(), spec("tiles", "front"))
	r.run(time.Millisecond)
	if err := r.raw["front"].Publish(picture(16, 8, 1)); err != nil {
		t.Fatal(err)
	}
	r.run(time.Millisecond)
	if _, views := r.newest(); views.Header.Stamp != (msgs.Time{Sec: 1, Nanosec: 1e6}) {
		t.Errorf("a frame without stamp has %v", views.Header.Stamp)
	}
}

func TestRefuses(t *testing.T) {
	broken := errors.New("no manifest")
	for want, open := range map[string]Open{
		"camera_fusion for policy expert: no manifest":            func(string, string, string) (Spec, error) { return Spec{}, broken },
		"layout stack takes 2 cameras, got 3":                     func(string, string, string) (Spec, error) { return spec("stack", "a", "b", "c"), nil },
		`layout "heap", expected stack, stack3, mosaic4 or tiles`: func(string, string, string) (Spec, error) { return spec("heap", "a"), nil },
		"camera a is listed twice":                                func(string, string, string) (Spec, error) { return spec("stack", "a", "a"), nil },
		"layout tiles has the size its views make, not 9x9": func(string, string, string) (Spec, error) {
			s := spec("tiles", "a")
			s.Width, s.Height = 9, 9
			return s, nil
		},
	} {
		c := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(time.Time{})})
		_, err := c.Add("camera_fusion", rcl.Args{}, func(n *rcl.Node) error {
			_, err := New(n, DefaultConfig(), open)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want …%s…", err, want)
		}
		if err := c.Shutdown(time.Second); err != nil {
			t.Error(err)
		}
	}
}

// TestOnlyThePictureIsAllocated: a set costs its messages and nothing that grows with the frames.
func TestOnlyThePictureIsAllocated(t *testing.T) {
	r := newRig(t, DefaultConfig(), spec("stack3", "front", "left", "right"))
	frames := []*msgs.Image{picture(64, 48, 1), picture(64, 48, 2), picture(64, 48, 3)}
	frames[1].Encoding = "bgr8" // through a buffer
	now := r.c.Now()
	set := func() {
		now = now.Add(time.Second / 30)
		for i, m := range frames {
			again := *m
			r.fusion.sync.add(now, i, frame{stamp: now, received: now, raw: &again})
		}
		if !r.fusion.sync.ready(now) {
			t.Fatal("the set is not ready")
		}
		r.fusion.publish(now)
		r.fusion.sync.done()
	}
	for range 10 {
		set()
	}
	// The three frames; views and their list; image, its bytes; what handing two
	// messages over takes; and a goroutine a view.
	if n := testing.AllocsPerRun(50, set); n > 3+2+2+6+3 {
		t.Errorf("%v allocations a set", n)
	}
	const runs = 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		set()
	}
	runtime.ReadMemStats(&after)
	size := (after.TotalAlloc - before.TotalAlloc) / runs
	if limit := uint64(334*334*3) + 12<<10; size > limit { // Go rounds large slices up to 8 kB
		t.Errorf("%d bytes a set, the picture has %d", size, 334*334*3)
	}
}

func TestLatencies(t *testing.T) {
	var l latencies
	if l.percentile(0.99) != 0 {
		t.Error("nothing measured is not 0")
	}
	for i := range 1000 {
		l.add(time.Duration(i) * time.Millisecond)
	}
	if p50, p99 := l.percentile(0.5), l.percentile(0.99); p50 != 872*time.Millisecond || p99 != 997*time.Millisecond || l.ms(0.5) != "872.00" {
		t.Errorf("p50 %v, p99 %v of the last 256", p50, p99)
	}
}

func BenchmarkStack(b *testing.B) {
	n := Node{spec: spec("stack", "front", "left"), cfg: DefaultConfig()}
	if err := n.prepare(); err != nil {
		b.Fatal(err)
	}
	frames := []*msgs.Image{picture(640, 480, 1), picture(640, 480, 2)}
	views := &msgs.Views{Views: make([]msgs.View, 2)}
	for b.Loop() {
		for i, m := range slices.Clone(frames) {
			again := *m
			if err := n.shown[i].show(frame{raw: &again}); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := n.draw(views); err != nil {
			b.Fatal(err)
		}
	}
}
