package train

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/tape"
	"cobot_vla/model/vision"
	"cobot_vla/model/weights"
)

// student is a LLaVA-VLA on a tape, with the moments of its parameters.
type student struct {
	tape   *tape.Tape
	model  *llavavla.Model
	study  *llavavla.Studying
	plan   *vision.Plan
	params []*tape.Param
	m, v   []nn.Buf // first and second moments, beside params
}

// room is what a student must have room for.
type room struct {
	lessons   int // at once
	positions int // of a lesson, visual tokens included
	answer    int // labels of a lesson
	image     vision.Size
}

// newStudent builds a model of config on b, which close closes.
func newStudent(b nn.Gradients, config checkpoint.Config, src weights.Source, r room) (*student, error) {
	s := &student{tape: tape.New(b)}
	var err error
	if s.plan, err = vision.NewPlan(llavavla.Rules(config), r.image); err != nil {
		return nil, err
	}
	if s.model, err = llavavla.Build(s.tape, config, src, llavavla.Options{Positions: r.positions + 1}); err != nil {
		return nil, err
	}
	s.study = s.model.Study(r.lessons, r.positions, r.answer)
	learned := s.model.Learned()
	for _, name := range slices.Sorted(maps.Keys(learned)) {
		s.tape.Learn(name, learned[name])
	}
	s.params = s.tape.Params()
	for _, p := range s.params {
		s.m = append(s.m, s.tape.Buf(p.Value.Rows, p.Value.Cols))
		s.v = append(s.v, s.tape.Buf(p.Value.Rows, p.Value.Cols))
	}
	return s, s.tape.Sync()
}

func (s *student) close() error { return s.tape.Close() }

// freeze takes parameters whose names begin with any of those out of training.
func (s *student) freeze(prefixes []string) error {
	for _, prefix := range prefixes {
		found := false
		for _, p := range s.params {
			if strings.HasPrefix(p.Name, prefix) {
				p.Frozen, found = true, true
			}
		}
		if !found {
			return fmt.Errorf("freeze %q: no parameter's name begins with it; they begin with vision., projector., language. and newline", prefix)
		}
	}
	return nil
}

// learning are the parameters that are not frozen.
func (s *student) learning(do func(i int, p *tape.Param)) {
	for i, p := range s.params {
		if !p.Frozen {
			do(i, p)
		}
	}
}

// gradNorm is the length of all gradients together.
func (s *student) gradNorm() (float64, error) {
	sum := 0.0
	var failed error
	s.learning(func(_ int, p *tape.Param) {
		square, err := s.tape.SquareSum(p.Grad)
		sum += square
		if err != nil {
			failed = err
		}
	})
	return math.Sqrt(sum), failed
}

// step moves every parameter; rule says how.
func (s *student) step(rule func(p *tape.Param) nn.Adam) error {
	s.learning(func(i int, p *tape.Param) { s.tape.Adam(p.Value, p.Grad, s.m[i], s.v[i], rule(p)) })
	s.tape.Reload()
	return s.tape.Sync()
}

// parameters counts the numbers that are learned, and all.
func (s *student) parameters() (learned, all int) {
	for _, p := range s.params {
		n := p.Value.Rows * p.Value.Cols
		all += n
		if !p.Frozen {
			learned += n
		}
	}
	return learned, all
}
