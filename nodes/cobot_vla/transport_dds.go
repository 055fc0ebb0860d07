//go:build dds

package main

import (
	"github.com/rs/zerolog"

	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/dds"
)

// openDDS joins by ROS 2's wire.
var openDDS = func(f graphFlags, log *zerolog.Logger) (rcl.Transport, error) {
	return dds.New(dds.Options{
		Domain: f.Domain, Localhost: f.Localhost, Interface: f.Interface, Peers: f.Peers, Extra: f.CycloneDDS, Log: log,
	})
}
