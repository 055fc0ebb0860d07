//go:build unix

package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// screen collects lines and tells when one contains a text.
type screen struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{}
}

func newScreen() *screen { return &screen{more: make(chan struct{}, 1)} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	s.lines = append(s.lines, strings.TrimSuffix(string(p), "\n"))
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (s *screen) count(text string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, l := range s.lines {
		if strings.Contains(l, text) {
			n++
		}
	}
	return n
}

// wait returns when n lines contain text.
func (s *screen) wait(t *testing.T, text string, n int) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for s.count(text) < n {
		select {
		case <-s.more:
		case <-deadline:
			t.Fatalf("no %d lines with %q in:\n%s", n, text, strings.Join(s.lines, "\n"))
		}
	}
}

// plan makes one of launch file text, in the environment of the test.
func plan(t *testing.T, text string) *Plan {
	t.Helper()
	f, err := newLoader(Config{Env: os.Environ()}).parse("/x.launch.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Plan(nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRunPrintsOutputByDestination(t *testing.T) {
	p := plan(t, `
launch:
  - log: {message: hello}
  - executable: {cmd: "sh -c 'echo out; echo err >&2; printf end'", name: l}
  - executable: {cmd: "sh -c 'echo out; echo err >&2'", name: s, output: screen}
  - executable: {cmd: "sh -c 'echo out; echo err >&2'", name: o, output: own_log}
`)
	s, dir := newScreen(), filepath.Join(t.TempDir(), "logs")
	r := Runner{Screen: s, LogDir: dir, Now: func() time.Time { return time.Unix(12, 345678900) }}
	if err := r.Run(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, l := range s.lines {
		if !strings.Contains(l, "pid") {
			shown = append(shown, l)
		}
	}
	slices.Sort(shown[1:])
	if got, want := strings.Join(shown, "\n"), "[INFO] [launch.user]: hello\n[l-1] err\n[s-2] err\n[s-2] out"; got != want {
		t.Errorf("screen:\n%s\nwant:\n%s", got, want)
	}
	log := readFile(t, dir, "launch.log")
	for _, want := range []string{"12.3456789 [INFO] [launch.user]: hello\n", "12.3456789 [l-1] out\n", "12.3456789 [l-1] err\n", "[l-1] end\n", "[l-1]: process has finished cleanly [pid "} {
		if !strings.Contains(log, want) {
			t.Errorf("launch.log lacks %q:\n%s", want, log)
		}
	}
	if got := readFile(t, dir, "o-3-stdout.log") + readFile(t, dir, "o-3-stderr.log"); got != "[o-3] out\n[o-3] err\n" {
		t.Errorf("own logs: %q", got)
	}
	if strings.Contains(log, "[o-3] out") || strings.Contains(log, "[s-2] out") {
		t.Errorf("launch.log has what is not for it:\n%s", log)
	}
}

func readFile(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRunWithoutLogDirShowsEverything(t *testing.T) {
	s := newScreen()
	err := (&Runner{Screen: s}).Run(t.Context(), plan(t, `launch: [{executable: {cmd: "echo out", output: own_log}}]`))
	if err != nil || s.count("[echo-1] out") != 1 {
		t.Error(err, s.lines)
	}
}

func TestRunReportsWhoDiedAndLetsOthersLive(t *testing.T) {
	s := newScreen()
	err := (&Runner{Screen: s}).Run(t.Context(), plan(t, `
launch:
  - executable: {cmd: "sh -c 'exit 3'", name: bad}
  - executable: {cmd: "sh -c 'echo alive'", name: good, output: screen}
`))
	if !errors.Is(err, ErrDied) || !strings.Contains(err.Error(), "[bad-1]") || strings.Contains(err.Error(), "good") {
		t.Error(err)
	}
	if s.count("[bad-1]: process has died") != 1 || s.count("[good-2] alive") != 1 || s.count("exit status 3, cmd 'sh -c 'exit 3''") != 1 {
		t.Error(strings.Join(s.lines, "\n"))
	}
}

func TestRunStartsNothingWhenSomethingIsMissing(t *testing.T) {
	s := newScreen()
	err := (&Runner{Screen: s}).Run(t.Context(), plan(t, `
launch:
  - executable: {cmd: "echo started", output: screen}
  - executable: {cmd: no_such_program_anywhere}
  - node: {pkg: no_such_package, exec: x}
`))
	if err == nil || s.count("started") != 0 {
		t.Fatal(err, s.lines)
	}
	for _, want := range []string{`/x.launch.yaml:4: substitution: no executable "no_such_program_anywhere" on PATH`, `/x.launch.yaml:5: substitution: package "no_such_package" is not installed`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}

func TestRunEnvironmentAndDirectory(t *testing.T) {
	dir := t.TempDir()
	p := plan(t, `
launch:
  - set_env: {name: LAUNCH_TEST_A, value: a}
  - executable:
      cmd: "echo $LAUNCH_TEST_A $LAUNCH_TEST_B $(env HOME none); pwd"
      shell: true
      name: x
      cwd: `+dir+`
      output: screen
      env: [{name: LAUNCH_TEST_B, value: b c}]
`)
	s := newScreen()
	if err := (&Runner{Screen: s}).Run(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if s.count("[x-1] a b c ") != 1 || s.count("[x-1] "+dir) != 1 {
		t.Error(s.lines)
	}
}

func TestRunRespawnsUntilTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := newScreen()
	done := make(chan error, 1)
	p := plan(t, `launch: [{executable: {cmd: "echo again", output: screen, respawn: "true", respawn_delay: 0.01}}]`)
	go func() { done <- (&Runner{Screen: s}).Run(ctx, p) }()
	s.wait(t, "[echo-1] again", 3)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRunInterruptsAndEscalates(t *testing.T) {
	cases := []struct {
		name, script string
		signals      []string
		died         bool
	}{
		{"obeys SIGINT", `trap "echo bye; exit 0" INT; echo up; while :; do sleep 0.02; done`, []string{"SIGINT"}, false},
		{"obeys SIGTERM", `trap "" INT; trap "exit 0" TERM; echo up; while :; do sleep 0.02; done`, []string{"SIGINT", "SIGTERM"}, false},
		{"obeys nothing", `trap "" INT TERM; echo up; while :; do sleep 0.02; done`, []string{"SIGINT", "SIGTERM", "SIGKILL"}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			s := newScreen()
			p := plan(t, "launch: [{executable: {cmd: \"sh -c '"+strings.ReplaceAll(c.script, `"`, `\"`)+"'\", name: p, output: screen}}]")
			p.Actions[0].(*Executable).TermAfter = 200 * time.Millisecond
			p.Actions[0].(*Executable).KillAfter = 200 * time.Millisecond
			if c.signals[len(c.signals)-1] == "SIGINT" {
				p.Actions[0].(*Executable).TermAfter = 30 * time.Second
			} else if c.signals[len(c.signals)-1] == "SIGTERM" {
				p.Actions[0].(*Executable).KillAfter = 30 * time.Second
			}
			done := make(chan error, 1)
			go func() { done <- (&Runner{Screen: s}).Run(ctx, p) }()
			s.wait(t, "[p-1] up", 1)
			cancel()
			if err := <-done; errors.Is(err, ErrDied) != c.died {
				t.Error(err)
			}
			for _, sig := range []string{"SIGINT", "SIGTERM", "SIGKILL"} {
				want := 0
				if slices.Contains(c.signals, sig) {
					want = 1
				}
				if got := s.count("sending signal '" + sig + "'"); got != want {
					t.Errorf("%s sent %d times, want %d:\n%s", sig, got, want, strings.Join(s.lines, "\n"))
				}
			}
		})
	}
}

func TestRunNodeAsProcess(t *testing.T) {
	prefix := t.TempDir()
	for name, text := range map[string]string{
		"share/ament_index/resource_index/packages/demo": "",
		"lib/demo/talker": "#!/bin/sh\nfor a in \"$@\"; do echo \"arg $a\"; case $a in *.yaml) cat \"$a\";; esac; done\n",
	} {
		file := filepath.Join(prefix, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p := plan(t, `
launch:
  - set_env: {name: AMENT_PREFIX_PATH, value: `+prefix+`}
  - set_parameter: {name: use_sim_time, value: "true"}
  - node:
      pkg: demo
      exec: talker
      name: t
      namespace: ns
      args: --flag x
      output: screen
      remap: [{from: a, to: /b}]
      param: [{name: text, value: "a: \"b\""}, {name: list, value: [1.0, 2.0]}]
`)
	s := newScreen()
	if err := (&Runner{Screen: s}).Run(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range s.lines {
		if rest, ok := strings.CutPrefix(l, "[talker-1] "); ok && !strings.Contains(rest, ".yaml") {
			got = append(got, rest)
		}
	}
	want := []string{"arg --flag", "arg x", "arg --ros-args", "arg -r", "arg __node:=t", "arg -r", "arg __ns:=/ns", "arg -p", "arg use_sim_time:=true",
		"arg --params-file", "/ns/t:", "  ros__parameters:", `    "text": "a: \"b\""`,
		"arg --params-file", "/ns/t:", "  ros__parameters:", `    "list": [1.0, 2.0]`, "arg -r", "arg a:=/b"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestRunInProcess(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := plan(t, `
launch:
  - node: {pkg: ours, exec: arm, name: arm, param: [{name: x, value: 1}]}
  - node: {pkg: ours, exec: base, respawn: "true"}
  - node: {pkg: ours, exec: broken}
`)
	s := newScreen()
	var mu sync.Mutex
	starts := 0
	r := Runner{
		Screen: s,
		Owns:   func(n *Node) bool { return n.Package == "ours" },
		InProcess: func(ctx context.Context, n *Node, out io.Writer) error {
			fmt.Fprintf(out, "%s runs\npartial", n.Executable)
			switch n.Executable {
			case "broken":
				return errors.New("no such bus")
			case "base":
				mu.Lock()
				starts++
				last := starts == 3
				mu.Unlock()
				if last {
					<-ctx.Done()
				}
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		},
	}
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, p) }()
	s.wait(t, "[arm-1] arm runs", 1)
	s.wait(t, "[base-2] base runs", 3)
	s.wait(t, "[broken-3]: node has died", 1)
	cancel()
	err := <-ended
	if !errors.Is(err, ErrDied) || !strings.Contains(err.Error(), "[broken-3] died: no such bus") || strings.Contains(err.Error(), "arm-1") {
		t.Error(err)
	}
	if starts != 3 || s.count("[arm-1] arm runs") != 1 || s.count("[broken-3]: node has died: no such bus") != 1 || s.count("[arm-1] partial") != 1 {
		t.Error(starts, strings.Join(s.lines, "\n"))
	}
}

func TestRunInProcessRefusesWhatNeedsAProcess(t *testing.T) {
	for _, text := range []string{
		`launch: [{set_env: {name: LAUNCH_TEST_A, value: a}}, {node: {pkg: ours, exec: arm}}]`,
		`launch: [{node: {pkg: ours, exec: arm, cwd: /}}]`,
		`launch: [{node: {pkg: ours, exec: arm, launch-prefix: nice}}]`,
		`launch: [{node: {pkg: ours, exec: arm, shell: true}}]`,
	} {
		r := Runner{Owns: func(*Node) bool { return true }, InProcess: func(context.Context, *Node, io.Writer) error { t.Error("started"); return nil }}
		if err := r.Run(t.Context(), plan(t, text)); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "--processes") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestRunNamesTheNodeThatDoesNotEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := plan(t, `launch: [{node: {pkg: ours, exec: arm}}]`)
	n := p.Actions[0].(*Node)
	n.TermAfter, n.KillAfter = time.Millisecond, time.Millisecond
	release := make(chan struct{})
	r := Runner{Owns: func(*Node) bool { return true }, InProcess: func(context.Context, *Node, io.Writer) error {
		cancel()
		<-release
		return nil
	}}
	err := r.Run(ctx, p)
	close(release)
	if !errors.Is(err, ErrStuck) || !strings.Contains(err.Error(), "[arm-1]") {
		t.Error(err)
	}
}

func TestRunnerCommandReplacesTheLookup(t *testing.T) {
	s := newScreen()
	r := Runner{Screen: s, Command: func(n *Node) ([]string, error) { return []string{"echo", "node", n.Executable}, nil }}
	p := plan(t, `launch: [{node: {pkg: ours, exec: arm, output: screen}}]`)
	if err := r.Run(t.Context(), p); err != nil || s.count("[arm-1] node arm --ros-args") != 1 {
		t.Error(err, s.lines)
	}
}
