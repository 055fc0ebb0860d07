package rcl

import (
	"fmt"
	"os"
	"strings"
)

// ParseArgs splits a command line into what ROS 2 takes (between --ros-args and
// -- or the end) and the rest. It knows -r/--remap, -p/--param, --params-file
// and --log-level; anything else between the marks is an error.
func ParseArgs(argv []string) (Args, []string, error) {
	var a Args
	var rest []string
	ros := false
	for i := 0; i < len(argv); i++ {
		arg := argv[i]
		if !ros {
			if arg == "--ros-args" {
				ros = true
			} else {
				rest = append(rest, arg)
			}
			continue
		}
		switch arg {
		case "--":
			ros = false
			continue
		case "--ros-args":
			continue
		case "-r", "--remap", "-p", "--param", "--params-file", "--log-level":
			if i+1 == len(argv) {
				return a, nil, fmt.Errorf("--ros-args: %s needs a value", arg)
			}
			i++
			if err := a.add(arg, argv[i]); err != nil {
				return a, nil, fmt.Errorf("--ros-args %s %s: %w", arg, argv[i], err)
			}
		default:
			return a, nil, fmt.Errorf("--ros-args: unknown argument %q; known are -r from:=to, -p name:=value, --params-file FILE, --log-level LEVEL", arg)
		}
	}
	return a, rest, nil
}

func (a *Args) add(flag, value string) error {
	switch flag {
	case "-r", "--remap":
		node, from, to, err := splitRule(value)
		if err != nil {
			return err
		}
		a.Remaps = append(a.Remaps, Remap{Node: node, From: from, To: to})
	case "-p", "--param":
		node, name, text, err := splitRule(value)
		if err != nil {
			return err
		}
		v, err := ParseValue(text)
		if err != nil {
			return err
		}
		a.Params = append(a.Params, ParamOverride{Node: node, Name: name, Value: v, Origin: flag + " " + value})
	case "--params-file":
		data, err := os.ReadFile(value)
		if err != nil {
			return err
		}
		more, err := ParseParams(value, data)
		if err != nil {
			return err
		}
		a.Params = append(a.Params, more...)
	case "--log-level":
		a.LogLevel = value
	}
	return nil
}

// splitRule splits [node:]from:=to.
func splitRule(s string) (node, from, to string, err error) {
	from, to, ok := strings.Cut(s, ":=")
	if !ok || from == "" {
		return "", "", "", fmt.Errorf("write it as name:=value, or node:name:=value")
	}
	if n, f, ok := strings.Cut(from, ":"); ok {
		node, from = n, f
	}
	return node, from, to, nil
}
