package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rs/zerolog"

	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

// graphFlags say how processes meet; a build without a transport between
// processes has no use for them.
type graphFlags struct {
	Between    string   `help:"What carries messages between processes: ros2 or dds. Default: what this build has, ros2 first." enum:",ros2,dds" default:""`
	Domain     int      `help:"ROS 2 domain; processes of one domain meet." env:"ROS_DOMAIN_ID" default:"0"`
	Localhost  bool     `help:"Stay on this machine." env:"ROS_LOCALHOST_ONLY"`
	Interface  string   `help:"Network interface, by name or address. With dds only; with ros2 the middleware's own configuration says it."`
	Peers      []string `help:"Addresses of machines to look for where multicast does not go. With dds only."`
	CycloneDDS string   `name:"cyclonedds" help:"Cyclone DDS configuration, XML or a file:// URI, that wins over these flags. With dds only." env:"CYCLONEDDS_URI"`
}

// transportBetween is a transport between processes; open is nil where this build lacks it.
type transportBetween struct {
	name   string
	open   func(graphFlags, *zerolog.Logger) (rcl.Transport, error)
	remedy string
}

// between lists the transports between processes, the preferred one first.
func between() []transportBetween {
	return []transportBetween{
		{"ros2", openROS2, "build with -tags ros2 in a sourced ROS 2, as colcon does"},
		{"dds", openDDS, "build with -tags dds (Debian's cyclonedds-dev)"},
	}
}

// betweenProcesses names what crosses processes here; "" is nothing.
func (f graphFlags) betweenProcesses() string {
	if f.Between != "" {
		return f.Between
	}
	for _, t := range between() {
		if t.open != nil {
			return t.name
		}
	}
	return ""
}

// open makes a transport: intra is inside this process.
func (f graphFlags) open(name string, log *zerolog.Logger) (rcl.Transport, error) {
	if name == "intra" {
		return intra.New(), nil
	}
	all := between()
	i := slices.IndexFunc(all, func(t transportBetween) bool { return t.name == name })
	switch {
	case i < 0:
		return nil, fmt.Errorf("transport %q is none of intra, ros2, dds", name)
	case all[i].open == nil:
		return nil, fmt.Errorf("transport %q is not in this build: %s", name, all[i].remedy)
	}
	return all[i].open(f, log)
}

// argv gives the flags to a process that shall meet this one.
func (f graphFlags) argv() []string {
	argv := []string{"--between", f.betweenProcesses(), "--domain", strconv.Itoa(f.Domain)}
	if f.Localhost {
		argv = append(argv, "--localhost")
	}
	for flag, value := range map[string]string{"--interface": f.Interface, "--peers": strings.Join(f.Peers, ","), "--cyclonedds": f.CycloneDDS} {
		if value != "" {
			argv = append(argv, flag+"="+value)
		}
	}
	return argv
}
