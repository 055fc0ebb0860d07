package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is what this process has used, in the kernel as well; 0 where that is not known.
func processorTime() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
