//go:build amd64 && !linux

package kernels

// permitAMX: no other system is known to give tiles to Go programs.
func permitAMX() bool { return false }
