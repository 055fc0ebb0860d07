package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

// journal is a file of JSON lines, one for each piece of long work that is done: it grows by a line
// with each, and who starts the work again goes on behind them.
type journal[T any] struct {
	path string
	key  func(T) string

	mu   sync.Mutex
	done map[string]T
}

// openJournal reads what is done. A last line that was cut off counts as not done, and is taken out.
func openJournal[T any](path string, key func(T) string) (*journal[T], error) {
	j := &journal[T]{path: path, key: key, done: map[string]T{}}
	whole, size, err := readJournal(path, func(t T) { j.done[key(t)] = t })
	if errors.Is(err, fs.ErrNotExist) {
		return j, nil
	}
	if err == nil && whole < size {
		err = os.Truncate(path, whole)
	}
	return j, err
}

// readJournal tells do what is done, and leaves the file as it is: somebody may be writing it. whole is how much of its size are
// whole lines.
func readJournal[T any](path string, do func(T)) (whole, size int64, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, err
	}
	whole, size = int64(bytes.LastIndexByte(data, '\n')+1), int64(len(data))
	lines := bufio.NewScanner(bytes.NewReader(data[:whole]))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var t T
		if err := json.Unmarshal(lines.Bytes(), &t); err != nil {
			return 0, 0, fmt.Errorf("%s: line %d: %w", path, n, err)
		}
		do(t)
	}
	return whole, size, lines.Err()
}

// add notes that a piece is done.
func (j *journal[T]) add(t T) error {
	line, err := json.Marshal(t)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.done[j.key(t)] = t
	f, err := os.OpenFile(j.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// rewrite makes the file hold these, in their order.
func (j *journal[T]) rewrite(all []T) error {
	return writeFile(j.path, func(f *os.File) error {
		w := bufio.NewWriter(f)
		for _, t := range all {
			line, err := json.Marshal(t)
			if err != nil {
				return err
			}
			_, _ = w.Write(append(line, '\n')) // Flush says what went wrong
		}
		return w.Flush()
	})
}

func (j *journal[T]) get(key string) (T, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	t, ok := j.done[key]
	return t, ok
}

func (j *journal[T]) len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.done)
}

// each calls do with every piece, in no order.
func (j *journal[T]) each(do func(T)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, t := range j.done {
		do(t)
	}
}

// parallel does pieces of work, several at once, as next gives them; done hears of each on one goroutine, and say
// every so often. next is asked again after every piece, also when it had none before. The first error ends the work.
func parallel[W, R any](a *app, jobs int, every time.Duration, say func(), next func() (W, bool), work func(*app, W) (R, error), done func(R) error) error {
	ctx, stop := context.WithCancel(a.ctx)
	defer stop()
	type result struct {
		r   R
		err error
	}
	results := make(chan result)
	tick := time.NewTicker(every)
	defer tick.Stop()
	running := 0
	var failed error
	for {
		for failed == nil && running < jobs {
			w, ok := next()
			if !ok {
				break
			}
			running++
			go func() {
				job := *a
				job.ctx = ctx
				r, err := work(&job, w)
				results <- result{r, err}
			}()
		}
		if running == 0 {
			return failed
		}
		select {
		case x := <-results:
			running--
			if x.err == nil {
				x.err = done(x.r)
			}
			if x.err != nil && failed == nil {
				failed = x.err
				stop()
			}
		case <-tick.C:
		}
		say()
	}
}
