package train

import (
	"errors"
	"fmt"

	"cobot_vla/model/train/course"
)

// class is teachers that work side by side, each with a model of its own. What they come to is added up in their order.
type class struct {
	teachers []*teacher
	micro    int // examples of a part
	copies   *course.Copies
}

// lesson is a batch that a class reads.
type lesson struct {
	examples []Example
	// back adds up gradients. Tokens of answers are blank then, drawn from seed and step.
	back       bool
	seed, step uint64
}

// read looks at examples and returns the mean loss of a label. With back set, the gradients of that mean are added up in the
// teachers' models.
func (c *class) read(l lesson) (loss float64, tokens int, err error) {
	total := weight(l.examples)
	if total == 0 {
		return 0, 0, fmt.Errorf("no label of the batch has a weight")
	}
	for _, t := range c.teachers {
		t.loss, t.tokens = 0, 0
	}
	err = c.share((len(l.examples)+c.micro-1)/c.micro, func(t *teacher, part int) error {
		t.rng = nil
		if l.back {
			t.source.Seed(l.seed, l.step*uint64(len(l.examples))+uint64(part))
			t.rng = t.drawn
		}
		return t.look(l.examples[part*c.micro:min((part+1)*c.micro, len(l.examples))], total, l.back)
	})
	for _, t := range c.teachers {
		loss += t.loss / total
		tokens += t.tokens
	}
	return loss, tokens, err
}

// share gives the parts 0 to n-1 to the teachers by turns.
func (c *class) share(n int, do func(t *teacher, part int) error) error {
	return c.copies.Each(func(own int) error {
		for part := own; part < n; part += len(c.teachers) {
			if err := do(c.teachers[own], part); err != nil {
				return err
			}
		}
		return nil
	})
}

// close ends their models.
func (c *class) close() (err error) {
	for _, t := range c.teachers {
		err = errors.Join(err, t.s.close())
	}
	return err
}
