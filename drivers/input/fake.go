package input

import (
	"fmt"
	"sync"
)

// Fakes are devices without hardware, for tests: what Plug makes, Open opens.
type Fakes struct {
	mu      sync.Mutex
	devices []*Fake
}

// NewFakes makes an opener that has no device yet.
func NewFakes() *Fakes { return &Fakes{} }

// Plug adds a device.
func (f *Fakes) Plug(class Class, name string) *Fake {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := &Fake{info: Info{Name: name, Path: fmt.Sprintf("fake/event%d", len(f.devices)), Class: class}, state: newState(nil)}
	f.devices = append(f.devices, d)
	return d
}

// Open implements Opener.
func (f *Fakes) Open(class Class, want string) (Device, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []Info
	for _, d := range f.devices {
		if !d.isGone() {
			found = append(found, d.info)
		}
	}
	i, err := pick(found, class, want)
	if err != nil {
		return nil, err
	}
	for _, d := range f.devices {
		if d.info.Path == i.Path {
			return d, nil
		}
	}
	return nil, ErrNoDevice
}

// Fake is a device that a test operates. It tells its listeners on the caller's goroutine.
type Fake struct {
	info Info
	hear listeners

	mu      sync.Mutex
	state   *state
	grabbed bool
	gone    bool
}

// Press presses or releases a key or button.
func (d *Fake) Press(c Code, down bool) {
	d.mu.Lock()
	e, tell := d.state.key(c, down)
	d.mu.Unlock()
	if tell {
		d.hear.tell(e)
	}
}

// Tap presses a key and lets it go.
func (d *Fake) Tap(c Code) {
	d.Press(c, true)
	d.Press(c, false)
}

// Move moves an axis to v, -1..1.
func (d *Fake) Move(c Code, v float64) {
	d.mu.Lock()
	tell := d.state.axes[c] != v
	d.state.axes[c] = v
	d.mu.Unlock()
	if tell {
		d.hear.tell(Event{Kind: Axis, Code: c, Value: v})
	}
}

// Unplug takes the device away for good.
func (d *Fake) Unplug() {
	d.mu.Lock()
	was := d.gone
	d.gone = true
	d.mu.Unlock()
	if !was {
		d.hear.tell(Event{Kind: Gone})
		d.hear.close()
	}
}

// Grabbed says whether somebody has it for himself.
func (d *Fake) Grabbed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.grabbed
}

func (d *Fake) isGone() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.gone
}

// Info implements Device.
func (d *Fake) Info() Info { return d.info }

// Listen implements Device.
func (d *Fake) Listen(fn func(Event)) (cancel func()) { return d.hear.add(fn) }

// Grab implements Device.
func (d *Fake) Grab(on bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone {
		return ErrClosed
	}
	d.grabbed = on
	return nil
}

// Close implements Device.
func (d *Fake) Close() error {
	d.mu.Lock()
	d.gone, d.grabbed = true, false
	d.mu.Unlock()
	d.hear.close()
	return nil
}
