package launch

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// splitWords splits text into words as a POSIX shell does (and Python's
// shlex.split): quotes group, a backslash escapes, nothing is expanded.
func splitWords(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		case quote == 0 && (c == '\'' || c == '"'):
			quote, inWord = c, true
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'':
			if i+1 == len(s) {
				return nil, fmt.Errorf("%w: %q ends with a backslash", ErrSyntax, s)
			}
			if quote == '"' && s[i+1] != '"' && s[i+1] != '\\' {
				word.WriteByte(c)
				continue
			}
			i++
			inWord = true
			word.WriteByte(s[i])
		default:
			inWord = true
			word.WriteByte(c)
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("%w: quote %c is not closed in %q", ErrSyntax, quote, s)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// splitCommand splits a command line with substitutions into words. The text
// between substitutions is split as a shell does; what a substitution yields is
// never split, and belongs to the word it touches.
func splitCommand(t template) ([]template, error) {
	var out []template
	var word template
	flush := func() {
		if len(word) > 0 {
			out = append(out, word)
			word = nil
		}
	}
	for _, p := range t {
		if p.sub != nil {
			word = append(word, p)
			continue
		}
		words, err := splitWords(p.text)
		if err != nil {
			return nil, err
		}
		if p.text != "" && isSpace(p.text[0]) {
			flush()
		}
		for i, w := range words {
			if i > 0 {
				flush()
			}
			word = append(word, part{text: w})
		}
		if len(words) > 0 && isSpace(p.text[len(p.text)-1]) {
			flush()
		}
	}
	flush()
	return out, nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// known lists the keys of a table for an error.
func known[T any](table map[string]T) string {
	return strings.Join(slices.Sorted(maps.Keys(table)), ", ")
}

// nearest names the known word that looks most like the given one, as a hint: ` (did you mean "x"?)`.
func nearest(given string, words []string) string {
	best, distance := "", 3
	for _, w := range words {
		if d := editDistance(given, w); d < distance {
			best, distance = w, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost++
			}
			prev = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
