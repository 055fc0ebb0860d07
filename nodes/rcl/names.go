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

// A token of a ROS name: letters, digits, single underscores, not starting with a digit.
func validToken(s string) bool {
	if s == "" || s[0] >= '0' && s[0] <= '9' || strings.Contains(s, "__") {
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
	if !validToken(s) {
		return fmt.Errorf("%w: node %q: use letters, digits and single underscores, not starting with a digit", ErrInvalidName, s)
	}
	return nil
}

// ValidateNamespace checks a fully qualified namespace.
func ValidateNamespace(s string) error {
	if s == "/" {
		return nil
	}
	if err := validatePath(s); err != nil {
		return fmt.Errorf("%w: namespace %q: %s", ErrInvalidName, s, err)
	}
	return nil
}

func validatePath(s string) error {
	rest, ok := strings.CutPrefix(s, "/")
	if !ok {
		return fmt.Errorf("must start with '/'")
	}
	for t := range strings.SplitSeq(rest, "/") {
		if !validToken(t) {
			return fmt.Errorf("part %q: use letters, digits and single underscores, not starting with a digit", t)
		}
	}
	return nil
}

// Expand makes a topic or service name absolute by ROS 2's rules: "/x" stays,
// "x" goes below the namespace, "~" and "~/x" below the node.
func (n FullName) Expand(name string) (string, error) {
	var full string
	switch {
	case name == "~":
		full = n.String()
	case strings.HasPrefix(name, "~/"):
		full = n.String() + name[1:]
	case strings.HasPrefix(name, "/"):
		full = name
	case n.Namespace == "/":
		full = "/" + name
	default:
		full = n.Namespace + "/" + name
	}
	full = strings.ReplaceAll(full, "{node}", n.Name)
	full = strings.ReplaceAll(full, "{ns}", strings.TrimPrefix(n.Namespace, "/"))
	full = strings.ReplaceAll(full, "{namespace}", strings.TrimPrefix(n.Namespace, "/"))
	if err := validatePath(full); err != nil {
		return "", fmt.Errorf("%w: %q (%s): %s", ErrInvalidName, name, full, err)
	}
	return full, nil
}
