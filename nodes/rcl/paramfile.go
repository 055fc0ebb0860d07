package rcl

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"gopkg.in/yaml.v3"
)

// ParseParams reads a ROS 2 parameter file: node patterns (/**, /ns/node, node,
// nested namespaces), then ros__parameters, then parameters, nested names joined
// by dots. name is the file's, for errors. Nothing in the file is ignored.
func ParseParams(name string, data []byte) ([]ParamOverride, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%w file %s: %w", ErrParameter, name, err)
	}
	if len(doc.Content) == 0 {
		return nil, fmt.Errorf("%w file %s is empty", ErrParameter, name)
	}
	r := paramReader{file: name}
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
	errs []error
}

// maxNesting bounds recursion; no namespace or parameter name is that deep.
const maxNesting = 32

func (r *paramReader) fail(n *yaml.Node, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%w file %s:%d: %s", ErrParameter, r.file, n.Line, fmt.Sprintf(format, args...)))
}

func (r *paramReader) nodes(prefix string, n *yaml.Node, depth int) {
	if n.Kind != yaml.MappingNode || depth > maxNesting {
		r.fail(n, "expected a mapping from node names to ros__parameters")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Value == "ros__parameters" {
			if prefix == "" {
				r.fail(key, "ros__parameters stands below a node name or a pattern such as /**")
				continue
			}
			r.params(prefix, "", value, depth+1)
			continue
		}
		full := key.Value
		if prefix != "" {
			full = strings.TrimSuffix(prefix, "/") + "/" + strings.TrimPrefix(full, "/")
		}
		r.nodes(full, value, depth+1)
	}
}

func (r *paramReader) params(node, prefix string, n *yaml.Node, depth int) {
	if n.Kind != yaml.MappingNode || depth > maxNesting {
		r.fail(n, "expected a mapping from parameter names to values")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := prefix + key.Value
		if seen[name] {
			r.fail(key, "parameter %q is given twice", name)
			continue
		}
		seen[name] = true
		if value.Kind == yaml.MappingNode {
			r.params(node, name+".", value, depth+1)
			continue
		}
		v, err := valueOf(value)
		if err != nil {
			r.errs = append(r.errs, fmt.Errorf("%s:%d: parameter %q: %w", r.file, key.Line, name, err))
			continue
		}
		r.out = append(r.out, ParamOverride{Node: node, Name: name, Value: v, Origin: fmt.Sprintf("%s:%d", r.file, key.Line)})
	}
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

func matchParts(p, name []string) bool {
	if len(p) == 0 {
		return len(name) == 0
	}
	if p[0] == "**" {
		for i := range len(name) + 1 {
			if matchParts(p[1:], name[i:]) {
				return true
			}
		}
		return false
	}
	return len(name) > 0 && (p[0] == "*" || p[0] == name[0]) && matchParts(p[1:], name[1:])
}
