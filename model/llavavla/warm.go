package llavavla

import (
	"context"
	"errors"

	"cobot_vla/model"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/layers"
	"cobot_vla/model/vision"
)

// Warm makes every buffer that an action needs and measures what passes cost,
// without the time of a whole action: of both stacks only the first block
// runs over the full length.
func (p *Policy) Warm(ctx context.Context) error {
	size := vision.Size{Width: p.manifest.ImageWidth, Height: p.manifest.ImageHeight}
	if size.Width == 0 {
		size = vision.Size{Width: 334, Height: 334} // the original's composite
	}
	obs := model.Observation{
		Width: size.Width, Height: size.Height, Image: make([]byte, 3*size.Width*size.Height),
		Instruction: "wait", State: p.stats.Mean,
	}
	prompt, err := p.read(obs)
	if err != nil {
		return err
	}
	m := p.model
	if _, ok := p.b.(nn.Recorder); ok {
		return p.rehearse(ctx, prompt)
	}
	err = m.shallow(func() error {
		image, err := m.Encode(p.pixels, p.vision.Plan())
		if err != nil {
			return err
		}
		_, err = m.Prefill(prompt, image)
		return errors.Join(err, p.b.Sync())
	})
	m.head = nil // its keys and values are those of one block
	if err := errors.Join(err, ctx.Err()); err != nil {
		return err
	}
	if p.costs, err = p.measure(ctx); err != nil {
		return err
	}
	p.Reset()
	return nil
}

// rehearse acts once, whole: it takes a moment, and the recorded step has all blocks.
func (p *Policy) rehearse(ctx context.Context, prompt Prompt) error {
	image, err := p.model.Encode(p.pixels, p.vision.Plan())
	if err != nil {
		return err
	}
	hidden, err := p.model.Prefill(prompt, image)
	if err != nil {
		return err
	}
	_, err = p.model.Greedy(ctx, nil, hidden, Decoding{Grammar: Fixed(2, p.values), Penalty: p.penalty})
	p.Reset()
	return err
}

// shallow runs f with the first block of each stack alone.
func (m *Model) shallow(f func() error) error {
	encoder, decoder := m.tower.encoder.Blocks, m.language.Blocks
	defer func() { m.tower.encoder.Blocks, m.language.Blocks = encoder, decoder }()
	m.tower.encoder.Blocks, m.language.Blocks = first(encoder), first(decoder)
	return f()
}

func first[T layers.EncoderBlock | layers.DecoderBlock](blocks []T) []T {
	return blocks[:min(1, len(blocks))]
}

// measure times passes over 1, 2, 4, … places, twice each, and takes the shorter; between them it draws lines.
func (p *Policy) measure(ctx context.Context) (*Costs, error) {
	m := p.model
	window := m.options.Window
	costs := &Costs{Pass: make([]float64, window+1), Right: 0.5, Now: p.config.Now}
	last := 0
	for rows := 1; ; rows = min(2*rows, window) {
		for range 2 {
			m.language.Seek(0)
			start := p.config.Now()
			m.Scores(m.language.Forward(rows, rows), p.values)
			if err := errors.Join(p.b.Sync(), ctx.Err()); err != nil {
				return nil, err
			}
			took := p.config.Now().Sub(start).Seconds()
			if costs.Pass[rows] == 0 || took < costs.Pass[rows] {
				costs.Pass[rows] = took
			}
		}
		for k := last + 1; k < rows; k++ {
			part := float64(k-last) / float64(rows-last)
			costs.Pass[k] = costs.Pass[last] + part*(costs.Pass[rows]-costs.Pass[last])
		}
		last = rows
		if rows == window {
			return costs, nil
		}
	}
}
