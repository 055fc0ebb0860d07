package seer

import (
	"cobot_vla/model/continuous"
	"cobot_vla/model/nn"
	"cobot_vla/model/weights"
)

// ArmJoints is how many numbers an arm has, in the state and in a prediction.
const ArmJoints = continuous.Joints

// Heads turn an action feature into six numbers of an arm, each in -1..1, and one of a gripper, in 0..1.
type Heads struct {
	b                  nn.Backend
	fc1, fc2           nn.Weight // [D/2, D], [D/2, D/2]
	arm, gripper       nn.Weight // [6, D/2], [1, D/2]
	hidden, feature    nn.Buf    // [rows, D/2]
	armOut, gripperOut nn.Buf    // [rows, 6], [rows, 1]
}

// NewHeads loads heads whose names begin with prefix, for up to rows features of dim numbers.
func NewHeads(l *weights.Loader, prefix string, dim, rows int) *Heads {
	b, half := l.Backend(), dim/2
	return &Heads{
		b:       b,
		fc1:     l.Exact(prefix+"action_decoder.0", half, dim),
		fc2:     l.Exact(prefix+"action_decoder.2", half, half),
		arm:     l.Exact(prefix+"arm_action_decoder.0", ArmJoints, half),
		gripper: l.Exact(prefix+"gripper_action_decoder.0", 1, half),
		hidden:  b.Buf(rows, half), feature: b.Buf(rows, half),
		armOut: b.Buf(rows, ArmJoints), gripperOut: b.Buf(rows, 1),
	}
}

// Prediction is what the heads make of some rows: views that the next Apply overwrites.
type Prediction struct {
	// Feature [rows, D/2], Arm [rows, 6] in -1..1, Gripper [rows, 1] in 0..1.
	Feature, Arm, Gripper nn.Buf
}

// Apply predicts from features x [rows, D].
func (h *Heads) Apply(x nn.Buf) Prediction {
	hidden := h.hidden.View(0, x.Rows)
	p := Prediction{Feature: h.feature.View(0, x.Rows), Arm: h.armOut.View(0, x.Rows), Gripper: h.gripperOut.View(0, x.Rows)}
	h.b.Linear(hidden, x, h.fc1, nn.Op{Act: nn.ReLU})
	h.b.Linear(p.Feature, hidden, h.fc2, nn.Op{Act: nn.ReLU})
	h.b.Linear(p.Arm, p.Feature, h.arm, nn.Op{Act: nn.Tanh})
	h.b.Linear(p.Gripper, p.Feature, h.gripper, nn.Op{Act: nn.Sigmoid})
	return p
}

// Read copies a prediction to the host: seven numbers a row, the gripper last.
func (h *Heads) Read(p Prediction) ([][7]float32, error) {
	arm, gripper := make([]float32, p.Arm.Rows*ArmJoints), make([]float32, p.Gripper.Rows)
	if err := h.b.Read(arm, p.Arm); err != nil {
		return nil, err
	}
	if err := h.b.Read(gripper, p.Gripper); err != nil {
		return nil, err
	}
	out := make([][7]float32, len(gripper))
	for i := range out {
		copy(out[i][:ArmJoints], arm[i*ArmJoints:])
		out[i][ArmJoints] = gripper[i]
	}
	return out, nil
}

// Bytes of the weights.
func (h *Heads) Bytes() int64 {
	return h.fc1.Bytes() + h.fc2.Bytes() + h.arm.Bytes() + h.gripper.Bytes()
}
