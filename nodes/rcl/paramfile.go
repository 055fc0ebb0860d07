package rcl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"gopkg.in/yaml.v3"
)

// ParseParams reads a ROS 2 parameter file: node patterns (/**, /ns/node, node,
// nested namespaces), then ros__parameters, then parameters, nested names joined
// by dots. name is the file's, for errors. Nothing in the file is ignored.
func ParseParams(name string, data []byte) ([]ParamOverride, error) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	err := d.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w file %s is empty", ErrParameter, name)
	}
	if err != nil {
		return nil, fmt.Errorf("%w file %s: %w", ErrParameter, name, err)
	}
	if err := d.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w file %s: more than one YAML document; join them", ErrParameter, name)
	}
	r := paramReader{file: name, seen: map[string]int{}}
	r.nodes("", doc.Content[0], 0)
	return r.out, errors.Join(r.errs...)
}

// LoadParams reads a parameter file from fsys.
func LoadParams(fsys fs.FS, name string) ([]ParamOverride, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("%w file: %w", ErrParameter, err)
	}
	return ParseParams(name, data)
}

type paramReader struct {
	file string
	out  []ParamOverride
	seen map[string]int // node pattern and parameter: line
	errs []error
}

// maxNesting bounds recursion; no namespace or parameter name is that deep.
const maxNesting = 32

func (r *paramReader) fail(n *yaml.Node, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%w file %s:%d: %s", ErrParameter, r.file, n.Line, fmt.Sprintf(format, args...)))
}

func (r *paramReader) nodes(prefix string, n *yaml.Node, depth int) {
	r.each(n, depth, "node names to ros__parameters", func(key string, at, value *yaml.Node) {
		if key == "ros__parameters" {
			if prefix == "" {
				r.fail(at, "ros__parameters stands below a node name or a pattern such as /**")
				return
			}
			if err := checkPattern(prefix); err != nil {
				r.fail(at, "%s", err)
				return
			}
			r.params(prefix, "", value, depth+1)
			return
		}
		full := key
		if prefix != "" {
			full = strings.TrimSuffix(prefix, "/") + "/" + strings.TrimPrefix(full, "/")
		}
		r.nodes(full, value, depth+1)
	})
}

func (r *paramReader) params(node, prefix string, n *yaml.Node, depth int) {
	r.each(n, depth, "parameter names to values", func(key string, at, value *yaml.Node) {
		name := prefix + key
		if value.Kind == yaml.MappingNode {
			r.params(node, name+".", value, depth+1)
			return
		}
		id := strings.Trim(node, "/") + "\x00" + name
		if line := r.seen[id]; line != 0 {
			r.fail(at, "parameter %q of %s is given twice, first in line %d", name, node, line)
			return
		}
		r.seen[id] = at.Line
		v, err := valueOf(value)
		if err != nil {
			r.errs = append(r.errs, fmt.Errorf("%s:%d: parameter %q: %w", r.file, at.Line, name, err))
			return
		}
		r.out = append(r.out, ParamOverride{Node: node, Name: name, Value: v, Origin: fmt.Sprintf("%s:%d", r.file, at.Line)})
	})
}

// each visits the pairs of a mapping.
func (r *paramReader) each(n *yaml.Node, depth int, what string, visit func(key string, at, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode || depth > maxNesting {
		r.fail(n, "expected a mapping from %s", what)
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.Value == "" || key.ShortTag() == "!!merge" {
			r.fail(key, "expected a name before the colon")
			continue
		}
		visit(key.Value, key, n.Content[i+1])
	}
}

// checkPattern says whether p can match a node's name: parts are names, "*" or "**".
func checkPattern(p string) error {
	if p == "" {
		return nil
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(p, "/"), "/") {
		if part != "*" && part != "**" && !validToken(part) {
			return fmt.Errorf("%w: node pattern %q: part %q is no name, * or **", ErrInvalidName, p, part)
		}
	}
	return nil
}

// matchNode says whether a node pattern of a parameter file means this node:
// "/**" is any, "*" is one part of a name, "**" any number of parts, a bare name
// is that node in any namespace, "" is the node itself.
func matchNode(pattern string, n FullName) bool {
	if pattern == "" {
		return true
	}
	if !strings.Contains(pattern, "/") && pattern != "**" && pattern != "*" {
		return pattern == n.Name
	}
	p := strings.Split(strings.Trim(pattern, "/"), "/")
	return matchParts(p, strings.Split(strings.Trim(n.String(), "/"), "/"))
}

// matchParts walks both once, and goes back to the last "**" where they part.
func matchParts(p, name []string) bool {
	i, j := 0, 0
	stars, taken := -1, 0 // the last "**", and the names before what follows it
	for j < len(name) {
		switch {
		case i < len(p) && p[i] == "**":
			stars, taken = i, j
			i++
		case i < len(p) && (p[i] == "*" || p[i] == name[j]):
			i++
			j++
		case stars >= 0:
			taken++
			i, j = stars+1, taken
		default:
			return false
		}
	}
	for i < len(p) && p[i] == "**" {
		i++
	}
	return i == len(p)
}
