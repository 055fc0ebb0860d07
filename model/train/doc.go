// Package train teaches a policy: it turns examples into gradients on the same
// layers that run on the robot (nn/tape), and gradients into weights.
//
// Data is what a run reads: a Sampler that is a pure function of seed and step,
// held-out examples, and the Binding of the robot it was recorded on. Run goes
// through it in steps of AdamW, as a course does (train/course), and leaves a checkpoint that the policy node loads,
// and the state to go on from. The two stages of LLaVA-VLA's recipe are two runs: over
// all tasks from fresh weights, and over one task From the first one's.
//
// # Losses
//
// A pass reads scores from the backend, a loss makes of them, on the host, a number
// and its derivative, and the tape goes back from there. Another model brings its own forward pass and
// its own loss (loss.go shows how little that is); tape, optimiser and course stay.
package train
