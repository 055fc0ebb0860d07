package nn

import (
	"context"
	"time"
)

// Recorder is what a Backend is besides when its device runs ahead of the host:
// it repeats a recorded sequence of calls by itself, and tells each token as
// soon as it is decided. Positions and tokens live on the device, so that every
// repetition is the same sequence with the same arguments.
type Recorder interface {
	Backend
	// Stream lets Next hear of the ids that are picked into t from now on.
	Stream(t Tokens)
	// Next waits for id i of a stream; it is no synchronisation. When ctx
	// ends first, steps that have not begun do not happen.
	Next(ctx context.Context, t Tokens, i int) (int32, error)
	// Record makes a Step of the calls that body makes, which do not happen. In it
	// set stands for what a Run chooses from, widest at most. body may be called more than once.
	Record(widest *Set, body func(set *Set)) Step
	// Mark a place among what is enqueued.
	Mark()
	// Laps waits, and gives the device's times between the marks since Laps was last called.
	Laps() ([]time.Duration, error)
}

// Step is a recorded sequence of calls.
type Step interface {
	// Run enqueues the sequence once more, with what it may choose from.
	Run(set *Set)
	// Nodes is how many kernels it launches.
	Nodes() int
}
