package main

import (
	"cmp"
	"fmt"
	"runtime"
	"time"
)

// rolloutFlags are how a policy is tried in the simulator, whichever command tries it.
type rolloutFlags struct {
	Latency time.Duration `help:"Simulated time of an inference, whatever it really takes." default:"100ms"`
	Still   time.Duration `help:"End an attempt in which nothing was told to move for so long: who stands seldom goes on; 0 to wait for the time limit." default:"${still=0}"`
	Jobs    int           `help:"Episodes at once; 0 for one a processor." default:"0"`
	Plant   string        `help:"Mechanics: mujoco or kinematic." enum:"mujoco,kinematic" default:"mujoco"`
}

// check says what is wrong with the flags, and counts processors.
func (f *rolloutFlags) check() error {
	switch {
	case f.Still < 0:
		return fmt.Errorf("--still %v: expected 0 or more", f.Still)
	case f.Latency < 0:
		return fmt.Errorf("--latency %v: state the time of an inference: an attempt is then the same on any machine", f.Latency)
	case f.Jobs < 0:
		return fmt.Errorf("--jobs %d: expected 0 or more", f.Jobs)
	}
	f.Jobs = cmp.Or(f.Jobs, runtime.NumCPU())
	return nil
}
