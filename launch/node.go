package launch

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// node starts a ROS 2 node.
type node struct {
	processSpec
	pkg, exec, name, namespace, execName template
	args, rosArgs                        []template
	remaps                               []pair
	params                               []paramSpec
}

// paramSpec is one entry of a node's param list: a file, or a name with a value
// or with nested entries.
type paramSpec struct {
	where       Position
	from        template
	allowSubsts bool

	name   template
	want   valueType
	value  *paramValue
	nested []paramSpec
}

// paramValue is a value as written: a template that becomes the wanted type, a
// typed value, or a list of both.
type paramValue struct {
	text  template
	value Value
	list  []paramValue
}

func parseNode(e *entity, _ int) action {
	n := &node{
		processSpec: parseProcess(e),
		pkg:         e.template("pkg"),
		exec:        e.need("exec"),
		name:        e.template("name"),
		namespace:   e.template("namespace"),
		execName:    e.template("exec_name"),
		args:        e.command("args"),
		rosArgs:     e.command("ros_args"),
		remaps:      e.pairs("remap", "from", "to"),
	}
	for _, p := range e.entities("param") {
		n.params = append(n.params, parseParam(p, 0))
	}
	return n
}

// maxParamDepth bounds nested parameters.
const maxParamDepth = 16

func parseParam(e *entity, depth int) paramSpec {
	p := paramSpec{where: e.where, want: valueType{any: true}}
	if depth > maxParamDepth {
		e.r.fail(e.where, "%w: parameters are nested deeper than %d", ErrSyntax, maxParamDepth)
		return p
	}
	defer e.done()
	if depth == 0 && e.has("from") {
		p.from = e.template("from")
		p.allowSubsts = e.truth("allow_substs", false)
		return p
	}
	if depth == 0 {
		e.read["from"], e.read["allow_substs"] = true, true
	}
	if e.has("allow_substs") {
		e.r.fail(e.at("allow_substs"), "%w: allow_substs belongs to a param with from", ErrSyntax)
	}
	p.name = e.need("name")
	if t, ok := e.text("type"); ok {
		want, known := valueTypes[t]
		if !known {
			e.r.fail(e.at("type"), "%w: unknown type %q%s; known are str, bool, int, float, list_of_str, list_of_bool, list_of_int, list_of_float, yaml", ErrParameter, t, nearest(t, slices.Collect(mapKeys(valueTypes))))
			want.any = true
		}
		p.want = want
	}
	switch {
	case e.has("value") && e.has("param"):
		e.read["value"], e.read["param"] = true, true
		e.r.fail(e.where, "%w: a param has a value or nested param, not both", ErrParameter)
	case e.has("value"):
		e.read["param"] = true
		p.value = e.paramValue(p.want)
	case e.has("param"):
		e.read["value"] = true
		if e.has("type") {
			e.r.fail(e.at("type"), "%w: a param with nested param has no type", ErrParameter)
		}
		for _, c := range e.entities("param") {
			p.nested = append(p.nested, parseParam(c, depth+1))
		}
	default:
		e.read["value"], e.read["param"] = true, true
		e.r.fail(e.where, "%w: a param wants a value, nested param, or from with a file", ErrParameter)
	}
	return p
}

// paramValue reads the value attribute. As in Humble, only what a substitution
// yields is converted to the wanted type; what is written must have it.
func (e *entity) paramValue(want valueType) *paramValue {
	n := e.get("value")
	if n == nil {
		return nil
	}
	at := e.at("value")
	switch n.Kind {
	case yaml.ScalarNode:
		v := e.r.paramScalar(at, n, want)
		if v != nil && want.list {
			e.r.fail(at, "%w: a %s wants a list: value: [a, b]", ErrParameter, typeName(want))
			return nil
		}
		return v
	case yaml.SequenceNode:
		if !want.any && !want.list {
			e.r.fail(at, "%w: the value is a list and the type is %s: write type: list_of_%s", ErrParameter, want.kind, want.kind)
			return nil
		}
		out := &paramValue{}
		for _, c := range n.Content {
			c = e.r.resolve(c)
			if c == nil || c.Kind != yaml.ScalarNode {
				e.r.fail(at, "%w: a parameter's list holds scalars only", ErrParameter)
				return nil
			}
			element := want
			element.list = false
			if v := e.r.paramScalar(at, c, element); v != nil {
				out.list = append(out.list, *v)
			}
		}
		if len(n.Content) == 0 {
			e.r.fail(at, "%w: an empty list has no type in ROS 2: leave the parameter out", ErrParameter)
			return nil
		}
		return out
	}
	e.r.fail(at, "%w: a parameter is a scalar or a list; a mapping is written as nested param", ErrParameter)
	return nil
}

func typeName(t valueType) string { return Value{Kind: t.kind, List: t.list}.typeName() }

func (r *reader) paramScalar(at Position, n *yaml.Node, want valueType) *paramValue {
	v, err := scalarValue(n)
	if err == nil && want.any {
		err = ambiguous(n)
	}
	if err != nil {
		r.fail(at, "%w: value: %w", ErrParameter, err)
		return nil
	}
	if v.Kind == String {
		t := r.template(at, "param: value", v.Str)
		if t == nil {
			return nil
		}
		if text, ok := t.literal(); ok {
			v = stringValue(text)
		} else {
			return &paramValue{text: t}
		}
	}
	if !want.any && v.Kind != want.kind {
		hint := ""
		if want.kind == Float && v.Kind == Int {
			hint = fmt.Sprintf(": write %d.0", v.Int)
		} else if v.Kind == String {
			hint = ": take the quotes off"
		} else if want.kind == String {
			hint = ": put it in quotes"
		}
		r.fail(at, "%w: value %s is of type %v, not %v%s", ErrParameter, n.Value, v.Kind, want.kind, hint)
		return nil
	}
	return &paramValue{value: v}
}

func (p paramValue) resolve(s *scope, want valueType) (Value, error) {
	if p.list != nil {
		want.list = false
		var items []Value
		for _, e := range p.list {
			v, err := e.resolve(s, want)
			if err != nil {
				return Value{}, err
			}
			items = append(items, v)
		}
		return list(items)
	}
	if p.text == nil {
		return p.value, nil
	}
	text, err := p.text.expand(s)
	if err != nil {
		return Value{}, err
	}
	return coerce(text, want)
}

// values flattens nested entries into dotted names.
func (p paramSpec) values(s *scope, prefix string) ([]Parameter, error) {
	name, err := p.name.expand(s)
	if err != nil {
		return nil, p.where.at(err)
	}
	name = prefix + name
	if p.nested != nil {
		var out []Parameter
		for _, c := range p.nested {
			more, err := c.values(s, name+".")
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
		}
		return out, nil
	}
	if err := checkParameterName(name); err != nil {
		return nil, p.where.at(err)
	}
	v, err := p.value.resolve(s, p.want)
	if err != nil {
		return nil, p.where.errorf("%w %q: %w", ErrParameter, name, err)
	}
	return []Parameter{{name, v}}, nil
}

func checkParameterName(name string) error {
	if name == "" || strings.ContainsAny(name, " \t\r\n:'\"\\") || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, "..") {
		return fmt.Errorf("%w: %q can't be a parameter's name", ErrParameter, name)
	}
	return nil
}

func (n *node) run(ev *evaluator, where Position) error {
	exec, err := n.exec.expand(ev.scope)
	if err != nil {
		return err
	}
	if exec == "" {
		return fmt.Errorf("%w: node: \"exec\" is empty", ErrSyntax)
	}
	out := &Node{Executable: exec}
	if out.Package, err = expandOptional(n.pkg, ev.scope); err != nil {
		return err
	}
	if n.pkg != nil && out.Package == "" {
		return fmt.Errorf("%w: node: \"pkg\" is empty", ErrSyntax)
	}
	if err := n.resolveName(ev, out); err != nil {
		return err
	}
	if out.Args, err = expandAll(n.args, ev.scope); err != nil {
		return err
	}
	if out.ROSArgs, err = expandAll(n.rosArgs, ev.scope); err != nil {
		return err
	}
	out.Parameters = slices.Clone(ev.params)
	for _, p := range n.params {
		more, err := p.resolve(ev)
		if err != nil {
			return err
		}
		out.Parameters = append(out.Parameters, more)
	}
	out.Remaps = slices.Clone(ev.remaps)
	for _, r := range n.remaps {
		remap, err := expandRemap(ev.scope, r)
		if err != nil {
			return err
		}
		out.Remaps = append(out.Remaps, remap)
	}
	label := path.Base(exec)
	if n.execName != nil {
		if label, err = n.execName.expand(ev.scope); err != nil {
			return err
		}
	}
	if out.Process, err = n.processSpec.resolve(ev, where, label, exec); err != nil {
		return err
	}
	ev.plan.Actions = append(ev.plan.Actions, out)
	return nil
}

// resolveName fills in the node's name and namespace.
func (n *node) resolveName(ev *evaluator, out *Node) error {
	var err error
	if n.name != nil {
		if out.NodeName, err = n.name.expand(ev.scope); err != nil {
			return err
		}
		if err := validName(out.NodeName); err != nil {
			return fmt.Errorf("%w: node name %q: %w", ErrSyntax, out.NodeName, err)
		}
	}
	base, pushed := ev.vars[namespaceVar]
	switch {
	case n.namespace != nil:
		ns, err := n.namespace.expand(ev.scope)
		if err != nil {
			return err
		}
		out.Namespace, err = ev.push(ns)
		return err
	case pushed:
		out.Namespace = joinNamespace("", base)
		return validateNamespace(out.Namespace)
	}
	return nil
}

func (p paramSpec) resolve(ev *evaluator) (Parameters, error) {
	if p.from == nil {
		values, err := p.values(ev.scope, "")
		return Parameters{Where: p.where, Values: values}, err
	}
	name, err := p.from.expand(ev.scope)
	if err != nil {
		return Parameters{}, p.where.at(err)
	}
	f, err := ev.parameterFile(name, p.allowSubsts)
	return Parameters{Where: p.where, File: f}, p.where.at(err)
}

// parameterFile reads a ROS 2 parameter file and looks whether it is one: nodes,
// below each ros__parameters. What the values mean is the node's to check.
func (ev *evaluator) parameterFile(name string, substitute bool) (*ParameterFile, error) {
	name, err := absolute(name)
	if err != nil {
		return nil, err
	}
	data, err := ev.loader.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w file %s does not exist", ErrParameter, name)
	}
	if err != nil {
		return nil, fmt.Errorf("%w file: %w", ErrParameter, err)
	}
	f := &ParameterFile{Path: name, Data: data}
	if substitute {
		t, err := parseTemplate(string(data))
		if err == nil {
			err = t.check()
		}
		if err != nil {
			return nil, fmt.Errorf("%w file %s: %w", ErrParameter, name, err)
		}
		text, err := t.expand(ev.scope)
		if err != nil {
			return nil, fmt.Errorf("%w file %s: %w", ErrParameter, name, err)
		}
		f.Data, f.Changed = []byte(text), text != string(data)
	}
	return f, checkParameterFile(name, f.Data)
}

func checkParameterFile(name string, data []byte) error {
	var doc yaml.Node
	err := yaml.NewDecoder(strings.NewReader(string(data))).Decode(&doc)
	if err == io.EOF || err == nil && len(doc.Content) == 0 {
		return fmt.Errorf("%w file %s is empty", ErrParameter, name)
	}
	if err != nil {
		line, text := yamlError(err)
		return fmt.Errorf("%w file %s:%d: not YAML: %s", ErrParameter, name, line, text)
	}
	if line, ok := hasParameters(doc.Content[0], 0); !ok {
		return fmt.Errorf("%w file %s:%d: below each node's name must be ros__parameters and a colon", ErrParameter, name, line)
	}
	return nil
}

// hasParameters says whether every branch of a mapping of nodes leads to
// ros__parameters, and else where one does not.
func hasParameters(n *yaml.Node, depth int) (line int, ok bool) {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 || depth > maxParamDepth {
		return max(1, n.Line), false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "ros__parameters" && depth > 0 {
			continue
		}
		if line, ok := hasParameters(n.Content[i+1], depth+1); !ok {
			return line, false
		}
	}
	return 0, true
}
