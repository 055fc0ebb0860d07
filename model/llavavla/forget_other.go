//go:build !linux

package llavavla

func forget([]byte) {}
