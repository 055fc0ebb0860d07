//go:build !linux

package rcl

import "errors"

func (q *realQueue) hurry() error {
	return errors.New("rcl: real-time priority is only built for Linux: the loop runs with ordinary priority")
}

func (q *realQueue) relax() {}
