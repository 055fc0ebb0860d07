// Package cameratest holds what every camera.Source has to do. Each
// implementation runs Conformance in its tests; `cobot_vla doctor --conformance
// camera:…` runs Checks on a device of the machine.
package cameratest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"cobot_vla/drivers/camera"
)

// Open opens a fresh source that has at least Frames frames to give.
type Open func() (camera.Source, error)

// Frames is how many a check takes at most.
const Frames = 4

// patience is how long an interrupted Capture may take to return; one that
// returns at once takes none of it.
const patience = 5 * time.Second

// Conformance runs every check as a subtest.
func Conformance(t *testing.T, open Open) {
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Run(open); err != nil {
				t.Error(err)
			}
		})
	}
}

// Check is one requirement.
type Check struct {
	Name string
	run  func(s camera.Source) error
}

// Run opens a source, checks it and closes it.
func (c Check) Run(open Open) error {
	s, err := open()
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	return errors.Join(c.run(s), s.Close())
}

// Checks lists the requirements.
func Checks() []Check {
	return []Check{
		{"it says what it is", says},
		{"frames are of the size it says and decode", decodes},
		{"a frame's bytes stay the receiver's", keeps},
		{"stamps do not run backwards", stamps},
		{"an ended context is honoured", ended},
		{"a context that ends while it waits is honoured", interrupted},
		{"closed it gives no frames, and closes again", closed},
	}
}

func says(s camera.Source) error {
	i := s.Info()
	switch {
	case i.Name == "":
		return errors.New("source's Info has no name")
	case i.Width < 1 || i.Height < 1 || i.Width > camera.MaxSide || i.Height > camera.MaxSide:
		return fmt.Errorf("source's Info has size %dx%d", i.Width, i.Height)
	case !(i.Rate >= 0 && i.Rate < 1e4):
		return fmt.Errorf("source's Info has rate %v", i.Rate)
	case i.FX < 0 || i.FY < 0 || (i.FX == 0) != (i.FY == 0):
		return fmt.Errorf("source's Info has focal lengths %v, %v", i.FX, i.FY)
	}
	if again := s.Info(); again != i {
		return fmt.Errorf("source's Info changed from %+v to %+v", i, again)
	}
	return nil
}

func decodes(s camera.Source) error {
	i := s.Info()
	for n := range Frames {
		f, err := s.Capture(context.Background())
		if err != nil {
			return fmt.Errorf("frame %d: %w", n, err)
		}
		if f.Width != i.Width || f.Height != i.Height {
			return fmt.Errorf("frame %d is %dx%d, Info says %dx%d", n, f.Width, f.Height, i.Width, i.Height)
		}
		if (f.Encoding == "jpeg" || f.Encoding == "png") != (f.Step == 0) {
			return fmt.Errorf("frame %d: encoding %s with rows of %d bytes", n, f.Encoding, f.Step)
		}
		rgb, err := camera.Decode(nil, f)
		if err != nil {
			return fmt.Errorf("frame %d: %w", n, err)
		}
		if len(rgb.Data) != 3*i.Width*i.Height {
			return fmt.Errorf("frame %d decodes to %d bytes", n, len(rgb.Data))
		}
	}
	return nil
}

func keeps(s camera.Source) error {
	first, err := s.Capture(context.Background())
	if err != nil {
		return err
	}
	before := bytes.Clone(first.Data)
	for range Frames - 1 {
		f, err := s.Capture(context.Background())
		if err != nil {
			return err
		}
		if len(f.Data) > 0 && &f.Data[0] == &first.Data[0] {
			return errors.New("a later frame has the first one's memory")
		}
		for i := range f.Data {
			f.Data[i] ^= 0xff
		}
	}
	if !bytes.Equal(before, first.Data) {
		return errors.New("the first frame's bytes changed while later ones were taken")
	}
	return nil
}

func stamps(s camera.Source) error {
	var last time.Time
	for n := range Frames {
		f, err := s.Capture(context.Background())
		if err != nil {
			return err
		}
		if n > 0 && f.Stamp.IsZero() != last.IsZero() {
			return fmt.Errorf("frame %d: stamp %v after %v: all frames have one, or none", n, f.Stamp, last)
		}
		if f.Stamp.Before(last) {
			return fmt.Errorf("frame %d: stamp %v after %v", n, f.Stamp, last)
		}
		last = f.Stamp
	}
	return nil
}

func ended(s camera.Source) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Capture(ctx); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("source's Capture gave %v", err)
	}
	if _, err := s.Capture(context.Background()); err != nil {
		return fmt.Errorf("the next Capture gave %w", err)
	}
	return nil
}

// interrupted captures until the context ends: a paced source is then waiting
// for a frame, another is between two.
func interrupted(s camera.Source) error {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		for {
			if _, err := s.Capture(ctx); err != nil {
				done <- err
				return
			}
		}
	}()
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) && !errors.Is(err, camera.ErrEnd) {
			return fmt.Errorf("source's Capture gave %w", err)
		}
		return nil
	case <-time.After(patience):
		return fmt.Errorf("source's Capture did not return within %v", patience)
	}
}

func closed(s camera.Source) error {
	if err := s.Close(); err != nil {
		return err
	}
	if _, err := s.Capture(context.Background()); !errors.Is(err, camera.ErrClosed) {
		return fmt.Errorf("source's Capture after Close gave %v", err)
	}
	return s.Close()
}
