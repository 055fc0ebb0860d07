package teleop

import (
	"context"
	"fmt"
	"time"

	"cobot_vla/drivers/input"
)

// device is one of the person's, which may be plugged in later, or anew.
type device struct {
	class    input.Class
	want     string // "" none
	bindings bindings
	opener   input.Opener
	dev      input.Device
	problem  string
}

// bindDevices reads what keys do and looks for the devices.
func (t *Node) bindDevices(opener input.Opener) error {
	keys, err := parseKeys("keys", t.cfg.Keys)
	if err != nil {
		return err
	}
	buttons, err := parseKeys("buttons", t.cfg.Buttons)
	if err != nil {
		return err
	}
	sticks, err := parseAxes(t.cfg.Axes)
	if err != nil {
		return err
	}
	pad := bindings{keys: buttons, axes: sticks}
	t.drive = newDrive(&t.cfg, pad)
	for _, d := range []*device{
		{class: input.Keyboard, want: t.cfg.Keyboard, bindings: bindings{keys: keys}, opener: opener},
		{class: input.Joystick, want: t.cfg.Joystick, bindings: pad, opener: opener},
	} {
		if d.want == "" {
			continue
		}
		t.devices = append(t.devices, d)
		t.n.Post(func() { t.open(d) })
	}
	return nil
}

// open opens a device off the node's thread, and tries again while it is not there.
func (t *Node) open(d *device) {
	t.n.Background(0, func(_ context.Context, post func(func())) {
		dev, err := d.opener.Open(d.class, d.want)
		if err == nil {
			t.n.Keep(dev)
		}
		post(func() {
			if err != nil {
				d.problem = err.Error()
				t.n.After(time.Second, func() { t.open(d) })
				return
			}
			t.opened(d, dev)
		})
	})
}

func (t *Node) opened(d *device, dev input.Device) {
	d.dev, d.problem = dev, ""
	t.n.Log().Info().Str("device", dev.Info().Name).Msgf("%v found", d.class)
	dev.Listen(func(e input.Event) {
		t.n.Post(func() {
			if d.dev == dev {
				t.event(d, e)
			}
		})
	})
	if t.session.state == leading {
		t.grab(true)
	}
}

// event takes what a person did.
func (t *Node) event(d *device, e input.Event) {
	switch e.Kind {
	case input.Gone:
		t.n.Log().Warn().Msgf("the %v was unplugged", d.class)
		_ = d.dev.Close()
		d.dev, d.problem = nil, fmt.Sprintf("the %v was unplugged: plug it in again", d.class)
		if d.class == input.Keyboard {
			t.drive.lostKeyboard()
		} else {
			t.drive.lostPad()
		}
		t.n.After(time.Second, func() { t.open(d) })
	case input.Axis:
		t.drive.axis(e.Code, e.Value)
	case input.Key:
		action, ok := d.bindings.keys[e.Code]
		if !ok {
			return
		}
		t.drive.key(action, e.Value != 0)
		if e.Value != 0 {
			t.do(action)
		}
	}
}

// do is what happens once, when a key goes down.
func (t *Node) do(action string) {
	switch action {
	case doTakeOver:
		t.toggle()
	case doEstop:
		t.pressEstop()
	case doRecord:
		t.rec.toggle()
	case doDiscard:
		t.rec.call("discard", nil)
	case doMark:
		t.rec.call("mark", nil)
	}
}

// grab keeps the keyboard's keys from other programs, or gives them back.
func (t *Node) grab(on bool) {
	if !t.cfg.Grab {
		return
	}
	for _, d := range t.devices {
		if d.class != input.Keyboard || d.dev == nil {
			continue
		}
		if err := d.dev.Grab(on); err != nil {
			t.n.Log().Warn().Err(err).Msg("other programs see the keyboard's keys")
		}
	}
}
