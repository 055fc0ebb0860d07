package msgs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The codec is OMG CDR version 1 (XCDR1) as ROS 2 uses it: a 4-byte
// encapsulation header (0x0000 big-endian, 0x0001 little-endian, two option
// bytes), then the fields, each primitive aligned to its size relative to the
// first byte after the header. Strings carry their length with the terminating
// zero; sequences carry a u32 count, and padding belongs to the element that
// needs it, so an empty sequence ends with its count. We write little-endian and
// read both.

const headerSize = 4

// ErrCDR is wrapped by every decoding error.
var ErrCDR = errors.New("malformed CDR")

type cdrMode uint8

const (
	sizing   cdrMode = iota
	bounding         // sizing without padding and with empty strings: the fewest bytes at any offset
	writing
	reading
)

// CDR is one walk over a message: sizing, bounding, writing or reading.
type CDR struct {
	mode cdrMode
	buf  []byte // writing: destination; reading: the message after its header
	off  int    // otherwise: offset after the header
	base int    // writing: index in buf of the first byte after the header
	big  bool   // reading: big-endian source
	err  error
}

// Size is the number of bytes AppendCDR adds for m, header included.
func Size(m Message) int {
	c := CDR{mode: sizing}
	m.CDR(&c)
	return headerSize + c.off
}

// AppendCDR appends the little-endian encoding of m, header included.
func AppendCDR(dst []byte, m Message) []byte {
	dst = append(dst, 0, 1, 0, 0)
	c := CDR{mode: writing, buf: dst, base: len(dst)}
	m.CDR(&c)
	return c.buf
}

// Marshal encodes m into a new buffer of exactly its size.
func Marshal(m Message) []byte { return AppendCDR(make([]byte, 0, Size(m)), m) }

// ReadCDR decodes src, header included, into m. Bytes after the last field are
// allowed (writers pad to four). Slices of m are reused where they fit, so m
// must not be shared. An error leaves m half written.
func ReadCDR(src []byte, m Message) error {
	if len(src) < headerSize {
		return fmt.Errorf("%w: %s: %d bytes, shorter than the 4-byte header", ErrCDR, m.TypeName(), len(src))
	}
	if src[0] != 0 || src[1] > 1 {
		return fmt.Errorf("%w: %s: encapsulation 0x%02x%02x is not plain CDR (0x0000 or 0x0001)", ErrCDR, m.TypeName(), src[0], src[1])
	}
	c := CDR{mode: reading, buf: src[headerSize:], big: src[1] == 0}
	m.CDR(&c)
	if c.err != nil {
		return fmt.Errorf("%w: %s: %w", ErrCDR, m.TypeName(), c.err)
	}
	return nil
}

func (c *CDR) align(n int) {
	switch c.mode {
	case sizing, reading:
		if r := c.off % n; r != 0 {
			c.off += n - r
		}
	case writing:
		for (len(c.buf)-c.base)%n != 0 {
			c.buf = append(c.buf, 0)
		}
	}
}

// take returns the next n bytes of the source, or nil after setting the error.
func (c *CDR) take(n int) []byte {
	if c.err != nil {
		return nil
	}
	if n < 0 || n > len(c.buf)-c.off {
		c.err = fmt.Errorf("needs %d bytes at offset %d, the message has %d", n, c.off, len(c.buf))
		return nil
	}
	b := c.buf[c.off : c.off+n]
	c.off += n
	return b
}

// U8 visits a uint8 (also char and byte).
func (c *CDR) U8(v *uint8) {
	switch c.mode {
	case sizing, bounding:
		c.off++
	case writing:
		c.buf = append(c.buf, *v)
	case reading:
		if b := c.take(1); b != nil {
			*v = b[0]
		}
	}
}

// I8 visits an int8.
func (c *CDR) I8(v *int8) {
	u := uint8(*v)
	c.U8(&u)
	if c.mode == reading {
		*v = int8(u)
	}
}

// Bool visits a bool; any non-zero byte reads as true.
func (c *CDR) Bool(v *bool) {
	var u uint8
	if *v {
		u = 1
	}
	c.U8(&u)
	if c.mode == reading { // writers share the message with readers: don't touch it
		*v = u != 0
	}
}

// U16 visits a uint16.
func (c *CDR) U16(v *uint16) {
	c.align(2)
	switch c.mode {
	case sizing, bounding:
		c.off += 2
	case writing:
		c.buf = binary.LittleEndian.AppendUint16(c.buf, *v)
	case reading:
		if b := c.take(2); b != nil {
			if c.big {
				*v = binary.BigEndian.Uint16(b)
			} else {
				*v = binary.LittleEndian.Uint16(b)
			}
		}
	}
}

// U32 visits a uint32.
func (c *CDR) U32(v *uint32) {
	c.align(4)
	switch c.mode {
	case sizing, bounding:
		c.off += 4
	case writing:
		c.buf = binary.LittleEndian.AppendUint32(c.buf, *v)
	case reading:
		if b := c.take(4); b != nil {
			if c.big {
				*v = binary.BigEndian.Uint32(b)
			} else {
				*v = binary.LittleEndian.Uint32(b)
			}
		}
	}
}

// U64 visits a uint64.
func (c *CDR) U64(v *uint64) {
	c.align(8)
	switch c.mode {
	case sizing, bounding:
		c.off += 8
	case writing:
		c.buf = binary.LittleEndian.AppendUint64(c.buf, *v)
	case reading:
		if b := c.take(8); b != nil {
			if c.big {
				*v = binary.BigEndian.Uint64(b)
			} else {
				*v = binary.LittleEndian.Uint64(b)
			}
		}
	}
}

// I16 visits an int16.
func (c *CDR) I16(v *int16) {
	u := uint16(*v)
	c.U16(&u)
	if c.mode == reading {
		*v = int16(u)
	}
}

// I32 visits an int32.
func (c *CDR) I32(v *int32) {
	u := uint32(*v)
	c.U32(&u)
	if c.mode == reading {
		*v = int32(u)
	}
}

// I64 visits an int64.
func (c *CDR) I64(v *int64) {
	u := uint64(*v)
	c.U64(&u)
	if c.mode == reading {
		*v = int64(u)
	}
}

// F32 visits a float32.
func (c *CDR) F32(v *float32) {
	u := math.Float32bits(*v)
	c.U32(&u)
	if c.mode == reading {
		*v = math.Float32frombits(u)
	}
}

// F64 visits a float64.
func (c *CDR) F64(v *float64) {
	u := math.Float64bits(*v)
	c.U64(&u)
	if c.mode == reading {
		*v = math.Float64frombits(u)
	}
}

// String visits a string. On the wire its length counts the terminating zero;
// a length of 0, which some writers send for "", reads as "".
func (c *CDR) String(v *string) {
	n := uint32(len(*v) + 1)
	c.U32(&n)
	switch c.mode {
	case sizing:
		c.off += len(*v) + 1
	case writing:
		c.buf = append(append(c.buf, *v...), 0)
	case reading:
		if n == 0 {
			*v = ""
			return
		}
		if b := c.take(int(n)); b != nil {
			if b[n-1] != 0 {
				c.err = fmt.Errorf("string of %d bytes at offset %d does not end in zero", n, c.off-int(n))
				return
			}
			if s := b[:n-1]; string(s) != *v { // a name that stays costs no allocation
				*v = string(s)
			}
		}
	}
}

// Bytes visits a sequence<uint8>. Reading copies: the source may be reused.
func (c *CDR) Bytes(v *[]byte) {
	n := uint32(len(*v))
	c.U32(&n)
	switch c.mode {
	case sizing, bounding:
		c.off += len(*v)
	case writing:
		c.buf = append(c.buf, *v...)
	case reading:
		if b := c.take(int(n)); b != nil {
			*v = append((*v)[:0], b...)
		}
	}
}

// Seq visits a sequence; elem visits one element. A malformed count is refused
// before it can allocate more elements than the rest of the message has bytes for.
func Seq[T any](c *CDR, v *[]T, elem func(c *CDR, e *T)) {
	n := uint32(len(*v))
	c.U32(&n)
	if c.mode == reading {
		if c.err != nil || !resize(c, v, n, elem) {
			return
		}
	}
	for i := range *v {
		elem(c, &(*v)[i])
		if c.err != nil {
			return
		}
	}
}

// resize makes v n elements long, or sets the error.
func resize[T any](c *CDR, v *[]T, n uint32, elem func(c *CDR, e *T)) bool {
	if uint64(n) > uint64(cap(*v)) {
		least := CDR{mode: bounding}
		elem(&least, new(T))
		if left := len(c.buf) - c.off; uint64(n)*uint64(least.off) > uint64(left) {
			c.err = fmt.Errorf("sequence of %d elements of at least %d bytes at offset %d, but %d bytes are left", n, least.off, c.off, left)
			return false
		}
		*v = make([]T, n)
	}
	*v = (*v)[:n]
	return true
}

// Bounded visits a sequence of at most max elements (rosidl's [<=max]), which a
// reader refuses beyond. A bound costs nothing on the wire.
func Bounded[T any](c *CDR, v *[]T, max int, elem func(c *CDR, e *T)) {
	if Seq(c, v, elem); c.mode == reading && c.err == nil && len(*v) > max {
		c.err = fmt.Errorf("sequence of %d elements, of at most %d", len(*v), max)
	}
}

// Array visits a fixed-size array given as a slice of it.
func Array[T any](c *CDR, v []T, elem func(c *CDR, e *T)) {
	for i := range v {
		elem(c, &v[i])
	}
}

// F64s visits a sequence<float64>.
func (c *CDR) F64s(v *[]float64) { Seq(c, v, (*CDR).F64) }

// U32s visits a sequence<uint32>.
func (c *CDR) U32s(v *[]uint32) { Seq(c, v, (*CDR).U32) }

// U16s visits a sequence<uint16>.
func (c *CDR) U16s(v *[]uint16) { Seq(c, v, (*CDR).U16) }

// I64s visits a sequence<int64>.
func (c *CDR) I64s(v *[]int64) { Seq(c, v, (*CDR).I64) }

// Bools visits a sequence<bool>.
func (c *CDR) Bools(v *[]bool) { Seq(c, v, (*CDR).Bool) }

// Strings visits a sequence<string>.
func (c *CDR) Strings(v *[]string) { Seq(c, v, (*CDR).String) }

// Empty visits a structure without fields, which is one byte on ROS 2's wire.
func (c *CDR) Empty() {
	var pad uint8
	c.U8(&pad)
}

// Visit visits a nested message; it is the elem of a sequence of messages.
func Visit[T any, P Ptr[T]](c *CDR, v *T) { P(v).CDR(c) }
