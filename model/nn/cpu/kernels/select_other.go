//go:build !amd64

package kernels

// Available lists the sets that run on this machine, the fastest first.
func Available() []*Set { return []*Set{Portable()} }
