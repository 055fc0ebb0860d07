package launch

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// substitutions maps each name that is understood to the number of values it takes.
var substitutions = map[string]struct{ min, max int }{
	"var":             {1, 2},
	"env":             {1, 2},
	"find-pkg-share":  {1, 1},
	"find-pkg-prefix": {1, 1},
	"exec-in-pkg":     {2, 2},
	"find-exec":       {1, 1},
	"dirname":         {0, 0},
	"filename":        {0, 0},
	"not":             {1, 1},
	"and":             {2, 2},
	"or":              {2, 2},
}

// unsupported substitutions, and what to write instead.
var unsupportedSubstitutions = map[string]string{
	"eval":    "it runs Python. Use $(not x), $(and x y), $(or x y), if and unless with an arg, or compute the value before launching and pass it as an argument",
	"command": "it runs a program while the file is read. Run it before launching and pass what it prints as an argument: name:=\"$(program)\"",
	"param":   "it reads parameters of the launch process. Declare an arg and use $(var x)",
	"anon":    "it makes a name that differs every time. Give the node a name, or an arg with one",
	"log_dir": "log files go where the runner is told to put them",
	"equals":  "Humble does not have it (later ROS has). Use an arg with the choices \"true\" and \"false\"",
}

// check says whether the substitutions of t are known and well formed.
func (t template) check() error {
	for _, p := range t {
		if p.sub == nil {
			continue
		}
		s := p.sub
		arity, ok := substitutions[s.name]
		if !ok {
			if why, ok := unsupportedSubstitutions[s.name]; ok {
				return fmt.Errorf("%w: $(%s): %s", ErrUnsupported, s.name, why)
			}
			return fmt.Errorf("%w: unknown substitution $(%s); known are %s", ErrSubstitution, s.name, known(substitutions))
		}
		if n := len(s.args); n < arity.min || n > arity.max {
			want := strconv.Itoa(arity.min)
			if arity.max != arity.min {
				want += " or " + strconv.Itoa(arity.max)
			}
			return fmt.Errorf("%w: $(%s) takes %s values, not %d", ErrSubstitution, s.name, want, n)
		}
		for _, a := range s.args {
			if err := a.check(); err != nil {
				return err
			}
		}
	}
	return nil
}

// expand performs the substitutions of t.
func (t template) expand(s *scope) (string, error) {
	var b strings.Builder
	for _, p := range t {
		if p.sub == nil {
			b.WriteString(p.text)
			continue
		}
		text, err := p.sub.expand(s)
		if err != nil {
			return "", err
		}
		if b.WriteString(text); b.Len() > maxExpansion {
			return "", fmt.Errorf("%w: the text grows beyond %d bytes", ErrSubstitution, maxExpansion)
		}
	}
	return b.String(), nil
}

// maxExpansion bounds what one template may become [bytes].
const maxExpansion = 1 << 20

func (sub *substitution) expand(s *scope) (string, error) {
	args := make([]string, len(sub.args))
	for i, a := range sub.args {
		text, err := a.expand(s)
		if err != nil {
			return "", err
		}
		args[i] = text
	}
	switch sub.name {
	case "var":
		return s.variable(args)
	case "env":
		if v, ok := s.env[args[0]]; ok {
			return v, nil
		}
		if len(args) == 2 {
			return args[1], nil
		}
		return "", fmt.Errorf("%w: environment variable %q is not set; $(env %s default) gives it a default", ErrSubstitution, args[0], args[0])
	case "find-pkg-share":
		return s.loader.share(args[0], s.env)
	case "find-pkg-prefix":
		return s.loader.prefix(args[0], s.env)
	case "exec-in-pkg":
		return s.loader.executable(args[1], args[0], s.env)
	case "find-exec":
		return s.loader.lookPath(args[0], s.env)
	case "dirname":
		return path.Dir(s.file), nil
	case "filename":
		return s.file, nil
	}
	return sub.logic(args)
}

// logic evaluates not, and, or on YAML booleans.
func (sub *substitution) logic(args []string) (string, error) {
	values := make([]bool, len(args))
	for i, a := range args {
		v, err := coerce(a, valueType{kind: Bool})
		if err != nil {
			return "", fmt.Errorf("%w: $(%s): %q is neither true nor false", ErrSubstitution, sub.name, a)
		}
		values[i] = v.Bool
	}
	result := false
	switch sub.name {
	case "not":
		result = !values[0]
	case "and":
		result = values[0] && values[1]
	case "or":
		result = values[0] || values[1]
	}
	return strconv.FormatBool(result), nil
}

// describe writes the substitution as `ros2 launch --show-args` does.
func (sub *substitution) describe() string {
	args := make([]string, len(sub.args))
	for i, a := range sub.args {
		args[i] = a.describe()
	}
	switch sub.name {
	case "var":
		return "LaunchConfig(" + args[0] + ")"
	case "env":
		return "EnvVar(" + args[0] + ")"
	case "find-pkg-share":
		return "FindPackageShare(pkg=" + args[0] + ")"
	case "find-pkg-prefix":
		return "FindPackagePrefix(pkg=" + args[0] + ")"
	case "exec-in-pkg":
		return "ExecInPkg(pkg=" + args[1] + ", exec=" + args[0] + ")"
	case "find-exec":
		return "FindExec(" + args[0] + ")"
	case "dirname":
		return "ThisLaunchFileDir()"
	case "filename":
		return "ThisLaunchFile()"
	case "not":
		return "NotSubstitution(" + args[0] + ")"
	case "and":
		return "AndSubstitution(" + strings.Join(args, " ") + ")"
	}
	return "OrSubstitution(" + strings.Join(args, " ") + ")"
}
