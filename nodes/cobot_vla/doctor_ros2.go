//go:build ros2

package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tiiuae/rclgo/pkg/rclgo"
)

// examineGraph joins the ROS 2 graph and says who else is there.
func examineGraph() (out []finding) {
	fail := func(err error) []finding {
		return []finding{{"lacks", "ROS 2 graph", err.Error(), "source /opt/ros/humble/setup.bash before the program starts"}}
	}
	if err := rclgo.Init(nil); err != nil {
		return fail(err)
	}
	node, err := rclgo.NewNode("cobot_vla_doctor", "")
	if err != nil {
		return fail(errors.Join(err, rclgo.Uninit()))
	}
	names, spaces, err := node.GetNodeNames()
	if err = errors.Join(err, node.Close(), rclgo.Uninit()); err != nil {
		return fail(err)
	}
	var others []string
	for i, n := range names {
		if n != "cobot_vla_doctor" {
			others = append(others, strings.TrimSuffix(spaces[i], "/")+"/"+n)
		}
	}
	return []finding{{"ok", "ROS 2 graph", fmt.Sprintf("%d other nodes: %s", len(others), strings.Join(others, " ")), ""}}
}
