package cpu

import "golang.org/x/sys/unix"

// PeakMemory is the most memory this process has had [bytes].
func PeakMemory() int64 {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return usage.Maxrss << 10
}
