package camera

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DeviceConfig describes a V4L2 camera: a UVC webcam, an Orbbec Dabai's or a
// RealSense's colour stream. Of Device, Serial and Port give one; a serial
// number or port stays the same when the machine starts again, /dev/video0 may not.
type DeviceConfig struct {
	// Name of the camera in Info and errors, e.g. camera_f.
	Name string
	// Device is a path, e.g. /dev/video0 or a link below /dev/v4l/by-id.
	Device string
	// Serial is the USB serial number, as `cobot_vla doctor` lists it.
	Serial string
	// Port is where it is plugged in, e.g. 3-1.4: bus and the hubs' ports.
	Port string
	// Width and Height of the frames [px]; default 640x480.
	Width, Height int
	// Rate of the frames [Hz]; 0 takes the highest there is at that size. Default 30.
	Rate float64
	// Encoding of the frames: jpeg, yuyv, uyvy, rgb8, bgr8 or mono8; "" takes the
	// first of these, in this order, that has the size and rate. JPEG costs
	// decoding, but three raw VGA streams at 30 Hz do not fit one USB 2 bus.
	Encoding string
	// Buffers in the kernel's queue, 2 to 32; default 4. More survive a longer
	// pause of ours, and make the newest frame wait longer.
	Buffers int
	// Timeout without a frame after which Capture returns ErrSilent; default 2 s.
	Timeout time.Duration
}

// DefaultDeviceConfig is VGA at 30 Hz.
func DefaultDeviceConfig() DeviceConfig {
	return DeviceConfig{Name: "camera", Width: 640, Height: 480, Rate: 30, Buffers: 4, Timeout: 2 * time.Second}
}

func (c DeviceConfig) check() error {
	chosen := 0
	for _, s := range []string{c.Device, c.Serial, c.Port} {
		if s != "" {
			chosen++
		}
	}
	switch {
	case chosen > 1:
		return fmt.Errorf("%w: %s: device %q, serial %q and port %q: give one of them", ErrNoDevice, c.Name, c.Device, c.Serial, c.Port)
	case c.Width < 1 || c.Height < 1 || c.Width > MaxSide || c.Height > MaxSide:
		return fmt.Errorf("%w: %s: size %dx%d", ErrMode, c.Name, c.Width, c.Height)
	case !(c.Rate >= 0 && c.Rate <= 1000):
		return fmt.Errorf("%w: %s: rate %v Hz", ErrMode, c.Name, c.Rate)
	case c.Buffers < 2 || c.Buffers > 32:
		return fmt.Errorf("%w: %s: %d buffers, expected 2 to 32", ErrMode, c.Name, c.Buffers)
	case c.Timeout <= 0:
		return fmt.Errorf("%w: %s: timeout %v", ErrMode, c.Name, c.Timeout)
	case c.Encoding != "" && !slices.Contains(preferred, c.Encoding):
		return fmt.Errorf("%w: %s: encoding %q, expected one of %s", ErrMode, c.Name, c.Encoding, strings.Join(preferred, ", "))
	}
	return nil
}

// Device is a camera of this machine.
type Device struct {
	// Path of the device node, e.g. /dev/video0.
	Path string
	// Name the driver gives it.
	Name string
	// Serial number, Product and USB ids (2bc5:0559); "" where it is not a USB device or has none.
	Serial, Product, ID string
	// Port it is plugged into, e.g. 3-1.4.
	Port string
	// Modes it offers; none when Problem is set.
	Modes []Mode
	// Problem says why it can't be used: no permission, no video capture, busy.
	Problem string
}

// String describes the device in a line.
func (d Device) String() string {
	s := d.Path + " " + strconv.Quote(cmp.Or(d.Product, d.Name))
	for _, part := range [][2]string{{"id ", d.ID}, {"serial ", d.Serial}, {"port ", d.Port}} {
		if part[1] != "" {
			s += " " + part[0] + part[1]
		}
	}
	if d.Problem != "" {
		return s + ": " + d.Problem
	}
	return s
}

// Mode is a format and size that a device offers, with its rates.
type Mode struct {
	// Encoding as Frame has it; for formats that Decode does not know the device's four letters, e.g. H264.
	Encoding      string
	Width, Height int
	// MaxWidth and MaxHeight are larger where any size up to them is offered, in steps.
	MaxWidth, MaxHeight   int
	StepWidth, StepHeight int
	// Rates in Hz, falling. Where any rate between two is offered, RateRange is set and Rates holds both.
	Rates     []float64
	RateRange bool

	fourcc uint32
}

// fits says whether the mode has a size.
func (m Mode) fits(w, h int) bool {
	in := func(v, low, high, step int) bool {
		return v >= low && v <= max(low, high) && (v == low || step > 0 && (v-low)%step == 0)
	}
	return in(w, m.Width, m.MaxWidth, m.StepWidth) && in(h, m.Height, m.MaxHeight, m.StepHeight)
}

// rate picks the offered rate that is wanted, 0 the highest; ok is false where there is none.
func (m Mode) rate(want float64) (float64, bool) {
	switch {
	case len(m.Rates) == 0: // the device doesn't say: it will take what it takes
		return want, true
	case want == 0:
		return m.Rates[0], true
	case m.RateRange:
		return want, want <= m.Rates[0]+0.01 && want >= m.Rates[len(m.Rates)-1]-0.01
	}
	for _, r := range m.Rates {
		if math.Abs(r-want) <= 0.01*want { // 29.97 is 30
			return r, true
		}
	}
	return 0, false
}

// String is e.g. jpeg 640x480 (30, 15 Hz).
func (m Mode) String() string {
	s := fmt.Sprintf("%s %dx%d", m.Encoding, m.Width, m.Height)
	if m.MaxWidth > m.Width || m.MaxHeight > m.Height {
		s += fmt.Sprintf("..%dx%d", m.MaxWidth, m.MaxHeight)
	}
	if len(m.Rates) == 0 {
		return s
	}
	var rates []string
	for _, r := range m.Rates {
		rates = append(rates, strconv.FormatFloat(math.Round(r*100)/100, 'f', -1, 64))
	}
	sep := ", "
	if m.RateRange {
		sep = ".."
	}
	return s + " (" + strings.Join(rates, sep) + " Hz)"
}

func modesText(modes []Mode) string {
	if len(modes) == 0 {
		return "nothing"
	}
	var all []string
	for _, m := range modes {
		all = append(all, m.String())
	}
	return strings.Join(all, "; ")
}

// preferred encodings, first the one to take.
var preferred = []string{"jpeg", "yuyv", "uyvy", "rgb8", "bgr8", "mono8"}

// choose picks the mode for a configuration, and its rate.
func (c DeviceConfig) choose(modes []Mode) (Mode, float64, error) {
	encodings := preferred
	if c.Encoding != "" {
		encodings = []string{c.Encoding}
	}
	for _, e := range encodings {
		for _, m := range modes {
			if m.Encoding != e || !m.fits(c.Width, c.Height) {
				continue
			}
			if rate, ok := m.rate(c.Rate); ok {
				return m, rate, nil
			}
		}
	}
	want := fmt.Sprintf("%dx%d", c.Width, c.Height)
	if c.Rate > 0 {
		want += fmt.Sprintf(" at %v Hz", c.Rate)
	}
	if c.Encoding != "" {
		want += " as " + c.Encoding
	}
	return Mode{}, 0, fmt.Errorf("%w: %s; it has %s", ErrMode, want, modesText(modes))
}

// rank orders devices for a configuration: the place of their encoding in
// preferred, so that of a RealSense's several streams colour comes first.
func (c DeviceConfig) rank(d Device) int {
	m, _, err := c.choose(d.Modes)
	if err != nil {
		return len(preferred)
	}
	return slices.Index(preferred, m.Encoding)
}

// pick finds the configured device among those of the machine.
func (c DeviceConfig) pick(devices []Device) (Device, error) {
	var found, broken []Device
	for _, d := range devices {
		switch {
		case c.Serial != "" && d.Serial != c.Serial, c.Port != "" && !underPort(d.Port, c.Port):
		case d.Problem != "":
			broken = append(broken, d)
		default:
			found = append(found, d)
		}
	}
	want := "serial " + c.Serial
	switch {
	case c.Port != "":
		want = "port " + c.Port
	case c.Serial == "":
		want = "usable device"
	}
	switch {
	case len(found) == 0 && len(broken) > 0 && (c.Serial != "" || c.Port != ""):
		return Device{}, fmt.Errorf("%w: %s: %s can't be used: there %s", ErrNoDevice, c.Name, want, devicesText(broken))
	case len(found) == 0:
		return Device{}, fmt.Errorf("%w: %s: no %s; there %s", ErrNoDevice, c.Name, want, devicesText(devices))
	}
	slices.SortStableFunc(found, func(a, b Device) int { return cmp.Compare(c.rank(a), c.rank(b)) })
	usb := map[string]bool{}
	for _, d := range found {
		usb[cmp.Or(d.Port, d.Path)] = true
	}
	if len(usb) > 1 {
		return Device{}, fmt.Errorf("%w: %s: several devices fit: %s: give device, serial or port", ErrNoDevice, c.Name, devicesText(found))
	}
	return found[0], nil
}

// underPort takes an interface's name as well: 3-1.4:1.0 is at port 3-1.4.
func underPort(have, want string) bool {
	want, _, _ = strings.Cut(want, ":")
	return have == want
}

func devicesText(devices []Device) string {
	if len(devices) == 0 {
		return "are no video devices at all"
	}
	var all []string
	for _, d := range devices {
		all = append(all, d.String())
	}
	return "are " + strings.Join(all, "; ")
}

// DeviceStats counts what a device did since it was opened.
type DeviceStats struct {
	// Frames handed over.
	Frames uint64
	// Dropped by the device or because our queue was full, by the kernel's sequence numbers.
	Dropped uint64
	// Corrupt frames that were left out: marked so by the kernel, too short, or no JPEG.
	Corrupt uint64
	// BadStamps: the kernel's capture time was impossible and the time of arrival was taken.
	BadStamps uint64
}
