//go:build !dds

package main

import (
	"fmt"

	"github.com/rs/zerolog"

	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

// betweenProcesses names the transport of this build that crosses processes; "" is none.
const betweenProcesses = ""

// graphFlags say how processes meet.
type graphFlags struct{}

// open makes a transport: intra is inside this process.
func (graphFlags) open(name string, _ *zerolog.Logger) (rcl.Transport, error) {
	if name != "intra" {
		return nil, fmt.Errorf("transport %q is not in this build: build with -tags dds (Debian's cyclonedds-dev)", name)
	}
	return intra.New(), nil
}

// argv gives the flags to a process that shall meet this one.
func (graphFlags) argv() []string { return nil }
