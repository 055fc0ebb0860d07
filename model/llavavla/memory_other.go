//go:build !linux

package llavavla

import "runtime"

// peakMemory is the memory this process has from its system [bytes].
func peakMemory() int64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.Sys)
}
