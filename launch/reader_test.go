package launch

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// mapped is a file system for tests: root stands for a directory of testdata.
type mapped struct {
	root string
	fsys fs.FS
}

func (m mapped) ReadFile(name string) ([]byte, error) {
	rest, ok := strings.CutPrefix(name, m.root+"/")
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	data, err := fs.ReadFile(m.fsys, rest)
	var p *fs.PathError
	if errors.As(err, &p) {
		p.Path = name
	}
	return data, err
}

func (m mapped) Executable(name string) bool {
	return strings.HasPrefix(name, m.root+"/install/lib/") || name == "/bin/sh" || name == "/bin/true"
}

// directives reads the "# args:" and "# env:" lines at the head of a launch
// file; \x20 is a space.
func directives(t *testing.T, data string) (args map[string]string, env []string) {
	t.Helper()
	env = []string{"AMENT_PREFIX_PATH=/t/install", "HOME=/home/robot", "PATH=/usr/bin:/bin"}
	for line := range strings.SplitSeq(data, "\n") {
		words := strings.Fields(line)
		for i := range words {
			words[i] = strings.ReplaceAll(words[i], `\x20`, " ")
		}
		switch {
		case strings.HasPrefix(line, "# args:"):
			var err error
			if args, err = ParseArguments(words[2:]); err != nil {
				t.Fatal(err)
			}
		case strings.HasPrefix(line, "# env:"):
			env = append(env, words[2:]...)
		}
	}
	return args, env
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\ngot:\n%s\nwant:\n%s", file, got, want)
	}
}

func planOf(t *testing.T, dir, name string) string {
	t.Helper()
	file := filepath.Join("testdata", dir, name)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	args, env := directives(t, string(data))
	cfg := Config{Env: env, Files: mapped{"/t", os.DirFS(filepath.Join("testdata", dir))}}
	f, err := Load(cfg, path.Join("/t", name))
	if err != nil {
		return fmt.Sprintf("%v\n", err)
	}
	plan, err := f.Plan(args)
	if err != nil {
		return fmt.Sprintf("%v\n", err)
	}
	return plan.String()
}

func TestGoodFilesMakeTheirPlans(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.launch.yaml")
	if err != nil || len(files) < 10 {
		t.Fatal(err, len(files))
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(strings.TrimSuffix(name, ".launch.yaml"), func(t *testing.T) {
			golden(t, strings.TrimSuffix(file, ".launch.yaml")+".plan", planOf(t, "good", name))
		})
	}
}

// TestBadFilesSayWhatIsWrong reads testdata/bad/cases.txt: a title, a launch
// file, and in cases.golden the error.
func TestBadFilesSayWhatIsWrong(t *testing.T) {
	data, err := os.ReadFile("testdata/bad/cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	cases := strings.Split("\n"+string(data), "\n== ")[1:]
	for _, c := range cases {
		title, text, _ := strings.Cut(c, "\n")
		fmt.Fprintf(&got, "== %s\n%s\n", title, badCase(t, title, text))
	}
	if len(cases) < 40 {
		t.Fatalf("only %d cases", len(cases))
	}
	golden(t, "testdata/bad/cases.golden", got.String())
}

// overlay puts one file over others.
type overlay struct {
	mapped
	name, text string
}

func (o overlay) ReadFile(name string) ([]byte, error) {
	if name == o.name {
		return []byte(o.text), nil
	}
	return o.mapped.ReadFile(name)
}

func badCase(t *testing.T, title, text string) error {
	t.Helper()
	args, env := directives(t, text)
	files := overlay{mapped{"/t", os.DirFS("testdata/bad")}, "/t/x.launch.yaml", text}
	f, err := Load(Config{Env: env, Files: files}, "/t/x.launch.yaml")
	if err == nil {
		_, err = f.Plan(args)
	}
	if err == nil {
		t.Errorf("%s: no error", title)
		return nil
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !strings.HasPrefix(line, "/t/x.launch.yaml:") && !strings.HasPrefix(line, "/t/broken.launch.yaml:") {
			t.Errorf("%s: no file and line: %s", title, line)
		}
	}
	return err
}

func TestShowArguments(t *testing.T) {
	text := `
launch:
  - arg: {name: required, description: "What it is for."}
  - arg: {name: plain, default: abc}
  - arg: {name: composed, default: "$(env HOME)/$(var plain '')/$(find-pkg-share demo)"}
  - arg: {name: empty, default: "", description: With choices, choice: [{value: ""}, {value: "it's"}]}
  - arg: {name: chosen, choice: [{value: a}, {value: b}]}
  - arg: {name: "logic", default: "$(and $(not $(var plain)) true)"}
  - group:
      if: $(var logic)
      children:
        - arg: {name: only_sometimes, default: "1"}
  - include: {file: "$(find-pkg-share demo)/launch/inner.launch.yaml"}
  - group:
      - reset: {}
      - arg: {name: hidden}
  - arg: {name: plain, default: again}
  - group:
      forwarding: false
      children:
        - arg: {name: not_from_outside, default: x}
`
	files := overlay{mapped{"/t", os.DirFS("testdata/good")}, "/t/x.launch.yaml", text}
	f, err := Load(Config{Env: []string{"AMENT_PREFIX_PATH=/t/install"}, Files: files}, "/t/x.launch.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := f.ShowArguments(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/arguments.golden", b.String())
}

func TestShowArgumentsOfNone(t *testing.T) {
	f, err := newLoader(Config{}).parse("/x.launch.yaml", []byte("launch: []"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := f.ShowArguments(&b); err != nil || b.String() != "Arguments (pass arguments as '<name>:=<value>'):\n\n  No arguments.\n" {
		t.Error(err, b.String())
	}
}

func TestParseArguments(t *testing.T) {
	args, err := ParseArguments([]string{"a:=1", "b:=x:=y", "a:=2"})
	if err != nil || len(args) != 2 || args["a"] != "2" || args["b"] != "x:=y" {
		t.Error(args, err)
	}
	for _, bad := range []string{"a", "a=1", ":=1", "a:="} {
		if _, err := ParseArguments([]string{bad}); !errors.Is(err, ErrArgument) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
