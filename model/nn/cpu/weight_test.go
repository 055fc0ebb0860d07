package cpu

import (
	"math"
	"strings"
	"testing"

	"cobot_vla/model/nn"
)

func TestDamagedWeights(t *testing.T) {
	for _, precision := range Precisions() {
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(-1))} {
			b, err := New(Config{Precision: precision, Threads: 2})
			if err != nil {
				t.Fatal(err)
			}
			data := make([]float32, 40*7)
			data[33*7+2] = bad
			b.Weight(nn.WeightSpec{Name: "layer.weight", Parts: []nn.Matrix{nn.FromSlice(40, 7, data, nil)}})
			if err := b.Sync(); err == nil || !strings.Contains(err.Error(), "weight layer.weight: row 33") {
				t.Errorf("%s, %v: %v", precision, bad, err)
			}
			b.Close()
		}
	}
}

// A weight's rows come back as they were, to the last half step of its scale.
func TestRowsComeBack(t *testing.T) {
	for precision, limit := range map[Precision]float64{F32: 0, BF16: 1.0 / 256, INT8: 0.5 / 127, W8A16: 0.5 / 127} {
		b, err := New(Config{Precision: precision, Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		const out, in = 50, 37
		data := make([]float32, out*in)
		for i := range data {
			data[i] = float32(math.Sin(float64(i))) * float32(1+i/in)
		}
		for _, gated := range []bool{false, true} {
			parts := []nn.Matrix{nn.FromSlice(out, in, data, nil)}
			if gated {
				parts = []nn.Matrix{nn.FromSlice(out/2, in, data, nil), nn.FromSlice(out/2, in, data[out/2*in:], nil)}
			}
			w := b.Weight(nn.WeightSpec{Name: "w", Parts: parts, Gated: gated}).(*weight)
			row := make([]float32, in)
			for r := range out {
				w.row(row, r)
				for i, v := range row {
					if d := math.Abs(float64(v - data[r*in+i])); d > limit*float64(1+r)*1.0001 {
						t.Fatalf("%s gated %v: row %d, column %d is %v, was %v", precision, gated, r, i, v, data[r*in+i])
					}
				}
			}
		}
		b.Close()
	}
}
