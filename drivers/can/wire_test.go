package can

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// native turns the little-endian bytes that candump users know into this machine's order.
func native(t testing.TB, s string) *[wireSize]byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != wireSize {
		t.Fatalf("%q is not %d bytes: %v", s, wireSize, err)
	}
	binary.NativeEndian.PutUint32(b, binary.LittleEndian.Uint32(b))
	return (*[wireSize]byte)(b)
}

func TestDecodeWire(t *testing.T) {
	for _, c := range []struct {
		name, bytes string
		want        record
		err         error
	}{
		{"frame", "a1020000 08000000 0100010001000000",
			record{isFrame: true, frame: Frame{ID: 0x2A1, Len: 8, Data: [8]byte{1, 0, 1, 0, 1}}}, nil},
		{"bytes beyond the length are nothing", "21040000 01000000 01ffffffffffffff",
			record{isFrame: true, frame: Frame{ID: 0x421, Len: 1, Data: [8]byte{1}}}, nil},
		{"extended", "01000080 08000000 0000000000000000", record{}, nil},
		{"remote", "01000040 00000000 0000000000000000", record{}, nil},
		{"bus off", "40000020 08000000 0000000000000000", record{hasState: true, state: BusOff}, nil},
		{"restarted", "00010020 08000000 0000000000000000", record{hasState: true, state: Up}, nil},
		{"receive warning", "04000020 08000000 0004000000000000", record{hasState: true, state: Warning}, nil},
		{"transmit passive", "04000020 08000000 0020000000000000", record{hasState: true, state: Passive}, nil},
		{"warning and passive", "04000020 08000000 0028000000000000", record{hasState: true, state: Passive}, nil},
		{"active again", "04000020 08000000 0040000000000000", record{hasState: true, state: Up}, nil},
		{"receive overflow", "04000020 08000000 0001000000000000", record{}, nil},
		{"no acknowledgement", "20000020 08000000 0000000000000000", record{}, nil},
		{"nine bytes", "01000000 09000000 0000000000000000", record{}, ErrFrame},
		{"twelve-bit identifier", "00080000 00000000 0000000000000000", record{}, ErrFrame},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := decodeWire(native(t, string(bytes.ReplaceAll([]byte(c.bytes), []byte(" "), nil))))
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %+v, %v, want %+v, %v", got, err, c.want, c.err)
			}
		})
	}
}

func TestWireStateRoundTrip(t *testing.T) {
	for _, s := range []State{Up, Warning, Passive, BusOff} {
		b := appendWireState(nil, s)
		got, err := decodeWire((*[wireSize]byte)(b))
		if err != nil || got != (record{hasState: true, state: s}) {
			t.Errorf("%v came back as %+v, %v", s, got, err)
		}
	}
}

// A read that fails between records may be repeated; records arrive whole
// however the bytes are cut.
func TestWireReaderSurvivesCuts(t *testing.T) {
	want := []Frame{{ID: 1, Len: 8, Data: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}}, {ID: 2}, {ID: 0x7FF, Len: 1, Data: [8]byte{9}}}
	var wire []byte
	for _, f := range want {
		wire = appendWire(wire, f)
	}
	for name, r := range map[string]io.Reader{
		"whole":         bytes.NewReader(wire),
		"byte by byte":  iotest.OneByteReader(bytes.NewReader(wire)),
		"in halves":     iotest.HalfReader(bytes.NewReader(wire)),
		"one bad read":  io.MultiReader(bytes.NewReader(wire[:16]), &failOnce{}, bytes.NewReader(wire[16:])),
		"end with data": iotest.DataErrReader(bytes.NewReader(wire)),
	} {
		t.Run(name, func(t *testing.T) {
			reader := newWireReader(r)
			var got []Frame
			for {
				rec, err := reader.next()
				if errors.Is(err, errOnce) {
					continue
				}
				if err != nil {
					if !errors.Is(err, io.EOF) {
						t.Errorf("ended with %v", err)
					}
					break
				}
				got = append(got, rec.frame)
			}
			if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
				t.Errorf("read %v, want %v", got, want)
			}
		})
	}
}

var errOnce = errors.New("network is down")

type failOnce struct{ failed bool }

func (f *failOnce) Read([]byte) (int, error) {
	if f.failed {
		return 0, io.EOF
	}
	f.failed = true
	return 0, errOnce
}

func FuzzWireReader(f *testing.F) {
	f.Add(appendWire(nil, Frame{ID: 0x2A1, Len: 8}))
	f.Add(appendWire(appendWireState(nil, BusOff), Frame{ID: 1, Len: 3, Data: [8]byte{1, 2, 3}}))
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Add(make([]byte, 17))
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := newWireReader(bytes.NewReader(wire))
		for n := 0; ; n++ {
			rec, err := r.next()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, ErrFrame) {
					t.Fatalf("ended with %v", err)
				}
				return
			}
			if n >= len(wire)/wireSize {
				t.Fatalf("%d bytes gave %d records", len(wire), n+1)
			}
			if err := rec.frame.Validate(); err != nil {
				t.Fatalf("record %d: %v", n, err)
			}
			if rec.isFrame {
				back, err := decodeWire((*[wireSize]byte)(appendWire(nil, rec.frame)))
				if err != nil || back != rec {
					t.Fatalf("%v came back as %+v, %v", rec.frame, back, err)
				}
			}
		}
	})
}
