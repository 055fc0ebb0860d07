package launch

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// The types of plain scalars are those of YAML 1.1 as PyYAML resolves them
// (yaml.org/type: bool, int, float, null, timestamp, merge, value), because
// ros2 launch reads its files so: on, off, yes and no are booleans, 010 is
// eight, 1:30 is ninety, and 1e5 is a string.
var (
	reBool  = regexp.MustCompile(`^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$`)
	reNull  = regexp.MustCompile(`^(?:~|null|Null|NULL|)$`)
	reInt   = regexp.MustCompile(`^[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	reFloat = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	reTime  = regexp.MustCompile(`^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?)$`)
	// What PyYAML takes for a string and ROS 2's own reader of parameters, or a person, for something else.
	reAmbiguous = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+|[-+]?\.[0-9]+(?:[eE][-+]?[0-9]+)?|[-+]\.[0-9].*|[-+]?0[0-9]+|[-+]?0o[0-7]+|[-+]?\.?(?:nan|NaN|NAN|inf|Inf|INF)|y|Y|n|N)$`)
)

// resolvePlain gives the value of a plain scalar.
func resolvePlain(text string) (Value, error) {
	switch {
	case reNull.MatchString(text):
		return Value{}, fmt.Errorf("the value is missing (YAML null): write '' for an empty string")
	case reBool.MatchString(text):
		return boolValue(isTrue(text)), nil
	case reInt.MatchString(text):
		i, err := parseInt11(text)
		return intValue(i), err
	case reFloat.MatchString(text):
		f, err := parseFloat11(text)
		return floatValue(f), err
	case reTime.MatchString(text):
		return Value{}, fmt.Errorf("%s is a date to YAML: write it in quotes", text)
	case text == "<<" || text == "=":
		return Value{}, fmt.Errorf("%s has a meaning of its own in YAML: write it in quotes", text)
	}
	return stringValue(text), nil
}

// ambiguous refuses a plain scalar that would be a string here and a number or
// boolean to the node that reads it.
func ambiguous(n *yaml.Node) error {
	if isPlain(n) && reAmbiguous.MatchString(n.Value) {
		if v, err := resolvePlain(n.Value); err == nil && v.Kind == String {
			return fmt.Errorf("%s is a string to ros2 launch and something else to ROS 2's parameter reader: write a number with point and sign of the exponent (1.0e+5), a boolean as true or false, a string in quotes", n.Value)
		}
	}
	return nil
}

func isPlain(n *yaml.Node) bool {
	return n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) == 0
}

func isTrue(text string) bool {
	switch strings.ToLower(text) {
	case "yes", "true", "on":
		return true
	}
	return false
}

func parseInt11(text string) (int64, error) {
	s := strings.ReplaceAll(text, "_", "")
	sign := int64(1)
	switch s[0] {
	case '-':
		sign, s = -1, s[1:]
	case '+':
		s = s[1:]
	}
	if strings.Contains(s, ":") {
		total := int64(0)
		for part := range strings.SplitSeq(s, ":") {
			d, err := strconv.ParseInt(part, 10, 64)
			if err != nil || total > (math.MaxInt64-d)/60 {
				return 0, fmt.Errorf("integer %s does not fit 64 bits", text)
			}
			total = total*60 + d
		}
		return sign * total, nil
	}
	base := 10
	switch {
	case strings.HasPrefix(s, "0b"):
		base, s = 2, s[2:]
	case strings.HasPrefix(s, "0x"):
		base, s = 16, s[2:]
	case len(s) > 1 && s[0] == '0':
		base, s = 8, s[1:]
	}
	u, err := strconv.ParseUint(s, base, 64)
	switch {
	case err == nil && sign > 0 && u <= math.MaxInt64:
		return int64(u), nil
	case err == nil && sign < 0 && u <= 1<<63:
		return -int64(u), nil
	}
	return 0, fmt.Errorf("integer %s does not fit 64 bits", text)
}

func parseFloat11(text string) (float64, error) {
	s := strings.ToLower(strings.ReplaceAll(text, "_", ""))
	switch strings.TrimLeft(s, "+-") {
	case ".inf":
		if s[0] == '-' {
			return math.Inf(-1), nil
		}
		return math.Inf(1), nil
	case ".nan":
		return math.NaN(), nil
	}
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		neg := s[0] == '-'
		total := 0.0
		for part := range strings.SplitSeq(strings.TrimLeft(s, "+-"), ":") {
			d, err := strconv.ParseFloat(part, 64)
			if err != nil {
				return 0, fmt.Errorf("%s is not a number", text)
			}
			total = total*60 + d
		}
		if neg {
			total = -total
		}
		return total, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is not a number that fits 64 bits", text)
	}
	return f, nil
}

// scalarValue gives the value of a scalar node by its style and tag.
func scalarValue(n *yaml.Node) (Value, error) {
	if isPlain(n) {
		return resolvePlain(n.Value)
	}
	if n.Style&yaml.TaggedStyle == 0 {
		return stringValue(n.Value), nil
	}
	switch n.ShortTag() {
	case "!!str":
		return stringValue(n.Value), nil
	case "!!int", "!!float", "!!bool":
		v, err := resolvePlain(n.Value)
		if err == nil && "!!"+v.Kind.String() != n.ShortTag() {
			err = fmt.Errorf("%s is not of type %s", n.Value, n.ShortTag())
		}
		return v, err
	}
	return Value{}, fmt.Errorf("unknown YAML tag %s", n.Tag)
}

// pythonInt reads what Python's int() takes in base 10.
func pythonInt(text string) (int64, bool) {
	s, ok := pythonDigits(text)
	if !ok {
		return 0, false
	}
	i, err := strconv.ParseInt(s, 10, 64)
	return i, err == nil
}

// pythonFloat reads what Python's float() takes.
func pythonFloat(text string) (float64, bool) {
	s, ok := pythonDigits(text)
	if !ok || strings.ContainsAny(s, "xXpP") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// pythonDigits trims space and removes single underscores between digits.
func pythonDigits(text string) (string, bool) {
	s := strings.TrimSpace(text)
	for i := range len(s) {
		if s[i] == '_' && (i == 0 || i+1 == len(s) || !isDigit(s[i-1]) || !isDigit(s[i+1])) {
			return "", false
		}
	}
	return strings.ReplaceAll(s, "_", ""), true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
