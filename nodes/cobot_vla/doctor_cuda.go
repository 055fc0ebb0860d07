//go:build cuda

package main

import (
	"fmt"

	"gorgonia.org/cu"
)

// examineDevices lists the GPUs that a policy can run on. This build links
// libcuda: without a driver it ends before main, which is why the CUDA policy is a program of its own.
func examineDevices() []finding {
	n, err := cu.NumDevices()
	if err != nil {
		return []finding{{"lacks", "CUDA", err.Error(), "install the NVIDIA driver"}}
	}
	var out []finding
	for i := range n {
		out = append(out, examineDevice(i))
	}
	return out
}

func examineDevice(ordinal int) finding {
	what := fmt.Sprintf("CUDA device %d", ordinal)
	d, err := cu.GetDevice(ordinal)
	if err != nil {
		return finding{"lacks", what, err.Error(), ""}
	}
	name, err := d.Name()
	if err != nil {
		return finding{"lacks", what, err.Error(), ""}
	}
	bytes, err := d.TotalMem()
	if err != nil {
		return finding{"lacks", what, err.Error(), ""}
	}
	major, err := d.Attribute(cu.ComputeCapabilityMajor)
	if err != nil {
		return finding{"lacks", what, err.Error(), ""}
	}
	if major < 8 {
		return finding{"lacks", what, fmt.Sprintf("%s has compute capability %d, the kernels need 8", name, major), "use an Ampere or newer GPU"}
	}
	return finding{"ok", what, fmt.Sprintf("%s, %.1f GiB, driver API %d", name, float64(bytes)/(1<<30), cu.Version()), ""}
}
