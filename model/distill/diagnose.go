package distill

import (
	"context"
	"fmt"
	"math"

	"cobot_vla/model/continuous"
	"cobot_vla/model/train/course"
)

// Look implements course.Student: the loss of held-out sequences and, of what acts, how far its actions are off.
func (r *run) Look(ctx context.Context) (*course.Diagnosis, error) {
	held, err := r.data.Held(r.History, r.predictions)
	if err != nil || len(held) < 2 || r.Held < 2 {
		return nil, err
	}
	few := make([]Sequence, min(len(held), r.Held))
	for i := range few {
		few[i] = held[i*len(held)/len(few)]
	}
	want, mean, err := r.wanted(few)
	if err != nil {
		return nil, err
	}
	d := &course.Diagnosis{Examples: len(few), Directions: 1}
	part := 1 / float64(len(few))
	for i := range few {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		other := &few[(i+len(few)/2|1)%len(few)]
		seeing, feeling := few[i].with(other, true), few[i].with(other, false)
		loss, err := r.student().judge(few[i:i+1], 1, false)
		if err != nil {
			return nil, err
		}
		d.Loss += part * loss
		if !r.student().acts() {
			if loss, err = r.student().judge([]Sequence{seeing}, 1, false); err != nil {
				return nil, err
			}
			d.ShuffledLoss += part * loss
			continue
		}
		for _, v := range []struct {
			s  *Sequence
			to *float64
		}{{&few[i], &d.Error}, {&seeing, &d.ShuffledImages}, {&feeling, &d.ShuffledState}} {
			said, err := r.student().act(v.s)
			if err != nil {
				return nil, err
			}
			if len(said) != len(want[i]) {
				return nil, fmt.Errorf("%d predictions where %d are wanted", len(said), len(want[i]))
			}
			actions := make([][]float64, len(said))
			for k, p := range said {
				actions[k] = r.robot.Action(prediction(p), few[i].Observations[k/r.predictions].State)
			}
			joints, gripper := off(actions, want[i])
			*v.to += part * joints
			if v.s == &few[i] {
				d.Gripper += part * gripper
			}
		}
		same := make([][]float64, len(want[i]))
		for k := range same {
			same[k] = mean
		}
		joints, _ := off(same, want[i])
		d.Mean += part * joints
	}
	return d, nil
}

// off is how far actions are from others, on average: joints [rad], the gripper [m].
func off(actions, want [][]float64) (joints, gripper float64) {
	for k, a := range actions {
		for j, v := range a {
			diff := math.Abs(v-want[k][j]) / float64(len(actions))
			if j < continuous.Joints {
				joints += diff / continuous.Joints
			} else {
				gripper += diff
			}
		}
	}
	return joints, gripper
}

// wanted are the actions of sequences as the robot would do them, one behind the other, and their mean: SI, a binary
// gripper at an end of its range.
func (r *run) wanted(held []Sequence) (of [][][]float64, mean []float64, err error) {
	mean = make([]float64, continuous.Joints+1)
	n := 0.0
	for i := range held {
		labels, err := r.labels(&held[i])
		if err != nil {
			return nil, nil, err
		}
		var actions [][]float64
		for k, label := range labels {
			action := r.robot.Action(prediction(label), held[i].Observations[k/r.predictions].State)
			actions = append(actions, action)
			n++
			for j, v := range action {
				mean[j] += (v - mean[j]) / n
			}
		}
		of = append(of, actions)
	}
	return of, mean, nil
}

// with is a sequence with the pictures, or else the state, of another.
func (s *Sequence) with(other *Sequence, images bool) Sequence {
	c := *s
	if !images {
		c.Felt = nil
		for _, o := range other.Observations {
			c.Felt = append(c.Felt, o.State)
		}
		return c
	}
	c.Observations = append(c.Observations[:0:0], s.Observations...)
	for i := range c.Observations {
		o, from := &c.Observations[i], &other.Observations[i]
		o.Image, o.Views, o.Width, o.Height = from.Image, from.Views, from.Width, from.Height
	}
	return c
}

func prediction(x [7]float32) (p continuous.Prediction) {
	for j, v := range x {
		p[j] = float64(v)
	}
	return p
}
