//go:build !ros2

package main

import (
	"github.com/rs/zerolog"

	"cobot_vla/nodes/rcl"
)

var openROS2 func(graphFlags, *zerolog.Logger) (rcl.Transport, error)
