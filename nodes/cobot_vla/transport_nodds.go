//go:build !dds

package main

import (
	"github.com/rs/zerolog"

	"cobot_vla/nodes/rcl"
)

var openDDS func(graphFlags, *zerolog.Logger) (rcl.Transport, error)
