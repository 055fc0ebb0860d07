//go:build !mujoco || !cgo

package mujoco

// openEngine fails: this program was built without the simulator.
func openEngine(string) (engine, error) { return nil, ErrNotBuilt }
