//go:build !linux

package cpu

import "runtime"

// PeakMemory is the memory this process has from its system [bytes].
func PeakMemory() int64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.Sys)
}
