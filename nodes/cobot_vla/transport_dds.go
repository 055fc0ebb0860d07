//go:build dds

package main

import (
	"fmt"
	"strconv"

	"github.com/rs/zerolog"

	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/dds"
	"cobot_vla/nodes/rcl/intra"
)

// betweenProcesses names the transport of this build that crosses processes.
const betweenProcesses = "dds"

// graphFlags say how processes meet.
type graphFlags struct {
	Domain    int    `help:"ROS 2 domain; processes of one domain meet." env:"ROS_DOMAIN_ID" default:"0"`
	Localhost bool   `help:"Stay on this machine."`
	Interface string `help:"Network interface, by name or address."`
}

// open makes a transport: intra is inside this process, dds is ROS 2's wire.
func (f graphFlags) open(name string, log *zerolog.Logger) (rcl.Transport, error) {
	switch name {
	case "intra":
		return intra.New(), nil
	case "dds":
		return dds.New(dds.Options{Domain: f.Domain, Localhost: f.Localhost, Interface: f.Interface, Log: log})
	}
	return nil, fmt.Errorf("transport %q is none of intra, dds", name)
}

// argv gives the flags to a process that shall meet this one.
func (f graphFlags) argv() []string {
	argv := []string{"--domain", strconv.Itoa(f.Domain)}
	if f.Localhost {
		argv = append(argv, "--localhost")
	}
	if f.Interface != "" {
		argv = append(argv, "--interface", f.Interface)
	}
	return argv
}
