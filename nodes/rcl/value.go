package rcl

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Kind is a parameter's type, numbered as rcl_interfaces/msg/ParameterType.
type Kind uint8

const (
	NotSet Kind = iota
	Bool
	Integer
	Double
	String
	ByteArray
	BoolArray
	IntegerArray
	DoubleArray
	StringArray
)

// String is the name ROS 2's tools print.
func (k Kind) String() string {
	names := [...]string{"not set", "bool", "integer", "double", "string", "byte array", "bool array", "integer array", "double array", "string array"}
	if int(k) < len(names) {
		return names[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// Value is a parameter's value: the field of its Kind.
type Value struct {
	Kind    Kind
	Bool    bool
	Int     int64
	Float   float64
	Str     string
	Bytes   []byte
	Bools   []bool
	Ints    []int64
	Floats  []float64
	Strings []string
}

// BoolValue, IntValue, FloatValue and StringValue make values.
func BoolValue(v bool) Value     { return Value{Kind: Bool, Bool: v} }
func IntValue(v int64) Value     { return Value{Kind: Integer, Int: v} }
func FloatValue(v float64) Value { return Value{Kind: Double, Float: v} }
func StringValue(v string) Value { return Value{Kind: String, Str: v} }

// String formats the value as YAML would read it back.
func (v Value) String() string {
	switch v.Kind {
	case Bool:
		return strconv.FormatBool(v.Bool)
	case Integer:
		return strconv.FormatInt(v.Int, 10)
	case Double:
		return formatFloat(v.Float)
	case String:
		return strconv.Quote(v.Str)
	case ByteArray:
		return fmt.Sprint(v.Bytes)
	case BoolArray:
		return list(v.Bools, strconv.FormatBool)
	case IntegerArray:
		return list(v.Ints, func(i int64) string { return strconv.FormatInt(i, 10) })
	case DoubleArray:
		return list(v.Floats, formatFloat)
	case StringArray:
		return list(v.Strings, strconv.Quote)
	}
	return "not set"
}

// Equal compares kind and value.
func (v Value) Equal(w Value) bool {
	return v.Kind == w.Kind && v.Bool == w.Bool && v.Int == w.Int && v.Float == w.Float && v.Str == w.Str &&
		slices.Equal(v.Bytes, w.Bytes) && slices.Equal(v.Bools, w.Bools) && slices.Equal(v.Ints, w.Ints) &&
		slices.Equal(v.Floats, w.Floats) && slices.Equal(v.Strings, w.Strings)
}

// numbers are the value's numbers, one or many.
func (v Value) numbers() []float64 {
	switch v.Kind {
	case Integer:
		return []float64{float64(v.Int)}
	case Double:
		return []float64{v.Float}
	case IntegerArray:
		fs := make([]float64, len(v.Ints))
		for i, x := range v.Ints {
			fs[i] = float64(x)
		}
		return fs
	case DoubleArray:
		return v.Floats
	}
	return nil
}

// texts are the value's strings, one or many.
func (v Value) texts() []string {
	switch v.Kind {
	case String:
		return []string{v.Str}
	case StringArray:
		return v.Strings
	}
	return nil
}

func formatFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return ".nan"
	case math.IsInf(f, 1):
		return ".inf"
	case math.IsInf(f, -1):
		return "-.inf"
	}
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

func list[T any](v []T, f func(T) string) string {
	parts := make([]string, len(v))
	for i, x := range v {
		parts[i] = f(x)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// ParseValue reads a value as ROS 2 reads it from a command line or a parameter
// file (rcl_yaml_param_parser): YAML scalars, and sequences of one type.
func ParseValue(text string) (Value, error) {
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		return Value{}, fmt.Errorf("%w: value %q is not YAML: %w", ErrParameter, text, err)
	}
	if len(n.Content) == 0 {
		return StringValue(""), nil
	}
	return valueOf(n.Content[0])
}

func valueOf(n *yaml.Node) (Value, error) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch n.Kind {
	case yaml.ScalarNode:
		return scalar(n)
	case yaml.SequenceNode:
		return sequence(n)
	}
	return Value{}, fmt.Errorf("%w: line %d: a parameter is a scalar or a sequence of scalars", ErrParameter, n.Line)
}

func scalar(n *yaml.Node) (Value, error) {
	switch n.ShortTag() {
	case "!!bool":
		var b bool
		err := n.Decode(&b)
		return BoolValue(b), err
	case "!!int":
		var i int64
		if err := n.Decode(&i); err != nil {
			return Value{}, fmt.Errorf("%w: line %d: integer %s does not fit 64 bits", ErrParameter, n.Line, n.Value)
		}
		return IntValue(i), nil
	case "!!float":
		var f float64
		err := n.Decode(&f)
		return FloatValue(f), err
	case "!!null":
		return Value{}, fmt.Errorf("%w: line %d: the value is missing; write '' for an empty string", ErrParameter, n.Line)
	}
	if n.Style == 0 { // plain: ROS 2 reads YAML 1.1's booleans
		switch n.Value {
		case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON":
			return BoolValue(true), nil
		case "n", "N", "no", "No", "NO", "off", "Off", "OFF":
			return BoolValue(false), nil
		}
	}
	return StringValue(n.Value), nil
}

func sequence(n *yaml.Node) (Value, error) {
	var v Value
	for i, c := range n.Content {
		if c.Kind != yaml.ScalarNode {
			return v, fmt.Errorf("%w: line %d: element %d of a sequence is not a scalar", ErrParameter, c.Line, i)
		}
		e, err := scalar(c)
		if err != nil {
			return v, err
		}
		kind := e.Kind + (BoolArray - Bool)
		if e.Kind != Bool {
			kind = e.Kind + (IntegerArray - Integer)
		}
		if i > 0 && kind != v.Kind {
			return v, fmt.Errorf("%w: line %d: element %d of the sequence is of type %v, those before it make a %v", ErrParameter, c.Line, i, e.Kind, v.Kind)
		}
		v.Kind = kind
		switch e.Kind {
		case Bool:
			v.Bools = append(v.Bools, e.Bool)
		case Integer:
			v.Ints = append(v.Ints, e.Int)
		case Double:
			v.Floats = append(v.Floats, e.Float)
		case String:
			v.Strings = append(v.Strings, e.Str)
		}
	}
	if len(n.Content) == 0 {
		v.Kind = StringArray // ROS 2 can't tell either; Bind accepts it for any array
	}
	return v, nil
}
