package train

import (
	"errors"
	"fmt"
	"sync"
)

// class is teachers that work side by side, each with a model of its own. Which part of a batch is whose does not depend on how many
// of them work at a time, and what they come to is added up in their order, so that the result is the same on any number
// of threads.
type class struct {
	teachers []*teacher
	micro    int           // examples of a part
	slots    chan struct{} // as many as may work at a time
	running  sync.WaitGroup
}

func newClass(micro, atOnce int) *class {
	return &class{micro: micro, slots: make(chan struct{}, atOnce)}
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
	for own, t := range c.teachers {
		c.running.Go(func() {
			c.slots <- struct{}{}
			defer func() { <-c.slots }()
			t.loss, t.tokens, t.err = 0, 0, nil
			for part := own; part < n && t.err == nil; part += len(c.teachers) {
				t.err = do(t, part)
			}
		})
	}
	c.running.Wait()
	var err error
	for _, t := range c.teachers {
		err = errors.Join(err, t.err)
	}
	return err
}

// close ends their models.
func (c *class) close() (err error) {
	for _, t := range c.teachers {
		err = errors.Join(err, t.s.close())
	}
	return err
}
