package launch

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// scope is what actions see and change while a file is evaluated: variables,
// environment, parameters and remaps for the nodes to come. A scoped group
// works on a copy.
type scope struct {
	loader *loader
	file   string // the file being evaluated
	base   map[string]string

	vars   map[string]string
	env    map[string]string
	params []Parameters
	remaps []Remap

	used map[string]bool // variables that were read or declared, shared by all copies
}

// The variable that push-ros-namespace keeps, as in Humble.
const namespaceVar = "ros_namespace"

func newScope(l *loader, file string) *scope {
	env := envMap(l.cfg.Env)
	return &scope{loader: l, file: file, base: env, vars: map[string]string{}, env: maps.Clone(env), used: map[string]bool{}}
}

// copy starts a scoped group.
func (s *scope) copy() *scope {
	c := *s
	c.vars, c.env = maps.Clone(s.vars), maps.Clone(s.env)
	c.params, c.remaps = slices.Clip(s.params), slices.Clip(s.remaps)
	return &c
}

// reset forgets variables, parameters and remaps.
func (s *scope) reset() {
	s.vars = map[string]string{}
	s.params, s.remaps = nil, nil
}

func (s *scope) resetEnv() { s.env = maps.Clone(s.base) }

// variable performs $(var name default).
func (s *scope) variable(args []string) (string, error) {
	s.used[args[0]] = true
	if v, ok := s.vars[args[0]]; ok {
		return v, nil
	}
	if len(args) == 2 {
		return args[1], nil
	}
	return "", fmt.Errorf("%w: variable %q is not set%s: declare it with arg or let", ErrSubstitution, args[0], nearest(args[0], slices.Collect(maps.Keys(s.vars))))
}

// truth evaluates a condition: true, 1, false or 0 in any case.
func (s *scope) truth(t template) (bool, error) {
	text, err := t.expand(s)
	if err != nil {
		return false, err
	}
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, fmt.Errorf("%w: condition %q is neither true, 1, false nor 0", ErrSyntax, text)
}

// flag evaluates an optional template that must become a YAML boolean.
func (s *scope) flag(t template) (bool, error) {
	if t == nil {
		return false, nil
	}
	text, err := t.expand(s)
	if err != nil {
		return false, err
	}
	v, err := coerce(text, valueType{kind: Bool})
	return v.Bool, err
}

// push makes a relative namespace absolute below the current one.
func (s *scope) push(ns string) (string, error) {
	full := joinNamespace(s.vars[namespaceVar], ns)
	return full, validateNamespace(full)
}

// joinNamespace puts ns below base; an absolute ns stands alone.
func joinNamespace(base, ns string) string {
	full := ns
	if base != "" && !strings.HasPrefix(ns, "/") {
		full = strings.TrimSuffix(base, "/") + "/" + ns
	}
	full = strings.TrimRight(full, "/")
	if !strings.HasPrefix(full, "/") {
		full = "/" + full
	}
	return full
}

// changedEnv lists the variables of env that differ from the launch's own.
func (s *scope) changedEnv(env map[string]string) []string {
	changed := map[string]bool{}
	for k, v := range env {
		if old, ok := s.base[k]; !ok || old != v {
			changed[k] = true
		}
	}
	for k := range s.base {
		if _, ok := env[k]; !ok {
			changed[k] = true
		}
	}
	return slices.Sorted(maps.Keys(changed))
}

// validName says whether s may be a node's name, or one part of a namespace.
func validName(s string) error {
	if s == "" {
		return fmt.Errorf("it is empty")
	}
	if len(s) > 255 {
		return fmt.Errorf("it is longer than 255 characters")
	}
	if isDigit(s[0]) {
		return fmt.Errorf("it starts with a digit")
	}
	for _, r := range s {
		if r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return fmt.Errorf("%q is not a letter, digit or underscore", r)
		}
	}
	return nil
}

func validateNamespace(ns string) error {
	if ns == "/" {
		return nil
	}
	for part := range strings.SplitSeq(ns[1:], "/") {
		if err := validName(part); err != nil {
			return fmt.Errorf("%w: namespace %q: part %q: %w", ErrSyntax, ns, part, err)
		}
	}
	return nil
}
