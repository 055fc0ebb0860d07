package train

import (
	"fmt"
	"math"

	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn"
)

// target is what one row of scores should say.
type target struct {
	id int32
	// from and to are the columns of the scores that the grammar allows here; column is the id's.
	from, to, column int
	// centre is the column, with a fraction, that smoothing is around; NaN for none.
	centre float64
	weight float64
}

// crossEntropy is Σ weight * -Σ q log softmax(scores), q being all on the target's column, or spread over
// its neighbours as a Gaussian of sigma columns. dscores becomes its derivative times scale; columns
// that the grammar does not allow get none.
func crossEntropy(dscores, scores []float32, targets []target, cols int, sigma, scale float64) (float64, error) {
	loss := 0.0
	soft := make([]float64, 0, 64)
	for r, t := range targets {
		row, d := scores[r*cols:(r+1)*cols], dscores[r*cols:(r+1)*cols]
		clear(d)
		if t.weight == 0 {
			continue
		}
		allowed := row[t.from:t.to]
		highest := float64(math.Inf(-1))
		for _, s := range allowed {
			highest = max(highest, float64(s))
		}
		sum := 0.0
		for i, s := range allowed {
			e := math.Exp(float64(s) - highest)
			d[t.from+i] = float32(e)
			sum += e
		}
		if !(sum >= 1) || math.IsInf(sum, 0) {
			return 0, fmt.Errorf("loss: the scores of label %d hold infinity or what is no number: the training diverged; lower the learning rate", r)
		}
		log := highest + math.Log(sum)
		factor := t.weight * scale
		for i := range allowed {
			d[t.from+i] *= float32(factor / sum)
		}
		if sigma == 0 || math.IsNaN(t.centre) {
			loss += t.weight * (log - float64(row[t.column]))
			d[t.column] -= float32(factor)
			continue
		}
		low := max(t.from, int(math.Ceil(t.centre-4*sigma)))
		high := min(t.to-1, int(math.Floor(t.centre+4*sigma)))
		low, high = min(low, t.column), max(high, t.column)
		soft = soft[:0]
		total := 0.0
		for c := low; c <= high; c++ {
			z := (float64(c) - t.centre) / sigma
			q := math.Exp(-z * z / 2)
			soft = append(soft, q)
			total += q
		}
		for i, q := range soft {
			q /= total
			loss += t.weight * q * (log - float64(row[low+i]))
			d[low+i] -= float32(factor * q)
		}
	}
	return loss, nil
}

// pass is a forward pass over a batch, its loss and the way back.
type pass struct {
	s       *student
	set     *nn.Set // of the ids that labels are chosen from
	scores  nn.Buf  // [labels, set]
	targets []target
	sigma   float64

	host, dhost []float32
}

// run adds to the gradients the derivative of loss / total, when back is set, and returns the loss of all labels.
func (p *pass) run(pixels []float32, lessons []llavavla.Lesson, total float64, back bool) (float64, error) {
	t := p.s.Tape
	if back {
		t.Record()
	} else {
		t.Stop()
	}
	hidden, err := p.s.study.Read(pixels, p.s.plan, lessons)
	if err != nil {
		return 0, err
	}
	if hidden.Rows != len(p.targets) {
		return 0, fmt.Errorf("loss: %d targets for %d labels", len(p.targets), hidden.Rows)
	}
	scores := p.scores.View(0, hidden.Rows)
	p.s.study.Score(scores, hidden, p.set)
	n := scores.Rows * scores.Cols
	if cap(p.host) < n {
		p.host, p.dhost = make([]float32, n+n/8), make([]float32, n+n/8)
	}
	host, dhost := p.host[:n], p.dhost[:n]
	if err := t.Read(host, scores); err != nil {
		return 0, err
	}
	loss, err := crossEntropy(dhost, host, p.targets, scores.Cols, p.sigma, 1/total)
	if err != nil || !back {
		return loss, err
	}
	t.Write(t.Gradient(scores), dhost)
	return loss, t.Backward()
}
