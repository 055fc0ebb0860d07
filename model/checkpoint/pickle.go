package checkpoint

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
)

// ErrPickle: a pickle that is damaged, or that holds what tensors never need.
var ErrPickle = errors.New("pickle is not usable")

// Values of a pickle, as they are read: nil, bool, int64, float64, string,
// *pickleDict, *pickleList, pickleTuple, pickleGlobal, pickleObject, and whatever
// the caller makes of persistent ids and of the functions it knows.
type (
	pickleDict struct {
		keys   []any
		values []any
	}
	pickleList struct{ items []any }
	// pickleTuple is immutable.
	pickleTuple []any
	// pickleGlobal names a class or a function; it is a name and no more.
	pickleGlobal struct{ module, name string }
	// pickleObject stands for what would have been made by a call that nobody makes.
	pickleObject struct{ of pickleGlobal }
	pickleMark   struct{}
)

// get is the value of a string key.
func (d *pickleDict) get(key string) (any, bool) {
	for i, k := range d.keys {
		if k == key {
			return d.values[i], true
		}
	}
	return nil, false
}

// Bounds on what a pickle may build. A checkpoint of a thousand layers has some
// ten thousand tensors of a dozen values each.
const (
	maxPickleValues = 4 << 20
	maxPickleString = 1 << 20
)

// unpickler reads protocols 2 to 5 as a list of data: it builds values and never
// calls anything. What a pickle asks to have called goes to call, which knows a
// few functions by name.
type unpickler struct {
	in    *bufio.Reader
	stack []any
	memo  map[uint32]any
	made  int
	// persistent resolves an id of something stored outside the pickle.
	persistent func(id any) (any, error)
	// call makes the value of a function that is known; known is false for all others.
	call func(f pickleGlobal, args pickleTuple) (value any, known bool, err error)
}

func (u *unpickler) fail(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrPickle}, args...)...)
}

// unpickle reads one value.
func unpickle(data []byte, persistent func(any) (any, error), call func(pickleGlobal, pickleTuple) (any, bool, error)) (any, error) {
	u := &unpickler{in: bufio.NewReader(bytes.NewReader(data)), memo: map[uint32]any{}, persistent: persistent, call: call}
	for {
		op, err := u.in.ReadByte()
		if err != nil {
			return nil, u.fail("it ends before its last instruction")
		}
		if op == '.' {
			return u.pop()
		}
		if err := u.step(op); err != nil {
			return nil, err
		}
	}
}

func (u *unpickler) push(v any) error {
	if u.made++; u.made > maxPickleValues {
		return u.fail("more than %d values", maxPickleValues)
	}
	u.stack = append(u.stack, v)
	return nil
}

func (u *unpickler) pop() (any, error) {
	if len(u.stack) == 0 {
		return nil, u.fail("an instruction finds nothing on the stack")
	}
	v := u.stack[len(u.stack)-1]
	u.stack = u.stack[:len(u.stack)-1]
	if _, mark := v.(pickleMark); mark {
		return nil, u.fail("an instruction finds a mark for a value")
	}
	return v, nil
}

// toMark takes everything down to the last mark.
func (u *unpickler) toMark() ([]any, error) {
	for i := len(u.stack) - 1; i >= 0; i-- {
		if _, mark := u.stack[i].(pickleMark); mark {
			items := append([]any(nil), u.stack[i+1:]...)
			u.stack = u.stack[:i]
			return items, nil
		}
	}
	return nil, u.fail("a mark is missing")
}

func (u *unpickler) top() (any, error) {
	v, err := u.pop()
	if err == nil {
		u.stack = append(u.stack, v)
	}
	return v, err
}

func (u *unpickler) number(bytes int) (uint64, error) {
	var b [8]byte
	if _, err := io.ReadFull(u.in, b[:bytes]); err != nil {
		return 0, u.fail("it ends inside a number")
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

// text of a length that is given in so many bytes.
func (u *unpickler) text(bytes int) (string, error) {
	n, err := u.number(bytes)
	if err != nil {
		return "", err
	}
	if n > maxPickleString {
		return "", u.fail("a string of %d bytes, at most %d are read", n, maxPickleString)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(u.in, b); err != nil {
		return "", u.fail("it ends inside a string")
	}
	return string(b), nil
}

func (u *unpickler) line() (string, error) {
	s, err := u.in.ReadSlice('\n')
	if err != nil {
		return "", u.fail("it ends inside a line, or the line is too long")
	}
	return string(s[:len(s)-1]), nil
}

// step carries one instruction out (CPython's pickletools lists them).
func (u *unpickler) step(op byte) error {
	switch op {
	case 0x80: // PROTO
		v, err := u.number(1)
		if err == nil && (v < 2 || v > 5) {
			return u.fail("protocol %d, expected 2 to 5", v)
		}
		return err
	case 0x95: // FRAME
		_, err := u.number(8)
		return err
	case '(':
		return u.push(pickleMark{})
	case '0': // POP
		_, err := u.pop()
		return err
	case 'N':
		return u.push(nil)
	case 0x88:
		return u.push(true)
	case 0x89:
		return u.push(false)
	case ')':
		return u.push(pickleTuple{})
	case '}':
		return u.push(&pickleDict{})
	case ']':
		return u.push(&pickleList{})
	case 'K', 'M', 'J', 0x8a, 'G':
		return u.numeric(op)
	case 'X', 0x8c, 0x8d, 'C', 'B', 0x8e: // BINUNICODE, SHORT_, 8; SHORT_BINBYTES, BINBYTES, 8
		s, err := u.text(map[byte]int{'X': 4, 0x8c: 1, 0x8d: 8, 'C': 1, 'B': 4, 0x8e: 8}[op])
		if err != nil {
			return err
		}
		return u.push(s)
	case 'q', 'r', 0x94, 'h', 'j':
		return u.remember(op)
	case 'c', 0x93:
		return u.global(op)
	case 't', 0x85, 0x86, 0x87:
		return u.tuple(op)
	case 'a', 'e', 's', 'u':
		return u.fill(op)
	case 'Q':
		id, err := u.pop()
		if err != nil {
			return err
		}
		v, err := u.persistent(id)
		if err != nil {
			return err
		}
		return u.push(v)
	case 'R', 0x81: // REDUCE, NEWOBJ
		return u.reduce()
	case 'b': // BUILD: the state of an object that was not made
		_, err := u.pop()
		return err
	}
	return u.fail("instruction %#02x is none that tensors need: was it saved by torch.save of tensors?", op)
}

func (u *unpickler) numeric(op byte) error {
	switch op {
	case 'K', 'M', 'J':
		v, err := u.number(map[byte]int{'K': 1, 'M': 2, 'J': 4}[op])
		if err != nil {
			return err
		}
		if op == 'J' {
			return u.push(int64(int32(v)))
		}
		return u.push(int64(v))
	case 'G':
		var b [8]byte
		if _, err := io.ReadFull(u.in, b[:]); err != nil {
			return u.fail("it ends inside a number")
		}
		return u.push(math.Float64frombits(binary.BigEndian.Uint64(b[:])))
	}
	s, err := u.text(1) // LONG1: little-endian, two's complement
	if err != nil {
		return err
	}
	if len(s) > 8 {
		return u.push(new(big.Int).SetBytes([]byte(s)).String()) // of no meaning to tensors
	}
	var v uint64
	for i := range len(s) {
		v |= uint64(s[i]) << (8 * i)
	}
	if len(s) > 0 && len(s) < 8 && s[len(s)-1]&0x80 != 0 {
		v |= ^uint64(0) << (8 * len(s))
	}
	return u.push(int64(v))
}

// remember puts into the memo or takes from it.
func (u *unpickler) remember(op byte) error {
	var key uint64
	var err error
	switch op {
	case 'q', 'h':
		key, err = u.number(1)
	case 'r', 'j':
		key, err = u.number(4)
	default:
		key = uint64(len(u.memo))
	}
	if err != nil {
		return err
	}
	if op == 'h' || op == 'j' {
		v, ok := u.memo[uint32(key)]
		if !ok {
			return u.fail("it refers to value %d, which it never made", key)
		}
		return u.push(v)
	}
	v, err := u.top()
	u.memo[uint32(key)] = v
	return err
}

func (u *unpickler) global(op byte) error {
	var g pickleGlobal
	var err error
	if op == 'c' {
		if g.module, err = u.line(); err == nil {
			g.name, err = u.line()
		}
		if err != nil {
			return err
		}
		return u.push(g)
	}
	name, err := u.pop()
	if err != nil {
		return err
	}
	module, err := u.pop()
	if err != nil {
		return err
	}
	var okName, okModule bool
	g.name, okName = name.(string)
	if g.module, okModule = module.(string); !okName || !okModule {
		return u.fail("a class whose name is no string")
	}
	return u.push(g)
}

func (u *unpickler) tuple(op byte) error {
	if op == 't' {
		items, err := u.toMark()
		if err != nil {
			return err
		}
		return u.push(pickleTuple(items))
	}
	items := make(pickleTuple, op-0x84)
	for i := len(items) - 1; i >= 0; i-- {
		var err error
		if items[i], err = u.pop(); err != nil {
			return err
		}
	}
	return u.push(items)
}

// fill adds items to the list or the dictionary below them.
func (u *unpickler) fill(op byte) error {
	var items []any
	var err error
	switch op {
	case 'e', 'u':
		items, err = u.toMark()
	case 'a':
		items = make([]any, 1)
	case 's':
		items = make([]any, 2)
	}
	if op == 'a' || op == 's' {
		for i := len(items) - 1; i >= 0 && err == nil; i-- {
			items[i], err = u.pop()
		}
	}
	if err != nil {
		return err
	}
	to, err := u.top()
	if err != nil {
		return err
	}
	switch to := to.(type) {
	case *pickleList:
		if op == 'a' || op == 'e' {
			to.items = append(to.items, items...)
			return nil
		}
	case *pickleDict:
		if (op == 's' || op == 'u') && len(items)%2 == 0 {
			for i := 0; i < len(items); i += 2 {
				to.keys, to.values = append(to.keys, items[i]), append(to.values, items[i+1])
			}
			return nil
		}
	case pickleObject: // an object that was not made gets nothing
		return nil
	}
	return u.fail("items for what takes none")
}

// reduce would call something: what is known by name is made, all else stays a name.
func (u *unpickler) reduce() error {
	args, err := u.pop()
	if err != nil {
		return err
	}
	f, err := u.pop()
	if err != nil {
		return err
	}
	tuple, ok := args.(pickleTuple)
	g, isGlobal := f.(pickleGlobal)
	if !ok || !isGlobal {
		if _, object := f.(pickleObject); object && ok {
			return u.push(f)
		}
		return u.fail("a call of what is no function")
	}
	v, known, err := u.call(g, tuple)
	if err != nil {
		return err
	}
	if !known {
		v = pickleObject{of: g}
	}
	return u.push(v)
}
