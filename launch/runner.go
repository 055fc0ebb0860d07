package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

var (
	// ErrDied: a process or node ended with an error.
	ErrDied = errors.New("died")
	// ErrStuck: a node in this process did not end when the launch did.
	ErrStuck = errors.New("does not end")

	errStart = fmt.Errorf("%w before it ran", ErrDied)
)

// Runner executes plans.
type Runner struct {
	// Owns says which nodes run in this process; nil is none.
	Owns func(n *Node) bool
	// InProcess runs an owned node until ctx ends or the node does. What it
	// writes to out appears with the node's name before each line.
	InProcess func(ctx context.Context, n *Node, out io.Writer) error
	// Command finds the command that starts a node, before its arguments; nil,
	// or a nil command, looks for lib/<package>/<executable> in the node's
	// AMENT_PREFIX_PATH, and for a node without package on its PATH.
	Command func(n *Node) ([]string, error)
	// Files is where executables are looked for; nil is the machine's file system.
	Files Files
	// Screen gets what is for people; nil is nobody.
	Screen io.Writer
	// LogDir gets launch.log and the processes' own files; it is made when first
	// written to. With "" what is for a log goes to the screen.
	LogDir string
	// Now stamps the lines of launch.log; nil is time.Now.
	Now func() time.Time
}

// Run starts everything a plan says and returns when all of it has ended. When
// ctx ends, processes get SIGINT, then SIGTERM, then SIGKILL after the plan's
// times, nodes in this process the end of their context. A process that dies
// does not end the others; the returned error names each that did. Each process
// has a group of its own, which ends with it: what it started does not outlive
// it. Nothing is started when one executable can't be found.
func (r *Runner) Run(ctx context.Context, plan *Plan) error {
	out := newOutputs(r)
	defer out.close()
	params, err := os.MkdirTemp("", "launch_params_")
	if err != nil {
		return err
	}
	defer os.RemoveAll(params)
	for _, w := range plan.Warnings {
		out.log("WARNING", "launch", w)
	}
	var jobs []*job
	for _, a := range plan.Actions {
		switch a := a.(type) {
		case *Message:
			out.log("INFO", "launch.user", a.Text)
		case *Node:
			j, jobErr := r.nodeJob(a, params)
			jobs, err = append(jobs, j), errors.Join(err, jobErr)
		case *Executable:
			j := &job{Process: &a.Process, argv: a.Command}
			jobs, err = append(jobs, j), errors.Join(err, r.find(j))
		}
	}
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, len(jobs))
	for i, j := range jobs {
		j.out = out
		wg.Go(func() { errs[i] = j.supervise(ctx) })
	}
	wg.Wait()
	return errors.Join(append(errs, out.failed())...)
}

// job is one process or node under way.
type job struct {
	*Process
	argv []string // of a process
	file string   // its program
	out  *outputs
	run  func(ctx context.Context, out io.Writer) error // of a node in this process
}

func (r *Runner) nodeJob(n *Node, params string) (*job, error) {
	j := &job{Process: &n.Process}
	if r.Owns != nil && r.InProcess != nil && r.Owns(n) {
		if err := n.inProcessOnly(); err != nil {
			return nil, n.Where.at(err)
		}
		j.run = func(ctx context.Context, out io.Writer) error { return r.InProcess(ctx, n, out) }
		return j, nil
	}
	command, err := r.command(n)
	if err != nil {
		return nil, n.Where.at(err)
	}
	args, err := n.Arguments(params)
	if err != nil {
		return nil, err
	}
	j.argv = append(command, args...)
	return j, r.find(j)
}

// find puts the prefix before the command and looks for the program, as the
// process's own PATH and directory say.
func (r *Runner) find(j *job) error {
	j.argv = append(append([]string{}, j.Prefix...), j.argv...)
	if j.Shell {
		j.argv = []string{"/bin/sh", "-c", strings.Join(j.argv, " ")}
	}
	l := newLoader(Config{Files: r.Files})
	name := j.argv[0]
	if strings.Contains(name, "/") && !path.IsAbs(name) && j.Dir != "" {
		name = path.Join(j.Dir, name)
	}
	file, err := l.lookPath(name, envMap(j.Env))
	j.file = file
	return j.Where.at(err)
}

// inProcessOnly refuses what only a process of its own can have.
func (n *Node) inProcessOnly() error {
	what := ""
	switch {
	case len(n.EnvChanged) > 0:
		what = "an environment of its own (" + strings.Join(n.EnvChanged, ", ") + ")"
	case len(n.Prefix) > 0:
		what = "launch-prefix"
	case n.Dir != "":
		what = "cwd"
	case n.Shell:
		what = "shell"
	default:
		return nil
	}
	return fmt.Errorf("%w: node [%s] has %s and runs in this process: run the launch with --processes", ErrUnsupported, n.Name, what)
}

func (r *Runner) command(n *Node) ([]string, error) {
	if r.Command != nil {
		if c, err := r.Command(n); err != nil || c != nil {
			return c, err
		}
	}
	l := newLoader(Config{Files: r.Files})
	env := envMap(n.Env)
	if n.Package == "" {
		file, err := l.lookPath(n.Executable, env)
		return []string{file}, err
	}
	file, err := l.executable(n.Package, n.Executable, env)
	return []string{file}, err
}

// supervise runs the job, again and again if it respawns, until ctx ends.
func (j *job) supervise(ctx context.Context) error {
	for {
		err := j.once(ctx)
		if ctx.Err() != nil || !j.Respawn || errors.Is(err, errStart) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(j.RespawnDelay):
		}
	}
}

func (j *job) once(ctx context.Context) error {
	if ctx.Err() != nil {
		return nil
	}
	if j.run != nil {
		return j.inProcess(ctx)
	}
	return j.process(ctx)
}

func (j *job) inProcess(ctx context.Context) error {
	w := j.out.writer(j.Process, "stdout")
	done := make(chan error, 1)
	j.out.log("INFO", j.Name, "node started in this process")
	go func() { done <- j.run(ctx, w) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		select {
		case err = <-done:
		case <-time.After(j.TermAfter + j.KillAfter):
			err = fmt.Errorf("%w %v after it was told to", ErrStuck, j.TermAfter+j.KillAfter)
		}
	}
	w.flush()
	if err == nil || ctx.Err() != nil && errors.Is(err, context.Canceled) {
		j.out.log("INFO", j.Name, "node has finished cleanly")
		return nil
	}
	j.out.log("ERROR", j.Name, fmt.Sprintf("node has died: %v", err))
	return fmt.Errorf("[%s] %w: %w", j.Name, ErrDied, err)
}

// process starts the command and waits for its end.
func (j *job) process(ctx context.Context) error {
	file, err := filepath.Abs(j.file)
	if err != nil {
		return err
	}
	cmd := exec.Command(file, j.argv[1:]...)
	cmd.Args[0] = j.argv[0]
	cmd.Env, cmd.Dir = j.Env, j.Dir
	stdout, stderr := j.out.writer(j.Process, "stdout"), j.out.writer(j.Process, "stderr")
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.WaitDelay = time.Second // for the pipes, when a grandchild holds them
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		j.out.log("ERROR", j.Name, fmt.Sprintf("can't start: %v", err))
		return fmt.Errorf("[%s] %w: %w", j.Name, errStart, err)
	}
	j.out.log("INFO", j.Name, fmt.Sprintf("process started with pid [%d]", cmd.Process.Pid))
	ended := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { j.escalate(ctx, cmd.Process.Pid, ended) })
	err = cmd.Wait()
	close(ended)
	wg.Wait()
	killGroup(cmd.Process.Pid) // grandchildren, if any are left
	stdout.flush()
	stderr.flush()
	return j.verdict(ctx, cmd, err)
}

func (j *job) verdict(ctx context.Context, cmd *exec.Cmd, err error) error {
	pid := cmd.Process.Pid
	if cmd.ProcessState != nil && cmd.ProcessState.Success() {
		j.out.log("INFO", j.Name, fmt.Sprintf("process has finished cleanly [pid %d]", pid))
		return nil
	}
	how := cmd.ProcessState.String()
	j.out.log("ERROR", j.Name, fmt.Sprintf("process has died [pid %d, %s, cmd '%s'].", pid, how, words(j.argv)))
	if ctx.Err() != nil && !killed(cmd.ProcessState) {
		return nil // it was told to end, and did
	}
	return fmt.Errorf("[%s] %w: %w", j.Name, ErrDied, err)
}

// escalate ends the process group once ctx ends: SIGINT, SIGTERM, SIGKILL.
func (j *job) escalate(ctx context.Context, pid int, ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	steps := []struct {
		signal string
		send   func(int)
		wait   time.Duration
	}{{"SIGINT", interruptGroup, j.TermAfter}, {"SIGTERM", termGroup, j.KillAfter}, {"SIGKILL", killGroup, 0}}
	for i, s := range steps {
		if i > 0 {
			j.out.log("ERROR", j.Name, fmt.Sprintf("process[%s] failed to terminate '%v' seconds after receiving '%s', escalating to '%s'",
				j.Name, steps[i-1].wait.Seconds(), steps[i-1].signal, s.signal))
		}
		j.out.log("INFO", j.Name, fmt.Sprintf("sending signal '%s' to process[%s]", s.signal, j.Name))
		s.send(pid)
		if s.wait == 0 && i == len(steps)-1 {
			return
		}
		select {
		case <-ended:
			return
		case <-time.After(s.wait):
		}
	}
}
