package msgs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The .msg and .srv files, from which rosidl generates what other nodes speak,
// and the Go structs, which this program speaks, are one set of interfaces.
func TestFilesAreTheStructs(t *testing.T) {
	comments := fieldComments(t)
	inFiles := interfaceFiles(t)
	for _, name := range TypeNames() {
		if _, ok := inFiles[name]; !ok && strings.HasPrefix(name, "cobot_vla/") {
			t.Errorf("%s has no file", name)
		}
	}
	for name, in := range inFiles {
		m, ok := New(name)
		if !ok {
			t.Errorf("%s has no struct", name)
			continue
		}
		want := structFields(m)
		for i := range want {
			want[i].comment = comments[reflect.TypeOf(m).Elem().Name()+"."+want[i].name]
		}
		if !slices.Equal(in.fields, want) {
			t.Errorf("%s: the file has\n%q\nthe struct\n%q", name, in.fields, want)
		}
	}
}

func TestFilesNameKnownTypes(t *testing.T) {
	for name, in := range interfaceFiles(t) {
		for _, f := range in.fields {
			if nested, ok := nestedType(f.typ); ok {
				if _, ok := New(nested); !ok {
					t.Errorf("%s.%s: there is no %s", name, f.name, nested)
				}
			}
		}
	}
}

func TestConstantsAreTheFiles(t *testing.T) {
	inGo := map[string]string{}
	for _, decl := range parseFile(t, "constants.go").Decls {
		for _, spec := range decl.(*ast.GenDecl).Specs {
			c := spec.(*ast.ValueSpec)
			typ, ok := c.Type.(*ast.Ident)
			if !ok { // the sources' names are no constants of the interfaces
				continue
			}
			inGo[c.Names[0].Name] = typ.Name + " " + c.Values[0].(*ast.BasicLit).Value
		}
	}
	used := map[string]bool{}
	for name, in := range interfaceFiles(t) {
		for _, c := range in.constants {
			goName := camel(c.name)
			used[goName] = true
			if got, want := inGo[goName], c.typ+" "+c.value; got != want {
				t.Errorf("%s.%s is %s in its file, and %s is %q in Go", name, c.name, want, goName, got)
			}
		}
	}
	for goName := range inGo {
		if !used[goName] && !strings.HasPrefix(goName, "Diag") {
			t.Errorf("%s is in no file", goName)
		}
	}
}

func TestDefinition(t *testing.T) {
	const rule = "\n================================================================================\nMSG: "
	for _, name := range TypeNames() {
		t.Run(strings.ReplaceAll(name, "/", "."), func(t *testing.T) {
			m, _ := New(name)
			sections := strings.Split("\n"+Definition(m), rule)
			defined := map[string]bool{}
			var needed []string
			for i, section := range sections {
				typeName, text := name, section
				if i > 0 {
					short, rest, _ := strings.Cut(section, "\n")
					typeName, text = strings.Replace(short, "/", "/msg/", 1), rest
				}
				of, ok := New(typeName)
				if !ok || defined[typeName] {
					t.Fatalf("section of %q, unknown or there already", typeName)
				}
				defined[typeName] = true
				pkg, _, _ := strings.Cut(typeName, "/")
				parsed, err := parseMessage(pkg, text)
				if err != nil {
					t.Fatalf("%s: %v in\n%s", typeName, err, text)
				}
				for i := range parsed.fields {
					parsed.fields[i].comment = ""
				}
				if want := structFields(of); !slices.Equal(parsed.fields, want) {
					t.Errorf("%s: defined as\n%q\nthe struct has\n%q", typeName, parsed.fields, want)
				}
				for _, f := range parsed.fields {
					if nested, ok := nestedType(f.typ); ok {
						needed = append(needed, nested)
					}
				}
			}
			for _, n := range needed {
				if !defined[n] {
					t.Errorf("%s is needed and not defined", n)
				}
			}
			if slices.Sort(needed); len(slices.Compact(needed)) < len(defined)-1 {
				t.Errorf("needed are %q, defined %v", needed, defined)
			}
		})
	}
}

func TestDefinitionText(t *testing.T) {
	rule := strings.Repeat("=", 80)
	tests := []struct {
		m    Message
		want string
	}{
		{&Trigger_Request{}, ""},
		{&Acquire_Request{}, `# A source asks the supervisor for parts of the robot; parts 0 gives them back.
string source
uint8 parts
`},
		{&Acquire_Response{}, "bool granted\nstring reason\n"},
		{&DiagnosticArray{}, `std_msgs/Header header
diagnostic_msgs/DiagnosticStatus[] status
` + rule + `
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
` + rule + `
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
` + rule + `
MSG: diagnostic_msgs/DiagnosticStatus
byte level
string name
string message
string hardware_id
diagnostic_msgs/KeyValue[] values
` + rule + `
MSG: diagnostic_msgs/KeyValue
string key
string value
`},
		{&Authority{}, `# Who may move what; published by the supervisor at 20 Hz.
uint8 ARMS=1
uint8 BASE=2

std_msgs/Header header
uint64 sequence
string source  # none, policy, teleop, replay or external
uint8 parts  # bit set of ARMS and BASE
bool estop  # latched; released only by the supervisor's service
string reason
` + rule + `
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
` + rule + `
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
`},
	}
	for _, tc := range tests {
		if got := Definition(tc.m); got != tc.want {
			t.Errorf("%s is defined as\n%s\nwant\n%s", tc.m.TypeName(), got, tc.want)
		}
	}
}

func TestRosidlName(t *testing.T) {
	for name, want := range map[string]string{
		"X": "x", "K": "k", "Data": "data", "FrameID": "frame_id", "ID": "id", "GoalID": "goal_id", "HardwareID": "hardware_id",
		"XOffset": "x_offset", "MaxAge": "max_age", "IsBigendian": "is_bigendian", "ChildFrameID": "child_frame_id",
	} {
		if got := rosidlName(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// interfaceFiles are the parsed files, by the name of the interface or its half.
func interfaceFiles(t *testing.T) map[string]rosidlInterface {
	t.Helper()
	parsed := map[string]rosidlInterface{}
	paths, err := fs.Glob(files, "*/*")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d files embedded: %v", len(paths), err)
	}
	for _, path := range paths {
		text, err := fs.ReadFile(files, path)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 0 && text[len(text)-1] != '\n' {
			t.Errorf("%s does not end its last line", path)
		}
		name, kind, _ := strings.Cut(path, ".")
		if base := name[len(kind)+1:]; !strings.HasPrefix(name, kind+"/") || !messageName.MatchString(base) {
			t.Errorf("%s: no name for an interface", path)
		}
		name = "cobot_vla/" + name
		if kind == "msg" {
			parsed[name], err = parseMessage("cobot_vla", string(text))
		} else {
			parsed[name+"_Request"], parsed[name+"_Response"], err = parseService("cobot_vla", string(text))
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	return parsed
}

// structFields are what a file of the message would have, by a mapping of its
// own: rosidlType must agree with it.
func structFields(m Message) []rosidlField {
	var fields []rosidlField
	t := reflect.TypeOf(m).Elem()
	for i := range t.NumField() {
		f := t.Field(i)
		suffix, elem := "", f.Type
		switch elem.Kind() {
		case reflect.Slice:
			suffix, elem = "[]", elem.Elem()
		case reflect.Array:
			suffix, elem = fmt.Sprintf("[%d]", elem.Len()), elem.Elem()
		}
		typ := elem.Name()
		if nested, ok := reflect.New(elem).Interface().(Message); ok {
			typ = strings.Replace(nested.TypeName(), "/msg/", "/", 1)
		}
		if tag := f.Tag.Get("rosidl"); strings.HasPrefix(tag, "byte") && typ == "uint8" {
			typ = "byte"
		} else if strings.HasPrefix(tag, typ+"[<=") {
			suffix = tag[len(typ):]
		}
		fields = append(fields, rosidlField{typ: typ + suffix, name: rosidlName(f.Name)})
	}
	return fields
}

// nestedType is the message that a field's type names, if any.
func nestedType(typ string) (string, bool) {
	typ, _, _ = strings.Cut(typ, "[")
	pkg, name, ok := strings.Cut(typ, "/")
	return pkg + "/msg/" + name, ok
}

// fieldComments are the comments behind our structs' fields, by struct and name
// of the field in the interface language.
func fieldComments(t *testing.T) map[string]string {
	t.Helper()
	comments := map[string]string{}
	for _, path := range []string{"cobot_vla.go", "cobot_vla_srv.go"} {
		ast.Inspect(parseFile(t, path), func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			for _, f := range spec.Type.(*ast.StructType).Fields.List {
				comments[spec.Name.Name+"."+rosidlName(f.Names[0].Name)] = strings.TrimSpace(f.Comment.Text())
			}
			return false
		})
	}
	return comments
}

func parseFile(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// camel is a constant's name in Go: TURN_LEFT is TurnLeft.
func camel(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "_") {
		b.WriteString(word[:1] + strings.ToLower(word[1:]))
	}
	return b.String()
}
