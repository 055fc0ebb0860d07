// Command cobot_vla is the suite's one program: it launches robots, runs single
// nodes (colcon installs it under each node's name), shows the demo, measures
// itself and looks the machine over. `cobot_vla --help` lists the commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/rs/zerolog"
)

// cli is the command line.
type cli struct {
	graphFlags `group:"Messages between processes"`
	LogLevel   string `help:"Least severe log lines to show." enum:"trace,debug,info,warn,error" default:"info"`

	Launch    launchCmd    `cmd:"" help:"Run a launch file, as ros2 launch does."`
	Node      nodeCmd      `cmd:"" passthrough:"" help:"Run one node, as ros2 run does."`
	Demo      demoCmd      `cmd:"" help:"A simulated Cobot-Magic moves to the table and fetches the bottle."`
	Record    recordCmd    `cmd:"" help:"Recorded episodes: list, judge, repair."`
	Replay    replayCmd    `cmd:"" help:"Play an episode again: onto topics, onto the arms, or through a policy."`
	Export    exportCmd    `cmd:"" help:"Make a training set of recorded episodes."`
	Import    importCmd    `cmd:"" help:"Make episodes of other data sets: LeRobot, ALOHA, RoboTwin."`
	Calibrate calibrateCmd `cmd:"" help:"Measure what is true of one robot, from recorded episodes."`
	Task      taskCmd      `cmd:"" help:"The simulator's tasks and their experts."`
	Collect   collectCmd   `cmd:"" help:"Record demonstrations in the simulator."`
	Train     trainCmd     `cmd:"" help:"Teach a policy: train on prepared demonstrations."`
	Eval      evalCmd      `cmd:"" help:"Measure a policy in the simulator: success of tasks, chains and suites, with intervals."`
	Compare   compareCmd   `cmd:"" help:"Measure several checkpoints on the same starts and put them side by side."`
	Ablate    ablateCmd    `cmd:"" help:"Ask the paper's questions: train a policy for every answer, with the same budget, and compare them."`
	Model     modelCmd     `cmd:"" help:"Checkpoints: look into, compare, convert and run them."`
	Bench     benchCmd     `cmd:"" help:"Measure the suite on this machine."`
	Verify    verifyCmd    `cmd:"" help:"The long proof: many seeds, every fault; writes out/verify.json."`
	Doctor    doctorCmd    `cmd:"" help:"Say what this machine has and lacks, and how to get it."`
}

// app is what every command gets.
type app struct {
	ctx     context.Context
	log     zerolog.Logger
	console io.Writer // where log writes
	stdout  io.Writer
	stderr  io.Writer
	graph   graphFlags
}

func main() {
	// More slots than cores: a control loop that wakes up never waits for a computing
	// goroutine to give up its slot; the kernel's priorities decide. With 2 spare slots
	// on 2 busy cores the loop's p99 jitter was 3.4 ms, with 14 it is 0.06 ms.
	const spare = 14
	runtime.GOMAXPROCS(runtime.NumCPU() + spare)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args, os.Stdout, os.Stderr)
	stop()
	var code exitCode
	switch {
	case errors.As(err, &code):
		os.Exit(int(code))
	case err != nil:
		fmt.Fprintln(os.Stderr, "cobot_vla:", err)
		os.Exit(1)
	}
}

// exitCode ends the program with that status and no further word.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// run is main with its surroundings as arguments.
func run(ctx context.Context, argv []string, stdout, stderr io.Writer) error {
	var c cli
	parser, err := kong.New(&c,
		kong.Name("cobot_vla"),
		kong.Description("ROS 2 nodes that run vision-language-action policies on an AgileX Cobot-Magic."),
		kong.UsageOnError(),
		kong.Vars{"formats": formatNames()},
		kong.Writers(stdout, stderr),
	)
	if err != nil {
		return err
	}
	args := argv[1:]
	// Installed as lib/cobot_vla/<node>, the program is that node.
	if name := filepath.Base(argv[0]); slices.Contains(executables(), name) {
		args = append([]string{"node", name}, args...)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return err
	}
	level, err := zerolog.ParseLevel(c.LogLevel)
	if err != nil {
		return err
	}
	console := zerolog.ConsoleWriter{Out: stderr, TimeFormat: "15:04:05.000", NoColor: !isTerminal(stderr)}
	log := zerolog.New(console).Level(level).With().Timestamp().Logger()
	return parsed.Run(&app{ctx: ctx, log: log, console: console, stdout: stdout, stderr: stderr, graph: c.graphFlags})
}
