package distill

import (
	"math"
	"testing"
)

// TestFresh: matrices keep the size of what goes through them, whichever way they are stored, and those that write to the
// residual stream are smaller.
func TestFresh(t *testing.T) {
	f := newFresh(1, 3)
	for _, test := range []struct {
		name    string
		out, in int
		want    float64
	}{
		{"mae.blocks.0.attn.qkv.weight", 288, 96, 1 / math.Sqrt(96)},
		{"mae.blocks.0.attn.proj.weight", 96, 96, 1 / math.Sqrt(96*6)},
		{"perceiver_resampler.layers.0.0.to_q.weight", 96, 96, 1 / math.Sqrt(96)},
		{"transformer_backbone.h.0.attn.c_attn.weight", 96, 288, 1 / math.Sqrt(96)}, // stored inputs first
		{"transformer_backbone.h.0.mlp.c_proj.weight", 384, 96, 1 / math.Sqrt(384*6)},
		{"language.layers.0.mlp.down_proj.weight", 128, 256, 1 / math.Sqrt(256*6)},
	} {
		m, err := f.Matrix(test.name, test.out, test.in)
		if err != nil {
			t.Fatal(err)
		}
		sum, row := 0.0, make([]float32, test.in)
		for r := range test.out {
			m.Read(row, r)
			for _, x := range row {
				sum += float64(x) * float64(x)
			}
		}
		if got := math.Sqrt(sum / float64(test.out*test.in)); math.Abs(got-test.want) > 0.06*test.want {
			t.Errorf("%s has a deviation of %.4f, expected %.4f", test.name, got, test.want)
		}
	}
}
