//go:build ros2

package main

import (
	"github.com/rs/zerolog"

	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/ros2"
)

// openROS2 joins through ROS 2's client library.
var openROS2 = func(f graphFlags, log *zerolog.Logger) (rcl.Transport, error) {
	return ros2.New(ros2.Options{Domain: f.Domain, Localhost: f.Localhost, Log: log})
}
