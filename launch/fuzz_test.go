package launch

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func FuzzLaunchFile(f *testing.F) {
	good, err := filepath.Glob("testdata/good/*.launch.yaml")
	if err != nil || len(good) == 0 {
		f.Fatal(err, good)
	}
	for _, name := range good {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	bad, err := os.ReadFile("testdata/bad/cases.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range strings.Split("\n"+string(bad), "\n== ")[1:] {
		_, text, _ := strings.Cut(c, "\n")
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		files := overlay{mapped{"/t", os.DirFS("testdata/good")}, "/t/x.launch.yaml", text}
		file, err := Load(Config{Env: []string{"AMENT_PREFIX_PATH=/t/install"}, Files: files}, "/t/x.launch.yaml")
		if err != nil {
			located(t, err)
			return
		}
		if err := file.ShowArguments(&strings.Builder{}); err != nil {
			t.Error(err)
		}
		args := map[string]string{}
		for _, a := range file.required() {
			args[a.Name] = "1"
		}
		plan, err := file.Plan(args)
		if err != nil {
			located(t, err)
			return
		}
		dir := t.TempDir()
		for _, a := range plan.Actions {
			if n, ok := a.(*Node); ok {
				if _, err := n.Arguments(dir); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// located checks that an error names a line.
func located(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Where.Line < 1 || e.Where.File == "" {
		t.Errorf("no file and line: %v", err)
	}
}

func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"", "plain", "$(var x)", `\$(var x)`, `$(env X 'a b')`, `$(env X "it's $(var y)")`, "$(var a\\(b\\))", "$(", "$$(var x", "é$(var é)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tpl, err := parseTemplate(s)
		if err != nil {
			return
		}
		if tpl.check() == nil {
			tpl.describe()
		}
		if !strings.ContainsAny(s, `\$`) {
			if text, ok := tpl.literal(); !ok || text != s {
				t.Errorf("%q became %q", s, text)
			}
		}
	})
}

func FuzzValue(f *testing.F) {
	for _, s := range []string{"1", "-1:30", "0x1f", "1.5", ".inf", "-.inf", "on", "text", "[1, 2]", "[a, 'b c']", "[1.0, .5]", "'1'", "1e5", "2024-01-01", "\"\\x00\\u2028\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := parseYAMLValue(s)
		if err != nil || v.Kind == Float && strings.Contains(v.String(), ".nan") {
			return
		}
		again, err := parseYAMLValue(v.String())
		if err != nil || !reflect.DeepEqual(again, v) {
			t.Errorf("%q is %v, written and read back %v: %v", s, v, again, err)
		}
	})
}
