package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/continuous"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/seer"
	"cobot_vla/model/token"
	"cobot_vla/model/vision"
	"cobot_vla/model/vitavla"
)

// modelRunCmd is one decision.
type modelRunCmd struct {
	Checkpoint  string   `help:"Folder of the checkpoint, with its manifest." required:""`
	Image       []string `help:"JPEG or PNG of one camera; once for each, in the manifest's order." type:"existingfile" required:"" sep:"none"`
	State       string   `help:"The manifest's proprioception in SI units: numbers in its order, or name=number of each." required:""`
	Instruction string   `help:"What the robot is told." required:""`
	Mobile      bool     `help:"Unified action space: it may drive."`
	Precision   string   `help:"f32, bf16, w8a16 or int8." default:"w8a16"`
	processor
}

// decision is what a policy says, as JSON.
type decision struct {
	Policy      string         `json:"policy"`
	Robot       string         `json:"robot"`
	Instruction string         `json:"instruction"`
	Navigation  *goal          `json:"navigation,omitempty"`
	Manipulate  *manipulation  `json:"manipulation,omitempty"`
	Stages      []stageSeconds `json:"stages"`
	LoadS       float64        `json:"load_s"`
	WarmS       float64        `json:"warm_s"`
}

type goal struct {
	Direction string    `json:"direction"`
	Value     float64   `json:"value"`
	Unit      string    `json:"unit"`
	Tokens    [2]uint32 `json:"tokens"`
}

type manipulation struct {
	Names  []string    `json:"names"`
	Mode   string      `json:"mode"`
	Period float64     `json:"period_s"`
	Steps  [][]float64 `json:"steps"`
	Tokens [][]uint32  `json:"tokens"`
}

type stageSeconds struct {
	Stage   string  `json:"stage"`
	Seconds float64 `json:"seconds"`
}

// Run implements the command.
func (c *modelRunCmd) Run(a *app) (err error) {
	start := time.Now()
	p, err := await(a, "loading "+c.Checkpoint, nil, c.open)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	loaded := time.Now()
	obs, err := c.observe(p.Manifest())
	if err != nil {
		return err
	}
	if err := p.Warm(a.ctx); err != nil {
		return err
	}
	warm := time.Now()
	action, err := p.Act(a.ctx, obs, nil)
	if err != nil {
		return err
	}
	d := newDecision(p.Manifest(), c.Instruction, action)
	d.LoadS, d.WarmS = loaded.Sub(start).Seconds(), warm.Sub(loaded).Seconds()
	return json.NewEncoder(a.stdout).Encode(d)
}

// open loads a policy of any kind that has a network.
func (c *modelRunCmd) open() (model.Policy, error) {
	config := continuous.DefaultConfig()
	config.CPU = c.config(c.Precision)
	switch kindOf(c.Checkpoint) {
	case vitavla.Kind:
		return vitavla.Open(c.Checkpoint, config)
	case seer.Kind:
		return seer.Open(c.Checkpoint, config)
	}
	return llavavla.Open(c.Checkpoint, c.policyConfig(c.Precision))
}

// observe makes an observation of the command line.
func (c *modelRunCmd) observe(m checkpoint.Manifest) (obs model.Observation, err error) {
	if len(c.Image) != len(m.Cameras) {
		return obs, fmt.Errorf("%d images, but the policy sees %s: give --image for each, in that order", len(c.Image), strings.Join(m.Cameras, ", "))
	}
	frames, err := readImages(c.Image)
	if err != nil {
		return obs, err
	}
	if obs, err = compose(m, frames); err != nil {
		return obs, err
	}
	obs.Instruction, obs.Mobile = c.Instruction, c.Mobile
	obs.State, err = parseState(c.State, m.Proprioception)
	return obs, err
}

func readImages(files []string) ([]vision.Image, error) {
	frames := make([]vision.Image, len(files))
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err == nil {
			err = vision.Decompress(&frames[i], data)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return frames, nil
}

// compose puts frames of the manifest's cameras into its picture, as camera_fusion does.
func compose(m checkpoint.Manifest, frames []vision.Image) (obs model.Observation, err error) {
	sizes := make([]vision.Size, len(frames))
	for i, f := range frames {
		sizes[i] = f.Size
	}
	composer, err := vision.NewComposerOn(vision.Size{Width: m.ImageWidth, Height: m.ImageHeight}, m.Layout, m.Cameras, sizes)
	if err != nil {
		return obs, err
	}
	canvas := composer.Canvas()
	if err := composer.DrawAll(canvas, frames); err != nil {
		return obs, err
	}
	obs = model.Observation{Image: canvas.Pix, Width: canvas.Width, Height: canvas.Height}
	for _, v := range composer.Views() {
		obs.Views = append(obs.Views, model.View{Name: v.Name, X: v.X, Y: v.Y, Width: v.Width, Height: v.Height})
	}
	return obs, nil
}

// parseState reads numbers in the order of names, or name=number of every name in any order.
func parseState(s string, names []string) ([]float64, error) {
	fields := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
	want := "the policy feels " + strings.Join(names, ", ")
	if len(fields) != len(names) {
		return nil, fmt.Errorf("--state has %d numbers, expected %d: %s", len(fields), len(names), want)
	}
	values, given := make([]float64, len(names)), make([]bool, len(names))
	for i, f := range fields {
		at := i
		if name, number, ok := strings.Cut(f, "="); ok {
			f = number
			if at = slices.Index(names, name); at < 0 {
				return nil, fmt.Errorf("--state has %q: %s", name, want)
			}
		}
		x, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return nil, fmt.Errorf("--state: %s is %q, expected a number", names[at], f)
		}
		if given[at] {
			return nil, fmt.Errorf("--state has %s twice: %s", names[at], want)
		}
		values[at], given[at] = x, true
	}
	return values, nil
}

func newDecision(m checkpoint.Manifest, instruction string, a model.Action) decision {
	d := decision{Policy: m.Name, Robot: m.Robot, Instruction: instruction}
	if n := a.Navigation; n != nil {
		d.Navigation = &goal{Direction: token.DirectionName(n.Direction), Value: n.Value, Unit: unitOf(n.Direction), Tokens: [2]uint32{n.DirectionToken, n.ValueToken}}
	} else {
		d.Manipulate = &manipulation{Names: m.Action.Names, Mode: m.Action.Mode, Period: m.Action.Period, Steps: a.Steps, Tokens: a.Tokens}
	}
	for _, t := range a.Timings {
		d.Stages = append(d.Stages, stageSeconds{t.Stage, t.Took.Seconds()})
	}
	return d
}
