package cpu

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"cobot_vla/model/nn"
)

// load makes some weights of every kind on a backend.
func load(b *Backend, seed float32) []nn.Weight {
	matrix := func(out, in int, bias bool) nn.Matrix {
		data := make([]float32, out*in)
		for i := range data {
			data[i] = seed * float32(i%17-8)
		}
		m := nn.FromSlice(out, in, data, nil)
		if bias {
			m.Bias = data[:out]
		}
		return m
	}
	return []nn.Weight{
		b.Weight(nn.WeightSpec{Name: "plain", Parts: []nn.Matrix{matrix(70, 33, true)}}),
		b.Weight(nn.WeightSpec{Name: "gated", Gated: true, Parts: []nn.Matrix{matrix(40, 33, false), matrix(40, 33, false)}}),
		b.Weight(nn.WeightSpec{Name: "exact", Exact: true, Parts: []nn.Matrix{matrix(5, 9, false)}}),
	}
}

func TestPacked(t *testing.T) {
	for _, precision := range Precisions() {
		path := filepath.Join(t.TempDir(), precision.PackedName())
		from, err := New(Config{Precision: precision, Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer from.Close()
		want := load(from, 0.01)
		if err := from.WritePacked(path, "v1"); err != nil {
			t.Fatal(err)
		}
		to, err := New(Config{Precision: precision, Threads: 2, Packed: path, PackedSource: "v1"})
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		got := load(to, 0) // zeros, if they were read
		for i := range want {
			g, w := got[i].(*weight), want[i].(*weight)
			if !bytes.Equal(g.data, w.data) || !bytes.Equal(unsafeBytes(g.bias), unsafeBytes(w.bias)) || !bytes.Equal(unsafeBytes(g.scale), unsafeBytes(w.scale)) {
				t.Errorf("%s: %v came back differently", precision, w)
			}
		}
		to.Weight(nn.WeightSpec{Name: "new", Parts: []nn.Matrix{nn.FromSlice(1, 1, []float32{1}, nil)}})
		if err := to.Sync(); err != nil {
			t.Errorf("a weight that is not in the file: %v", err)
		}
		to.Weight(nn.WeightSpec{Name: "plain", Parts: []nn.Matrix{nn.FromSlice(1, 1, []float32{1}, nil)}})
		if err := to.Sync(); !errors.Is(err, ErrPacked) {
			t.Errorf("a weight of another shape: %v", err)
		}

		if _, err := New(Config{Precision: precision, Packed: path, PackedSource: "v2"}); !errors.Is(err, ErrPacked) {
			t.Errorf("of another checkpoint: %v", err)
		}
		other := map[Precision]Precision{F32: BF16, BF16: INT8, INT8: F32, W8A16: BF16}[precision]
		if _, err := New(Config{Precision: other, Packed: path}); !errors.Is(err, ErrPacked) {
			t.Errorf("of another precision: %v", err)
		}
		if err := os.Truncate(path, 3*packedAlign); err != nil {
			t.Fatal(err)
		}
		cut, err := New(Config{Precision: precision, Packed: path})
		if err != nil {
			t.Fatal(err)
		}
		defer cut.Close()
		load(cut, 0)
		if err := cut.Sync(); !errors.Is(err, ErrPacked) {
			t.Errorf("cut: %v", err)
		}
	}
}

func FuzzPacked(f *testing.F) {
	b, err := New(Config{Precision: INT8, Threads: 1})
	if err != nil {
		f.Fatal(err)
	}
	defer b.Close()
	b.Weight(nn.WeightSpec{Name: "w", Parts: []nn.Matrix{nn.FromSlice(2, 2, []float32{1, 2, 3, 4}, nil)}})
	good := filepath.Join(f.TempDir(), "good")
	if err := b.WritePacked(good, "s"); err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:300])
	f.Add([]byte("cobotnn1\xff\xff\xff\xff\xff\xff\xff\xff{}"))
	f.Add(bytes.Replace(data, []byte(`"data":4096`), []byte(`"data":-409`), 1))
	f.Add(bytes.Replace(data, []byte(`"data":4096`), []byte(`"data":9e18`), 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := New(Config{Precision: INT8, Threads: 1, Packed: path})
		if err != nil {
			if !errors.Is(err, ErrPacked) {
				t.Fatal(err)
			}
			return
		}
		defer b.Close()
		b.Weight(nn.WeightSpec{Name: "w", Parts: []nn.Matrix{nn.FromSlice(2, 2, []float32{1, 2, 3, 4}, nil)}})
		if err := b.Sync(); err != nil && !errors.Is(err, ErrPacked) {
			t.Fatal(err)
		}
	})
}
