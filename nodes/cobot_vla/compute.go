package main

import (
	"errors"
	"fmt"

	"cobot_vla/model/continuous"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/nn/cuda"
	"cobot_vla/nodes/policy"
)

// computer makes what networks run on.
type computer struct {
	// devices opens a GPU by its number.
	devices func(ordinal int) (cuda.Device, error)
	// built says whether this program has CUDA in it.
	built bool
}

// gpu is a backend on a GPU, or none when the parameters or this machine want the processor. An
// error that is an nn.ErrDevice says that there is no GPU where one was asked for.
func (c computer) gpu(on policy.Compute) (nn.Backend, error) {
	if on.Backend == "cpu" {
		return nil, nil
	}
	auto := on.Backend == "auto" || on.Backend == ""
	if auto && (!c.built || on.Precision == string(cpu.INT8)) {
		return nil, nil
	}
	b, err := c.open(on)
	if auto && errors.Is(err, cuda.ErrNoDevice) { // a build with CUDA on a machine without a GPU
		return nil, nil
	}
	return b, err
}

func (c computer) open(on policy.Compute) (nn.Backend, error) {
	d, err := c.devices(on.GPU)
	if err != nil {
		return nil, fmt.Errorf("backend cuda: %w", err)
	}
	b, err := cuda.New(d, cuda.Config{Precision: cuda.Precision(on.Precision)})
	if err != nil {
		return nil, fmt.Errorf("backend cuda: %w", err)
	}
	return b, nil
}

// continuous opens a policy of numbers on it.
func (c computer) continuous(dir string, on policy.Compute, processor func(string, continuous.Config) (*continuous.Policy, error),
	gpu func(nn.Backend, string, continuous.Config) (*continuous.Policy, error)) (*continuous.Policy, error) {
	config := continuous.DefaultConfig()
	config.CPU.Precision, config.CPU.Threads = cpu.Precision(on.Precision), on.Threads
	b, err := c.gpu(on)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return processor(dir, config)
	}
	return gpu(b, dir, config)
}

// llavavla opens a checkpoint on it.
func (c computer) llavavla(dir string, on policy.Compute) (*llavavla.Policy, error) {
	config := llavavla.DefaultConfig()
	config.CPU.Precision, config.CPU.Threads = cpu.Precision(on.Precision), on.Threads
	b, err := c.gpu(on)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return llavavla.Open(dir, config)
	}
	return llavavla.OpenOn(b, dir, config)
}
