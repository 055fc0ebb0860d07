package main

import (
	"errors"
	"iter"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/recorder/episode"
)

// feeder hands a policy node the very observations that it took when the episode
// was recorded, when it took them: the image with its views, and all of the robot's
// own state that it had heard by then.
type feeder struct {
	n    *rcl.Node
	then choices
	next func() (episode.Message, error, bool)
	stop func()
	held *episode.Message // read, and not yet due
	over bool
	err  error

	image *msgs.Image
	views *msgs.Views
	truth *msgs.TFMessage

	instruction *rcl.Publisher[msgs.String]
	images      *rcl.Publisher[msgs.Image]
	viewings    *rcl.Publisher[msgs.Views]
	state       *rcl.Publisher[msgs.ProprioTokens]
	truths      *rcl.Publisher[msgs.TFMessage]
}

func newFeeder(n *rcl.Node, r *episode.Reader, topics []string, then choices) (*feeder, error) {
	f := &feeder{n: n, then: then}
	var errs [5]error
	f.instruction, errs[0] = rcl.Advertise[msgs.String](n, "instruction", rcl.Latched)
	f.images, errs[1] = rcl.Advertise[msgs.Image](n, "observation/image", rcl.Default)
	f.viewings, errs[2] = rcl.Advertise[msgs.Views](n, "observation/views", rcl.Default)
	f.state, errs[3] = rcl.Advertise[msgs.ProprioTokens](n, "observation/proprioception", rcl.QoS{Depth: 100})
	f.truths, errs[4] = rcl.Advertise[msgs.TFMessage](n, "sim/ground_truth", rcl.Default)
	f.next, f.stop = iter.Pull2(r.Read(topics...))
	n.Keep(closer(f.stop))
	f.await()
	return f, errors.Join(errs[:]...)
}

type closer func()

func (c closer) Close() error { c(); return nil }

func (f *feeder) await() {
	if len(f.then) == 0 {
		f.n.After(time.Second, func() { f.over = true }) // its last tokens are on their way
		return
	}
	f.n.After(max(0, f.then[0].taken.Sub(f.n.Now())), f.feed)
}

// feed hands over one observation.
func (f *feeder) feed() {
	d := f.then[0]
	f.then = f.then[1:]
	if err := f.hear(d); err != nil {
		f.over, f.err = true, err
		return
	}
	if f.truth != nil {
		_ = f.truths.Publish(f.truth)
	}
	if f.image != nil && f.views != nil {
		_ = f.viewings.Publish(f.views)
		_ = f.images.Publish(f.image) // with the last of them the policy decides
	}
	f.await()
}

// hear reads what the policy had heard when it took the observation.
func (f *feeder) hear(d choice) error {
	for {
		m := f.held
		f.held = nil
		if m == nil {
			read, err, ok := f.next()
			if err != nil || !ok {
				return err
			}
			m = &read
		}
		if m.Arrival.After(d.taken) {
			f.held = m
			return nil
		}
		decoded, err := m.Decode()
		if err != nil {
			return err
		}
		switch x := decoded.(type) {
		case *msgs.String:
			_ = f.instruction.Publish(x)
		case *msgs.TFMessage:
			f.truth = x
		case *msgs.ProprioTokens:
			_ = f.state.Publish(x)
		case *msgs.Image:
			f.image = x
		case *msgs.Views:
			f.views = x
		}
		complete := f.image != nil && f.views != nil && f.image.Header.Stamp == f.views.Header.Stamp
		if complete && f.image.Header.Stamp.Go().UnixNano() == d.Stamp && m.Arrival.Equal(d.taken) && m.Type != "cobot_vla/msg/ProprioTokens" {
			return nil // what came in the same instant, but later, it had not heard
		}
	}
}
