package emulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// lanes of a warp.
const lanes = 32

// kernel is a translated entry: instructions over numbered registers of 32 lanes.
type kernel struct {
	name    string
	params  int
	threads int
	static  int // bytes of shared memory, of which the dynamic ones lie behind
	code    []instr

	registers  int
	predicates int
	constants  []constant
	special    map[string]int32 // register of %tid.x, …
}

// constant is a register that never changes.
type constant struct {
	register int32
	value    uint64
}

// instr is one instruction. Operands are registers: what is written as a number is a register that holds it.
type instr struct {
	run func(w *warp, in *instr, d int32) // computes all lanes into register d
	// act is run instead, for those that are no function of registers alone.
	act func(w *warp, in *instr, mask uint32)

	d, a, b, c int32
	guard      int32 // predicate, -1 for none
	negate     bool
	control    control
	target     int   // of a branch
	offset     int64 // of an address
	size       int   // bytes of one number in memory
	vector     []int32
	sources    [3][]int32
	compare    func(a, b uint64) bool
	text       string
	line       int
	transposed bool // of ldmatrix
	together   bool // all lanes execute it at once, or none may
}

type control uint8

const (
	plain control = iota
	branch
	leave
	wait
)

type translator struct {
	k          *kernel
	src        *source
	registers  map[string]int32
	predicates map[string]int32
	numbers    map[string]int32
}

func translate(src *source) (*kernel, error) {
	t := &translator{
		k: &kernel{name: src.name, params: len(src.params), threads: src.threads, static: src.static, special: map[string]int32{}}, src: src,
		registers: map[string]int32{}, predicates: map[string]int32{}, numbers: map[string]int32{},
	}
	t.k.registers = 1 // the first is where masked results wait
	for _, st := range src.code {
		in, err := t.instruction(st)
		if err != nil {
			return nil, fmt.Errorf("kernel %s, line %d: %s: %w", src.name, st.line, st.text, err)
		}
		in.text, in.line = st.text, st.line
		t.k.code = append(t.k.code, in)
	}
	// Behind the last instruction there is a way out.
	t.k.code = append(t.k.code, instr{control: leave, guard: -1, text: "end"})
	return t.k, nil
}

func (t *translator) predicate(name string) int32 {
	p, ok := t.predicates[name]
	if !ok {
		p = int32(t.k.predicates)
		t.predicates[name] = p
		t.k.predicates++
	}
	return p
}

func (t *translator) fresh() int32 {
	t.k.registers++
	return int32(t.k.registers - 1)
}

// operand is the register of %r1, of a number, of a shared variable, of %tid.x.
func (t *translator) operand(s string) (int32, error) {
	if r, ok := t.registers[s]; ok {
		return r, nil
	}
	if strings.HasPrefix(s, "%") {
		r := t.fresh()
		t.registers[s] = r
		if strings.Contains(s, ".") {
			t.k.special[s] = r
		}
		return r, nil
	}
	if r, ok := t.numbers[s]; ok {
		return r, nil
	}
	value, err := t.number(s)
	if err != nil {
		return 0, err
	}
	r := t.fresh()
	t.numbers[s] = r
	t.k.constants = append(t.k.constants, constant{r, value})
	return r, nil
}

func (t *translator) number(s string) (uint64, error) {
	if at, ok := t.src.shared[s]; ok {
		return uint64(at), nil
	}
	if hex, ok := strings.CutPrefix(s, "0f"); ok {
		return strconv.ParseUint(hex, 16, 32)
	}
	if v, err := strconv.ParseInt(s, 0, 64); err == nil {
		return uint64(v), nil
	}
	return strconv.ParseUint(s, 0, 64)
}

// list is the registers of {a, b, c}, or of one.
func (t *translator) list(s string) ([]int32, error) {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "{"), "}")
	var out []int32
	for _, name := range strings.Split(s, ",") {
		r, err := t.operand(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// address is [register+offset].
func (t *translator) address(s string) (register int32, offset int64, err error) {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	name, add, has := strings.Cut(s, "+")
	if has {
		if offset, err = strconv.ParseInt(add, 0, 64); err != nil {
			return 0, 0, err
		}
	}
	register, err = t.operand(name)
	return register, offset, err
}

func (t *translator) instruction(st statement) (instr, error) {
	in := instr{guard: -1, d: -1}
	if st.guard != "" {
		in.guard, in.negate = t.predicate(st.guard), st.negate
	}
	var err error
	regs := func(into ...*int32) error {
		if len(st.args) != len(into) {
			return fmt.Errorf("%d operands, expected %d", len(st.args), len(into))
		}
		for i, to := range into {
			if *to, err = t.operand(st.args[i]); err != nil {
				return err
			}
		}
		return nil
	}
	kind := st.op[len(st.op)-1]
	switch st.op[0] {
	case "bra":
		target, ok := t.src.labels[st.args[0]]
		if !ok {
			return in, fmt.Errorf("no label %s", st.args[0])
		}
		in.control, in.target = branch, target
		return in, nil
	case "ret":
		in.control = leave
		return in, nil
	case "bar":
		in.control, in.together = wait, true
		return in, nil
	case "membar":
		in.act = func(*warp, *instr, uint32) {}
		return in, nil
	case "ld", "st", "atom":
		return t.memory(in, st, kind)
	case "cp":
		return t.asynchronous(in, st)
	case "ldmatrix":
		in.together, in.act = true, ldmatrix
		if in.sources[0], err = t.list(st.args[0]); err != nil {
			return in, err
		}
		in.transposed = slices.Contains(st.op, "trans")
		in.a, in.offset, err = t.address(st.args[1])
		return in, err
	case "mma":
		if strings.Join(st.op, ".") != "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32" {
			return in, fmt.Errorf("this product is unknown")
		}
		in.together, in.act = true, mma
		if in.vector, err = t.list(st.args[0]); err != nil {
			return in, err
		}
		for i := range 3 {
			if in.sources[i], err = t.list(st.args[i+1]); err != nil {
				return in, err
			}
		}
		return in, nil
	case "shfl":
		if strings.Join(st.op, ".") != "shfl.sync.bfly.b32" || len(st.args) != 5 || st.args[3] != "31" || st.args[4] != "-1" {
			return in, fmt.Errorf("this exchange is unknown")
		}
		in.together = true
		st.args = st.args[:3]
		in.run = shuffle
		return in, regs(&in.d, &in.a, &in.b)
	case "setp":
		return t.setp(in, st, kind)
	case "selp":
		p := st.args[3]
		st.args = st.args[:3]
		in.c = t.predicate(p)
		in.run = selp
		return in, regs(&in.d, &in.a, &in.b)
	}
	if kind == "pred" {
		return t.logic(in, st)
	}
	n, run := arithmetic(st.op, kind)
	if run == nil {
		return in, fmt.Errorf("this instruction is unknown")
	}
	in.run = run
	switch n {
	case 1:
		return in, regs(&in.d, &in.a)
	case 2:
		return in, regs(&in.d, &in.a, &in.b)
	}
	return in, regs(&in.d, &in.a, &in.b, &in.c)
}

// logic is an operation on predicates.
func (t *translator) logic(in instr, st statement) (instr, error) {
	p := make([]int32, len(st.args))
	for i, name := range st.args {
		if !strings.HasPrefix(name, "%") {
			value := uint32(0)
			if name != "0" {
				value = 0xffffffff
			}
			d := p[0]
			in.act = func(w *warp, _ *instr, m uint32) { w.p[d] = w.p[d]&^m | value&m }
			return in, nil
		}
		p[i] = t.predicate(name)
	}
	var f func(a, b uint32) uint32
	switch st.op[0] {
	case "and":
		f = func(a, b uint32) uint32 { return a & b }
	case "or":
		f = func(a, b uint32) uint32 { return a | b }
	case "xor":
		f = func(a, b uint32) uint32 { return a ^ b }
	case "not":
		f = func(a, _ uint32) uint32 { return ^a }
	case "mov":
		f = func(a, _ uint32) uint32 { return a }
	default:
		return in, fmt.Errorf("this operation on predicates is unknown")
	}
	p = append(p, p[len(p)-1])
	in.act = func(w *warp, _ *instr, m uint32) { w.p[p[0]] = w.p[p[0]]&^m | f(w.p[p[1]], w.p[p[2]])&m }
	return in, nil
}

func (t *translator) setp(in instr, st statement, kind string) (instr, error) {
	compare, err := comparison(st.op[1], kind)
	if err != nil {
		return in, err
	}
	in.compare = compare
	d := t.predicate(st.args[0])
	if in.a, err = t.operand(st.args[1]); err != nil {
		return in, err
	}
	if in.b, err = t.operand(st.args[2]); err != nil {
		return in, err
	}
	in.act = func(w *warp, in *instr, m uint32) {
		a, b := w.reg(in.a), w.reg(in.b)
		p := uint32(0)
		for i := range lanes {
			if in.compare(a[i], b[i]) {
				p |= 1 << i
			}
		}
		w.p[d] = w.p[d]&^m | p&m
	}
	return in, nil
}
