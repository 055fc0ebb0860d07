package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"cobot_vla/msgs"
)

// status shows a run: on a terminal a few lines that change in place, elsewhere
// one line for each thing that happens.
type status struct {
	out   io.Writer
	live  bool
	lines int // on the screen
	drawn time.Time
}

func newStatus(out io.Writer, headless bool) *status {
	return &status{out: out, live: !headless && isTerminal(out)}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// event prints a line that stays.
func (s *status) event(now time.Time, format string, args ...any) {
	s.erase()
	fmt.Fprintf(s.out, "%7.2f s  %s\n", sinceStart(now), fmt.Sprintf(format, args...))
}

// show redraws the changing lines, at most ten times a wall second.
func (s *status) show(lines func() []string) {
	if time.Since(s.drawn) < 100*time.Millisecond {
		return
	}
	s.drawn = time.Now()
	s.erase()
	all := lines()
	for _, l := range all {
		fmt.Fprintln(s.out, l)
	}
	s.lines = len(all)
}

func (s *status) erase() {
	if s.lines > 0 {
		fmt.Fprintf(s.out, "\x1b[%dA\x1b[J", s.lines)
		s.lines = 0
	}
}

// sinceStart is simulated time: a simulation starts at 1 s of ROS time.
func sinceStart(now time.Time) float64 { return now.Sub(time.Unix(1, 0)).Seconds() }

func directionWord(d uint8) string {
	switch d {
	case msgs.Forward:
		return "forward"
	case msgs.TurnLeft:
		return "turn left"
	case msgs.TurnRight:
		return "turn right"
	}
	return "stop"
}

func unitOf(d uint8) string {
	if d == msgs.Forward {
		return "m"
	}
	return "rad"
}

// bar draws a share of 1 in width characters.
func bar(share float64, width int) string {
	n := min(max(int(share*float64(width)+0.5), 0), width)
	return strings.Repeat("█", n) + strings.Repeat("·", width-n)
}
