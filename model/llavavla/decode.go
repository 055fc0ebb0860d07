package llavavla

import (
	"context"

	"cobot_vla/model/nn"
)

// Grammar says what may be said: which ids may follow the answer so far. It
// gives nil when the answer is complete. It is asked once a token, and the sets it gives are few and always the same.
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
