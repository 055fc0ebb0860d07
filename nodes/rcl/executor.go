package rcl

import (
	"context"
	"time"
)

// Executor runs callbacks and says what time it is.
type Executor interface {
	// Now is ROS time; see the package comment.
	Now() time.Time
	// Queue makes the callback thread of one node.
	Queue(name string) Queue
	// Run runs callbacks until ctx ends (its error) or cond, asked between
	// callbacks, says true (nil). cond may be nil.
	Run(ctx context.Context, cond func() bool) error
	// Simulated says that time is the simulator's.
	Simulated() bool
	// Close ends what Queue started.
	Close() error
}

// Queue is the callback thread of one node.
type Queue interface {
	// Post runs fn as soon as those before it have run. Any goroutine.
	Post(fn func())
	// At runs fn when the executor's time reaches t. cancel is final: fn does not run after it.
	At(t time.Time, fn func()) (cancel func())
	// Background runs work off the thread; what it posts runs on the thread.
	// Simulated time: work runs at once and its posts fall due latency after
	// now, or, when latency is negative, after as long as the work really took.
	Background(latency time.Duration, work func(post func(func())))
	// Close drops what is queued; nothing runs afterwards.
	Close()
}
