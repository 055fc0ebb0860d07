package rcl

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"
)

func TestParseParams(t *testing.T) {
	got, err := ParseParams("robot.yaml", []byte(`
/**:
  ros__parameters:
    use_sim_time: true
    rate: &fast 200
arm:
  ros__parameters:
    limits:
      left.joint1: [-1, 2]
      margins: [0.1, .5, 1e-3, .inf]
    name: "200"
    path: 2026-01-01
    on_boot: yes
    off: 'no'
    names: [a, "1"]
    flags: [true, false]
    none: []
    again: *fast
    hex: 0x10
    empty: ''
robot:
  left:
    arm:
      ros__parameters: {rate: 1.5}
/*/camera: {ros__parameters: {rate: -3}}
`))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, o := range got {
		lines = append(lines, fmt.Sprintf("%s %s = %s (%v) %s", o.Node, o.Name, o.Value, o.Value.Kind, strings.TrimPrefix(o.Origin, "robot.yaml:")))
	}
	want := []string{
		`/** use_sim_time = true (bool) 4`,
		`/** rate = 200 (integer) 5`,
		`arm limits.left.joint1 = [-1, 2] (integer array) 9`,
		`arm limits.margins = [0.1, 0.5, 0.001, .inf] (double array) 10`,
		`arm name = "200" (string) 11`,
		`arm path = "2026-01-01" (string) 12`,
		`arm on_boot = true (bool) 13`,
		`arm off = "no" (string) 14`,
		`arm names = ["a", "1"] (string array) 15`,
		`arm flags = [true, false] (bool array) 16`,
		`arm none = [] (string array) 17`,
		`arm again = 200 (integer) 18`,
		`arm hex = 16 (integer) 19`,
		`arm empty = "" (string) 20`,
		`robot/left/arm rate = 1.5 (double) 24`,
		`/*/camera rate = -3 (integer) 25`,
	}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("read\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func TestBadParamFiles(t *testing.T) {
	deep := strings.Repeat("{a: ", 40) + "1" + strings.Repeat("}", 40)
	for text, want := range map[string]string{
		"":                              "p.yaml is empty",
		"# nothing":                     "p.yaml is empty",
		"a: [":                          "p.yaml: yaml: ",
		"just text":                     "p.yaml:1: expected a mapping from node names",
		"ros__parameters: {a: 1}":       "p.yaml:1: ros__parameters stands below a node name",
		"arm: {rate: 1}":                "p.yaml:1: expected a mapping from node names",
		"arm: {ros__parameters: }":      "p.yaml:1: expected a mapping from parameter names",
		"arm: {ros__parameters: {a: }}": "p.yaml:1: parameter \"a\": rcl: parameter: line 1: the value is missing",
		"arm:\n  ros__parameters:\n    a: 1\n    a: 2":                    `p.yaml:4: parameter "a" of arm is given twice, first in line 3`,
		"arm:\n  ros__parameters:\n    a.b: 1\n    a: {b: 2}":             `p.yaml:4: parameter "a.b" of arm is given twice, first in line 3`,
		"arm: {ros__parameters: {a: 1}}\n/arm: {ros__parameters: {a: 1}}": `p.yaml:2: parameter "a" of /arm is given twice, first in line 1`,
		"arm: {ros__parameters: {a: [1, x]}}":                             "element 1 of the sequence is of type string",
		"arm: {ros__parameters: {a: [1, {b: 2}]}}":                        "element 1 of a sequence is not a scalar",
		"arm: {ros__parameters: {[a]: 1}}":                                "p.yaml:1: expected a name before the colon",
		"arm: {ros__parameters: {'': 1}}":                                 "p.yaml:1: expected a name before the colon",
		"arm: {ros__parameters: {<<: {b: 1}}}":                            "p.yaml:1: expected a name before the colon",
		"'an arm': {ros__parameters: {a: 1}}":                             `node pattern "an arm": part "an arm" is no name, * or **`,
		"/left*: {ros__parameters: {a: 1}}":                               `part "left*" is no name`,
		"arm: {ros__parameters: {a: 1}}\n---\nbase: {}":                   "more than one YAML document",
		"arm: {ros__parameters: " + deep + "}":                            "expected a mapping from parameter names",
		"arm: {ros__parameters: {a: 18446744073709551615}}":               "integer 18446744073709551615 does not fit 64 bits",
	} {
		_, err := ParseParams("p.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want …%s…", text, err, want)
		}
		if err != nil && !errors.Is(err, ErrParameter) {
			t.Errorf("%q: %v is no ErrParameter", text, err)
		}
	}
	if _, err := LoadParams(fstest.MapFS{}, "none.yaml"); err == nil {
		t.Error("a missing file was read")
	}
}

func TestMatchNode(t *testing.T) {
	for _, c := range []struct {
		pattern, node string
		want          bool
	}{
		{"", "/arm", true},
		{"/**", "/arm", true},
		{"/**", "/robot/left/arm", true},
		{"/*", "/arm", true},
		{"/*", "/robot/arm", false},
		{"/arm", "/arm", true},
		{"/arm", "/robot/arm", false},
		{"arm", "/arm", true},
		{"arm", "/robot/arm", true}, // wider than ROS 2, where it is /arm alone
		{"arm", "/robot/forearm", false},
		{"/robot/arm", "/robot/arm", true},
		{"robot/arm", "/robot/arm", true},
		{"/*/arm", "/robot/arm", true},
		{"/*/arm", "/arm", false},
		{"/*/arm", "/a/b/arm", false},
		{"/**/arm", "/arm", true},
		{"/**/arm", "/a/b/arm", true},
		{"/**/arm", "/a/b/base", false},
		{"/robot/**", "/robot/left/arm", true},
		{"/robot/**", "/other/arm", false},
		{"/robot/*/arm", "/robot/left/arm", true},
		{"**", "/a/b", true},
		{"*", "/a", true},
		{"*", "/a/b", false},
		{"/**/a/**/a", "/a/b/a/a", true},
		{"/**/a/*/b", "/a/a/x/b", true},
		{"/**/**", "/a", true},
	} {
		i := strings.LastIndexByte(c.node, '/')
		n := FullName{Namespace: c.node[:max(i, 1)], Name: c.node[i+1:]}
		if got := matchNode(c.pattern, n); got != c.want {
			t.Errorf("%q and %s: %v", c.pattern, n, got)
		}
	}
}

// TestValuesReadBack: what String writes, ParseValue reads.
func TestValuesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		v := rapid.OneOf(
			rapid.Map(rapid.Bool(), BoolValue),
			rapid.Map(rapid.Int64(), IntValue),
			rapid.Map(rapid.Float64(), FloatValue),
			rapid.Map(rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1e21, 1e-7, math.Inf(1), math.Inf(-1), math.MaxFloat64, 5}), FloatValue),
			rapid.Map(text, StringValue),
			rapid.Map(rapid.SampledFrom([]string{"yes", "null", "~", "1", "1.5", "2026-01-01", "", "a: b", "#", "\x00", "\u2028", "\x7f", "\ufeff"}), StringValue),
			rapid.Map(rapid.SliceOfN(rapid.Bool(), 1, 4), func(x []bool) Value { return Value{Kind: BoolArray, Bools: x} }),
			rapid.Map(rapid.SliceOfN(rapid.Int64(), 1, 4), func(x []int64) Value { return Value{Kind: IntegerArray, Ints: x} }),
			rapid.Map(rapid.SliceOfN(rapid.Float64(), 1, 4), func(x []float64) Value { return Value{Kind: DoubleArray, Floats: x} }),
			rapid.Map(rapid.SliceOfN(text, 0, 4), func(x []string) Value { return Value{Kind: StringArray, Strings: x} }),
		).Draw(t, "value")
		got, err := ParseValue(v.String())
		if err != nil || !got.Equal(v) {
			t.Fatalf("%v %s was read as %v %s, %v", v.Kind, v, got.Kind, got, err)
		}
	})
}

// FuzzParseParams: any file is read or refused; what is read names nodes and parameters.
func FuzzParseParams(f *testing.F) {
	for _, s := range []string{
		"/**:\n  ros__parameters:\n    a: 1\n    b: {c: [1.5, .nan]}\n",
		"a: &x {ros__parameters: {b: *x}}",
		"? [a]\n: {ros__parameters: {}}",
		"a: {ros__parameters: {<<: {b: 1}}}",
		"a: {b: {ros__parameters: {c: !!binary x, d: !!str 3, e: 0o17}}}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		params, err := ParseParams("f", data)
		if err != nil {
			return
		}
		for _, p := range params {
			if p.Node == "" || p.Name == "" || p.Value.Kind == NotSet || checkPattern(p.Node) != nil {
				t.Errorf("%+v", p)
			}
			matchNode(p.Node, FullName{"/a/b", "c"})
			back, err := ParseValue(p.Value.String())
			if nan := strings.Contains(p.Value.String(), ".nan"); err != nil || !nan && !back.Equal(p.Value) {
				t.Errorf("%s was read back as %s, %v", p.Value, back, err)
			}
		}
	})
}
