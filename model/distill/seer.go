package distill

import (
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/tape"
	"cobot_vla/model/seer"
	"cobot_vla/model/weights"
)

// seerLearns are the beginnings of the names of all that Seer learns end to end;
// without a foresight's image decoder, which actions do not need.
var seerLearns = []string{
	"mae.", "perceiver_resampler.", "text_projector", "image_primary_projector", "image_wrist_projector", "cls_token_",
	"arm_state_encoder", "gripper_state_encoder", "state_projector", "obs_tokens", "action_pred_token",
	"transformer_backbone", "embedding_layer_norm", "action_decoder", "arm_action_decoder", "gripper_action_decoder",
}

// learning moves the parameters of a tape whose names begin with any of these.
func learning(t *tape.Tape, prefixes []string) (*tape.Optimiser, error) {
	if err := t.FreezeAllBut(prefixes...); err != nil {
		return nil, err
	}
	return tape.NewOptimiser(t)
}

// SeerLesson is one sequence of steps.
type SeerLesson struct {
	seer.Lesson
	// Labels are what should be predicted, steps x predictions, one step behind the other.
	Labels [][7]float32
}

// Seer is a Seer that learns.
type Seer struct {
	*tape.Optimiser
	Model   *seer.Model
	actions actions
}

// NewSeer builds a student on b, which Close closes; it reads up to so many sequences at a time.
func NewSeer(b nn.Gradients, config seer.Config, src weights.Source, sequences int) (*Seer, error) {
	s, t := &Seer{}, tape.New(b)
	var err error
	if s.Model, err = seer.Build(t, config, src, seer.Options{Sequences: sequences}); err != nil {
		return nil, err
	}
	s.Optimiser, err = learning(t, seerLearns)
	return s, err
}

// Close frees everything.
func (s *Seer) Close() error { return s.Tape.Close() }

// Act is the mean loss of lessons' actions. With back, its derivative times scale is added to the gradients.
func (s *Seer) Act(lessons []*SeerLesson, loss ActionLoss, scale float64, back bool) (float64, error) {
	if back {
		s.Tape.Record()
	} else {
		s.Tape.Stop()
	}
	read := make([]*seer.Lesson, len(lessons))
	var labels [][7]float32
	for i, l := range lessons {
		read[i], labels = &l.Lesson, append(labels, l.Labels...)
	}
	x, err := s.Model.Study(read)
	if err != nil {
		return 0, err
	}
	return s.actions.judge(s.Tape, s.Model.Heads().Apply(x), labels, loss, scale, back)
}

// actions compare predictions with labels.
type actions struct{ arm, gripper, darm, dgripper []float32 }

func (a *actions) judge(t *tape.Tape, p seer.Prediction, labels [][7]float32, loss ActionLoss, scale float64, back bool) (float64, error) {
	a.arm, a.darm = sized(a.arm, p.Arm), sized(a.darm, p.Arm)
	a.gripper, a.dgripper = sized(a.gripper, p.Gripper), sized(a.dgripper, p.Gripper)
	if err := t.Read(a.arm, p.Arm); err != nil {
		return 0, err
	}
	if err := t.Read(a.gripper, p.Gripper); err != nil {
		return 0, err
	}
	sum, err := loss.loss(a.darm, a.dgripper, a.arm, a.gripper, labels, scale)
	if err != nil || !back {
		return sum, err
	}
	t.Write(t.Gradient(p.Arm), a.darm)
	t.Write(t.Gradient(p.Gripper), a.dgripper)
	return sum, t.Backward()
}
