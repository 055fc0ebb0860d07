package llavavla

import (
	"context"

	"cobot_vla/model/nn"
)

// Grammar says what may be said: which ids may follow the answer so far. It
// gives nil when the answer is complete. It is asked once a token, and the sets it gives are few and always the same.
// It depends on the length of the answer and its first token alone.
type Grammar func(answer []int32) *nn.Set

// Decoding is how an answer is found.
type Decoding struct {
	// Grammar of the answer.
	Grammar Grammar
	// Penalty on ids that were generated before, 1 for none (generation_config.json's repetition_penalty).
	Penalty float32
	// Emit, which may be nil, is called with each token as soon as it is decided, in order.
	Emit func(i int, id int32)
}

// Greedy says the most likely token that the grammar allows, one at a time,
// after a prompt whose last hidden state is given. It returns the answer, appended to dst.
func (m *Model) Greedy(ctx context.Context, dst []int32, hidden nn.Buf, d Decoding) ([]int32, error) {
	return m.greedy(ctx, dst, hidden, d, nil)
}

// greedy calls observe, where it is given, with the hidden state that each token is chosen from.
func (m *Model) greedy(ctx context.Context, dst []int32, hidden nn.Buf, d Decoding, observe func(nn.Buf)) ([]int32, error) {
	if r, ok := m.b.(nn.Recorder); ok && observe == nil {
		return m.ahead(ctx, r, dst, hidden, d)
	}
	m.b.Put(m.answer, nil)
	start := len(dst)
	for {
		set := d.Grammar(dst[start:])
		if set == nil {
			return dst, m.b.Sync()
		}
		if err := ctx.Err(); err != nil {
			return dst, err
		}
		if len(dst) > start {
			hidden = m.next()
		}
		if observe != nil {
			observe(hidden)
		}
		m.b.Pick(m.answer, m.answer, m.Scores(hidden, set), set, d.Penalty)
		ids, err := m.b.ReadTokens(dst[:start], m.answer)
		if err != nil {
			return dst, err
		}
		dst = ids
		if d.Emit != nil {
			d.Emit(len(dst)-start-1, dst[len(dst)-1])
		}
	}
}

// recorded is a decoding step on the device, for sets of up to some size.
type recorded struct {
	step   nn.Step
	widest *nn.Set
}

// ahead is greedy where the device runs ahead of the host: when the first token
// is known, so is the grammar of all others, and their steps are enqueued at once.
func (m *Model) ahead(ctx context.Context, r nn.Recorder, dst []int32, hidden nn.Buf, d Decoding) ([]int32, error) {
	start := len(dst)
	set := d.Grammar(nil)
	if set == nil {
		return dst, m.b.Sync()
	}
	r.Stream(m.answer)
	m.b.Put(m.answer, nil)
	m.b.Pick(m.answer, m.answer, m.Scores(hidden, set), set, d.Penalty)
	hear := func(i int) error {
		id, err := r.Next(ctx, m.answer, i)
		if err != nil {
			return err
		}
		dst = append(dst, id)
		if d.Emit != nil {
			d.Emit(i, id)
		}
		return nil
	}
	if err := hear(0); err != nil {
		return dst, err
	}
	said := append(m.fed[:0], dst[start])
	m.plan = m.plan[:0]
	widest := set
	for set = d.Grammar(said); set != nil; set = d.Grammar(said) {
		m.plan = append(m.plan, set)
		if set.Size() > widest.Size() {
			widest = set
		}
		said = append(said, 0)
	}
	m.fed = said
	if len(m.plan) > 0 {
		step := m.step(r, widest, d.Penalty)
		for _, set := range m.plan {
			step.Run(set)
		}
	}
	for i := range m.plan {
		if err := hear(i + 1); err != nil {
			return dst, err
		}
	}
	return dst, m.b.Sync()
}

// step is recorded once, and again when a larger set is asked for.
func (m *Model) step(r nn.Recorder, widest *nn.Set, penalty float32) nn.Step {
	have := m.steps[penalty]
	if have.step == nil || have.widest.Size() < widest.Size() {
		have = recorded{widest: widest, step: r.Record(widest, func(set *nn.Set) {
			hidden := m.next()
			m.b.Pick(m.answer, m.answer, m.Scores(hidden, set), set, penalty)
		})}
		m.steps[penalty] = have
	}
	return have.step
}

// settle waits for the device and gives the first error, unless the device runs ahead of the host.
func (m *Model) settle() error {
	if _, ok := m.b.(nn.Recorder); ok {
		return nil
	}
	return m.b.Sync()
}

// next reads the last token of the answer.
func (m *Model) next() nn.Buf {
	m.b.Embed(m.language.X.View(0, 1), m.language.Table, m.answer)
	return m.language.Forward(1, 1)
}

// Fixed is a grammar of n tokens that may all be any of set.
func Fixed(n int, set *nn.Set) Grammar {
	return func(answer []int32) *nn.Set {
		if len(answer) >= n {
			return nil
		}
		return set
	}
}
