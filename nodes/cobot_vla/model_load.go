package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/vision"
	"cobot_vla/model/weights"
)

// load is a policy at work in the same process, while the nodes are measured.
type load struct {
	WhileInferring bool   `help:"Measure the arm loop also while a network decides without a pause."`
	Preset         string `help:"Shapes of that network's random weights: llava-onevision-0.5b or tiny." default:"llava-onevision-0.5b"`
	Checkpoint     string `help:"Folder of a checkpoint to take the weights from instead."`
	Precision      string `help:"Its precision: f32, bf16, w8a16, int8." default:"w8a16"`
	processor
}

// inferring repeats the arm loop's measurement beside a network that decides without a pause.
func (c *benchNodesCmd) inferring(a *app) (_ []row, err error) {
	net, err := await(a, "loading the network", nil, c.open)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, net.b.Close()) }()
	ctx, stop := context.WithCancel(a.ctx)
	defer stop()
	if err := net.decide(ctx); err != nil { // the first makes the buffers
		return nil, err
	}
	ended := make(chan error, 1)
	var decisions, took atomic.Int64
	go func() {
		for ctx.Err() == nil {
			start := time.Now()
			if err := net.decide(ctx); err != nil && ctx.Err() == nil {
				ended <- err
				return
			}
			decisions.Add(1)
			took.Add(int64(time.Since(start)))
		}
		ended <- nil
	}()
	_, periods, err := c.graph(a)
	n, busy := decisions.Load(), time.Duration(took.Load())
	stop()
	if err := errors.Join(err, <-ended); err != nil {
		return nil, err
	}
	note := fmt.Sprintf("%s %s on %d threads, in its first decision all the time", net.name, c.Precision, net.b.Config().Threads)
	if n > 0 {
		note = fmt.Sprintf("%s %s on %d threads: %d decisions of %.2f s without a pause", net.name, c.Precision, net.b.Config().Threads, n, busy.Seconds()/float64(n))
	}
	return []row{rowOf("arm loop jitter, policy inferring", jitter(periods), note)}, nil
}

// network is a model, and something for it to decide about.
type network struct {
	name   string
	b      *cpu.Backend
	m      *llavavla.Model
	plan   *vision.Plan
	pixels []float32
	prompt llavavla.Prompt
	answer *nn.Set
	tokens int
}

// open loads the network. Its prompt has the length of LLaVA-VLA's, its answer that of 5 steps of 14 and a direction.
func (c *load) open() (*network, error) {
	n := &network{name: c.Preset + " (synthetic)", tokens: 71}
	var err error
	if n.b, err = cpu.New(c.config(c.Precision)); err != nil {
		return nil, err
	}
	if err = n.build(c); err == nil {
		err = n.prepare()
	}
	if err != nil {
		return nil, errors.Join(err, n.b.Close())
	}
	return n, nil
}

func (n *network) build(c *load) error {
	options := llavavla.Options{Positions: 4096}
	if c.Checkpoint == "" {
		config, err := llavavla.Preset(c.Preset)
		if err == nil {
			n.m, err = llavavla.Build(n.b, config, weights.Synthetic{}, options)
		}
		return err
	}
	n.name = c.Checkpoint
	files, err := checkpoint.Open(c.Checkpoint)
	if err != nil {
		return err
	}
	n.m, err = llavavla.Load(n.b, files, options)
	return errors.Join(err, files.Close())
}

func (n *network) prepare() error {
	config := n.m.Config()
	rules := llavavla.Rules(config)
	var err error
	if n.plan, err = vision.NewPlan(rules, vision.Size{Width: rules.Crop, Height: rules.Crop}); err != nil {
		return err
	}
	n.pixels = make([]float32, n.plan.Encoded*3*rules.Crop*rules.Crop)
	for i := range n.pixels {
		n.pixels[i] = float32(i%251)/125 - 1
	}
	words := make([]int32, 60)
	rows := int32(config.Language.VocabRows)
	for i := range words {
		words[i] = int32(i*7919) % rows
	}
	n.prompt = llavavla.Prompt{Before: words[:24], After: words[24:]}
	n.answer, err = nn.NewSet(nn.IDRange{From: max(0, rows-512), To: rows - min(rows, 256)})
	return err
}

// decide reads the image and the prompt, and says an answer.
func (n *network) decide(ctx context.Context) error {
	image, err := n.m.Encode(n.pixels, n.plan)
	if err != nil {
		return err
	}
	hidden, err := n.m.Prefill(n.prompt, image)
	if err != nil {
		return err
	}
	_, err = n.m.Greedy(ctx, nil, hidden, llavavla.Decoding{Grammar: llavavla.Fixed(n.tokens, n.answer)})
	return err
}
