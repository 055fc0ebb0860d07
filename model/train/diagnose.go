package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"cobot_vla/calibration"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn"
	"cobot_vla/model/token"
	"cobot_vla/model/train/course"
)

// diagnose looks at up to limit held-out examples, spread over all.
func (c *class) diagnose(ctx context.Context, held Held, limit int, grammar *token.Grammar, stats calibration.Statistics) (*course.Diagnosis, error) {
	n := min(held.Len(), limit)
	if n < 2 {
		return nil, fmt.Errorf("diagnosis: %d held-out examples, expected at least 2", n)
	}
	examples := make([]Example, n)
	for i := range examples {
		if err := held.At(i*held.Len()/n, &examples[i]); err != nil {
			return nil, fmt.Errorf("held-out example %d: %w", i*held.Len()/n, err)
		}
	}
	d := &course.Diagnosis{Examples: n}
	var err error
	if d.Loss, _, err = c.read(lesson{examples: examples}); err != nil {
		return nil, err
	}
	judge, said := newJudge(examples, grammar, stats), make([][]int32, n)
	d.Mean = judge.meanError()
	for _, v := range []struct {
		image, state int
		to           *float64
	}{{0, 0, &d.Error}, {n/2 | 1, 0, &d.ShuffledImages}, {0, n/2 | 1, &d.ShuffledState}} {
		err := c.share(n, func(t *teacher, i int) (err error) {
			e := examples[i]
			e.Pixels = examples[(i+v.image)%n].Pixels
			other := examples[(i+v.state)%n]
			e.After, e.State = withState(e, other), other.State
			said[i], err = t.say(ctx, &e)
			return errors.Join(err, ctx.Err())
		})
		if err != nil {
			return nil, err
		}
		var score score
		for i := range said {
			judge.add(&score, i, said[i])
		}
		*v.to = score.joint.value()
		if v.to == &d.Error {
			d.Gripper, d.First, d.Directions = score.gripper.value(), score.first.value(), score.directions()
		}
	}
	return d, nil
}

// withState is e's After with the state of another.
func withState(e, other Example) []int32 {
	if e.StateTo-e.StateFrom != other.StateTo-other.StateFrom {
		return e.After
	}
	after := append([]int32{}, e.After...)
	copy(after[e.StateFrom:e.StateTo], other.After[other.StateFrom:other.StateTo])
	return after
}

// say is what the model says to an example, as many tokens as its labels: where a label is a direction, one of the
// directions, else an action token.
func (t *teacher) say(ctx context.Context, e *Example) ([]int32, error) {
	m := t.s.model
	t.s.Tape.Stop()
	planes(t.pixels, e.Pixels, t.data.Side)
	image, err := m.Encode(t.pixels[:len(e.Pixels)], t.s.plan)
	if err != nil {
		return nil, err
	}
	hidden, err := m.Prefill(e.prompt(), image)
	if err != nil {
		return nil, err
	}
	return m.Greedy(ctx, nil, hidden, llavavla.Decoding{Penalty: 1, Grammar: func(answer []int32) *nn.Set {
		if len(answer) == len(e.Labels) {
			return nil
		}
		if c := t.words.set.Column(e.Labels[len(answer)]); c < t.words.actions[0] || c >= t.words.actions[1] {
			return t.words.drive
		}
		return t.words.act
	}})
}

// judge measures what is said against what should have been.
type judge struct {
	examples []Example
	grammar  *token.Grammar
	tok      *token.Tokenizer
	dims     int
	scale    []float64 // of a dimension, from -1..1 to SI
	gripper  []bool
}

func newJudge(examples []Example, grammar *token.Grammar, stats calibration.Statistics) *judge {
	j := &judge{examples: examples, grammar: grammar, tok: grammar.Tokenizer(), dims: len(stats.ActMin)}
	for i := range j.dims {
		j.scale = append(j.scale, (stats.ActMax[i]-stats.ActMin[i])/2)
		j.gripper = append(j.gripper, i < len(stats.ActionNames) && strings.Contains(stats.ActionNames[i], "gripper"))
	}
	return j
}

// score sums errors.
type score struct {
	joint, gripper mean
	first          mean // of joints, in the first step
	driving, right int
}

// mean of numbers; 0 without any.
type mean struct {
	sum float64
	n   int
}

func (m *mean) add(x float64) { m.sum, m.n = m.sum+x, m.n+1 }

func (m *mean) value() float64 { return m.sum / float64(max(m.n, 1)) }

func (s *score) directions() float64 {
	if s.driving == 0 {
		return 1
	}
	return float64(s.right) / float64(s.driving)
}

// steps is where an example's action steps begin in its labels; its length when it has none.
func (j *judge) steps(e *Example) int {
	n := len(e.Labels) % j.dims
	if len(e.Labels) < j.dims {
		return len(e.Labels)
	}
	return n
}

// direction that an answer begins with.
func (j *judge) direction(lead []int32) uint8 {
	ids := make([]uint32, len(lead))
	for i, id := range lead {
		ids[i] = uint32(id)
	}
	d, _ := j.grammar.Direction(ids)
	return d
}

// value of label k of an example, in -1..1.
func (j *judge) value(e *Example, k int) float64 {
	if e.Values != nil && !math.IsNaN(e.Values[k]) {
		return e.Values[k]
	}
	return j.tok.Decode(uint32(e.Labels[k]))
}

func (j *judge) add(s *score, i int, said []int32) {
	e := &j.examples[i]
	from := j.steps(e)
	if from > 0 {
		s.driving++
		if j.direction(said[:from]) == j.direction(e.Labels[:from]) {
			s.right++
		}
	}
	for k := from; k < len(e.Labels); k++ {
		dim := (k - from) % j.dims
		diff := math.Abs(j.tok.Decode(uint32(said[k]))-j.value(e, k)) * j.scale[dim]
		if j.gripper[dim] {
			s.gripper.add(diff)
		} else {
			s.joint.add(diff)
			if k < from+j.dims {
				s.first.add(diff)
			}
		}
	}
}

// meanError is the error of the mean action over all examples, by dimension.
func (j *judge) meanError() float64 {
	means := make([]mean, j.dims)
	each := func(do func(dim int, value float64)) {
		for i := range j.examples {
			e := &j.examples[i]
			from := j.steps(e)
			for k := from; k < len(e.Labels); k++ {
				do((k-from)%j.dims, j.value(e, k))
			}
		}
	}
	each(func(dim int, v float64) { means[dim].add(v) })
	var off mean
	each(func(dim int, v float64) {
		if !j.gripper[dim] {
			off.add(math.Abs(v-means[dim].value()) * j.scale[dim])
		}
	})
	return off.value()
}
