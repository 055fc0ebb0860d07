package rcl

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func parseRules(t *testing.T, rules ...string) Args {
	t.Helper()
	var a Args
	for _, r := range rules {
		m, err := ParseRemap(r)
		if err != nil {
			t.Fatalf("%s: %v", r, err)
		}
		a.Remaps = append(a.Remaps, m)
	}
	return a
}

func TestNodeNames(t *testing.T) {
	for _, c := range []struct {
		rules []string
		want  string
	}{
		{nil, "/arm"},
		{[]string{"__node:=left_arm"}, "/left_arm"},
		{[]string{"__name:=left_arm"}, "/left_arm"},
		{[]string{"__ns:=/robot"}, "/robot/arm"},
		{[]string{"__ns:=robot"}, "/robot/arm"},
		{[]string{"__ns:=/"}, "/arm"},
		{[]string{"__ns:=/robot/left", "__node:=a"}, "/robot/left/a"},
		{[]string{"__node:=first", "__node:=second"}, "/first"}, // the first that matches
		{[]string{"base:__node:=b", "arm:__node:=a"}, "/a"},
		{[]string{"base:__ns:=/b"}, "/arm"},
		// rcl asks for the namespace with the new name (rcl_node_init).
		{[]string{"__node:=a", "a:__ns:=/x", "arm:__ns:=/y"}, "/x/a"},
		{[]string{"foo:=bar"}, "/arm"},
	} {
		got, err := parseRules(t, c.rules...).nodeName("arm")
		if err != nil || got.String() != c.want {
			t.Errorf("%q: %v, %v, want %s", c.rules, got, err, c.want)
		}
	}
	if _, err := (Args{}).nodeName("an arm"); err == nil {
		t.Error("a bad name was taken")
	}
}

// Most rows are those of rcl's test_remap.cpp.
func TestRemapping(t *testing.T) {
	for _, c := range []struct {
		rule     string
		ns, node string
		name     string
		kind     RemapKind
		want     string
	}{
		{"/bar/foo:=/foo/bar", "/", "NodeName", "/bar/foo", TopicName, "/foo/bar"},
		{"/bar/foo:=/foo/bar", "/", "NodeName", "/foo/bar", TopicName, "/foo/bar"},
		{"/bar/foo:=/foo/bar", "/", "NodeName", "/foobar", ServiceName, "/foobar"},
		{"foo:=bar", "/ns", "NodeName", "/ns/foo", TopicName, "/ns/bar"},
		{"foo:=bar", "/ns", "NodeName", "/ns/foo", ServiceName, "/ns/bar"},
		{"foo:=bar", "/ns", "NodeName", "/foo", TopicName, "/foo"},
		{"foo:=/bar", "/ns", "NodeName", "foo", TopicName, "/bar"},
		{"~/foo:=bar", "/ns", "NodeName", "~/foo", TopicName, "/ns/bar"},
		{"foo:=~/bar", "/ns", "NodeName", "foo", TopicName, "/ns/NodeName/bar"},
		{"~/foo:=bar", "/ns", "NodeName", "/ns/NodeName/foo", TopicName, "/ns/bar"},
		{"Node1:/foo:=/bar", "/", "Node1", "/foo", TopicName, "/bar"},
		{"Node1:/foo:=/bar", "/", "Node2", "/foo", TopicName, "/foo"},
		{"/Node4:/foo:=/bar/foo", "/", "Node4", "/foo", TopicName, "/bar/foo"},
		{"/ns1/Node5:/foo:=/bar/foo", "/ns1", "Node5", "/foo", TopicName, "/bar/foo"},
		{"/ns1/Node5:/foo:=/bar/foo", "/ns2", "Node5", "/foo", TopicName, "/foo"},
		{"rostopic://foo:=bar", "/", "n", "/foo", TopicName, "/bar"},
		{"rostopic://foo:=bar", "/", "n", "/foo", ServiceName, "/foo"},
		{"rosservice:///foo:=bar", "/", "n", "/foo", ServiceName, "/bar"},
		{"n:rosservice:///foo:=bar", "/", "n", "/foo", ServiceName, "/bar"},
		{"n:rosservice:///foo:=bar", "/", "m", "/foo", ServiceName, "/foo"},
	} {
		n := FullName{Namespace: c.ns, Name: c.node}
		full, err := n.Expand(c.name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseRules(t, c.rule).remap(n, full, c.kind)
		if err != nil || got != c.want {
			t.Errorf("%s on %s: %q, %v, want %q", c.rule, c.name, got, err, c.want)
		}
	}
	chain := parseRules(t, "a:=b", "b:=c", "a:=d")
	if got, _ := chain.remap(FullName{"/", "n"}, "/a", TopicName); got != "/b" {
		t.Errorf("rules do not chain and the first wins: %q", got)
	}
}

func TestBadRules(t *testing.T) {
	for _, r := range []string{"", ":=", "a", "a=b", ":=b", "a:=", "n::=b", ":a:=b", "__node:=", "__node:=a/b", "__ns:=/a/", "__ns://a", "a b:=c", "a:=b c", "n:rostopic://:=x"} {
		if m, err := ParseRemap(r); err == nil {
			t.Errorf("%q was read as %+v", r, m)
		}
	}
}

func TestParseArgs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(file, []byte("arm:\n  ros__parameters: {rate_hz: 50}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, rest, err := ParseArgs([]string{
		"-r", "mine", "--ros-args", "-r", "foo:=bar", "--remap", "__ns:=/x", "-p", "a.b:=[1, 2]", "--param", "arm:c:=", "--params-file", file,
		"--log-level", "warn", "--log-level", "arm:=DEBUG", "--", "-p", "--ros-args", "-p", "d:=':='",
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"-r", "mine", "-p"}; !slices.Equal(rest, want) {
		t.Errorf("rest %q, want %q", rest, want)
	}
	want := Args{
		Remaps: []Remap{{From: "foo", To: "bar"}, {From: "__ns", To: "/x"}},
		Params: []ParamOverride{
			{Name: "a.b", Value: Value{Kind: IntegerArray, Ints: []int64{1, 2}}, Origin: "-p a.b:=[1, 2]"},
			{Node: "arm", Name: "c", Value: StringValue(""), Origin: "--param arm:c:="},
			{Node: "arm", Name: "rate_hz", Value: IntValue(50), Origin: file + ":2"},
			{Name: "d", Value: StringValue(":="), Origin: "-p d:=':='"},
		},
		Levels: []Level{{Level: zerolog.WarnLevel}, {Node: "arm", Level: zerolog.DebugLevel}},
	}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("read\n%+v\nwant\n%+v", a, want)
	}
	for node, level := range map[string]zerolog.Level{"arm": zerolog.DebugLevel, "base": zerolog.WarnLevel} {
		if got, ok := a.logLevel(FullName{"/", node}); !ok || got != level {
			t.Errorf("level of %s: %v, %v", node, got, ok)
		}
	}
}

func TestBadArgs(t *testing.T) {
	big := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(big, []byte("# "+strings.Repeat("x", maxParamFile)), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, argv := range map[string][]string{
		`unknown argument "--enclave"`:     {"--ros-args", "--enclave", "/x"},
		"-p needs a value":                 {"--ros-args", "-p"},
		"write it as name:=value":          {"--ros-args", "-p", "rate=3"},
		"is not YAML":                      {"--ros-args", "-p", "rate:={"},
		`node pattern "a b"`:               {"--ros-args", "-p", "a b:rate:=1"},
		"no such file":                     {"--ros-args", "--params-file", "/nonexistent.yaml"},
		"is no parameter file":             {"--ros-args", "--params-file", big},
		`level "loud" is none of`:          {"--ros-args", "--log-level", "loud"},
		"invalid name: \"a b\"":            {"--ros-args", "-r", "a b:=c"},
		"the value is missing; write ''":   {"--ros-args", "-p", "rate:=null"},
		"does not fit 64 bits":             {"--ros-args", "-p", "rate:=18446744073709551615"},
		"element 1 of the sequence is of":  {"--ros-args", "-p", "rate:=[1, 2.5]"},
		"element 0 of a sequence is not a": {"--ros-args", "-p", "rate:=[[1]]"},
	} {
		if _, _, err := ParseArgs(argv); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want …%s…", argv, err, want)
		}
	}
}

func TestUseSimTime(t *testing.T) {
	set := func(node string, v Value) ParamOverride {
		return ParamOverride{Node: node, Name: "use_sim_time", Value: v}
	}
	for _, c := range []struct {
		params []ParamOverride
		want   bool
		bad    bool
	}{
		{nil, false, false},
		{[]ParamOverride{set("/**", BoolValue(true))}, true, false},
		{[]ParamOverride{set("/**", BoolValue(true)), set("arm", BoolValue(false))}, false, false},
		{[]ParamOverride{set("base", BoolValue(true))}, false, false},
		{[]ParamOverride{set("", StringValue("yes"))}, false, true},
	} {
		got, err := Args{Params: c.params}.UseSimTime("arm")
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("%v: %v, %v", c.params, got, err)
		}
	}
}

// FuzzParseArgs: any command line is read or refused; what is read is usable.
func FuzzParseArgs(f *testing.F) {
	for _, s := range []string{"--ros-args -r a:=b -p x:=1", "--ros-args -r n:rostopic://a:=~/b --", "a --ros-args --log-level x:=info -- b", "--ros-args -p n:x:=[a, b] -r __ns:=x"} {
		f.Add(strings.ReplaceAll(s, " ", "\x00"))
	}
	f.Fuzz(func(t *testing.T, line string) {
		argv := strings.Split(line, "\x00")
		if slices.Contains(argv, "--params-file") { // opens what it names
			return
		}
		a, rest, err := ParseArgs(argv)
		if err != nil {
			return
		}
		if len(rest) > len(argv) {
			t.Errorf("%d of %d arguments left", len(rest), len(argv))
		}
		for _, p := range a.Params {
			if p.Name == "" || p.Value.Kind == NotSet {
				t.Errorf("parameter %+v", p)
			}
		}
		n, err := a.nodeName("node")
		if err == nil {
			err = ValidateNamespace(n.Namespace)
		}
		if err != nil {
			return // a rule may make a name that is too long together
		}
		full, err := n.Expand("topic")
		if err != nil {
			return
		}
		if got, err := a.remap(n, full, TopicName); err == nil && validatePath(got, maxTopicName) != nil {
			t.Errorf("%q remaps to %q", argv, got)
		}
	})
}
