package msgs

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// kinds is a message of every kind of field that no interface in use has.
type kinds struct {
	Byte   uint8
	Int8   int8
	Int16  int16
	Uint16 uint16
	Int64  int64
	Float  float32
	Fixed  [3]uint16
	Names  [2]string
	Flags  []bool
	Wide   [2]float64
}

func (*kinds) TypeName() string { return "test_msgs/msg/Kinds" }

func (m *kinds) CDR(c *CDR) {
	c.U8(&m.Byte)
	c.I8(&m.Int8)
	c.I16(&m.Int16)
	c.U16(&m.Uint16)
	c.I64(&m.Int64)
	c.F32(&m.Float)
	Array(c, m.Fixed[:], (*CDR).U16)
	Array(c, m.Names[:], (*CDR).String)
	c.Bools(&m.Flags)
	Array(c, m.Wide[:], (*CDR).F64)
}

// wireTable is derived by hand from the rules of the CDR transfer syntax (OMG
// CORBA 3.3 part 2, section 9.3; DDS-XTypes 1.3, section 7.4 for the header):
// each line of bytes is one field, padding before it included. Little-endian
// first, then the same as a big-endian writer sends it.
var wireTable = []struct {
	name        string
	m           Message
	little, big string
}{
	{"bool", &Bool{Data: true}, `01`, `01`},
	{"empty structure", &GetState_Request{}, `00`, `00`},
	{"empty string", &String{}, `01000000 00`, `00000001 00`},
	{"string", &String{Data: "abc"}, `04000000 61626300`, `00000004 61626300`},
	{"string in UTF-8", &String{Data: "é"}, `03000000 c3a900`, `00000003 c3a900`},
	{
		"nested", &Header{Stamp: Time{Sec: -2, Nanosec: 3}, FrameID: "a"},
		`feffffff 03000000 02000000 6100`,
		`fffffffe 00000003 00000002 6100`,
	},
	{
		"string after bool", &Trigger_Response{Success: true, Message: "x"},
		`01 000000 02000000 7800`,
		`01 000000 00000002 7800`,
	},
	{
		"u64 after sequence of strings", &ListParameters_Request{Prefixes: []string{"a"}, Depth: 3},
		`01000000 02000000 6100
		 000000000000 0300000000000000`,
		`00000001 00000002 6100
		 000000000000 0000000000000003`,
	},
	{
		"structures are not aligned, their fields are", &GetAvailableStates_Response{AvailableStates: []State{{1, "a"}, {2, ""}, {3, ""}}},
		`03000000
		 01 000000 02000000 6100
		 02 00 01000000 00
		 03 0000 01000000 00`,
		`00000003
		 01 000000 00000002 6100
		 02 00 00000001 00
		 03 0000 00000001 00`,
	},
	{
		"empty sequences of doubles have no padding", &JointState{},
		`00000000 00000000 01000000 00
		 000000 00000000
		 00000000
		 00000000
		 00000000`,
		`00000000 00000000 00000001 00
		 000000 00000000
		 00000000
		 00000000
		 00000000`,
	},
	{
		"doubles are padded after their count", &JointState{Velocity: []float64{1}},
		`00000000 00000000 01000000 00
		 000000 00000000
		 00000000
		 01000000 00000000 000000000000f03f
		 00000000`,
		`00000000 00000000 00000001 00
		 000000 00000000
		 00000000
		 00000001 00000000 3ff0000000000000
		 00000000`,
	},
	{
		"u16 sequence, then string", &ProprioTokens{Bins: []uint16{1, 256, 3}},
		`00000000 00000000 01000000 00
		 000000 00000000
		 00000000
		 03000000 0100 0001 0300
		 0000 01000000 00`,
		`00000000 00000000 00000001 00
		 000000 00000000
		 00000000
		 00000003 0001 0100 0003
		 0000 00000001 00`,
	},
	{
		"bytes, then nothing", &CompressedImage{Format: "png", Data: []byte{0x89, 0x50}},
		`00000000 00000000 01000000 00
		 000000 04000000 706e6700
		 02000000 8950`,
		`00000000 00000000 00000001 00
		 000000 00000004 706e6700
		 00000002 8950`,
	},
	{
		"every kind", &kinds{
			Byte: 0xab, Int8: -1, Int16: -2, Uint16: 0x0102, Int64: -3, Float: 1.5,
			Fixed: [3]uint16{1, 2, 3}, Names: [2]string{"", "n"}, Flags: []bool{true, false, true}, Wide: [2]float64{-2, 0.5},
		},
		`ab ff
		 feff 0201
		 0000 fdffffffffffffff
		 0000c03f
		 0100 0200 0300
		 0000 01000000 00 000000 02000000 6e00
		 0000 03000000 01 00 01
		 0000000000 00000000000000c0 000000000000e03f`,
		`ab ff
		 fffe 0102
		 0000 fffffffffffffffd
		 3fc00000
		 0001 0002 0003
		 0000 00000001 00 000000 00000002 6e00
		 0000 00000003 01 00 01
		 0000000000 c000000000000000 3fe0000000000000`,
	},
}

func TestWire(t *testing.T) {
	for _, tc := range wireTable {
		t.Run(tc.name, func(t *testing.T) {
			want := unhex(t, "00010000"+tc.little)
			if got := Marshal(tc.m); string(got) != string(want) {
				t.Errorf("wrote\n%x, want\n%x", got, want)
			}
			if got := Size(tc.m); got != len(want) {
				t.Errorf("size %d, want %d", got, len(want))
			}
			for _, src := range []string{"00010000" + tc.little, "00000000" + tc.big} {
				got := reflect.New(reflect.TypeOf(tc.m).Elem()).Interface().(Message)
				if err := ReadCDR(unhex(t, src), got); err != nil {
					t.Errorf("reading %s: %v", src, err)
				} else if !reflect.DeepEqual(got, tc.m) {
					t.Errorf("read %+v, want %+v", got, tc.m)
				}
			}
		})
	}
}

// Alignment counts from the message's own first byte, wherever it is appended.
func TestAppendAnywhere(t *testing.T) {
	m := &ListParameters_Request{Prefixes: []string{"abc"}, Depth: 1 << 40}
	for n := range 9 {
		dst := make([]byte, n, n+100)
		for i := range dst[:cap(dst)] {
			dst[:cap(dst)][i] = 0xee // what padding must overwrite
		}
		got := AppendCDR(dst, m)
		if string(got[:n]) != string(dst) || string(got[n:]) != string(Marshal(m)) {
			t.Errorf("after %d bytes: %x", n, got)
		}
	}
}

func TestReadTolerates(t *testing.T) {
	tests := []struct {
		name, src string
		want      Message
	}{
		{"option bytes of any value", `0001 1234 01`, &Bool{Data: true}},
		{"padding at the end", `0001 0003 01 000000`, &Bool{Data: true}},
		{"any true", `0001 0000 7f`, &Bool{Data: true}},
		{"string of length 0", `0001 0000 00000000`, &String{}},
		{"an empty structure's byte of any value", `0001 0000 55`, &Trigger_Request{}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got, _ := New(tc.want.TypeName())
			if err := ReadCDR(unhex(t, tc.src), got); err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("read %+v, %v, want %+v", got, err, tc.want)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	tests := []struct {
		name, src string
		m         Message
		message   string
	}{
		{"nothing", ``, &Bool{}, "std_msgs/msg/Bool: 0 bytes, shorter than the 4-byte header"},
		{"half a header", `000100`, &Bool{}, "shorter than the 4-byte header"},
		{"parameter list", `0003 0000 01`, &Bool{}, "encapsulation 0x0003 is not plain CDR"},
		{"CDR version 2", `0007 0000 01`, &Bool{}, "encapsulation 0x0007 is not plain CDR"},
		{"vendor's encoding", `0101 0000 01`, &Bool{}, "encapsulation 0x0101 is not plain CDR"},
		{"no payload", `0001 0000`, &Bool{}, "needs 1 bytes at offset 0, the message has 0"},
		{"cut in padding", `0001 0000 01 00`, &Trigger_Response{}, "needs 4 bytes at offset 4, the message has 2"},
		{"string without zero", `0001 0000 02000000 6161`, &String{}, "string of 2 bytes at offset 4 does not end in zero"},
		{"string longer than the message", `0001 0000 ffffffff 00`, &String{}, "needs 4294967295 bytes at offset 4, the message has 5"},
		{"bytes longer than the message", `0001 0000 00000000 00000000 01000000 00 000000 01000000 00 000000 03000000 0000`, &CompressedImage{}, "needs 3 bytes at offset 28, the message has 30"},
		{"more doubles than bytes", `0001 0000 02000000 0000000000000000 00000000`, &doubles{}, "sequence of 2 elements of at least 8 bytes at offset 4, but 12 bytes are left"},
		{"a count of 2³²-1", `0001 0000 ffffffff`, &TFMessage{}, "sequence of 4294967295 elements of at least 72 bytes at offset 4, but 0 bytes are left"},
		{"beyond the bound", `0001 0000
			01000000 00 000000 01000000 00 000000 01000000 00 00 00 00
			02000000 00000000` + strings.Repeat("00", 48) + `00000000`,
			&ParameterDescriptor{}, "sequence of 2 elements, of at most 1"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			err := ReadCDR(unhex(t, tc.src), tc.m)
			if !errors.Is(err, ErrCDR) || !strings.Contains(err.Error(), tc.message) {
				t.Errorf("error %q, want %q", err, tc.message)
			}
		})
	}
}

// doubles is a sequence of 8-byte elements at the message's start.
type doubles struct{ Data []float64 }

func (*doubles) TypeName() string { return "test_msgs/msg/Doubles" }
func (m *doubles) CDR(c *CDR)     { c.F64s(&m.Data) }

// A NaN's payload and a zero's sign survive: data is not for the codec to judge.
func TestFloatBits(t *testing.T) {
	for _, bits := range []uint64{0x7ff8000000000001, 0xfff4000000000abc, 0x8000000000000000, 0x7ff0000000000000, 1} {
		src := binary.LittleEndian.AppendUint64([]byte{0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}, bits)
		var m doubles
		if err := ReadCDR(src, &m); err != nil {
			t.Fatal(err)
		}
		if got := math.Float64bits(m.Data[0]); got != bits {
			t.Errorf("read %x as %x", bits, got)
		}
		if got := Marshal(&m); string(got) != string(src) {
			t.Errorf("wrote %x, want %x", got, src)
		}
	}
}

// A subscriber that reads into one message again and again pays for the walk
// alone, and what it copies doesn't point into the source.
func TestReadReuses(t *testing.T) {
	m := &JointState{
		Header: Header{FrameID: "base_link"}, Name: []string{"a", "b"}, Position: []float64{1, 2}, Velocity: []float64{3, 4},
	}
	src := Marshal(m)
	var got JointState
	allocs := testing.AllocsPerRun(100, func() {
		if err := ReadCDR(src, &got); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 1 {
		t.Errorf("%v allocations a read, want the walk's one", allocs)
	}
	for i := range src {
		src[i] = 0xff
	}
	if !reflect.DeepEqual(&got, m) {
		t.Errorf("read %+v, want %+v", got, m)
	}
	image := &CompressedImage{Data: []byte{1, 2, 3}}
	src = Marshal(image)
	var into CompressedImage
	if err := ReadCDR(src, &into); err != nil {
		t.Fatal(err)
	}
	src[len(src)-1] = 9
	if into.Data[2] != 3 {
		t.Error("the message's bytes are the source's own")
	}
}

// A count that promises billions of elements costs what the message's length
// justifies, no more.
func TestMalformedCountCostsNothing(t *testing.T) {
	for _, name := range TypeNames() {
		m, _ := New(name)
		fill(reflect.ValueOf(m).Elem(), &filler{length: 2})
		good := Marshal(m)
		for at := headerSize; at+4 <= len(good); at += 4 {
			for _, count := range []uint32{math.MaxUint32, math.MaxInt32, 1 << 24, uint32(len(good))} {
				src := append([]byte(nil), good...)
				binary.LittleEndian.PutUint32(src[at:], count)
				got, _ := New(name)
				err := ReadCDR(src, got)
				if h := held(reflect.ValueOf(got).Elem()); h > maxHeld(src) {
					t.Fatalf("%s: count %d at byte %d: %d bytes held for a message of %d (%v)", name, count, at, h, len(src), err)
				}
			}
		}
	}
}

func TestMalformedCountAllocates(t *testing.T) {
	src := unhex(t, `0001 0000 00000000 00000000 01000000 00 000000 ffffff7f`+strings.Repeat("00", 1024))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := ReadCDR(src, &DiagnosticArray{})
	runtime.ReadMemStats(&after)
	if !errors.Is(err, ErrCDR) {
		t.Errorf("error %v", err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<16 {
		t.Errorf("refusing a message of %d bytes allocated %d", len(src), got)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func BenchmarkImage(b *testing.B) {
	m := &Image{Header: Header{FrameID: "camera_f"}, Height: 480, Width: 640, Encoding: "rgb8", Step: 1920, Data: make([]byte, 640*480*3)}
	buf := Marshal(m)
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(len(buf)))
		for b.Loop() {
			buf = AppendCDR(buf[:0], m)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(buf)))
		for b.Loop() {
			if err := ReadCDR(buf, m); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkActionChunk(b *testing.B) {
	m := &ActionChunk{Names: make([]string, 14), Values: make([]float64, 70), Tokens: make([]uint32, 70)}
	for b.Loop() {
		if err := ReadCDR(Marshal(m), m); err != nil {
			b.Fatal(err)
		}
	}
}
