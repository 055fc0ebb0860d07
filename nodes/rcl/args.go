package rcl

import (
	"fmt"

	"github.com/rs/zerolog"
)

// Args are what a command line or a launch file says of a node:
// --ros-args -r from:=to -p name:=value --params-file f --log-level l.
type Args struct {
	// Remaps apply in order; the first that matches wins.
	Remaps []Remap
	// Params apply in order; the last wins.
	Params []ParamOverride
	// Levels of the log, in order; the last that matches wins.
	Levels []Level
	// NoRosout and NoStdout keep the log off /rosout and off the console.
	NoRosout, NoStdout bool
}

// Remap is one remapping rule.
type Remap struct {
	// Node limits the rule to nodes of this base or fully qualified name; "" is all.
	Node string
	// Kind limits it to topics or services, as rostopic:// and rosservice:// do.
	Kind RemapKind
	// From is a name, or __node or __ns; To replaces it.
	From, To string
}

// RemapKind is what a remapping rule speaks of.
type RemapKind uint8

const (
	// AnyName is topics and services.
	AnyName RemapKind = iota
	// TopicName and ServiceName are one of the two.
	TopicName
	ServiceName
)

// ParamOverride gives a parameter a value before the node starts.
type ParamOverride struct {
	// Node is a pattern of fully qualified node names (/**, /*/arm, /robot/arm); a
	// bare name is that base name in any namespace, "" any node.
	Node string
	// Name of the parameter; dots nest.
	Name string
	// Value given.
	Value Value
	// Origin names the file and line, or the argument, for errors.
	Origin string
}

// Level is what --log-level says.
type Level struct {
	// Node limits it to nodes of this base or fully qualified name; "" is all.
	Node  string
	Level zerolog.Level
}

// names says whether a rule for this node, "" for all, means n.
func (n FullName) names(rule string) bool {
	return rule == "" || rule == n.Name || rule == n.String()
}

// nodeName applies __node and __ns rules to a node's name. As in ROS 2, the
// namespace's rules are asked for the name that the others gave.
func (a Args) nodeName(name string) (FullName, error) {
	full := FullName{Namespace: "/", Name: name}
	for _, r := range a.Remaps {
		if r.isNode() && full.names(r.Node) {
			full.Name = r.To
			break
		}
	}
	for _, r := range a.Remaps {
		if r.From == "__ns" && full.names(r.Node) {
			full.Namespace = r.To
			break
		}
	}
	if full.Namespace == "" || full.Namespace[0] != '/' {
		full.Namespace = "/" + full.Namespace
	}
	if err := ValidateNodeName(full.Name); err != nil {
		return full, err
	}
	return full, ValidateNamespace(full.Namespace)
}

func (r Remap) isNode() bool { return r.From == "__node" || r.From == "__name" }

// remap applies topic or service rules to an expanded name. Rules' names are
// expanded as the node would.
func (a Args) remap(n FullName, full string, kind RemapKind) (string, error) {
	for _, r := range a.Remaps {
		if r.isNode() || r.From == "__ns" || !n.names(r.Node) || r.Kind != AnyName && r.Kind != kind {
			continue
		}
		from, err := n.Expand(r.From)
		if err != nil {
			return "", err
		}
		if from == full {
			return n.Expand(r.To)
		}
	}
	return full, nil
}

// logLevel is what the arguments say of n's log.
func (a Args) logLevel(n FullName) (level zerolog.Level, ok bool) {
	for _, l := range a.Levels {
		if n.names(l.Node) {
			level, ok = l.Level, true
		}
	}
	return level, ok
}

// useSimTime is the parameter that every node has.
const useSimTime = "use_sim_time"

// UseSimTime says whether the arguments ask the node of that name for simulated
// time: a process of its own then runs by NewClockTopic.
func (a Args) UseSimTime(name string) (bool, error) {
	full, err := a.nodeName(name)
	if err != nil {
		return false, err
	}
	use := false
	for _, o := range a.Params {
		if o.Name != useSimTime || !matchNode(o.Node, full) {
			continue
		}
		v, err := (&parameter{name: useSimTime, value: BoolValue(false)}).check(o.Value)
		if err != nil {
			return false, fmt.Errorf("node %s: %w (%s)", full, err, o.Origin)
		}
		use = v.Bool
	}
	return use, nil
}
