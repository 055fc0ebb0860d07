package msgs

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// reference encodes by what a message's Go fields are, with no walk of its own:
// the codec, and every type's CDR method, must agree with it.
type reference struct {
	buf   []byte
	order binary.AppendByteOrder
}

func encode(m Message, order binary.AppendByteOrder) []byte {
	r := reference{order: order}
	r.value(reflect.ValueOf(m).Elem())
	header := []byte{0, 1, 0, 0}
	if order == binary.AppendByteOrder(binary.BigEndian) {
		header[1] = 0
	}
	return append(header, r.buf...)
}

func (r *reference) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.NumField() == 0 {
			r.buf = append(r.buf, 0)
		}
		for i := range v.NumField() {
			r.value(v.Field(i))
		}
	case reflect.Slice:
		r.number(4, uint64(v.Len()))
		for i := range v.Len() {
			r.value(v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			r.value(v.Index(i))
		}
	case reflect.String:
		r.number(4, uint64(v.Len()+1))
		r.buf = append(append(r.buf, v.String()...), 0)
	case reflect.Bool:
		n := uint64(0)
		if v.Bool() {
			n = 1
		}
		r.number(1, n)
	case reflect.Float32:
		r.number(4, uint64(math.Float32bits(float32(v.Float()))))
	case reflect.Float64:
		r.number(8, math.Float64bits(v.Float()))
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		r.number(int(v.Type().Size()), uint64(v.Int()))
	default:
		r.number(int(v.Type().Size()), v.Uint())
	}
}

func (r *reference) number(size int, n uint64) {
	for len(r.buf)%size != 0 {
		r.buf = append(r.buf, 0)
	}
	switch size {
	case 1:
		r.buf = append(r.buf, byte(n))
	case 2:
		r.buf = r.order.AppendUint16(r.buf, uint16(n))
	case 4:
		r.buf = r.order.AppendUint32(r.buf, uint32(n))
	case 8:
		r.buf = r.order.AppendUint64(r.buf, n)
	}
}

// draw sets every field of v to something random; bound is the most elements of
// a sequence.
func draw(t *rapid.T, v reflect.Value, bound int) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			draw(t, v.Field(i), boundOf(v.Type().Field(i)))
		}
	case reflect.Slice:
		if n := rapid.IntRange(0, bound).Draw(t, "length"); n > 0 { // none is nil, as it reads
			v.Set(reflect.MakeSlice(v.Type(), n, n))
		}
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			draw(t, v.Index(i), 3)
		}
	case reflect.String:
		v.SetString(rapid.StringN(0, 5, -1).Draw(t, "string"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Float32:
		v.SetFloat(float64(rapid.Float32().Draw(t, "float32")))
	case reflect.Float64:
		v.SetFloat(rapid.Float64().Draw(t, "float64"))
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "integer") >> (64 - v.Type().Bits()))
	default:
		v.SetUint(rapid.Uint64().Draw(t, "integer") >> (64 - v.Type().Bits()))
	}
}

func boundOf(f reflect.StructField) int {
	if strings.HasSuffix(f.Tag.Get("rosidl"), "[<=1]") {
		return 1
	}
	return 3
}

func TestEveryTypeRoundTrips(t *testing.T) {
	for _, name := range TypeNames() {
		t.Run(strings.ReplaceAll(name, "/", "."), rapid.MakeCheck(func(t *rapid.T) {
			m, got, big, used := fresh(name), fresh(name), fresh(name), fresh(name)
			draw(t, reflect.ValueOf(m).Elem(), 3)
			draw(t, reflect.ValueOf(used).Elem(), 3)
			src := Marshal(m)
			if want := encode(m, binary.LittleEndian); string(src) != string(want) {
				t.Fatalf("wrote\n%x, want\n%x", src, want)
			}
			if len(src) != Size(m) || cap(src) != len(src) {
				t.Fatalf("%d bytes in a buffer of %d, size %d", len(src), cap(src), Size(m))
			}
			read(t, src, got)
			if !reflect.DeepEqual(got, m) {
				t.Fatalf("read %+v, want %+v", got, m)
			}
			read(t, encode(m, binary.BigEndian), big)
			if !reflect.DeepEqual(big, m) {
				t.Fatalf("read from big-endian %+v, want %+v", big, m)
			}
			read(t, src, used)
			if string(Marshal(used)) != string(src) {
				t.Fatalf("read over another message %+v, want %+v", used, m)
			}
			cut := rapid.IntRange(0, len(src)-1).Draw(t, "cut")
			if err := ReadCDR(src[:cut], fresh(name)); err == nil {
				t.Fatalf("read %d of %d bytes without an error", cut, len(src))
			}
		}))
	}
}

func read(t *rapid.T, src []byte, m Message) {
	if err := ReadCDR(src, m); err != nil {
		t.Fatal(err)
	}
}

func fresh(name string) Message {
	m, _ := New(name)
	return m
}

// Publishers share a message with everybody who reads it: sizing and writing
// touch nothing. The race detector sees what the comparison can't.
func TestWritersShareMessages(t *testing.T) {
	for _, name := range TypeNames() {
		m, before := fresh(name), fresh(name)
		fill(reflect.ValueOf(m).Elem(), &filler{length: 2})
		fill(reflect.ValueOf(before).Elem(), &filler{length: 2})
		var wg sync.WaitGroup
		var bytes [4][]byte
		for i := range bytes {
			wg.Go(func() { bytes[i] = Marshal(m) })
		}
		wg.Wait()
		if !reflect.DeepEqual(m, before) {
			t.Errorf("%s: writing %+v left %+v", name, before, m)
		}
		for _, b := range bytes {
			if string(b) != string(bytes[0]) {
				t.Errorf("%s: two writers differ:\n%x\n%x", name, b, bytes[0])
			}
		}
	}
}

// filler gives every field a different value, and every sequence a length.
type filler struct {
	length int
	next   int
}

func fill(v reflect.Value, f *filler) {
	f.next++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			at := *f
			at.length = min(f.length, boundOf(v.Type().Field(i)))
			fill(v.Field(i), &at)
			f.next = at.next
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), f.length, f.length))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), f)
		}
	case reflect.String:
		v.SetString(fmt.Sprint("s", f.next))
	case reflect.Bool:
		v.SetBool(f.next%2 == 0)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(f.next) / 4)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.next % 100))
	default:
		v.SetUint(uint64(f.next % 100))
	}
}

// held is the memory behind v, its own fields apart.
func held(v reflect.Value) int {
	n := 0
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			n += held(v.Field(i))
		}
	case reflect.Slice:
		n += v.Cap() * int(v.Type().Elem().Size())
		v = v.Slice(0, v.Cap())
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			n += held(v.Index(i))
		}
	case reflect.String:
		n += v.Len()
	}
	return n
}

// maxHeld is the most that a message read from src may hold. An element's Go
// struct is up to 5 times its least bytes on the wire (a State is 24 to 5), and
// what a refused sequence in an element of another has made comes on top.
func maxHeld(src []byte) int { return 10*len(src) + 16 }

func FuzzReadCDR(f *testing.F) {
	names := TypeNames()
	for i, name := range names {
		for _, length := range []int{0, 1, 3} {
			m := fresh(name)
			fill(reflect.ValueOf(m).Elem(), &filler{length: length})
			f.Add(uint8(i), encode(m, binary.LittleEndian))
			f.Add(uint8(i), encode(m, binary.BigEndian))
		}
		f.Add(uint8(i), []byte("\x00\x01\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
		f.Add(uint8(i), []byte("\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\x00"))
	}
	f.Fuzz(func(t *testing.T, i uint8, src []byte) {
		name := names[int(i)%len(names)]
		m := fresh(name)
		err := ReadCDR(src, m)
		if h := held(reflect.ValueOf(m).Elem()); h > maxHeld(src) {
			t.Errorf("%s: %d bytes held for a message of %d", name, h, len(src))
		}
		if err != nil {
			return
		}
		again := Marshal(m)
		other := fresh(name)
		if err := ReadCDR(again, other); err != nil {
			t.Fatalf("%s: what was read can't be read again: %v", name, err)
		}
		if got := Marshal(other); string(got) != string(again) {
			t.Errorf("%s: read %x, then %x", name, again, got)
		}
	})
}
