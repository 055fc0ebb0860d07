package llavavla

import (
	"context"
	"time"

	"cobot_vla/model/nn"
)

// Chooser decides how many places a pass looks at.
type Chooser interface {
	// Choose says how many, 1 to left. The pass begins when it returns.
	Choose(left int) int
	// Observe is called when the pass over that many rows has ended, with how many
	// guesses were right, of how many that could be compared.
	Observe(rows, matched, of int)
}

// Parallel finds the same answer as Greedy with fewer passes (Jacobi iteration,
// as in PD-VLA): a pass reads the last token that is certain and guesses for
// those after it, and gives at every place the token that follows what it was
// fed. The first is certain; each next one is too while the guess before it
// was right. What it gave beyond that are the next pass's guesses. As a row's numbers do not
// depend on the rows beside it, what is certain is what Greedy would have said, bit for bit.
//
// guess is the first guess, by place in the answer; places without one repeat the last token.
// Grammar must depend on the length of the answer and its first token alone.
func (m *Model) Parallel(ctx context.Context, dst []int32, hidden nn.Buf, d Decoding, guess []int32, c Chooser) ([]int32, error) {
	start := len(dst)
	m.fed, m.guesses = m.fed[:0], m.guesses[:0]
	for _, id := range guess {
		if id < 0 || int(id) >= m.config.Language.VocabRows {
			break // no token: what follows is guessed anew
		}
		m.guesses = append(m.guesses, id)
	}
	for {
		answer := dst[start:]
		set := d.Grammar(answer)
		if set == nil {
			return dst, m.b.Sync()
		}
		if err := ctx.Err(); err != nil {
			return dst, err
		}
		rows := 1
		if len(answer) > 0 {
			rows = m.window(d.Grammar, answer, set, c)
			hidden = m.read(answer, rows)
		}
		m.b.Put(m.guess, nil)
		m.b.Put(m.answer, m.fed)
		m.b.Pick(m.guess, m.answer, m.Scores(hidden, set), set, d.Penalty)
		var err error
		if m.said, err = m.b.ReadTokens(m.said[:0], m.guess); err != nil {
			return dst, err
		}
		// said[i] belongs to place n+i; it is certain while the guesses fed before it were said.
		n := len(answer)
		certain := 1
		for certain < rows && m.guesses[n+certain-1] == m.said[certain-1] {
			certain++
		}
		switch {
		case rows > 1:
			c.Observe(rows, certain-1, rows-1)
			m.language.Seek(m.language.Len() - rows + certain)
		case n > 0 && n < len(m.guesses): // what a window would have learnt
			right := 0
			if m.guesses[n] == m.said[0] {
				right = 1
			}
			c.Observe(rows, right, 1)
		case n > 0:
			c.Observe(rows, 0, 0)
		}
		for len(m.guesses) < n+rows {
			m.guesses = append(m.guesses, 0)
		}
		copy(m.guesses[n:], m.said)
		for i, id := range m.said[:certain] {
			dst = append(dst, id)
			if d.Emit != nil {
				d.Emit(n+i, id)
			}
		}
		m.fed = append(m.fed[:0], dst[start:]...)
	}
}

// window is how many places the next pass looks at: as many as c chooses and the same set allows, with guesses for all but the last.
func (m *Model) window(g Grammar, answer []int32, set *nn.Set, c Chooser) int {
	left := 1
	m.fed = append(m.fed[:0], answer...)
	for left < m.options.Window && m.language.Len()+left < m.options.Positions {
		at := len(m.fed)
		if at >= len(m.guesses) {
			m.guesses = append(m.guesses, m.fed[at-1])
		}
		m.fed = append(m.fed, m.guesses[at])
		if g(m.fed) != set {
			m.fed = m.fed[:at]
			break
		}
		left++
	}
	rows := 1
	if left > 1 {
		rows = min(max(c.Choose(left), 1), left)
	}
	m.fed = m.fed[:len(answer)+rows-1]
	return rows
}

// read feeds the last rows tokens of what is said and guessed.
func (m *Model) read(answer []int32, rows int) nn.Buf {
	m.b.Put(m.answer, m.fed)
	m.b.Embed(m.language.X.View(0, rows), m.language.Table, m.answer)
	return m.language.Forward(rows, rows)
}

// Costs chooses windows by what passes cost and how often guesses are right.
type Costs struct {
	// Pass is what a pass over so many places takes [s], by their number; index 0 is unused.
	Pass []float64
	// Right is the share of guesses that are right, as seen lately.
	Right float64
	// Now, when set, is a clock by which passes are measured as they run.
	Now func() time.Time

	// slower is by how much passes take longer than Pass says, over one place and
	// over several: the prompt is longer than it was when they were measured, or the machine is busy.
	slower  [2]float64
	started time.Time
}

const (
	// memory of Right: the weight of the newest guess.
	memory = 0.05
	// pace of slower: the weight of the newest pass.
	pace = 0.1
	// forgive is how fast windows that were slow are given another chance, a single token.
	forgive = 0.01
)

// cost of a pass over k places.
func (c *Costs) cost(k int) float64 {
	if factor := c.slower[min(k-1, 1)]; factor > 0 {
		return factor * c.Pass[k]
	}
	return c.Pass[k]
}

// Choose takes the window that gives most certain tokens for its cost: with
// guesses right with probability p, k places give (1 - p^k) / (1 - p).
func (c *Costs) Choose(left int) int {
	best, most := 1, 0.0
	certain, p := 0.0, 1.0
	for k := 1; k <= left && k < len(c.Pass); k++ {
		certain += p
		p *= c.Right
		if rate := certain / c.cost(k); rate > most {
			best, most = k, rate
		}
	}
	if c.Now != nil {
		c.started = c.Now()
	}
	return best
}

// Observe learns from a pass. Guesses behind the first wrong one say nothing.
func (c *Costs) Observe(rows, matched, of int) {
	for range matched {
		c.Right += memory * (1 - c.Right)
	}
	if matched < of {
		c.Right -= memory * c.Right
	}
	if c.started.IsZero() || rows >= len(c.Pass) || c.Pass[rows] <= 0 {
		return
	}
	seen := c.Now().Sub(c.started).Seconds() / c.Pass[rows]
	c.started = time.Time{}
	factor := &c.slower[min(rows-1, 1)]
	if *factor == 0 {
		*factor = seen
	}
	*factor += pace * (seen - *factor)
	if rows == 1 && c.slower[1] > *factor { // a busy time passes, but only windows show it
		c.slower[1] += forgive * (*factor - c.slower[1])
	}
}
