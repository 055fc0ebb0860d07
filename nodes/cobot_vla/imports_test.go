package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// room is a part of the tree and what of ours its code may import.
type room struct {
	path string
	may  []string
}

// rooms, the most particular first. A room may always import itself.
var rooms = []room{
	{"calibration", nil},
	{"msgs", nil},
	{"launch", nil},
	{"model", []string{"calibration"}},
	{"drivers", []string{"calibration"}},
	{"nodes/rcl", []string{"msgs"}},
	{"nodes/cobot_vla", []string{"calibration", "msgs", "launch", "model", "drivers", "nodes"}},
	{"nodes/sim", []string{"nodes/rcl", "msgs", "calibration", "model", "drivers"}},
	{"nodes/recorder", []string{"nodes/rcl", "msgs", "calibration", "model", "drivers"}},
}

const module = "cobot_vla/"

func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// TestEveryImportKeepsToItsRooms parses every Go file, whatever its build tags.
func TestEveryImportKeepsToItsRooms(t *testing.T) {
	root := filepath.Join("..", "..")
	sides := map[string]map[string]bool{} // node package: which of model and drivers it uses
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		files++
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(rel))
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imp := range f.Imports {
			name, _ := strconv.Unquote(imp.Path.Value)
			ours, ok := strings.CutPrefix(name, module)
			if !ok {
				continue
			}
			check(t, rel, dir, ours, sides)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Fatalf("only %d files were looked at", files)
	}
	for node, uses := range sides {
		if uses["model"] && uses["drivers"] {
			t.Errorf("%s imports model and drivers; a node uses one of the two", node)
		}
	}
}

func check(t *testing.T, file, dir, ours string, sides map[string]map[string]bool) {
	for _, r := range rooms {
		if !within(dir, r.path) {
			continue
		}
		if within(ours, r.path) {
			return
		}
		for _, m := range r.may {
			if within(ours, m) {
				return
			}
		}
		t.Errorf("%s imports %s, which %s may not", file, ours, r.path)
		return
	}
	node, ok := strings.CutPrefix(dir, "nodes/")
	if !ok {
		t.Errorf("%s is in no room that is known here", file)
		return
	}
	node, _, _ = strings.Cut(node, "/")
	node = "nodes/" + node
	if sides[node] == nil {
		sides[node] = map[string]bool{}
	}
	switch {
	case within(ours, node), within(ours, "nodes/rcl"), within(ours, "msgs"), within(ours, "calibration"):
	case within(ours, "model"):
		sides[node]["model"] = true
	case within(ours, "drivers"):
		sides[node]["drivers"] = true
	default:
		t.Errorf("%s imports %s: a node imports rcl, msgs, calibration, and model or drivers", file, ours)
	}
}
