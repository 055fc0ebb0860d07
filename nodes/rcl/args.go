package rcl

// Args are what a command line or a launch file says of a node:
// --ros-args -r from:=to -p name:=value --params-file f.
type Args struct {
	// Remaps apply in order; the first that matches wins.
	Remaps []Remap
	// Params apply in order; the last wins.
	Params []ParamOverride
	// LogLevel by --log-level; "" leaves it.
	LogLevel string
}

// Remap is one remapping rule.
type Remap struct {
	// Node limits the rule to nodes of this base name; "" is all.
	Node string
	// From is a name, or __node or __ns; To replaces it.
	From, To string
}

// ParamOverride gives a parameter a value before the node starts.
type ParamOverride struct {
	// Node is a pattern of fully qualified node names (/**, /*/arm, /robot/arm); a bare name is that base name in any namespace.
	Node string
	// Name of the parameter; dots nest.
	Name string
	// Value given.
	Value Value
	// Origin names the file and line, or the argument, for errors.
	Origin string
}

// nodeName applies __node and __ns rules to a node's name.
func (a Args) nodeName(name string) (FullName, error) {
	full := FullName{Namespace: "/", Name: name}
	named, spaced := false, false
	for _, r := range a.Remaps {
		if r.Node != "" && r.Node != name {
			continue
		}
		switch {
		case (r.From == "__node" || r.From == "__name") && !named:
			full.Name, named = r.To, true
		case r.From == "__ns" && !spaced:
			full.Namespace, spaced = r.To, true
			if full.Namespace == "" || full.Namespace[0] != '/' {
				full.Namespace = "/" + full.Namespace
			}
		}
	}
	if err := ValidateNodeName(full.Name); err != nil {
		return full, err
	}
	return full, ValidateNamespace(full.Namespace)
}

// remap applies topic and service rules to an expanded name. Rules' names are
// expanded as the node would.
func (a Args) remap(n FullName, full string) (string, error) {
	for _, r := range a.Remaps {
		if r.From == "__node" || r.From == "__name" || r.From == "__ns" || r.Node != "" && r.Node != n.Name {
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
