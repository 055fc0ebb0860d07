//go:build !cuda

package driver

import "cobot_vla/model/nn/cuda"

// Built says whether this program has NVIDIA's driver in it.
const Built = false

// Devices are none in this build.
func Devices() ([]cuda.Info, error) { return nil, cuda.ErrNotBuilt }

// Open fails in this build.
func Open(int) (cuda.Device, error) { return nil, cuda.ErrNotBuilt }
