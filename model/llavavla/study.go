package llavavla

import (
	"fmt"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/layers"
	"cobot_vla/model/vision"
)

// Lesson is a prompt and what is to be said to it.
type Lesson struct {
	Prompt
	Answer []int32
}

// Studying is the workspace in which a model reads lessons, prompts and answers
// together: every token of an answer is predicted from those before it.
type Studying struct {
	m       *Model
	batch   *layers.Batch
	room    int // positions of a lesson
	lengths []int
	states  []float32
	keep    []int
}

// Study makes room for batches of lessons of up to positions tokens, the visual ones included, with answers of up to answer.
func (m *Model) Study(lessons, positions, answer int) *Studying {
	m.tower.reserve(lessons)
	m.feeling.reserve(lessons, m.config.Language.Hidden)
	return &Studying{m: m, batch: m.language.NewBatch(lessons, positions, answer), room: positions}
}

// Read runs the model over lessons and their images, pixels [lessons * plan.Encoded, 3, size, size]. It
// returns the hidden states that say the answers, [Σ answers, H] before the final norm, one lesson behind the other.
func (s *Studying) Read(pixels []float32, plan *vision.Plan, lessons []Lesson) (nn.Buf, error) {
	m, c := s.m, s.m.config.Vision
	if want := len(lessons) * plan.Encoded * c.Channels * c.ImageSize * c.ImageSize; len(pixels) != want || plan.Grid != c.Grid() || len(plan.Blends) > 0 {
		return nn.Buf{}, fmt.Errorf("study: %d pixel values for %d lessons of %d crops, expected %d (and no image so large that its tokens are blended)", len(pixels), len(lessons), plan.Encoded, want)
	}
	if m.layout == nil || m.layout.plan != plan {
		m.layout = newLayout(plan)
	}
	visual := m.layout.tokens()
	s.lengths, s.keep, s.states = s.lengths[:0], s.keep[:0], s.states[:0]
	for i, l := range lessons {
		n := len(l.Before) + visual + len(l.After) + len(l.Answer) - 1
		if n > s.room || len(l.Answer) == 0 || len(l.After) == 0 {
			return nn.Buf{}, fmt.Errorf("study: lesson %d has %d + %d + %d tokens and an answer of %d, there is room for %d", i, len(l.Before), visual, len(l.After), len(l.Answer), s.room+1)
		}
		if err := m.feeling.check(l.Prompt); err != nil {
			return nn.Buf{}, fmt.Errorf("study: lesson %d: %w", i, err)
		}
		s.states = append(s.states, l.State...)
		s.lengths, s.keep = append(s.lengths, n), append(s.keep, len(l.Answer))
	}
	m.tower.reserve(len(lessons) * plan.Encoded)
	encoded := m.tower.encode(pixels)
	if m.feeling != nil {
		m.feeling.project(s.states)
	}
	crops := plan.Encoded * plan.Patches()
	at := 0
	for i, l := range lessons {
		x := s.batch.X.View(at, s.lengths[i])
		m.embed(x, 0, l.Before)
		m.splice(x.View(len(l.Before), visual), Image{layout: m.layout, encoded: encoded.View(i*crops, crops)})
		m.embed(x, len(l.Before)+visual, l.After)
		if m.feeling != nil {
			m.feeling.put(x.View(len(l.Before)+visual+l.StateAt, 1), i)
		}
		m.embed(x, len(l.Before)+visual+len(l.After), l.Answer[:len(l.Answer)-1])
		at += s.lengths[i]
	}
	return s.batch.Forward(s.lengths, s.keep), m.b.Sync()
}

// Score is the logits of hidden states for the ids in set.
func (s *Studying) Score(dst, hidden nn.Buf, set *nn.Set) {
	s.m.b.Scores(dst, hidden, s.m.language.Norm, s.m.language.Head, set)
}

// Learned are the buffers that hold weights which are no matrix and no norm, by canonical name.
func (m *Model) Learned() map[string]nn.Buf {
	l := map[string]nn.Buf{"vision.embeddings.position_embedding.weight": m.tower.positions}
	if !m.newline.IsZero() {
		l["newline"] = m.newline
	}
	return l
}
