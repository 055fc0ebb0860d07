// Package demonstration reads the demonstrations that cobot_vla collect records:
// episodes in which a demonstrator labelled every observation with what was right
// to do about it. It gives them as model/train/data takes them.
package demonstration

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gopkg.in/yaml.v3"

	"cobot_vla/model"
	"cobot_vla/model/train/data"
	"cobot_vla/model/vision"
	"cobot_vla/msgs"
	"cobot_vla/nodes/recorder/episode"
)

// Topics that are read.
const (
	Image        = "/observation/image"
	Views        = "/observation/views"
	State        = "/demonstration/proprioception"
	Navigation   = "/demonstration/navigation"
	Manipulation = "/demonstration/manipulation"
	Verdict      = "/sim/verdict"
)

// ErrNone: the episode has no labelled observation.
var ErrNone = errors.New("demonstration: no labelled observation")

// Demonstration is one episode.
type Demonstration struct {
	// Task of the simulator that it was recorded in; "" elsewhere.
	Task string
	// StateNames and ActionNames of the labels, and the time between two of their steps.
	StateNames, ActionNames []string
	Period                  time.Duration
	// Layout of the pictures, and their size.
	Layout string
	Size   vision.Size
	// Chunk is the steps of a label.
	Chunk int
	// Episode with its samples.
	data.Episode
}

// Read reads an episode's file. pictures false leaves the pictures' bytes out.
func Read(path string, pictures bool) (d Demonstration, err error) {
	r, err := episode.Open(path)
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	d.Name, d.Instruction = r.Name, r.Task
	if d.Mobile, err = mobile(r.Parameters); err != nil {
		return d, fmt.Errorf("demonstration: %s: %w", path, err)
	}
	c := collector{d: &d, pictures: pictures, images: map[msgs.Time]*msgs.Image{}, states: map[msgs.Time]*msgs.ProprioTokens{}}
	for m, err := range r.Read(Image, Views, State, Navigation, Manipulation, Verdict) {
		if err == nil {
			err = c.take(m)
		}
		if err != nil {
			return d, fmt.Errorf("demonstration: %s: %w", path, err)
		}
	}
	if len(d.Samples) == 0 {
		return d, fmt.Errorf("%w in %s: was it recorded by cobot_vla collect?", ErrNone, path)
	}
	first := d.Samples[0].Stamp
	for i := range d.Samples {
		d.Samples[i].Stamp -= first
	}
	return d, nil
}

// mobile says whether the policy was given its unified action space, by the parameters of the episode.
func mobile(parameters []byte) (bool, error) {
	var nodes map[string]struct {
		Parameters struct {
			Mobile bool `yaml:"mobile"`
		} `yaml:"ros__parameters"`
	}
	if err := yaml.Unmarshal(parameters, &nodes); err != nil {
		return false, fmt.Errorf("its parameters: %w", err)
	}
	return nodes["/policy"].Parameters.Mobile, nil
}

// collector puts together what belongs to one observation: all have its stamp.
type collector struct {
	d        *Demonstration
	pictures bool
	images   map[msgs.Time]*msgs.Image
	states   map[msgs.Time]*msgs.ProprioTokens
}

func (c *collector) take(m episode.Message) error {
	message, err := m.Decode()
	if err != nil {
		return err
	}
	switch x := message.(type) {
	case *msgs.Image:
		if !c.pictures {
			x.Data = nil
		}
		c.images[x.Header.Stamp] = x
	case *msgs.Views:
		c.d.Layout = x.Layout
	case *msgs.TaskVerdict:
		c.d.Task, c.d.Seed = x.Task, x.Seed
	case *msgs.ProprioTokens:
		c.states[x.Header.Stamp] = x
	case *msgs.NavigationToken:
		return c.label(x.Header.Stamp, model.Action{Navigation: &model.Navigation{Direction: x.Direction, Value: x.Value}})
	case *msgs.ActionChunk:
		if err := c.chunk(x); err != nil {
			return err
		}
		a := model.Action{}
		for steps := range slices.Chunk(x.Values, len(x.Names)) {
			a.Steps = append(a.Steps, steps)
		}
		return c.label(x.Header.Stamp, a)
	}
	return nil
}

// chunk checks that a chunk is like those before.
func (c *collector) chunk(x *msgs.ActionChunk) error {
	n := len(x.Names)
	if n == 0 || len(x.Values) == 0 || len(x.Values)%n != 0 {
		return fmt.Errorf("a label of %d values for %d joints", len(x.Values), n)
	}
	steps := len(x.Values) / n
	if c.d.ActionNames == nil {
		c.d.ActionNames, c.d.Chunk, c.d.Period = x.Names, steps, x.Period.Go()
	}
	if !slices.Equal(c.d.ActionNames, x.Names) || c.d.Chunk != steps || c.d.Period != x.Period.Go() {
		return fmt.Errorf("a label of %d steps of %v after those of %d steps of %v", steps, x.Names, c.d.Chunk, c.d.ActionNames)
	}
	return nil
}

// label is the decision about the observation of a stamp. The picture of the first one may
// have come before the recording began: then it is no sample.
func (c *collector) label(stamp msgs.Time, a model.Action) error {
	image, state := c.images[stamp], c.states[stamp]
	clear(c.images)
	clear(c.states)
	if image == nil || state == nil {
		return nil
	}
	if image.Encoding != "rgb8" || image.Step != 3*image.Width {
		return fmt.Errorf("a picture in %s with rows of %d bytes, expected rgb8", image.Encoding, image.Step)
	}
	size := vision.Size{Width: int(image.Width), Height: int(image.Height)}
	if c.d.StateNames == nil {
		c.d.StateNames, c.d.Size = state.Names, size
	}
	if !slices.Equal(c.d.StateNames, state.Names) || len(state.Values) != len(state.Names) || c.d.Size != size {
		return fmt.Errorf("an observation of %v and %s after those of %v and %s", state.Names, size, c.d.StateNames, c.d.Size)
	}
	c.d.Samples = append(c.d.Samples, data.Sample{
		Stamp: time.Duration(stamp.Go().UnixNano()), Image: vision.Image{Size: size, Pix: image.Data}, State: state.Values, Action: a,
	})
	return nil
}

// Rechunk gives every label n steps: fewer are its first ones, more go on with what the later labels say when
// those steps are due, and repeat the last one where the episode ends. A label without a successor of its own kind
// repeats its last step, too.
func (d *Demonstration) Rechunk(n int) {
	if n == d.Chunk || d.Chunk == 0 {
		return
	}
	out := make([][][]float64, len(d.Samples))
	for i, s := range d.Samples {
		if s.Action.Navigation != nil {
			continue
		}
		steps := slices.Clone(s.Action.Steps[:min(n, d.Chunk)])
		for at := s; len(steps) < n; {
			due := at.Stamp + time.Duration(d.Chunk)*d.Period
			k := slices.IndexFunc(d.Samples, func(x data.Sample) bool { return x.Stamp+d.Period/2 >= due })
			if k < 0 || d.Samples[k].Action.Navigation != nil {
				for len(steps) < n {
					steps = append(steps, steps[len(steps)-1])
				}
				break
			}
			at = d.Samples[k]
			steps = append(steps, at.Action.Steps[:min(n-len(steps), d.Chunk)]...)
		}
		out[i] = steps
	}
	for i := range d.Samples {
		if out[i] != nil {
			d.Samples[i].Action.Steps = out[i]
		}
	}
	d.Chunk = n
}
