package msgs

import (
	"go/ast"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestRegistryHasEveryType(t *testing.T) {
	var inSource []string
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		for _, decl := range parseFile(t, path).Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Name.Name == "TypeName" {
				inSource = append(inSource, f.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name)
			}
		}
	}
	var inRegistry []string
	for _, name := range TypeNames() {
		m, ok := New(name)
		if !ok || m.TypeName() != name {
			t.Fatalf("%s: made %v, %v", name, m, ok)
		}
		if again, _ := New(name); reflect.TypeOf(m).Elem().Size() > 0 && again == m {
			t.Errorf("%s: the same message twice", name)
		}
		inRegistry = append(inRegistry, reflect.TypeOf(m).Elem().Name())
	}
	slices.Sort(inSource)
	slices.Sort(inRegistry)
	if !slices.Equal(inSource, inRegistry) {
		t.Errorf("the package has %q, the registry %q", inSource, inRegistry)
	}
}

// A type's name says its package, whether it's half a service, and its struct.
func TestTypeNames(t *testing.T) {
	names := TypeNames()
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("not sorted, or one twice: %q", names)
	}
	for _, name := range names {
		m, _ := New(name)
		structName := reflect.TypeOf(m).Elem().Name()
		kind := "msg"
		base, isRequest := strings.CutSuffix(structName, "_Request")
		base, isResponse := strings.CutSuffix(base, "_Response")
		if isRequest || isResponse {
			kind = "srv"
			for _, half := range []string{"_Request", "_Response"} {
				if !slices.Contains(names, strings.TrimSuffix(name, structName)+base+half) {
					t.Errorf("%s has no %s", name, half)
				}
			}
		}
		pkg, rest, _ := strings.Cut(name, "/")
		if rest != kind+"/"+structName || !fieldName.MatchString(pkg) {
			t.Errorf("%s is the name of %s", name, structName)
		}
	}
}

func TestNewOfNoType(t *testing.T) {
	for _, name := range []string{"", "sensor_msgs/Image", "sensor_msgs/msg/PointCloud2"} {
		if m, ok := New(name); ok || m != nil {
			t.Errorf("%q made %v", name, m)
		}
	}
}
