//go:build !cuda

package main

// examineDevices has nothing to ask in a build without CUDA.
func examineDevices() []finding { return nil }
