package vitavla

import (
	"fmt"

	"cobot_vla/model/continuous"
	"cobot_vla/model/nn"
)

// Look is what the vision tower makes of one step's two images, before the
// connector: [2 Tokens, 4C], halved. While the tower is frozen it is looked through once.
func (m *Model) Look(pixels []float32) ([]float32, error) {
	if want := views * 3 * m.config.Image * m.config.Image; len(pixels) != want {
		return nil, fmt.Errorf("look: %d pixel values, expected %d", len(pixels), want)
	}
	t := m.tower
	m.b.Gather(t.wide, t.vit.Encode(pixels), t.shuffle)
	features := make([]float32, t.wide.Rows*t.wide.Cols)
	if err := m.b.Read(features, t.wide); err != nil {
		return nil, err
	}
	for i := range features {
		features[i] *= 0.5
	}
	return features, nil
}

// Recall is See of a step that was looked at before, for a model with Options.Teach.
func (m *Model) Recall(features []float32, state continuous.State) (Frame, error) {
	t := m.tower
	if !m.options.Teach || len(features) != t.wide.Rows*t.wide.Cols {
		return 0, fmt.Errorf("recall: %d numbers, expected %d of a model that is taught", len(features), t.wide.Rows*t.wide.Cols)
	}
	f := Frame(m.frames)
	m.frames++
	m.b.Write(t.wide, features)
	n := views * m.config.Tokens()
	t.connect(m.features.View(m.slot(f)*n, n), t.wide)
	m.feel(f, state)
	return f, m.b.Sync()
}

// Study reads a conversation about frames from its beginning and gives what
// became of every turn's action tokens, in the small action model's space, [turns A, D].
func (m *Model) Study(p *Prompt, frames []Frame) (nn.Buf, error) {
	hidden, err := m.Read(p, frames, true)
	if err != nil {
		return nn.Buf{}, err
	}
	return m.Map(hidden), nil
}

// Describe reads two images and words about them, and gives what should say each
// word, [words, H] before the final norm; for a model with Options.Speak.
func (m *Model) Describe(p *Prompt, pixels []float32, words []int32) (nn.Buf, error) {
	if want := views * 3 * m.config.Image * m.config.Image; len(pixels) != want || len(words) == 0 {
		return nn.Buf{}, fmt.Errorf("describe: %d pixel values and %d words, expected %d and one or more", len(pixels), len(words), want)
	}
	n := m.config.Tokens()
	rows := len(p.Head) + views*n + len(p.Between) + len(p.Apart) + len(p.Answer) + len(words) - 1
	if rows > m.language.Spec.Positions {
		return nn.Buf{}, fmt.Errorf("describe: %d positions, the model has room for %d", rows, m.language.Spec.Positions)
	}
	m.Forget()
	m.language.Seek(0)
	features := m.features.View(0, views*n)
	m.tower.encode(features, pixels)
	w := &writer{m: m, x: m.language.X.View(0, rows)}
	w.say(p.Head)
	w.copy(m.features, 0, n)
	w.say(p.Between)
	w.copy(m.features, n, n)
	w.say(p.Apart)
	w.say(p.Answer)
	w.say(words[:len(words)-1])
	return m.language.Forward(rows, len(words)), m.b.Sync()
}

// Score is the logits of hidden states for the ids in set.
func (m *Model) Score(dst, hidden nn.Buf, set *nn.Set) {
	m.b.Scores(dst, hidden, m.language.Norm, m.language.Head, set)
}
