package rcl

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rs/zerolog"
)

// ParseArgs splits a command line into what ROS 2 takes (between --ros-args and
// -- or the end) and the rest. It knows -r/--remap, -p/--param, --params-file,
// --log-level and --enable-… or --disable-rosout-logs, -stdout-logs and
// -external-lib-logs; anything else between the marks is an error.
func ParseArgs(argv []string) (Args, []string, error) {
	var a Args
	var rest []string
	ros := false
	for i := 0; i < len(argv); i++ {
		arg := argv[i]
		switch {
		case arg == "--ros-args":
			ros = true
		case !ros:
			rest = append(rest, arg)
		case arg == "--":
			ros = false
		case a.logFlag(arg):
		case !takesValue(arg):
			return a, nil, fmt.Errorf("--ros-args: unknown argument %q; known are -r from:=to, -p name:=value, --params-file FILE, --log-level LEVEL, --disable-rosout-logs, --disable-stdout-logs", arg)
		case i+1 == len(argv):
			return a, nil, fmt.Errorf("--ros-args: %s needs a value", arg)
		default:
			i++
			if err := a.add(arg, argv[i]); err != nil {
				return a, nil, fmt.Errorf("--ros-args %s %s: %w", arg, argv[i], err)
			}
		}
	}
	return a, rest, nil
}

// logFlag takes an argument that says where the log goes; false when it is none.
// There is no external log library to switch.
func (a *Args) logFlag(arg string) bool {
	verb, what, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "-")
	off := verb == "disable"
	if !off && verb != "enable" {
		return false
	}
	switch what {
	case "rosout-logs":
		a.NoRosout = off
	case "stdout-logs":
		a.NoStdout = off
	case "external-lib-logs":
	default:
		return false
	}
	return true
}

func takesValue(flag string) bool {
	switch flag {
	case "-r", "--remap", "-p", "--param", "--params-file", "--log-level":
		return true
	}
	return false
}

func (a *Args) add(flag, value string) error {
	switch flag {
	case "-r", "--remap":
		r, err := ParseRemap(value)
		if err != nil {
			return err
		}
		a.Remaps = append(a.Remaps, r)
	case "-p", "--param":
		node, name, text, err := splitRule(value)
		if err != nil {
			return err
		}
		if err := checkPattern(node); err != nil {
			return err
		}
		v, err := ParseValue(text)
		if err != nil {
			return err
		}
		a.Params = append(a.Params, ParamOverride{Node: node, Name: name, Value: v, Origin: flag + " " + value})
	case "--params-file":
		data, err := readFile(value)
		if err != nil {
			return err
		}
		more, err := ParseParams(value, data)
		if err != nil {
			return err
		}
		a.Params = append(a.Params, more...)
	case "--log-level":
		l, err := parseLevel(value)
		if err != nil {
			return err
		}
		a.Levels = append(a.Levels, l)
	}
	return nil
}

// ParseRemap reads a remapping rule: [node:]from:=to, from being __node, __ns,
// or a topic's and service's name, of one of the two with rostopic:// or
// rosservice:// before it.
func ParseRemap(rule string) (Remap, error) {
	text, kind := rule, AnyName
	if before, after, ok := strings.Cut(rule, "rostopic://"); ok {
		text, kind = before+after, TopicName
	} else if before, after, ok := strings.Cut(rule, "rosservice://"); ok {
		text, kind = before+after, ServiceName
	}
	node, from, to, err := splitRule(text)
	if err != nil {
		return Remap{}, err
	}
	r := Remap{Node: node, Kind: kind, From: from, To: to}
	switch {
	case r.isNode():
		err = ValidateNodeName(to)
	case from == "__ns":
		if !strings.HasPrefix(to, "/") {
			to = "/" + to
		}
		err = ValidateNamespace(to)
	default:
		// What matters here is the form; names are expanded again for each node.
		some := FullName{Namespace: "/ns", Name: "node"}
		if _, err = some.Expand(from); err == nil {
			_, err = some.Expand(to)
		}
	}
	return r, err
}

// splitRule splits [node:]name:=value.
func splitRule(s string) (node, name, value string, err error) {
	name, value, ok := strings.Cut(s, ":=")
	if n, rest, prefixed := strings.Cut(name, ":"); prefixed {
		node, name = n, rest
		ok = ok && node != ""
	}
	if !ok || name == "" {
		return "", "", "", fmt.Errorf("write it as name:=value, or node:name:=value")
	}
	return node, name, value, nil
}

// levels are ROS 2's names of severities.
var levels = map[string]zerolog.Level{
	"debug": zerolog.DebugLevel, "info": zerolog.InfoLevel, "warn": zerolog.WarnLevel,
	"error": zerolog.ErrorLevel, "fatal": zerolog.FatalLevel, "unset": zerolog.TraceLevel,
}

// parseLevel reads [node:=]level.
func parseLevel(s string) (Level, error) {
	node, name, prefixed := strings.Cut(s, ":=")
	if !prefixed {
		node, name = "", s
	}
	l, ok := levels[strings.ToLower(name)]
	if !ok {
		return Level{}, fmt.Errorf("level %q is none of debug, info, warn, error, fatal, unset", name)
	}
	return Level{Node: node, Level: l}, nil
}

// maxParamFile bounds a parameter file [bytes]; the path may be a device.
const maxParamFile = 1 << 20

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxParamFile+1))
	if err == nil && len(data) > maxParamFile {
		err = fmt.Errorf("%s: more than %d bytes is no parameter file", path, maxParamFile)
	}
	return data, err
}
