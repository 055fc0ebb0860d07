package launch

import (
	"fmt"
	"strings"
)

// template is text with substitutions, read by the grammar of Humble's
// launch frontend:
//
//	template     = { substitution | text }
//	substitution = "$(" name { " " value } ")"      one space before each value
//	value        = "'" template "'" | '"' template '"' | { substitution | word }
//
// A backslash takes the meaning from the next character: \$(x) is text. Inside a
// quoted value substitutions are recognised and their values are words only.
type template []part

// part is literal text or a substitution.
type part struct {
	text string
	sub  *substitution // nil: text
}

// substitution is $(name args…).
type substitution struct {
	name string
	args []template
}

// maxTemplateDepth bounds nested substitutions; no file written by a person comes near.
const maxTemplateDepth = 32

// parseTemplate reads text that may hold substitutions.
func parseTemplate(s string) (template, error) {
	if s == "" {
		return template{{}}, nil
	}
	p := templateParser{s: s}
	t, err := p.template(0)
	if err != nil {
		return nil, fmt.Errorf("%w at character %d of %q", err, p.i+1, s)
	}
	return t, nil
}

// literal gives the text of a template without substitutions.
func (t template) literal() (string, bool) {
	var b strings.Builder
	for _, p := range t {
		if p.sub != nil {
			return "", false
		}
		b.WriteString(p.text)
	}
	return b.String(), true
}

// describe writes the template as `ros2 launch --show-args` does.
func (t template) describe() string {
	var parts []string
	for _, p := range t {
		if p.sub == nil {
			parts = append(parts, "'"+p.text+"'")
			continue
		}
		parts = append(parts, p.sub.describe())
	}
	return strings.Join(parts, " + ")
}

type templateParser struct {
	s     string
	i     int
	depth int
}

// escaped says whether a backslash stands before position i.
func (p *templateParser) escaped(i int) bool { return i > 0 && p.s[i-1] == '\\' }

func (p *templateParser) atSubstitution() bool {
	return strings.HasPrefix(p.s[p.i:], "$(") && !p.escaped(p.i)
}

// template reads up to the end, or up to the closing quote, which it leaves.
func (p *templateParser) template(quote byte) (template, error) {
	var t template
	for p.i < len(p.s) {
		if quote != 0 && p.s[p.i] == quote {
			return t, nil
		}
		if p.atSubstitution() {
			sub, err := p.substitution(quote)
			if err != nil {
				return nil, err
			}
			t = append(t, part{sub: sub})
			continue
		}
		start := p.i
		for p.i < len(p.s) && !p.atSubstitution() && (quote == 0 || p.s[p.i] != quote) {
			p.i += p.step(quote)
		}
		t = append(t, part{text: unescape(p.s[start:p.i])})
	}
	if quote != 0 {
		return nil, fmt.Errorf("%w: quote %c is not closed", ErrSubstitution, quote)
	}
	return t, nil
}

// step is the length of the next character of text: two for an escaped quote.
func (p *templateParser) step(quote byte) int {
	if quote != 0 && p.s[p.i] == '\\' && p.i+1 < len(p.s) && p.s[p.i+1] == quote {
		return 2
	}
	return 1
}

func (p *templateParser) substitution(quote byte) (*substitution, error) {
	if p.depth++; p.depth > maxTemplateDepth {
		return nil, fmt.Errorf("%w: substitutions are nested deeper than %d", ErrSubstitution, maxTemplateDepth)
	}
	defer func() { p.depth-- }()
	p.i += len("$(")
	start := p.i
	for p.i < len(p.s) && isNameByte(p.s[p.i], p.i == start) {
		p.i++
	}
	sub := &substitution{name: p.s[start:p.i]}
	if sub.name == "" {
		return nil, fmt.Errorf("%w: $( wants a name right after it; text is written \\$(", ErrSubstitution)
	}
	for {
		switch {
		case p.i >= len(p.s):
			return nil, fmt.Errorf("%w: $(%s is not closed", ErrSubstitution, sub.name)
		case p.s[p.i] == ')':
			p.i++
			return sub, nil
		case p.s[p.i] != ' ':
			return nil, fmt.Errorf("%w: in $(%s: unexpected %q; one space goes before each value, and a value with spaces in quotes", ErrSubstitution, sub.name, p.s[p.i])
		}
		p.i++
		arg, err := p.value(sub.name, quote)
		if err != nil {
			return nil, err
		}
		sub.args = append(sub.args, arg)
	}
}

func isNameByte(c byte, first bool) bool {
	letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	return letter || !first && (isDigit(c) || c == '_' || c == '-')
}

func (p *templateParser) value(name string, quote byte) (template, error) {
	if p.i < len(p.s) && quote == 0 && (p.s[p.i] == '\'' || p.s[p.i] == '"') {
		q := p.s[p.i]
		p.i++
		t, err := p.template(q)
		p.i++
		return t, err
	}
	var t template
	for p.i < len(p.s) {
		if p.atSubstitution() {
			sub, err := p.substitution(quote)
			if err != nil {
				return nil, err
			}
			t = append(t, part{sub: sub})
			continue
		}
		start := p.i
		for n := p.wordStep(quote); n > 0; n = p.wordStep(quote) {
			p.i += n
		}
		if p.i == start {
			break
		}
		t = append(t, part{text: unescape(p.s[start:p.i])})
	}
	if len(t) == 0 {
		return nil, fmt.Errorf("%w: in $(%s: a value is missing; one space goes before each value, an empty value is ''", ErrSubstitution, name)
	}
	return t, nil
}

// wordStep is the length of the next character of an unquoted word, 0 where it ends.
func (p *templateParser) wordStep(quote byte) int {
	if p.i >= len(p.s) {
		return 0
	}
	switch c := p.s[p.i]; c {
	case ' ':
		return 0
	case '\\':
		if p.i+1 < len(p.s) {
			next := p.s[p.i+1]
			if quote != 0 && next == quote || quote == 0 && (next == '\'' || next == '"') {
				return 2
			}
		}
	case '\'', '"':
		if quote == 0 || c == quote {
			return 0
		}
	case '(', ')':
		if !p.escaped(p.i) {
			return 0
		}
	case '$':
		if p.atSubstitution() {
			return 0
		}
	}
	return 1
}

// unescape removes the backslash before each character.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && s[i+1] != '\n' {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
