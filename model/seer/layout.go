package seer

import "cobot_vla/model/nn"

// layout is where the tokens of a sequence lie, and what each may look at. Steps
// that nobody asks for have no foresight and no action tokens: nothing looks at those but themselves.
type layout struct {
	steps int
	asked []int // the steps with action tokens, in order
	rows  int
	// frames and queries say of every row where it is copied from, -1 from elsewhere; step its step.
	frames, queries, step []int32
	// foresight and actions are the rows of those tokens, asked step after asked step.
	foresight, actions []int32
	mask               nn.Mask
}

// kinds of tokens.
const (
	contextToken = iota
	foresightToken
	actionToken
)

// newLayout lays steps out; asked are those whose actions are wanted.
func newLayout(c Config, steps int, asked []int) (*layout, error) {
	l := &layout{steps: steps, asked: asked}
	var kind []int
	add := func(step, k int, frame, query int32) {
		l.frames, l.queries, l.step = append(l.frames, frame), append(l.queries, query), append(l.step, int32(step))
		kind = append(kind, k)
	}
	for s, next := 0, 0; s < steps; s++ {
		for i := range c.context() {
			add(s, contextToken, int32(s*c.context()+i), -1)
		}
		if next == len(asked) || asked[next] != s {
			continue
		}
		next++
		for i := range 2 * c.Foresight {
			l.foresight = append(l.foresight, int32(len(kind)))
			add(s, foresightToken, -1, int32(i))
		}
		for i := range c.Predictions {
			l.actions = append(l.actions, int32(len(kind)))
			add(s, actionToken, -1, int32(2*c.Foresight+i))
		}
	}
	l.rows = len(kind)
	var err error
	l.mask, err = nn.Fixed(l.rows, l.rows, func(r, k int) bool {
		switch kind[k] {
		case contextToken:
			return l.step[k] <= l.step[r]
		case foresightToken:
			return kind[r] == actionToken && l.step[k] == l.step[r]
		}
		return false
	})
	return l, err
}
