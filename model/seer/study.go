package seer

import (
	"fmt"

	"cobot_vla/model/continuous"
	"cobot_vla/model/nn"
)

// Lesson is a sequence that Study reads whole.
type Lesson struct {
	// Text is the feature of the instruction, Pixels [2, 3, Image, Image] what every step sees, States what it feels.
	Text   []float32
	Pixels [][]float32
	States []continuous.State
}

// study is the workspace of Study: products of many rows take a processor little more time than those of few.
type study struct {
	text    nn.Buf // [n, T]
	seen    nn.Buf // [n S views (1+G), E]
	classes nn.Buf // [n S, E] of one view
	// What becomes the trunk's context, by kind: sentences [n, H], states [n S, H], latents [n S views N, H] and
	// classes of each view [n S, H].
	said, felt, latents nn.Buf
	class               [views]nn.Buf
	plans               map[[2]int]*studyPlan
}

// studyPlan is where rows come from, for so many sequences of so many steps.
type studyPlan struct {
	rows                                  int
	said, felt, latents, queries, actions []int32
	class                                 [views][]int32
	step                                  []int32
	first                                 [views][]int32          // the class rows of seen
	each                                  int                     // rows of a sequence
	masks                                 [trunkSequences]nn.Mask // of 1, 2, … sequences
}

// trunkSequences go through the trunk at a time: of more, most of what attention computes is what they hide from each other.
const trunkSequences = 3

func newStudy(b nn.Backend, c Config, n int) *study {
	frames := n * c.Steps
	s := &study{
		text: b.Buf(n, c.Text), seen: b.Buf(frames*views*(1+c.Patches()), c.VisionHidden), classes: b.Buf(frames, c.VisionHidden),
		said: b.Buf(n, c.Hidden), felt: b.Buf(frames, c.Hidden), latents: b.Buf(frames*views*c.Latents, c.Hidden),
		plans: map[[2]int]*studyPlan{},
	}
	for v := range s.class {
		s.class[v] = b.Buf(frames, c.Hidden)
	}
	return s
}

// Study reads sequences of as many steps each from their beginnings, side by side, and gives the action features of all
// their steps, [sequences steps A, H], for a model with Options.Sequences. What it gives is what See and Predict give of each.
func (m *Model) Study(lessons []*Lesson) (nn.Buf, error) {
	c, s := m.config, m.study
	if len(lessons) < 1 || len(lessons) > m.options.Sequences {
		return nn.Buf{}, fmt.Errorf("study: %d sequences, the model was built for %d", len(lessons), m.options.Sequences)
	}
	steps := len(lessons[0].Pixels)
	pixels := make([]float32, 0, len(lessons)*steps*views*3*c.Image*c.Image)
	text := make([]float32, 0, len(lessons)*c.Text)
	var states []continuous.State
	for i, l := range lessons {
		if len(l.Text) != c.Text || len(l.Pixels) != steps || len(l.States) != steps {
			return nn.Buf{}, fmt.Errorf("study: sequence %d has %d pictures, %d states and %d numbers of a sentence, expected %d, %d and %d", i, len(l.Pixels), len(l.States), len(l.Text), steps, steps, c.Text)
		}
		for k, p := range l.Pixels {
			if want := views * 3 * c.Image * c.Image; len(p) != want {
				return nn.Buf{}, fmt.Errorf("study: sequence %d, step %d: %d pixel values, expected %d", i, k, len(p), want)
			}
			pixels = append(pixels, p...)
		}
		states, text = append(states, l.States...), append(text, l.Text...)
	}
	plan, err := m.studyPlan(len(lessons), steps)
	if err != nil {
		return nn.Buf{}, err
	}
	frames, patches := len(states), m.vision.Rows()
	seen := s.seen.View(0, frames*views*patches)
	m.b.Linear(seen, m.vision.Encode(pixels), nil, nn.Op{Norm: m.visionNorm})
	said, felt := s.said.View(0, len(lessons)), s.felt.View(0, frames)
	m.b.Write(s.text.View(0, len(lessons)), text)
	m.b.Linear(said, s.text.View(0, len(lessons)), m.text, nn.Op{})
	m.state.Encode(felt, states)
	for image := range frames * views {
		latents := m.resampler.run(seen.View(image*patches+1, patches-1))
		m.b.Linear(s.latents.View(image*c.Latents, c.Latents), latents, m.patches[image%views], nn.Op{Norm: m.resampler.norm})
	}
	x := m.x.View(0, plan.rows)
	m.b.Gather(x, said, plan.said)
	m.b.Gather(x, felt, plan.felt)
	m.b.Gather(x, s.latents.View(0, frames*views*c.Latents), plan.latents)
	for v := range views {
		classes, class := s.classes.View(0, frames), s.class[v].View(0, frames)
		m.b.Gather(classes, seen, plan.first[v])
		m.b.Linear(class, classes, m.class[v], nn.Op{})
		m.b.Gather(x, class, plan.class[v])
	}
	return m.think(x, plan.queries, plan.step, plan.actions, plan.each, plan.masks[:])
}

// studyPlan lays n sequences of so many steps one behind the other; none sees another's tokens.
func (m *Model) studyPlan(n, steps int) (*studyPlan, error) {
	c, key := m.config, [2]int{n, steps}
	if p := m.study.plans[key]; p != nil {
		return p, nil
	}
	one, err := m.layout(steps, true)
	if err != nil {
		return nil, err
	}
	p := &studyPlan{rows: n * one.rows, each: one.rows}
	blank := func() []int32 {
		v := make([]int32, p.rows)
		for i := range v {
			v[i] = -1
		}
		return v
	}
	p.said, p.felt, p.latents, p.queries, p.step = blank(), blank(), blank(), blank(), blank()
	for v := range p.class {
		p.class[v] = blank()
	}
	for r := range p.rows {
		sequence, row := r/one.rows, r%one.rows
		p.step[r], p.queries[r] = one.step[row], one.queries[row]
		if one.frames[row] < 0 {
			continue
		}
		frame := int32(sequence*steps) + one.frames[row]/int32(c.context())
		switch i := int(one.frames[row]) % c.context(); {
		case i == 0:
			p.said[r] = int32(sequence)
		case i == 1:
			p.felt[r] = frame
		case i < 2+views*c.Latents:
			p.latents[r] = frame*int32(views*c.Latents) + int32(i-2)
		default:
			p.class[i-2-views*c.Latents][r] = frame
		}
	}
	for sequence := range n {
		for _, a := range one.actions {
			p.actions = append(p.actions, int32(sequence*one.rows)+a)
		}
	}
	for v := range views {
		for frame := range n * steps {
			p.first[v] = append(p.first[v], int32((frame*views+v)*m.vision.Rows()))
		}
	}
	for i := range p.masks {
		rows := (i + 1) * one.rows
		p.masks[i], err = nn.Fixed(rows, rows, func(r, k int) bool {
			return r/one.rows == k/one.rows && one.mask.Fixed.Visible[r%one.rows*one.rows+k%one.rows]
		})
		if err != nil {
			return nil, err
		}
	}
	m.study.plans[key] = p
	return p, nil
}
