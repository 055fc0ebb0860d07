// Package driver is the cuda.Device of NVIDIA's driver: gorgonia.org/cu, and a few
// calls of the driver that cu lacks (graph capture, pinned memory, large shared memory).
//
// Only a build with -tags cuda has it, because cu's package initialisation ends the program where
// there is no driver: that program is cobot_vla_cuda, of the same main, which `make cuda` builds.
package driver
