package launch

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// entity is one action of a launch file, or one mapping in a list below it: the
// attributes are read by name and type, what nobody read is an error.
type entity struct {
	r     *reader
	kind  string // e.g. node, or node: remap
	where Position
	keys  []string
	nodes map[string]*yaml.Node
	lines map[string]int
	read  map[string]bool
}

// entity makes one of a mapping.
func (r *reader) entity(kind string, line int, n *yaml.Node) *entity {
	e := &entity{r: r, kind: kind, where: Position{r.file, line}, nodes: map[string]*yaml.Node{}, lines: map[string]int{}, read: map[string]bool{}}
	n = r.resolve(n)
	if n == nil || n.Kind != yaml.MappingNode {
		r.fail(e.where, "%w: %s wants its attributes as a mapping (name: value)", ErrSyntax, kind)
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		at := Position{r.file, key.Line}
		switch {
		case key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge":
			r.fail(at, "%w: %s: a key must be a name; merge keys (<<) are not understood", ErrSyntax, kind)
		case e.nodes[key.Value] != nil:
			r.fail(at, "%w: %s has %q twice (first at line %d): write one list", ErrSyntax, kind, key.Value, e.lines[key.Value])
		default:
			e.keys = append(e.keys, key.Value)
			e.nodes[key.Value] = n.Content[i+1]
			e.lines[key.Value] = key.Line
		}
	}
	return e
}

// done reports the attributes that nobody read.
func (e *entity) done() {
	known := make([]string, 0, len(e.read))
	for k := range e.read {
		known = append(known, k)
	}
	slices.Sort(known)
	for _, k := range e.keys {
		if !e.read[k] {
			e.r.fail(e.at(k), "%w: %s does not know %q%s; it knows %s", ErrSyntax, e.kind, k, nearest(k, known), strings.Join(known, ", "))
		}
	}
}

// at is the position of an attribute, or the entity's where it is missing.
func (e *entity) at(key string) Position {
	if line, ok := e.lines[key]; ok {
		return Position{e.r.file, line}
	}
	return e.where
}

func (e *entity) has(key string) bool { return e.nodes[key] != nil }

func (e *entity) get(key string) *yaml.Node {
	e.read[key] = true
	return e.r.resolve(e.nodes[key])
}

// scalar reads an attribute as one YAML value.
func (e *entity) scalar(key string) (Value, bool) {
	n := e.get(key)
	if n == nil {
		return Value{}, false
	}
	if n.Kind != yaml.ScalarNode {
		e.r.fail(e.at(key), "%w: %s: %q must be one value, not a list or mapping", ErrSyntax, e.kind, key)
		return Value{}, false
	}
	v, err := scalarValue(n)
	if err != nil {
		e.r.fail(e.at(key), "%w: %s: %q: %w", ErrSyntax, e.kind, key, err)
		return Value{}, false
	}
	return v, true
}

// text reads a string attribute; ok is false where it is missing or wrong.
func (e *entity) text(key string) (s string, ok bool) {
	v, ok := e.scalar(key)
	if !ok {
		return "", false
	}
	if v.Kind != String {
		e.r.fail(e.at(key), "%w: %s: %q must be a string: write '%s' in quotes (ros2 launch does not convert it)", ErrSyntax, e.kind, key, e.nodes[key].Value)
		return "", false
	}
	return v.Str, true
}

// word reads a string attribute that holds no substitutions.
func (e *entity) word(key string) (string, bool) {
	s, ok := e.text(key)
	return unescape(s), ok
}

// template reads an optional string with substitutions; nil where it is missing or wrong.
func (e *entity) template(key string) template {
	s, ok := e.text(key)
	if !ok {
		return nil
	}
	return e.r.template(e.at(key), e.kind+": "+key, s)
}

// need reads a template that must be there.
func (e *entity) need(key string) template {
	e.want(key)
	return e.template(key)
}

func (e *entity) want(key string) {
	if !e.has(key) {
		e.read[key] = true
		e.r.fail(e.where, "%w: %s wants %q", ErrSyntax, e.kind, key)
	}
}

// truth reads an optional attribute that must be a YAML boolean.
func (e *entity) truth(key string, missing bool) bool {
	v, ok := e.scalar(key)
	if !ok {
		return missing
	}
	if v.Kind != Bool {
		e.r.fail(e.at(key), "%w: %s: %q must be true or false without quotes", ErrSyntax, e.kind, key)
		return missing
	}
	return v.Bool
}

// entities reads an optional list of mappings.
func (e *entity) entities(key string) []*entity {
	n := e.get(key)
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		e.r.fail(e.at(key), "%w: %s: %q must be a list of mappings, with at least one", ErrSyntax, e.kind, key)
		return nil
	}
	var out []*entity
	for _, c := range n.Content {
		if child := e.r.entity(e.kind+": "+key, c.Line, c); child != nil {
			out = append(out, child)
		}
	}
	return out
}

// reader collects the mistakes of one file while it is parsed.
type reader struct {
	file  string
	errs  []error
	nodes int // resolved so far
}

// maxNodes bounds what aliases may multiply, maxErrors what one file may report.
const (
	maxNodes  = 1 << 16
	maxErrors = 20
)

func (r *reader) fail(where Position, format string, args ...any) {
	if len(r.errs) < maxErrors && r.nodes <= maxNodes {
		r.errs = append(r.errs, where.errorf(format, args...))
	}
}

// resolve follows aliases; nil where there is nothing, or too much.
func (r *reader) resolve(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil {
		return nil
	}
	if r.nodes++; r.nodes == maxNodes {
		r.fail(Position{r.file, n.Line}, "%w: more than %d nodes: aliases multiply", ErrSyntax, maxNodes)
		r.nodes++ // what fails next only follows from this
	}
	if r.nodes >= maxNodes {
		return nil
	}
	return n
}

func (r *reader) template(where Position, what, s string) template {
	t, err := parseTemplate(s)
	if err == nil {
		err = t.check()
	}
	if err != nil {
		r.fail(where, "%s: %w", what, err)
		return nil
	}
	return t
}

// document parses a file's YAML and returns what is below its root key launch.
func (r *reader) document(data []byte) *yaml.Node {
	var doc yaml.Node
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	if err := dec.Decode(&doc); err != nil {
		line, text := yamlError(err)
		r.fail(Position{r.file, line}, "%w: not YAML: %s", ErrSyntax, text)
		return nil
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		r.fail(Position{r.file, second.Line}, "%w: a second YAML document", ErrSyntax)
		return nil
	}
	root := r.resolve(doc.Content[0])
	if root == nil || root.Kind != yaml.MappingNode || len(root.Content) != 2 || root.Content[0].Value != "launch" {
		r.fail(Position{r.file, max(1, doc.Content[0].Line)}, "%w: the one key at the root must be launch:, with a list of actions below it", ErrSyntax)
		return nil
	}
	return r.resolve(root.Content[1])
}

// yamlError takes the line out of an error of the YAML reader.
func yamlError(err error) (line int, text string) {
	text = strings.TrimPrefix(err.Error(), "yaml: ")
	if _, scan := fmt.Sscanf(text, "line %d:", &line); scan == nil {
		_, text, _ = strings.Cut(text, ": ")
	}
	for _, counted := range []string{"did not find expected node content", "did not find expected '-' indicator", "did not find expected key", "did not find expected ','"} {
		if strings.HasPrefix(text, counted) {
			line++ // the YAML reader counts the lines of these from zero
		}
	}
	return max(1, line), text
}
