package rcl

import (
	"context"
	"time"
)

// Executor runs callbacks and says what time it is.
type Executor interface {
	// Now is ROS time; see the package comment.
	Now() time.Time
	// Queue makes the callback thread of one node, which waits for Start.
	Queue() Queue
	// Run runs callbacks until ctx ends (its error) or cond says true (nil); see
	// Context.RunUntil. cond may be nil.
	Run(ctx context.Context, cond func() bool) error
	// Simulated says that time is the simulator's.
	Simulated() bool
	// ClockAge is how long ago, by the wall, somebody else's clock last spoke; 0
	// where time is the executor's own or the machine's.
	ClockAge() time.Duration
	// Close ends what Queue started and waits for it; not to be called from a callback.
	Close() error
}

// Queue is the callback thread of one node.
type Queue interface {
	// Start lets callbacks run; what was asked for before waits for it.
	Start()
	// Post runs fn as soon as those before it have run. Any goroutine.
	Post(fn func())
	// At runs fn when the executor's time reaches t. cancel, called on the thread,
	// is final: fn does not run after it.
	At(t time.Time, fn func()) (cancel func())
	// Background runs work off the thread; what it posts runs on the thread.
	// Simulated time: its posts fall due latency after now, or, when latency is
	// negative, after as long as the work really took; under Lockstep the work
	// runs at once, on the executor's goroutine.
	Background(latency time.Duration, work func(post func(func())))
	// Close drops what is queued: no callback begins after it. last runs when the
	// callback under way and background work have ended.
	Close(last func())
}
