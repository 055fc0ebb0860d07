package launch

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Kind is the type of a parameter's value.
type Kind uint8

const (
	Bool Kind = iota + 1
	Int
	Float
	String
)

// String is YAML's name of the type.
func (k Kind) String() string {
	switch k {
	case Bool:
		return "bool"
	case Int:
		return "int"
	case Float:
		return "float"
	case String:
		return "str"
	}
	return "no type"
}

// Value is a parameter's value: a scalar, or with List a list of scalars of one
// Kind. The field of its Kind holds it.
type Value struct {
	Kind    Kind
	List    bool
	Bool    bool
	Int     int64
	Float   float64
	Str     string
	Bools   []bool
	Ints    []int64
	Floats  []float64
	Strings []string
}

func boolValue(v bool) Value     { return Value{Kind: Bool, Bool: v} }
func intValue(v int64) Value     { return Value{Kind: Int, Int: v} }
func floatValue(v float64) Value { return Value{Kind: Float, Float: v} }
func stringValue(v string) Value { return Value{Kind: String, Str: v} }

// typeName is the name that a launch file writes for the type.
func (v Value) typeName() string {
	if v.List {
		return "list_of_" + v.Kind.String()
	}
	return v.Kind.String()
}

// String is YAML that every reader of ROS 2 reads back as the same value and type.
func (v Value) String() string {
	if !v.List {
		return v.scalar()
	}
	var parts []string
	for _, e := range v.elements() {
		parts = append(parts, e.scalar())
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func (v Value) elements() []Value {
	var out []Value
	for _, b := range v.Bools {
		out = append(out, boolValue(b))
	}
	for _, i := range v.Ints {
		out = append(out, intValue(i))
	}
	for _, f := range v.Floats {
		out = append(out, floatValue(f))
	}
	for _, s := range v.Strings {
		out = append(out, stringValue(s))
	}
	return out
}

func (v Value) scalar() string {
	switch v.Kind {
	case Bool:
		return strconv.FormatBool(v.Bool)
	case Int:
		return strconv.FormatInt(v.Int, 10)
	case Float:
		return formatFloat(v.Float)
	}
	return quoteYAML(v.Str)
}

func formatFloat(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return ".inf"
	case math.IsInf(f, -1):
		return "-.inf"
	case math.IsNaN(f):
		return ".nan"
	}
	s := strconv.FormatFloat(f, 'g', -1, 64)
	mantissa, exponent, scientific := strings.Cut(s, "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	if scientific {
		return mantissa + "e" + exponent
	}
	return mantissa
}

// quoteYAML writes a double-quoted YAML scalar.
func quoteYAML(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// list makes a list of scalars of one type.
func list(items []Value) (Value, error) {
	if len(items) == 0 {
		return Value{}, fmt.Errorf("an empty list has no type in ROS 2: leave the parameter out")
	}
	v := Value{Kind: items[0].Kind, List: true}
	for i, e := range items {
		if e.List {
			return Value{}, fmt.Errorf("a parameter can't be a list of lists")
		}
		if e.Kind != v.Kind {
			return Value{}, fmt.Errorf("element %d of the list is of type %v, those before it are of type %v: a list has one type", i, e.Kind, v.Kind)
		}
		switch e.Kind {
		case Bool:
			v.Bools = append(v.Bools, e.Bool)
		case Int:
			v.Ints = append(v.Ints, e.Int)
		case Float:
			v.Floats = append(v.Floats, e.Float)
		case String:
			v.Strings = append(v.Strings, e.Str)
		}
	}
	return v, nil
}

// parseYAMLValue reads text that a substitution yielded as ros2 launch does: a
// YAML scalar or a list of scalars of one type; no text is an empty string.
func parseYAMLValue(text string) (Value, error) {
	if text == "" {
		return stringValue(""), nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return Value{}, fmt.Errorf("%q is not YAML (%s): with type: str it is text", text, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(doc.Content) == 0 {
		return Value{}, fmt.Errorf("%q is nothing to YAML: with type: str it is text", text)
	}
	switch n := doc.Content[0]; n.Kind {
	case yaml.ScalarNode:
		return parameterScalar(n)
	case yaml.SequenceNode:
		var items []Value
		for _, c := range n.Content {
			if c.Kind != yaml.ScalarNode {
				return Value{}, fmt.Errorf("%q is a list of something else than scalars", text)
			}
			v, err := parameterScalar(c)
			if err != nil {
				return Value{}, err
			}
			items = append(items, v)
		}
		return list(items)
	}
	return Value{}, fmt.Errorf("%q is a YAML mapping, and a parameter is a scalar or a list: with type: str it is text", text)
}

func parameterScalar(n *yaml.Node) (Value, error) {
	if err := ambiguous(n); err != nil {
		return Value{}, err
	}
	return scalarValue(n)
}

// coerce makes a value of the wanted type from text that a substitution yielded.
func coerce(text string, want valueType) (Value, error) {
	if want.any {
		return parseYAMLValue(text)
	}
	switch want.kind {
	case String:
		return stringValue(text), nil
	case Int:
		if i, ok := pythonInt(text); ok {
			return intValue(i), nil
		}
	case Float:
		if f, ok := pythonFloat(text); ok {
			return floatValue(f), nil
		}
	case Bool:
		if reBool.MatchString(strings.TrimSpace(text)) {
			return boolValue(isTrue(strings.TrimSpace(text))), nil
		}
	}
	return Value{}, fmt.Errorf("%q is not of type %v", text, want.kind)
}

// valueType is the type attribute of a param.
type valueType struct {
	any  bool // no type, or yaml: what the value is
	kind Kind
	list bool
}

var valueTypes = map[string]valueType{
	"yaml": {any: true},
	"str":  {kind: String}, "bool": {kind: Bool}, "int": {kind: Int}, "float": {kind: Float},
	"list_of_str": {kind: String, list: true}, "list_of_bool": {kind: Bool, list: true},
	"list_of_int": {kind: Int, list: true}, "list_of_float": {kind: Float, list: true},
}
