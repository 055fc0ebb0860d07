package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// file builds a safetensors file from a header's text and data.
func file(header string, data []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

func TestHostileHeaders(t *testing.T) {
	d8 := make([]byte, 8)
	for _, test := range []struct {
		name string
		data []byte
		is   error
		says string
	}{
		{"empty", nil, ErrTruncated, "at least the 8"},
		{"header longer than the file", file(`{}`, nil)[:9], ErrTruncated, "header of 2 bytes in a file of 9"},
		{"header of 2^63 bytes", append([]byte{0, 0, 0, 0, 0, 0, 0, 0x80}, '{'), ErrHeader, "is this a safetensors file"},
		{"header of 99 MB", append([]byte{0, 0, 0xe0, 5, 0, 0, 0, 0}, '{'), ErrTruncated, "header of"},
		{"no JSON", file("hello", nil), ErrHeader, "does not start with {"},
		{"space first", file(" {}", nil), ErrHeader, "does not start with {"},
		{"cut JSON", file(`{"a":{"dtype":"F32"`, nil), ErrHeader, "tensor a"},
		{"two objects", file(`{}{}`, nil), ErrHeader, "follows the closing"},
		{"deep", file(`{"a":`+strings.Repeat("[", 100000), nil), ErrHeader, "tensor a"},
		{"same name", file(`{"a":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"a":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}`, d8), ErrHeader, "a comes twice"},
		{"metadata twice", file(`{"__metadata__":{},"__metadata__":{}}`, nil), ErrHeader, "__metadata__ comes twice"},
		{"metadata of numbers", file(`{"__metadata__":{"a":1}}`, nil), ErrHeader, "__metadata__"},
		{"unknown dtype", file(`{"a":{"dtype":"F12","shape":[],"data_offsets":[0,8]}}`, d8), ErrHeader, `dtype "F12"`},
		{"negative dimension", file(`{"a":{"dtype":"U8","shape":[-8],"data_offsets":[0,8]}}`, d8), ErrHeader, "tensor a"},
		{"fractional dimension", file(`{"a":{"dtype":"U8","shape":[0.5],"data_offsets":[0,8]}}`, d8), ErrHeader, "tensor a"},
		{"overflowing shape", file(`{"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, nil), ErrHeader, "impossible shape"},
		{"product 2^64", file(`{"a":{"dtype":"U8","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,0]}}`, nil), ErrHeader, "impossible shape"},
		{"shape and offsets disagree", file(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, d8), ErrHeader, "needs 12 bytes, its offsets are 0..8"},
		{"backward offsets", file(`{"a":{"dtype":"U8","shape":[8],"data_offsets":[8,0]}}`, d8), ErrHeader, "offsets are 8..0"},
		{"three offsets", file(`{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8,9]}}`, d8), ErrHeader, "3 data_offsets"},
		{"no offsets", file(`{"a":{"dtype":"U8","shape":[0]}}`, d8), ErrHeader, "0 data_offsets"},
		{"beyond the file", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, d8[:7]), ErrTruncated, "tensor a F32 [2] ends at data byte 8, the file has 7"},
		{"far offsets", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[18446744073709551614,18446744073709551615]}}`, d8), ErrTruncated, "tensor a"},
		{"overlap", file(`{"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}`, d8), ErrHeader, "tensor b starts at byte 4, expected 5"},
		{"hole", file(`{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}`, d8), ErrHeader, "tensor b starts at byte 4, expected 3"},
		{"more data than described", file(`{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}`, d8), ErrHeader, "8 bytes of data, the header describes 3"},
	} {
		path := filepath.Join(t.TempDir(), "bad.safetensors")
		if err := os.WriteFile(path, test.data, 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := OpenFile(path)
		if err == nil {
			f.Close()
			t.Errorf("%s: was taken", test.name)
			continue
		}
		if !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want one that says %q", test.name, err, test.says)
		}
	}
}

func TestGoodHeaders(t *testing.T) {
	for name, data := range map[string][]byte{
		"nothing":       file(`{}`, nil),
		"padded":        file("{}      \n", nil),
		"scalar":        file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`, make([]byte, 4)),
		"no elements":   file(`{"b":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, make([]byte, 1)),
		"another order": file(`{"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, make([]byte, 2)),
		"metadata":      file(`{"__metadata__":{"format":"pt"}}`, nil),
	} {
		if _, err := parseFile(name, data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTruncated cuts a real file at every length up to its header's end and at
// some beyond: an error each time, and no crash.
func TestTruncated(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join(golden, "odd/hf/model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	header := int(binary.LittleEndian.Uint64(whole)) + 8
	for n := 0; n < len(whole); n++ {
		if n > header && n%997 != 0 && n != len(whole)-1 {
			continue
		}
		if _, err := parseFile("cut", whole[:n]); !errors.Is(err, ErrTruncated) {
			t.Fatalf("cut to %d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func TestWriterRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.safetensors")
	specs := []Spec{
		{"z", F32, []int{2, 3}}, {"nothing", F16, []int{0, 4}}, {"half", F16, []int{3}},
		{"b", BF16, []int{1, 2}}, {"ids", I64, []int{2}}, {"scalar", F32, nil}, {`quote"é`, U8, []int{1}}, {"last", U8, []int{0}},
	}
	w, err := Create(path, specs, map[string]string{"format": "pt", "note": "a"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteF32([]float32{1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there before it is whole: %v", err)
	}
	for _, values := range [][]float32{{5, 6}, {0.5, -65504, 1e-7}, {1.5, -3}} {
		if err := w.WriteF32(values); err != nil {
			t.Fatal(err)
		}
	}
	for _, raw := range [][]byte{{255, 255, 255, 255, 255, 255, 255, 255, 7, 0, 0, 0, 0, 0, 0, 0}, {0, 0, 128, 63}, {9}} {
		if _, err := w.Write(raw); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	compare(t, map[string]string{"format": "pt", "note": "a"}, f.Metadata())
	values := map[string][]float32{"z": {1, 2, 3, 4, 5, 6}, "nothing": {}, "half": {0.5, -65504, 1.1920929e-07}, "b": {1.5, -3}, "scalar": {1}}
	for name, want := range values {
		tensor, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tensor.F32()
		if err != nil {
			t.Fatal(err)
		}
		compare(t, want, got)
	}
	ids, err := f.Tensor("ids", 2)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ids.Int64()
	if err != nil {
		t.Fatal(err)
	}
	compare(t, []int64{-1, 7}, got)
	if _, err := ids.F32(); err == nil || !strings.Contains(err.Error(), "ids is I64") {
		t.Errorf("ids as F32: %v", err)
	}
	z, err := f.Tensor("z", -1, 3)
	if err != nil {
		t.Fatal(err)
	}
	row, err := z.Rows(1, 1)
	if err != nil {
		t.Fatal(err)
	}
	second, err := row.F32()
	if err != nil {
		t.Fatal(err)
	}
	compare(t, []float32{4, 5, 6}, second)
	for _, bad := range [][2]int{{-1, 1}, {2, 1}, {0, 3}, {0, -1}, {math.MaxInt, 2}} {
		if _, err := z.Rows(bad[0], bad[1]); err == nil {
			t.Errorf("rows %v were given", bad)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, specs := range [][]Spec{
		{{"a", "F12", nil}}, {{"a", F32, []int{-1}}}, {{"a", F32, nil}, {"a", F32, nil}}, {{"__metadata__", F32, nil}},
		{{"a", F64, []int{math.MaxInt32, math.MaxInt32, 4}}}, {{"a", U8, []int{math.MaxInt}}, {"b", U8, []int{2}}},
	} {
		if _, err := Create(filepath.Join(dir, "x"), specs, nil); err == nil {
			t.Errorf("%v was taken", specs)
		}
	}
	w, err := Create(filepath.Join(dir, "short"), []Spec{{"a", F32, []int{2}}, {"b", I64, []int{1}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 9)); err == nil || !strings.Contains(err.Error(), "for a, which takes 8 more") {
		t.Errorf("write across the end of a: %v", err)
	}
	if err := w.WriteF32([]float32{1, 2}); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteF32([]float32{1}); err == nil || !strings.Contains(err.Error(), "tensor b") {
		t.Errorf("floats into I64: %v", err)
	}
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "before tensor b was written") {
		t.Errorf("closed early: %v", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("files are left behind: %v", left)
	}
}

// TestF16 walks all halves: widening is exact, and rounding back is the identity;
// between two of them the nearer wins, ties to even.
func TestF16(t *testing.T) {
	slow := func(h uint16) float64 {
		e, m := int(h>>10&31), float64(h&1023)
		v := math.Ldexp(1+m/1024, e-15)
		if e == 0 {
			v = math.Ldexp(m/1024, -14)
		}
		if h&0x8000 != 0 {
			return -v
		}
		return v
	}
	for h := range 1 << 16 {
		f := F16ToF32(uint16(h))
		if h>>10&31 == 31 {
			if h&1023 == 0 != math.IsInf(float64(f), 0) || h&1023 != 0 != math.IsNaN(float64(f)) {
				t.Fatalf("%04x is %v", h, f)
			}
			continue
		}
		if float64(f) != slow(uint16(h)) || math.Signbit(float64(f)) != (h&0x8000 != 0) {
			t.Fatalf("%04x is %v, want %v", h, f, slow(uint16(h)))
		}
		if back := F32ToF16(f); back != uint16(h) {
			t.Fatalf("%04x comes back as %04x", h, back)
		}
		if h&0x7fff < 0x7bff {
			middle := float32((slow(uint16(h)) + slow(uint16(h+1))) / 2)
			even := uint16(h + h&1)
			if got := F32ToF16(middle); got != even {
				t.Fatalf("the middle of %04x and the next is %04x, want %04x", h, got, even)
			}
			out := math.Copysign(math.Inf(1), float64(middle))
			if got := F32ToF16(math.Nextafter32(middle, float32(out))); got != uint16(h+1) {
				t.Fatalf("just beyond the middle after %04x is %04x", h, got)
			}
			if got := F32ToF16(math.Nextafter32(middle, 0)); got != uint16(h) {
				t.Fatalf("just before the middle after %04x is %04x", h, got)
			}
		}
	}
	for f, want := range map[float32]uint16{65519.996: 0x7bff, 65520: 0x7c00, 1e10: 0x7c00, -1e10: 0xfc00, 1e-10: 0} {
		if got := F32ToF16(f); got != want {
			t.Errorf("%v is %04x, want %04x", f, got, want)
		}
	}
}

func TestBF16(t *testing.T) {
	nan := math.Float32frombits(0x7f800001)
	for _, test := range []struct {
		f    float32
		want uint16
	}{
		{1, 0x3f80}, {-2.5, 0xc020}, {1.00390625, 0x3f80}, {1.01171875, 0x3f82}, {1.003907, 0x3f81},
		{math.MaxFloat32, 0x7f80}, {nan, 0x7fc0}, {float32(math.Inf(-1)), 0xff80},
	} {
		if got := F32ToBF16(test.f); got != test.want {
			t.Errorf("%v is %04x, want %04x", test.f, got, test.want)
		}
	}
}

// FuzzFile: no crash, and what is read is within the file.
func FuzzFile(f *testing.F) {
	f.Add(file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, make([]byte, 8)))
	f.Add(file(`{"__metadata__":{"k":"v"},"b":{"dtype":"BF16","shape":[1,0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}  `, make([]byte, 1)))
	f.Add(file(`{"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, nil))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, '{'})
	f.Fuzz(func(t *testing.T, data []byte) {
		read, err := parseFile("fuzz", data)
		if err != nil {
			return
		}
		total := 0
		for _, name := range read.Names() {
			tensor, err := read.Tensor(name)
			if err != nil {
				t.Fatal(err)
			}
			if len(tensor.Data) != tensor.Len()*tensor.DType.Size() {
				t.Errorf("%s %v has %d bytes", name, tensor.Shape, len(tensor.Data))
			}
			total += len(tensor.Data)
			tensor.F32()
			tensor.Rows(0, 1)
		}
		if total > len(data) {
			t.Errorf("%d bytes of tensors in a file of %d", total, len(data))
		}
	})
}

// FuzzRoundTrip: what is written is read.
func FuzzRoundTrip(f *testing.F) {
	f.Add("a", []byte{1, 2, 3}, "key", "value")
	f.Add("\x00\xff<>&\u2028", []byte{}, "", "\xff")
	f.Fuzz(func(t *testing.T, name string, data []byte, key, value string) {
		header, err := encodeHeader([]Spec{{name, U8, []int{len(data)}}}, map[string]string{key: value})
		if err != nil {
			return
		}
		read, err := parseFile("fuzz", append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...))
		if err != nil {
			t.Fatal(err)
		}
		if got := read.tensors[read.order[0]]; !bytes.Equal(got.Data, data) || len(read.order) != 1 {
			t.Errorf("%q: %v", read.order, got)
		}
		if got := fmt.Sprint(len(read.Metadata())); got != "1" {
			t.Errorf("%s entries of metadata", got)
		}
	})
}
