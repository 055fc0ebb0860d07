package msgs

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A reader of the ROS 2 interface language, strict: what rosidl refuses, it
// refuses, and what one of rosidl's target languages trips over. The rules are
// those of https://docs.ros.org/en/humble/Concepts/Basic/About-Interfaces.html
// and of rosidl_adapter.

type rosidlInterface struct {
	fields    []rosidlField
	constants []rosidlConstant
}

type rosidlField struct {
	typ     string // with the package: cobot_vla/View[]
	name    string
	comment string // behind the field on its line
}

type rosidlConstant struct {
	typ, name, value string
}

var (
	messageName  = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
	fieldName    = regexp.MustCompile(`^[a-z](_?[a-z0-9]+)*$`)
	constantName = regexp.MustCompile(`^[A-Z](_?[A-Z0-9]+)*$`)
	fieldType    = regexp.MustCompile(`^([a-z][a-z0-9_]*/)?([A-Za-z0-9]+)(<=[1-9][0-9]*)?(\[(<=)?[1-9][0-9]*\]|\[\])?$`)
	constantLine = regexp.MustCompile(`^([A-Za-z0-9_]+)\s*=\s*(.+)$`)
)

var primitives = strings.Fields("bool byte char float32 float64 int8 uint8 int16 uint16 int32 uint32 int64 uint64 string wstring")

// reserved are the keywords of C, C++ and Python that a field of that name would
// be in generated code.
var reserved = strings.Fields(`
	alignas alignof and asm assert async auto await bool break case catch char class const constexpr continue decltype def
	default del delete do double elif else enum except explicit export extern false finally float for friend from global goto
	if import in inline int is lambda long mutable namespace new noexcept nonlocal not nullptr operator or pass private
	protected public raise register restrict return short signed sizeof static struct switch template this throw true try
	typedef typeid typename union unsigned using virtual void volatile while with xor yield`)

// parseMessage reads a .msg file, or half a .srv file, of a package.
func parseMessage(pkg, text string) (rosidlInterface, error) {
	var m rosidlInterface
	names := map[string]bool{}
	for i, line := range strings.Split(text, "\n") {
		if err := m.parseLine(pkg, line, names); err != nil {
			return rosidlInterface{}, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return m, nil
}

func (m *rosidlInterface) parseLine(pkg, line string, names map[string]bool) error {
	if strings.ContainsAny(line, "\t\r") || line != strings.TrimRight(line, " ") {
		return errors.New("tab, carriage return or space at the end")
	}
	code, comment, _ := strings.Cut(line, "#")
	code, comment = strings.TrimSpace(code), strings.TrimSpace(comment)
	if code == "" {
		return nil
	}
	typ, rest, ok := strings.Cut(code, " ")
	if rest = strings.TrimSpace(rest); !ok || rest == "" {
		return fmt.Errorf("%q is not a type and a name", code)
	}
	typ, err := parseType(pkg, typ)
	if err != nil {
		return err
	}
	if c := constantLine.FindStringSubmatch(rest); c != nil {
		rest = c[1]
		m.constants = append(m.constants, rosidlConstant{typ, c[1], c[2]})
		err = checkConstant(typ, c[1], c[2])
	} else {
		m.fields = append(m.fields, rosidlField{typ, rest, comment})
		err = checkField(rest)
	}
	if err == nil && names[rest] {
		err = fmt.Errorf("%s is there twice", rest)
	}
	names[rest] = true
	return err
}

// parseType gives a nested type its package.
func parseType(pkg, typ string) (string, error) {
	p := fieldType.FindStringSubmatch(typ)
	if p == nil {
		return "", fmt.Errorf("%q is not a type", typ)
	}
	of, name, bound := p[1], p[2], p[3]
	switch {
	case bound != "" && name != "string" && name != "wstring":
		return "", fmt.Errorf("%q: only a string has a bound of its own", typ)
	case of == "" && slices.Contains(primitives, name):
		return typ, nil
	case !messageName.MatchString(name):
		return "", fmt.Errorf("%q is neither a primitive nor a message's name", typ)
	case of == "":
		return pkg + "/" + typ, nil
	case !fieldName.MatchString(strings.TrimSuffix(of, "/")):
		return "", fmt.Errorf("%q: not a package's name", typ)
	}
	return typ, nil
}

func checkField(name string) error {
	switch {
	case !fieldName.MatchString(name):
		return fmt.Errorf("field %q is not in snake case", name)
	case slices.Contains(reserved, name):
		return fmt.Errorf("field %q is a keyword", name)
	}
	return nil
}

func checkConstant(typ, name, value string) error {
	if !constantName.MatchString(name) {
		return fmt.Errorf("constant %q is not in upper case", name)
	}
	var err error
	switch {
	case typ == "string":
		if len(value) < 2 || value[0] != value[len(value)-1] || !strings.Contains(`"'`, value[:1]) {
			err = errors.New("not in quotes")
		}
	case typ == "bool":
		if value != "true" && value != "false" {
			err = errors.New("neither true nor false")
		}
	case typ == "byte" || typ == "char":
		_, err = strconv.ParseUint(value, 0, 8)
	case strings.HasPrefix(typ, "uint") && !strings.Contains(typ, "["):
		_, err = strconv.ParseUint(value, 0, bits(typ))
	case strings.HasPrefix(typ, "int") && !strings.Contains(typ, "["):
		_, err = strconv.ParseInt(value, 0, bits(typ))
	case strings.HasPrefix(typ, "float") && !strings.Contains(typ, "["):
		_, err = strconv.ParseFloat(value, bits(typ))
	default:
		err = errors.New("no constant has this type")
	}
	if err != nil {
		return fmt.Errorf("constant %s %s = %s: %w", typ, name, value, err)
	}
	return nil
}

func bits(typ string) int {
	n, _ := strconv.Atoi(strings.TrimLeft(typ, "uintfloa"))
	return n
}

// parseService reads a .srv file.
func parseService(pkg, text string) (request, response rosidlInterface, err error) {
	halves := strings.Split("\n"+text, "\n---\n")
	if len(halves) != 2 {
		return request, response, fmt.Errorf("%d lines of three dashes, want one", len(halves)-1)
	}
	if request, err = parseMessage(pkg, halves[0]); err != nil {
		return request, response, err
	}
	response, err = parseMessage(pkg, halves[1])
	return request, response, err
}

func TestParseMessage(t *testing.T) {
	got, err := parseMessage("p", `# A comment.

uint8 ONE=1  # why
int16 LOW_BOUND = -32768
string NAME="a b"
bool YES=true
float32 HALF=0.5
View[] views  # each
other_pkg/Thing[<=3] things
float64[9] k
string<=5[] short_names
byte level
`)
	if err != nil {
		t.Fatal(err)
	}
	wantFields := []rosidlField{
		{"p/View[]", "views", "each"}, {"other_pkg/Thing[<=3]", "things", ""}, {"float64[9]", "k", ""},
		{"string<=5[]", "short_names", ""}, {"byte", "level", ""},
	}
	wantConstants := []rosidlConstant{
		{"uint8", "ONE", "1"}, {"int16", "LOW_BOUND", "-32768"}, {"string", "NAME", `"a b"`}, {"bool", "YES", "true"}, {"float32", "HALF", "0.5"},
	}
	if !slices.Equal(got.fields, wantFields) || !slices.Equal(got.constants, wantConstants) {
		t.Errorf("parsed %+v", got)
	}
}

func TestParseMessageRefuses(t *testing.T) {
	tests := []struct{ text, message string }{
		{"uint8", `line 1: "uint8" is not a type and a name`},
		{"\nuint8 Name", `line 2: field "Name" is not in snake case`},
		{"uint8 a__b", "not in snake case"},
		{"uint8 a_", "not in snake case"},
		{"uint8 1a", "not in snake case"},
		{"uint8 class", `field "class" is a keyword`},
		{"uint8 a\nuint8 a", "line 2: a is there twice"},
		{"uint8 a b", "not in snake case"}, // a default value, which none of ours has
		{"uint9 a", `"uint9" is neither a primitive nor a message's name`},
		{"time a", "neither a primitive nor a message's name"}, // ROS 1
		{"Header[0] a", "is not a type"},
		{"uint8[<=] a", "is not a type"},
		{"uint8<=3 a", "only a string has a bound of its own"},
		{"std_msgs/header a", "neither a primitive nor a message's name"},
		{"std__msgs/Header a", "not a package's name"},
		{"std_msgs/msg/Header a", "is not a type"},
		{"uint8 low=1", `constant "low" is not in upper case`},
		{"uint8 A__B=1", "not in upper case"},
		{"uint8 A=256", "value out of range"},
		{"uint8 A=-1", "invalid syntax"},
		{"string A=x", "not in quotes"},
		{"bool A=1", "neither true nor false"},
		{"uint8[] A=1", "no constant has this type"},
		{"Header A=1", "no constant has this type"},
		{"uint8\ta", "tab, carriage return or space at the end"},
		{"uint8 a\r\n", "tab, carriage return or space at the end"},
	}
	for _, tc := range tests {
		_, err := parseMessage("p", tc.text)
		if err == nil || !strings.Contains(err.Error(), tc.message) {
			t.Errorf("%q: error %v, want %q", tc.text, err, tc.message)
		}
	}
	for _, text := range []string{"uint8 a\n", "---\n---\n", "--- \n", "uint8 a\n---\nuint8 B\n"} {
		if _, _, err := parseService("p", text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}
