package train

import (
	"fmt"
	"maps"
	"slices"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/tape"
	"cobot_vla/model/vision"
	"cobot_vla/model/weights"
)

// student is a LLaVA-VLA on a tape.
type student struct {
	*tape.Optimiser
	model *llavavla.Model
	study *llavavla.Studying
	plan  *vision.Plan
}

// room is what a student must have room for.
type room struct {
	lessons   int // at once
	positions int // of a lesson, visual tokens included
	answer    int // labels of a lesson
	rules     vision.Rules
	image     vision.Size
}

// newStudent builds a model of config on b, which close closes. Parameters whose names begin with any of freeze stay as they are.
func newStudent(b nn.Gradients, config checkpoint.Config, src weights.Source, r room, freeze ...string) (*student, error) {
	s, t := &student{}, tape.New(b)
	var err error
	if s.plan, err = vision.NewPlan(r.rules, r.image); err != nil {
		return nil, err
	}
	if s.model, err = llavavla.Build(t, config, src, llavavla.Options{Positions: r.positions + 1}); err != nil {
		return nil, err
	}
	s.study = s.model.Study(r.lessons, r.positions, r.answer)
	learned := s.model.Learned()
	for _, name := range slices.Sorted(maps.Keys(learned)) {
		t.Learn(name, learned[name])
	}
	if err := t.Freeze(freeze...); err != nil {
		return nil, fmt.Errorf("%w; they begin with vision., projector., language. and newline", err)
	}
	s.Optimiser, err = tape.NewOptimiser(t)
	return s, err
}

func (s *student) close() error { return s.Tape.Close() }

// read copies a buffer to the host.
func (s *student) read(b nn.Buf) ([]float32, error) {
	x := make([]float32, b.Rows*b.Cols)
	return x, s.Tape.Read(x, b)
}
