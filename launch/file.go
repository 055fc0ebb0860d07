package launch

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// File is a launch file that was read and found well formed.
type File struct {
	// Path of the file: absolute, or embedded:….
	Path string

	loader     *loader
	deprecated string
	steps      []step
}

// step is one action with its condition.
type step struct {
	where  Position
	cond   template // nil: always
	negate bool     // unless
	act    action
}

// action is one kind of step. run executes it; nested gives the steps below it, if any.
type action interface {
	run(ev *evaluator, where Position) error
}

// Load reads a launch file. Every mistake that can be seen without running it
// is reported, joined into one error.
func Load(cfg Config, name string) (*File, error) {
	name, err := absolute(name)
	if err != nil {
		return nil, err
	}
	return newLoader(cfg).load(name)
}

func (l *loader) load(name string) (*File, error) {
	if err := checkKind(name); err != nil {
		return nil, err
	}
	data, err := l.read(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return l.parse(name, data)
}

// checkKind refuses launch files in other languages.
func checkKind(name string) error {
	switch path.Ext(name) {
	case ".py":
		return fmt.Errorf("%w: %s is a Python launch file. Write what it starts as a YAML launch file (.launch.yaml), or run it beside this one with `ros2 launch`", ErrUnsupported, name)
	case ".xml":
		return fmt.Errorf("%w: %s is an XML launch file. Write it as YAML (.launch.yaml): the actions and attributes have the same names", ErrUnsupported, name)
	}
	return nil
}

func (l *loader) parse(name string, data []byte) (*File, error) {
	r := &reader{file: name}
	f := &File{Path: name, loader: l}
	if len(strings.TrimSpace(string(data))) == 0 {
		return nil, Position{name, 1}.errorf("%w: the file is empty; it wants launch: with a list of actions below it", ErrSyntax)
	}
	if root := r.document(data); root != nil {
		if root.Kind == yaml.MappingNode {
			if e := r.entity("launch", root.Line, root); e != nil {
				f.deprecated, _ = e.text("deprecated")
				f.steps = r.steps("launch", e.at("children"), e.get("children"), 0)
				e.done()
			}
		} else {
			f.steps = r.steps("launch", Position{name, root.Line}, root, 0)
		}
	}
	return f, errors.Join(r.errs...)
}

// maxGroupDepth bounds nested groups.
const maxGroupDepth = 32

// steps reads a list of actions: mappings with one key each.
func (r *reader) steps(parent string, where Position, n *yaml.Node, depth int) []step {
	if n == nil || n.Kind != yaml.SequenceNode {
		r.fail(where, "%w: %s wants a list of actions (- node: …)", ErrSyntax, parent)
		return nil
	}
	if depth > maxGroupDepth {
		r.fail(where, "%w: groups are nested deeper than %d", ErrSyntax, maxGroupDepth)
		return nil
	}
	var out []step
	for _, c := range n.Content {
		at := Position{r.file, c.Line}
		c = r.resolve(c)
		if c == nil || c.Kind != yaml.MappingNode || len(c.Content) != 2 {
			r.fail(at, "%w: an action is a mapping with one key, its kind: check the indentation below it", ErrSyntax)
			continue
		}
		if s, ok := r.step(c.Content[0], c.Content[1], depth); ok {
			out = append(out, s)
		}
	}
	return out
}

func (r *reader) step(key, value *yaml.Node, depth int) (step, bool) {
	where := Position{r.file, key.Line}
	parse, ok := actionKinds()[key.Value]
	if !ok {
		if why, ok := unsupportedActions[key.Value]; ok {
			r.fail(where, "%w: %s: %s", ErrUnsupported, key.Value, why)
		} else {
			kinds := actionKinds()
			r.fail(where, "%w: unknown action %q%s; known are %s", ErrSyntax, key.Value, nearest(key.Value, slices.Collect(mapKeys(kinds))), known(kinds))
		}
		return step{}, false
	}
	value = r.resolve(value)
	if key.Value == "group" && value != nil && value.Kind == yaml.SequenceNode {
		return step{where: where, act: &group{scoped: true, forwarding: true, steps: r.steps("group", where, value, depth+1)}}, true
	}
	e := r.entity(key.Value, key.Line, value)
	if e == nil {
		return step{}, false
	}
	s := step{where: where}
	ifCond, unless := e.template("if"), e.template("unless")
	switch {
	case e.has("if") && e.has("unless"):
		r.fail(where, "%w: %s: if and unless can't be used together: write if: \"$(and … $(not …))\"", ErrSyntax, key.Value)
	case ifCond != nil:
		s.cond = ifCond
	case unless != nil:
		s.cond, s.negate = unless, true
	}
	s.act = parse(e, depth)
	e.done()
	return s, true
}

// evaluator runs the steps of a file and of what it includes.
type evaluator struct {
	*scope
	plan    *Plan
	depth   int  // of includes
	counter *int // of processes
	actions *int // run so far
}

const (
	// maxIncludeDepth stops a file that includes itself.
	maxIncludeDepth = 32
	// maxActions stops includes that multiply.
	maxActions = 1 << 14
)

// Plan resolves the file with arguments by name. An argument that nothing
// declares or reads is an error.
func (f *File) Plan(args map[string]string) (*Plan, error) {
	s := newScope(f.loader, f.Path)
	ev := &evaluator{scope: s, plan: &Plan{File: f.Path}, counter: new(int), actions: new(int)}
	if err := ev.include(f, args, Position{f.Path, 1}, true); err != nil {
		return nil, err
	}
	return ev.plan, nil
}

func (ev *evaluator) steps(steps []step) error {
	for _, s := range steps {
		if *ev.actions++; *ev.actions > maxActions {
			return s.where.errorf("%w: more than %d actions: a file includes itself again and again", ErrSyntax, maxActions)
		}
		if s.cond != nil {
			yes, err := ev.truth(s.cond)
			if err != nil {
				return s.where.at(err)
			}
			if yes == s.negate {
				continue
			}
		}
		if err := s.act.run(ev, s.where); err != nil {
			return s.where.at(err)
		}
	}
	return nil
}

// ParseArguments reads name:=value arguments of a command line; the last of a name wins.
func ParseArguments(argv []string) (map[string]string, error) {
	args := map[string]string{}
	for _, a := range argv {
		name, value, ok := strings.Cut(a, ":=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%w: %q: write it as name:=value", ErrArgument, a)
		}
		if value == "" {
			return nil, fmt.Errorf("%w: %q has no value (ros2 launch refuses it too): leave it out for the default", ErrArgument, a)
		}
		args[name] = value
	}
	return args, nil
}

// ShowArguments writes what `ros2 launch --show-args` prints.
func (f *File) ShowArguments(w io.Writer) error {
	args := f.Arguments()
	var b strings.Builder
	b.WriteString("Arguments (pass arguments as '<name>:=<value>'):\n")
	conditional := false
	for _, a := range args {
		star := ""
		if a.Conditional {
			star, conditional = "*", true
		}
		fmt.Fprintf(&b, "\n    '%s':%s\n        %s\n", a.Name, star, a.Help())
		if !a.Required {
			fmt.Fprintf(&b, "        (default: %s)\n", a.Default)
		}
	}
	switch {
	case len(args) == 0:
		b.WriteString("\n  No arguments.\n")
	case conditional:
		b.WriteString("\n* argument(s) which are only used if specific conditions occur\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
