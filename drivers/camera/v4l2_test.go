//go:build linux && (amd64 || arm64)

package camera

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// film opens a fake webcam that films a test pattern.
func film(t *testing.T, encoding string) (*V4L2, *fakeKernel) {
	t.Helper()
	k := newFakeKernel()
	cfg := webcamConfig(encoding)
	p, err := NewPattern(PatternConfig{Name: "p", Width: cfg.Width, Height: cfg.Height, Rate: 30, Encoding: encoding})
	if err != nil {
		t.Fatal(err)
	}
	k.filming(p)
	v, err := openVideo(cfg, k, k.clock())
	if err != nil {
		t.Fatal(err)
	}
	return v, k
}

func TestDeviceGivesWhatTheCameraFilms(t *testing.T) {
	for _, encoding := range []string{"jpeg", "yuyv"} {
		v, k := film(t, encoding)
		for n := range uint32(10) {
			f, err := v.Capture(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got, err := PatternNumber(f); err != nil || got != n {
				t.Fatalf("%s: frame %d shows %d: %v", encoding, n, got, err)
			}
			if want := epoch.Add(k.mono - 10*time.Millisecond); !f.Stamp.Equal(want) {
				t.Errorf("%s: stamp %v, exposed %v", encoding, f.Stamp, want)
			}
		}
		if s := v.Stats(); s != (DeviceStats{Frames: 10}) {
			t.Errorf("%s: %+v", encoding, s)
		}
		if err := v.Close(); err != nil {
			t.Error(err)
		}
		if k.mapped != 0 || k.on || !k.closed {
			t.Errorf("%s: left behind: %d buffers, streaming %v, closed %v", encoding, k.mapped, k.on, k.closed)
		}
	}
}

func TestDeviceRate(t *testing.T) {
	k := newFakeKernel()
	v, err := openVideo(webcamConfig("jpeg"), k, k.clock())
	if err != nil {
		t.Fatal(err)
	}
	if i := v.Info(); !near(i.Rate, 29.97) || !i.Paced || i.Width != 64 || i.Name != "camera_f" {
		t.Errorf("%+v", i)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

func TestDeviceCountsWhatIsLostAndCorrupt(t *testing.T) {
	k := newFakeKernel()
	v, err := openVideo(webcamConfig("yuyv"), k, k.clock())
	if err != nil {
		t.Fatal(err)
	}
	whole := make([]byte, 64*32*2)
	k.push(whole, 0, 0)
	k.push(whole, 0, flagError)
	k.push(whole[:100], 0, 0)
	k.push(nil, 0, 0)
	for range 5 { // no buffer is left
		k.push(whole, 0, 0)
	}
	if _, err := v.Capture(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.onWait = func(time.Duration) bool { k.push(whole, 3*time.Second, 0); return true }
	f, err := v.Capture(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !f.Stamp.Equal(epoch.Add(k.mono)) {
		t.Errorf("a capture time 3 s ago was believed: %v", f.Stamp)
	}
	if s, want := v.Stats(), (DeviceStats{Frames: 2, Dropped: 5, Corrupt: 3, BadStamps: 1}); s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

func TestDeviceLeavesOutCutJPEG(t *testing.T) {
	v, k := film(t, "jpeg")
	next := k.onWait
	cut := 0
	k.onWait = func(d time.Duration) bool {
		if cut++; cut < 3 {
			k.push([]byte{0xff, 0xd8, 0xff, 0xdb, 1, 2, 3}, 0, 0)
			return true
		}
		return next(d)
	}
	f, err := v.Capture(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := PatternNumber(f); err != nil || n != 0 || v.Stats().Corrupt != 2 {
		t.Error(n, err, v.Stats())
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

func TestDeviceStampsByArrivalWhenTheKernelDoesNotSay(t *testing.T) {
	v, k := film(t, "yuyv")
	b := v4l2Buffer{seconds: 5}
	if s, bad := v.stamp(b); bad || !s.Equal(epoch.Add(k.mono)) {
		t.Error(s, bad)
	}
	b.flags = flagMonotonic
	b.seconds = 2000 // ahead of now
	if s, bad := v.stamp(b); !bad || !s.Equal(epoch.Add(k.mono)) {
		t.Error(s, bad)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

func TestDeviceSilent(t *testing.T) {
	k := newFakeKernel()
	k.onWait = func(d time.Duration) bool { k.advance(d); return true }
	v, err := openVideo(webcamConfig("jpeg"), k, k.clock())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Capture(t.Context()); !errors.Is(err, ErrSilent) || !strings.Contains(err.Error(), "camera_f") {
		t.Error(err)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

func TestDeviceUnplugged(t *testing.T) {
	v, k := film(t, "jpeg")
	k.onWait = func(time.Duration) bool {
		k.mu.Lock()
		k.gone = true
		k.mu.Unlock()
		return true
	}
	if _, err := v.Capture(t.Context()); !errors.Is(err, ErrUnplugged) {
		t.Error(err)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

func TestDeviceCloseEndsCapture(t *testing.T) {
	k := newFakeKernel()
	waiting := make(chan struct{}, 1)
	k.onWait = func(time.Duration) bool {
		select {
		case waiting <- struct{}{}:
		default:
		}
		return false
	}
	v, err := openVideo(webcamConfig("jpeg"), k, k.clock())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := v.Capture(context.Background())
		done <- err
	}()
	<-waiting
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestDeviceRefusals(t *testing.T) {
	cases := []struct {
		name  string
		setup func(k *fakeKernel, c *DeviceConfig)
		want  string
	}{
		{"no such size", func(_ *fakeKernel, c *DeviceConfig) { c.Width, c.Height = 800, 600 },
			"camera: mode not offered: 800x600 at 30 Hz; it has yuyv 640x480 (30, 15 Hz); yuyv 64x32 (30 Hz); yuyv 1280x720 (5 Hz); jpeg 1280x720 (30, 15 Hz); jpeg 64x32 (29.97 Hz); H264 1920x1080"},
		{"no such rate", func(_ *fakeKernel, c *DeviceConfig) { c.Rate = 60 }, "64x32 at 60 Hz; it has"},
		{"no such encoding", func(_ *fakeKernel, c *DeviceConfig) { c.Encoding = "bgr8" }, "64x32 at 30 Hz as bgr8; it has"},
		{"another size is granted", func(k *fakeKernel, _ *DeviceConfig) { k.askFmt = func(p *v4l2PixFormat) { p.width = 60 } },
			"asked for jpeg 64x32 the device gives jpeg 60x32"},
		{"another format is granted", func(k *fakeKernel, _ *DeviceConfig) {
			k.askFmt = func(p *v4l2PixFormat) { p.pixelFormat = fourcc("H264") }
		},
			"asked for jpeg 64x32 the device gives H264 64x32"},
		{"another rate is granted", func(k *fakeKernel, _ *DeviceConfig) { k.rate = v4l2Fract{1, 15} }, "Hz the device gives 15"},
		{"a metadata node", func(k *fakeKernel, _ *DeviceConfig) { k.caps = 0x00800000 }, "gives no pictures"},
		{"no streaming", func(k *fakeKernel, _ *DeviceConfig) { k.caps = capVideoCapture }, "does not stream"},
		{"busy", func(k *fakeKernel, _ *DeviceConfig) { k.errs[vidSetFmt] = unix.EBUSY }, "another program uses it"},
		{"not a camera", func(k *fakeKernel, _ *DeviceConfig) { k.errs[vidQueryCap] = unix.ENOTTY }, "not a video device"},
		{"no memory", func(k *fakeKernel, _ *DeviceConfig) { k.errs[vidReqBufs] = unix.ENOMEM }, "request 4 buffers: cannot allocate memory"},
		{"no bandwidth", func(k *fakeKernel, _ *DeviceConfig) { k.errs[vidStreamOn] = unix.ENOSPC }, "start streaming: no space left on device (a USB bus carries only so many raw streams"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			k, cfg := newFakeKernel(), webcamConfig("jpeg")
			if c.name == "no such size" || c.name == "no such rate" {
				cfg.Encoding = ""
			}
			c.setup(k, &cfg)
			_, err := openVideo(cfg, k, k.clock())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if !k.closed || k.mapped != 0 {
				t.Errorf("left behind: closed %v, %d buffers", k.closed, k.mapped)
			}
		})
	}
}

func TestDeviceTakesTheFirstEncodingThatFits(t *testing.T) {
	for _, c := range []struct {
		w, h int
		rate float64
		want string
	}{{64, 32, 30, "jpeg"}, {640, 480, 30, "yuyv"}, {1280, 720, 5, "yuyv"}, {1280, 720, 0, "jpeg"}} {
		k, cfg := newFakeKernel(), webcamConfig("")
		cfg.Width, cfg.Height, cfg.Rate = c.w, c.h, c.rate
		v, err := openVideo(cfg, k, k.clock())
		if err != nil {
			t.Fatal(err)
		}
		if v.enc != c.want {
			t.Errorf("%dx%d at %v: %s, want %s", c.w, c.h, c.rate, v.enc, c.want)
		}
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestModesOfAnySize(t *testing.T) {
	k := newFakeKernel()
	k.formats = []fakeFormat{{"YUYV", []v4l2FrmSize{{kind: typeStepwise, sizes: [6]uint32{32, 640, 16, 32, 480, 8}}},
		map[[2]uint32][]v4l2FrmIval{{640, 480}: {{kind: typeContinuous, intervals: [3]v4l2Fract{{1, 60}, {1, 5}}}}}}}
	modes, err := video{k}.modes()
	if err != nil || len(modes) != 1 {
		t.Fatal(modes, err)
	}
	if got := modes[0].String(); got != "yuyv 32x32..640x480 (60..5 Hz)" {
		t.Error(got)
	}
	for _, c := range []struct {
		w, h int
		rate float64
		ok   bool
	}{{320, 240, 30, true}, {32, 32, 60, true}, {640, 480, 5, true}, {330, 240, 30, false}, {656, 480, 30, false}, {320, 240, 61, false}, {320, 240, 4, false}} {
		cfg := webcamConfig("yuyv")
		cfg.Width, cfg.Height, cfg.Rate = c.w, c.h, c.rate
		if _, _, err := cfg.choose(modes); (err == nil) != c.ok {
			t.Errorf("%dx%d at %v: %v", c.w, c.h, c.rate, err)
		}
	}
}

// usbTree makes a sysfs of cameras as a machine with two USB cameras shows it:
// the first with a metadata node.
func usbTree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	put := func(name, text string) {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range []struct{ dev, port, serial, product string }{
		{"video0", "3-1.4", "AY1234", "Dabai DCW"}, {"video1", "3-1.4", "AY1234", "Dabai DCW"}, {"video10", "3-2", "", "Webcam C270"},
	} {
		usb := "devices/usb3/" + c.port
		put(usb+"/product", c.product)
		put(usb+"/idVendor", "2bc5")
		put(usb+"/idProduct", fmt.Sprintf("05%02d", i))
		if c.serial != "" {
			put(usb+"/serial", c.serial)
		}
		put("class/video4linux/"+c.dev+"/name", c.product+" video")
		put(usb+"/"+c.port+":1.0/modalias", "")
		if err := os.Symlink(filepath.Join(root, usb, c.port+":1.0"), filepath.Join(root, "class/video4linux", c.dev, "device")); err != nil {
			t.Fatal(err)
		}
	}
	put("class/video4linux/v4l-subdev0/name", "sensor")
	return filepath.Join(root, "class/video4linux")
}

func listed(t *testing.T) []Device {
	t.Helper()
	devices, err := devicesAt(usbTree(t), func(path string) (kernel, error) {
		k := newFakeKernel()
		if path == "/dev/video1" {
			k.caps = 0x00800000
		}
		return k, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return devices
}

func TestDevices(t *testing.T) {
	var got []string
	for _, d := range listed(t) {
		got = append(got, fmt.Sprintf("%s [%d modes]", d, len(d.Modes)))
	}
	want := []string{
		`/dev/video0 "Dabai DCW" id 2bc5:0501 serial AY1234 port 3-1.4 [6 modes]`,
		`/dev/video1 "Dabai DCW" id 2bc5:0501 serial AY1234 port 3-1.4: gives no pictures (metadata or output) [0 modes]`,
		`/dev/video10 "Webcam C270" id 2bc5:0502 port 3-2 [6 modes]`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDevicesOfAMachineWithout(t *testing.T) {
	devices, err := devicesAt(filepath.Join(t.TempDir(), "none"), nil)
	if err != nil || len(devices) != 0 {
		t.Error(devices, err)
	}
}

func TestDevicesSayWhyTheyCantBeOpened(t *testing.T) {
	devices, err := devicesAt(usbTree(t), func(string) (kernel, error) { return nil, unix.EACCES })
	if err != nil || len(devices) != 3 || devices[0].Problem != "permission denied" {
		t.Error(devices, err)
	}
	_, err = webcamConfig("").pick(devices)
	if !errors.Is(err, ErrNoDevice) || !strings.Contains(err.Error(), "permission denied") {
		t.Error(err)
	}
}

func TestPick(t *testing.T) {
	devices := listed(t)
	for _, c := range []struct {
		name string
		set  func(*DeviceConfig)
		path string
		err  string
	}{
		{"serial", func(c *DeviceConfig) { c.Serial = "AY1234" }, "/dev/video0", ""},
		{"port", func(c *DeviceConfig) { c.Port = "3-2" }, "/dev/video10", ""},
		{"interface", func(c *DeviceConfig) { c.Port = "3-1.4:1.0" }, "/dev/video0", ""},
		{"no such serial", func(c *DeviceConfig) { c.Serial = "X" }, "", "no serial X; there are /dev/video0"},
		{"port of none", func(c *DeviceConfig) { c.Port = "3-1" }, "", "no port 3-1; there are"},
		{"none given", func(*DeviceConfig) {}, "", "several devices fit: are /dev/video0"},
	} {
		cfg := webcamConfig("")
		c.set(&cfg)
		d, err := cfg.pick(devices)
		if d.Path != c.path || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, %v", c.name, d, err)
		}
	}
	if _, err := webcamConfig("").pick(nil); err == nil || !strings.Contains(err.Error(), "there are no video devices at all") {
		t.Error(err)
	}
	if d, err := webcamConfig("").pick(devices[:2]); err != nil || d.Path != "/dev/video0" {
		t.Error(d, err)
	}
}

// Of a camera with several streams the colour one is taken.
func TestPickPrefersColour(t *testing.T) {
	infrared := Device{Path: "/dev/video2", Port: "2-1", Modes: []Mode{{Encoding: "uyvy", Width: 64, Height: 32, Rates: []float64{30}}, {Encoding: "mono8", Width: 64, Height: 32, Rates: []float64{30}}}}
	depth := Device{Path: "/dev/video0", Port: "2-1", Modes: []Mode{{Encoding: "Z16 ", Width: 64, Height: 32, Rates: []float64{30}}}}
	colour := Device{Path: "/dev/video4", Port: "2-1", Modes: []Mode{{Encoding: "yuyv", Width: 64, Height: 32, Rates: []float64{30}}}}
	if d, err := webcamConfig("").pick([]Device{depth, infrared, colour}); err != nil || d.Path != colour.Path {
		t.Error(d, err)
	}
}

func TestDeviceConfigIsChecked(t *testing.T) {
	for name, change := range map[string]func(*DeviceConfig){
		"two ways":     func(c *DeviceConfig) { c.Device, c.Serial = "/dev/video0", "X" },
		"no size":      func(c *DeviceConfig) { c.Width = 0 },
		"negative":     func(c *DeviceConfig) { c.Rate = -1 },
		"one buffer":   func(c *DeviceConfig) { c.Buffers = 1 },
		"no timeout":   func(c *DeviceConfig) { c.Timeout = 0 },
		"what":         func(c *DeviceConfig) { c.Encoding = "h264" },
		"not there":    func(c *DeviceConfig) { c.Device = filepath.Join(t.TempDir(), "video0") },
		"not a device": func(c *DeviceConfig) { c.Device = os.DevNull },
	} {
		cfg := DefaultDeviceConfig()
		change(&cfg)
		if v, err := OpenDevice(cfg); err == nil {
			t.Errorf("%s: %v", name, v)
		}
	}
}

// The system's part of a device node, on a file that is no camera.
func TestNodeWaitsAndWakes(t *testing.T) {
	n, err := openNode(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	n.wake()
	if _, err := n.wait(time.Hour); err != nil { // the wake is kept
		t.Error(err)
	}
	if err := n.ioctl(vidQueryCap, nil); !errors.Is(err, unix.ENOTTY) {
		t.Error(err)
	}
	if err := n.close(); err != nil {
		t.Error(err)
	}
	n.wake() // a late one hits nobody's file
}
