package replay

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"cobot_vla/model/token"
)

// Format is the first line's "format".
const Format = "cobot_vla/episode"

// maxLine bounds one line of an episode file: a chunk of 1000 steps of 14 numbers fits.
const maxLine = 1 << 20

// ErrEpisode is wrapped by every error of the reader.
var ErrEpisode = errors.New("malformed episode")

// Episode is a sequence of decisions, as a policy made them or a person wrote them. Its
// file has one JSON object a line: first the header, then a line a decision.
//
//	{"format":"cobot_vla/episode","version":1,"names":["left_joint1",…],"mode":"absolute","chunk":5,"period_s":0.1}
//	{"navigation":{"direction":"turn left","value":0.35}}
//	{"steps":[[0.1,…],[…],[…],[…],[…]]}
//	{"tokens":[[151500,…],[…],[…],[…],[…]],"done":true}
//
// Unknown keys are errors, and so is a line that says two things at once.
type Episode struct {
	// Names of the joints and grippers, in the order of the values.
	Names []string
	// Mode is absolute or delta.
	Mode string
	// Chunk is the number of steps in every line of steps or tokens.
	Chunk int
	// Period between two steps [s].
	Period float64
	// Decisions in their order, at least one.
	Decisions []Decision
}

// Decision is one line: exactly one of Navigation, Steps and Tokens.
type Decision struct {
	// Navigation is a goal for the base.
	Navigation *Goal `json:"navigation,omitempty"`
	// Steps are targets, chunk × names, SI.
	Steps [][]float64 `json:"steps,omitempty"`
	// Tokens are targets as action tokens, chunk × names.
	Tokens [][]uint32 `json:"tokens,omitempty"`
	// Done says that the task is finished with this decision.
	Done bool `json:"done,omitempty"`
}

// Goal is a navigation goal in words.
type Goal struct {
	// Direction is forward, turn left or turn right.
	Direction string `json:"direction"`
	// Value is metres or radians, not negative.
	Value float64 `json:"value"`
}

type header struct {
	Format  string   `json:"format"`
	Version int      `json:"version"`
	Names   []string `json:"names"`
	Mode    string   `json:"mode"`
	Chunk   int      `json:"chunk"`
	Period  float64  `json:"period_s"`
}

// Read reads an episode file. file is its name in errors.
func Read(file string, r io.Reader) (Episode, error) {
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, maxLine)
	line := 0
	fail := func(format string, args ...any) (Episode, error) {
		return Episode{}, fmt.Errorf("%w: %s:%d: %s", ErrEpisode, file, line, fmt.Sprintf(format, args...))
	}
	var e Episode
	for scan.Scan() {
		text := bytes.TrimSpace(scan.Bytes())
		line++
		if len(text) == 0 {
			continue
		}
		if e.Names == nil {
			var h header
			if err := strict(text, &h); err != nil {
				return fail("header: %v", err)
			}
			if err := h.check(); err != nil {
				return fail("header: %v", err)
			}
			e.Names, e.Mode, e.Chunk, e.Period = h.Names, h.Mode, h.Chunk, h.Period
			continue
		}
		var d Decision
		if err := strict(text, &d); err != nil {
			return fail("%v", err)
		}
		if err := e.check(d); err != nil {
			return fail("%v", err)
		}
		if n := len(e.Decisions); n > 0 && e.Decisions[n-1].Done {
			return fail("a decision after the one that says done")
		}
		e.Decisions = append(e.Decisions, d)
	}
	line++
	if err := scan.Err(); err != nil {
		return fail("%v (a line holds at most %d bytes)", err, maxLine)
	}
	if e.Names == nil {
		return fail("empty file; the first line is a header with format, version, names, mode, chunk, period_s")
	}
	if len(e.Decisions) == 0 {
		return fail("no decision after the header")
	}
	return e, nil
}

// strict decodes one JSON object and nothing after it.
func strict(text []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("more than one JSON value on the line")
	}
	return nil
}

func (h header) check() error {
	switch {
	case h.Format != Format:
		return fmt.Errorf("format is %q, want %q", h.Format, Format)
	case h.Version != 1:
		return fmt.Errorf("version is %d; this program reads version 1", h.Version)
	case len(h.Names) == 0:
		return errors.New("names is empty")
	case h.Mode != "absolute" && h.Mode != "delta":
		return fmt.Errorf("mode is %q; it is absolute or delta", h.Mode)
	case h.Chunk < 1 || h.Chunk > 1000:
		return fmt.Errorf("chunk is %d; it is 1..1000", h.Chunk)
	case !(h.Period >= 0.001 && h.Period <= 10):
		return fmt.Errorf("period_s is %g; it is 0.001..10 s", h.Period)
	}
	for i, n := range h.Names {
		if n == "" || slices.Contains(h.Names[:i], n) {
			return fmt.Errorf("names[%d] is %q, empty or named before", i, n)
		}
	}
	return nil
}

func (e Episode) check(d Decision) error {
	said := 0
	if d.Navigation != nil {
		said++
		if _, err := d.Navigation.direction(); err != nil {
			return err
		}
		if !(d.Navigation.Value >= 0) {
			return fmt.Errorf("%s by %g; the value is not negative", d.Navigation.Direction, d.Navigation.Value)
		}
	}
	if d.Steps != nil {
		said++
		if err := shape(len(d.Steps), func(k int) int { return len(d.Steps[k]) }, e); err != nil {
			return err
		}
	}
	if d.Tokens != nil {
		said++
		if err := shape(len(d.Tokens), func(k int) int { return len(d.Tokens[k]) }, e); err != nil {
			return err
		}
	}
	if said != 1 {
		return fmt.Errorf("%d of navigation, steps and tokens on a line; a decision is exactly one of them", said)
	}
	return nil
}

func shape(rows int, width func(int) int, e Episode) error {
	if rows != e.Chunk {
		return fmt.Errorf("%d steps; the header's chunk is %d", rows, e.Chunk)
	}
	for k := range rows {
		if width(k) != len(e.Names) {
			return fmt.Errorf("step %d has %d values for %d names", k, width(k), len(e.Names))
		}
	}
	return nil
}

func (g Goal) direction() (uint8, error) {
	for d := range token.Stop {
		if token.DirectionName(d) == g.Direction {
			return d, nil
		}
	}
	return 0, fmt.Errorf("direction is %q; it is forward, turn left or turn right", g.Direction)
}

// Write writes the file that Read reads.
func (e Episode) Write(w io.Writer) error {
	h := header{Format: Format, Version: 1, Names: e.Names, Mode: e.Mode, Chunk: e.Chunk, Period: e.Period}
	if err := h.check(); err != nil {
		return fmt.Errorf("replay: header: %w", err)
	}
	out := json.NewEncoder(w)
	if err := out.Encode(h); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	for i, d := range e.Decisions {
		if err := e.check(d); err != nil {
			return fmt.Errorf("replay: decision %d: %w", i, err)
		}
		if err := out.Encode(d); err != nil {
			return fmt.Errorf("replay: decision %d: %w", i, err)
		}
	}
	return nil
}
