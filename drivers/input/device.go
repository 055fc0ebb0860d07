package input

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of opening and using a device.
var (
	// ErrNoDevice: no device, or more than one, fits what was asked for; the text lists what there is.
	ErrNoDevice = errors.New("input: no such device")
	// ErrClosed: the device was closed, or is gone.
	ErrClosed = errors.New("input: device closed")
	// ErrGrabbed: another program has the device for itself.
	ErrGrabbed = errors.New("input: device is another program's")
)

// Class is what a device is good for.
type Class uint8

const (
	// Keyboard has letters and Enter.
	Keyboard Class = 1 << iota
	// Joystick has two axes and buttons: joysticks and gamepads.
	Joystick
)

// String is what errors print.
func (c Class) String() string {
	var names []string
	if c&Keyboard != 0 {
		names = append(names, "keyboard")
	}
	if c&Joystick != 0 {
		names = append(names, "joystick")
	}
	if len(names) == 0 {
		return "other device"
	}
	return strings.Join(names, " and ")
}

// Info is what is known of a device.
type Info struct {
	// Name the device gives itself, e.g. "Xbox Wireless Controller".
	Name string
	// Path of its file, e.g. /dev/input/event5.
	Path string
	// Class is a set.
	Class Class
}

// Kind of an event.
type Kind uint8

const (
	// Key: a key or button went down (Value 1) or up (Value 0). Repetitions of held keys are not told.
	Key Kind = iota
	// Axis: an axis moved; Value is -1..1, 0 within the device's own dead zone.
	Axis
	// Gone: the device was unplugged; nothing follows.
	Gone
)

// Event is one thing a person did to a device.
type Event struct {
	Kind  Kind
	Code  Code
	Value float64
}

// Device is one keyboard, joystick or gamepad. Methods are safe for concurrent use.
type Device interface {
	// Info tells what it is.
	Info() Info
	// Listen calls fn for every event from now on, in order, one at a time, until
	// cancel returns. What is held down already is not told: it counts as pressed
	// only when it is pressed again. fn must not block, nor call the device; cancel and
	// Close wait for it.
	Listen(fn func(Event)) (cancel func())
	// Grab takes the device from every other program of this machine, or gives it back.
	Grab(on bool) error
	// Close ends it; nothing is heard after it returns.
	Close() error
}

// Opener opens devices.
type Opener interface {
	// Open opens the device that want names: its path, or a part of its name; "auto"
	// is the only, or else the first, one of the class.
	Open(class Class, want string) (Device, error)
}

// Auto asks for any device of a class.
const Auto = "auto"

// pick chooses the device that want names.
func pick(found []Info, class Class, want string) (Info, error) {
	var fits []Info
	for _, i := range found {
		switch {
		case want == i.Path:
			return i, nil
		case i.Class&class == 0:
		case want == Auto:
			return i, nil
		case strings.Contains(strings.ToLower(i.Name), strings.ToLower(want)):
			fits = append(fits, i)
		}
	}
	switch {
	case len(fits) == 1:
		return fits[0], nil
	case len(fits) > 1:
		return Info{}, fmt.Errorf("%w: %d devices are called %q: name one by its path: %s", ErrNoDevice, len(fits), want, list(fits))
	case len(found) == 0:
		return Info{}, fmt.Errorf("%w: %v %q: no input device can be read here: plug one in, and add yourself to the group input", ErrNoDevice, class, want)
	}
	return Info{}, fmt.Errorf("%w: %v %q: there are %s", ErrNoDevice, class, want, list(found))
}

func list(found []Info) string {
	var out []string
	for _, i := range found {
		out = append(out, fmt.Sprintf("%s (%s, %v)", i.Path, i.Name, i.Class))
	}
	return strings.Join(out, ", ")
}
