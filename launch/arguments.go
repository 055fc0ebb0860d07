package launch

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// Argument is one that a launch file declares.
type Argument struct {
	Where Position
	Name  string
	// Description from the file; "" where it has none.
	Description string
	// Required: it has no default.
	Required bool
	// Default as `ros2 launch --show-args` writes it: 'text' + LaunchConfig('x').
	Default string
	// Choices it must be one of; none for any.
	Choices []string
	// Conditional: only under some condition is it declared.
	Conditional bool
}

// Help is the description with the choices, as `ros2 launch --show-args` prints it.
func (a Argument) Help() string {
	switch {
	case len(a.Choices) == 0 && a.Description == "":
		return "no description given"
	case len(a.Choices) == 0:
		return a.Description
	case a.Description == "":
		return "One of: " + pythonList(a.Choices)
	}
	return strings.TrimSuffix(a.Description, ".") + ". Valid choices are: " + pythonList(a.Choices)
}

func pythonList(items []string) string {
	quoted := make([]string, len(items))
	for i, s := range items {
		q := "'"
		if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
			q = `"`
		}
		quoted[i] = q + strings.NewReplacer(`\`, `\\`, "\n", `\n`, q, `\`+q).Replace(s) + q
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// argument declares a variable that whoever includes or launches the file may set.
type argument struct {
	name         string
	description  string
	defaultValue template // nil: required
	choices      []string
}

func parseArgument(e *entity, _ int) action {
	e.want("name")
	a := &argument{}
	a.name, _ = e.word("name")
	a.description, _ = e.word("description")
	a.defaultValue = e.template("default")
	for _, c := range e.entities("choice") {
		c.want("value")
		v, _ := c.word("value")
		a.choices = append(a.choices, v)
		c.done()
	}
	if text, ok := a.defaultValue.literal(); ok && a.defaultValue != nil && a.choices != nil && !slices.Contains(a.choices, text) {
		e.r.fail(e.at("default"), "%w: %s: default %q is none of the choices %s", ErrArgument, a.name, text, strings.Join(a.choices, ", "))
	}
	return a
}

func (a *argument) run(ev *evaluator, _ Position) error {
	ev.used[a.name] = true
	value, ok := ev.vars[a.name]
	if !ok {
		if a.defaultValue == nil {
			return fmt.Errorf("%w %q is required and was not given: add %s:=value (%s)", ErrArgument, a.name, a.name, a.describe(false).Help())
		}
		text, err := a.defaultValue.expand(ev.scope)
		if err != nil {
			return fmt.Errorf("arg %q: %w", a.name, err)
		}
		value = text
		ev.vars[a.name] = value
	}
	if a.choices != nil && !slices.Contains(a.choices, value) {
		return fmt.Errorf("%w %q can't be %q: choose one of %s", ErrArgument, a.name, value, strings.Join(a.choices, ", "))
	}
	return nil
}

func (a *argument) describe(conditional bool) Argument {
	out := Argument{Name: a.name, Description: a.description, Choices: a.choices, Required: a.defaultValue == nil, Conditional: conditional}
	if a.defaultValue != nil {
		out.Default = a.defaultValue.describe()
	}
	return out
}

// Arguments lists what the file and the files it includes declare, each name
// once, in order. Files whose path depends on a variable are not seen.
func (f *File) Arguments() []Argument {
	c := argumentList{scope: newScope(f.loader, f.Path), seen: map[string]bool{}}
	c.steps(f.steps, false, 0)
	return c.out
}

// required lists the arguments that whoever includes the file must give.
func (f *File) required() []Argument {
	c := argumentList{seen: map[string]bool{}}
	c.steps(f.steps, false, 0)
	return slices.DeleteFunc(c.out, func(a Argument) bool { return !a.Required || a.Conditional })
}

// argumentList walks steps without running them.
type argumentList struct {
	scope *scope // nil: included files are not opened
	seen  map[string]bool
	out   []Argument
}

// steps returns false where a reset ends what can be set from outside.
func (c *argumentList) steps(steps []step, conditional bool, depth int) bool {
	for _, s := range steps {
		cond := conditional || s.cond != nil
		switch act := s.act.(type) {
		case *argument:
			if !c.seen[act.name] {
				c.seen[act.name] = true
				a := act.describe(cond)
				a.Where = s.where
				c.out = append(c.out, a)
			}
		case *group:
			if act.forwarding && !c.steps(act.steps, cond, depth) && !act.scoped {
				return false
			}
		case *reset:
			return false
		case *include:
			c.include(act, cond, depth)
		}
	}
	return true
}

func (c *argumentList) include(act *include, conditional bool, depth int) {
	if c.scope == nil || depth == maxIncludeDepth {
		return
	}
	name, err := act.file.expand(c.scope)
	if err != nil {
		return
	}
	f, err := c.scope.loader.load(name)
	if err != nil {
		return // running the file reports it
	}
	outer := c.scope.file
	c.scope.file = f.Path
	c.steps(f.steps, conditional, depth+1)
	c.scope.file = outer
}

func mapKeys[T any](m map[string]T) iter.Seq[string] { return maps.Keys(m) }
