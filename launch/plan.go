package launch

import (
	"fmt"
	"strings"
	"time"
)

// Plan is what a launch file comes to: resolved actions, in order.
type Plan struct {
	// File is the launch file's path.
	File string
	// Actions to execute from first to last; processes run side by side.
	Actions []Action
	// Warnings for people, e.g. that a file calls itself deprecated.
	Warnings []string
}

// Action is a *Node, an *Executable or a *Message.
type Action interface {
	// Position is the line that asked for it.
	Position() Position
	// text describes it over several lines.
	text(b *strings.Builder)
}

// Output says where what a process prints goes.
type Output string

// Destinations of output: the screen, launch.log below the runner's LogDir, or
// files of the process's own there.
const (
	OutputLog    Output = "log"     // both to launch.log, standard error also to the screen: the default
	OutputScreen Output = "screen"  // both to the screen
	OutputBoth   Output = "both"    // both to the screen and launch.log
	OutputOwnLog Output = "own_log" // both to NAME-stdout.log, NAME-stderr.log and NAME.log
	OutputFull   Output = "full"    // everything
)

var validOutputs = map[Output]bool{OutputLog: true, OutputScreen: true, OutputBoth: true, OutputOwnLog: true, OutputFull: true}

// Process is what nodes and executables have in common.
type Process struct {
	Where Position
	// Name labels its output: the executable's name, or exec_name, and a number, e.g. arm-3.
	Name string
	// Dir to run in; "" is the launch's own.
	Dir string
	// Prefix goes before the command, e.g. gdb -ex run --args.
	Prefix []string
	// Shell runs the command by /bin/sh -c.
	Shell bool
	// Env is the whole environment of the process, sorted.
	Env []string
	// EnvChanged names the variables that the launch files set, changed or unset for it, sorted.
	EnvChanged []string
	// Output says where its output goes.
	Output Output
	// Respawn starts it again RespawnDelay after it ends, however it ends, until the launch ends.
	Respawn      bool
	RespawnDelay time.Duration
	// At the end of the launch it gets SIGINT, SIGTERM after TermAfter, SIGKILL KillAfter later.
	TermAfter, KillAfter time.Duration
}

// Position implements Action.
func (p *Process) Position() Position { return p.Where }

// Node is one ROS 2 node to start.
type Node struct {
	Process
	// Package has the executable lib/Package/Executable; "" takes Executable from PATH.
	Package    string
	Executable string
	// NodeName replaces the node's own name; "" keeps it.
	NodeName string
	// Namespace replaces the node's own, absolute; "" keeps it.
	Namespace string
	// Parameters apply in order, the last wins.
	Parameters []Parameters
	// Remaps apply in order, the first that matches wins.
	Remaps []Remap
	// Args are the arguments before --ros-args, ROSArgs those after it.
	Args, ROSArgs []string
}

// FullName is the node's fully qualified name, or "" where launch does not know all of it.
func (n *Node) FullName() string {
	switch {
	case n.NodeName == "" || n.Namespace == "":
		return ""
	case n.Namespace == "/":
		return "/" + n.NodeName
	}
	return n.Namespace + "/" + n.NodeName
}

// Parameters are values, or a file of them: one of the two.
type Parameters struct {
	Where  Position
	Values []Parameter
	File   *ParameterFile
	// Scope says that the values come from set_parameter: they are given as -p, to every node of the process.
	Scope bool
}

// Parameter is a name (dots nest) and a value.
type Parameter struct {
	Name  string
	Value Value
}

// ParameterFile is a ROS 2 parameter file.
type ParameterFile struct {
	// Path it was read from; embedded:… for one that is compiled in.
	Path string
	// Data is what the node shall read; Changed says that it is not what is at Path (allow_substs).
	Data    []byte
	Changed bool
}

// Remap is one remapping rule.
type Remap struct{ From, To string }

// Executable is any program to start.
type Executable struct {
	Process
	Command []string
}

// Message is a line for the log.
type Message struct {
	Where Position
	Text  string
}

// Position implements Action.
func (m *Message) Position() Position { return m.Where }

// String describes the plan for people and golden files.
func (p *Plan) String() string {
	var b strings.Builder
	for _, w := range p.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	for _, a := range p.Actions {
		a.text(&b)
	}
	return b.String()
}

func (m *Message) text(b *strings.Builder) { fmt.Fprintf(b, "log %s\n", quoteYAML(m.Text)) }

func (e *Executable) text(b *strings.Builder) {
	fmt.Fprintf(b, "executable [%s] %s\n", e.Name, words(e.Command))
	e.Process.text(b)
}

func (n *Node) text(b *strings.Builder) {
	fmt.Fprintf(b, "node [%s] %s\n", n.Name, strings.TrimPrefix(n.Package+"/"+n.Executable, "/"))
	if n.NodeName != "" {
		fmt.Fprintf(b, "  name %s\n", n.NodeName)
	}
	if n.Namespace != "" {
		fmt.Fprintf(b, "  namespace %s\n", n.Namespace)
	}
	for _, p := range n.Parameters {
		if p.File != nil {
			changed := ""
			if p.File.Changed {
				changed = " (with substitutions)"
			}
			fmt.Fprintf(b, "  params %s%s\n", p.File.Path, changed)
		}
		for _, v := range p.Values {
			scope := ""
			if p.Scope {
				scope = " (set_parameter)"
			}
			fmt.Fprintf(b, "  param %s: %s%s\n", v.Name, v.Value, scope)
		}
	}
	for _, r := range n.Remaps {
		fmt.Fprintf(b, "  remap %s -> %s\n", r.From, r.To)
	}
	if len(n.Args) > 0 {
		fmt.Fprintf(b, "  args %s\n", words(n.Args))
	}
	if len(n.ROSArgs) > 0 {
		fmt.Fprintf(b, "  ros args %s\n", words(n.ROSArgs))
	}
	n.Process.text(b)
}

func (p *Process) text(b *strings.Builder) {
	if p.Dir != "" {
		fmt.Fprintf(b, "  dir %s\n", p.Dir)
	}
	if len(p.Prefix) > 0 {
		fmt.Fprintf(b, "  prefix %s\n", words(p.Prefix))
	}
	if p.Shell {
		b.WriteString("  shell\n")
	}
	for _, name := range p.EnvChanged {
		if v, ok := envMap(p.Env)[name]; ok {
			fmt.Fprintf(b, "  env %s=%s\n", name, v)
			continue
		}
		fmt.Fprintf(b, "  env without %s\n", name)
	}
	if p.Output != OutputLog {
		fmt.Fprintf(b, "  output %s\n", p.Output)
	}
	if p.Respawn {
		fmt.Fprintf(b, "  respawn after %v\n", p.RespawnDelay)
	}
}

// words joins a command line so that a shell would take it apart again.
func words(cmd []string) string {
	quoted := make([]string, len(cmd))
	for i, w := range cmd {
		quoted[i] = w
		if w == "" || strings.ContainsAny(w, " \t\n\r'\"\\$`&|;<>()*?[]#~!{}") {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
