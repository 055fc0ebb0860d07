package rcl

import (
	"fmt"
	"strings"
)

// FullName is a node's name and namespace.
type FullName struct {
	Namespace string // starts with "/"; "/" for none
	Name      string
}

// String is the fully qualified name, e.g. /robot/arm.
func (n FullName) String() string {
	if n.Namespace == "/" {
		return "/" + n.Name
	}
	return n.Namespace + "/" + n.Name
}

// The lengths that ROS 2's middleware interface allows (rmw's validate_full_topic_name.h, validate_node_name.h).
const (
	maxNodeName  = 255
	maxTopicName = 255 - 8 // of prefixes such as rt/
	maxNamespace = maxTopicName - 2
)

// validToken checks a part of a ROS name: letters, digits and underscores, not
// starting with a digit.
func validToken(s string) bool {
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// ValidateNodeName checks a node's base name.
func ValidateNodeName(s string) error {
	switch {
	case !validToken(s):
		return fmt.Errorf("%w: node %q: use letters, digits and underscores, not starting with a digit", ErrInvalidName, s)
	case len(s) > maxNodeName:
		return fmt.Errorf("%w: node name of %d characters, at most %d: %q", ErrInvalidName, len(s), maxNodeName, s)
	}
	return nil
}

// ValidateNamespace checks a fully qualified namespace.
func ValidateNamespace(s string) error {
	if s == "/" {
		return nil
	}
	if err := validatePath(s, maxNamespace); err != nil {
		return fmt.Errorf("%w: namespace %q: %s", ErrInvalidName, s, err)
	}
	return nil
}

func validatePath(s string, longest int) error {
	rest, ok := strings.CutPrefix(s, "/")
	if !ok {
		return fmt.Errorf("must start with '/'")
	}
	for t := range strings.SplitSeq(rest, "/") {
		if !validToken(t) {
			return fmt.Errorf("part %q: use letters, digits and underscores, not starting with a digit", t)
		}
	}
	if len(s) > longest {
		return fmt.Errorf("%d characters, at most %d", len(s), longest)
	}
	return nil
}

// Expand makes a topic or service name absolute by ROS 2's rules: "/x" stays,
// "x" goes below the namespace, "~" and "~/x" below the node; {node} stands for
// the node's name, and {ns} or {namespace} for its namespace with the leading '/'.
func (n FullName) Expand(name string) (string, error) {
	full := name
	if full == "~" || strings.HasPrefix(full, "~/") {
		full = n.String() + full[1:]
	}
	full = strings.NewReplacer("{node}", n.Name, "{ns}", n.Namespace, "{namespace}", n.Namespace).Replace(full)
	if !strings.HasPrefix(full, "/") {
		full = strings.TrimSuffix(n.Namespace, "/") + "/" + full
	}
	if err := validatePath(full, maxTopicName); err != nil {
		return "", fmt.Errorf("%w: %q (%s): %s", ErrInvalidName, name, full, err)
	}
	return full, nil
}
