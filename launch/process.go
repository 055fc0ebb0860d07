package launch

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"time"
)

// processSpec is what node and executable have in common in a launch file.
type processSpec struct {
	dir, prefix, output, respawn template
	respawnDelay                 time.Duration
	shell                        bool
	env                          []pair
}

func parseProcess(e *entity) processSpec {
	p := processSpec{
		dir:     e.template("cwd"),
		prefix:  e.template("launch-prefix"),
		output:  e.template("output"),
		respawn: e.template("respawn"),
		shell:   e.truth("shell", false),
		env:     e.pairs("env", "name", "value"),
	}
	if text, ok := p.output.literal(); ok && p.output != nil && !validOutputs[Output(text)] {
		e.r.fail(e.at("output"), "%w: %s: %s", ErrSyntax, e.kind, badOutput(text))
	}
	if v, ok := e.scalar("respawn_delay"); ok {
		switch {
		case v.Kind != Float:
			e.r.fail(e.at("respawn_delay"), "%w: %s: \"respawn_delay\" must be a float in seconds: write it with its point and without quotes, e.g. 2.0", ErrSyntax, e.kind)
		case !(v.Float >= 0 && v.Float <= maxSeconds):
			e.r.fail(e.at("respawn_delay"), "%w: %s: respawn_delay %v s is not between 0 and %v", ErrSyntax, e.kind, v.Float, maxSeconds)
		default:
			p.respawnDelay = seconds(v.Float)
		}
	}
	return p
}

// maxSeconds bounds delays and timeouts: a year, so that durations can't overflow [s].
const maxSeconds = 365 * 24 * 3600.0

func badOutput(text string) string {
	return fmt.Sprintf("output %q is not one of both, full, log, own_log, screen", text)
}

// The variables by which Humble lets a launch change all its processes.
const (
	prefixVar       = "launch-prefix"
	prefixFilterVar = "launch-prefix-filter"
	termVar         = "sigterm_timeout"
	killVar         = "sigkill_timeout"
	ttyVar          = "emulate_tty"
)

// defaultGrace is how long a process may take to end after SIGINT, and again after SIGTERM, as in Humble.
const defaultGrace = 5 * time.Second

// resolve makes a process. label names it, file is its executable.
func (p processSpec) resolve(ev *evaluator, where Position, label, file string) (Process, error) {
	out := Process{Where: where, Shell: p.shell, RespawnDelay: p.respawnDelay, Output: OutputLog}
	var err error
	if out.Dir, err = expandOptional(p.dir, ev.scope); err != nil {
		return out, err
	}
	if out.Prefix, err = p.prefixWords(ev, file); err != nil {
		return out, err
	}
	output, err := expandOptional(p.output, ev.scope)
	if err != nil {
		return out, err
	}
	if output != "" {
		out.Output = Output(output)
	}
	if !validOutputs[out.Output] {
		return out, fmt.Errorf("%w: %s", ErrSyntax, badOutput(output))
	}
	if out.Respawn, err = ev.flag(p.respawn); err != nil {
		return out, fmt.Errorf("respawn: %w", err)
	}
	if err := ev.timeouts(&out); err != nil {
		return out, err
	}
	env := maps.Clone(ev.env)
	for _, kv := range p.env {
		name, value, err := expandPair(ev.scope, kv.name, kv.value)
		if err != nil {
			return out, err
		}
		if err := checkEnv(name, value); err != nil {
			return out, err
		}
		env[name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out.Env = append(out.Env, name+"="+env[name])
	}
	out.EnvChanged = ev.changedEnv(env)
	*ev.counter++
	out.Name = fmt.Sprintf("%s-%d", label, *ev.counter)
	return out, nil
}

func expandOptional(t template, s *scope) (string, error) {
	if t == nil {
		return "", nil
	}
	return t.expand(s)
}

// prefixWords is the process's own launch-prefix, or the variable of that name
// where launch-prefix-filter matches the start of the executable's name.
func (p processSpec) prefixWords(ev *evaluator, file string) ([]string, error) {
	if p.prefix != nil {
		text, err := p.prefix.expand(ev.scope)
		if err != nil {
			return nil, err
		}
		return splitWords(text)
	}
	filter, _ := ev.lookup(prefixFilterVar)
	re, err := regexp.Compile("^(?:" + filter + ")")
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrArgument, prefixFilterVar, err)
	}
	text, _ := ev.lookup(prefixVar)
	if !re.MatchString(path.Base(file)) {
		return nil, nil
	}
	return splitWords(text)
}

// lookup reads a variable that launch itself understands.
func (s *scope) lookup(name string) (string, bool) {
	s.used[name] = true
	v, ok := s.vars[name]
	return v, ok
}

func (ev *evaluator) timeouts(out *Process) error {
	for name, d := range map[string]*time.Duration{termVar: &out.TermAfter, killVar: &out.KillAfter} {
		*d = defaultGrace
		text, ok := ev.lookup(name)
		if !ok {
			continue
		}
		s, number := pythonFloat(text)
		if !number || !(s >= 0 && s <= maxSeconds) {
			return fmt.Errorf("%w %q: %q is not a time in seconds", ErrArgument, name, text)
		}
		*d = seconds(s)
	}
	if text, ok := ev.lookup(ttyVar); ok {
		v, err := coerce(text, valueType{kind: Bool})
		if err != nil {
			return fmt.Errorf("%w %q: %w", ErrArgument, ttyVar, err)
		}
		if v.Bool {
			return fmt.Errorf("%w: %s: processes have pipes, not terminals. Leave it out; set_env RCUTILS_COLORIZED_OUTPUT to \"1\" gives colours", ErrUnsupported, ttyVar)
		}
	}
	return nil
}

// executable starts any program.
type executable struct {
	processSpec
	cmd  []template
	name template
}

func parseExecutable(e *entity, _ int) action {
	x := &executable{processSpec: parseProcess(e), name: e.template("name")}
	x.cmd = e.command("cmd")
	e.want("cmd")
	return x
}

// command reads an optional command line.
func (e *entity) command(key string) []template {
	t := e.template(key)
	words, err := splitCommand(t)
	if err != nil {
		e.r.fail(e.at(key), "%s: %s: %w", e.kind, key, err)
	}
	return words
}

func expandAll(words []template, s *scope) ([]string, error) {
	var out []string
	for _, w := range words {
		text, err := w.expand(s)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}

func (x *executable) run(ev *evaluator, where Position) error {
	cmd, err := expandAll(x.cmd, ev.scope)
	if err != nil {
		return err
	}
	if len(cmd) == 0 || cmd[0] == "" {
		return fmt.Errorf("%w: executable: \"cmd\" is empty", ErrSyntax)
	}
	label := path.Base(cmd[0])
	if x.name != nil {
		if label, err = x.name.expand(ev.scope); err != nil {
			return err
		}
	}
	p, err := x.resolve(ev, where, label, cmd[0])
	if err != nil {
		return err
	}
	ev.plan.Actions = append(ev.plan.Actions, &Executable{Process: p, Command: cmd})
	return nil
}
