package seer

import (
	"cobot_vla/model/continuous"
	"cobot_vla/model/nn"
	"cobot_vla/model/weights"
)

// StateEncoder makes one token of a state: three linear layers, nothing between them.
type StateEncoder struct {
	b                       nn.Backend
	arm, gripper, projector nn.Weight // [H, 6], [H, 2], [H, 2H]
	armIn, gripperIn        nn.Buf    // [rows, 6], [rows, 2]
	// parts are the features of arm and gripper, [2 rows, H], one kind after the other; pair is [rows, 2H].
	parts, pair nn.Buf
	rows        int
}

// NewStateEncoder loads an encoder whose names begin with prefix, for up to rows states.
func NewStateEncoder(l *weights.Loader, prefix string, width, rows int) *StateEncoder {
	b := l.Backend()
	return &StateEncoder{
		b: b, rows: rows,
		arm:       l.Exact(prefix+"arm_state_encoder", width, ArmJoints),
		gripper:   l.Exact(prefix+"gripper_state_encoder", width, gripperInputs),
		projector: l.Linear(prefix+"state_projector", width, 2*width),
		armIn:     b.Buf(rows, ArmJoints), gripperIn: b.Buf(rows, gripperInputs),
		parts: b.Buf(2*rows, width), pair: b.Buf(rows, 2*width),
	}
}

// Encode puts a token of each state into a row of dst.
func (e *StateEncoder) Encode(dst nn.Buf, states []continuous.State) {
	n := len(states)
	arms, grippers := make([]float32, 0, n*ArmJoints), make([]float32, 0, n*gripperInputs)
	index := make([]int32, 0, 2*n)
	for i, s := range states {
		arms, grippers = append(arms, s.Arm[:]...), append(grippers, s.Gripper[:]...)
		index = append(index, int32(i), int32(n+i))
	}
	armIn, gripperIn := e.armIn.View(0, n), e.gripperIn.View(0, n)
	e.b.Write(armIn, arms)
	e.b.Write(gripperIn, grippers)
	e.b.Linear(e.parts.View(0, n), armIn, e.arm, nn.Op{})
	e.b.Linear(e.parts.View(n, n), gripperIn, e.gripper, nn.Op{})
	e.b.Gather(e.pair.View(0, n), e.parts.View(0, 2*n), index)
	e.b.Linear(dst, e.pair.View(0, n), e.projector, nn.Op{})
}

// Last are the inputs and the features of the state that was encoded last, for comparisons.
func (e *StateEncoder) Last() (gripper, armFeature, gripperFeature nn.Buf) {
	return e.gripperIn.View(0, 1), e.parts.View(0, 1), e.parts.View(1, 1)
}
