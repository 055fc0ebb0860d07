package course

import (
	"context"
	"time"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/tape"
)

// Config of a course.
type Config struct {
	// Out is its folder: state.safetensors, log.jsonl, curves.png and what the student saves.
	Out string
	// Asked is what makes a course the one it is, as it was asked for: a state is gone on from by the same
	// alone. It becomes JSON.
	Asked any
	// Steps of the optimiser. 0 plans as many as Budget has time for, by the pace of the first; the plan is kept in the state.
	Steps int
	// Rate is the highest learning rate, for the log.
	Rate float64
	// Clip bounds the length of the gradient; 0 for no bound.
	Clip float64
	Pace
}

// Student is what learns.
type Student interface {
	// Gradients adds those of a step's batch, counted from 0, to the parameters of the optimiser and of the copies beside it. They
	// depend on the step and the parameters alone.
	Gradients(step int) (Batch, error)
	// Factor is the part of the highest learning rate at a step of steps.
	Factor(step, steps int) float64
	// Rule moves a parameter, at that part of its rate; Scale and Step are the course's to fill in.
	Rule(p *tape.Param, factor float64) nn.Adam
	// Look looks at held-out examples; it gives nil where there are none.
	Look(ctx context.Context) (*Diagnosis, error)
	// Save writes the checkpoint.
	Save() error
}

// Batch is what a step learned from.
type Batch struct {
	// Loss is the mean of the batch.
	Loss float64
	// Tokens that were read, visual ones included, where that is counted, and Examples.
	Tokens, Examples int
}

// Progress of a course.
type Progress struct {
	// Step of Steps that is finished; Resumed is where this process began.
	Step, Steps, Resumed int
	// Loss of the step's batch, GradNorm before clipping, Rate of the step.
	Loss, GradNorm, Rate float64
	// Tokens that this process has read, visual ones included, and Examples.
	Tokens, Examples int
	// Took is the time this process has trained.
	Took time.Duration
	// Held is set when held-out examples were looked at after this step.
	Held *Diagnosis
}

// Result of a course.
type Result struct {
	// Step that was reached, of Steps; less when the time was up.
	Step, Steps int
	// Learned is how many numbers are learned, of all Parameters.
	Learned, Parameters int
	// Held is the last look at held-out examples; nil without any.
	Held *Diagnosis
}
