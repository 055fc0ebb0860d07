package rcl

import (
	"errors"
	"strings"
	"testing"
)

// The rows with {ns} and "~" are those of rcl's test_expand_topic_name.cpp and
// of ROS 2's design article on topic and service names.
func TestExpand(t *testing.T) {
	for _, c := range []struct{ name, node, ns, want string }{
		{"/chatter", "my_node", "/my_ns", "/chatter"},
		{"chatter", "my_node", "/my_ns", "/my_ns/chatter"},
		{"ping", "my_node", "/", "/ping"},
		{"~", "my_node", "/", "/my_node"},
		{"~", "my_node", "/my_ns", "/my_ns/my_node"},
		{"~/ping", "my_node", "/", "/my_node/ping"},
		{"~/ping", "my_node", "/my_ns", "/my_ns/my_node/ping"},
		{"{node}/chatter", "my_node", "/my_ns", "/my_ns/my_node/chatter"},
		{"/{node}", "my_node", "/my_ns", "/my_node"},
		{"{node}", "my_node", "/my_ns", "/my_ns/my_node"},
		{"{ns}", "my_node", "/my_ns", "/my_ns"},
		{"{namespace}", "my_node", "/my_ns", "/my_ns"},
		{"{namespace}/{node}/chatter", "my_node", "/my_ns", "/my_ns/my_node/chatter"},
		{"a__b", "n", "/", "/a__b"}, // rmw allows it
		{"_hidden/x1", "n", "/", "/_hidden/x1"},
		{"/foo/{namespace}", "my_node", "/my_ns", ""}, // "/foo//my_ns"
		{"{doesnotexist}", "my_node", "/my_ns", ""},
		{"", "n", "/", ""},
		{"/", "n", "/", ""},
		{"~ping", "n", "/", ""},
		{"x/~", "n", "/", ""},
		{"a//b", "n", "/", ""},
		{"a/", "n", "/", ""},
		{"/1a", "n", "/", ""},
		{"white space", "n", "/", ""},
		{"a-b", "n", "/", ""},
		{"größe", "n", "/", ""},
		{"{node", "n", "/", ""},
		{strings.Repeat("x", 246), "n", "/", "/" + strings.Repeat("x", 246)},
		{strings.Repeat("x", 247), "n", "/", ""},
	} {
		got, err := FullName{Namespace: c.ns, Name: c.node}.Expand(c.name)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q in %s of %s: %q, %v, want %q", c.name, c.node, c.ns, got, err, c.want)
		}
		if err != nil && !errors.Is(err, ErrInvalidName) {
			t.Errorf("%q: %v is no ErrInvalidName", c.name, err)
		}
	}
}

func TestValidNames(t *testing.T) {
	for s, valid := range map[string]bool{
		"arm": true, "Arm_2": true, "_a": true, "a__b": true, "": false, "2arm": false, "a/b": false, "a b": false, "~": false, "a.b": false,
		strings.Repeat("n", 255): true, strings.Repeat("n", 256): false,
	} {
		if err := ValidateNodeName(s); (err == nil) != valid {
			t.Errorf("node %q: %v", s, err)
		}
	}
	for s, valid := range map[string]bool{
		"/": true, "/a": true, "/a/b": true, "": false, "a": false, "/a/": false, "//a": false, "/1": false,
		"/" + strings.Repeat("n", 244): true, "/" + strings.Repeat("n", 245): false,
	} {
		if err := ValidateNamespace(s); (err == nil) != valid {
			t.Errorf("namespace %q: %v", s, err)
		}
	}
}

func TestFullName(t *testing.T) {
	for _, n := range []struct {
		n    FullName
		want string
	}{{FullName{"/", "arm"}, "/arm"}, {FullName{"/robot/left", "arm"}, "/robot/left/arm"}} {
		if got := n.n.String(); got != n.want {
			t.Errorf("%+v is %q, want %q", n.n, got, n.want)
		}
	}
}
