package cpu

import (
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// counting does nothing but count; some tasks take longer.
type counting struct {
	done  []atomic.Int32
	slow  int
	owner [8]atomic.Int32 // of a worker's scratch: two tasks at once would see each other
	clash atomic.Bool
}

func (c *counting) task(worker, t int) {
	if c.owner[worker].Add(1) != 1 {
		c.clash.Store(true)
	}
	if c.slow > 0 && t%c.slow == 0 {
		for start := time.Now(); time.Since(start) < 80*time.Microsecond; {
		}
	}
	c.done[t].Add(1)
	c.owner[worker].Add(-1)
}

func TestPoolDoesEveryTaskOnce(t *testing.T) {
	defer goleak.VerifyNone(t)
	for threads := 1; threads <= 5; threads++ {
		p := newPool(threads)
		for round := range 200 {
			tasks := 1 + round*7%61
			c := &counting{done: make([]atomic.Int32, tasks), slow: round % 5 * 3}
			p.do(c, tasks, 5000)
			for i := range c.done {
				if n := c.done[i].Load(); n != 1 {
					t.Fatalf("%d threads, round %d: task %d of %d was done %d times", threads, round, i, tasks, n)
				}
			}
			if c.clash.Load() {
				t.Fatalf("%d threads: a worker had two tasks at once", threads)
			}
			if round%50 == 49 {
				time.Sleep(time.Millisecond) // the workers park, and are woken
			}
		}
		p.close()
		p.close()
	}
}

// TestPoolParks: between actions the workers use no processor.
func TestPoolParks(t *testing.T) {
	p := newPool(3)
	defer p.close()
	p.do(&counting{done: make([]atomic.Int32, 50)}, 50, 5000)
	for range 1000 {
		if p.workers[0].parked.Load() && p.workers[1].parked.Load() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("the workers were not parked within a second")
}

// TestOthersRun: while every worker is busy, another goroutine gets its turn often.
func TestOthersRun(t *testing.T) {
	p := newPool(2)
	defer p.close()
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		turns := 0
		for {
			select {
			case <-stop:
				stopped <- turns
				return
			default:
				turns++
				time.Sleep(time.Microsecond)
			}
		}
	}()
	c := &counting{done: make([]atomic.Int32, 400), slow: 1}
	p.do(c, len(c.done), 80_000)
	close(stop)
	// 400 tasks of 80 µs on two workers, which let others run after each two.
	if turns := <-stopped; turns < 10 {
		t.Errorf("another goroutine had %d turns", turns)
	}
}
