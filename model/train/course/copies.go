package course

import (
	"errors"
	"runtime"
	"sync"
)

// Copies of a model that learn side by side. Which part of a batch is whose must not depend on how many of them work at a time:
// then the result is the same on any number of threads.
type Copies struct {
	// N is how many there are, Threads how many compute in each.
	N, Threads int

	errs    []error
	running sync.WaitGroup
	slots   chan struct{} // as many as may work at a time
}

// NewCopies shares threads, all processors where 0, among n copies. More copies than threads work by turns.
func NewCopies(n, threads int) *Copies {
	if threads <= 0 {
		threads = min(runtime.GOMAXPROCS(0), runtime.NumCPU())
	}
	return &Copies{N: n, Threads: max(1, threads/n), errs: make([]error, n), slots: make(chan struct{}, min(n, threads))}
}

// Each calls do for every copy, 0 to N-1, and waits for all.
func (c *Copies) Each(do func(own int) error) error {
	for own := range c.N {
		c.running.Go(func() {
			c.slots <- struct{}{}
			defer func() { <-c.slots }()
			c.errs[own] = do(own)
		})
	}
	c.running.Wait()
	return errors.Join(c.errs...)
}
