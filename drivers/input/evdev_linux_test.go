//go:build linux && (amd64 || arm64)

package input

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// FakeKernel is a device file whose events come through a pipe.
type FakeKernel struct {
	name  string
	types []uint16
	keys  []uint16
	read  *os.File
	write *os.File

	mu     sync.Mutex
	down   map[uint16]bool
	at     map[uint16]int32
	grabs  int
	busy   bool
	broken bool
}

func newFakeKernel(t *testing.T) *FakeKernel {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return &FakeKernel{
		name: "fake pad", types: []uint16{evSyn, evKey, evAbs}, keys: []uint16{17, 30, 44, 28, 0x130},
		read: r, write: w, down: map[uint16]bool{}, at: map[uint16]int32{},
	}
}

func (k *FakeKernel) Read(b []byte) (int, error) { return k.read.Read(b) }
func (k *FakeKernel) Close() error               { return k.read.Close() }

func set(arg unsafe.Pointer, numbers ...uint16) {
	b := (*bits)(arg)
	for _, n := range numbers {
		b[n/8] |= 1 << (n % 8)
	}
}

func (k *FakeKernel) ioctl(request uintptr, arg unsafe.Pointer) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken {
		return unix.ENODEV
	}
	switch request {
	case reqName(256):
		copy((*[256]byte)(arg)[:], k.name)
	case reqBits(0):
		set(arg, k.types...)
	case reqBits(evKey):
		set(arg, k.keys...)
	case reqBits(evAbs):
		set(arg, 0, 1)
	case reqAbs(0), reqAbs(1):
		*(*absInfo)(arg) = absInfo{value: k.at[uint16(request&0x3f)], min: -100, max: 100, flat: 5}
	case reqKeys():
		for n, down := range k.down {
			if down {
				set(arg, n)
			}
		}
	case reqGrab():
		if k.busy {
			return unix.EBUSY
		}
		k.grabs++
	default:
		return unix.EINVAL
	}
	return nil
}

func (k *FakeKernel) send(events ...Raw) {
	var b []byte
	for _, e := range events {
		b = AppendRaw(b, e)
	}
	_, _ = k.write.Write(b)
}

func (k *FakeKernel) press(c Code, down bool) {
	value := int32(0)
	if down {
		value = 1
	}
	k.send(Raw{evKey, c.number(), value}, Raw{evSyn, synReport, 0})
}

func (k *FakeKernel) move(c Code, v float64) {
	k.send(Raw{evAbs, c.number(), int32(v * 100)}, Raw{evSyn, synReport, 0})
}

// OpenFake opens a device of this machine behind a kernel that the test operates.
func OpenFake(t *testing.T) (d Device, press func(Code, bool), move func(Code, float64), unplug func()) {
	k := newFakeKernel(t)
	d, err := newEvdev(k, "/dev/input/event3")
	if err != nil {
		t.Fatal(err)
	}
	return d, k.press, k.move, func() { _ = k.write.Close() }
}

func TestRequestsAreTheKernels(t *testing.T) {
	for name, n := range map[string][2]uintptr{ // what a C compiler gives for linux/input.h
		"EVIOCGNAME(256)":  {reqName(256), 0x81004506},
		"EVIOCGKEY(96)":    {reqKeys(), 0x80604518},
		"EVIOCGBIT(0, 96)": {reqBits(0), 0x80604520},
		"EVIOCGABS(5)":     {reqAbs(5), 0x80184545},
		"EVIOCGRAB":        {reqGrab(), 0x40044590},
		"input_event":      {RawSize, 24},
		"input_absinfo":    {unsafe.Sizeof(absInfo{}), 24},
	} {
		if n[0] != n[1] {
			t.Errorf("%s is %#x, the header's is %#x", name, n[0], n[1])
		}
	}
}

// TestLostEventsLeaveNothingPressed: when the kernel's queue ran over, keys that
// are up by now are released, axes are where they are, and a key that went down
// meanwhile must be pressed again.
func TestLostEventsLeaveNothingPressed(t *testing.T) {
	k := newFakeKernel(t)
	d, err := newEvdev(k, "/dev/input/event3")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if d.info.Class != Keyboard|Joystick || d.info.Name != "fake pad" {
		t.Errorf("it is %+v", d.info)
	}
	heard := make(chan Event, 20)
	d.Listen(func(e Event) { heard <- e })
	k.press(KeyW, true)
	k.press(KeyA, true)
	k.move(AbsX, 1)
	k.mu.Lock()
	k.down[KeyA.number()], k.down[KeyZ.number()] = true, true
	k.at[1] = -100
	k.mu.Unlock()
	k.send(
		Raw{evSyn, synDropped, 0},
		Raw{evKey, KeyS.number(), 1}, // stale
		Raw{evSyn, synReport, 0},
		Raw{evKey, KeyZ.number(), 1}, Raw{evSyn, synReport, 0},
	)
	want := []Event{
		{Key, KeyW, 1}, {Key, KeyA, 1}, {Axis, AbsX, 1},
		{Key, KeyW, 0}, {Axis, AbsX, 0}, {Axis, AbsY, -1}, {Key, KeyZ, 1},
	}
	for i, w := range want {
		if e := <-heard; e != w {
			t.Fatalf("event %d is %+v, want %+v", i, e, w)
		}
	}
}

func TestEventsMayComeInPieces(t *testing.T) {
	k := newFakeKernel(t)
	d, err := newEvdev(k, "/dev/input/event3")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	heard := make(chan Event, 20)
	d.Listen(func(e Event) { heard <- e })
	b := AppendRaw(nil, Raw{evKey, KeyW.number(), 1})
	b = AppendRaw(b, Raw{evKey, KeyW.number(), 2})
	b = AppendRaw(b, Raw{evKey, KeyW.number(), 0})
	for _, piece := range [][]byte{b[:5], b[5:30], b[30:]} {
		if _, err := k.write.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range []Event{{Key, KeyW, 1}, {Key, KeyW, 0}} {
		if e := <-heard; e != w {
			t.Errorf("heard %+v, want %+v", e, w)
		}
	}
}

func TestWhatCannotBeOpenedSaysWhy(t *testing.T) {
	k := newFakeKernel(t)
	k.broken = true
	if _, err := newEvdev(k, "/dev/input/event3"); err == nil || !strings.Contains(err.Error(), "/dev/input/event3") {
		t.Errorf("%v", err)
	}
	k = newFakeKernel(t)
	d, err := newEvdev(k, "/dev/input/event3")
	if err != nil {
		t.Fatal(err)
	}
	k.mu.Lock()
	k.busy = true
	k.mu.Unlock()
	if err := d.Grab(true); !errors.Is(err, ErrGrabbed) {
		t.Errorf("grab: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}

	folder := t.TempDir()
	if _, err := (System{Folder: folder}).Open(Keyboard, Auto); !errors.Is(err, ErrNoDevice) {
		t.Errorf("an empty folder: %v", err)
	}
	if err := os.WriteFile(folder+"/event0", nil, 0o600); err != nil { // no device: it answers no request
		t.Fatal(err)
	}
	if found := (System{Folder: folder}).Devices(); len(found) != 0 {
		t.Errorf("found %v", found)
	}
}
