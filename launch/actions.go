package launch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// actionKinds maps each kind of action to its parser.
func actionKinds() map[string]func(e *entity, depth int) action {
	return map[string]func(e *entity, depth int) action{
		"arg":                      parseArgument,
		"let":                      parseLet,
		"group":                    parseGroup,
		"include":                  parseInclude,
		"push-ros-namespace":       parsePushNamespace,
		"push_ros_namespace":       parsePushNamespace,
		"set_env":                  parseSetEnv,
		"unset_env":                parseUnsetEnv,
		"append_env":               parseAppendEnv,
		"reset_env":                parseResetEnv,
		"reset":                    parseReset,
		"set_parameter":            parseSetParameter,
		"set_parameters_from_file": parseSetParametersFromFile,
		"set_remap":                parseSetRemap,
		"node":                     parseNode,
		"executable":               parseExecutable,
		"log":                      parseLog,
	}
}

// unsupportedActions of Humble, and what to write instead.
var unsupportedActions = map[string]string{
	"timer":                "nodes wait for their peers, so that nothing needs to start later; for another package's node use an executable with a shell: sleep 5 && …",
	"ros_timer":            "nodes wait for their peers, so that nothing needs to start later",
	"shutdown":             "end the launch with Ctrl-C or SIGINT",
	"set_use_sim_time":     "it sets the parameter of the launch process only. Write - set_parameter: {name: use_sim_time, value: \"true\"}",
	"node_container":       "components are C++ libraries loaded by ROS 2. Start each as a node of its own, or the container beside this launch with `ros2 launch`",
	"load_composable_node": "components are C++ libraries loaded by ROS 2. Start each as a node of its own, or the container beside this launch with `ros2 launch`",
	"composable_node":      "components are C++ libraries loaded by ROS 2. Start each as a node of its own, or the container beside this launch with `ros2 launch`",
}

// let sets a variable.
type let struct{ name, value template }

func parseLet(e *entity, _ int) action {
	return &let{name: e.need("name"), value: e.need("value")}
}

func (l *let) run(ev *evaluator, _ Position) error {
	name, value, err := expandPair(ev.scope, l.name, l.value)
	if err == nil {
		ev.vars[name] = value
	}
	return err
}

func expandPair(s *scope, a, b template) (string, string, error) {
	first, err := a.expand(s)
	if err != nil {
		return "", "", err
	}
	second, err := b.expand(s)
	return first, second, err
}

// pair is a name and a value with substitutions.
type pair struct{ name, value template }

// pairs reads a list of mappings with two attributes each.
func (e *entity) pairs(key, name, value string) []pair {
	var out []pair
	for _, c := range e.entities(key) {
		out = append(out, pair{c.need(name), c.need(value)})
		c.done()
	}
	return out
}

// group runs steps together, with a scope of their own unless scoped is false.
type group struct {
	scoped     bool
	forwarding bool // false: only what keep names is visible inside
	keep       []pair
	steps      []step
}

func parseGroup(e *entity, depth int) action {
	g := &group{scoped: e.truth("scoped", true), forwarding: e.truth("forwarding", true), keep: e.pairs("keep", "name", "value")}
	e.want("children")
	if e.has("children") {
		g.steps = e.r.steps("group", e.at("children"), e.get("children"), depth+1)
	}
	return g
}

func (g *group) run(ev *evaluator, _ Position) error {
	kept := map[string]string{}
	for _, k := range g.keep {
		name, value, err := expandPair(ev.scope, k.name, k.value)
		if err != nil {
			return err
		}
		kept[name] = value
	}
	inner := *ev
	if g.scoped {
		inner.scope = ev.scope.copy()
		if !g.forwarding {
			inner.reset()
			inner.resetEnv()
		}
	}
	for name, value := range kept {
		inner.vars[name] = value
	}
	return inner.steps(g.steps)
}

// pushNamespace puts the nodes to come below a namespace.
type pushNamespace struct{ namespace template }

func parsePushNamespace(e *entity, _ int) action {
	return &pushNamespace{e.need("namespace")}
}

func (p *pushNamespace) run(ev *evaluator, _ Position) error {
	ns, err := p.namespace.expand(ev.scope)
	if err != nil {
		return err
	}
	full, err := ev.push(ns)
	if err == nil {
		ev.vars[namespaceVar] = full
	}
	return err
}

// setEnv sets an environment variable.
type setEnv struct{ name, value template }

func parseSetEnv(e *entity, _ int) action { return &setEnv{e.need("name"), e.need("value")} }

func (a *setEnv) run(ev *evaluator, _ Position) error {
	name, value, err := expandPair(ev.scope, a.name, a.value)
	if err != nil {
		return err
	}
	if err := checkEnv(name, value); err != nil {
		return err
	}
	ev.env[name] = value
	return nil
}

func checkEnv(name, value string) error {
	if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(value, 0) {
		return fmt.Errorf("%w: %q can't be the name of an environment variable (or its value holds a zero byte)", ErrSyntax, name)
	}
	return nil
}

// unsetEnv removes an environment variable.
type unsetEnv struct{ name template }

func parseUnsetEnv(e *entity, _ int) action { return &unsetEnv{e.need("name")} }

func (a *unsetEnv) run(ev *evaluator, _ Position) error {
	name, err := a.name.expand(ev.scope)
	if err == nil {
		delete(ev.env, name)
	}
	return err
}

// appendEnv puts a value after (or before) an environment variable's.
type appendEnv struct {
	name, value, separator, prepend template
}

func parseAppendEnv(e *entity, _ int) action {
	a := &appendEnv{name: e.need("name"), value: e.need("value"), separator: e.template("separator")}
	// A YAML boolean, or a string with substitutions.
	if v, ok := e.scalar("prepend"); ok {
		switch v.Kind {
		case Bool:
			a.prepend = template{{text: v.String()}}
		case String:
			a.prepend = e.r.template(e.at("prepend"), "append_env: prepend", v.Str)
		default:
			e.r.fail(e.at("prepend"), "%w: append_env: \"prepend\" must be true or false", ErrSyntax)
		}
	}
	return a
}

func (a *appendEnv) run(ev *evaluator, _ Position) error {
	name, value, err := expandPair(ev.scope, a.name, a.value)
	if err != nil {
		return err
	}
	prepend, err := ev.flag(a.prepend)
	if err != nil {
		return err
	}
	separator := ":"
	if a.separator != nil {
		if separator, err = a.separator.expand(ev.scope); err != nil {
			return err
		}
	}
	if old, ok := ev.env[name]; ok && prepend {
		value += separator + old
	} else if ok {
		value = old + separator + value
	}
	if len(value) > maxExpansion {
		return fmt.Errorf("%w: %s grows beyond %d bytes", ErrSyntax, name, maxExpansion)
	}
	if err := checkEnv(name, value); err != nil {
		return err
	}
	ev.env[name] = value
	return nil
}

// resetEnv restores the environment that the launch began with.
type resetEnv struct{}

func parseResetEnv(*entity, int) action { return resetEnv{} }

func (resetEnv) run(ev *evaluator, _ Position) error {
	ev.resetEnv()
	return nil
}

// reset forgets all variables but those it keeps, the namespace, parameters and remaps.
type reset struct{ keep []pair }

func parseReset(e *entity, _ int) action { return &reset{e.pairs("keep", "name", "value")} }

func (a *reset) run(ev *evaluator, _ Position) error {
	kept := map[string]string{}
	for _, k := range a.keep {
		name, value, err := expandPair(ev.scope, k.name, k.value)
		if err != nil {
			return err
		}
		kept[name] = value
	}
	ev.reset()
	ev.vars = kept
	return nil
}

// setParameter gives a parameter to every node to come.
type setParameter struct{ name, value template }

func parseSetParameter(e *entity, _ int) action {
	return &setParameter{e.need("name"), e.need("value")}
}

func (a *setParameter) run(ev *evaluator, where Position) error {
	name, text, err := expandPair(ev.scope, a.name, a.value)
	if err != nil {
		return err
	}
	v, err := parseYAMLValue(text)
	if err != nil {
		return fmt.Errorf("%w %q: %w", ErrParameter, name, err)
	}
	if err := checkParameterName(name); err != nil {
		return err
	}
	ev.params = append(ev.params, Parameters{Where: where, Values: []Parameter{{name, v}}, Scope: true})
	return nil
}

// setParametersFromFile gives a parameter file to every node to come.
type setParametersFromFile struct{ filename template }

func parseSetParametersFromFile(e *entity, _ int) action {
	return &setParametersFromFile{e.need("filename")}
}

func (a *setParametersFromFile) run(ev *evaluator, where Position) error {
	name, err := a.filename.expand(ev.scope)
	if err != nil {
		return err
	}
	f, err := ev.parameterFile(name, false)
	if err != nil {
		return err
	}
	ev.params = append(ev.params, Parameters{Where: where, File: f})
	return nil
}

// setRemap gives a remapping rule to every node to come.
type setRemap struct{ from, to template }

func parseSetRemap(e *entity, _ int) action { return &setRemap{e.need("from"), e.need("to")} }

func (a *setRemap) run(ev *evaluator, _ Position) error {
	r, err := expandRemap(ev.scope, pair{a.from, a.to})
	if err == nil {
		ev.remaps = append(ev.remaps, r)
	}
	return err
}

func expandRemap(s *scope, p pair) (Remap, error) {
	from, to, err := expandPair(s, p.name, p.value)
	if err != nil {
		return Remap{}, err
	}
	for _, side := range []string{from, to} {
		if side == "" || strings.Contains(side, ":=") || strings.ContainsAny(side, " \t\n") {
			return Remap{}, fmt.Errorf("%w: remap from %q to %q: a side is empty or no name", ErrSyntax, from, to)
		}
	}
	return Remap{from, to}, nil
}

// logMessage prints a line.
type logMessage struct{ message template }

func parseLog(e *entity, _ int) action { return &logMessage{e.need("message")} }

func (a *logMessage) run(ev *evaluator, where Position) error {
	text, err := a.message.expand(ev.scope)
	if err == nil {
		ev.plan.Actions = append(ev.plan.Actions, &Message{Where: where, Text: text})
	}
	return err
}

var errDeep = errors.New("files include each other")

// include runs another launch file in the same scope.
type include struct {
	file template
	args []pair
}

func parseInclude(e *entity, _ int) action {
	inc := &include{file: e.need("file"), args: e.pairs("arg", "name", "value")}
	if name, ok := inc.file.literal(); ok && inc.file != nil {
		if err := checkKind(name); err != nil {
			e.r.fail(e.at("file"), "%w", err)
		}
	}
	return inc
}

func (inc *include) run(ev *evaluator, where Position) error {
	if ev.depth++; ev.depth > maxIncludeDepth {
		return fmt.Errorf("%w: %w: more than %d deep", ErrSyntax, errDeep, maxIncludeDepth)
	}
	defer func() { ev.depth-- }()
	name, err := inc.file.expand(ev.scope)
	if err != nil {
		return err
	}
	if name, err = absolute(name); err != nil {
		return err
	}
	f, err := ev.loader.load(name)
	if err != nil {
		return where.errorf("include: %w", err)
	}
	args := map[string]string{}
	for _, a := range inc.args {
		name, value, err := expandPair(ev.scope, a.name, a.value)
		if err != nil {
			return err
		}
		args[name] = value
		ev.vars[name] = value // an argument may use those before it
	}
	return ev.include(f, args, where, false)
}

// include evaluates a file with arguments, for a launch (top) or an include.
func (ev *evaluator) include(f *File, args map[string]string, where Position, top bool) error {
	given := slices.Sorted(mapKeys(args))
	for _, a := range f.required() {
		if _, ok := args[a.Name]; !ok {
			remedy := fmt.Sprintf("add %s:=value", a.Name)
			if !top {
				remedy = fmt.Sprintf("add {name: %s, value: …} to the include's arg", a.Name)
			}
			return where.errorf("%w %q of %s is required and was not given: %s (%s)", ErrArgument, a.Name, f.Path, remedy, a.Help())
		}
	}
	if f.deprecated != "" {
		ev.plan.Warnings = append(ev.plan.Warnings, fmt.Sprintf("launch file %s is deprecated: %s", f.Path, f.deprecated))
	}
	outerFile, outerUsed := ev.file, ev.used
	ev.file, ev.used = f.Path, map[string]bool{}
	for _, name := range given {
		ev.vars[name] = args[name]
	}
	err := ev.steps(f.steps)
	used := ev.used
	ev.file, ev.used = outerFile, outerUsed
	for name := range used {
		ev.used[name] = true
	}
	if err != nil && !top && !errors.Is(err, errDeep) {
		return where.errorf("include: %w", err)
	}
	if err != nil {
		return err
	}
	var names []string
	for _, a := range f.Arguments() {
		names = append(names, a.Name)
		used[a.Name] = true
	}
	for _, name := range given {
		if !used[name] {
			return where.errorf("%w %q: %s neither declares nor uses it%s; it has %s", ErrArgument, name, f.Path, nearest(name, names), strings.Join(names, ", "))
		}
	}
	return nil
}
