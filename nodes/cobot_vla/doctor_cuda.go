package main

import (
	"errors"
	"fmt"

	"cobot_vla/model/nn/cuda"
	"cobot_vla/model/nn/cuda/driver"
)

// examineDevices lists the GPUs that a policy can run on, where this build has CUDA.
func examineDevices() []finding { return devicesFound(driver.Devices()) }

func devicesFound(devices []cuda.Info, err error) []finding {
	switch {
	case errors.Is(err, cuda.ErrNotBuilt):
		return []finding{{"note", "CUDA", "this program runs policies on the processor", "`make cuda` builds cobot_vla_cuda for an NVIDIA GPU; start it in place of cobot_vla"}}
	case err != nil:
		return []finding{{"lacks", "CUDA", err.Error(), "install the NVIDIA driver (470 or later), and look at nvidia-smi"}}
	case len(devices) == 0:
		return []finding{{"lacks", "CUDA", "the driver knows no GPU", "look at nvidia-smi and CUDA_VISIBLE_DEVICES"}}
	}
	var out []finding
	for i, d := range devices {
		what := fmt.Sprintf("CUDA device %d", i)
		if err := d.Check(); err != nil {
			out = append(out, finding{"lacks", what, err.Error(), ""})
			continue
		}
		out = append(out, finding{"ok", what, fmt.Sprintf("%s, sm_%d%d, %.1f GiB, %d processors, driver of CUDA %d.%d",
			d.Name, d.Major, d.Minor, float64(d.Memory)/(1<<30), d.Processors, d.Driver/1000, d.Driver%1000/10), ""})
	}
	return out
}
