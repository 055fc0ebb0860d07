package distill

import (
	"fmt"

	"cobot_vla/model/continuous"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/tape"
	"cobot_vla/model/vitavla"
	"cobot_vla/model/weights"
)

// Stage of VITA-VLA's training.
type Stage string

const (
	// AlignStage is the first: state encoder, action token and mapper.
	AlignStage Stage = "align"
	// FinetuneStage is the second: these, the language model and Seer's decoder and heads.
	FinetuneStage Stage = "finetune"
	// FinetuneCode is the second as the released code has it: the connector learns too.
	FinetuneCode Stage = "finetune-code"
	// FreezeStage is the paper's baseline in which the vision-language model stays as it is.
	FreezeStage Stage = "freeze-vlm"
)

// Learns are the beginnings of the names of what a stage moves.
func (s Stage) Learns() []string {
	own := []string{"model."}
	switch s {
	case AlignStage:
		return own
	case FreezeStage:
		return append(own, "seer.")
	case FinetuneCode:
		return append(own, "seer.", "language.", "projector.")
	}
	return append(own, "seer.", "language.")
}

// VITALesson is one sequence of steps.
type VITALesson struct {
	Prompt *vitavla.Prompt
	// Features are what the frozen vision tower made of every step (vitavla.Model.Look), States what it felt.
	Features [][]float32
	States   []continuous.State
	// Labels are what should be predicted, steps x predictions, one step behind the other.
	Labels [][7]float32
	// Teacher are Seer's action features of the same steps, [steps predictions, D]; for the alignment.
	Teacher []float32
}

// VITA is a VITA-VLA that learns.
type VITA struct {
	*tape.Optimiser
	Model *vitavla.Model

	actions         actions
	mapped, dmapped []float32
}

// NewVITA builds a student of a stage on b, which Close closes.
func NewVITA(b nn.Gradients, config vitavla.NetworkConfig, src weights.Source, turns int, stage Stage) (*VITA, error) {
	v, t := &VITA{}, tape.New(b)
	var err error
	if v.Model, err = vitavla.Build(t, config, src, vitavla.Options{Turns: turns, Teach: true}); err != nil {
		return nil, err
	}
	v.Optimiser, err = learning(t, stage.Learns())
	return v, err
}

// Close frees everything.
func (v *VITA) Close() error { return v.Tape.Close() }

// read runs a lesson.
func (v *VITA) read(l *VITALesson, back bool) (mapped nn.Buf, err error) {
	if len(l.Features) != len(l.States) {
		return nn.Buf{}, fmt.Errorf("lesson: %d pictures and %d states", len(l.Features), len(l.States))
	}
	if back {
		v.Tape.Record()
	} else {
		v.Tape.Stop()
	}
	frames := make([]vitavla.Frame, len(l.Features))
	for i, features := range l.Features {
		if frames[i], err = v.Model.Recall(features, l.States[i]); err != nil {
			return nn.Buf{}, err
		}
	}
	return v.Model.Study(l.Prompt, frames)
}

// Align is the mean loss of a lesson's tokens against the teacher. With back, its
// derivative times scale is added to the gradients.
func (v *VITA) Align(l *VITALesson, loss Align, scale float64, back bool) (float64, error) {
	mapped, err := v.read(l, back)
	if err != nil {
		return 0, err
	}
	v.mapped, v.dmapped = sized(v.mapped, mapped), sized(v.dmapped, mapped)
	if err := v.Tape.Read(v.mapped, mapped); err != nil {
		return 0, err
	}
	sum, err := loss.align(v.dmapped, v.mapped, l.Teacher, mapped.Cols, scale)
	if err != nil || !back {
		return sum, err
	}
	v.Tape.Write(v.Tape.Gradient(mapped), v.dmapped)
	return sum, v.Tape.Backward()
}

// Act is the mean loss of a lesson's actions. With back, its derivative times scale is added to the gradients.
func (v *VITA) Act(l *VITALesson, loss ActionLoss, scale float64, back bool) (float64, error) {
	mapped, err := v.read(l, back)
	if err != nil {
		return 0, err
	}
	return v.actions.judge(v.Tape, v.Model.Heads().Apply(mapped), l.Labels, loss, scale, back)
}

func sized(v []float32, b nn.Buf) []float32 {
	n := b.Rows * b.Cols
	if cap(v) < n {
		return make([]float32, n)
	}
	return v[:n]
}
