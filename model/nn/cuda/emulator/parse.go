package emulator

import (
	"fmt"
	"strconv"
	"strings"
)

// statement is an instruction as it stands in the text.
type statement struct {
	line   int
	guard  string // name of the predicate, or none
	negate bool
	op     []string // the opcode's parts: add, s32
	args   []string
	text   string
}

// source is a kernel as it stands in the text.
type source struct {
	name    string
	params  []string
	threads int // .maxntid
	code    []statement
	labels  map[string]int // index of the statement behind the label
	shared  map[string]int // offset of each variable in shared memory
	static  int            // bytes of them
}

// parse reads what clang writes for sm_80: entries, their parameters of 8 bytes,
// registers, shared variables, instructions.
func parse(ptx string) ([]*source, error) {
	p := &parser{shared: map[string]int{}}
	for i, line := range strings.Split(ptx, "\n") {
		if at := strings.Index(line, "//"); at >= 0 {
			line = line[:at]
		}
		if err := p.line(i+1, strings.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("ptx line %d: %w", i+1, err)
		}
	}
	if p.now != nil {
		return nil, fmt.Errorf("ptx: kernel %s does not end", p.now.name)
	}
	// Variables outside of kernels are those of every kernel; the dynamic one lies behind all.
	for _, k := range p.kernels {
		for name, at := range p.shared {
			if at >= 0 {
				k.shared[name] = k.static + at
			}
		}
		k.static = (k.static + p.size + 127) / 128 * 128
		for name, at := range p.shared {
			if at < 0 {
				k.shared[name] = k.static
			}
		}
	}
	return p.kernels, nil
}

type parser struct {
	kernels []*source
	now     *source
	inBody  bool
	shared  map[string]int // of the module; -1 is the dynamic one
	size    int
}

func (p *parser) line(n int, s string) error {
	switch {
	case s == "" || strings.HasPrefix(s, ".version") || strings.HasPrefix(s, ".target") || strings.HasPrefix(s, ".address_size"):
	case strings.HasPrefix(s, ".visible .entry"):
		name := strings.TrimSuffix(strings.TrimPrefix(s, ".visible .entry "), "(")
		p.now = &source{name: name, labels: map[string]int{}, shared: map[string]int{}}
	case strings.HasPrefix(s, ".param .u64"):
		p.now.params = append(p.now.params, strings.TrimSuffix(strings.TrimPrefix(s, ".param .u64 "), ","))
	case s == ")" || strings.HasPrefix(s, ".pragma") || strings.HasPrefix(s, ".reg"):
	case strings.HasPrefix(s, ".maxntid"):
		first, _, _ := strings.Cut(strings.TrimPrefix(s, ".maxntid "), ",")
		threads, err := strconv.Atoi(strings.TrimSpace(first))
		p.now.threads = threads
		return err
	case s == "{":
		p.inBody = true
	case s == "}":
		p.kernels = append(p.kernels, p.now)
		p.now, p.inBody = nil, false
	case strings.Contains(s, ".shared ") && strings.HasPrefix(s, "."):
		return p.variable(s)
	case strings.HasSuffix(s, ":"):
		p.now.labels[strings.TrimSuffix(s, ":")] = len(p.now.code)
	case p.inBody:
		st, err := instruction(n, s)
		p.now.code = append(p.now.code, st)
		return err
	default:
		return fmt.Errorf("%q is not understood", s)
	}
	return nil
}

// variable is ".shared .align 16 .b8 name[4096];" and the like.
func (p *parser) variable(s string) error {
	words := strings.Fields(strings.TrimSuffix(s, ";"))
	align, bytes := 1, 1
	for i, w := range words {
		if w == ".align" {
			a, err := strconv.Atoi(words[i+1])
			if err != nil {
				return err
			}
			align = a
		}
	}
	if kind := words[len(words)-2]; kind != ".b8" {
		width, err := strconv.Atoi(kind[2:])
		if err != nil {
			return err
		}
		bytes = width / 8
	}
	name, count, isArray := strings.Cut(words[len(words)-1], "[")
	if isArray && count == "]" {
		p.shared[name] = -1
		return nil
	}
	if isArray {
		n, err := strconv.Atoi(strings.TrimSuffix(count, "]"))
		if err != nil {
			return err
		}
		bytes *= n
	}
	at, of := &p.size, p.shared
	if p.now != nil {
		at, of = &p.now.static, p.now.shared
	}
	*at = (*at + align - 1) / align * align
	of[name] = *at
	*at += bytes
	return nil
}

func instruction(n int, s string) (statement, error) {
	st := statement{line: n, text: s}
	s, ok := strings.CutSuffix(s, ";")
	if !ok {
		return st, fmt.Errorf("%q has no end", s)
	}
	if rest, guarded := strings.CutPrefix(s, "@"); guarded {
		st.guard, s, _ = strings.Cut(rest, " ")
		st.guard, st.negate = strings.CutPrefix(st.guard, "!")
	}
	op, args, _ := strings.Cut(strings.TrimSpace(s), " ")
	if at := strings.IndexByte(op, '\t'); at >= 0 {
		op, args = op[:at], op[at:]+" "+args
	}
	st.op = strings.Split(op, ".")
	depth, from := 0, 0
	args = strings.TrimSpace(args)
	for i := 0; i <= len(args); i++ {
		switch {
		case i == len(args) || args[i] == ',' && depth == 0:
			if a := strings.TrimSpace(args[from:i]); a != "" {
				st.args = append(st.args, a)
			}
			from = i + 1
		case args[i] == '{' || args[i] == '[':
			depth++
		case args[i] == '}' || args[i] == ']':
			depth--
		}
	}
	return st, nil
}
