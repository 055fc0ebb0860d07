package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"text/tabwriter"

	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/vision"
	"cobot_vla/nodes/recorder/demonstration"
	"cobot_vla/nodes/recorder/episode"
)

// modelAccuracyCmd says what a precision costs in the robot's units.
type modelAccuracyCmd struct {
	Checkpoint   string   `help:"Folder of the checkpoint, with its manifest. Only of a trained one do the numbers mean anything." required:""`
	Precision    []string `help:"Precisions to compare with f32." default:"bf16,w8a16,int8"`
	Observations int      `help:"Observations to act on." default:"20"`
	Episodes     string   `name:"demonstrations" help:"Folder of demonstrations to take the observations from, spread over all. Without any, states are drawn as the statistics say." type:"existingdir"`
	Image        []string `help:"JPEG or PNG of one camera; once for each in the manifest's order, and again for every further set. Without any, pictures are drawn at random." type:"existingfile" sep:"none"`
	Instruction  string   `help:"What the robot is told." default:"move to the table and fetch the bottle"`
	Mobile       bool     `help:"Unified action space: it may drive."`
	Seed         uint64   `help:"Seed of states and pictures." default:"1"`
	processor
	JSON bool `help:"One JSON object a precision."`
}

// What int8 must reach on a trained checkpoint before it becomes the default.
const (
	gateEqual = 0.99
	gateBins  = 0.5
)

// Run implements the command.
func (c *modelAccuracyCmd) Run(a *app) error {
	if c.Observations < 1 {
		return fmt.Errorf("--observations %d: expected at least 1", c.Observations)
	}
	b, err := bind("llavavla", c.Checkpoint, "")
	if err != nil && !errors.Is(err, checkpoint.ErrRobotDisagrees) { // the robot does not matter here
		return err
	}
	all, err := c.observe(b)
	if err != nil {
		return err
	}
	var precisions []cpu.Precision
	for _, p := range c.Precision {
		precisions = append(precisions, cpu.Precision(p))
	}
	rows, err := await(a, fmt.Sprintf("%d observations in f32 and %s", len(all), strings.Join(c.Precision, ", ")), nil, func() ([]llavavla.Accuracy, error) {
		return llavavla.CompareWithF32(a.ctx, c.Checkpoint, c.policyConfig(""), precisions, all)
	})
	if err != nil {
		return err
	}
	return c.print(a, b.manifest, rows)
}

// observe makes the observations.
func (c *modelAccuracyCmd) observe(b binding) ([]model.Observation, error) {
	if c.Episodes != "" {
		return c.demonstrated()
	}
	rng := rand.New(rand.NewPCG(c.Seed, 0))
	m := b.manifest
	sets, err := c.pictures(rng, m)
	if err != nil {
		return nil, err
	}
	var all []model.Observation
	for i := range c.Observations {
		obs := sets[i%len(sets)]
		obs.Instruction, obs.Mobile = c.Instruction, c.Mobile
		for k := range m.Proprioception {
			obs.State = append(obs.State, b.stats.Mean[k]+b.stats.Std[k]*rng.NormFloat64())
		}
		all = append(all, obs)
	}
	return all, nil
}

// demonstrated are observations of recorded episodes: of episode after episode one, then of each another, and so on.
func (c *modelAccuracyCmd) demonstrated() (all []model.Observation, err error) {
	paths, err := episode.List(c.Episodes)
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("--demonstrations %s: no episode there", c.Episodes)
	}
	paths = paths[:min(len(paths), c.Observations)]
	for i, path := range paths {
		d, err := demonstration.Read(path, true)
		if err != nil {
			return nil, err
		}
		share := (c.Observations - i + len(paths) - 1) / len(paths)
		for k := range share {
			// Each episode is looked at a little later than the one before: all parts of a task are seen.
			s := d.Samples[(k*len(d.Samples)/share+i*len(d.Samples)/len(paths))%len(d.Samples)]
			all = append(all, model.Observation{
				Instruction: d.Instruction, Mobile: d.Mobile, Image: s.Image.Pix, Width: s.Image.Width, Height: s.Image.Height, State: s.State,
			})
		}
	}
	return all, nil
}

// pictures are the files', or as many as there are observations, drawn at random.
func (c *modelAccuracyCmd) pictures(rng *rand.Rand, m checkpoint.Manifest) (sets []model.Observation, err error) {
	n := len(m.Cameras)
	if len(c.Image)%n != 0 {
		return nil, fmt.Errorf("%d images, but a set has one of each of %s", len(c.Image), strings.Join(m.Cameras, ", "))
	}
	for at := 0; at < len(c.Image); at += n {
		frames, err := readImages(c.Image[at : at+n])
		if err != nil {
			return nil, err
		}
		obs, err := compose(m, frames)
		if err != nil {
			return nil, err
		}
		sets = append(sets, obs)
	}
	for len(c.Image) == 0 && len(sets) < c.Observations {
		frames := make([]vision.Image, n)
		for i := range frames {
			frames[i] = randomPicture(rng)
		}
		obs, err := compose(m, frames)
		if err != nil {
			return nil, err
		}
		sets = append(sets, obs)
	}
	return sets, nil
}

// randomPicture has patches of random colours, each shaded along its side.
func randomPicture(rng *rand.Rand) vision.Image {
	const side, patch = 256, 32
	m := vision.NewImage(side, side)
	var colours [side / patch * side / patch][3]uint8
	for i := range colours {
		for k := range 3 {
			colours[i][k] = uint8(rng.IntN(192))
		}
	}
	for y := range side {
		for x := range side {
			colour := colours[y/patch*(side/patch)+x/patch]
			for k := range 3 {
				m.Pix[(y*side+x)*3+k] = colour[k] + uint8(2*(x%patch))
			}
		}
	}
	return m
}

func (c *modelAccuracyCmd) print(a *app, m checkpoint.Manifest, rows []llavavla.Accuracy) error {
	if c.JSON {
		enc := json.NewEncoder(a.stdout)
		for _, r := range rows {
			if err := enc.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "against f32\tobservations\ttokens\tequal\tbins rms\tother decisions\tgate\t")
	for _, r := range rows {
		gate := "passed"
		if r.Equal < gateEqual || r.Bins > gateBins {
			gate = "missed"
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%.2f %%\t%.3f\t%d\t%s\t\n", r.Precision, r.Observations, r.Tokens, 100*r.Equal, r.Bins, r.Decisions, gate)
	}
	fmt.Fprintln(t, "\t\t\t\t\t\t\t")
	fmt.Fprint(t, "rms (worst), rad or m\t")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t", r.Precision)
	}
	fmt.Fprintln(t)
	for _, name := range m.Action.Names {
		fmt.Fprintf(t, "%s\t", name)
		for _, r := range rows {
			fmt.Fprintf(t, "%.4f (%.4f)\t", r.RMS[name], r.Worst[name])
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "the gate: at least %g %% of tokens equal and at most %g bins rms, on a trained checkpoint\n", 100*gateEqual, gateBins)
	return err
}
