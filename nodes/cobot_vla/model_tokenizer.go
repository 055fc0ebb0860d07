package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"cobot_vla/model/llavavla"
	"cobot_vla/model/text"
)

// modelTokenizerCmd learns the words of a small model.
type modelTokenizerCmd struct {
	Out    string   `arg:"" help:"File to write: tokenizer.json."`
	Texts  []string `help:"Files of instructions, one a line." required:""`
	Merges int      `help:"Word parts to learn at most." default:"400"`
	Bins   int      `help:"Action tokens." default:"256"`
}

// directionTokens are the entries below the action tokens, the lowest id first: the manifest lists them the other way round,
// forward being the first below.
var directionTokens = []string{"<stop>", "<turn_right>", "<turn_left>", "<forward>"}

// Run implements the command.
func (c *modelTokenizerCmd) Run(a *app) error {
	l := text.Learning{Merges: c.Merges, Added: []string{llavavla.NavigationToken, "<image>"}}
	for _, path := range c.Texts {
		lines, err := linesOf(path)
		if err != nil {
			return err
		}
		l.Texts = append(l.Texts, lines...)
	}
	l.Reserved = append(l.Reserved, directionTokens...)
	for digit := c.Bins; digit > 0; digit-- { // id = base size - digit
		l.Reserved = append(l.Reserved, fmt.Sprintf("<action_%d>", digit))
	}
	file, err := text.Learn(l)
	if err != nil {
		return err
	}
	tok, err := text.Parse(file)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.Out), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(c.Out, file, 0o644); err != nil {
		return err
	}
	longest := 0
	for _, t := range l.Texts {
		longest = max(longest, len(tok.Encode(t)))
	}
	fmt.Fprintf(a.stdout, "%s: %d instructions, the longest of %d tokens; %d base entries, of which %d mean actions and %d directions; %d in all\n",
		c.Out, len(l.Texts), longest, tok.BaseSize(), c.Bins, len(directionTokens), tok.Len())
	return nil
}

// linesOf a file that are not empty.
func linesOf(path string) (lines []string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	s := bufio.NewScanner(f)
	for s.Scan() {
		if t := strings.TrimSpace(s.Text()); t != "" {
			lines = append(lines, t)
		}
	}
	return lines, s.Err()
}
